//! The result: what is stored about a message, for programs of others to read.
//!
//! Its JSON is a contract with whoever subscribed, hence the schema's name in the document: a field may be added, none
//! changes its meaning. What is absent is null, so that a reader in any language finds every name in every document.

mod content;
mod machine_mail;

use serde::{Deserialize, Serialize};

pub use self::content::{
    Address, AttachedMessage, Attachment, AuthResult, Authentication, Defect, Headers, ListInfo,
    Mark, MarkKind, Protection, ProtectionFormat, Text,
};
pub use self::machine_mail::{Bounce, BouncedRecipient, Calendar, Report, ReportKind};
use crate::action::ActionKind;
use crate::category::Category;
use crate::clock::Timestamp;
use crate::ids::{Generation, JobId, MessageId, ThreadId, UserId};

/// The schema that a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Schema {
    #[default]
    #[serde(rename = "fanmail.result.v1")]
    V1,
}

/// Everything we say about one message. Without a mailbox, the fields that only a mailbox knows are null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MessageResult {
    pub schema: Schema,
    pub user_id: Option<UserId>,
    /// The operator's own id for the mailbox's owner.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    pub message_id: Option<MessageId>,
    pub thread_id: Option<ThreadId>,
    /// When Gmail received it.
    pub internal_date: Option<Timestamp>,
    pub generation: Generation,
    /// Gmail's labels.
    pub label_ids: Vec<String>,
    /// Size of the message as received.
    pub size_bytes: u64,
    pub headers: Headers,
    /// Null when there is nothing to read.
    pub text: Option<Text>,
    pub attachments: Vec<Attachment>,
    pub authentication: Authentication,
    pub list: Option<ListInfo>,
    pub category: Category,
    /// How sure we are of the category, 0 to 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub confidence: f64,
    /// Why this category, in words.
    pub reasons: Vec<String>,
    /// The rules' labels.
    pub labels: Vec<String>,
    /// Hash of the rules that ran; null when there were none.
    pub rules: Option<String>,
    pub actions: Vec<Action>,
    pub defects: Vec<Defect>,
    pub bounce: Option<Bounce>,
    pub report: Option<Report>,
    pub calendar: Option<Calendar>,
    /// Null when it is neither signed nor encrypted.
    #[serde(default)]
    pub protection: Option<Protection>,
    /// When this generation was first written.
    pub processed_at: Timestamp,
    /// Where the message's own bytes are kept, if they are.
    pub original: Option<String>,
    /// The file that was read, for a message that is in no mailbox; otherwise left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Something that a rule has done with the message. How it ended is told by its event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Action {
    /// The same in its event; null for a message that is in no mailbox.
    #[serde(default)]
    pub id: Option<JobId>,
    /// `label`, `archive`, `mark_read`, `forward` or `webhook`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub kind: ActionKind,
    /// The label's name, whom it is forwarded to, or the webhook's address; otherwise null.
    #[serde(default)]
    pub target: Option<String>,
    /// How a forward carries the message; otherwise null.
    #[serde(default)]
    pub original: Option<CarriedAs>,
    pub state: ActionState,
    /// Why it is not done; null while it is pending.
    #[serde(default)]
    pub detail: Option<String>,
}

/// How a forward carries the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CarriedAs {
    /// Whole, as an attached message.
    Attached,
    /// Its content, under a header of ours.
    Inline,
}

/// How far an action had come when the result was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ActionState {
    /// Asked for.
    Pending,
    /// Is not written at present.
    Done,
    /// Refused at once; `detail` says why.
    Failed,
}

/// The folder of all results that are objects of their own.
pub const RESULTS: &str = "results/";

/// Where a message's result is kept: a function of the message alone, so that every attempt finds the same place.
pub fn result_key(user: &UserId, message: &MessageId, internal_date: Timestamp) -> String {
    let date = internal_date.date();
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{}{year:04}/{month:02}/{day:02}/{message}.json", results_of(user))
}

/// The folder of all results of a mailbox, closed by its `/`: 4 is not the beginning of 42.
pub fn results_of(user: &UserId) -> String {
    format!("{RESULTS}{user}/")
}

/// Where a message's own bytes are kept.
pub fn original_key(user: &UserId, message: &MessageId) -> String {
    format!("{}{message}.eml", originals_of(user))
}

