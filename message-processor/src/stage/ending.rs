//! How a job ends when some of its messages have not.
//!
//! A message that is hopeless by itself (too large, refused) becomes a dead letter of its own and does not hold the
//! others; what concerns the whole mailbox is weighed once, heaviest first.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use shared::clock::Timestamp;
use shared::disposition::{Disposition, GoogleFailure, Verdict, chain, gmail_failure};
use shared::google::GmailError;
use shared::ids::JobId;
use shared::intake::letter;
use shared::jobs::{Listed, MessageJob, RefusedToken, WithToken};
use shared::ledger::StageName;
use shared::mailbox::AccessBy;
use shared::reason::{PauseReason, Reason};
use shared::reservation::hold;
use shared::store::StoreError;

use super::{MessageProcessor, Run};

/// How long to wait when Gmail asks for patience without saying how long: the minute its quota is counted in.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Why a message has not come to its end.
pub(super) enum Leftover {
    /// Gmail refused or did not answer.
    Google(GmailError),
    /// Gmail does not have it yet.
    Late,
    /// Archive or table failed.
    Store(StoreError),
    /// The topic did not take its event.
    Unpublished,
    /// The run was about to end.
    NoTime,
}

/// What the messages that are left mean for their job, heaviest last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// There was no time.
    NoTime,
    /// May pass; counts as a try.
    Passing(String),
    /// No room, or no permission: our own fault, and no try.
    Ours(String),
    /// Gmail asks for patience.
    Patience(Option<Timestamp>),
    /// A newer access token is needed.
    TokenRefused,
    /// The mailbox is not to be asked.
    Pause(PauseReason),
    /// The grant is dead.
    Dead(Reason, String),
}

/// Messages that will not work as they are, by why.
type Hopeless = BTreeMap<(Reason, String), Vec<Listed>>;

/// What one leftover message means: for its job, or for itself alone.
pub(super) enum Meaning {
    ForTheJob(Weight),
    ForItself(Reason, String),
}

pub(super) fn meaning(leftover: &Leftover, access: AccessBy) -> Meaning {
    match leftover {
        Leftover::NoTime => Meaning::ForTheJob(Weight::NoTime),
        Leftover::Late => Meaning::ForTheJob(Weight::Passing(
            "Gmail does not have a message it listed".to_owned(),
        )),
        Leftover::Unpublished => {
            Meaning::ForTheJob(Weight::Passing("the topic refused an event".to_owned()))
        }
        Leftover::Store(error @ StoreError::Unavailable { .. }) => {
            Meaning::ForTheJob(Weight::Passing(chain(error)))
        }
        Leftover::Store(error @ (StoreError::Full { .. } | StoreError::Broken { .. })) => {
            Meaning::ForTheJob(Weight::Ours(chain(error)))
        }
        Leftover::Google(error) => match gmail_failure(error).under(access) {
            GoogleFailure::TokenRefused => Meaning::ForTheJob(Weight::TokenRefused),
            GoogleFailure::Dead(reason) => Meaning::ForTheJob(Weight::Dead(reason, chain(error))),
            GoogleFailure::Pause(reason) => Meaning::ForTheJob(Weight::Pause(reason)),
            GoogleFailure::Patience(until) => Meaning::ForTheJob(Weight::Patience(until)),
            GoogleFailure::Passing
            | GoogleFailure::Gone
            | GoogleFailure::OurClient
            | GoogleFailure::OurServiceAccount => Meaning::ForTheJob(Weight::Passing(chain(error))),
            GoogleFailure::Final(reason) => Meaning::ForItself(reason, chain(error)),
        },
    }
}

/// What is our own fault, over all messages of a job: a bucket that is forbidden fails each of 25, and is one failure.
#[derive(Default)]
struct Ours {
    messages: usize,
    first: Option<String>,
}

impl Ours {
    fn note(&mut self, weight: &Weight) {
        if let Weight::Ours(error) = weight {
            self.messages += 1;
            self.first.get_or_insert_with(|| error.clone());
        }
    }

    /// Whatever weighs more: an alarm listens for this line.
    fn tell(self) {
        if let Some(error) = self.first {
            let messages = self.messages;
            tracing::error!(messages, error, "A store is in need of its operator");
        }
    }
}

