//! One action on one message that is stored: labelled, forwarded, or told to a program.
//!
//! It is a job of its own, and its end is announced before it is acknowledged. What may have happened happens again, and
//! labels do not mind; whoever gets a webhook twice knows it by its id; a forward is looked for before it is sent again
//! (`forward.rs`).

mod forward;
mod gmail;

use shared::action::{ActionEnd, ActionKind};
use shared::disposition::{Attempt, Disposition, chain};
use shared::events::Event;
use shared::google::GmailError;
use shared::jobs::ActionJob;
use shared::mailbox::Mailbox;
use shared::pacing::patience;
use shared::pack::{Pack, PackKey};
use shared::reason::Reason;
use shared::replay::resolve;
use shared::result::{Action, ActionState, MessageResult};
use shared::store::StoreError;
use shared::webhook::{Webhook, WebhookError};

use self::gmail::{INBOX, UNREAD};
use super::ending::{Leftover, Meaning, PATIENCE, meaning};
use super::{MessageProcessor, Run};
use crate::actions::finished::Finished;
use crate::actions::plan::{Means, not_allowed};
use crate::announce::Announcer;

/// What there is to do, and to what.
struct Task {
    mailbox: Mailbox,
    action: Action,
    result: MessageResult,
    /// What announced it.
    event: Event,
}

/// How an attempt ended.
enum End {
    /// There was nothing to do: the life has ended, or the action is not asked for any more.
    Nothing,
    /// It is done.
    Done,
    /// It cannot be done, and there is nobody who could change that.
    Failed(String),
    /// It goes on, or waits for a person.
    Not(Disposition<ActionJob>),
}

impl MessageProcessor {
    /// Does one action.
    pub(super) async fn act(&self, job: ActionJob, attempt: Attempt) -> Disposition<ActionJob> {
        match self.try_to_act(&job, &attempt).await {
            Ok(disposition) => disposition,
            Err(error) => {
                let given_up = attempt.store_failed(job.clone(), &error);
                self.tell_what_was_given_up(&job, given_up).await
            }
        }
    }

    /// A store that has failed for good may be another than those that say so. Where it is not, the dead letter is all that
    /// is told.
    async fn tell_what_was_given_up(
        &self,
        job: &ActionJob,
        given_up: Disposition<ActionJob>,
    ) -> Disposition<ActionJob> {
        if let Disposition::DeadLetter(verdict) = &given_up
            && let Ok(Some(task)) = self.task(job).await
        {
            let (reason, why) = (Some(verdict.reason), Some(verdict.error.as_str()));
            let told = self.announce_end(job, &task, ActionEnd::Failed, reason, why).await;
            if let Err(error) = told {
                tracing::error!(error = chain(&error), "Nobody is told how an action ended");
            }
        }
        given_up
    }

    async fn try_to_act(
        &self,
        job: &ActionJob,
        attempt: &Attempt,
    ) -> Result<Disposition<ActionJob>, StoreError> {
        let Some(task) = self.task(job).await? else {
            resolve(&*self.letters, &job.header, self.clock.now()).await?;
            return Ok(Disposition::Done);
        };
        let means = Means::of(&self.settings, self.webhooks.is_some());
        let end = if self.clock.now() >= attempt.deadline {
            End::Not(attempt.postpone(job.clone(), attempt.now))
        } else if let Some(why) = not_allowed(&task.action, &task.mailbox.scopes, &means) {
            End::Not(Disposition::dead(job.clone(), Reason::ActionRefused, why))
        } else if job.action == ActionKind::Webhook {
            self.tell(job, &task, attempt).await?
        } else {
            self.change(job, &task, attempt).await?
        };
        self.conclude(job, &task, end).await
    }

