//! What became of the mail: counted from the marks, and held against the archive and the events.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use shared::archive::Archive;
use shared::events::{Event, EventKind};
use shared::ledger::{Mailboxes, Marks, Segment};
use shared::mark::MarkCounts;
use shared::queue::Queue;

use super::world::World;
use crate::machine::folder::Folder;

/// How many mailboxes or keys are read at once.
const PAGE: usize = 1_000;

/// How many events are read at once: they are large.
const EVENTS: usize = 100;

/// What became of the delivered messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// By their marks; mail that waits behind a dead grant counts as parked.
    pub(crate) marks: MarkCounts,
    /// Delivered, and not yet done, skipped or parked.
    pub(crate) waiting: u64,
}

/// Counts every mailbox's marks.
pub(crate) async fn tally(folder: &Folder, world: &World) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let mut after = None;
    loop {
        let page = folder.ledger.scan(Segment { index: 0, total: 1 }, after.as_ref(), PAGE).await?;
        for roster in &page.mailboxes {
            let marks =
                folder.ledger.count(&roster.user_id, roster.epoch, folder.clock.now()).await?;
            tally.marks += marks;
            if !roster.readable
                && let Some(mailbox) = Mailboxes::get(&*folder.ledger, &roster.user_id).await?
            {
                let known = marks.done + marks.skipped + marks.parked;
                tally.marks.parked += world.delivered_to(&mailbox.email).saturating_sub(known);
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let ended = tally.marks.done + tally.marks.skipped + tally.marks.parked;
    tally.waiting = world.google.counters().messages.saturating_sub(ended);
    Ok(tally)
}

/// Whether no queue holds anything.
pub(crate) async fn at_rest(folder: &Folder) -> anyhow::Result<bool> {
    for queue in
        [&folder.user_jobs, &folder.message_jobs, &folder.dead_user_jobs, &folder.dead_message_jobs]
    {
        if queue.depth().await?.total() > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A subscriber, as the demo has one: it follows the log of events.
#[derive(Debug, Default)]
pub(crate) struct Subscriber {
    seq: u64,
    /// The first halves of the ids seen, 64 bits each; only for one who drops what is announced again.
    seen: Option<BTreeSet<u64>>,
    /// Announcements of messages.
    pub(crate) announced: u64,
    /// The same, by category.
    pub(crate) categories: BTreeMap<String, u64>,
}

impl Subscriber {
    /// One who counts each message once. It remembers ids, hence grows with the log: asked only where the plain count
    /// shows that something was announced again.
    pub(crate) fn that_drops_repeated_ids() -> Self {
        Self { seen: Some(BTreeSet::new()), ..Self::default() }
    }

    /// Reads on to the end of the log.
    pub(crate) async fn catch_up(&mut self, folder: &Folder) -> anyhow::Result<()> {
        loop {
            let page = folder.events.read_after(self.seq, EVENTS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            self.seq = last.seq;
            for logged in &page {
                self.take(&logged.event);
            }
        }
    }

    fn take(&mut self, event: &Event) {
        let half = event.id.get(..16).and_then(|half| u64::from_str_radix(half, 16).ok());
        let again = |seen: &mut BTreeSet<u64>| half.is_some_and(|half| !seen.insert(half));
        if event.kind != EventKind::MessageProcessed || self.seen.as_mut().is_some_and(again) {
            return;
        }
        let category = event.data["category"].as_str().unwrap_or_default();
        *self.categories.entry(category.to_owned()).or_default() += 1;
        self.announced += 1;
    }
}

/// How many results the archive holds.
pub(crate) async fn results(folder: &Folder) -> anyhow::Result<u64> {
    let mut results = 0;
    let mut after: Option<String> = None;
    loop {
        let keys = folder.archive.keys("results/", after.as_deref(), PAGE).await?;
        after = keys.last().cloned();
        results += keys.len() as u64;
        if after.is_none() {
            return Ok(results);
        }
    }
}

/// The demo's last word.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) mailboxes: usize,
    pub(crate) messages: u64,
    pub(crate) done: u64,
    pub(crate) skipped: u64,
    pub(crate) parked: u64,
    pub(crate) waiting: u64,
    pub(crate) quota_units: u64,
    pub(crate) seconds: f64,
    pub(crate) messages_per_second: f64,
    pub(crate) categories: BTreeMap<String, u64>,
}

impl Summary {
    /// Whether every message is accounted for, and everything that is done is stored and announced.
    pub(crate) fn balances(&self, announced: u64, results: u64) -> bool {
        let accounted_for = self.done + self.skipped + self.parked == self.messages;
        self.waiting == 0 && accounted_for && announced == self.done && results == self.done
    }
}
