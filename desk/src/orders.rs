//! Orders: what a person has done with many letters, at a rate, and the trail that it leaves.
//!
//! An order is a numbered record in `Control` that stays: who gave it, when, about which letters, and how it ended. One
//! order over a filter is at work at a time; whoever would give a second one is told of the first. Whoever carries an
//! order out says so every second. One that was killed is gone on with under its number: the letters themselves say
//! which of them it has moved on, and what it moved on and did not come to send it sends again, under the same job ids.

mod record;
mod work;

use std::sync::Arc;
use std::time::Duration;

use shared::clock::{Chance, Clock, Timestamp};
use shared::ids::JobId;
use shared::ledger::{Control, DeadLetters, Mailboxes, Marks};
use shared::replay::Replay;
use shared::store::StoreError;

pub use self::record::{Counts, Ended, How, Order, Wanted};
use crate::plan::{Kind, Plan, Scope, Terms, plan};

/// How long whoever carries an order out may say nothing before somebody else may go on with it.
const LEASE: Duration = Duration::from_mins(1);

/// Gives orders and carries them out. The fields are everything it may touch.
pub struct Desk {
    /// Asked how the mailboxes stand.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Told what is given up.
    pub marks: Arc<dyn Marks>,
    /// The letters.
    pub letters: Arc<dyn DeadLetters>,
    /// Where orders are kept.
    pub control: Arc<dyn Control>,
    /// Sends letters round again.
    pub replay: Replay,
    /// Where the present moment comes from.
    pub clock: Clock,
    /// For the names of those who carry orders out.
    pub chance: Chance,
}

/// An order that somebody is to carry out, and who it is.
pub struct Held {
    order: Order,
    version: u64,
}

impl Held {
    /// The order.
    pub fn order(&self) -> &Order {
        &self.order
    }
}

/// Why an order was not given, or not carried out to its end.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Another is at work.
    #[error("{}", .0.in_words())]
    Busy(Box<Order>),
    /// None is.
    #[error("no order is at work; `fanmail dead-letters log` shows those there were")]
    Idle,
    /// Somebody else goes on with it.
    #[error("somebody else goes on with order {0}, because this process stood still for a minute")]
    Overtaken(u64),
    /// A store did not do what it was asked to.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Desk {
    /// What an order would do.
    pub async fn plan(&self, kind: Kind, scope: &Scope, rate: u32) -> Result<Plan, StoreError> {
        self.plan_of(kind, scope, rate, None).await
    }

    /// What is left to do of an order.
    pub async fn rest(&self, held: &Held) -> Result<Plan, StoreError> {
        let order = held.order();
        self.plan_of(order.kind, &order.scope, order.rate, Some(order.number)).await
    }

    async fn plan_of(
        &self,
        kind: Kind,
        scope: &Scope,
        rate: u32,
        order: Option<u64>,
    ) -> Result<Plan, StoreError> {
        let (pacing, now) = (self.replay.pacing, self.clock.now());
        let ended_only = scope.ended_only;
        let terms = Terms { kind, ended_only, order, rate, pacing, now };
        plan(&*self.letters, &*self.mailboxes, scope, &terms).await
    }

    /// Gives an order, and takes it in hand. What dies after this moment is none of its business. One over a filter
    /// keeps others over filters out until it has ended.
    pub async fn begin(
        &self,
        kind: Kind,
        mut scope: Scope,
        by: &str,
        rate: u32,
    ) -> Result<Held, Refused> {
        let now = self.clock.now();
        if scope.jobs.is_empty() {
            let until = now + Duration::from_millis(1);
            scope.filter.until = Some(scope.filter.until.map_or(until, |asked| asked.min(until)));
        }
        let holder = JobId::random(&self.chance);
        let order = Order {
            number: 0,
            kind,
            by: by.to_owned(),
            at: now,
            scope,
            rate,
            wanted: Wanted::Run,
            counts: Counts::default(),
            holder,
            seen_at: now,
            ended: None,
        };
        self.enter(order).await
    }

    /// Has the order that is at work stand still, until it is resumed.
    pub async fn pause(&self) -> Result<Order, Refused> {
        self.want(Wanted::Pause).await
    }

    /// Ends the order that is at work: what it has sent stays sent.
    pub async fn cancel(&self) -> Result<Order, Refused> {
        let order = self.want(Wanted::Cancel).await?;
        if !order.is_dead(self.clock.now()) {
            return Ok(order);
        }
        // Nobody is there to end it.
        let held = self.take(order.number).await?;
        self.end(held, How::Cancelled).await
    }

    /// Has the order that is at work go on: by whoever carries it out, or, where nobody does any more, by this process.
    pub async fn resume(&self) -> Result<(Order, Option<Held>), Refused> {
        let order = self.want(Wanted::Run).await?;
        if !order.is_dead(self.clock.now()) {
            return Ok((order, None));
        }
        let held = self.take(order.number).await?;
        Ok((held.order.clone(), Some(held)))
    }

    /// The order that is at work.
    pub async fn current(&self) -> Result<Option<Order>, StoreError> {
        let Some(number) = self.head().await?.current else { return Ok(None) };
        let order = self.record(number).await?.map(|held| held.order);
        Ok(order.filter(|order| order.ended.is_none()))
    }

    /// The last orders, the latest first.
    pub async fn log(&self, limit: u64) -> Result<Vec<Order>, StoreError> {
        let last = self.head().await?.last;
        let mut orders = Vec::new();
        for number in (1..=last).rev().take(usize::try_from(limit).unwrap_or(usize::MAX)) {
            orders.extend(self.record(number).await?.map(|held| held.order));
        }
        Ok(orders)
    }
}

impl Order {
    /// Whether nobody carries it out any more, although it has not ended.
    pub fn is_dead(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now.since(self.seen_at) >= LEASE
    }
}
