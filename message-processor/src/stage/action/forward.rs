//! A forward: intent → send → sent → announce → acknowledge.
//!
//! What Gmail was asked to send it may have sent, whether or not its answer arrived. So the intent stands in the message's
//! mark before; and an intent without an end is looked up before anything is sent again. It is sent at least once: twice,
//! where Gmail's search does not show within minutes what Gmail has sent.

use std::time::Duration;

use shared::google::{GmailError, MAX_SENT, Search};
use shared::ids::{JobId, MessageId};
use shared::jobs::ActionJob;
use shared::mark::{Forward as Begun, ForwardStep, Mark};
use shared::result::{CarriedAs, original_key};
use shared::secret::AccessToken;
use shared::store::{StoreError, Write};

use super::super::{MessageProcessor, Run};
use super::{End, Task};
use crate::actions::forward::is_forward;
use crate::actions::plan::hop;
use crate::actions::{Forward, Unsendable};

/// How long an intent is left alone: whoever had it may still be at it, for a call takes 90 s at most, and Gmail's search runs
/// behind its mailboxes by a time that Google does not tell.
const SETTLES: Duration = Duration::from_mins(2);

/// Where the Message-ID finds nothing, so many of the messages to the target are looked at that were sent about then.
const LOOKED_AT: usize = 40;

/// How long before and after an intent Gmail may date what came of it: its clock is another's, and a call takes its time.
const ABOUT_THEN: Duration = Duration::from_mins(2);

/// What Gmail said or did not say.
type Asked<T> = Result<T, GmailError>;

/// Whether Gmail says that it has not sent it. Of what it does not say that, nobody knows.
fn is_refusal(error: &GmailError) -> bool {
    match error {
        GmailError::Backend { .. }
        | GmailError::Unreachable { .. }
        | GmailError::Malformed { .. } => false,
        GmailError::BadRequest { .. }
        | GmailError::NoMailbox
        | GmailError::Unauthorized
        | GmailError::ScopeMissing
        | GmailError::DomainPolicy
        | GmailError::RateLimited { .. }
        | GmailError::DailyLimit
        | GmailError::NotConfigured
        | GmailError::NotFound
        | GmailError::Refused { .. }
        | GmailError::TooLarge { .. } => true,
    }
}

impl MessageProcessor {
    /// Sends the message on, unless it was sent.
    pub(super) async fn forward(
        &self,
        run: &Run<'_, ActionJob>,
        task: &Task,
    ) -> Result<Asked<End>, StoreError> {
        let (user, id) = (&run.mailbox.user_id, &run.job.header.job_id);
        let marks = self.marks.get(user, std::slice::from_ref(&run.job.message_id)).await?;
        let Some(mark) = marks.into_iter().flatten().next() else {
            return Ok(Ok(End::Failed("nothing is known of the message any more".to_owned())));
        };
        let begun = mark.forwards.0.get(id).copied();
        if begun.is_some_and(|begun| begun.is_sent) {
            return Ok(Ok(End::Done));
        }
        if let Some(begun) = begun {
            let settled = begun.intended_at + SETTLES;
            if run.attempt.now < settled {
                let later = run.attempt.postpone(run.job.clone(), settled);
                return Ok(Ok(End::Not(later)));
            }
        }
        let hop = hop(&self.settings.stack, user);
        let forward = Forward {
            action: id,
            from: &run.mailbox.email,
            to: task.action.target.as_deref().unwrap_or_default(),
            carried: task.action.original.unwrap_or(CarriedAs::Attached),
            hop: &hop,
            at: self.clock.now(),
        };
        if let Some(begun) = begun {
            match self.was_sent(run, &forward, begun).await {
                Ok(false) => {}
                Ok(true) => return self.note_sent(run, &mark).await.map(Ok),
                Err(error) => return Ok(Err(error)),
            }
        }
        self.send_once(run, task, &mark, &forward, begun).await
    }

