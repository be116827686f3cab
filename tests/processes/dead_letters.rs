//! Dead letters of a running `serve`: made by a Google that fails, seen, explained, sent round again, given up.

use serde_json::{Value, json};

use crate::command::{beside, list, one};
use crate::service::{PATIENCE, Service, Stage};
use tests::google::{Google, letter};
use tests::patience::wait_for;

/// A pipeline with three mailboxes of which each has a message that Google refuses for good, and a fourth mailbox whose
/// message fails five times.
async fn stage_with_letters() -> (Stage, Service) {
    let mut stage = Stage::set(4, &[]).await;
    stage.setting("RETRY_BASE", "20ms");
    let service = stage.serve().await;
    for number in 1..=4 {
        let email = Google::person(number);
        service.connect(&email).await;
        stage.state(&email, "connected").await;
        let kind = if number == 4 { "503" } else { "failedPrecondition" };
        let kind = if kind == "failedPrecondition" { "badRequest" } else { kind };
        stage.google.fail(json!({"email": email, "method": "messages.get", "kind": kind})).await;
        stage.google.deliver(&email, &letter(number)).await;
    }
    wait_for("four dead letters", PATIENCE, async || (parked(&stage).len() == 4).then_some(()))
        .await;
    (stage, service)
}

fn parked(stage: &Stage) -> Vec<Value> {
    list(&stage.data, &["dead-letters", "list", "--state", "parked"])
}

fn job(letter: &Value) -> &str {
    letter["jobId"].as_str().unwrap()
}

#[tokio::test]
async fn dead_letters_say_why_and_go_round_again_by_id_by_reason_and_all() {
    let (stage, service) = stage_with_letters().await;
    let tired = list(&stage.data, &["dead-letters", "list", "--reason", "too_many_tries"]);
    assert_eq!(tired.len(), 1);
    assert_eq!(tired[0]["tries"], 5);
    let refused = list(&stage.data, &["dead-letters", "list", "--reason", "client_fault"]);
    assert_eq!(refused.len(), 3);
    let shown = one(&stage.data, &["dead-letters", "show", job(&refused[0])]);
    assert_eq!(shown["stage"], "message-processor");
    assert!(shown["error"].as_str().unwrap().len() > 10, "{shown}");
    stage.google.heal().await;
    let sent = one(&stage.data, &["dead-letters", "replay", job(&refused[0])]);
    assert_eq!(sent["jobId"], refused[0]["jobId"]);
    stage.done(1).await;
    assert_eq!(list(&stage.data, &["dead-letters", "replay", "--reason", "client_fault"]).len(), 2);
    stage.done(3).await;
    assert_eq!(list(&stage.data, &["dead-letters", "replay", "--all"]).len(), 1);
    stage.done(4).await;
    let resolved = || list(&stage.data, &["dead-letters", "list", "--state", "resolved"]).len();
    wait_for("four resolved letters", PATIENCE, async || (resolved() == 4).then_some(())).await;
    assert!(parked(&stage).is_empty());
    let announced = stage.events("message.processed");
    assert!(announced.len() >= 4, "{announced:?}");
    assert!(announced.iter().all(|event| event["data"]["replay"] == true), "{announced:?}");
    let none = beside(&stage.data, &["dead-letters", "replay", "--all"]);
    assert_eq!(none.code, Some(1));
    none.says(&["none of the 0 parked dead letters", "dead-letters list"]);
    service.stop().await;
}

#[tokio::test]
async fn discarded_dead_letters_are_skipped_for_good() {
    let (stage, service) = stage_with_letters().await;
    let all = parked(&stage);
    stage.google.heal().await;
    one(&stage.data, &["dead-letters", "discard", job(&all[0])]);
    assert_eq!(parked(&stage).len(), 3);
    let reason = all[0]["reason"].as_str().unwrap();
    let same = all.iter().filter(|letter| letter["reason"] == reason).count() - 1;
    if same > 0 {
        assert_eq!(list(&stage.data, &["dead-letters", "discard", "--reason", reason]).len(), same);
    }
    let rest = parked(&stage).len();
    assert_eq!(rest, 3 - same);
    if rest > 0 {
        assert_eq!(list(&stage.data, &["dead-letters", "discard", "--all"]).len(), rest);
    }
    assert!(parked(&stage).is_empty());
    assert_eq!(list(&stage.data, &["dead-letters", "list", "--state", "discarded"]).len(), 4);
    for number in 1..=4 {
        let email = Google::person(number);
        assert_eq!(stage.account(&email).unwrap()["messages"]["skipped"], 1, "{email}");
        let again = stage.google.deliver(&email, &letter(10 + number)).await;
        assert!(!again.is_empty());
    }
    stage.done(4).await;
    assert_eq!(stage.files("results").len(), 4, "what was given up has no result");
    service.stop().await;
}
