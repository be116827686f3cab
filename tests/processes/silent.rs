//! Who has fallen silent is found by a command, and counted in the log, where an alarm hears of it.

use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};
use tests::google::{Google, letter};
use tests::patience::wait_for;

use crate::command::{Ran, beside, fanmail, list, one};
use crate::service::{PATIENCE, Stage};

/// Moves a time of a mailbox's row so many hours into the past.
fn age(stage: &Stage, user: &str, column: &str, hours: u32) {
    let database = Connection::open(stage.data.join("fanmail.db")).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let update = format!(
        "UPDATE mailboxes SET {column} = strftime('%Y-%m-%dT%H:%M:%fZ', {column}, '-{hours} hours') WHERE user_id = ?1"
    );
    assert_eq!(database.execute(&update, [user]).unwrap(), 1);
}

fn silent(stage: &Stage, words: &[&str]) -> Vec<Value> {
    list(&stage.data, &[&["accounts", "silent"], words].concat())
}

#[tokio::test]
async fn who_has_fallen_silent_is_named_with_the_reason_and_counted_in_the_log() {
    let stage = Stage::set(2, &[]).await;
    let service = stage.serve().await;
    let [ann, bob] = [1, 2].map(Google::person);
    for email in [&ann, &bob] {
        service.connect(email).await;
        stage.state(email, "connected").await;
    }
    stage.google.deliver(&ann, &letter(1)).await;
    stage.done(1).await;
    assert!(silent(&stage, &[]).is_empty());
    service.stop().await;
    let users = stage.google.users().await;
    let [anns, bobs] = [&ann, &bob].map(|email| users[email].clone());

    // Polls work, and find nothing any more.
    age(&stage, &anns, "last_mail_at", 30);
    assert!(silent(&stage, &[]).is_empty());
    let found = one(&stage.data, &["accounts", "silent", "--for", "1d"]);
    assert_eq!((&found["userId"], &found["why"]), (&json!(anns), &json!("nothing_new")));

    // Nobody has asked for hours; with an interval that is longer than that, all is well.
    age(&stage, &bobs, "last_fetched_at", 5);
    let found = one(&stage.data, &["accounts", "silent"]);
    assert_eq!((&found["userId"], &found["why"]), (&json!(bobs), &json!("not_asked")));
    assert!(found["inWords"].as_str().unwrap().contains("does not run, or is behind"), "{found}");
    let told = |interval: &str| {
        let mut command: Command = fanmail();
        command.args(["accounts", "silent", "--data"]).arg(&stage.data);
        Ran::of(&command.env("POLL_INTERVAL_MAX", interval).output().unwrap())
    };
    assert_eq!(told("8h").good().out, "No mailbox is silent.\n");
    let table = told("40m").good().out;
    assert!(table.contains(&bob) && table.contains("not asked since"), "{table}");
    told("soon").bad_use(&["POLL_INTERVAL_MAX: 'soon'"]);
    beside(&stage.data, &["accounts", "silent", "--for", "long"]).bad_use(&["30s, 5m or 2h"]);

    // The first round that comes by notes it, and its listing ends it.
    let service = stage.serve().await;
    let counted = wait_for("a round in the log", PATIENCE, async || {
        let rounds = rounds(&service.process.err());
        rounds.contains(&0).then_some(rounds)
    })
    .await;
    assert!(counted.contains(&1), "{counted:?}");
    assert!(silent(&stage, &[]).is_empty());
    service.stop().await;
}

/// How many silent mailboxes each finished round has counted, as the log has it.
fn rounds(log: &str) -> Vec<u64> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let rounds = lines.filter(|line| line["message"] == "A dispatcher round was finished");
    rounds.map(|line| line["silent"].as_u64().unwrap()).collect()
}
