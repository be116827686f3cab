//! Queues of jobs: visibility, delay, receive count, fairness between groups.
//!
//! The trait is SQS's shape, because SQS's is the hardest to keep: at least once, in no promised order, a batch of
//! which some entries fail, and a receipt that runs out.

mod lease;
pub mod memory;
mod poll;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "aws")]
pub mod sqs;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::ids::UserId;
use crate::store::StoreError;

/// The longest delay that a queue keeps: SQS's 900 s
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const MAX_DELAY: Duration = Duration::from_mins(15);

/// How long a received record stays hidden from other workers; AWS asks for six times the run limit.
pub const VISIBILITY: Duration = Duration::from_mins(6);

/// How long a worker may spend on what it received.
pub const RUN_LIMIT: Duration = Duration::from_mins(1);

const _: () =
    assert!(VISIBILITY.as_secs() >= 6 * RUN_LIMIT.as_secs(), "a slow run must not be doubled");

/// After this many receives the queue itself moves a record to its dead-letter queue: a net for workers that die
/// without a verdict. The stages give theirs at the fifth try.
pub const MAX_RECEIVES: u32 = 10;

/// One queue.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends a batch. Each entry succeeds or fails by itself: the answer holds the positions of those that failed.
    async fn send(&self, batch: Vec<Outgoing>) -> Result<Vec<SendFailure>, StoreError>;

    /// Receives up to `max` records, each hidden from others for [`VISIBILITY`]; waits up to `wait` for the first.
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Record>, StoreError>;

    /// Deletes received records. A receipt that has run out deletes nothing.
    async fn delete(&self, receipts: &[Receipt]) -> Result<(), StoreError>;

    /// Shows a received record again after `after`, counted from now.
    async fn hide(&self, receipt: &Receipt, after: Duration) -> Result<(), StoreError>;

    /// How much the queue holds.
    async fn depth(&self) -> Result<Depth, StoreError>;
}

/// A record to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The job, encoded.
    pub body: String,
    /// The mailbox that shares the queue fairly with the others.
    pub group: Option<UserId>,
    /// How long it stays hidden, at most [`MAX_DELAY`].
    pub delay: Duration,
    /// What a dead letter carries beside its body.
    pub attributes: BTreeMap<String, String>,
}

impl Outgoing {
    /// Why no queue takes it, if none does.
    fn refusal(&self) -> Option<&'static str> {
        (self.delay > MAX_DELAY).then_some("the delay is longer than a queue keeps")
    }
}

/// An entry of a batch that was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendFailure {
    /// Its position in the batch.
    pub index: usize,
    /// What the queue said.
    pub cause: String,
}

/// What a worker received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The queue's own id of it, for the log.
    pub id: String,
    /// What deletes or hides it.
    pub receipt: Receipt,
    /// The job, encoded.
    pub body: String,
    /// What a dead letter carries beside its body.
    pub attributes: BTreeMap<String, String>,
    /// How often it has been received, this time included. Where a queue gave the record up to this one, SQS counts
    /// on, and the queues of one machine begin again.
    pub receive_count: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// The right to delete or hide one received record, until its visibility ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

/// How much a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    /// Sent with a delay that has not run out.
    pub delayed: u64,
}

impl Depth {
    /// All of it.
    pub fn total(self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}
