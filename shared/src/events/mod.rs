//! What we announce: CloudEvents 1.0, at least once, each under an id that never changes.

#[cfg(feature = "aws")]
mod carried;
pub mod data;
pub mod memory;
#[cfg(feature = "aws")]
pub mod sns;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "aws")]
pub mod sqs;
pub mod webhooks;

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::ActionEnd;
use crate::clock::Timestamp;
use crate::ids::{Epoch, Generation, Grant, HistoryId, JobId, MessageId, UserId};
use crate::store::StoreError;
use crate::words::words;

/// Where events go.
#[async_trait]
pub trait Events: Send + Sync {
    /// Publishes a batch. Each entry succeeds or fails by itself: the answer holds the positions of those that failed.
    async fn publish(&self, batch: &[Event]) -> Result<Vec<usize>, StoreError>;

    /// Deletes what is kept here of events about a mailbox. What consumers have taken is theirs.
    async fn forget(&self, user: &UserId) -> Result<(), StoreError>;
}

/// A log in which what was published can be looked up. A topic is none: what it has delivered is its subscribers'.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Those of these event ids under which something about this mailbox was published.
    async fn announced(
        &self,
        user: &UserId,
        ids: BTreeSet<String>,
    ) -> Result<BTreeSet<String>, StoreError>;
}

words! {
    /// The events there are.
    EventKind, "event type" {
        /// A message was stored.
        MessageProcessed = "fanmail.message.processed.v1",
        /// Something that a rule asked for was done with a message, or came to nothing.
        ActionFinished = "fanmail.action.finished.v1",
        /// A mailbox was connected, or connected again after a disconnect.
        Connected = "fanmail.mailbox.connected.v1",
        /// A mailbox's grant is dead; its owner must consent again.
        NeedsReauth = "fanmail.mailbox.needs_reauth.v1",
        /// A mailbox goes on from where it stopped.
        Resumed = "fanmail.mailbox.resumed.v1",
        /// A mailbox's life has ended.
        Disconnected = "fanmail.mailbox.disconnected.v1",
    }
}

/// An event, in CloudEvents' JSON form (<https://github.com/cloudevents/spec>).
// No `Debug`: with `EVENT_DATA=full` it carries a message.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event<D = Value> {
    /// Always `1.0`.
    pub specversion: String,
    /// The same for every announcement of the same fact.
    pub id: String,
    /// `/fanmail/{stack}`.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The messageId or the userId.
    pub subject: String,
    /// When it happened.
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// What there is to know.
    pub data: D,
    /// What subscribers filter on; travels beside the event.
    #[serde(skip)]
    pub attributes: Attributes,
}

/// What subscribers filter on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Whose mailbox.
    pub user_id: Option<UserId>,
    /// The operator's id for that person.
    pub reference: Option<String>,
    /// The message's category.
    pub category: Option<&'static str>,
    /// The rules' labels.
    pub labels: Vec<String>,
    /// Whether the message has attachments.
    pub has_attachments: Option<bool>,
    /// The stream of work it came in.
    pub lane: Option<&'static str>,
}

impl Event {
    /// An event of this stack.
    pub fn new(
        stack: &str,
        id: String,
        kind: EventKind,
        subject: String,
        time: Timestamp,
        data: Value,
    ) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id,
            source: format!("/fanmail/{stack}"),
            kind,
            subject,
            time,
            datacontenttype: "application/json".to_owned(),
            data,
            attributes: Attributes::default(),
        }
    }
}

/// The id of a message's event: a function of what it announces.
pub fn message_event_id(user: &UserId, message: &MessageId, generation: Generation) -> String {
    event_id(&[user.as_str(), message.as_str(), &generation.to_string()])
}

/// The id of the event that says how an action ended. One that came to nothing, and was done when it was tried again, is
/// told twice: each end has an id of its own.
pub fn action_event_id(action: &JobId, end: ActionEnd) -> String {
    event_id(&[EventKind::ActionFinished.as_str(), action.as_str(), end.as_str()])
}

/// The id of a mailbox's event: fixed when it becomes owed.
pub fn mailbox_event_id(
    kind: EventKind,
    user: &UserId,
    epoch: Epoch,
    grant: Grant,
    cursor: Option<HistoryId>,
) -> String {
    let cursor = cursor.map(|cursor| cursor.to_string()).unwrap_or_default();
    event_id(&[kind.as_str(), user.as_str(), &epoch.to_string(), &grant.to_string(), &cursor])
}

/// First 32 hex digits of SHA-256 over the parts, joined by newlines.
fn event_id(parts: &[&str]) -> String {
    hex::encode(&digest(&SHA256, parts.join("\n").as_bytes()).as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_depends_on_what_is_announced_and_on_nothing_else() {
        let (user, message): (UserId, MessageId) =
            ("42".parse().unwrap(), "18c0ffee".parse().unwrap());
        let id = message_event_id(&user, &message, Generation(0));
        assert_eq!(id, message_event_id(&user, &message, Generation(0)));
        assert_ne!(id, message_event_id(&user, &message, Generation(1)));
        assert_eq!(id.len(), 32);
    }
}
