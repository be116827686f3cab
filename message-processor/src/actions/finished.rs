//! The event that says how an action ended.

use serde_json::json;
use shared::action::{ActionEnd, ActionKind};
use shared::clock::Timestamp;
use shared::events::data::ActionFinished;
use shared::events::{Attributes, Event, EventKind, action_event_id};
use shared::ids::{Generation, JobId, MessageId};
use shared::mailbox::Mailbox;
use shared::reason::Reason;

/// An action that has come to an end.
pub(crate) struct Finished<'a> {
    pub(crate) mailbox: &'a Mailbox,
    pub(crate) message_id: &'a MessageId,
    pub(crate) generation: Generation,
    pub(crate) action: &'a JobId,
    pub(crate) kind: ActionKind,
    pub(crate) end: ActionEnd,
    pub(crate) reason: Option<Reason>,
    pub(crate) detail: Option<&'a str>,
    pub(crate) at: Timestamp,
}

impl Finished<'_> {
    /// As it is announced. What the action was done to is content, and stands in the result alone.
    pub(crate) fn event(&self, stack: &str) -> Event {
        let data = json!(ActionFinished {
            user_id: &self.mailbox.user_id,
            reference: self.mailbox.reference.as_deref(),
            message_id: self.message_id,
            generation: self.generation,
            action: self.action,
            kind: self.kind,
            state: self.end,
            reason: self.reason,
            detail: self.detail,
        });
        let id = action_event_id(self.action, self.end);
        let (kind, subject) = (EventKind::ActionFinished, self.message_id.to_string());
        let mut event = Event::new(stack, id, kind, subject, self.at, data);
        event.attributes = Attributes {
            user_id: Some(self.mailbox.user_id.clone()),
            reference: self.mailbox.reference.clone(),
            ..Attributes::default()
        };
        event
    }
}
