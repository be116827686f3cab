//! Why a job became a dead letter, and why a message was skipped: the words that people and queues both read.

use std::time::Duration;

use crate::words::words;

words! {
    /// Why a job is a dead letter: it needs a person, or an event in the world.
    Reason, "reason" {
        /// Google said that the person's grant is dead.
        GrantDead = "grant_dead",
        /// The grant lacks a scope that reading needs.
        ScopeMissing = "scope_missing",
        /// The mailbox is paused or needs re-auth; the job waits for that to change.
        Waiting = "waiting",
        /// The body is not one of our jobs.
        Undecodable = "undecodable",
        /// The body is a job of a newer version than this program's.
        NewerSchema = "newer_schema",
        /// Failed as often as a job may.
        TooManyTries = "too_many_tries",
        /// Postponed for a whole day.
        WaitedTooLong = "waited_too_long",
        /// The queue gave up on it: its workers died without a verdict.
        NoVerdict = "no_verdict",
        /// Google answered what its documents do not allow.
        GoogleFault = "google_fault",
        /// A quota that does not come back by itself.
        Quota = "quota",
        /// Our own client or request was refused: ours to mend, nobody's re-auth.
        ClientFault = "client_fault",
        /// The message is larger than `MAX_MESSAGE_BYTES`.
        TooLarge = "too_large",
        /// An action (label, forward, webhook) was refused.
        ActionRefused = "action_refused",
    }
}

/// How long a job rests before it goes round by itself, the first time, the second and so on: an outage is mostly over
/// within the hour, a daily quota within the day.
const RESTS: [Duration; 3] =
    [Duration::from_hours(1), Duration::from_hours(6), Duration::from_hours(24)];

impl Reason {
    /// How long a job that died of this, and has gone round by itself `so_far` times, rests before it does so again;
    /// `None` where it waits for a person, or for its mailbox. Only what is known to pass goes round: Google or a store
    /// that did not answer, and a quota that comes back with the next day.
    pub fn pause_before_retry(self, so_far: u32) -> Option<Duration> {
        match self {
            Self::TooManyTries | Self::Quota => RESTS.get(usize::try_from(so_far).ok()?).copied(),
            Self::GrantDead
            | Self::ScopeMissing
            | Self::Waiting
            | Self::Undecodable
            | Self::NewerSchema
            | Self::WaitedTooLong
            | Self::NoVerdict
            | Self::GoogleFault
            | Self::ClientFault
            | Self::TooLarge
            | Self::ActionRefused => None,
        }
    }
}

words! {
    /// Why a message has no result, and none is missing.
    SkipReason, "skip reason" {
        /// A draft.
        Draft = "draft",
        /// Sent by the mailbox's owner and not received.
        SentOnly = "sent_only",
        /// In spam.
        Spam = "spam",
        /// In the trash.
        Trash = "trash",
        /// A chat, which Gmail's history lists beside mail.
        Chat = "chat",
        /// Deleted at Gmail before it was fetched.
        DeletedAtSource = "deleted_at_source",
        /// Outside `FETCH_QUERY`.
        Filtered = "filtered",
        /// Given up by a person at the dead-letter desk.
        Discarded = "discarded",
    }
}

words! {
    /// Why a mailbox is not asked for mail although its grant is alive.
    PauseReason, "pause reason" {
        /// A person paused it.
        Operator = "operator",
        /// The domain's administrator blocks our application.
        DomainPolicy = "domain_policy",
        /// The account has no Gmail mailbox.
        NoMailbox = "no_mailbox",
        /// Google has disabled the account.
        AccountDisabled = "account_disabled",
        /// The domain knows no account by the address any more: it was renamed or deleted.
        AddressGone = "address_gone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_read_as_it_is_written() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert_eq!(serde_json::to_string(reason).unwrap(), format!("\"{reason}\""));
        }
        let unknown = "tired".parse::<PauseReason>().unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "unknown pause reason; one of: operator, domain_policy, no_mailbox, account_disabled, address_gone"
        );
    }
}
