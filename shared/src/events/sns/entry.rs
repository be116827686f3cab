//! An event as SNS takes it.

use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};

use crate::events::Event;

/// The most entries of one request.
pub(super) const ENTRIES: usize = 10;

/// The most bytes of one event and of one request, attributes included: 256 KiB, unless a topic is set to take more
/// (<https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>).
pub(super) const PAYLOAD: usize = 256 * 1024;

/// What an attribute is for SNS.
const TEXT: &str = "String";
const LIST: &str = "String.Array";

/// Name, type and value of an attribute.
type Attribute = (&'static str, &'static str, String);

/// The requests that publish `batch`, and the positions of the events that no request can carry. An entry's id is its
/// event's position.
pub(super) fn entries(batch: &[Event]) -> (Vec<Vec<PublishBatchRequestEntry>>, Vec<usize>) {
    let (mut requests, mut refused, mut room) = (Vec::<Vec<_>>::new(), Vec::new(), 0);
    for (index, event) in batch.iter().enumerate() {
        let (bytes, entry) = match sized(index, event) {
            Ok(sized) => sized,
            Err(cause) => {
                tracing::error!(event = event.id, cause, "An event cannot be published");
                refused.push(index);
                continue;
            }
        };
        match requests.last_mut() {
            Some(last) if last.len() < ENTRIES && bytes <= room => last.push(entry),
            _ => {
                requests.push(vec![entry]);
                room = PAYLOAD;
            }
        }
        room -= bytes;
    }
    (requests, refused)
}

/// The entry and its size, or why there is none.
fn sized(index: usize, event: &Event) -> Result<(usize, PublishBatchRequestEntry), String> {
    let message = json(event).map_err(|error| error.to_string())?;
    let attributes = attributes(event);
    let size = |(name, kind, value): &Attribute| name.len() + kind.len() + value.len();
    let bytes = message.len() + attributes.iter().map(size).sum::<usize>();
    if bytes > PAYLOAD {
        return Err(format!("{bytes} bytes are more than SNS takes"));
    }
    let entry = entry(index, message, attributes).map_err(|error| error.to_string())?;
    Ok((bytes, entry))
}

/// As JSON in which no character stands that SQS, where most subscribers are, does not take: JSON itself escapes
/// control characters, and these two only ever stand within texts.
fn json(event: &Event) -> serde_json::Result<String> {
    let text = serde_json::to_string(event)?;
    Ok(text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff"))
}

/// Those that there are. An empty one is none for SNS.
fn attributes(event: &Event) -> Vec<Attribute> {
    let had = &event.attributes;
    let labels = (!had.labels.is_empty()).then(|| serde_json::json!(had.labels).to_string());
    let has_attachments = had.has_attachments.map(|has| has.to_string());
    let all = [
        ("type", TEXT, Some(event.kind.to_string())),
        ("userId", TEXT, had.user_id.as_ref().map(ToString::to_string)),
        ("ref", TEXT, had.reference.clone()),
        ("category", TEXT, had.category.map(str::to_owned)),
        ("labels", LIST, labels),
        ("hasAttachments", TEXT, has_attachments),
        ("lane", TEXT, had.lane.map(str::to_owned)),
    ];
    let clean = |mut value: String| {
        value.retain(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'));
        (!value.is_empty()).then_some(value)
    };
    all.into_iter()
        .filter_map(|(name, kind, value)| Some((name, kind, value.and_then(clean)?)))
        .collect()
}

fn entry(
    index: usize,
    message: String,
    attributes: Vec<Attribute>,
) -> Result<PublishBatchRequestEntry, BuildError> {
    let mut entry = PublishBatchRequestEntry::builder().id(index.to_string()).message(message);
    for (name, kind, value) in attributes {
        let value = MessageAttributeValue::builder().data_type(kind).string_value(value).build()?;
        entry = entry.message_attributes(name, value);
    }
    entry.build()
}
