//! What was stored is judged anew, by a command beside a running `serve`.

use std::fs;

use serde_json::{Value, json};

use crate::command::{self, beside, list, one};
use crate::service::Stage;
use tests::google::{Google, letter};

/// The changes that a run tells, and its sum.
fn run(stage: &Stage, options: &[&str]) -> (Vec<Value>, Value) {
    let arguments: Vec<&str> = ["reclassify"].iter().chain(options).copied().collect();
    let mut told = list(&stage.data, &arguments);
    let sum = told.pop().unwrap()["summary"].clone();
    (told, sum)
}

/// As if an older Fanmail had judged this message otherwise.
fn was_judged_spam(stage: &Stage, id: &str) {
    let key = stage.files("results").into_iter().find(|key| key.ends_with(&format!("/{id}.json")));
    let path = stage.data.join(key.unwrap());
    let mut result: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    result["category"] = json!("spam");
    fs::write(path, result.to_string()).unwrap();
}

#[tokio::test]
async fn what_changes_is_told_first_and_then_announced_under_a_new_generation() {
    let stage = Stage::set(1, &[]).await;
    let service = stage.serve().await;
    let email = Google::person(1);
    service.connect(&email).await;
    stage.state(&email, "connected").await;
    let mut ids = vec![];
    for number in 1..=3 {
        ids.push(stage.google.deliver(&email, &letter(number)).await);
    }
    stage.done(3).await;
    was_judged_spam(&stage, &ids[1]);

    let (changes, sum) = run(&stage, &["--changed-only", "--dry-run"]);
    assert_eq!((changes.len(), &changes[0]["messageId"]), (1, &json!(ids[1])), "{changes:?}");
    assert_eq!(changes[0]["from"], json!({ "category": "spam", "labels": [] }));
    assert_eq!(
        (&sum["looked"], &sum["changed"], &sum["announced"]),
        (&json!(3), &json!(1), &json!(0))
    );
    assert_eq!(stage.events("message.processed").len(), 3);

    let (_, sum) = run(&stage, &["--changed-only"]);
    assert_eq!(sum["announced"], 1);
    let events = stage.events("message.processed");
    let data = &events.last().unwrap()["data"];
    assert_eq!(
        (events.len(), &data["generation"], &data["lane"]),
        (4, &json!(1), &json!("reclassify"))
    );
    let result = one(&stage.data, &["results", "show", &ids[1]]);
    assert_eq!((&result["generation"], &result["category"]), (&json!(1), &data["category"]));

    assert_eq!(run(&stage, &["--changed-only"]).1["announced"], 0);
    assert_eq!(run(&stage, &["--since", "2099-01-01"]).1["looked"], 0);
    assert_eq!(run(&stage, &["--since", "1d"]).1["announced"], 3);
    assert_eq!(one(&stage.data, &["results", "show", &ids[1]])["generation"], 2);
    let data = stage.data.to_str().unwrap();
    let told = command::run(&["reclassify", "--changed-only", "--data", data]).good().out;
    let sum = "3 results looked at, 0 of them judged or read otherwise; 0 announced again\n";
    assert_eq!(told, sum);
    let refused = beside(&stage.data, &["reclassify", "--since", "yesterday"]);
    refused.bad_use(&["--since", "2026-05-01", "30d"]);
    service.stop().await;
}
