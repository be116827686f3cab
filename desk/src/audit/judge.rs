//! What a mark, by itself or with what it is compared to, says of its message. No clock, no store, no log.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use shared::clock::Timestamp;
use shared::ids::{Epoch, Generation, JobId, MessageId, UserId};
use shared::mark::{Mark, MarkCounts, MarkState};
use shared::pack::PackKey;
use shared::reason::SkipReason;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// The day of a moment.
    pub fn of(at: Timestamp) -> Self {
        Self(at.millis().div_euclid(DAY_MILLIS))
    }

    /// When it begins.
    pub fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(DAY_MILLIS))
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start().to_string();
        f.write_str(start.split('T').next().unwrap_or(&start))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many messages stand in which state, and why those were skipped that were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// By state.
    #[serde(flatten)]
    pub counts: MarkCounts,
    /// The skipped ones, by reason.
    pub skipped_for: BTreeMap<SkipReason, u64>,
}

impl Tally {
    /// Counts one more mark.
    pub fn add(&mut self, state: MarkState) {
        self.counts.add(state);
        match state {
            MarkState::Skipped(reason) => *self.skipped_for.entry(reason).or_default() += 1,
            MarkState::Listed | MarkState::Done | MarkState::Parked => {}
        }
    }
}

impl std::ops::AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.counts += other.counts;
        for (reason, count) in &other.skipped_for {
            *self.skipped_for.entry(*reason).or_default() += count;
        }
    }
}

/// Judges the marks of one mailbox.
#[derive(Debug, Clone, Copy)]
pub struct Judge {
    /// The life that the mailbox is in.
    pub epoch: Epoch,
    /// The moment of the audit.
    pub now: Timestamp,
    /// Messages listed before are not looked at.
    pub since: Option<Timestamp>,
    /// For how long a mark may be *listed*.
    pub stale_after: Duration,
}

/// What a mark says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It says nothing any more, or is not looked at.
    Outside,
    /// Its message has come to its end, or is on its way.
    InOrder,
    /// It has been *listed* for longer than any job takes.
    Stale,
    /// It is in order if its dead letter is there.
    Parked,
}

impl Judge {
    /// Judges one mark.
    pub fn standing(&self, mark: &Mark) -> Standing {
        let is_meant = self.since.is_none_or(|since| mark.listed_at >= since);
        if !is_meant || !mark.counts(self.epoch, self.now) {
            return Standing::Outside;
        }
        match mark.state {
            MarkState::Parked => Standing::Parked,
            MarkState::Listed if self.now.since(mark.listed_at) > self.stale_after => {
                Standing::Stale
            }
            MarkState::Listed | MarkState::Done | MarkState::Skipped(_) => Standing::InOrder,
        }
    }
}

/// What is wrong with what is known of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Its mark is *listed*, and no job can be behind it any more.
    Stale,
    /// Its mark is *parked*, and there is no open dead letter.
    Orphaned,
    /// Gmail has it, and there is no mark.
    Unmarked,
    /// Its mark is *done*, and the archive has no result.
    WithoutResult,
    /// Its result names an original that the archive does not have.
    WithoutOriginal,
    /// Its mark is *done*, and the log has no event.
    Unannounced,
}

impl Flaw {
    /// What is wrong with a mark that is under suspicion.
    pub(crate) fn of(state: MarkState, orphaned: bool) -> Option<Self> {
        match state {
            MarkState::Listed => Some(Self::Stale),
            MarkState::Parked => orphaned.then_some(Self::Orphaned),
            MarkState::Done | MarkState::Skipped(_) => None,
        }
    }

    /// In words, as the end of a sentence that begins with the message.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Stale => "is listed, and no job can be behind it any more",
            Self::Orphaned => "is parked, and no dead letter is open for it",
            Self::Unmarked => "is in Gmail and has no mark",
            Self::WithoutResult => "is done, and the archive has no result",
            Self::WithoutOriginal => "has a result that names an original, and that is not there",
            Self::Unannounced => "is done, and the log has no event",
        }
    }
}

