//! Announcing what is owed to a mailbox: the event is published, and only then the debt is cleared. A crash in between
//! publishes it again, under the same id.

use serde_json::{Value, json};

use crate::events::{Attributes, Event, EventKind, Events};
use crate::goodbye::{DisconnectDebt, Revoked};
use crate::ledger::Mailboxes;
use crate::mailbox::{Announcement, Mailbox, Notice, Owed};
use crate::store::StoreError;

/// Publishes the connected or resumed event, if one is owed.
pub async fn pay_announcement(
    mailboxes: &dyn Mailboxes,
    events: &dyn Events,
    stack: &str,
    mailbox: &Mailbox,
) -> Result<(), StoreError> {
    let Some(owed) = mailbox.owed.announcement.clone() else { return Ok(()) };
    publish_one(events, announcement(stack, mailbox, &owed)).await?;
    mailboxes.settle(&mailbox.user_id, Owed { announcement: Some(owed), ..Owed::default() }).await
}

/// Publishes the notice that the person must consent again, with the words for them where somebody else is to send
/// those. The caller clears the debt.
pub async fn publish_notice(
    events: &dyn Events,
    stack: &str,
    mailbox: &Mailbox,
    owed: &Notice,
    text: Option<Value>,
) -> Result<(), StoreError> {
    let mut event = about(stack, mailbox, owed.id.clone(), EventKind::NeedsReauth, owed.at);
    let (epoch, grant) = (mailbox.epoch, mailbox.grant);
    add(&mut event, json!({ "epoch": epoch, "grant": grant, "reason": owed.reason }));
    if let Some(text) = text {
        add(&mut event, json!({ "text": text }));
    }
    publish_one(events, event).await
}

/// Publishes the end of a life, with the receipt of its purge where there was one. The caller clears the debt, after everything else that it stands for.
pub async fn publish_disconnect(
    events: &dyn Events,
    stack: &str,
    mailbox: &Mailbox,
    debt: &DisconnectDebt,
) -> Result<(), StoreError> {
    let mut event = about(stack, mailbox, debt.id.clone(), EventKind::Disconnected, debt.at);
    let revoked = debt.revoked.and_then(Revoked::said);
    add(
        &mut event,
        json!({ "epoch": debt.epoch, "grant": debt.grant, "revokedAtGoogle": revoked }),
    );
    if let Some(purge) = &debt.purge {
        // The row has lost it; whoever kept this person under it must be able to tell whom the receipt is for.
        event.attributes.reference.clone_from(&purge.reference);
        let receipt = mailbox.purged.map(|purged| purged.receipt());
        add(&mut event, json!({ "ref": purge.reference, "purge": receipt }));
    }
    publish_one(events, event).await
}

fn announcement(stack: &str, mailbox: &Mailbox, owed: &Announcement) -> Event {
    let mut event = about(stack, mailbox, owed.id.clone(), owed.kind, owed.at);
    add(&mut event, json!({ "epoch": mailbox.epoch, "grant": mailbox.grant, "gap": owed.gap }));
    event
}

fn about(
    stack: &str,
    mailbox: &Mailbox,
    id: String,
    kind: EventKind,
    at: crate::clock::Timestamp,
) -> Event {
    let data = json!({ "userId": mailbox.user_id, "ref": mailbox.reference });
    let mut event = Event::new(stack, id, kind, mailbox.user_id.to_string(), at, data);
    event.attributes = Attributes {
        user_id: Some(mailbox.user_id.clone()),
        reference: mailbox.reference.clone(),
        ..Attributes::default()
    };
    event
}

fn add(event: &mut Event, more: Value) {
    if let (Value::Object(data), Value::Object(more)) = (&mut event.data, more) {
        data.extend(more);
    }
}

async fn publish_one(events: &dyn Events, event: Event) -> Result<(), StoreError> {
    let refused = events.publish(&[event]).await?;
    if refused.is_empty() {
        return Ok(());
    }
    Err(StoreError::Unavailable {
        doing: "publishing an event",
        source: "the topic refused it".into(),
    })
}
