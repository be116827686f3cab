//! A batch of SQS's records as Lambda hands it over, and the answer that says which of them stay.
//!
//! Lambda deletes what the answer does not name. An answer that names nobody is a whole batch that succeeded, and one
//! that names a record wrongly, or by nothing, is a whole batch that failed
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).

use std::collections::BTreeMap;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};

use crate::aws::stack::DeadQueues;
use crate::clock::Timestamp;
use crate::ledger::StageName;
use crate::queue::{Receipt, Record};

/// Why a batch comes again as a whole.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadBatch {
    /// A record that stays has no id to be reported by.
    #[error("a record that is not finished has no id: the whole batch comes again")]
    Nameless,
    /// The records come from a queue that is nobody's dead-letter queue.
    #[error("the event comes from {0}, which is no dead-letter queue of ours")]
    UnknownQueue(String),
}

/// The event's records. One without a body is one with an empty body: no job, and a dead letter.
pub(super) fn records(event: SqsEvent, now: Timestamp) -> Vec<Record> {
    event.records.into_iter().map(|message| record(message, now)).collect()
}

/// The event's records by the stage whose dead letters they are.
pub(super) fn by_stage(
    event: SqsEvent,
    queues: &DeadQueues,
    now: Timestamp,
) -> Result<BTreeMap<StageName, Vec<Record>>, BadBatch> {
    let mut batches = BTreeMap::<_, Vec<_>>::new();
    for message in event.records {
        let queue = message.event_source_arn.clone().unwrap_or_default();
        let stage = queues.stage_of(&queue).ok_or(BadBatch::UnknownQueue(queue))?;
        batches.entry(stage).or_default().push(record(message, now));
    }
    Ok(batches)
}

/// What Lambda is told: which records stay in the queue.
pub(super) fn answer(left: Vec<String>) -> Result<SqsBatchResponse, BadBatch> {
    let mut answer = SqsBatchResponse::default();
    for id in left {
        if id.is_empty() {
            return Err(BadBatch::Nameless);
        }
        answer.add_failure(id);
    }
    Ok(answer)
}

fn record(message: SqsMessage, now: Timestamp) -> Record {
    let number = |name| message.attributes.get(name).and_then(|text| text.parse::<i64>().ok());
    let receives = number("ApproximateReceiveCount").and_then(|count| u32::try_from(count).ok());
    let sent_at = number("SentTimestamp").map_or(now, Timestamp::from_millis);
    let carried = message.message_attributes.into_iter();
    Record {
        id: message.message_id.unwrap_or_default(),
        receipt: Receipt(message.receipt_handle.unwrap_or_default()),
        body: message.body.unwrap_or_default(),
        attributes: carried.filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
        // A record that was handed over has been received.
        receive_count: receives.unwrap_or(1).max(1),
        sent_at,
    }
}
