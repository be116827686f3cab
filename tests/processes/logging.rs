//! The log of a running `serve`, as docs/logging.md says it is: one failure, one line, with the ids that lead to its dead
//! letter and back.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock;
use shared::queue::sqlite::SqliteQueue;
use shared::queue::{Outgoing, Queue};
use shared::sqlite::Database;

use crate::command::{list, one};
use crate::service::{PATIENCE, Service, Stage};
use tests::google::{Google, letter};
use tests::patience::wait_for;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/logging.md");

/// The first block of that language on the page about the log.
fn block(language: &str) -> String {
    let page = fs::read_to_string(PAGE).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split("```").next().unwrap().to_owned()
}

/// Whole lines of the log so far.
fn lines(service: &Service) -> Vec<Value> {
    let log = service.process.err();
    let whole = &log[..log.rfind('\n').map_or(0, |end| end + 1)];
    let line = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|_| panic!("a line that is no JSON: {line}"))
    };
    whole.lines().map(line).collect()
}

/// The lines with these words in these fields.
fn with(lines: &[Value], fields: &[(&str, &str)]) -> Vec<Value> {
    let has = |line: &&Value| fields.iter().all(|(name, word)| line[*name] == *word);
    lines.iter().filter(has).cloned().collect()
}

/// A mailbox, of which nothing is listed twice: the first sync alone finds what it holds when it is connected.
async fn stage() -> Stage {
    let mut stage = Stage::set(1, &[]).await;
    stage.setting("BACKFILL", "none");
    stage
}

fn parked(stage: &Stage) -> Vec<Value> {
    list(&stage.data, &["dead-letters", "list", "--state", "parked"])
}

async fn parked_within(stage: &Stage, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} dead letters"), PATIENCE, async || {
        Some(parked(stage)).filter(|letters| letters.len() == count)
    })
    .await
}

/// Connects a person and answers their userId.
async fn connected(stage: &Stage, service: &Service, number: usize) -> String {
    let email = Google::person(number);
    service.connect(&email).await;
    stage.state(&email, "connected").await;
    stage.google.user(&email).await
}

#[tokio::test]
async fn a_job_that_fails_has_a_line_a_try_and_one_that_leads_to_its_dead_letter_and_back() {
    let mut stage = stage().await;
    stage.setting("RETRY_BASE", "20ms");
    let service = stage.serve().await;
    let user = connected(&stage, &service, 1).await;
    stage.google.fail(json!({"method": "messages.get", "kind": "503"})).await;
    let message = stage.google.deliver(&Google::person(1), &letter(1)).await;
    let letters = parked_within(&stage, 1).await;
    let job = letters[0]["jobId"].as_str().unwrap();
    let shown = one(&stage.data, &["dead-letters", "show", job]);
    let payload: Value = serde_json::from_str(shown["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["messages"][0]["id"], message.as_str());
    let log = lines(&service);
    service.stop().await;

    let of_job = with(&log, &[("jobId", job)]);
    let tries = with(&of_job, &[("message", "Failed; will be tried again"), ("level", "WARN")]);
    let counts: Vec<_> = tries.iter().map(|line| line["tries"].as_u64().unwrap()).collect();
    assert_eq!(counts, [1, 2, 3, 4]);
    let died = with(&of_job, &[("level", "ERROR")]);
    assert_eq!(died.len(), 1, "{died:?}");
    let arrived = with(&of_job, &[("message", "A job was parked")]);
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    assert_eq!(died[0]["message"], "Became a dead letter");
    let shown_to_readers: Value = serde_json::from_str(&block("json")).unwrap();
    let names = |line: &Value| line.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&died[0]), names(&shown_to_readers), "as docs/logging.md shows it");
    for line in died.iter().chain(&arrived) {
        assert_eq!(line["reason"], "too_many_tries", "{line}");
        assert_eq!(line["stage"], "message-processor", "{line}");
        assert_eq!(line["mailbox"], user.as_str(), "{line}");
        assert_eq!(line["trace"], payload["trace"], "{line}");
        assert_eq!(line["error"], shown["error"], "{line}");
    }
    // The trace leads back to the listing that the job came from.
    let trace = payload["trace"].as_str().unwrap();
    let listed = with(&log, &[("message", "Listed"), ("trace", trace)]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["stage"], "user-worker");
}

