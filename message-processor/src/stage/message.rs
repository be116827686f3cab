//! One message: fetched once, understood, stored.

use std::time::Duration;

use shared::action::ActionEnd;
use shared::archive::Put;
use shared::clock::Timestamp;
use shared::events::Event;
use shared::google::{GmailError, RawMessage};
use shared::ids::MessageId;
use shared::jobs::{ACTION_VERSION, ActionJob, MessageJob};
use shared::labels::skip_reason;
use shared::mailbox::Mailbox;
use shared::mark::{Ending, MarkState};
use shared::reason::{Reason, SkipReason};
use shared::result::{ActionState, MessageResult, original_key, result_key};
use shared::settings::ResultsFormat;
use shared::store::StoreError;

use super::ending::Leftover;
use super::{MessageProcessor, Pending, Run};
use crate::actions::finished::Finished;
use crate::actions::plan::{Means, Owner, plan};
use crate::announce::Announcer;
use crate::understand::{Circumstances, understand};

/// A message that Gmail does not have this soon after it was listed may only be late
/// (<https://github.com/byeokim/gmailpush/issues/10>); later it was deleted.
const LATE: Duration = Duration::from_mins(2);

/// Above this size a message is parsed on a thread of its own, so that the others do not wait for it.
const LARGE: usize = 1 << 20;

/// What became of one message.
pub(super) enum Outcome {
    /// Stored, now or before; to be acted on and announced, and then at its end.
    Stored(Box<Stored>),
    /// Understood, its original kept; to be stored in a pack.
    Judged(Box<MessageResult>),
    /// At its end, with nothing to store.
    Skipped(Ending),
    /// Not at its end.
    NotDone(Leftover),
}

/// A message whose result stands in the archive.
pub(super) struct Stored {
    /// What is to be done with it.
    pub(super) actions: Vec<ActionJob>,
    /// What is announced: that it was processed, and which actions were refused.
    pub(super) events: Vec<Event>,
    pub(super) ending: Ending,
}

impl MessageProcessor {
    /// Takes one message as far as it goes.
    pub(super) async fn one(
        &self,
        run: &Run<'_, MessageJob>,
        pending: Pending,
    ) -> (Pending, Outcome) {
        let listed = &pending.listed;
        let now = self.clock.now();
        if now >= run.attempt.deadline {
            return (pending, Outcome::NotDone(Leftover::NoTime));
        }
        let limit = self.settings.max_message_bytes;
        let outcome = match self.gmail.message(&run.access.token, &listed.id, limit).await {
            Ok(message) => self.keep(run, message, now).await,
            Err(GmailError::NotFound) if now.since(listed.listed_at) < LATE => {
                Outcome::NotDone(Leftover::Late)
            }
            Err(GmailError::NotFound) => {
                skipped(run, listed.id.clone(), SkipReason::DeletedAtSource, None)
            }
            Err(error) => Outcome::NotDone(Leftover::Google(error)),
        };
        (pending, outcome)
    }

    /// What is mail is stored; what is not is skipped: history need not have named its labels.
    async fn keep(
        &self,
        run: &Run<'_, MessageJob>,
        message: RawMessage,
        now: Timestamp,
    ) -> Outcome {
        if let Some(reason) = skip_reason(&message.label_ids) {
            return skipped(run, message.id, reason, Some(message.internal_date));
        }
        let stored = self.store(run, message, now).await;
        stored.unwrap_or_else(|error| Outcome::NotDone(Leftover::Store(error)))
    }

    /// Original first, then the result: a result never names an original that is not there.
    async fn store(
        &self,
        run: &Run<'_, MessageJob>,
        message: RawMessage,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let (id, internal_date) = (message.id.clone(), message.internal_date);
        let original = original_key(&run.mailbox.user_id, &id);
        let (result, raw) = self.understood(run, message, &original, now).await?;
        if self.settings.keep_originals {
            self.archive.put(&original, raw, "message/rfc822").await?;
        }
        if self.settings.results_format == ResultsFormat::Packed {
            return Ok(Outcome::Judged(Box::new(result)));
        }
        let key = result_key(&run.mailbox.user_id, &id, internal_date);
        let (event, result) = self.store_result(run, &key, result).await?;
        let ending = Ending {
            message_id: id,
            state: MarkState::Done,
            generation: result.generation,
            internal_date: Some(internal_date),
        };
        Ok(Outcome::Stored(Box::new(self.stored(run, &key, event, &result, ending))))
    }

    /// What follows from a result that stands in the archive under `key`.
    pub(super) fn stored(
        &self,
        run: &Run<'_, MessageJob>,
        key: &str,
        event: Event,
        result: &MessageResult,
        ending: Ending,
    ) -> Stored {
        let mut stored = Stored { actions: Vec::new(), events: vec![event], ending };
        if !owner(run).had(result.internal_date) {
            self.act_on(run, key, result, &mut stored);
        }
        stored
    }

