//! An event as SNS takes it.

use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};

use crate::events::Event;
use crate::events::carried::{Carried, requests};

/// The most bytes of one event and of one request, attributes included: 256 KiB, unless a topic is set to take more
/// (<https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>).
pub(super) const PAYLOAD: usize = 256 * 1024;

/// The requests that publish `batch`, and the positions of the events that no request can carry. An entry's id is its
/// event's position.
pub(super) fn entries(batch: &[Event]) -> (Vec<Vec<PublishBatchRequestEntry>>, Vec<usize>) {
    requests(batch, PAYLOAD, entry)
}

fn entry(index: usize, carried: Carried) -> Result<PublishBatchRequestEntry, BuildError> {
    let entry = PublishBatchRequestEntry::builder().id(index.to_string());
    let mut entry = entry.message(carried.text);
    for it in carried.attributes {
        let value = MessageAttributeValue::builder().data_type(it.kind).string_value(it.value);
        entry = entry.message_attributes(it.name, value.build()?);
    }
    entry.build()
}