/// A mailbox that is connected when it has so many messages: a single job brings them.
async fn together(stage: &Stage, service: &Service, count: usize) -> Vec<String> {
    let mut messages = Vec::new();
    for number in 1..=count {
        messages.push(stage.google.deliver(&Google::person(1), &letter(number)).await);
    }
    connected(stage, service, 1).await;
    messages
}

#[tokio::test]
async fn a_message_that_is_hopeless_by_itself_is_named_with_the_letter_that_it_became() {
    let stage = stage().await;
    let service = stage.serve().await;
    let refusal = json!({"method": "messages.get", "kind": "badRequest", "count": 1});
    stage.google.fail(refusal).await;
    let messages = together(&stage, &service, 3).await;
    let letters = parked_within(&stage, 1).await;
    stage.done(2).await;
    let log = lines(&service);
    service.stop().await;
    let given_up = with(&log, &[("message", "Given up"), ("level", "ERROR")]);
    assert_eq!(given_up.len(), 1, "{given_up:?}");
    assert_eq!(given_up[0]["jobId"], letters[0]["jobId"]);
    assert_eq!(given_up[0]["reason"], letters[0]["reason"]);
    assert!(messages.iter().any(|id| given_up[0]["messageId"] == id.as_str()), "{given_up:?}");
}

#[tokio::test]
async fn a_store_that_fails_every_message_of_a_job_is_one_failure() {
    let stage = stage().await;
    let service = stage.serve().await;
    // A file where the originals' folder would be.
    let in_the_way = stage.data.join("raw");
    assert!(!in_the_way.exists());
    fs::write(&in_the_way, "no folder").unwrap();
    together(&stage, &service, 3).await;
    let ours = ("message", "A store is in need of its operator");
    wait_for("a line about the store", PATIENCE, async || {
        Some(with(&lines(&service), &[ours])).filter(|found| found.len() >= 2)
    })
    .await;
    fs::remove_file(&in_the_way).unwrap();
    stage.done(3).await;
    let log = lines(&service);
    service.stop().await;
    let (found, postponed) = (with(&log, &[ours]), with(&log, &[("message", "Postponed")]));
    assert!(found.iter().all(|line| line["messages"] == 3), "{found:?}");
    assert!(found.len() <= postponed.len(), "{} lines, {} runs", found.len(), postponed.len());
    assert!(parked(&stage).is_empty(), "no mail is parked for it");
}

/// Somebody else writes to the queue of user jobs.
async fn put_on_queue(stage: &Stage, body: &str) {
    let database = Database::open(&stage.data.join("fanmail.db")).unwrap();
    let queue = SqliteQueue::open(&database, "user-jobs", Clock::System).await.unwrap();
    let (group, delay, attributes) = (None, Duration::ZERO, BTreeMap::new());
    let record = Outgoing { body: body.to_owned(), group, delay, attributes };
    assert!(queue.send(vec![record]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_record_that_is_no_job_is_named_as_its_letter_is() {
    let stage = stage().await;
    let service = stage.serve().await;
    put_on_queue(&stage, "no job").await;
    let letters = parked_within(&stage, 1).await;
    let log = lines(&service);
    service.stop().await;
    let refused = with(&log, &[("message", "A record is not one of our jobs")]);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0]["jobId"], letters[0]["jobId"]);
    assert_eq!(letters[0]["userId"], Value::Null);
}

#[tokio::test]
async fn what_google_holds_against_our_client_is_told_in_googles_word() {
    let stage = stage().await;
    let service = stage.serve().await;
    connected(&stage, &service, 1).await;
    let refused_token = json!({"method": "messages.get", "kind": "authError", "count": 1});
    stage.google.fail(refused_token).await;
    stage.google.fail(json!({"method": "token", "kind": "deleted_client"})).await;
    stage.google.deliver(&Google::person(1), &letter(1)).await;
    let message = ("message", "No mailbox is read by consent until this is mended");
    let told = wait_for("Google's word", PATIENCE, async || {
        with(&lines(&service), &[message, ("level", "ERROR")]).pop()
    })
    .await;
    let open = ("message", "The fleet breaker is open: nobody is marked, and tokens wait");
    let beside = with(&lines(&service), &[open, ("jobId", told["jobId"].as_str().unwrap())]);
    service.stop().await;
    assert!(told["error"].as_str().unwrap().contains("deleted_client"), "{told}");
    assert_eq!(beside.len(), 1, "the alarm's line is of the same job: {beside:?}");
}
