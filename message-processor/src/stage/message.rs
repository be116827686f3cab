//! One message: fetched once, understood, stored.

use std::time::Duration;

use shared::archive::Put;
use shared::clock::Timestamp;
use shared::events::Event;
use shared::google::{GmailError, RawMessage};
use shared::ids::{Generation, MessageId};
use shared::jobs::Listed;
use shared::labels::skip_reason;
use shared::mark::{Ending, MarkState};
use shared::reason::SkipReason;
use shared::result::{MessageResult, original_key, result_key};
use shared::store::StoreError;

use super::ending::Leftover;
use super::{MessageProcessor, Run};
use crate::announce::Announcer;
use crate::understand::{Circumstances, understand};

/// A message that Gmail does not have this soon after it was listed may only be late
/// (<https://github.com/byeokim/gmailpush/issues/10>); later it was deleted.
const LATE: Duration = Duration::from_mins(2);

/// Above this size a message is parsed on a thread of its own, so that the others do not wait for it.
const LARGE: usize = 1 << 20;

/// What became of one message.
pub(super) enum Outcome {
    /// Stored, now or before; to be announced, and then at its end.
    Stored { event: Box<Event>, ending: Ending },
    /// At its end, with nothing to store.
    Skipped(Ending),
    /// Not at its end.
    NotDone(Leftover),
}

impl MessageProcessor {
    /// Takes one message as far as it goes.
    pub(super) async fn one(&self, run: &Run<'_>, listed: Listed) -> (Listed, Outcome) {
        let now = self.clock.now();
        if now >= run.attempt.deadline {
            return (listed, Outcome::NotDone(Leftover::NoTime));
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
        (listed, outcome)
    }

    /// What is mail is stored; what is not is skipped: history need not have named its labels.
    async fn keep(&self, run: &Run<'_>, message: RawMessage, now: Timestamp) -> Outcome {
        if let Some(reason) = skip_reason(&message.label_ids) {
            return skipped(run, message.id, reason, Some(message.internal_date));
        }
        match self.store(run, message, now).await {
            Ok((event, ending)) => Outcome::Stored { event: Box::new(event), ending },
            Err(error) => Outcome::NotDone(Leftover::Store(error)),
        }
    }

    /// Original first, then the result: a result never names an original that is not there.
    async fn store(
        &self,
        run: &Run<'_>,
        message: RawMessage,
        now: Timestamp,
    ) -> Result<(Event, Ending), StoreError> {
        let (id, internal_date) = (message.id.clone(), message.internal_date);
        let original = original_key(&run.mailbox.user_id, &id);
        let (result, raw) = self.understood(run, message, &original, now).await?;
        if self.settings.keep_originals {
            self.archive.put(&original, raw, "message/rfc822").await?;
        }
        let key = result_key(&run.mailbox.user_id, &id, internal_date);
        let (event, generation) = self.store_result(run, key, result).await?;
        let ending = Ending {
            message_id: id,
            state: MarkState::Done,
            generation,
            internal_date: Some(internal_date),
        };
        Ok((event, ending))
    }

    async fn understood(
        &self,
        run: &Run<'_>,
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
        let (raw, rules) = (message.raw, self.rules.rules());
        let large = raw.len() > LARGE;
        let read = move || {
            let mut result = understand(&raw, &known.label_ids).into_result(known);
            if let Some(rules) = rules {
                rules.apply(&mut result);
            }
            (result, raw)
        };
        if !large {
            return Ok(read());
        }
        tokio::task::spawn_blocking(read).await.map_err(|error| StoreError::Unavailable {
            doing: "reading a large message",
            source: error.into(),
        })
    }

    /// The first write stands: whoever finds a result there announces that one, whichever its generation.
    async fn store_result(
        &self,
        run: &Run<'_>,
        key: String,
        ours: MessageResult,
    ) -> Result<(Event, Generation), StoreError> {
        let broken = |error: serde_json::Error| StoreError::Broken {
            doing: "reading a result",
            source: error.into(),
        };
        let bytes = serde_json::to_vec(&ours).map_err(broken)?;
        let announcer = Announcer {
            stack: &self.settings.stack,
            event_data: self.settings.event_data,
            user: &run.mailbox.user_id,
            lane: run.job.lane,
        };
        let event = announcer.event(&key, &ours, &bytes);
        match self.archive.put_new(&key, bytes, "application/json").await? {
            Put::Stored => Ok((event, ours.generation)),
            Put::Exists => {
                let missing = || StoreError::Unavailable {
                    doing: "reading a result",
                    source: "it is gone".into(),
                };
                let bytes = self.archive.get(&key).await?.ok_or_else(missing)?;
                let theirs: MessageResult = serde_json::from_slice(&bytes).map_err(broken)?;
                Ok((announcer.event(&key, &theirs, &bytes), theirs.generation))
            }
        }
    }
}

fn skipped(
    run: &Run<'_>,
    message_id: MessageId,
    reason: SkipReason,
    internal_date: Option<Timestamp>,
) -> Outcome {
    let (state, generation) = (MarkState::Skipped(reason), run.job.generation);
    Outcome::Skipped(Ending { message_id, state, generation, internal_date })
}
