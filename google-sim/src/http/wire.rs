//! Gmail's JSON: the shapes that answers are written in and requests are read from.
//!
//! Names and types are those of Google's API description; 64-bit numbers are decimal texts. A request's shape refuses
//! fields it does not know, and takes every field that is Google's, whether it matters here or not.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};

use crate::Profile;
use crate::history::{Event, HistoryPage, MessageRef, Record};
use crate::labels::{Label, LabelSet};
use crate::search::MessagePage;
use crate::watch::Watching;
use crate::world::hex_id;

/// `Message` by its ids alone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireRef {
    id: String,
    thread_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_ids: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListMessages {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<WireRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    result_size_estimate: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListHistory {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    history: Vec<WireRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    #[serde(serialize_with = "text")]
    history_id: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireRecord {
    #[serde(serialize_with = "text")]
    id: u64,
    messages: [WireRef; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    messages_added: Option<[Changed; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages_deleted: Option<[Changed; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels_added: Option<[Changed; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels_removed: Option<[Changed; 1]>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    message: WireRef,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_ids: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireProfile {
    email_address: String,
    messages_total: u32,
    threads_total: u32,
    #[serde(serialize_with = "text")]
    history_id: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireLabel {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_list_visibility: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_list_visibility: Option<String>,
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
struct ListLabels {
    labels: Vec<WireLabel>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireWatching {
    #[serde(serialize_with = "text")]
    history_id: u64,
    #[serde(serialize_with = "text")]
    expiration: i64,
}

/// The body of `messages.send` and `messages.insert`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct NewMessage {
    pub(super) raw: Option<String>,
    pub(super) thread_id: Option<String>,
    pub(super) label_ids: Vec<String>,
    id: IgnoredAny,
    snippet: IgnoredAny,
    history_id: IgnoredAny,
    internal_date: IgnoredAny,
    payload: IgnoredAny,
    size_estimate: IgnoredAny,
    classification_label_values: IgnoredAny,
}

/// The body of `messages.modify`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Modify {
    pub(super) add_label_ids: Vec<String>,
    pub(super) remove_label_ids: Vec<String>,
    add_classification_labels: IgnoredAny,
    remove_classification_label_ids: IgnoredAny,
}

/// The body of `labels.create`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct NewLabel {
    pub(super) name: String,
    pub(super) message_list_visibility: Option<String>,
    pub(super) label_list_visibility: Option<String>,
    id: IgnoredAny,
    r#type: IgnoredAny,
    color: IgnoredAny,
    messages_total: IgnoredAny,
    messages_unread: IgnoredAny,
    threads_total: IgnoredAny,
    threads_unread: IgnoredAny,
}

/// The body of `watch`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct NewWatch {
    pub(super) topic_name: String,
    pub(super) label_ids: Vec<String>,
    pub(super) label_filter_behavior: Option<String>,
    pub(super) label_filter_action: Option<String>,
}

pub(super) fn reference(message: &MessageRef) -> WireRef {
    let (id, thread_id) = (hex_id(message.id), hex_id(message.thread));
    WireRef { id, thread_id, label_ids: None }
}

pub(super) fn labelled(message: &MessageRef) -> WireRef {
    WireRef { label_ids: Some(ids(message.labels)), ..reference(message) }
}

pub(super) fn messages(page: MessagePage) -> impl Serialize {
    ListMessages {
        messages: page.messages.iter().map(reference).collect(),
        next_page_token: page.next,
        result_size_estimate: page.estimate,
    }
}

pub(super) fn history(page: HistoryPage) -> impl Serialize {
    ListHistory {
        history: page.records.iter().map(record).collect(),
        next_page_token: page.next,
        history_id: page.history_id,
    }
}

pub(super) fn profile(profile: Profile) -> impl Serialize {
    WireProfile {
        email_address: profile.email,
        messages_total: profile.messages,
        threads_total: profile.threads,
        history_id: profile.history_id,
    }
}

pub(super) fn labels(labels: Vec<Label>) -> impl Serialize {
    ListLabels { labels: labels.into_iter().map(wire_label).collect() }
}

pub(super) fn label(label: Label) -> impl Serialize {
    wire_label(label)
}

pub(super) fn watching(watching: Watching) -> impl Serialize {
    WireWatching { history_id: watching.history_id, expiration: watching.until.millis() }
}

/// The ids of a set of labels.
pub(super) fn ids(labels: LabelSet) -> Vec<String> {
    labels.iter().map(|label| label.to_string()).collect()
}

fn record(record: &Record) -> WireRecord {
    let changed = |labels: Option<LabelSet>| {
        let message = WireRef { label_ids: record.labels.map(ids), ..reference(&record.message) };
        Some([Changed { message, label_ids: labels.map(ids) }])
    };
    let mut wire = WireRecord {
        id: record.id,
        messages: [reference(&record.message)],
        messages_added: None,
        messages_deleted: None,
        labels_added: None,
        labels_removed: None,
    };
    match record.event {
        Event::Added => wire.messages_added = changed(None),
        Event::Deleted => wire.messages_deleted = changed(None),
        Event::LabelsAdded(labels) => wire.labels_added = changed(Some(labels)),
        Event::LabelsRemoved(labels) => wire.labels_removed = changed(Some(labels)),
    }
    wire
}

fn wire_label(label: Label) -> WireLabel {
    WireLabel {
        id: label.id.to_string(),
        name: label.name,
        message_list_visibility: label.message_list_visibility,
        label_list_visibility: label.label_list_visibility,
        r#type: if label.id.is_system() { "system" } else { "user" },
    }
}

/// A 64-bit number as the text that JSON needs.
pub(super) fn text<S: Serializer>(
    number: &impl std::fmt::Display,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_str(number)
}
