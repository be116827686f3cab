//! Workers that are behind: what is due again before it was done is not queued again.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use shared::clock::Clock;

use crate::service::Stage;
use tests::google::{Google, letter};

const MAILBOXES: usize = 60;

/// Far more than the workers can wait for: ten at a time, and all sixty are due every second.
const SLOW_MS: u64 = 1_000;

/// What may be ready when a round begins; then what it makes, what the last one made that is not ready yet, for turns are
/// spread over the interval, and what the workers have in hand.
const MOST: usize = 100 + 3 * MAILBOXES;

/// Long enough for far more jobs, were there one for each mailbox and round.
const SECONDS: u64 = 10;

#[tokio::test]
async fn mailboxes_that_cannot_be_asked_as_often_as_they_are_due_do_not_queue_up() {
    let stage = Stage::set(MAILBOXES, &[]).await;
    let service = stage.serve().await;
    for number in 1..=MAILBOXES {
        service.connect(&Google::person(number)).await;
    }
    stage.announced("mailbox.connected", MAILBOXES).await;
    let slow = json!({"method": "history.list", "kind": "latency", "latencyMs": SLOW_MS});
    stage.google.fail(slow).await;
    let mut most = 0;
    for _ in 0..SECONDS {
        Clock::System.sleep(Duration::from_secs(1)).await;
        most = most.max(jobs(&stage));
    }
    println!("at most {most} jobs were queued for {MAILBOXES} mailboxes");
    assert!(most > MAILBOXES, "the workers were not behind: {most}");
    assert!(most <= MOST, "{most} jobs were queued for {MAILBOXES} mailboxes");
    stage.google.heal().await;
    stage.google.deliver(&Google::person(1), &letter(1)).await;
    stage.done(1).await;
    service.stop().await;
}

/// Jobs for the user-worker, whatever they wait for.
fn jobs(stage: &Stage) -> usize {
    let file = stage.data.join("fanmail.db");
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = "SELECT count(*) FROM queue_records JOIN queues ON queues.id = queue_id WHERE name = 'user-jobs'";
    database.query_row(count, [], |row| row.get(0)).unwrap()
}
