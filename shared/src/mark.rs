//! What we know about one message id.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{Epoch, Generation, JobId, MessageId};
use crate::pack::PackKey;
use crate::reason::SkipReason;

/// How long a mark outlives its message's end: longer than the longest possible redelivery (source retention 4 days,
/// dead-letter retention 14 days, and time for a person to replay).
pub const MARK_LIFE: Duration = Duration::from_hours(30 * 24);

/// One row of `MessageMarks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Gmail's id.
    pub message_id: MessageId,
    /// The life in which it was listed.
    pub epoch: Epoch,
    /// How far it has come.
    pub state: MarkState,
    /// Which judgement stands.
    pub generation: Generation,
    /// Gmail's date, once it was fetched.
    pub internal_date: Option<Timestamp>,
    /// The job that carries it, or last carried it.
    pub job_id: JobId,
    /// When it was first listed.
    pub listed_at: Timestamp,
    /// When it came to its end.
    pub done_at: Option<Timestamp>,
    /// When the mark no longer counts; never for one that is on its way or parked.
    pub expires_at: Option<Timestamp>,
    /// The forwards of the message that were begun, by the action's id.
    pub forwards: Forwards,
    /// The pack whose line is the message's result, with `RESULTS_FORMAT=packed`; named before the result is announced.
    pub pack: Option<PackKey>,
}

/// The forwards of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwards(pub BTreeMap<JobId, Forward>);

/// How far a forward has come. Gmail is not asked to send what may have been sent before somebody has looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forward {
    /// When somebody was last about to send it.
    pub intended_at: Timestamp,
    /// Gmail took it.
    pub is_sent: bool,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkState {
    /// On its way.
    Listed,
    /// Stored and announced.
    Done,
    /// There is nothing to store, and this is why.
    Skipped(SkipReason),
    /// In a dead letter.
    Parked,
}

/// One step of a forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardStep {
    /// It is about to be sent, and stands as it was `read`: never begun, or intended at that moment and not known to be
    /// sent.
    Intend {
        /// The earlier intent.
        read: Option<Timestamp>,
        /// This one.
        at: Timestamp,
    },
    /// Gmail took it.
    Sent,
    /// Gmail did not: the intent of this moment, which is not known to be sent, is forgotten.
    Withdraw {
        /// When it was intended.
        at: Timestamp,
    },
}

impl MarkState {
    /// Whether the message has come to its end, so that nothing needs to be done for it.
    pub fn is_final(self) -> bool {
        match self {
            Self::Done | Self::Skipped(_) => true,
            Self::Listed | Self::Parked => false,
        }
    }

    /// The state's word, without the reason.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Done => "done",
            Self::Skipped(_) => "skipped",
            Self::Parked => "parked",
        }
    }
}

impl Mark {
    /// Whether the mark still says anything about its message: an expired one does not, nor one of an ended life that
    /// had not come to its end.
    pub fn counts(&self, epoch: Epoch, now: Timestamp) -> bool {
        let expired = self.expires_at.is_some_and(|at| at <= now);
        !expired && (self.epoch == epoch || self.state.is_final())
    }
}

/// A message to be marked *listed*, with the job that will carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Gmail's id.
    pub message_id: MessageId,
    /// The job that carries it.
    pub job_id: JobId,
    /// What it is marked at once: *listed*, or *skipped* where the listing already shows why.
    pub state: MarkState,
}

/// A message that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Gmail's id.
    pub message_id: MessageId,
    /// *done* or *skipped*.
    pub state: MarkState,
    /// Which judgement was stored.
    pub generation: Generation,
    /// Gmail's date; `None` where it was never fetched.
    pub internal_date: Option<Timestamp>,
}

/// The pack that holds a message's result, to be named in its mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// Gmail's id.
    pub message_id: MessageId,
    /// The pack.
    pub pack: PackKey,
    /// The one that the mark named when it was read: the condition under which it may name another.
    pub over: Option<PackKey>,
}

/// How many messages of a mailbox stand in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkCounts {
    /// On their way.
    pub listed: u64,
    /// Stored and announced.
    pub done: u64,
    /// With nothing to store.
    pub skipped: u64,
    /// In a dead letter.
    pub parked: u64,
}

impl MarkCounts {
    /// Counts one more mark.
    pub fn add(&mut self, state: MarkState) {
        match state {
            MarkState::Listed => self.listed += 1,
            MarkState::Done => self.done += 1,
            MarkState::Skipped(_) => self.skipped += 1,
            MarkState::Parked => self.parked += 1,
        }
    }
}

impl std::ops::AddAssign for MarkCounts {
    fn add_assign(&mut self, other: Self) {
        self.listed += other.listed;
        self.done += other.done;
        self.skipped += other.skipped;
        self.parked += other.parked;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_of_an_ended_life_counts_only_when_it_came_to_its_end() {
        let at = Timestamp::from_millis(0);
        let mut mark = Mark {
            message_id: "m1".parse().unwrap(),
            epoch: Epoch(1),
            state: MarkState::Listed,
            generation: Generation(0),
            internal_date: None,
            job_id: "j1".parse().unwrap(),
            listed_at: at,
            done_at: None,
            expires_at: None,
            forwards: Forwards::default(),
            pack: None,
        };
        assert!(mark.counts(Epoch(1), at) && !mark.counts(Epoch(2), at));
        mark.state = MarkState::Done;
        mark.expires_at = Some(at + MARK_LIFE);
        assert!(mark.counts(Epoch(2), at) && !mark.counts(Epoch(1), at + MARK_LIFE));
    }
}
