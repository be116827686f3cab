//! Announcing again what was announced, from the marks and the archive alone: Gmail is not asked, and spends no quota.
//!
//! It goes mailbox by mailbox, and in each in the order of the messages' ids. Per batch: read the results → publish. Nothing
//! is written but events, and each under the id that it had: a run that dies, or is told twice, repeats some of them, and
//! consumers drop what they have seen. The last message that is known to be out is told, so that a run may begin behind it.
//!
//! A mailbox that is being purged is left out. Of one whose purge begins meanwhile the log loses what a batch appended by
//! the purge's second pass: a batch is far shorter than the time between the two passes.

mod asked;
mod progress;
mod results;

use std::sync::Arc;
use std::time::Duration;

use shared::archive::Archive;
use shared::clock::Clock;
use shared::events::{Event, Events};
use shared::ids::{MessageId, UserId};
use shared::jobs::Lane;
use shared::ledger::{Mailboxes, Marks, Segment};
use shared::mark::{Mark, MarkState};
use shared::settings::EventData;
use shared::store::StoreError;

pub use self::asked::{Asked, BadPosition, BadRate, BadWindow, Position, Rate, Window};
use self::progress::Run;
pub use self::progress::{Stopped, Tally, Told, Without};
use self::results::{Look, OpenPacks};
use crate::announce::Announcer;

/// Mailboxes, and marks of one, that are read at once.
const PAGE: usize = 500;

/// Events that are published together: two requests of SNS's or SQS's. Fewer at a rate that would make these a burst.
const BATCH: u32 = 20;

/// How long is waited before each further try of what a destination did not take; then the run stops.
const WAITS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15)];

/// Every mailbox.
const WHOLE: Segment = Segment { index: 0, total: 1 };

/// Announces again. The fields are everything it may touch; where events go is said each time.
pub struct EventReplay {
    /// Which mailboxes there are.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// When each message was announced.
    pub marks: Arc<dyn Marks>,
    /// Where results are read.
    pub archive: Arc<dyn Archive>,
    /// The stack's name, in events.
    pub stack: String,
    /// What events carry.
    pub event_data: EventData,
    /// Where the present moment comes from, and waiting is done.
    pub clock: Clock,
}

/// Where events go, and how fast.
#[derive(Clone, Copy)]
pub struct Outlet<'a> {
    /// Whoever is told: everybody, or one consumer.
    pub to: &'a dyn Events,
    /// So many a second at most.
    pub rate: Rate,
}