    /// The action as the result has it, while the mailbox is in the life that asked for it.
    async fn task(&self, job: &ActionJob) -> Result<Option<Task>, StoreError> {
        let Some(mailbox) = self.mailboxes.get(&job.header.user_id).await? else {
            return Ok(None);
        };
        if mailbox.epoch != job.header.epoch || mailbox.disconnected_at.is_some() {
            return Ok(None);
        }
        let Some((result, event)) = self.announced(job).await? else { return Ok(None) };
        let ours = result.user_id.as_ref() == Some(&job.header.user_id)
            && result.message_id.as_ref() == Some(&job.message_id);
        let is_it = |action: &&Action| {
            action.id.as_ref() == Some(&job.header.job_id)
                && action.kind == job.action
                && action.state == ActionState::Pending
        };
        let action = result.actions.iter().find(is_it).filter(|_| ours).cloned();
        Ok(action.map(|action| Task { mailbox, action, result, event }))
    }

    /// The result as it is stored, by itself or as a line of a pack, and what announces it.
    async fn announced(
        &self,
        job: &ActionJob,
    ) -> Result<Option<(MessageResult, Event)>, StoreError> {
        let Some(bytes) = self.archive.get(&job.result).await? else { return Ok(None) };
        let announcer = Announcer {
            stack: &self.settings.stack,
            event_data: self.settings.event_data,
            user: &job.header.user_id,
            lane: job.lane,
        };
        if let Ok(key) = job.result.parse::<PackKey>() {
            let line = Pack::read(&bytes)?.line_of(&job.message_id).cloned();
            return Ok(line.map(|line| {
                let event = announcer.event_of_line(&key, &line);
                (line.result, event)
            }));
        }
        let result = serde_json::from_slice(&bytes).map_err(|error| StoreError::Broken {
            doing: "reading a result",
            source: error.into(),
        })?;
        let event = announcer.event(&job.result, &result, &bytes);
        Ok(Some((result, event)))
    }

    /// Announces an end, and only then lets the job go.
    async fn conclude(
        &self,
        job: &ActionJob,
        task: &Task,
        end: End,
    ) -> Result<Disposition<ActionJob>, StoreError> {
        let disposition = match end {
            End::Nothing => Disposition::Done,
            End::Done => {
                self.announce_end(job, task, ActionEnd::Done, None, None).await?;
                Disposition::Done
            }
            End::Failed(why) => {
                self.announce_end(job, task, ActionEnd::Failed, None, Some(&why)).await?;
                Disposition::Done
            }
            End::Not(Disposition::DeadLetter(verdict)) => {
                // What waits for its mailbox goes round again by itself, and has not ended.
                if !matches!(verdict.reason, Reason::Waiting | Reason::GrantDead) {
                    let (reason, why) = (Some(verdict.reason), Some(verdict.error.as_str()));
                    self.announce_end(job, task, ActionEnd::Failed, reason, why).await?;
                }
                Disposition::DeadLetter(verdict)
            }
            End::Not(other) => other,
        };
        if matches!(disposition, Disposition::Done) {
            resolve(&*self.letters, &job.header, self.clock.now()).await?;
        }
        Ok(disposition)
    }

    async fn announce_end(
        &self,
        job: &ActionJob,
        task: &Task,
        end: ActionEnd,
        reason: Option<Reason>,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        let finished = Finished {
            mailbox: &task.mailbox,
            message_id: &job.message_id,
            generation: job.generation,
            action: &job.header.job_id,
            kind: job.action,
            end,
            reason,
            detail,
            at: self.clock.now(),
        };
        let refused = self.events.publish(&[finished.event(&self.settings.stack)]).await?;
        if refused.is_empty() {
            return Ok(());
        }
        let source = "the topic refused it".into();
        Err(StoreError::Unavailable { doing: "publishing an event", source })
    }

