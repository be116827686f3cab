//! Things are taken away by hand under a running `serve`: `audit` names them, and brings back what is missing.

use std::fs;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use shared::clock::Clock;

use crate::command::{Ran, beside, run};
use crate::service::{PATIENCE, Service, Stage};
use tests::google::{Google, letter};
use tests::patience::wait_for;

/// Longer than a job takes here, and than the test needs to look twice.
const STALE: &str = "2s";

/// A mailbox with four messages that are done, and the last listing some time after the third.
async fn stage_with_mail() -> (Stage, Service, String, Vec<String>) {
    let stage = Stage::set(1, &[]).await;
    let service = stage.serve().await;
    let ann = Google::person(1);
    service.connect(&ann).await;
    stage.announced("mailbox.connected", 1).await;
    // The window of a comparison is in whole seconds.
    Clock::System.sleep(Duration::from_millis(1100)).await;
    let mut ids = Vec::new();
    for number in 1..=4 {
        ids.push(stage.google.deliver(&ann, &letter(number)).await);
        stage.done(u64::try_from(number).unwrap()).await;
        Clock::System.sleep(Duration::from_millis(1100)).await;
    }
    let user = stage.google.user(&ann).await;
    (stage, service, user, ids)
}

fn database(stage: &Stage) -> Connection {
    let database = Connection::open(stage.data.join("fanmail.db")).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    database
}

/// What an audit with these words finds, and how it ends.
fn audit(stage: &Stage, words: &[&str]) -> (Vec<(String, String)>, Ran) {
    let ran = beside(&stage.data, &[&["audit"], words].concat());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found = ran.objects().into_iter().map(|mut object| object["finding"].take());
    let found = found.filter(|finding| !finding.is_null());
    let mut found: Vec<_> =
        found.map(|finding| (text(&finding["flaw"]), text(&finding["messageId"]))).collect();
    found.sort();
    (found, ran)
}

fn summary(ran: &Ran) -> Value {
    ran.objects().pop().unwrap()["summary"].take()
}

#[tokio::test]
async fn a_mark_a_result_and_a_job_that_are_taken_away_by_hand_are_named_and_brought_back() {
    let (stage, service, user, ids) = stage_with_mail().await;
    let (found, clean) = audit(&stage, &["--deep", &user]);
    assert_eq!((found, clean.code), (vec![], Some(0)), "{}\n{}", clean.out, clean.err);
    assert_eq!(summary(&clean)["compared"]["announced"], 4);
    let said = run(&["audit", "--data", stage.data.to_str().unwrap()]).good().out;
    assert!(said.contains("nothing is left listed. Nothing is missing"), "{said}");

    let taken = database(&stage);
    let mark = "DELETE FROM marks WHERE user_id = ?1 AND message_id = ?2";
    assert_eq!(taken.execute(mark, [&user, &ids[0]]).unwrap(), 1);
    let results = stage.files("results");
    let result = results.iter().find(|key| key.ends_with(&format!("/{}.json", ids[1]))).unwrap();
    fs::remove_file(stage.data.join(result)).unwrap();
    let events = "DELETE FROM events WHERE json_extract(event, '$.subject') = ?1";
    assert_eq!(taken.execute(events, [&ids[2]]).unwrap(), 1);
    // A job is lost while Gmail cannot be asked for messages.
    stage.google.fail(json!({"method": "messages.get", "kind": "503"})).await;
    let fifth = stage.google.deliver(&Google::person(1), &letter(5)).await;
    wait_for("the job to be lost", PATIENCE, async || {
        let job = "DELETE FROM queue_records WHERE body LIKE '%' || ?1 || '%'";
        (taken.execute(job, [&fifth]).unwrap() == 1).then_some(())
    })
    .await;
    // Whoever has it in hand fails first.
    Clock::System.sleep(Duration::from_secs(3)).await;
    stage.google.heal().await;

    let (found, ran) = audit(&stage, &["--stale-after", STALE]);
    assert_eq!((found, ran.code), (vec![("stale".into(), fifth.clone())], Some(1)), "{}", ran.out);
    let (found, ran) = audit(&stage, &["--deep", &user, "--stale-after", STALE]);
    let mut expected: Vec<(String, String)> = vec![
        ("stale".into(), fifth.clone()),
        ("unannounced".into(), ids[2].clone()),
        ("unmarked".into(), ids[0].clone()),
        ("without_result".into(), ids[1].clone()),
    ];
    expected.sort();
    assert_eq!((found, ran.code), (expected, Some(1)), "{}\n{}", ran.out, ran.err);

    let fetched = stage.google.calls("messages.get").await;
    let (_, ran) = audit(&stage, &["--deep", &user, "--stale-after", STALE, "--fix"]);
    assert_eq!(summary(&ran)["sent"]["messages"], 3, "{}\n{}", ran.out, ran.err);
    assert_eq!((summary(&ran)["announced"].as_u64(), ran.code), (Some(1), Some(0)), "{}", ran.out);
    stage.done(5).await;
    assert_eq!(stage.google.calls("messages.get").await - fetched, 3);
    assert!(stage.data.join(result).exists());
    let (found, ran) = audit(&stage, &["--deep", &user]);
    assert_eq!((found, ran.code), (vec![], Some(0)), "{}", ran.out);
    service.stop().await;
}

#[tokio::test]
async fn what_nobody_can_tell_is_said_and_is_no_clean_audit() {
    let stage = Stage::set(1, &[]).await;
    let service = stage.serve().await;
    let ann = Google::person(1);
    service.connect(&ann).await;
    stage.announced("mailbox.connected", 1).await;
    let user = stage.google.user(&ann).await;
    beside(&stage.data, &["accounts", "pause", &user]).good();
    let data = stage.data.to_str().unwrap();
    let told = run(&["audit", "--deep", &user, "--data", data]);
    assert_eq!(told.code, Some(1));
    assert!(told.out.contains("Gmail could not be asked (the mailbox is paused"), "{}", told.out);
    assert!(told.out.contains(&format!("fanmail accounts show {user}")), "{}", told.out);

    let nobody = beside(&stage.data, &["audit", "--user", "nobody"]);
    assert_eq!(nobody.code, Some(1));
    nobody.says(&["no mailbox with the userId nobody", "accounts list"]);
    beside(&stage.data, &["audit", "--since", "2099-01-01"]).bad_use(&["yet to come"]);
    run(&["audit", "--stale-after", "soon", "--data", data]).bad_use(&["a duration has its unit"]);
    run(&["audit", "--deep", &user, "--user", &user, "--data", data]).bad_use(&["cannot be used"]);
    service.stop().await;
}
