//! How a mailbox's quota is shared: blocks of messages, one block a minute.
//!
//! Gmail grants 6,000 units a minute and user, and a message costs 20
//! (<https://developers.google.com/workspace/gmail/api/reference/quota>). Whoever lists or replays reserves room for
//! what it hands on by one conditional write; the answer says from when the messages may be fetched. Whole blocks,
//! not an even trickle: 280 messages may go at once, and the next 280 a minute later, so that no window of a minute
//! ever holds more than 5,600 units of fetching. The rest is for listing and actions.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::mailbox::Pace;

/// From the start of one block to the start of the next: the minute that Gmail counts units in.
pub const BLOCK_LENGTH: Duration = Duration::from_mins(1);

/// How many messages make a block; `None` where nothing is paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing(Option<u32>);

/// A reservation: what to write, and from when the messages may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// What the mailbox's reservation becomes.
    pub pace: Pace,
    /// From when.
    pub not_before: Timestamp,
}

impl Pacing {
    /// 5,600 of 6,000 units, at 20 a message.
    pub const MAY_2026: Self = Self(Some(280));

    /// For Google projects older than May 2026: 14,000 of 15,000 units, at 5 a message.
    pub const LEGACY: Self = Self(Some(2_800));

    /// For a Google without a quota, which only the simulator is.
    pub const OFF: Self = Self(None);

    /// What fetching one message costs, in units.
    pub fn units_of_a_message(self) -> u32 {
        if self == Self::LEGACY { 5 } else { 20 }
    }

    /// How many blocks, of a minute each, so many messages of one mailbox take.
    pub fn blocks(self, messages: u64) -> u64 {
        self.0.map_or(0, |block| messages.div_ceil(u64::from(block)))
    }

    /// Reserves room for `messages` (at most a block) in the first block that has it; `None` where nothing is paced
    /// and nothing has asked for patience.
    pub fn reserve(self, read: Pace, messages: u32, now: Timestamp) -> Option<Slot> {
        let block = self.0?;
        if read.until <= now {
            return Some(Slot {
                pace: Pace { until: now + BLOCK_LENGTH, used: messages },
                not_before: now,
            });
        }
        let start = read.until - BLOCK_LENGTH;
        if read.used.saturating_add(messages) <= block {
            let pace = Pace { until: read.until, used: read.used + messages };
            return Some(Slot { pace, not_before: start.max(now) });
        }
        let pace = Pace { until: read.until + BLOCK_LENGTH, used: messages };
        Some(Slot { pace, not_before: read.until })
    }

    /// The room left in a block that has already begun, or that begins now. Backfill and replay take no more than
    /// this, so that live mail waits one block at most.
    pub fn room_now(self, read: Pace, now: Timestamp) -> u32 {
        let Some(block) = self.0 else { return u32::MAX };
        if read.until <= now {
            return block;
        }
        if read.until - BLOCK_LENGTH > now { 0 } else { block.saturating_sub(read.used) }
    }
}

/// After Gmail asked for patience until `until`: nobody reserves anything before, in the present block neither.
pub fn held(read: Pace, until: Timestamp) -> Pace {
    if read.until >= until + BLOCK_LENGTH {
        return read;
    }
    Pace { until: until.max(read.until), used: u32::MAX }
}

/// Until when nobody is to ask for messages, because Gmail asked for patience.
pub fn patience(read: Pace, now: Timestamp) -> Option<Timestamp> {
    (read.used == u32::MAX && read.until > now).then_some(read.until)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACING: Pacing = Pacing::MAY_2026;

    fn reserve(pace: Pace, messages: u32, now: Timestamp) -> Slot {
        PACING.reserve(pace, messages, now).unwrap()
    }

    #[test]
    fn no_minute_holds_more_than_one_block() {
        let now = Timestamp::from_millis(1_000_000);
        let mut pace = Pace::default();
        let mut starts = Vec::new();
        for _ in 0..40 {
            let slot = reserve(pace, 25, now);
            pace = slot.pace;
            starts.push(slot.not_before);
        }
        for start in &starts {
            let within = starts
                .iter()
                .filter(|other| **other >= *start && other.since(*start) < BLOCK_LENGTH);
            assert!(within.count() * 25 <= 280);
        }
        assert_eq!(starts[0], now);
        assert_eq!(starts[11], now + BLOCK_LENGTH);
    }

    #[test]
    fn patience_asked_for_is_kept_by_everyone() {
        let now = Timestamp::from_millis(1_000_000);
        let until = now + Duration::from_mins(5);
        let pace = held(Pace::default(), until);
        assert_eq!(reserve(pace, 1, now).not_before, until);
        assert_eq!(PACING.room_now(pace, now), 0);
        assert_eq!(held(pace, now), pace);
    }

    #[test]
    fn backfill_takes_only_what_is_left_of_the_present_block() {
        let now = Timestamp::from_millis(1_000_000);
        let pace = reserve(Pace::default(), 200, now).pace;
        assert_eq!(PACING.room_now(pace, now), 80);
        assert_eq!(PACING.room_now(reserve(pace, 100, now).pace, now), 0);
        assert_eq!(PACING.room_now(pace, now + BLOCK_LENGTH), 280);
    }
}