    async fn send_once(
        &self,
        run: &Run<'_, ActionJob>,
        task: &Task,
        mark: &Mark,
        forward: &Forward<'_>,
        begun: Option<Begun>,
    ) -> Result<Asked<End>, StoreError> {
        let raw = match self.original(run, task).await? {
            Ok(raw) => raw,
            Err(error) => return Ok(Err(error)),
        };
        let message = match forward.write(&raw, &task.result) {
            Ok(message) => message,
            Err(error @ (Unsendable::NoAddress(_) | Unsendable::TooLarge(_))) => {
                return Ok(Ok(End::Failed(error.to_string())));
            }
        };
        let intent =
            ForwardStep::Intend { read: begun.map(|begun| begun.intended_at), at: forward.at };
        if self.step(run, mark, intent).await? == Write::Stale {
            // Somebody else is about to send it, or the life has ended: the next look will tell.
            let later = run.attempt.postpone(run.job.clone(), run.attempt.now + SETTLES);
            return Ok(Ok(End::Not(later)));
        }
        match self.changes.send(&run.access.token, message).await {
            Ok(_) => self.note_sent(run, mark).await.map(Ok),
            Err(error) => {
                if is_refusal(&error) {
                    let withdraw = ForwardStep::Withdraw { at: forward.at };
                    // Stale is as good.
                    let _: Write = self.step(run, mark, withdraw).await?;
                }
                Ok(Err(error))
            }
        }
    }

    async fn note_sent(&self, run: &Run<'_, ActionJob>, mark: &Mark) -> Result<End, StoreError> {
        // Stale is as good: nobody asks for it any more.
        let _: Write = self.step(run, mark, ForwardStep::Sent).await?;
        Ok(End::Done)
    }

    async fn step(
        &self,
        run: &Run<'_, ActionJob>,
        mark: &Mark,
        step: ForwardStep,
    ) -> Result<Write, StoreError> {
        let (user, id) = (&run.mailbox.user_id, &run.job.header.job_id);
        self.marks.forward(user, mark.epoch, &mark.message_id, id, step).await
    }

    /// The message as it came, from the archive or else from Gmail.
    async fn original(
        &self,
        run: &Run<'_, ActionJob>,
        task: &Task,
    ) -> Result<Asked<Vec<u8>>, StoreError> {
        let (user, message) = (&run.mailbox.user_id, &run.job.message_id);
        if task.result.original.is_some()
            && let Some(raw) = self.archive.get(&original_key(user, message)).await?
        {
            return Ok(Ok(raw));
        }
        let fetched = self.gmail.message(&run.access.token, message, MAX_SENT).await;
        Ok(fetched.map(|message| message.raw))
    }

    /// Whether Gmail has sent it: found by its Message-ID, or by the action that it names, because Gmail may have given it
    /// another Message-ID.
    async fn was_sent(
        &self,
        run: &Run<'_, ActionJob>,
        forward: &Forward<'_>,
        begun: Begun,
    ) -> Asked<bool> {
        let token = &run.access.token;
        let by_id = format!("rfc822msgid:{}", forward.message_id());
        if !self.found(token, by_id).await?.is_empty() {
            return Ok(true);
        }
        let (since, until) = (begun.intended_at - ABOUT_THEN, begun.intended_at + ABOUT_THEN);
        let (since, until) = (since.seconds(), until.seconds());
        let by_target = format!("in:sent to:{} after:{since} before:{until}", forward.to);
        for message in self.found(token, by_target).await?.into_iter().take(LOOKED_AT) {
            if self.names(token, &message, forward.action).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn found(&self, token: &AccessToken, query: String) -> Asked<Vec<MessageId>> {
        let search = Search { query: Some(query), include_spam_trash: true };
        Ok(self.gmail.list(token, &search, None).await?.ids)
    }

    async fn names(&self, token: &AccessToken, message: &MessageId, action: &JobId) -> Asked<bool> {
        match self.gmail.message(token, message, MAX_SENT * 2).await {
            Ok(sent) => Ok(is_forward(&sent.raw, action)),
            Err(GmailError::NotFound | GmailError::TooLarge { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