    /// Tells a program. It needs neither Gmail nor a mailbox that can be read.
    async fn tell(
        &self,
        job: &ActionJob,
        task: &Task,
        attempt: &Attempt,
    ) -> Result<End, StoreError> {
        let Some(webhooks) = &self.webhooks else { return Ok(End::Nothing) };
        let body = serde_json::to_string(&task.event).map_err(|error| StoreError::Broken {
            doing: "writing a webhook",
            source: error.into(),
        })?;
        let webhook = Webhook { id: job.header.job_id.clone(), at: self.clock.now(), body };
        let address = task.action.target.as_deref().unwrap_or_default();
        Ok(match webhooks.post(address, &webhook).await {
            Ok(()) => End::Done,
            Err(WebhookError::Keys(error)) => return Err(error),
            Err(WebhookError::Resting { until }) => End::Not(attempt.postpone(job.clone(), until)),
            Err(error @ (WebhookError::Forbidden(_) | WebhookError::Gone)) => {
                End::Not(Disposition::dead(job.clone(), Reason::ActionRefused, chain(&error)))
            }
            Err(error @ (WebhookError::Answered { .. } | WebhookError::Unreachable { .. })) => {
                End::Not(attempt.failed(job.clone(), chain(&error)))
            }
        })
    }

    /// Has Gmail change or send something, with the mailbox's access token.
    async fn change(
        &self,
        job: &ActionJob,
        task: &Task,
        attempt: &Attempt,
    ) -> Result<End, StoreError> {
        let mailbox = &task.mailbox;
        if !mailbox.is_readable() {
            let why = "the mailbox is paused or needs its owner's consent";
            return Ok(End::Not(Disposition::dead(job.clone(), Reason::Waiting, why)));
        }
        if let Some(until) = patience(mailbox.pace, attempt.now) {
            return Ok(End::Not(attempt.postpone(job.clone(), until)));
        }
        let Some(access) = self.access(mailbox, job, attempt).await? else {
            return Ok(End::Not(self.wait_for_token(job.clone(), mailbox, attempt).await?));
        };
        // What is to be done was decided when the message was judged.
        let run = Run { job, attempt, mailbox, access: &access, rules: None };
        let tried = match job.action {
            ActionKind::Archive => self.take_off(&run, INBOX).await.map(|()| End::Done),
            ActionKind::MarkRead => self.take_off(&run, UNREAD).await.map(|()| End::Done),
            ActionKind::Label => self.put_on(&run, task).await.map(|()| End::Done),
            ActionKind::Forward => self.forward(&run, task).await?,
            // It needs no mailbox, and never comes here.
            ActionKind::Webhook => Ok(End::Nothing),
        };
        match tried {
            Ok(end) => Ok(end),
            Err(error) => self.refused(&run, error).await,
        }
    }

    /// What it means that Gmail did not do what it was asked to. It concerns the action alone: a scope that only this needs, a
    /// name that Gmail does not take, a domain that lets nobody send and a sending limit that lasts until tomorrow say
    /// nothing of whether the mailbox can be read. Where they do, the next listing meets them too.
    async fn refused(
        &self,
        run: &Run<'_, ActionJob>,
        error: GmailError,
    ) -> Result<End, StoreError> {
        let job = run.job.clone();
        if matches!(error, GmailError::NotFound) {
            return Ok(End::Failed("the message is not in the mailbox any more".to_owned()));
        }
        if let GmailError::RateLimited { until } = error {
            let until = until.unwrap_or(run.attempt.now + PATIENCE);
            return Ok(End::Not(run.attempt.postpone(job, until)));
        }
        if matches!(
            error,
            GmailError::ScopeMissing
                | GmailError::BadRequest { .. }
                | GmailError::DomainPolicy
                | GmailError::NoMailbox
        ) {
            let why = chain(&error);
            return Ok(End::Not(Disposition::dead(job, Reason::ActionRefused, why)));
        }
        Ok(End::Not(match meaning(&Leftover::Google(error), run.mailbox.access) {
            Meaning::ForItself(reason, why) => Disposition::dead(job, reason, why),
            Meaning::ForTheJob(weight) => self.weigh(run, job, weight).await?,
        }))
    }
}
