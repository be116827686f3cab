//! A round: what is stored of it between runs, and how it passes from one run to the next.
//!
//! Pure. A round lives longer than any run: each run takes it on from the pages that the one before it saved. The lease
//! says whose turn that is; when it runs out without being renewed, its holder is taken for dead.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::{JobId, UserId};
use shared::ledger::Segment;

use crate::due::Window;

/// How long a run may be silent before its round is taken over: much longer than one sweep, shorter than two ticks.
pub const LEASE: Duration = Duration::from_mins(2);

/// What `Control` holds under the round's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// Counts the rounds, for people.
    pub number: u64,
    /// What the round is about.
    #[serde(flatten)]
    pub window: Window,
    /// How far each scan segment has come. Their number is fixed for the round's life: a change of the setting takes
    /// hold with the next one.
    pub pages: Vec<Page>,
    /// How many readable mailboxes it has come by so far; a page that was read twice is counted twice.
    #[serde(default)]
    pub looked_at: u64,
    /// How many of these have had no listing finished for longer than that can last where all is well.
    #[serde(default)]
    pub silent: u64,
    /// How many there were in the last finished round: how large the fleet is.
    #[serde(default)]
    pub mailboxes: u64,
    /// Who works on it; `None` between runs.
    #[serde(flatten)]
    pub lease: Option<Lease>,
}

/// How far a segment's scan has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Page {
    /// Not begun.
    First,
    /// Everything up to this mailbox has been looked at.
    After(UserId),
    /// Nothing is left.
    Done,
}

impl Page {
    /// Where a scan goes on.
    pub fn after(next: Option<UserId>) -> Self {
        next.map_or(Self::Done, Self::After)
    }

    /// The last mailbox that was looked at.
    pub fn position(&self) -> Option<&UserId> {
        match self {
            Self::After(user) => Some(user),
            Self::First | Self::Done => None,
        }
    }
}

/// A run's right to work on the round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Until when, unless renewed.
    pub lease_until: Timestamp,
    /// The run, by a random name.
    pub holder: JobId,
}

/// What a run finds to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer {
    /// This round: a new one, or one that was left unfinished.
    Round(Round),
    /// Another run is at it.
    Busy,
    /// The clock stands where the last round ended.
    Nothing,
}

/// Decides what a run that begins at `now` does about what is stored.
pub fn offer(stored: Option<Round>, now: Timestamp, first: Duration, segments: u32) -> Offer {
    match stored {
        None => Offer::Round(Round::new(1, Window { from: now - first, to: now }, segments, 0)),
        Some(round) if round.is_leased(now) => Offer::Busy,
        Some(round) if !round.is_finished() => Offer::Round(round),
        // A clock that was set back waits until it has caught up: no window is walked twice.
        Some(round) if round.window.to >= now => Offer::Nothing,
        Some(Round { number, window, looked_at, .. }) => {
            let next = Window { from: window.to, to: now };
            Offer::Round(Round::new(number + 1, next, segments, looked_at))
        }
    }
}

impl Round {
    fn new(number: u64, window: Window, segments: u32, mailboxes: u64) -> Self {
        let pages = (0..segments.max(1)).map(|_| Page::First).collect();
        Self { number, window, pages, looked_at: 0, silent: 0, mailboxes, lease: None }
    }

    /// Whether every mailbox has been looked at.
    pub fn is_finished(&self) -> bool {
        self.pages.iter().all(|page| *page == Page::Done)
    }

    fn is_leased(&self, now: Timestamp) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.lease_until > now)
    }

    /// The segments that still have pages, at most `most` of them, each with where it stands.
    pub fn open(&self, most: usize) -> Vec<(Segment, &Page)> {
        let total = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        let segments = (0..total).map(|index| Segment { index, total });
        segments.zip(&self.pages).filter(|(_, page)| **page != Page::Done).take(most).collect()
    }

    /// Notes how far a segment has come.
    pub fn turn_page(&mut self, segment: Segment, page: Page) {
        if let Some(place) = self.pages.get_mut(segment.index as usize) {
            *place = page;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_mins(5);

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(minute * 60_000)
    }

    fn round(pages: Vec<Page>, lease_until: Option<Timestamp>) -> Round {
        let lease =
            lease_until.map(|lease_until| Lease { lease_until, holder: "h1".parse().unwrap() });
        let window = Window { from: at(10), to: at(15) };
        Round { number: 7, window, pages, looked_at: 40, silent: 3, mailboxes: 30, lease }
    }

    fn offered(stored: Option<Round>, now: Timestamp) -> Round {
        let Offer::Round(round) = offer(stored, now, FIRST, 2) else { panic!("nothing to do") };
        round
    }

    #[test]
    fn the_first_window_is_as_long_as_the_shortest_interval() {
        assert_eq!(offered(None, at(20)).window, Window { from: at(15), to: at(20) });
    }

    #[test]
    fn the_next_window_starts_where_the_last_ended_however_late() {
        let next = offered(Some(round(vec![Page::Done], None)), at(90));
        assert_eq!(next.window, Window { from: at(15), to: at(90) });
        assert_eq!((next.number, next.pages), (8, vec![Page::First, Page::First]));
        assert_eq!((next.looked_at, next.mailboxes), (0, 40), "the fleet is as large as it was");
        assert_eq!(next.silent, 0);
    }

    #[test]
    fn an_unfinished_round_goes_on_with_its_own_pages_and_window() {
        let left = round(vec![Page::Done, Page::After("42".parse().unwrap()), Page::First], None);
        assert_eq!(offered(Some(left.clone()), at(90)), left);
    }

    #[test]
    fn a_live_lease_is_respected_and_a_lapsed_one_is_not() {
        let leased = round(vec![Page::First], Some(at(17)));
        assert_eq!(offer(Some(leased.clone()), at(16), FIRST, 1), Offer::Busy);
        assert_eq!(offered(Some(leased), at(17)).number, 7);
    }

    #[test]
    fn a_clock_set_back_walks_no_window_twice() {
        let done = round(vec![Page::Done], None);
        assert_eq!(offer(Some(done), at(14), FIRST, 1), Offer::Nothing);
    }

    #[test]
    fn a_round_is_read_as_it_was_written() {
        for lease in [None, Some(at(17))] {
            let round = round(vec![Page::First, Page::After("42".parse().unwrap())], lease);
            let text = serde_json::to_string(&round).unwrap();
            assert_eq!(serde_json::from_str::<Round>(&text).unwrap(), round, "{text}");
        }
    }
}