    /// A job for each action that is asked for, and an event for each that was refused.
    fn act_on(
        &self,
        run: &Run<'_, MessageJob>,
        key: &str,
        result: &MessageResult,
        stored: &mut Stored,
    ) {
        let generation = result.generation;
        for action in &result.actions {
            let (Some(message_id), Some(id)) = (&result.message_id, &action.id) else { continue };
            match action.state {
                ActionState::Pending => {
                    let mut header = run.job.header.child(run.attempt.now, &run.attempt.chance);
                    header.v = ACTION_VERSION;
                    header.job_id = id.clone();
                    stored.actions.push(ActionJob {
                        header,
                        message_id: message_id.clone(),
                        generation,
                        result: key.to_owned(),
                        action: action.kind,
                        lane: run.job.lane,
                        refused: None,
                    });
                }
                ActionState::Failed => {
                    let finished = Finished {
                        mailbox: run.mailbox,
                        message_id,
                        generation,
                        action: id,
                        kind: action.kind,
                        end: ActionEnd::Failed,
                        reason: Some(Reason::ActionRefused),
                        detail: action.detail.as_deref(),
                        at: result.processed_at,
                    };
                    stored.events.push(finished.event(&self.settings.stack));
                }
                ActionState::Done => {}
            }
        }
    }

    async fn understood(
        &self,
        run: &Run<'_, MessageJob>,
        message: RawMessage,
        original: &str,
        now: Timestamp,
    ) -> Result<(MessageResult, Vec<u8>), StoreError> {
        let known = Circumstances {
            user_id: Some(run.mailbox.user_id.clone()),
            reference: run.mailbox.reference.clone(),
            message_id: Some(message.id),
            thread_id: message.thread_id,
            internal_date: Some(message.internal_date),
            generation: run.job.generation,
            processed_at: now,
            label_ids: message.label_ids,
            original: self.settings.keep_originals.then(|| original.to_owned()),
            ..Circumstances::default()
        };
        let (raw, rules) = (message.raw, run.rules.clone());
        let large = raw.len() > LARGE;
        let read = move || {
            let mut result = understand(&raw, &known.label_ids).into_result(known);
            if let Some(rules) = rules {
                rules.apply(&mut result);
            }
            (result, raw)
        };
        let (mut result, raw) = if large {
            tokio::task::spawn_blocking(read).await.map_err(|error| StoreError::Unavailable {
                doing: "reading a large message",
                source: error.into(),
            })?
        } else {
            read()
        };
        plan(&mut result, &raw, &owner(run), &Means::of(&self.settings, self.webhooks.is_some()));
        Ok((result, raw))
    }

    pub(super) fn announcer<'a>(&'a self, run: &'a Run<'_, MessageJob>) -> Announcer<'a> {
        Announcer {
            stack: &self.settings.stack,
            event_data: self.settings.event_data,
            user: &run.mailbox.user_id,
            lane: run.job.lane,
        }
    }

    /// The first write stands: whoever finds a result there announces that one, whichever its generation.
    async fn store_result(
        &self,
        run: &Run<'_, MessageJob>,
        key: &str,
        ours: MessageResult,
    ) -> Result<(Event, MessageResult), StoreError> {
        let broken = |error: serde_json::Error| StoreError::Broken {
            doing: "reading a result",
            source: error.into(),
        };
        let bytes = serde_json::to_vec(&ours).map_err(broken)?;
        let announcer = self.announcer(run);
        let event = announcer.event(key, &ours, &bytes);
        match self.archive.put_new(key, bytes, "application/json").await? {
            Put::Stored => Ok((event, ours)),
            Put::Exists => {
                let missing = || StoreError::Unavailable {
                    doing: "reading a result",
                    source: "it is gone".into(),
                };
                let bytes = self.archive.get(key).await?.ok_or_else(missing)?;
                let theirs: MessageResult = serde_json::from_slice(&bytes).map_err(broken)?;
                Ok((announcer.event(key, &theirs, &bytes), theirs))
            }
        }
    }
}

fn owner<'a>(run: &Run<'a, MessageJob>) -> Owner<'a> {
    let Mailbox { user_id, email, scopes, connected_at, .. } = run.mailbox;
    Owner { user: user_id, email, scopes, connected_at: *connected_at }
}

fn skipped(
    run: &Run<'_, MessageJob>,
    message_id: MessageId,
    reason: SkipReason,
    internal_date: Option<Timestamp>,
) -> Outcome {
    let (state, generation) = (MarkState::Skipped(reason), run.job.generation);
    Outcome::Skipped(Ending { message_id, state, generation, internal_date })
}
