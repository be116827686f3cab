//! What a receipt says inside: which record, and which receive of it.
//!
//! The receive count makes each delivery's receipt another one, so that the receipt of a delivery that took too long
//! is no right to the record that somebody else now holds.

use super::Receipt;

/// One delivery of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    /// The record; never used again for another.
    pub(super) id: i64,
    /// The receive count that this delivery made it.
    pub(super) receives: u32,
}

impl Lease {
    pub(super) fn receipt(self) -> Receipt {
        Receipt(format!("{}-{}", self.id, self.receives))
    }

    /// `None` for a text that no queue of ours gave out.
    pub(super) fn of(receipt: &Receipt) -> Option<Self> {
        let (id, receives) = receipt.0.split_once('-')?;
        Some(Self { id: id.parse().ok()?, receives: receives.parse().ok()? })
    }
}
