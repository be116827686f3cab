//! A queue in memory: for tests, and the ground of the simulated world.
//!
//! A record is either *ready*, ordered by its tag, or *waiting* for a moment: delayed, or in flight. The tag makes the
//! queue fair (start-time fair queueing): a record's tag follows the last of its own group or the queue's virtual time,
//! whichever is later, so that a newcomer stands beside the next record of a large group and not behind its last.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::lease::Lease;
use super::poll::poll;
use super::{
    Depth, MAX_RECEIVES, Outgoing, Queue, Receipt, Record, SendFailure, StoreError, VISIBILITY,
};
use crate::clock::{Clock, Timestamp};
use crate::ids::UserId;

/// One queue.
pub struct MemoryQueue {
    clock: Clock,
    state: Mutex<State>,
    bell: Notify,
    dead_letters: Option<Arc<MemoryQueue>>,
}

#[derive(Default)]
struct State {
    last_id: i64,
    records: BTreeMap<i64, Held>,
    ready: BTreeSet<(u64, i64)>,
    waiting: BTreeSet<(Timestamp, i64)>,
    /// The tag of the record that was last received.
    virtual_time: u64,
    /// The last tag of each group that has had records ready since none were.
    last_tags: HashMap<Option<UserId>, u64>,
}

struct Held {
    body: String,
    group: Option<UserId>,
    attributes: BTreeMap<String, String>,
    receives: u32,
    sent_at: Timestamp,
    visible_at: Timestamp,
}

impl MemoryQueue {
    /// An empty queue that never gives a record up.
    pub fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default(), bell: Notify::new(), dead_letters: None }
    }

    /// An empty queue that gives a record up to `dead_letters` after [`MAX_RECEIVES`].
    pub fn with_dead_letters(clock: Clock, dead_letters: Arc<MemoryQueue>) -> Self {
        Self { dead_letters: Some(dead_letters), ..Self::new(clock) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, max: usize) -> Vec<Record> {
        let now = self.clock.now();
        let mut state = self.state();
        state.promote(now);
        let mut records = Vec::new();
        while records.len() < max
            && let Some(id) = state.pop()
        {
            let given_up = state.records.get(&id).is_some_and(|held| held.receives >= MAX_RECEIVES);
            match &self.dead_letters {
                Some(dead) if given_up => dead.bury(state.records.remove(&id), now),
                _ => records.extend(state.lend(id, now)),
            }
        }
        records
    }

    fn bury(&self, held: Option<Held>, now: Timestamp) {
        let mut state = self.state();
        if let Some(held) = held {
            state.add(Held { receives: 0, ..held }, now);
        }
        self.bell.notify_waiters();
    }
}

impl State {
    fn add(&mut self, held: Held, visible_at: Timestamp) {
        self.last_id += 1;
        self.waiting.insert((visible_at, self.last_id));
        self.records.insert(self.last_id, Held { visible_at, ..held });
    }

    /// Gives everything that is due its tag. A record is tagged when it becomes ready, not when it is sent: a thousand
    /// of one group that were delayed to the same moment must not all stand before others then.
    fn promote(&mut self, now: Timestamp) {
        while let Some(first) = self.waiting.first().copied().filter(|(at, _)| *at <= now) {
            self.waiting.remove(&first);
            let group = self.records.get(&first.1).and_then(|held| held.group.clone());
            let last = self.last_tags.entry(group).or_default();
            *last = self.virtual_time.max(*last) + 1;
            self.ready.insert((*last, first.1));
        }
    }

    fn pop(&mut self) -> Option<i64> {
        let (tag, id) = self.ready.pop_first()?;
        self.virtual_time = self.virtual_time.max(tag);
        if self.ready.is_empty() {
            self.last_tags.clear();
        }
        Some(id)
    }

    fn lend(&mut self, id: i64, now: Timestamp) -> Option<Record> {
        let held = self.records.get_mut(&id)?;
        held.receives += 1;
        held.visible_at = now + VISIBILITY;
        self.waiting.insert((held.visible_at, id));
        Some(Record {
            id: id.to_string(),
            receipt: Lease { id, receives: held.receives }.receipt(),
            body: held.body.clone(),
            attributes: held.attributes.clone(),
            receive_count: held.receives,
            sent_at: held.sent_at,
        })
    }

    /// The record that `receipt` still is a right to.
    fn held(&mut self, receipt: &Receipt, now: Timestamp) -> Option<(i64, &mut Held)> {
        let lease = Lease::of(receipt)?;
        let held = self.records.get_mut(&lease.id)?;
        (held.receives == lease.receives && held.visible_at > now).then_some((lease.id, held))
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, batch: Vec<Outgoing>) -> Result<Vec<SendFailure>, StoreError> {
        let now = self.clock.now();
        let mut failures = Vec::new();
        let mut state = self.state();
        for (index, out) in batch.into_iter().enumerate() {
            if let Some(cause) = out.refusal() {
                failures.push(SendFailure { index, cause: cause.to_owned() });
                continue;
            }
            let Outgoing { body, group, delay, attributes } = out;
            let held = Held { body, group, attributes, receives: 0, sent_at: now, visible_at: now };
            state.add(held, now + delay);
        }
        // What is visible at once is tagged now, in the order of sending.
        state.promote(now);
        self.bell.notify_waiters();
        Ok(failures)
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Record>, StoreError> {
        poll(&self.clock, &self.bell, wait, || std::future::ready(Ok(self.take(max)))).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut state = self.state();
        for receipt in receipts {
            if let Some((id, held)) = state.held(receipt, now) {
                let entry = (held.visible_at, id);
                state.waiting.remove(&entry);
                state.records.remove(&id);
            }
        }
        Ok(())
    }

    async fn hide(&self, receipt: &Receipt, after: Duration) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some((id, held)) = state.held(receipt, now) {
            let before = std::mem::replace(&mut held.visible_at, now + after);
            state.waiting.remove(&(before, id));
            state.waiting.insert((now + after, id));
        }
        Ok(())
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        let now = self.clock.now();
        let state = self.state();
        let mut depth = Depth::default();
        for held in state.records.values() {
            match (held.visible_at <= now, held.receives) {
                (true, _) => depth.visible += 1,
                (false, 0) => depth.delayed += 1,
                (false, _) => depth.in_flight += 1,
            }
        }
        Ok(depth)
    }
}
