//! The stores of one world: all in memory, or one SQLite file and a folder.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};
use shared::archive::folder::FolderArchive;
use shared::archive::memory::MemoryArchive;
use shared::clock::{Chance, Clock};
use shared::events::memory::MemoryEvents;
use shared::events::sqlite::SqliteEvents;
use shared::events::{Event, EventLog};
use shared::ledger::memory::MemoryLedger;
use shared::ledger::sqlite::SqliteLedger;
use shared::mailer::memory::MemoryMailer;
use shared::queue::memory::MemoryQueue;
use shared::queue::sqlite::SqliteQueue;
use shared::sealing::KeyName;
use shared::sealing::key_file::{KeyFile, KeyFileSealing};
use shared::sealing::memory::MemorySealing;
use shared::sqlite::Database;
use simulation::stores::Stores;
use tempfile::TempDir;

/// The stores, and what only a test wants of them.
pub(crate) struct Backend {
    pub(crate) stores: Stores,
    pub(crate) log: Arc<dyn Log>,
    /// The mail that people were sent.
    pub(crate) mailer: Arc<MemoryMailer>,
    /// Makes a new key, which seals from now on.
    pub(crate) turn: Box<dyn Fn() -> KeyName>,
    /// Every row of every table, as text; none where there are no tables.
    pub(crate) dump: Box<dyn Fn() -> Vec<String>>,
    /// Goes with the world.
    pub(crate) _folder: Option<TempDir>,
}

/// An event as a subscriber sees it.
pub(crate) struct Seen {
    pub(crate) event: Event,
    pub(crate) attributes: Value,
}

/// Reads back what was published, repetitions included.
#[async_trait]
pub(crate) trait Log: EventLog {
    async fn published(&self) -> Vec<Seen>;
}

#[async_trait]
impl Log for MemoryEvents {
    async fn published(&self) -> Vec<Seen> {
        let seen = |event: Event| {
            let had = &event.attributes;
            let attributes = json!({
                "type": event.kind,
                "userId": had.user_id,
                "ref": had.reference,
                "category": had.category,
                "labels": had.labels,
                "hasAttachments": had.has_attachments.map(|has| has.to_string()),
                "lane": had.lane,
            });
            Seen { event, attributes }
        };
        self.published().into_iter().map(seen).collect()
    }
}

#[async_trait]
impl Log for SqliteEvents {
    async fn published(&self) -> Vec<Seen> {
        let logged = self.read_after(0, 100_000).await.unwrap();
        let seen = |logged: shared::events::sqlite::Logged| Seen {
            event: logged.event,
            attributes: Value::Object(logged.attributes),
        };
        logged.into_iter().map(seen).collect()
    }
}

pub(crate) async fn memory(clock: Clock) -> Backend {
    let ledger = Arc::new(MemoryLedger::new());
    let sealing = Arc::new(MemorySealing::new(&Chance::seeded(1)));
    let (events, mailer) = (Arc::new(MemoryEvents::new()), Arc::new(MemoryMailer::new()));
    let dead = || Arc::new(MemoryQueue::new(clock.clone()));
    let (dead_user_jobs, dead_message_jobs) = (dead(), dead());
    let live = |dead: &Arc<MemoryQueue>| {
        Arc::new(MemoryQueue::with_dead_letters(clock.clone(), dead.clone()))
    };
    let stores = Stores {
        mailboxes: ledger.clone(),
        marks: ledger.clone(),
        letters: ledger.clone(),
        control: ledger.clone(),
        index: ledger,
        user_jobs: live(&dead_user_jobs),
        dead_user_jobs,
        message_jobs: live(&dead_message_jobs),
        dead_message_jobs,
        archive: Arc::new(MemoryArchive::new()),
        events: events.clone(),
        mailer: mailer.clone(),
        sealing: sealing.clone(),
    };
    let chance = Chance::seeded(4);
    let turn = Box::new(move || sealing.turn(&chance));
    Backend { stores, log: events, mailer, turn, dump: Box::new(Vec::new), _folder: None }
}

pub(crate) async fn sqlite(clock: Clock) -> Backend {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let key = path.join("key");
    let database = Database::open(&path.join("fanmail.db")).unwrap();
    let ledger = Arc::new(SqliteLedger::new(database.clone()));
    let events = Arc::new(SqliteEvents::new(database.clone()));
    let mailer = Arc::new(MemoryMailer::new());
    let dead =
        async |name| Arc::new(SqliteQueue::open(&database, name, clock.clone()).await.unwrap());
    let live = async |name, dead| {
        let queue = SqliteQueue::with_dead_letters(&database, name, dead, clock.clone());
        Arc::new(queue.await.unwrap())
    };
    let stores = Stores {
        mailboxes: ledger.clone(),
        marks: ledger.clone(),
        letters: ledger.clone(),
        control: ledger.clone(),
        index: ledger,
        dead_user_jobs: dead("user-jobs-dlq").await,
        dead_message_jobs: dead("message-jobs-dlq").await,
        user_jobs: live("user-jobs", "user-jobs-dlq").await,
        message_jobs: live("message-jobs", "message-jobs-dlq").await,
        archive: Arc::new(FolderArchive::open(&path.join("archive")).unwrap()),
        events: events.clone(),
        mailer: mailer.clone(),
        sealing: Arc::new(KeyFileSealing::open(&key, clock.now(), Chance::seeded(1)).unwrap()),
    };
    let chance = Chance::seeded(4);
    let turn = move || KeyFile::hold(&key).unwrap().turn(clock.now(), &chance).unwrap();
    let file = path.join("fanmail.db");
    let dump = Box::new(move || rows(&file));
    let turn = Box::new(turn);
    Backend { stores, log: events, mailer, turn, dump, _folder: Some(folder) }
}

/// Every row of every table but those of mailboxes, which begin with `row:`.
fn rows(file: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(file).unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let mut tables = connection.prepare(tables).unwrap();
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut rows = Vec::new();
    for table in tables {
        let mut select = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let width = select.column_count();
        let mut read = select.query([]).unwrap();
        while let Some(row) = read.next().unwrap() {
            let cells: Vec<String> =
                (0..width).map(|cell| text(row.get_ref(cell).unwrap())).collect();
            let kind = if table == "mailboxes" { "row" } else { &*table };
            rows.push(format!("{kind}: {}", cells.join(" ")));
        }
    }
    rows
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            format!("\"{}\"", String::from_utf8_lossy(text))
        }
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
    }
}
