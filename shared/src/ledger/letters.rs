//! A dead letter, as it is kept and asked for.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{JobId, UserId};
use crate::reason::Reason;
use crate::words::words;

words! {
    /// Where a dead letter stands.
    LetterState, "dead-letter state" {
        /// Waits for a person or an event in the world.
        Parked = "parked",
        /// On its way again.
        Replaying = "replaying",
        /// The job came to its end.
        Resolved = "resolved",
        /// Given up by a person.
        Discarded = "discarded",
    }
}

words! {
    /// The stage a job died in.
    StageName, "stage" {
        /// Brings mailboxes up to date.
        UserWorker = "user-worker",
        /// Fetches, understands, stores and announces messages.
        MessageProcessor = "message-processor",
    }
}

words! {
    /// What sent a letter round again.
    Trigger, "trigger" {
        /// A person at the desk.
        Order = "order",
        /// What its mailbox waited for has happened: a new consent, the end of a pause.
        Release = "release",
        /// Its reason is known to pass, and its time had come.
        Retry = "retry",
        /// Its grant was called dead while many were, and is asked once more.
        Doubt = "doubt",
    }
}

/// One row of `DeadLetters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Whose mailbox; `None` where the body could not be read.
    pub user_id: Option<UserId>,
    /// The job's name; for an unreadable body its SHA-256 in hex.
    pub job_id: JobId,
    /// Where it died.
    pub stage: StageName,
    /// Why.
    pub reason: Reason,
    /// The last error, in words without content.
    pub error: String,
    /// How often it was tried before it last died.
    pub tries: u32,
    /// When the job was first sent.
    pub first_seen_at: Timestamp,
    /// When it last died.
    pub last_seen_at: Timestamp,
    /// The job's body as it stood in the queue.
    pub payload: String,
    /// Where the letter stands.
    pub state: LetterState,
    /// How often it has gone round by itself since a person last sent it.
    pub retries: u32,
    /// When it goes round by itself; `None` where it waits for a person, or for its mailbox.
    pub retry_at: Option<Timestamp>,
    /// What became of it, oldest first: the first entry and the last [`HISTORY`].
    pub history: History,
}

/// How many entries of a letter's history are kept beside its first.
pub const HISTORY: usize = 40;

/// What became of a letter, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History(pub Vec<Happening>);

/// One thing that became of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Turn,
}

/// What becomes of a letter. Its word is the state that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Turn {
    /// Its job died.
    Parked {
        /// Why.
        reason: Reason,
        /// The error, in words.
        error: String,
        /// After how many tries.
        tries: u32,
    },
    /// Its job was sent round again.
    Replaying(Sent),
    /// Its job came to its end.
    Resolved,
    /// It was given up.
    Discarded {
        /// By which order of the desk; `None` where its mailbox's life had ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<u64>,
    },
}

/// Who sent a letter round again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// What made it.
    pub by: Trigger,
    /// The number of the order, where a person gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u64>,
}

impl Sent {
    /// Not by a person.
    pub fn by_itself(by: Trigger) -> Self {
        Self { by, order: None }
    }
}

impl Turn {
    /// The state that it leads to.
    pub fn state(&self) -> LetterState {
        match self {
            Self::Parked { .. } => LetterState::Parked,
            Self::Replaying(_) => LetterState::Replaying,
            Self::Resolved => LetterState::Resolved,
            Self::Discarded { .. } => LetterState::Discarded,
        }
    }
}

impl LetterState {
    /// Whether somebody or something still has to do with the letter.
    pub fn is_open(self) -> bool {
        match self {
            Self::Parked | Self::Replaying => true,
            Self::Resolved | Self::Discarded => false,
        }
    }
}

impl DeadLetter {
    /// Its key.
    pub fn key(&self) -> LetterKey {
        (self.user_id.clone(), self.job_id.clone())
    }

    /// Who last sent it round again; `None` for one that never was.
    pub fn last_sent(&self) -> Option<Sent> {
        self.history.0.iter().rev().find_map(|happening| match &happening.what {
            Turn::Replaying(sent) => Some(*sent),
            Turn::Parked { .. } | Turn::Resolved | Turn::Discarded { .. } => None,
        })
    }

    /// Whether this order has sent it round or given it up.
    pub fn was_touched_by(&self, order: u64) -> bool {
        let by_it = |turn: &Turn| match turn {
            Turn::Replaying(sent) => sent.order == Some(order),
            Turn::Discarded { order: by } => *by == Some(order),
            Turn::Parked { .. } | Turn::Resolved => false,
        };
        self.history.0.iter().any(|happening| by_it(&happening.what))
    }

    /// Whether this order has sent it round before, whatever has become of it since.
    pub fn was_sent_by(&self, order: u64) -> bool {
        let by_it =
            |turn: &Turn| matches!(turn, Turn::Replaying(sent) if sent.order == Some(order));
        self.history.0.iter().any(|happening| by_it(&happening.what))
    }
}

/// Which dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LetterFilter {
    /// Of this mailbox.
    pub user_id: Option<UserId>,
    /// With this reason.
    pub reason: Option<Reason>,
    /// That died in this stage.
    pub stage: Option<StageName>,
    /// In this state.
    pub state: Option<LetterState>,
    /// That last died at this moment or later.
    pub since: Option<Timestamp>,
    /// That last died before this moment.
    pub until: Option<Timestamp>,
}

impl LetterFilter {
    /// Whether `letter` is one of those meant.
    pub fn admits(&self, letter: &DeadLetter) -> bool {
        self.user_id.as_ref().is_none_or(|user| letter.user_id.as_ref() == Some(user))
            && self.reason.is_none_or(|reason| letter.reason == reason)
            && self.stage.is_none_or(|stage| letter.stage == stage)
            && self.state.is_none_or(|state| letter.state == state)
            && self.since.is_none_or(|since| letter.last_seen_at >= since)
            && self.until.is_none_or(|until| letter.last_seen_at < until)
    }
}

/// A dead letter's key: `(userId, jobId)`, `None` standing for `-`.
pub type LetterKey = (Option<UserId>, JobId);
