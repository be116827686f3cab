//! What an event says: the `data` of each type, as its consumers read it. `docs/schemas/` is made from these.

use serde::Serialize;
use serde_json::Value;

use crate::action::{ActionEnd, ActionKind};
use crate::category::Category;
use crate::clock::Timestamp;
use crate::goodbye::Receipt;
use crate::ids::{Epoch, Generation, Grant, JobId, MessageId, ThreadId, UserId};
use crate::jobs::Lane;
use crate::mailbox::GapReport;
use crate::reason::Reason;

/// A message was stored, and here is what it was judged to be. Its content is in the result.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MessageProcessed<'a> {
    pub user_id: &'a UserId,
    /// The operator's own id for the mailbox's owner.
    #[serde(rename = "ref")]
    pub reference: Option<&'a str>,
    pub message_id: Option<&'a MessageId>,
    pub thread_id: Option<&'a ThreadId>,
    /// When Gmail received it.
    pub internal_date: Option<Timestamp>,
    pub category: Category,
    /// How sure we are of the category, 0 to 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub confidence: f64,
    /// The rules' labels.
    pub labels: &'a [String],
    pub has_attachments: bool,
    /// Which judgement of the message this is: 0 at first, one more at each reclassification.
    pub generation: Generation,
    /// The stream of work it came in.
    pub lane: Lane,
    /// Whether it was sent round again by a person; the id is the same.
    pub replay: bool,
    pub result: StoredResult<'a>,
    /// The result itself, as it is stored, with `EVENT_DATA=full` and up to 200 KB; otherwise left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::result::MessageResult"))]
    pub document: Option<Value>,
}

/// Where the result is, and what it is known by.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StoredResult<'a> {
    /// In the bucket, or the folder, of results.
    pub key: &'a str,
    /// Where the object is a pack, a gzipped text of lines, the number of the line that is the result, from 0; left out
    /// where the object itself is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Hash of its bytes, in hexadecimal; of a line, without its end.
    pub sha256: String,
    /// Its size; of a line, without its end.
    pub bytes: usize,
}

/// How something ended that a rule asked for.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ActionFinished<'a> {
    pub user_id: &'a UserId,
    /// The operator's own id for the mailbox's owner.
    #[serde(rename = "ref")]
    pub reference: Option<&'a str>,
    pub message_id: &'a MessageId,
    /// The judgement that asked for it.
    pub generation: Generation,
    /// The action's id, as it stands in the result's `actions` with what it was done to.
    pub action: &'a JobId,
    pub kind: ActionKind,
    pub state: ActionEnd,
    /// Why it came to nothing, as the dead letter has it; null where it was done, or where there is nothing to be done
    /// about it.
    pub reason: Option<Reason>,
    /// The same in words, without anything of the message; null where it was done.
    pub detail: Option<&'a str>,
}

/// What every event about a mailbox says.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AboutMailbox<'a, T> {
    pub user_id: &'a UserId,
    /// The operator's own id for the mailbox's owner.
    #[serde(rename = "ref")]
    pub reference: Option<&'a str>,
    /// The mailbox's life: one more at each disconnect.
    pub epoch: Epoch,
    /// The number of the consent within that life.
    pub grant: Grant,
    #[serde(flatten)]
    pub more: T,
}

/// A mailbox was connected, or goes on from where it stopped.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Opened<'a> {
    /// How a gap in Gmail's history was closed; null where there was none.
    pub gap: Option<&'a GapReport>,
}

/// The owner must consent again.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NeedsReauth<'a> {
    /// What died.
    pub reason: Reason,
    /// What to write to the owner, where nobody here writes to them; otherwise left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a Words>,
}

/// A mail to a person, without its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Words {
    pub subject: String,
    /// Plain text; it holds a link that is for this mailbox alone.
    pub body: String,
}

/// The life has ended.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Disconnected {
    /// Whether Google took the grant back; null where there was none, and where an earlier event said so.
    pub revoked_at_google: Option<bool>,
    /// The receipt of a purge, once it is over; left out where none was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purge: Option<Receipt>,
}
