//! Which mailbox belongs to which segment of a scan, and a page of one.
//!
//! A hash of the userId gives each mailbox one of 65,536 slots, and a segment is a range of slots. The slot is stored
//! with the row: it must never come out differently, hence a hash that is written down here.

use std::ops::Range;

use crate::ids::UserId;
use crate::mailbox::Roster;

const SLOTS: u64 = 1 << 16;

/// Segment `index` of `total` of a parallel scan; together they are the whole table, and none overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// 0 to `total` - 1.
    pub index: u32,
    /// How many there are, at least 1.
    pub total: u32,
}

impl Segment {
    /// The slots of this segment; none when there is no such segment.
    pub(super) fn slots(self) -> Range<u32> {
        let total = u64::from(self.total.max(1));
        let bound = |index: u64| {
            u32::try_from(index.min(total) * SLOTS / total)
                .unwrap_or_else(|_| unreachable!("at most SLOTS"))
        };
        bound(u64::from(self.index))..bound(u64::from(self.index) + 1)
    }
}

/// The slot of a mailbox: FNV-1a, folded to 16 bits.
pub(super) fn slot(user: &UserId) -> u32 {
    let hash = user
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 16) ^ (hash & 0xffff)
}

/// A page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPage {
    /// The mailboxes, disconnected and paused ones too: the dispatcher decides.
    pub mailboxes: Vec<Roster>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<UserId>,
}

impl ScanPage {
    /// The page that holds `mailboxes`: a full one is followed by another, which may be empty.
    pub(super) fn of(mailboxes: Vec<Roster>, limit: usize) -> Self {
        let full = mailboxes.len() >= limit;
        let next = mailboxes.last().filter(|_| full).map(|last| last.user_id.clone());
        Self { mailboxes, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_stays_in_its_slot_from_version_to_version() {
        assert_eq!(slot(&"42".parse().unwrap()), 0x260);
        assert_eq!(slot(&"109876543210".parse().unwrap()), 0x9211);
    }

    #[test]
    fn segments_are_the_whole_and_do_not_overlap() {
        for total in [1, 2, 3, 7, 16, 100_000] {
            let ranges: Vec<_> = (0..total).map(|index| Segment { index, total }.slots()).collect();
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert_eq!((ranges[0].start, ranges[total as usize - 1].end), (0, 1 << 16));
        }
    }
}