/// The folder of all originals of a mailbox.
pub fn originals_of(user: &UserId) -> String {
    format!("raw/{user}/")
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn empty() -> MessageResult {
        MessageResult {
            schema: Schema::V1,
            user_id: None,
            reference: None,
            message_id: None,
            thread_id: None,
            internal_date: None,
            generation: Generation(0),
            label_ids: Vec::new(),
            size_bytes: 0,
            headers: Headers::default(),
            text: None,
            attachments: Vec::new(),
            authentication: Authentication::default(),
            list: None,
            category: Category::Unreadable,
            confidence: 1.0,
            reasons: Vec::new(),
            labels: Vec::new(),
            rules: None,
            actions: Vec::new(),
            defects: Vec::new(),
            bounce: None,
            report: None,
            calendar: None,
            protection: None,
            processed_at: Timestamp::default(),
            original: None,
            path: None,
        }
    }

    #[test]
    fn what_is_absent_is_null_and_every_name_is_there() {
        let document = serde_json::to_value(empty()).unwrap();
        assert_eq!(document["schema"], "fanmail.result.v1");
        for name in [
            "userId",
            "ref",
            "messageId",
            "threadId",
            "internalDate",
            "text",
            "list",
            "rules",
            "bounce",
        ] {
            assert_eq!(document.get(name), Some(&Value::Null), "{name}");
        }
        assert_eq!(document["authentication"], json!({ "spf": null, "dkim": null, "dmarc": null }));
        assert_eq!(document["headers"]["inReplyTo"], Value::Null);
        assert_eq!(document.get("path"), None);
    }

    #[test]
    fn a_result_reads_back_as_it_was_written() {
        let user: UserId = "109876543210".parse().unwrap();
        let message: MessageId = "18f0c0ffee".parse().unwrap();
        let result = MessageResult {
            original: Some(original_key(&user, &message)),
            user_id: Some(user),
            message_id: Some(message),
            internal_date: Some("2026-05-01T12:00:00Z".parse().unwrap()),
            text: Some(Text {
                preview: "Hello\n--\nAnn".to_owned(),
                language: None,
                truncated: false,
                marks: vec![Mark { kind: MarkKind::Signature, start: 6, end: 12 }],
            }),
            protection: Some(Protection {
                format: ProtectionFormat::Smime,
                signed: true,
                encrypted: false,
            }),
            authentication: Authentication {
                spf: Some(AuthResult::SoftFail),
                ..Authentication::default()
            },
            category: Category::AutoReply,
            confidence: 0.98,
            actions: vec![Action {
                id: Some("a1".parse().unwrap()),
                kind: ActionKind::Forward,
                target: Some("books@example.com".to_owned()),
                original: Some(CarriedAs::Attached),
                state: ActionState::Pending,
                detail: None,
            }],
            bounce: Some(Bounce { recipients: vec![BouncedRecipient::default()] }),
            calendar: Some(Calendar::default()),
            path: Some("mail.eml".to_owned()),
            ..empty()
        };
        let text = serde_json::to_string(&result).unwrap();
        assert!(
            text.contains(r#""spf":"softfail""#) && text.contains(r#""category":"auto-reply""#),
            "{text}"
        );
        assert!(text.contains(r#"{"kind":"signature","start":6,"end":12}"#), "{text}");
        assert_eq!(serde_json::from_str::<MessageResult>(&text).unwrap(), result);
    }

    #[test]
    fn a_result_from_before_a_field_was_added_is_read_on() {
        let mut document = serde_json::to_value(empty()).unwrap();
        document.as_object_mut().unwrap().remove("protection");
        document["text"] = json!({ "preview": "Hello", "language": null, "truncated": false });
        document["attachments"] = json!([{ "filename": null, "contentType": "image/png", "sizeBytes": 1,
            "sha256": "", "inline": false }]);
        document["report"] = json!({ "kind": "dmarc", "feedbackType": null, "domain": null, "submitter": null,
            "reportId": null, "sourceIp": null });
        document["calendar"] = json!({ "method": null, "uid": null, "start": null, "end": null, "timeZone": null,
            "organizer": null, "attendees": [] });
        let result: MessageResult = serde_json::from_value(document).unwrap();
        assert!(result.protection.is_none() && result.attachments[0].contents.is_empty());
        assert!(result.text.unwrap().marks.is_empty() && result.report.unwrap().total.is_none());
    }

    #[test]
    fn a_results_key_is_its_owner_its_day_and_its_id() {
        let (user, message) = ("109".parse().unwrap(), "18f".parse().unwrap());
        let late = "2026-01-02T23:59:59Z".parse().unwrap();
        assert_eq!(result_key(&user, &message, late), "results/109/2026/01/02/18f.json");
        assert_eq!(original_key(&user, &message), "raw/109/18f.eml");
    }
}
