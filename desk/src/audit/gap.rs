//! What has become of the last gap: its receipt, and the marks of what it found.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::mailbox::{GapReceipt, Mailbox};
use shared::mark::{MARK_LIFE, Mark, MarkCounts};

/// A gap that was closed, and how far what was missing in it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClosedGap {
    /// How it was closed.
    #[serde(flatten)]
    pub receipt: GapReceipt,
    /// How many of the messages found in it were missing.
    pub missing: u64,
    /// How these stand now. Those that a run had marked which then died are not among them: they were listed earlier.
    pub now: MarkCounts,
}

impl ClosedGap {
    /// The mailbox's last gap, if it had one in this life, and recently enough that marks tell what became of it.
    pub fn of(mailbox: &Mailbox, now: Timestamp) -> Option<Self> {
        let receipt = mailbox.last_gap.clone().filter(|gap| now.since(gap.at) < MARK_LIFE)?;
        let missing = receipt.report.found.saturating_sub(receipt.report.already_had);
        Some(Self { receipt, missing, now: MarkCounts::default() })
    }

    /// Counts a mark that counts, if it is of a message that was listed when the gap was closed.
    pub fn add(&mut self, mark: &Mark) {
        if mark.listed_at == self.receipt.at {
            self.now.add(mark.state);
        }
    }

    /// The receipt in one line.
    pub fn in_words(&self) -> String {
        let GapReceipt { at, report } = &self.receipt;
        let MarkCounts { listed, done, skipped, parked } = self.now;
        let (from, to, missing) = (report.from, report.to, self.missing);
        format!(
            "gap from {from} to {to}, closed at {at}: {missing} were missing, of which {done} are fetched, {skipped} \
             skipped, {parked} parked, {listed} on their way"
        )
    }
}

#[cfg(test)]
mod tests {
    use shared::mailbox::GapReport;
    use shared::mark::MarkState;

    use super::*;
    use crate::audit::judge::tests::mark;

    #[test]
    fn a_receipt_counts_what_was_listed_when_the_gap_was_closed() {
        let (early, at) = (Timestamp::from_millis(1), Timestamp::from_millis(9));
        let report = GapReport { from: early, to: at, found: 4, already_had: 1 };
        let receipt = GapReceipt { at, report };
        let mut gap = ClosedGap { receipt, missing: 3, now: MarkCounts::default() };
        for (state, listed_at) in [
            (MarkState::Done, early),
            (MarkState::Done, at),
            (MarkState::Done, at),
            (MarkState::Listed, at),
        ] {
            gap.add(&mark("m1", state, listed_at));
        }
        assert_eq!((gap.now.done, gap.now.listed), (2, 1));
        let told = gap.in_words();
        for word in ["3 were missing", "2 are fetched", "1 on their way"] {
            assert!(told.contains(word), "{told}");
        }
    }
}
