//! What a receipt says inside: SQS's handle, and since when the record has been in flight.
//!
//! SQS deletes a record by the handle of its last receive even after its visibility has ended, and then whoever
//! receives it in that moment works on what is gone. Hence a receipt knows its own end, and what has run out does
//! nothing. A receipt that Lambda handed to us is SQS's bare handle: its run is over long before its visibility.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::queue::{Receipt, VISIBILITY};

/// The longest that a record can be in flight, all its hiding together: 12 hours
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>).
const LONGEST_FLIGHT: Duration = Duration::from_hours(12);

/// The receipt of a record that was received no earlier than `since`.
pub(super) fn receipt(handle: &str, since: Timestamp) -> Receipt {
    Receipt(format!("{}:{handle}", since.millis()))
}

/// A record in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken<'a> {
    /// SQS's handle.
    pub(super) handle: &'a str,
    /// Since when, if the receipt says so.
    since: Option<Timestamp>,
}

impl<'a> Taken<'a> {
    fn of(receipt: &'a Receipt) -> Option<Self> {
        // SQS's handles are base64, in which there is no colon.
        let timed = receipt.0.split_once(':').and_then(|(since, handle)| {
            let since = Timestamp::from_millis(since.parse().ok()?);
            Some(Self { handle, since: Some(since) })
        });
        let taken = timed.unwrap_or(Self { handle: &receipt.0, since: None });
        (!taken.handle.is_empty()).then_some(taken)
    }

    /// How long it can still be hidden: SQS refuses a second more.
    pub(super) fn longest(&self, now: Timestamp) -> Duration {
        let passed = self.since.map_or(VISIBILITY, |since| now.since(since));
        // To the whole second, downwards, because hiding is rounded up.
        let left = LONGEST_FLIGHT.saturating_sub(passed);
        Duration::from_secs(left.as_secs())
    }
}

/// Until when records stay hidden that were told to by this process. Others end with [`VISIBILITY`].
#[derive(Default)]
pub(super) struct Leases(Mutex<HashMap<String, Timestamp>>);

impl Leases {
    /// The record that `receipt` still is a right to.
    pub(super) fn held<'a>(&self, receipt: &'a Receipt, now: Timestamp) -> Option<Taken<'a>> {
        let taken = Taken::of(receipt)?;
        let told = self.untils().get(taken.handle).copied();
        let until = told.or(taken.since.map(|since| since + VISIBILITY));
        until.is_none_or(|until| until > now).then_some(taken)
    }

    /// Remembers that the record stays hidden until then, and forgets those that no longer do. They are few: what is
    /// hidden is what failed within the last minutes.
    pub(super) fn extend(&self, taken: &Taken<'_>, until: Timestamp, now: Timestamp) {
        let mut untils = self.untils();
        untils.retain(|_, until| *until > now);
        untils.insert(taken.handle.to_owned(), until);
    }

    fn untils(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
