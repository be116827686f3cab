//! Who reads the log of events: what was announced, and how fresh it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use shared::clock::{Clock, Timestamp};
use shared::events::sqlite::{Logged, SqliteEvents};
use shared::events::{Event, EventKind};

use super::{MessageKey, Site};

/// How many events are read at once.
const PAGE: usize = 1_000;

/// The messages that were announced.
pub struct Consumer {
    events: SqliteEvents,
    seq: u64,
    /// Each message that was announced.
    pub told: BTreeMap<MessageKey, Told>,
    /// How often a message was announced under a second id.
    pub renamed: usize,
    by_user: BTreeMap<String, usize>,
}

/// The first announcement of a message.
pub struct Told {
    /// How long after Gmail took the message in we read of it.
    pub delay: Duration,
    id: String,
}

impl Consumer {
    /// One who has read nothing yet.
    pub fn of(site: &Site) -> Self {
        let events = SqliteEvents::new(site.database().clone());
        Self { events, seq: 0, told: BTreeMap::new(), renamed: 0, by_user: BTreeMap::new() }
    }

    /// Reads what is new.
    pub async fn read(&mut self) -> anyhow::Result<()> {
        loop {
            let page = self.events.read_after(self.seq, PAGE).await?;
            let now = Clock::System.now();
            for Logged { seq, event, .. } in &page {
                self.seq = *seq;
                if event.kind == EventKind::MessageProcessed {
                    self.note(event, now)?;
                }
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    fn note(&mut self, event: &Event, now: Timestamp) -> anyhow::Result<()> {
        let text = |name: &str| event.data[name].as_str().with_context(|| format!("no {name}"));
        let arrived: Timestamp = text("internalDate")?.parse()?;
        let key = (text("userId")?.to_owned(), event.subject.clone());
        if let Some(first) = self.told.get(&key) {
            self.renamed += usize::from(first.id != event.id);
            return Ok(());
        }
        *self.by_user.entry(key.0.clone()).or_default() += 1;
        self.told.insert(key, Told { delay: now.since(arrived), id: event.id.clone() });
        Ok(())
    }

    /// How many messages of these mailboxes were announced.
    pub fn told_of(&self, users: &[String]) -> usize {
        users.iter().filter_map(|user| self.by_user.get(user)).sum()
    }

    /// How long after their arrival these messages were announced, in milliseconds.
    pub fn delays(&self, of: &BTreeSet<MessageKey>) -> Vec<f64> {
        let told = of.iter().filter_map(|message| self.told.get(message));
        told.map(|told| told.delay.as_secs_f64() * 1e3).collect()
    }

    /// How many were announced that are none of these.
    pub fn unknown(&self, delivered: &BTreeSet<MessageKey>) -> usize {
        self.told.keys().filter(|message| !delivered.contains(message)).count()
    }
}
