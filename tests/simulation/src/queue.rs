//! A queue that is as bad as SQS may be, and a little worse: any order, some records twice, some deletes forgotten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use shared::clock::{Chance, Clock, Timestamp};
use shared::queue::{
    Depth, MAX_DELAY, MAX_RECEIVES, Outgoing, Queue, Receipt, Record, SendFailure, VISIBILITY,
};
use shared::store::StoreError;

use crate::fate::Fate;

/// How often, in a thousand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Nastiness {
    /// A received record stays visible to others.
    pub twice: u64,
    /// A deleted record comes again when its visibility ends.
    pub undead: u64,
    /// Whether any record may come first.
    pub unordered: bool,
}

/// One queue.
pub struct NastyQueue {
    clock: Clock,
    chance: Chance,
    fate: Arc<Fate>,
    state: Mutex<State>,
    dead_letters: Option<Arc<NastyQueue>>,
}

#[derive(Default)]
struct State {
    nastiness: Nastiness,
    last: u64,
    held: BTreeMap<u64, Held>,
}

struct Held {
    body: String,
    attributes: BTreeMap<String, String>,
    receives: u32,
    sent_at: Timestamp,
    visible_at: Timestamp,
}

impl NastyQueue {
    /// An empty queue; one with `dead_letters` gives records up to it after [`MAX_RECEIVES`], under a new id.
    pub fn new(
        fate: &Arc<Fate>,
        clock: &Clock,
        chance: &Chance,
        dead_letters: Option<Arc<Self>>,
    ) -> Self {
        let (clock, chance) = (clock.clone(), chance.clone());
        Self { clock, chance, fate: fate.clone(), state: Mutex::default(), dead_letters }
    }

    /// How bad it is from now on.
    pub fn set(&self, nastiness: Nastiness) {
        self.state().nastiness = nastiness;
    }

    /// When its next record can be received; `None` when it is empty.
    pub fn next(&self) -> Option<Timestamp> {
        self.state().held.values().map(|held| held.visible_at).min()
    }

    /// Whether it holds no record that was received before, and none but such.
    pub fn holds_only(&self, such: impl Fn(&str) -> bool) -> bool {
        self.state().held.values().all(|held| held.receives == 0 && such(&held.body))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hits(&self, share: u64) -> bool {
        share > 0 && self.chance.below(1_000) < share
    }

    fn below(&self, count: usize) -> usize {
        usize::try_from(self.chance.below(count as u64)).unwrap_or(0)
    }

    fn take(&self, max: usize) -> Vec<Record> {
        let now = self.clock.now();
        let mut state = self.state();
        let nastiness = state.nastiness;
        let visible = state.held.iter().filter(|(_, held)| held.visible_at <= now);
        let mut ids: Vec<u64> = visible.map(|(id, _)| *id).collect();
        if nastiness.unordered {
            for place in (1..ids.len()).rev() {
                ids.swap(place, self.below(place + 1));
            }
            // Short polling: fewer than there are.
            ids.truncate(1 + self.below(max));
        }
        ids.truncate(max);
        ids.into_iter().filter_map(|id| self.lend(&mut state, id, now)).collect()
    }

    fn lend(&self, state: &mut State, id: u64, now: Timestamp) -> Option<Record> {
        let nastiness = state.nastiness;
        let held = state.held.get_mut(&id)?;
        if let Some(dead) = self.dead_letters.as_ref().filter(|_| held.receives >= MAX_RECEIVES) {
            self.fate.count("queue", "gave up");
            let held = state.held.remove(&id)?;
            dead.state().add(Held { visible_at: now, receives: 0, ..held });
            return None;
        }
        held.receives += 1;
        if self.hits(nastiness.twice) {
            self.fate.count("queue", "delivered twice");
        } else {
            held.visible_at = now + VISIBILITY;
        }
        Some(Record {
            id: id.to_string(),
            receipt: Receipt(format!("{id}-{}", held.receives)),
            body: held.body.clone(),
            attributes: held.attributes.clone(),
            receive_count: held.receives,
            sent_at: held.sent_at,
        })
    }
}

impl State {
    fn add(&mut self, held: Held) {
        self.last += 1;
        self.held.insert(self.last, held);
    }

    /// The record that a receipt is for. An old receipt is still one, as with SQS's standard queues: a late delete
    /// succeeds now and then, and now and then does nothing.
    fn of(&mut self, receipt: &Receipt) -> Option<(u64, bool, &mut Held)> {
        let (id, receives) = receipt.0.split_once('-')?;
        let id = id.parse().ok()?;
        let held = self.held.get_mut(&id)?;
        let latest = held.receives.to_string() == receives;
        Some((id, latest, held))
    }
}

#[async_trait]
impl Queue for NastyQueue {
    async fn send(&self, batch: Vec<Outgoing>) -> Result<Vec<SendFailure>, StoreError> {
        let now = self.clock.now();
        let mut state = self.state();
        let mut failures = Vec::new();
        for (index, out) in batch.into_iter().enumerate() {
            if out.delay > MAX_DELAY || out.body.chars().any(char::is_control) {
                failures.push(SendFailure { index, cause: "SQS would not take it".to_owned() });
                continue;
            }
            let Outgoing { body, group: _, delay, attributes } = out;
            let (sent_at, visible_at) = (now, now + delay);
            state.add(Held { body, attributes, receives: 0, sent_at, visible_at });
        }
        Ok(failures)
    }

    async fn receive(&self, max: usize, _wait: Duration) -> Result<Vec<Record>, StoreError> {
        Ok(self.take(max))
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut state = self.state();
        let undead = state.nastiness.undead;
        for receipt in receipts {
            let Some((id, latest, held)) = state.of(receipt) else { continue };
            let in_time = latest && held.visible_at > now;
            if self.hits(undead) {
                self.fate.count("queue", "delete forgotten");
            } else if in_time || self.hits(if undead > 0 { 500 } else { 0 }) {
                state.held.remove(&id);
            }
        }
        Ok(())
    }

    async fn hide(&self, receipt: &Receipt, after: Duration) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some((_, true, held)) = state.of(receipt) {
            held.visible_at = now + after;
        }
        Ok(())
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        let now = self.clock.now();
        let state = self.state();
        let mut depth = Depth::default();
        for held in state.held.values() {
            match (held.visible_at <= now, held.receives) {
                (true, _) => depth.visible += 1,
                (false, 0) => depth.delayed += 1,
                (false, _) => depth.in_flight += 1,
            }
        }
        Ok(depth)
    }
}