impl EventReplay {
    /// Counts what a run would announce, reading every result as it would. Nothing is published.
    pub async fn plan(&self, asked: &Asked, tell: impl FnMut(&Told<'_>)) -> Result<Tally, Stopped> {
        self.go(asked, None, tell).await
    }

    /// Announces again what is asked for. What a destination does not take is tried a few times more; then, and where a
    /// store fails, the run stops and says how far it has come.
    pub async fn run(
        &self,
        asked: &Asked,
        outlet: Outlet<'_>,
        tell: impl FnMut(&Told<'_>),
    ) -> Result<Tally, Stopped> {
        self.go(asked, Some(outlet), tell).await
    }

    /// Announces these messages of a mailbox again, whenever they were announced, and answers those that have no event: not
    /// *done*, or without a result.
    pub async fn these(
        &self,
        user: &UserId,
        ids: &[MessageId],
        to: &dyn Events,
    ) -> Result<Vec<MessageId>, Stopped> {
        let (asked, mut left) = (Asked::whatever(), Vec::new());
        let tell = |told: &Told<'_>| {
            if let Told::Without { message, .. } = told {
                left.push((*message).clone());
            }
        };
        let outlet = Some(Outlet { to, rate: Rate::UNBOUNDED });
        let mut run = Run::new(&asked, outlet, self.clock.now(), tell);
        let found = async {
            let found = self.marks.get(user, ids).await?;
            let is_done = |mark: &Mark| mark.state == MarkState::Done;
            let done: Vec<Mark> = found.into_iter().flatten().filter(is_done).collect();
            self.marked(user, &done, &mut OpenPacks::default(), &mut run).await?;
            Ok(done)
        };
        let found = found.await;
        let done = found.map_err(|source| run.stopped(source))?;
        let has_mark = |id: &&MessageId| done.iter().any(|mark| mark.message_id == **id);
        left.extend(ids.iter().filter(|id| !has_mark(id)).cloned());
        Ok(left)
    }

    /// How many messages of how many mailboxes were announced in a window, whoever's they are and whatever they are.
    pub async fn announced_in(&self, window: &Window) -> Result<(u64, u64), StoreError> {
        let (mut messages, mut mailboxes, mut after) = (0, 0, None);
        loop {
            let page = self.mailboxes.scan(WHOLE, after.as_ref(), PAGE).await?;
            for roster in &page.mailboxes {
                let found = self.count(&roster.user_id, window).await?;
                messages += found;
                mailboxes += u64::from(found > 0);
            }
            after = page.next;
            if after.is_none() {
                return Ok((messages, mailboxes));
            }
        }
    }

    async fn count(&self, user: &UserId, window: &Window) -> Result<u64, StoreError> {
        let (mut found, mut after) = (0, None);
        loop {
            let page = self.marks.page(user, after.as_ref(), PAGE).await?;
            found += page.iter().filter(|mark| window.has(mark)).count() as u64;
            if page.len() < PAGE {
                return Ok(found);
            }
            after = page.last().map(|last| last.message_id.clone());
        }
    }

    async fn go<F: FnMut(&Told<'_>)>(
        &self,
        asked: &Asked,
        outlet: Option<Outlet<'_>>,
        tell: F,
    ) -> Result<Tally, Stopped> {
        let mut run = Run::new(asked, outlet, self.clock.now(), tell);
        match self.every_mailbox(&mut run).await {
            Ok(()) => Ok(run.tally),
            Err(source) => Err(run.stopped(source)),
        }
    }

    async fn every_mailbox<F: FnMut(&Told<'_>)>(
        &self,
        run: &mut Run<'_, F>,
    ) -> Result<(), StoreError> {
        let (user, begin) = (run.asked.user.clone(), run.asked.after.clone());
        if let Some(user) = user {
            let after = begin.filter(|it| it.user == user).map(|it| it.message);
            return self.mailbox(&user, after, run).await;
        }
        let mut after = None;
        if let Some(Position { user, message }) = begin {
            self.mailbox(&user, Some(message), run).await?;
            after = Some(user);
        }
        loop {
            let page = self.mailboxes.scan(WHOLE, after.as_ref(), PAGE).await?;
            for roster in &page.mailboxes {
                self.mailbox(&roster.user_id, None, run).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A mailbox's messages behind `after`.
    async fn mailbox<F: FnMut(&Told<'_>)>(
        &self,
        user: &UserId,
        mut after: Option<MessageId>,
        run: &mut Run<'_, F>,
    ) -> Result<(), StoreError> {
        let (mut packs, before) = (OpenPacks::default(), run.tally.events);
        loop {
            let page = self.marks.page(user, after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|last| last.message_id.clone());
            let (found, outside): (Vec<Mark>, Vec<Mark>) =
                page.into_iter().partition(|mark| run.asked.window.has(mark));
            run.tally.pass(&outside, &run.asked.window);
            run.tally.found += found.len() as u64;
            if !found.is_empty() && self.is_being_purged(user).await? {
                run.tally.purged += found.len() as u64;
            } else {
                self.marked(user, &found, &mut packs, run).await?;
            }
            if is_last {
                run.tally.mailboxes += u64::from(run.tally.events > before);
                return Ok(());
            }
        }
    }

    async fn is_being_purged(&self, user: &UserId) -> Result<bool, StoreError> {
        let Some(row) = self.mailboxes.get(user).await? else { return Ok(false) };
        let owed = row.owed.disconnect.as_ref().is_some_and(|debt| debt.purge.is_some());
        Ok(owed || row.has_forgotten(row.epoch))
    }

    /// Announces the messages of these marks, batch by batch.
    async fn marked<F: FnMut(&Told<'_>)>(
        &self,
        user: &UserId,
        marks: &[Mark],
        packs: &mut OpenPacks,
        run: &mut Run<'_, F>,
    ) -> Result<(), StoreError> {
        let announcer =
            Announcer { stack: &self.stack, event_data: self.event_data, user, lane: Lane::Replay };
        for batch in marks.chunks(run.batch()) {
            let looks = results::read(&*self.archive, &announcer, batch, packs).await?;
            let mut events = Vec::with_capacity(batch.len());
            for (mark, look) in batch.iter().zip(looks) {
                match look {
                    Look::Event(event) => events.extend(run.wanted(*event)),
                    Look::Without(why) => {
                        run.tally.without_result += 1;
                        (run.tell)(&Told::Without { user, message: &mark.message_id, why });
                    }
                }
            }
            self.announce(user, &events, run).await?;
            let last = batch.last().map(|mark| mark.message_id.clone());
            run.reach(user, last);
        }
        Ok(())
    }

    /// Publishes a batch at its turn, and again what was not taken.
    async fn announce<F: FnMut(&Told<'_>)>(
        &self,
        user: &UserId,
        events: &[Event],
        run: &mut Run<'_, F>,
    ) -> Result<(), StoreError> {
        let bytes = |event: &Event| serde_json::to_vec(event).map_or(0, |text| text.len() as u64);
        let Some(outlet) = run.outlet.filter(|_| !events.is_empty()) else {
            run.tally.events += events.len() as u64;
            run.tally.bytes += events.iter().map(bytes).sum::<u64>();
            return Ok(());
        };
        let now = self.clock.now();
        self.clock.sleep(run.turn.since(now)).await;
        run.turn = run.turn.max(now) + outlet.rate.time_of(events.len());
        let (mut left, mut waits) = (events.to_vec(), WAITS.into_iter());
        loop {
            let answer = outlet.to.publish(&left).await;
            let error = match answer {
                Ok(failed) if failed.is_empty() => break,
                Ok(failed) => {
                    left = failed.iter().filter_map(|at| left.get(*at).cloned()).collect();
                    refused(left.len())
                }
                Err(error) => error,
            };
            let wait = match (&error, waits.next()) {
                (StoreError::Unavailable { .. } | StoreError::Full { .. }, Some(wait)) => wait,
                (StoreError::Broken { .. }, _) | (_, None) => {
                    run.stop_before(user, events, &left);
                    return Err(error);
                }
            };
            self.clock.sleep(wait).await;
        }
        run.tally.events += events.len() as u64;
        run.tally.bytes += events.iter().map(bytes).sum::<u64>();
        Ok(())
    }
}

fn refused(count: usize) -> StoreError {
    let source = format!("{count} events of one batch were not taken").into();
    StoreError::Unavailable { doing: "announcing again", source }
}
