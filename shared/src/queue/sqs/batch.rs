//! A batch as SQS takes it: requests of ten entries and of one mebibyte, without what would spoil them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};

use super::whole_seconds;
use crate::ids::UserId;
use crate::queue::{Outgoing, SendFailure};

/// The most entries of one request.
pub(super) const ENTRIES: usize = 10;

/// The most bytes of one record and of one request, bodies and attributes together: 1 MiB
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>). A queue may be
/// set to take less; it then says so itself.
pub(super) const PAYLOAD: usize = 1024 * 1024;

/// The longest name of a group, in characters
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
const GROUP: usize = 128;

/// The requests that send `batch`, and the entries that no request can carry. An entry's id is its position.
pub(super) fn requests(
    batch: Vec<Outgoing>,
) -> (Vec<Vec<SendMessageBatchRequestEntry>>, Vec<SendFailure>) {
    let (mut requests, mut refused, mut room) = (Vec::<Vec<_>>::new(), Vec::new(), 0);
    for (index, mut out) in batch.into_iter().enumerate() {
        tidy(&mut out);
        let bytes = bytes(&out);
        let entry = match out.refusal().or_else(|| refusal(&out, bytes)) {
            Some(cause) => Err(cause.to_owned()),
            None => entry(index, out).map_err(|error| error.to_string()),
        };
        let entry = match entry {
            Ok(entry) => entry,
            Err(cause) => {
                refused.push(SendFailure { index, cause });
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

/// Attributes are words for people: what SQS does not take in them is left out. It takes no empty value at all.
fn tidy(out: &mut Outgoing) {
    for value in out.attributes.values_mut() {
        value.retain(is_taken);
    }
    out.attributes.retain(|_, value| !value.is_empty());
}

/// Why SQS would not take it. One forbidden character fails its whole request if it is sent nevertheless.
fn refusal(out: &Outgoing, bytes: usize) -> Option<&'static str> {
    if out.body.is_empty() {
        Some("the body is empty")
    } else if !out.body.chars().all(is_taken) {
        Some("the body has a character that SQS does not take")
    } else if bytes > PAYLOAD {
        Some("body and attributes are larger than SQS takes")
    } else {
        None
    }
}

/// The characters that SQS takes, which are XML's
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
fn is_taken(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// As SQS counts: the body, and of each attribute its name, its type and its value.
fn bytes(out: &Outgoing) -> usize {
    let attribute = |(name, value): (&String, &String)| name.len() + "String".len() + value.len();
    out.body.len() + out.attributes.iter().map(attribute).sum::<usize>()
}

fn entry(index: usize, out: Outgoing) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(out.body)
        .delay_seconds(whole_seconds(out.delay))
        .set_message_group_id(out.group.map(group));
    for (name, value) in out.attributes {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value);
        entry = entry.message_attributes(name, value.build()?);
    }
    entry.build()
}

/// The mailbox, or what stands for a longer name than SQS takes.
fn group(user: UserId) -> String {
    let name = String::from(user);
    if name.len() <= GROUP { name } else { hex::encode(digest(&SHA256, name.as_bytes())) }
}
