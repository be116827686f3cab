//! The event of a stored message.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
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
        let mut data = json!({
            "userId": run.mailbox.user_id,
            "ref": result.reference,
            "messageId": result.message_id,
            "threadId": result.thread_id,
            "internalDate": result.internal_date,
            "category": result.category,
            "confidence": result.confidence,
            "labels": result.labels,
            "hasAttachments": !result.attachments.is_empty(),
            "generation": result.generation,
            "lane": run.job.lane,
            "replay": run.job.lane == Lane::Replay,
            "result": { "key": key, "sha256": sha256, "bytes": bytes.len() },
        });
        if self.settings.event_data == EventData::Full && bytes.len() <= MAX_INLINE_RESULT {
            data["document"] = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        }
        data
    }
}