impl MessageProcessor {
    /// Ends the job: the hopeless messages go to the dead letters, the heaviest of the rest decides.
    pub(super) async fn end(
        &self,
        run: &Run<'_, MessageJob>,
        leftovers: Vec<(Listed, Leftover)>,
    ) -> Result<Disposition<MessageJob>, StoreError> {
        let something_worked = leftovers.len() < run.job.messages.len();
        let mut rest = MessageJob { messages: Vec::new(), ..run.job.clone() };
        if something_worked {
            rest.refused = None;
        }
        let mut hopeless = Hopeless::new();
        let (mut heaviest, mut ours) = (None, Ours::default());
        for (listed, leftover) in leftovers {
            match meaning(&leftover, run.mailbox.access) {
                Meaning::ForItself(reason, error) => {
                    hopeless.entry((reason, error)).or_default().push(listed);
                }
                Meaning::ForTheJob(weight) => {
                    ours.note(&weight);
                    heaviest = heaviest.max(Some(weight));
                    rest.messages.push(listed);
                }
            }
        }
        ours.tell();
        if let Some(letter) = whole(run.job, &hopeless) {
            return Ok(letter);
        }
        self.give_up(run, hopeless).await?;
        match heaviest {
            None => Ok(Disposition::Done),
            Some(weight) => self.weigh(run, rest, weight).await,
        }
    }

    /// Sends hopeless messages to the dead letters, under names that a repeated run gives again.
    async fn give_up(
        &self,
        run: &Run<'_, MessageJob>,
        hopeless: Hopeless,
    ) -> Result<(), StoreError> {
        for ((reason, error), messages) in hopeless {
            let mut job = MessageJob { messages, ..run.job.clone() };
            job.header.job_id = part_id(&job, reason);
            job.header.replay_of = None;
            let letter_id = &job.header.job_id;
            for message in &job.messages {
                tracing::error!(jobId = %letter_id, messageId = %message.id, %reason, error, "Given up");
            }
            let verdict = Verdict { job, reason, error, consent: None };
            let receives = run.attempt.tries.saturating_sub(run.job.header.tries);
            let letter = letter(&verdict, StageName::MessageProcessor, receives);
            let refused = self.dead_letters.send(vec![letter]);
            if !refused.await?.is_empty() {
                let source = "the queue refused it".into();
                return Err(StoreError::Unavailable { doing: "sending a dead letter", source });
            }
        }
        Ok(())
    }

    /// How a job goes on whose remaining part this keeps from its end.
    pub(super) async fn weigh<J: WithToken>(
        &self,
        run: &Run<'_, J>,
        mut rest: J,
        weight: Weight,
    ) -> Result<Disposition<J>, StoreError> {
        let (attempt, user, grant) = (run.attempt, &run.mailbox.user_id, run.mailbox.grant);
        Ok(match weight {
            Weight::NoTime => attempt.postpone(rest, attempt.now),
            Weight::Passing(error) => attempt.failed(rest, error),
            Weight::Ours(_) => attempt.postpone(rest, attempt.now + attempt.retry_base),
            Weight::Dead(reason, error) => dead(run, rest, reason, error),
            Weight::Patience(until) => {
                let until = until.unwrap_or(attempt.now + PATIENCE);
                hold(&*self.mailboxes, user, until).await?;
                attempt.postpone(rest, until)
            }
            Weight::Pause(reason) => {
                tracing::warn!(%reason, "Paused: Google does not let this mailbox be read");
                // Stale is as good: the life has ended.
                let _ = self.mailboxes.pause(user, run.mailbox.epoch, reason).await?;
                Disposition::dead(rest, Reason::Waiting, format!("the mailbox is paused: {reason}"))
            }
            Weight::TokenRefused if rest.refused().is_some_and(|token| token.grant == grant) => {
                attempt.refused_again(rest, run.mailbox)
            }
            Weight::TokenRefused => {
                rest.set_refused(Some(RefusedToken { version: run.access.version, grant }));
                self.wait_for_token(rest, run.mailbox, attempt).await?
            }
        })
    }
}

fn dead<J>(run: &Run<'_, J>, job: J, reason: Reason, error: String) -> Disposition<J> {
    Disposition::DeadLetter(Box::new(Verdict { job, reason, error, consent: Some(run.consent()) }))
}

/// A job of which every message is hopeless for the same reason is itself the dead letter: a replay that fails again
/// is the letter that it was replayed from, and not another one.
fn whole(job: &MessageJob, hopeless: &Hopeless) -> Option<Disposition<MessageJob>> {
    let ((reason, error), messages) = hopeless.first_key_value()?;
    let all = messages.len() == job.messages.len();
    all.then(|| Disposition::dead(job.clone(), *reason, error.clone()))
}

/// The name of a part of a job: a function of the job, the reason and the messages.
fn part_id(job: &MessageJob, reason: Reason) -> JobId {
    let mut parts = vec![job.header.job_id.as_str(), reason.as_str()];
    parts.extend(job.messages.iter().map(|listed| listed.id.as_str()));
    let digest = digest(&SHA256, parts.join("\n").as_bytes());
    hex::encode(&digest.as_ref()[..16])
        .parse()
        .unwrap_or_else(|_| unreachable!("32 hex digits are a jobId"))
}
