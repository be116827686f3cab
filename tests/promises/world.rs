//! A world of empty stores, and the few values that every story begins with.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::archive::Archive;
use shared::archive::folder::FolderArchive;
use shared::archive::memory::MemoryArchive;
use shared::clock::{Chance, Clock, Timestamp};
use shared::events::Events;
use shared::events::memory::MemoryEvents;
use shared::events::sqlite::SqliteEvents;
use shared::ids::{Epoch, Grant, UserId};
use shared::index::Index;
use shared::ledger::memory::MemoryLedger;
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{Consent, Control, DeadLetters, Mailboxes, Marks};
use shared::mailbox::{AccessBy, Mailbox, Owed};
use shared::queue::memory::MemoryQueue;
use shared::queue::sqlite::SqliteQueue;
use shared::queue::{Outgoing, Queue, Record};
use shared::sealing::key_file::KeyFileSealing;
use shared::sealing::memory::MemorySealing;
use shared::sealing::{Sealed, Sealing};
use shared::sqlite::Database;
use shared::store::Write;
use tempfile::TempDir;

use super::aws::Subscriber;

/// The shortest time there is.
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

/// The stores, as this process has them and as another one does.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) here: Stores,
    pub(crate) there: Stores,
    /// Of the same kind, under another key.
    pub(crate) stranger: Arc<dyn Sealing>,
    pub(super) log: Log,
    pub(super) _folder: Option<TempDir>,
}

#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) mailboxes: Arc<dyn Mailboxes>,
    pub(crate) marks: Arc<dyn Marks>,
    pub(crate) letters: Arc<dyn DeadLetters>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) index: Arc<dyn Index>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) dead_queue: Arc<dyn Queue>,
    pub(crate) archive: Arc<dyn Archive>,
    pub(crate) events: Arc<dyn Events>,
    pub(crate) sealing: Arc<dyn Sealing>,
}

pub(super) enum Log {
    Memory(Arc<MemoryEvents>),
    Sqlite(SqliteEvents),
    Topic(Subscriber),
}

pub(crate) fn memory() -> World {
    let clock = Clock::manual(start());
    let ledger = Arc::new(MemoryLedger::new());
    let dead_queue = Arc::new(MemoryQueue::new(clock.clone()));
    let events = Arc::new(MemoryEvents::new());
    let here = Stores {
        mailboxes: ledger.clone(),
        marks: ledger.clone(),
        letters: ledger.clone(),
        control: ledger.clone(),
        index: ledger,
        queue: Arc::new(MemoryQueue::with_dead_letters(clock.clone(), dead_queue.clone())),
        dead_queue,
        archive: Arc::new(MemoryArchive::new()),
        events: events.clone(),
        sealing: Arc::new(MemorySealing::new(&Chance::seeded(1))),
    };
    World {
        clock,
        there: here.clone(),
        here,
        stranger: Arc::new(MemorySealing::new(&Chance::seeded(2))),
        log: Log::Memory(events),
        _folder: None,
    }
}

pub(crate) async fn sqlite() -> World {
    sqlite_at(tempfile::tempdir().unwrap()).await
}

pub(crate) async fn sqlite_at(folder: TempDir) -> World {
    let clock = Clock::manual(start());
    let path = folder.path();
    let stranger =
        KeyFileSealing::open(&path.join("stranger"), start(), Chance::seeded(3)).unwrap();
    World {
        here: stores(path, &clock, Chance::seeded(1)).await,
        there: stores(path, &clock, Chance::seeded(2)).await,
        stranger: Arc::new(stranger),
        log: Log::Sqlite(SqliteEvents::new(Database::open(&path.join("fanmail.db")).unwrap())),
        clock,
        _folder: Some(folder),
    }
}

pub(crate) async fn stores(path: &Path, clock: &Clock, chance: Chance) -> Stores {
    let database = Database::open(&path.join("fanmail.db")).unwrap();
    let ledger = Arc::new(SqliteLedger::new(database.clone()));
    let queue = SqliteQueue::with_dead_letters(&database, "jobs", "jobs-dlq", clock.clone());
    let dead_queue = SqliteQueue::open(&database, "jobs-dlq", clock.clone());
    Stores {
        mailboxes: ledger.clone(),
        marks: ledger.clone(),
        letters: ledger.clone(),
        control: ledger.clone(),
        index: ledger,
        queue: Arc::new(queue.await.unwrap()),
        dead_queue: Arc::new(dead_queue.await.unwrap()),
        archive: Arc::new(FolderArchive::open(&path.join("archive")).unwrap()),
        events: Arc::new(SqliteEvents::new(database)),
        sealing: Arc::new(KeyFileSealing::open(&path.join("key"), clock.now(), chance).unwrap()),
    }
}

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// All but the last moment of `time`.
    pub(crate) fn almost(&self, time: Duration) {
        self.pass(time.saturating_sub(MOMENT));
    }

    /// The ids of the events published so far, repetitions included.
    pub(crate) async fn published(&self) -> Vec<String> {
        match &self.log {
            Log::Memory(events) => events.published().into_iter().map(|event| event.id).collect(),
            Log::Sqlite(log) => {
                let logged = log.read_after(0, 1000).await.unwrap();
                logged.into_iter().map(|logged| logged.event.id).collect()
            }
            Log::Topic(subscriber) => subscriber.published().await,
        }
    }

    /// Whether what was published is kept by us; a topic's subscribers have their own.
    pub(crate) fn keeps_events(&self) -> bool {
        match &self.log {
            Log::Memory(_) | Log::Sqlite(_) => true,
            Log::Topic(_) => false,
        }
    }

    /// A mailbox in its first life, connected now.
    pub(crate) async fn connected(&self, name: &str) -> Mailbox {
        let written = self.here.mailboxes.connect(self.consent(name, None)).await.unwrap();
        assert_eq!(written, Write::Applied);
        self.mailbox(name).await
    }

    /// The consent that follows `read`.
    pub(crate) fn consent(&self, name: &str, read: Option<(Epoch, Grant)>) -> Consent {
        Consent {
            user_id: user(name),
            read,
            epoch: read.map_or(Epoch(1), |(epoch, _)| epoch),
            grant: read.map_or(Grant(1), |(_, grant)| grant.next()),
            new_life: read.is_none(),
            email: format!("{name}@example.com"),
            access: AccessBy::Consent,
            refresh_token: Some(Sealed("refresh".into())),
            scopes: vec!["mail".into()],
            at: self.now(),
            reference: Some("crm-7".into()),
            owed: Owed::default(),
        }
    }

    pub(crate) async fn mailbox(&self, name: &str) -> Mailbox {
        self.there.mailboxes.get(&user(name)).await.unwrap().unwrap()
    }
}

impl Stores {
    /// What can be received at once.
    pub(crate) async fn take(&self, max: usize) -> Vec<Record> {
        self.queue.receive(max, Duration::ZERO).await.unwrap()
    }

    pub(crate) async fn send(&self, batch: Vec<Outgoing>) {
        assert_eq!(self.queue.send(batch).await.unwrap(), []);
    }
}

pub(crate) fn start() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

/// A record without delay.
pub(crate) fn job(body: &str, group: &str) -> Outgoing {
    let group = (!group.is_empty()).then(|| user(group));
    Outgoing { body: body.into(), group, delay: Duration::ZERO, attributes: BTreeMap::new() }
}

pub(crate) fn bodies(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.body.as_str()).collect()
}
