//! An order as `Control` keeps it: `orders` says which number was given last and which is at work, `order/N` is one order.
//! None expires: together they are the trail of who did what.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::JobId;
use shared::ledger::ControlItem;
use shared::store::{StoreError, Write};

use super::{Desk, Held, Refused};
use crate::plan::{Kind, Scope};

/// How often an item is written again after somebody else's write came first.
const RACES: usize = 20;

/// What a person asked for, how far it is, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Counts from 1.
    pub number: u64,
    /// What is to become of the letters.
    pub kind: Kind,
    /// Who gave it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// About which letters.
    pub scope: Scope,
    /// Messages in a second.
    pub rate: u32,
    /// What it is to do.
    pub wanted: Wanted,
    /// How far it is.
    pub counts: Counts,
    /// The process that carries it out.
    pub holder: JobId,
    /// When that process last said so.
    pub seen_at: Timestamp,
    /// How it ended; `None` while it is at work.
    pub ended: Option<Ended>,
}

/// What an order is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Go on.
    Run,
    /// Stand still.
    Pause,
    /// Come to an end.
    Cancel,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Letters that it is about, those that it left alone at the start not among them.
    pub planned: u64,
    /// Letters that were sent, or given up.
    pub letters: u64,
    /// The messages in them.
    pub messages: u64,
    /// Letters that somebody else had moved on before their turn came.
    pub moved_on: u64,
    /// Letters that were left alone, at the start or when their turn came.
    pub left_out: u64,
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: How,
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Every letter had its turn.
    Finished,
    /// A person ended it before.
    Cancelled,
}

/// What `orders` holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The number that was given last.
    pub(super) last: u64,
    /// The order that keeps others out; it may have ended.
    pub(super) current: Option<u64>,
}

impl Order {
    /// Who is at it, how far, and what can be done about it.
    pub fn in_words(&self) -> String {
        let Self { number, by, at, counts, .. } = self;
        let kind = match self.kind {
            Kind::Replay => "replay",
            Kind::Discard => "discard",
        };
        let state = match self.wanted {
            Wanted::Run => "is at work",
            Wanted::Pause => "is paused",
            Wanted::Cancel => "is being cancelled",
        };
        let (done, planned) = (counts.letters, counts.planned);
        format!(
            "order {number}, a {kind} that {by} began at {at}, {state} ({done} of {planned} letters); wait for it, or \
             `fanmail dead-letters cancel` it. Where its process is gone, `fanmail dead-letters resume` goes on with it"
        )
    }
}

impl Desk {
    pub(super) async fn head(&self) -> Result<Head, StoreError> {
        let item = self.control.read("orders", self.clock.now()).await?;
        item.as_ref().map_or(Ok(Head::default()), parse)
    }

    /// One order, to be written over as long as nobody else has.
    pub(super) async fn record(&self, number: u64) -> Result<Option<Held>, StoreError> {
        let item = self.control.read(&name(number), self.clock.now()).await?;
        item.map(|item| Ok(Held { order: parse(&item)?, version: item.version })).transpose()
    }

    /// Gives the order its number. The record is there before anybody can hear of it.
    pub(super) async fn enter(&self, mut order: Order) -> Result<Held, Refused> {
        let keeps_others_out = order.scope.jobs.is_empty();
        for _ in 0..RACES {
            let item = self.control.read("orders", self.clock.now()).await?;
            let head = item.as_ref().map_or(Ok(Head::default()), parse::<Head>)?;
            if let Some(busy) = self.busy(head.current.filter(|_| keeps_others_out)).await? {
                return Err(Refused::Busy(Box::new(busy)));
            }
            order.number = head.last + 1;
            let current = if keeps_others_out { Some(order.number) } else { head.current };
            let next = Head { last: order.number, current };
            // A number whose giver died before this is only a gap.
            if self.write("orders", item.map(|item| item.version), &next).await? == Write::Applied {
                return self.open(order).await;
            }
        }
        Err(always_stale().into())
    }