/// What brings a message back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Its mark names a new job, and that is sent: it is fetched.
    SendAgain,
    /// Its event is published again, from the archive: nothing is fetched.
    AnnounceAgain,
    /// Nothing does: a message whose line is in a pack is not fetched again.
    Nothing,
}

impl Flaw {
    /// What brings a message back of which this is wrong, and whose result is in a pack or an object of its own.
    fn remedy(self, pack: Option<&PackKey>) -> Remedy {
        match self {
            Self::Stale | Self::Orphaned | Self::Unmarked | Self::WithoutResult => {
                Remedy::SendAgain
            }
            Self::WithoutOriginal if pack.is_some() => Remedy::Nothing,
            Self::WithoutOriginal => Remedy::SendAgain,
            Self::Unannounced => Remedy::AnnounceAgain,
        }
    }
}

/// One message, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What.
    pub flaw: Flaw,
    /// What helps.
    pub remedy: Remedy,
    /// Whose mailbox.
    pub user_id: UserId,
    /// Which message.
    pub message_id: MessageId,
    /// When it was listed; `None` when it never was.
    pub listed_at: Option<Timestamp>,
    /// When it came to its end; `None` when it has not.
    pub done_at: Option<Timestamp>,
    /// The job that its mark names.
    pub job_id: Option<JobId>,
    /// The judgement that its mark names.
    pub generation: Generation,
}

impl Finding {
    /// About a message that has a mark.
    pub fn of_mark(flaw: Flaw, user: &UserId, mark: &Mark) -> Self {
        Self {
            flaw,
            remedy: flaw.remedy(mark.pack.as_ref()),
            user_id: user.clone(),
            message_id: mark.message_id.clone(),
            listed_at: Some(mark.listed_at),
            done_at: mark.done_at,
            job_id: Some(mark.job_id.clone()),
            generation: mark.generation,
        }
    }

    /// About a message that has none.
    pub fn unmarked(user: &UserId, message_id: MessageId) -> Self {
        Self {
            flaw: Flaw::Unmarked,
            remedy: Remedy::SendAgain,
            user_id: user.clone(),
            message_id,
            listed_at: None,
            done_at: None,
            job_id: None,
            generation: Generation::default(),
        }
    }
}

