//! Dead letters of a running `serve`: made by a Google that fails, seen, explained, sent round again, given up.

use serde_json::{Value, json};

use crate::command::{beside, list, one, run};
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

/// What a person at the desk reads.
fn spoken(stage: &Stage, words: &[&str]) -> String {
    let data = stage.data.to_str().unwrap();
    run(&[&["dead-letters"], words, &["--data", data]].concat()).good().out
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
    assert_eq!((&sent["number"], &sent["counts"]["letters"]), (&json!(1), &json!(1)));
    stage.done(1).await;
    let sent = one(&stage.data, &["dead-letters", "replay", "--reason", "client_fault"]);
    assert_eq!((&sent["number"], &sent["counts"]["letters"]), (&json!(2), &json!(2)));
    stage.done(3).await;
    let sent = one(&stage.data, &["dead-letters", "replay", "--all", "--by", "ada"]);
    assert_eq!(
        (&sent["counts"]["letters"], &sent["ended"]["how"]),
        (&json!(1), &json!("finished"))
    );
    stage.done(4).await;
    let log = list(&stage.data, &["dead-letters", "log"]);
    assert_eq!((log.len(), &log[0]["by"]), (3, &json!("ada")));
    assert_eq!(log[0]["scope"]["filter"]["reason"], Value::Null);
    let resolved = || list(&stage.data, &["dead-letters", "list", "--state", "resolved"]).len();
    wait_for("four resolved letters", PATIENCE, async || (resolved() == 4).then_some(())).await;
    assert!(parked(&stage).is_empty());
    let announced = stage.events("message.processed");
    assert!(announced.len() >= 4, "{announced:?}");
    assert!(announced.iter().all(|event| event["data"]["replay"] == true), "{announced:?}");
    let none = beside(&stage.data, &["dead-letters", "replay", "--all"]);
    assert_eq!(none.code, Some(1));
    none.says(&["no dead letter is meant", "No dead letter is open"]);
    service.stop().await;
}

#[tokio::test]
async fn at_three_in_the_morning_the_causes_are_found_and_one_of_them_is_sent_round() {
    let (stage, service) = stage_with_letters().await;
    let groups = list(&stage.data, &["dead-letters", "groups"]);
    let counts: Vec<_> = groups.iter().map(|it| (&it["letters"], &it["reason"])).collect();
    let (three, one_letter) = (json!(3), json!(1));
    let (refused, tired) = (json!("client_fault"), json!("too_many_tries"));
    assert_eq!(counts, [(&three, &refused), (&one_letter, &tired)]);
    let said = spoken(&stage, &["explain", "client_fault"]);
    assert!(said.contains("ours to mend") && said.contains("--reason client_fault"), "{said}");
    let sample = groups[0]["sample"].as_str().unwrap();
    let said = spoken(&stage, &["explain", sample]);
    assert!(said.contains("Last error") && said.contains(", connected"), "{said}");
    let what = ["dead-letters", "replay", "--reason", "client_fault", "--since", "1h"];
    let plan = one(&stage.data, &[&what[..], &["--dry-run"]].concat());
    let planned = (&plan["letters"], &plan["messages"], &plan["mailboxes"], &plan["units"]);
    assert_eq!(planned, (&three, &three, &three, &json!(60)));
    assert_eq!(parked(&stage).len(), 4, "a plan changes nothing");
    stage.google.heal().await;
    one(&stage.data, &what);
    stage.done(3).await;
    let left = parked(&stage);
    assert_eq!((left.len(), &left[0]["reason"]), (1, &tired));
    assert!(left[0]["retryAt"].is_string(), "this one goes round by itself: {}", left[0]);
    let history = left[0]["history"].as_array().unwrap();
    assert_eq!((history.len(), &history[0]["tries"]), (1, &json!(5)));
    let said = spoken(&stage, &["log", "1"]);
    assert!(said.contains("3 of 3 letters") && said.contains("3 resolved"), "{said}");
    service.stop().await;
}

#[tokio::test]
async fn who_means_no_letter_is_told_which_there_are() {
    let (stage, service) = stage_with_letters().await;
    let none = beside(&stage.data, &["dead-letters", "replay", "--reason", "quota"]);
    assert_eq!(none.code, Some(1));
    none.says(&["nothing was done", "3 parked of client_fault", "1 parked of too_many_tries"]);
    let nothing = beside(&stage.data, &["dead-letters", "replay"]);
    assert_eq!(nothing.code, Some(2));
    nothing.says(&["--reason", "--all"]);
    let idle = beside(&stage.data, &["dead-letters", "cancel"]);
    assert_eq!(idle.code, Some(2));
    idle.says(&["no order is at work"]);
    for (args, said) in [
        (&["dead-letters", "explain", "tired!"][..], "too_many_tries"),
        (&["dead-letters", "list", "--after", "x"], "USER/JOB"),
        (&["dead-letters", "replay", "--all", "--rate", "0/s"], "100/s"),
        (&["dead-letters", "list", "--since", "lately"], "2026-05-01"),
    ] {
        let bad = beside(&stage.data, args);
        assert_eq!(bad.code, Some(2), "{args:?}");
        bad.says(&[said]);
    }
    let mut seen = Vec::new();
    let mut after: Vec<String> = Vec::new();
    loop {
        let mut args = vec!["dead-letters", "list", "--limit", "3"];
        args.extend(after.iter().map(String::as_str));
        let page = list(&stage.data, &args);
        let Some(last) = page.last() else { break };
        let (user, job) = (last["userId"].as_str().unwrap(), job(last));
        after = vec!["--after".to_owned(), format!("{user}/{job}")];
        seen.extend(page);
    }
    assert_eq!(seen.len(), 4);
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
        let order = one(&stage.data, &["dead-letters", "discard", "--reason", reason]);
        assert_eq!(order["counts"]["letters"], same);
    }
    let rest = parked(&stage).len();
    assert_eq!(rest, 3 - same);
    if rest > 0 {
        let order = one(&stage.data, &["dead-letters", "discard", "--all"]);
        assert_eq!(order["counts"]["letters"], rest);
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
