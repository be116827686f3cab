//! Announcing what is owed to a mailbox: the event is published, and only then the debt is cleared. A crash in between
//! publishes it again, under the same id.

use serde::Serialize;
use serde_json::json;

use crate::clock::Timestamp;
use crate::events::data::{AboutMailbox, Disconnected, NeedsReauth, Opened, Words};
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
    text: Option<&Words>,
) -> Result<(), StoreError> {
    let data = AboutMailbox {
        user_id: &mailbox.user_id,
        reference: mailbox.reference.as_deref(),
        epoch: mailbox.epoch,
        grant: mailbox.grant,
        more: NeedsReauth { reason: owed.reason, text },
    };
    publish_one(events, about(stack, &owed.id, EventKind::NeedsReauth, owed.at, &data)).await
}

/// Publishes the end of a life, with the receipt of its purge where there was one. The caller clears the debt, after
/// everything else that it stands for.
pub async fn publish_disconnect(
    events: &dyn Events,
    stack: &str,
    mailbox: &Mailbox,
    debt: &DisconnectDebt,
) -> Result<(), StoreError> {
    // The row of a purged life has lost it; whoever kept this person under it must be able to tell whom the receipt is
    // for.
    let reference = debt.purge.as_ref().map_or(&mailbox.reference, |purge| &purge.reference);
    let receipt = debt.purge.as_ref().and(mailbox.purged).map(|purged| purged.receipt());
    let data = AboutMailbox {
        user_id: &mailbox.user_id,
        reference: reference.as_deref(),
        epoch: debt.epoch,
        grant: debt.grant,
        more: Disconnected {
            revoked_at_google: debt.revoked.and_then(Revoked::said),
            purge: receipt,
        },
    };
    publish_one(events, about(stack, &debt.id, EventKind::Disconnected, debt.at, &data)).await
}

fn announcement(stack: &str, mailbox: &Mailbox, owed: &Announcement) -> Event {
    let data = AboutMailbox {
        user_id: &mailbox.user_id,
        reference: mailbox.reference.as_deref(),
        epoch: mailbox.epoch,
        grant: mailbox.grant,
        more: Opened { gap: owed.gap.as_ref() },
    };
    about(stack, &owed.id, owed.kind, owed.at, &data)
}

fn about<T: Serialize>(
    stack: &str,
    id: &str,
    kind: EventKind,
    at: Timestamp,
    data: &AboutMailbox<'_, T>,
) -> Event {
    let subject = data.user_id.to_string();
    let mut event = Event::new(stack, id.to_owned(), kind, subject, at, json!(data));
    event.attributes = Attributes {
        user_id: Some(data.user_id.clone()),
        reference: data.reference.map(str::to_owned),
        ..Attributes::default()
    };
    event
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
