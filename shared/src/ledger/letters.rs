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
    /// How often it was tried.
    pub tries: u32,
    /// When the job was first sent.
    pub first_seen_at: Timestamp,
    /// When it last died.
    pub last_seen_at: Timestamp,
    /// The job's body as it stood in the queue.
    pub payload: String,
    /// Where the letter stands.
    pub state: LetterState,
}

/// Which dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Of this mailbox.
    pub user_id: Option<UserId>,
    /// With this reason.
    pub reason: Option<Reason>,
    /// In this state.
    pub state: Option<LetterState>,
}

impl LetterFilter {
    /// Whether `letter` is one of those meant.
    pub fn admits(&self, letter: &DeadLetter) -> bool {
        self.user_id.as_ref().is_none_or(|user| letter.user_id.as_ref() == Some(user))
            && self.reason.is_none_or(|reason| letter.reason == reason)
            && self.state.is_none_or(|state| letter.state == state)
    }
}

/// A dead letter's key: `(userId, jobId)`, `None` standing for `-`.
pub type LetterKey = (Option<UserId>, JobId);
