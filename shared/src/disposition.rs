//! How a job ends: a value, decided by the stage, carried out by [`crate::intake`].

use std::time::Duration;

use crate::clock::{Chance, Timestamp};
use crate::google::{DelegationError, GmailError, OAuthError};
use crate::ids::{Epoch, Grant};
use crate::jobs::Job;
use crate::mailbox::{AccessBy, Mailbox};
use crate::reason::{PauseReason, Reason};
use crate::store::StoreError;

/// The try at which a stage gives up by itself. The queue's own limit is twice that, a net for crashes.
pub const MAX_TRIES: u32 = 5;

/// How long a job may be postponed in all before a person should know.
pub const MAX_WAIT: Duration = Duration::from_hours(24);

/// What the queue should do with a job we have finished looking at.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Disposition<J> {
    /// Finished, or nothing to do: delete it.
    Done,
    /// Failed, may work later: hide it for `after`, then show it again. Counts as a try.
    Retry {
        /// How long it stays hidden.
        after: Duration,
        /// What failed, for the log.
        error: String,
    },
    /// Not its turn (quota, token, no room): send a delayed copy of what is not finished. Does not count as a try.
    Postpone {
        /// When its turn comes.
        until: Timestamp,
        /// What is not finished of it.
        job: J,
    },
    /// Will not work as it is: send it to the dead letters, with a reason that people can read.
    DeadLetter(Box<Verdict<J>>),
}

/// Why a job is a dead letter.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict<J> {
    /// What is not finished of it.
    pub job: J,
    /// The reason.
    pub reason: Reason,
    /// The last error, in words without content.
    pub error: String,
    /// The consent whose token was used, where one was: only that consent is ever called dead.
    pub consent: Option<(Epoch, Grant)>,
}

impl<J> Disposition<J> {
    /// A dead letter without a consent to blame.
    pub fn dead(job: J, reason: Reason, error: impl Into<String>) -> Self {
        Self::DeadLetter(Box::new(Verdict { job, reason, error: error.into(), consent: None }))
    }

    /// The same about the job as `wrap` makes it.
    pub fn map<K>(self, wrap: impl FnOnce(J) -> K) -> Disposition<K> {
        match self {
            Self::Done => Disposition::Done,
            Self::Retry { after, error } => Disposition::Retry { after, error },
            Self::Postpone { until, job } => Disposition::Postpone { until, job: wrap(job) },
            Self::DeadLetter(verdict) => {
                let Verdict { job, reason, error, consent } = *verdict;
                Disposition::DeadLetter(Box::new(Verdict {
                    job: wrap(job),
                    reason,
                    error,
                    consent,
                }))
            }
        }
    }

    /// The word for it in the log.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry { .. } => "retry",
            Self::Postpone { .. } => "postpone",
            Self::DeadLetter(_) => "dead_letter",
        }
    }
}

/// One look at a job: when, until when, and the how-manieth. It turns failures into dispositions.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When the job was begun; read once.
    pub now: Timestamp,
    /// Near this nothing new is begun.
    pub deadline: Timestamp,
    /// Which try this is, from 1.
    pub tries: u32,
    /// `RETRY_BASE`.
    pub retry_base: Duration,
    /// The job's grant was called dead while many were: its next answer counts.
    pub in_doubt: bool,
    /// For jitter, and for the names of jobs that this one causes.
    pub chance: Chance,
}

impl Attempt {
    /// A failure that may pass: another try later, or after the fifth the dead letters.
    pub fn failed<J>(&self, job: J, error: impl Into<String>) -> Disposition<J> {
        self.failed_for(job, Reason::TooManyTries, error)
    }

    /// The same, for a reason that says more than how often it was tried.
    pub fn failed_for<J>(
        &self,
        job: J,
        reason: Reason,
        error: impl Into<String>,
    ) -> Disposition<J> {
        if self.tries >= MAX_TRIES {
            return Disposition::dead(job, reason, error);
        }
        Disposition::Retry { after: self.chance.jitter(self.backoff()), error: error.into() }
    }