    async fn open(&self, order: Order) -> Result<Held, Refused> {
        // Nobody else has this number.
        let _: Write = self.write(&name(order.number), None, &order).await?;
        let number = order.number;
        self.record(number).await?.ok_or(Refused::Overtaken(number))
    }

    /// The order that keeps others out, if it does. One whose record was never written does not: its giver has died.
    async fn busy(&self, current: Option<u64>) -> Result<Option<Order>, StoreError> {
        let Some(number) = current else { return Ok(None) };
        let order = self.record(number).await?.map(|held| held.order);
        Ok(order.filter(|order| order.ended.is_none()))
    }

    /// Says what the order that is at work is to do.
    pub(super) async fn want(&self, wanted: Wanted) -> Result<Order, Refused> {
        for _ in 0..RACES {
            let Some(number) = self.head().await?.current else { return Err(Refused::Idle) };
            let Some(held) = self.record(number).await? else { return Err(Refused::Idle) };
            if held.order.ended.is_some() {
                return Err(Refused::Idle);
            }
            let order = Order { wanted, ..held.order };
            let write = self.write(&name(number), Some(held.version), &order).await?;
            if write == Write::Applied {
                return Ok(order);
            }
        }
        Err(always_stale().into())
    }

    /// Takes an order whose process is gone.
    pub(super) async fn take(&self, number: u64) -> Result<Held, Refused> {
        let held = self.record(number).await?.ok_or(Refused::Idle)?;
        let now = self.clock.now();
        if !held.order.is_dead(now) {
            return Err(Refused::Busy(Box::new(held.order)));
        }
        let holder = JobId::random(&self.chance);
        let order = Order { holder, seen_at: now, ..held.order };
        if self.write(&name(number), Some(held.version), &order).await? == Write::Stale {
            return Err(Refused::Overtaken(number));
        }
        self.record(number).await?.ok_or(Refused::Idle)
    }

    /// Says that it is still carried out, and how far it is; answers what it is to do.
    pub(super) async fn beat(&self, held: &mut Held, counts: Counts) -> Result<Wanted, Refused> {
        self.note(held, |order, now| Order { counts, seen_at: now, ..order }).await?;
        Ok(held.order.wanted)
    }

    /// Ends it. It keeps nobody out any more, although `orders` goes on naming it.
    pub(super) async fn end(&self, mut held: Held, how: How) -> Result<Order, Refused> {
        self.note(&mut held, |order, at| Order { ended: Some(Ended { at, how }), ..order }).await?;
        Ok(held.order)
    }

    async fn note(
        &self,
        held: &mut Held,
        change: impl Fn(Order, Timestamp) -> Order,
    ) -> Result<(), Refused> {
        let number = held.order.number;
        for _ in 0..RACES {
            let now = self.clock.now();
            let order = change(held.order.clone(), now);
            if self.write(&name(number), Some(held.version), &order).await? == Write::Applied {
                *held = Held { order, version: held.version + 1 };
                return Ok(());
            }
            let there = self.record(number).await?.ok_or(Refused::Overtaken(number))?;
            if there.order.holder != held.order.holder || there.order.ended.is_some() {
                return Err(Refused::Overtaken(number));
            }
            *held = there;
        }
        Err(always_stale().into())
    }

    async fn write<T: Serialize + Sync>(
        &self,
        name: &str,
        read: Option<u64>,
        value: &T,
    ) -> Result<Write, StoreError> {
        let value = serde_json::to_string(value).map_err(broken)?;
        self.control.write(name, read, value, None, self.clock.now()).await
    }
}

fn name(number: u64) -> String {
    format!("order/{number}")
}

fn parse<T: DeserializeOwned>(item: &ControlItem) -> Result<T, StoreError> {
    serde_json::from_str(&item.value).map_err(broken)
}

fn broken(error: serde_json::Error) -> StoreError {
    StoreError::Broken { doing: "reading an order", source: error.into() }
}

fn always_stale() -> StoreError {
    let source = "it changed every time it was read".into();
    StoreError::Unavailable { doing: "writing an order", source }
}
