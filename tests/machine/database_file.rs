//! The database's file.

use std::fs;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use shared::clock::{Chance, Clock};
use shared::ids::Epoch;
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{Control, Segment};
use shared::mailbox::AccessBy;
use shared::mark::{Listing, MarkState};
use shared::queue::Queue;
use shared::queue::sqlite::SqliteQueue;
use shared::sqlite::Database;
use shared::store::{StoreError, Write};

use crate::promises::world::{bodies, job, memory, sqlite_at, start, stores};

#[test]
fn programs_that_start_at_once_make_one_database() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fanmail.db");
        let gate = Barrier::new(6);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    gate.wait();
                    Database::open(&file).map(drop).unwrap();
                });
            }
        });
    }
}

#[test]
fn a_file_that_is_no_database_is_broken_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fanmail.db");
    let text = "not a database, but long enough to be taken for one. ".repeat(50);
    fs::write(&file, &text).unwrap();
    assert!(matches!(Database::open(&file), Err(StoreError::Broken { .. })));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let missing = folder.path().join("no/such/folder/fanmail.db");
    assert!(matches!(Database::open(&missing), Err(StoreError::Broken { .. })));
}

#[tokio::test]
async fn what_was_written_is_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fanmail.db");
    let clock = Clock::manual(start());
    {
        let database = Database::open(&file).unwrap();
        let ledger = SqliteLedger::new(database.clone());
        let control: &dyn Control = &ledger;
        let written = control.write("round", None, "1".into(), None, start()).await.unwrap();
        assert_eq!(written, Write::Applied);
        let queue = SqliteQueue::open(&database, "jobs", clock.clone()).await.unwrap();
        assert!(queue.send(vec![job("a", "ada")]).await.unwrap().is_empty());
    }
    let database = Database::open(&file).unwrap();
    let ledger = SqliteLedger::new(database.clone());
    let control: &dyn Control = &ledger;
    assert_eq!(control.read("round", start()).await.unwrap().unwrap().value, "1");
    let queue = SqliteQueue::open(&database, "jobs", clock).await.unwrap();
    assert_eq!(bodies(&queue.receive(1, Duration::ZERO).await.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_file_of_an_older_schema_is_brought_up_to_date_with_what_is_in_it() {
    let fourth = "ALTER TABLE mailboxes DROP COLUMN last_gap; ALTER TABLE dead_letters DROP COLUMN retries;
        ALTER TABLE dead_letters DROP COLUMN retry_at; ALTER TABLE dead_letters DROP COLUMN history;
        DROP INDEX roster;
        CREATE INDEX roster ON mailboxes (slot, user_id, epoch, connected_at, last_mail_at, readable, owes);
        PRAGMA user_version = 4;";
    let third = &format!(
        "{fourth} DROP TABLE results_index; ALTER TABLE marks DROP COLUMN forwards;
         ALTER TABLE marks DROP COLUMN pack; PRAGMA user_version = 3;"
    );
    let second =
        format!("{third} ALTER TABLE mailboxes DROP COLUMN access; PRAGMA user_version = 2;");
    let first =
        format!("{second} ALTER TABLE mailboxes DROP COLUMN purged; PRAGMA user_version = 1;");
    for older in [fourth, third, &second, &first] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fanmail.db");
        let (clock, consent) = (Clock::manual(start()), memory().consent("ada", None));
        let before = stores(folder.path(), &clock, Chance::seeded(1)).await;
        assert_eq!(before.mailboxes.connect(consent).await.unwrap(), Write::Applied);
        let (user, id) = ("ada".parse().unwrap(), "m1".parse().unwrap());
        let (job_id, state) = ("j1".parse().unwrap(), MarkState::Listed);
        let listing = [Listing { message_id: id, job_id, state }];
        before.marks.list(&user, Epoch(1), &listing, start()).await.unwrap();
        drop(before);
        rusqlite::Connection::open(&file).unwrap().execute_batch(older).unwrap();
        let world = sqlite_at(folder).await;
        let mailbox = world.mailbox("ada").await;
        assert_eq!((mailbox.email.as_str(), mailbox.purged), ("ada@example.com", None));
        assert_eq!((mailbox.access, mailbox.last_gap), (AccessBy::Consent, None));
        let marks = world.here.marks.get(&user, &["m1".parse().unwrap()]).await.unwrap();
        assert_eq!(marks[0].as_ref().map(|mark| mark.pack.clone()), Some(None));
        assert_eq!(world.here.index.entries(&user, None, 9).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_row_that_does_not_read_back_is_broken_and_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fanmail.db");
    let world = sqlite_at(folder).await;
    let connection = rusqlite::Connection::open(&file).unwrap();
    for (column, damage) in [("owed", "{"), ("history_id", "-1"), ("connected_at", "yesterday")] {
        connection.execute("DELETE FROM mailboxes", []).unwrap();
        world.connected("ada").await;
        connection.execute(&format!("UPDATE mailboxes SET {column} = ?1"), [damage]).unwrap();
        let read = world.here.mailboxes.get(&"ada".parse().unwrap()).await;
        assert!(matches!(read, Err(StoreError::Broken { .. })), "{column}");
    }
    let scan = world.here.mailboxes.scan(Segment { index: 0, total: 1 }, None, 10).await;
    assert!(matches!(scan, Err(StoreError::Broken { .. })));
}