    /// Gmail refused a token newer than the one that it had just refused. A consent is dead then. A token by delegation
    /// Google made out a moment ago, and nothing but Google could have ended it: that may pass.
    pub fn refused_again<J>(&self, job: J, mailbox: &Mailbox) -> Disposition<J> {
        let error = "Gmail refused a token newer than the one that it had refused before";
        match mailbox.access {
            AccessBy::Consent => Disposition::DeadLetter(Box::new(Verdict {
                job,
                reason: Reason::GrantDead,
                error: error.to_owned(),
                consent: Some((mailbox.epoch, mailbox.grant)),
            })),
            AccessBy::Delegation => self.failed_for(job, Reason::GoogleFault, error),
        }
    }

    /// Not this job's turn before `until`.
    pub fn postpone<J: Job>(&self, job: J, until: Timestamp) -> Disposition<J> {
        if self.now.since(job.header().first_seen_at) >= MAX_WAIT {
            return Disposition::dead(job, Reason::WaitedTooLong, "postponed for a whole day");
        }
        Disposition::Postpone { until, job }
    }

    /// The job has done its share of work and goes on at its next paced turn, which is not waiting.
    pub fn next_turn<J: Job>(&self, mut job: J, until: Timestamp) -> Disposition<J> {
        job.header_mut().first_seen_at = until;
        Disposition::Postpone { until, job }
    }

    /// A store that failed. Only one that did not answer costs a try: no room, or no permission, is our own fault,
    /// and no job pays for it.
    pub fn store_failed<J: Job>(&self, job: J, error: &StoreError) -> Disposition<J> {
        match error {
            StoreError::Unavailable { .. } => self.failed(job, chain(error)),
            StoreError::Full { .. } | StoreError::Broken { .. } => {
                tracing::error!(error = chain(error), "A store is in need of its operator");
                self.postpone(job, self.now + self.retry_base)
            }
        }
    }

    /// `RETRY_BASE` × 1, 4, 16, 30: with the default 30 s, 2 min, 8 min and 15 min.
    fn backoff(&self) -> Duration {
        let times = match self.tries {
            0 | 1 => 1,
            2 => 4,
            3 => 16,
            _ => 30,
        };
        self.retry_base * times
    }
}

/// What a failure of Google's means for the job that met it. The stage adds what it knows of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoogleFailure {
    /// The access token was refused: a newer one may do.
    TokenRefused,
    /// The person's grant is dead, or lacks what reading needs.
    Dead(Reason),
    /// The mailbox is not to be asked again until somebody changes something.
    Pause(PauseReason),
    /// Google does not take our own client: nobody's job pays for that.
    OurClient,
    /// Google does not take our service account, or there is none: the same, for mailboxes that are read by delegation.
    OurServiceAccount,
    /// Wait until this moment; `None` leaves it to us.
    Patience(Option<Timestamp>),
    /// May pass.
    Passing,
    /// Does not pass by itself.
    Final(Reason),
    /// It is not there.
    Gone,
}

impl GoogleFailure {
    /// The same failure, met by a mailbox that is read so. Where its administrator gave the permission its owner has
    /// none to renew: what is dead or lacking is the domain's matter.
    #[must_use]
    pub fn under(self, access: AccessBy) -> Self {
        match (access, self) {
            (AccessBy::Delegation, Self::Dead(_)) => Self::Pause(PauseReason::DomainPolicy),
            (AccessBy::Consent | AccessBy::Delegation, other) => other,
        }
    }
}

/// The one place that says what each of Gmail's failures means.
pub fn gmail_failure(error: &GmailError) -> GoogleFailure {
    match error {
        GmailError::Unauthorized => GoogleFailure::TokenRefused,
        GmailError::ScopeMissing => GoogleFailure::Dead(Reason::ScopeMissing),
        GmailError::DomainPolicy => GoogleFailure::Pause(PauseReason::DomainPolicy),
        GmailError::NoMailbox => GoogleFailure::Pause(PauseReason::NoMailbox),
        GmailError::RateLimited { until } => GoogleFailure::Patience(*until),
        GmailError::Backend { .. }
        | GmailError::Unreachable { .. }
        | GmailError::Malformed { .. } => GoogleFailure::Passing,
        GmailError::DailyLimit => GoogleFailure::Final(Reason::Quota),
        GmailError::NotConfigured | GmailError::BadRequest { .. } => {
            GoogleFailure::Final(Reason::ClientFault)
        }
        GmailError::Refused { .. } => GoogleFailure::Final(Reason::GoogleFault),
        GmailError::TooLarge { .. } => GoogleFailure::Final(Reason::TooLarge),
        GmailError::NotFound => GoogleFailure::Gone,
    }
}