/// Whether a dead letter should be behind a mark.
pub(crate) fn is_parked(state: MarkState) -> bool {
    match state {
        MarkState::Parked => true,
        MarkState::Listed | MarkState::Done | MarkState::Skipped(_) => false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use shared::clock::Chance;
    use shared::mark::{Forwards, MARK_LIFE};

    use super::*;
    use crate::audit::STALE_AFTER;

    pub(crate) fn mark(id: &str, state: MarkState, listed_at: Timestamp) -> Mark {
        let ended = state.is_final();
        Mark {
            message_id: id.parse().unwrap(),
            epoch: Epoch(1),
            state,
            generation: Generation(0),
            internal_date: None,
            job_id: "j1".parse().unwrap(),
            listed_at,
            done_at: ended.then_some(listed_at),
            expires_at: ended.then(|| listed_at + MARK_LIFE),
            forwards: Forwards::default(),
            pack: None,
        }
    }

    /// When everything here was listed.
    fn at() -> Timestamp {
        Timestamp::from_millis(1_777_000_000_000)
    }

    fn judge(now: Timestamp) -> Judge {
        Judge { epoch: Epoch(1), now, since: None, stale_after: STALE_AFTER }
    }

    #[test]
    fn a_mark_is_stale_when_it_has_been_listed_for_longer_than_a_job_may_take() {
        let listed = mark("m1", MarkState::Listed, at());
        assert_eq!(judge(at() + STALE_AFTER).standing(&listed), Standing::InOrder);
        let later = at() + STALE_AFTER + Duration::from_millis(1);
        assert_eq!(judge(later).standing(&listed), Standing::Stale);
        for state in [MarkState::Done, MarkState::Skipped(SkipReason::Spam)] {
            assert_eq!(judge(later).standing(&mark("m1", state, at())), Standing::InOrder);
        }
        assert_eq!(judge(later).standing(&mark("m1", MarkState::Parked, at())), Standing::Parked);
    }

    #[test]
    fn what_an_ended_life_left_under_way_is_nobodys_and_what_it_ended_still_counts() {
        let now = at() + STALE_AFTER * 2;
        let judge = Judge { epoch: Epoch(2), ..judge(now) };
        for (state, standing) in [
            (MarkState::Listed, Standing::Outside),
            (MarkState::Parked, Standing::Outside),
            (MarkState::Done, Standing::InOrder),
        ] {
            assert_eq!(judge.standing(&mark("m1", state, at())), standing);
        }
        let later = Judge { now: at() + MARK_LIFE, ..judge };
        assert_eq!(later.standing(&mark("m1", MarkState::Done, at())), Standing::Outside);
    }

    #[test]
    fn what_was_listed_before_the_window_is_not_looked_at() {
        let since = Some(at() + Duration::from_millis(1));
        let judge = Judge { since, ..judge(at() + STALE_AFTER * 2) };
        assert_eq!(judge.standing(&mark("m1", MarkState::Listed, at())), Standing::Outside);
        let later = at() + Duration::from_millis(1);
        assert_eq!(judge.standing(&mark("m1", MarkState::Listed, later)), Standing::Stale);
    }

    #[test]
    fn a_tally_counts_each_mark_once_and_skipped_ones_by_reason() {
        let mut tally = Tally::default();
        for state in [
            MarkState::Done,
            MarkState::Skipped(SkipReason::Spam),
            MarkState::Skipped(SkipReason::Spam),
            MarkState::Skipped(SkipReason::Draft),
            MarkState::Parked,
        ] {
            tally.add(state);
        }
        let MarkCounts { listed, done, skipped, parked } = tally.counts;
        assert_eq!((listed, done, skipped, parked), (0, 1, 3, 1));
        assert_eq!(tally.skipped_for.values().sum::<u64>(), skipped);
        assert_eq!(tally.skipped_for[&SkipReason::Spam], 2);
        let mut twice = tally.clone();
        twice += &tally;
        assert_eq!((twice.counts.skipped, twice.skipped_for[&SkipReason::Draft]), (6, 2));
    }

    #[test]
    fn whatever_a_mark_says_only_one_that_is_listed_too_long_in_this_life_is_stale() {
        let chance = Chance::seeded(7);
        let states = [
            MarkState::Listed,
            MarkState::Done,
            MarkState::Skipped(SkipReason::Trash),
            MarkState::Parked,
        ];
        let pick = |below: u64| usize::try_from(chance.below(below)).unwrap();
        let mut found = 0;
        for _ in 0..5_000 {
            let (state, age) = (states[pick(4)], Duration::from_hours(chance.below(24 * 60)));
            let epoch = Epoch(u32::try_from(chance.below(3)).unwrap());
            let mark = Mark { epoch, ..mark("m1", state, at()) };
            let since = [None, Some(at()), Some(at() + Duration::from_hours(1))][pick(3)];
            let judge = Judge { since, ..judge(at() + age) };
            let is_meant = since.is_none_or(|since| since <= at());
            let is_present = epoch == judge.epoch;
            let is_stale = state == MarkState::Listed && is_present && age > STALE_AFTER;
            let standing = judge.standing(&mark);
            assert_eq!(standing == Standing::Stale, is_stale && is_meant, "{mark:?} {judge:?}");
            let may_count = is_meant && mark.counts(judge.epoch, judge.now);
            assert_eq!(standing == Standing::Outside, !may_count, "{mark:?} {judge:?}");
            found += usize::from(is_stale && is_meant);
        }
        assert!(found > 100, "{found}: too few to show anything");
    }

    #[test]
    fn a_day_begins_and_ends_at_midnight_utc() {
        let day = |text: &str| Day::of(text.parse().unwrap()).to_string();
        assert_eq!(day("2026-05-01T00:00:00Z"), "2026-05-01");
        assert_eq!(day("2026-05-01T23:59:59.999Z"), "2026-05-01");
        assert_eq!(day("2026-05-02T01:00:00+02:00"), "2026-05-01");
        assert_eq!(day("1969-12-31T23:00:00Z"), "1969-12-31");
        let day = Day::of("2026-12-31T12:00:00Z".parse().unwrap());
        assert_eq!(day.next().to_string(), "2027-01-01");
    }
}
