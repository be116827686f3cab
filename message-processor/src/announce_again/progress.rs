//! How far a run has come, and what is told of it.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::clock::Timestamp;
use shared::events::Event;
use shared::ids::{MessageId, UserId};
use shared::mark::{Mark, MarkState};
use shared::store::StoreError;

use super::{Asked, BATCH, Outlet, Position, Window};

/// What a run came to, or a plan would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Messages that were announced in the window, of the mailboxes that were asked for.
    pub found: u64,
    /// Events of theirs that were announced again, or would be.
    pub events: u64,
    /// The mailboxes that these are of.
    pub mailboxes: u64,
    /// How large the events are together, in bytes.
    pub bytes: u64,
    /// Those found whose result is not there any more, or cannot be read.
    pub without_result: u64,
    /// Those found of other categories than the one that was asked for, by category.
    pub other_categories: BTreeMap<&'static str, u64>,
    /// Those found of mailboxes that are being purged.
    pub purged: u64,
    /// When a message was last announced before the window, where none was found.
    pub last_before: Option<Timestamp>,
    /// When one was first announced after it.
    pub first_after: Option<Timestamp>,
}

/// Why a message has no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Without {
    /// Its result is not in the archive any more.
    Result,
    /// What is in its result's place is none.
    Readable,
}

/// What is told while a run is under way.
pub enum Told<'a> {
    /// This message's result is not to be had; the run goes on.
    Without {
        /// Whose it was.
        user: &'a UserId,
        /// Which.
        message: &'a MessageId,
        /// Why.
        why: Without,
    },
    /// Everything up to here has been announced that was to be.
    Reached(&'a Position, &'a Tally),
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("{announced} events were announced again, then it stopped{}", behind(.reached.as_ref()))]
pub struct Stopped {
    /// The last message up to which everything is out; `None` before the first.
    pub reached: Option<Position>,
    /// How many events are out.
    pub announced: u64,
    /// What did not work.
    #[source]
    pub source: StoreError,
}

fn behind(reached: Option<&Position>) -> String {
    reached.map(|reached| format!(" behind {reached}")).unwrap_or_default()
}

/// A run under way.
pub(super) struct Run<'a, F> {
    pub(super) asked: &'a Asked,
    /// `None` where it is only counted what would be announced.
    pub(super) outlet: Option<Outlet<'a>>,
    /// When the next batch may go.
    pub(super) turn: Timestamp,
    pub(super) tally: Tally,
    pub(super) reached: Option<Position>,
    pub(super) tell: F,
}

impl<'a, F: FnMut(&Told<'_>)> Run<'a, F> {
    pub(super) fn new(
        asked: &'a Asked,
        outlet: Option<Outlet<'a>>,
        now: Timestamp,
        tell: F,
    ) -> Self {
        Self { asked, outlet, turn: now, tally: Tally::default(), reached: None, tell }
    }

    pub(super) fn batch(&self) -> usize {
        let rate = self.outlet.map_or(BATCH, |outlet| outlet.rate.get());
        rate.clamp(1, BATCH) as usize
    }

    /// The event, if it is of the category that is asked for.
    pub(super) fn wanted(&mut self, event: Event) -> Option<Event> {
        let other = event.attributes.category.filter(|category| {
            self.asked.category.is_some_and(|asked| asked.as_str() != *category)
        });
        let Some(category) = other else { return Some(event) };
        *self.tally.other_categories.entry(category).or_default() += 1;
        None
    }

    /// Everything up to this message is out.
    pub(super) fn reach(&mut self, user: &UserId, message: Option<MessageId>) {
        let Some(message) = message else { return };
        let reached = Position { user: user.clone(), message };
        (self.tell)(&Told::Reached(&reached, &self.tally));
        self.reached = Some(reached);
    }

    /// Of this batch everything is out before the first event that is `left`.
    pub(super) fn stop_before(&mut self, user: &UserId, events: &[Event], left: &[Event]) {
        let first = left.first().map(|event| &event.id);
        let out = events.iter().take_while(|event| Some(&event.id) != first);
        let (mut count, mut last) = (0, None);
        for event in out {
            (count, last) = (count + 1, event.subject.parse().ok());
        }
        self.tally.events += count;
        if let Some(message) = last {
            self.reached = Some(Position { user: user.clone(), message });
        }
    }

    pub(super) fn stopped(self, source: StoreError) -> Stopped {
        Stopped { reached: self.reached, announced: self.tally.events, source }
    }
}

impl Tally {
    /// Notes what was announced nearest to the window, on both sides of it.
    pub(super) fn pass(&mut self, outside: &[Mark], window: &Window) {
        let done = outside.iter().filter(|mark| mark.state == MarkState::Done);
        for at in done.filter_map(|mark| mark.done_at) {
            if at < window.since() {
                self.last_before = self.last_before.max(Some(at));
            } else {
                self.first_after = Some(self.first_after.map_or(at, |first| first.min(at)));
            }
        }
    }
}
