//! The event of a stored message.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use shared::events::data::{MessageProcessed, StoredResult};
use shared::events::{Attributes, Event, EventKind, message_event_id};
use shared::jobs::Lane;
use shared::result::MessageResult;
use shared::settings::EventData;

use super::{MessageProcessor, Run};

/// With `EVENT_DATA=full` a result up to this size travels in its event: SNS takes 256 KiB in all.
const MAX_INLINE_RESULT: usize = 200 * 1000;

impl MessageProcessor {
    /// Announces `result` as it stands in the archive under `key`, in `bytes`.
    pub(super) fn event(
        &self,
        run: &Run<'_>,
        key: &str,
        result: &MessageResult,
        bytes: &[u8],
    ) -> Event {
        let user = &run.mailbox.user_id;
        let message_id = result.message_id.clone();
        let subject = message_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let id = message_id
            .map(|message| message_event_id(user, &message, result.generation))
            .unwrap_or_default();
        let data = self.data(run, key, result, bytes);
        let kind = EventKind::MessageProcessed;
        let mut event =
            Event::new(&self.settings.stack, id, kind, subject, result.processed_at, data);
        event.attributes = Attributes {
            user_id: Some(user.clone()),
            reference: result.reference.clone(),
            category: Some(result.category.as_str()),
            labels: result.labels.clone(),
            has_attachments: Some(!result.attachments.is_empty()),
            lane: Some(run.job.lane.as_str()),
        };
        event
    }

    fn data(&self, run: &Run<'_>, key: &str, result: &MessageResult, bytes: &[u8]) -> Value {
        let sha256 = hex::encode(digest(&SHA256, bytes));
        let travels =
            self.settings.event_data == EventData::Full && bytes.len() <= MAX_INLINE_RESULT;
        json!(MessageProcessed {
            user_id: &run.mailbox.user_id,
            reference: result.reference.as_deref(),
            message_id: result.message_id.as_ref(),
            thread_id: result.thread_id.as_ref(),
            internal_date: result.internal_date,
            category: result.category,
            confidence: result.confidence,
            labels: &result.labels,
            has_attachments: !result.attachments.is_empty(),
            generation: result.generation,
            lane: run.job.lane,
            replay: run.job.lane == Lane::Replay,
            result: StoredResult { key, sha256, bytes: bytes.len() },
            document: travels.then(|| serde_json::from_slice(bytes).ok()).flatten(),
        })
    }
}