/// The one place that says what each failure of a refresh means. Only `invalid_grant` is a dead grant.
pub fn oauth_failure(error: &OAuthError) -> GoogleFailure {
    match error {
        OAuthError::GrantDead { .. } => GoogleFailure::Dead(Reason::GrantDead),
        OAuthError::AdminPolicy { .. } => GoogleFailure::Pause(PauseReason::DomainPolicy),
        OAuthError::ClientFault { .. } => GoogleFailure::OurClient,
        OAuthError::RateLimited { until } => GoogleFailure::Patience(*until),
        // Only for who does not treat it as a store's failure, which costs no try.
        OAuthError::Credentials(_)
        | OAuthError::Backend { .. }
        | OAuthError::Unreachable { .. }
        | OAuthError::Malformed { .. } => GoogleFailure::Passing,
    }
}

/// The one place that says what it means that no token was given by delegation. It is the domain's matter, the account's
/// or ours, and never its owner's: nobody is sent to a consent page who has never seen one.
pub fn delegation_failure(error: &DelegationError) -> GoogleFailure {
    match error {
        DelegationError::NotAuthorized { .. } => GoogleFailure::Pause(PauseReason::DomainPolicy),
        DelegationError::NoSuchAccount => GoogleFailure::Pause(PauseReason::AddressGone),
        DelegationError::NoKey
        | DelegationError::Assertion { .. }
        | DelegationError::ServiceAccount { .. } => GoogleFailure::OurServiceAccount,
        DelegationError::RateLimited { until } => GoogleFailure::Patience(*until),
        // Only for who does not treat it as a store's failure, which costs no try.
        DelegationError::Credentials(_)
        | DelegationError::Unheard { .. }
        | DelegationError::Backend { .. }
        | DelegationError::Unreachable { .. }
        | DelegationError::Malformed { .. } => GoogleFailure::Passing,
    }
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{Cause, JobHeader, UserJob, UserJobKind};

    fn attempt(tries: u32, now: Timestamp) -> Attempt {
        let retry_base = Duration::from_secs(30);
        Attempt {
            now,
            deadline: now + Duration::from_mins(1),
            tries,
            retry_base,
            in_doubt: false,
            chance: Chance::seeded(1),
        }
    }

    fn job(first_seen_at: Timestamp) -> UserJob {
        let header =
            JobHeader::new("42".parse().unwrap(), Epoch(1), first_seen_at, &Chance::seeded(2));
        UserJob { header, kind: UserJobKind::Sync, cause: Cause::Schedule }
    }

    #[test]
    fn four_failures_are_retried_ever_later_and_the_fifth_is_a_dead_letter() {
        let now = Timestamp::from_millis(0);
        for (tries, longest) in [(1, 30), (2, 120), (3, 480), (4, 900)] {
            let Disposition::Retry { after, .. } = attempt(tries, now).failed((), "no") else {
                panic!("{tries}")
            };
            assert!((longest / 2..=longest).contains(&after.as_secs()), "{tries}: {after:?}");
        }
        let Disposition::DeadLetter(verdict) = attempt(5, now).failed((), "no") else { panic!() };
        assert_eq!((verdict.reason, verdict.error.as_str()), (Reason::TooManyTries, "no"));
    }

    #[test]
    fn waiting_for_a_day_is_told_to_a_person_but_a_paced_turn_is_not_waiting() {
        let (start, now) = (Timestamp::from_millis(0), Timestamp::from_millis(0) + MAX_WAIT);
        let until = now + Duration::from_mins(1);
        let Disposition::DeadLetter(verdict) = attempt(1, now).postpone(job(start), until) else {
            panic!()
        };
        assert_eq!(verdict.reason, Reason::WaitedTooLong);
        let Disposition::Postpone { job, .. } = attempt(1, now).next_turn(job(start), until) else {
            panic!()
        };
        assert_eq!(job.header.first_seen_at, until);
    }

    #[test]
    fn no_room_costs_no_try() {
        let full = StoreError::Full { doing: "testing", source: "disk full".into() };
        let now = Timestamp::from_millis(0);
        assert_eq!(attempt(5, now).store_failed(job(now), &full).word(), "postpone");
        let busy = StoreError::Unavailable { doing: "testing", source: "busy".into() };
        assert_eq!(attempt(5, now).store_failed(job(now), &busy).word(), "dead_letter");
    }
}
