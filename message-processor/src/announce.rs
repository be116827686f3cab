//! The event of a stored message.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use shared::action::ActionKind;
use shared::events::data::{MessageProcessed, StoredResult};
use shared::events::{Attributes, Event, EventKind, message_event_id};
use shared::ids::UserId;
use shared::jobs::Lane;
use shared::pack::{Line, PackKey};
use shared::result::MessageResult;
use shared::settings::EventData;

/// With `EVENT_DATA=full` a result up to this size travels in its event: SNS takes 256 KiB in all.
const MAX_INLINE_RESULT: usize = 200 * 1000;

/// Who announces, and whose message.
pub(crate) struct Announcer<'a> {
    /// The stack's name.
    pub(crate) stack: &'a str,
    pub(crate) event_data: EventData,
    pub(crate) user: &'a UserId,
    /// The stream of work that the message comes in.
    pub(crate) lane: Lane,
}

impl Announcer<'_> {
    /// Announces `result` as it stands in the archive under `key`, in `bytes`.
    pub(crate) fn event(&self, key: &str, result: &MessageResult, bytes: &[u8]) -> Event {
        self.event_at((key, None), result, bytes)
    }

    /// Announces the result that is this line of a pack.
    pub(crate) fn event_of_line(&self, key: &PackKey, line: &Line) -> Event {
        self.event_at((key.as_str(), Some(line.number)), &line.result, &line.bytes)
    }

    fn event_at(
        &self,
        place: (&str, Option<usize>),
        result: &MessageResult,
        bytes: &[u8],
    ) -> Event {
        let message_id = result.message_id.clone();
        let subject = message_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let id = message_id
            .map(|message| message_event_id(self.user, &message, result.generation))
            .unwrap_or_default();
        let data = self.data(place, result, bytes);
        let kind = EventKind::MessageProcessed;
        let mut event = Event::new(self.stack, id, kind, subject, result.processed_at, data);
        event.attributes = Attributes {
            user_id: Some(self.user.clone()),
            reference: result.reference.clone(),
            category: Some(result.category.as_str()),
            labels: result.labels.clone(),
            has_attachments: Some(!result.attachments.is_empty()),
            lane: Some(self.lane.as_str()),
        };
        event
    }

    fn data(
        &self,
        (key, line): (&str, Option<usize>),
        result: &MessageResult,
        bytes: &[u8],
    ) -> Value {
        let sha256 = hex::encode(digest(&SHA256, bytes));
        let travels = self.event_data == EventData::Full && bytes.len() <= MAX_INLINE_RESULT;
        json!(MessageProcessed {
            user_id: self.user,
            reference: result.reference.as_deref(),
            message_id: result.message_id.as_ref(),
            thread_id: result.thread_id.as_ref(),
            internal_date: result.internal_date,
            category: result.category,
            confidence: result.confidence,
            labels: &result.labels,
            has_attachments: !result.attachments.is_empty(),
            generation: result.generation,
            lane: self.lane,
            replay: self.lane == Lane::Replay,
            result: StoredResult { key, line, sha256, bytes: bytes.len() },
            document: travels.then(|| document(bytes)).flatten(),
        })
    }
}

/// The result as it is stored, but for the addresses of webhooks, which may be secrets of whoever is told there.
fn document(bytes: &[u8]) -> Option<Value> {
    let mut document: Value = serde_json::from_slice(bytes).ok()?;
    for action in document["actions"].as_array_mut()? {
        if action["kind"] == ActionKind::Webhook.as_str() {
            action["target"] = Value::Null;
        }
    }
    Some(document)
}
