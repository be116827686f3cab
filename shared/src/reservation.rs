//! Reserving a mailbox's quota: the one conditional write that pacing rests on.

use crate::clock::Timestamp;
use crate::ids::UserId;
use crate::ledger::Mailboxes;
use crate::mailbox::Pace;
use crate::pacing::{Pacing, held};
use crate::store::{StoreError, Write};

/// How often a reservation is tried again after somebody else's came first.
const RACES: usize = 20;

/// Reserves room for jobs of these sizes, in order, and says from when each may begin.
pub async fn reserve(
    mailboxes: &dyn Mailboxes,
    pacing: Pacing,
    user: &UserId,
    sizes: &[u32],
    now: Timestamp,
) -> Result<Vec<Timestamp>, StoreError> {
    for _ in 0..RACES {
        let Some(mailbox) = mailboxes.get(user).await? else { break };
        let (pace, turns) = turns(pacing, mailbox.pace, sizes, now);
        if pace == mailbox.pace
            || mailboxes.reserve(user, mailbox.pace, pace).await? == Write::Applied
        {
            return Ok(turns);
        }
    }
    Err(StoreError::Unavailable {
        doing: "reserving quota",
        source: "others always came first".into(),
    })
}

/// Whether there was room.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It is reserved.
    Taken,
    /// Nothing is reserved; look again when this block ends.
    From(Timestamp),
}

/// Reserves room for `messages` in a block that has begun, or nothing: what is not urgent never stands in the way of
/// later mail.
pub async fn reserve_now(
    mailboxes: &dyn Mailboxes,
    pacing: Pacing,
    user: &UserId,
    messages: u32,
    now: Timestamp,
) -> Result<Room, StoreError> {
    for _ in 0..RACES {
        let Some(mailbox) = mailboxes.get(user).await? else { break };
        if pacing.room_now(mailbox.pace, now) < messages {
            return Ok(Room::From(mailbox.pace.until));
        }
        let Some(slot) = pacing.reserve(mailbox.pace, messages, now) else {
            return Ok(Room::Taken);
        };
        if mailboxes.reserve(user, mailbox.pace, slot.pace).await? == Write::Applied {
            return Ok(Room::Taken);
        }
    }
    Err(StoreError::Unavailable {
        doing: "reserving quota",
        source: "others always came first".into(),
    })
}

/// Notes that Gmail asked for patience, for everyone who reserves after.
pub async fn hold(
    mailboxes: &dyn Mailboxes,
    user: &UserId,
    until: Timestamp,
) -> Result<(), StoreError> {
    for _ in 0..RACES {
        let Some(mailbox) = mailboxes.get(user).await? else { return Ok(()) };
        let pace = held(mailbox.pace, until);
        if pace == mailbox.pace
            || mailboxes.reserve(user, mailbox.pace, pace).await? == Write::Applied
        {
            return Ok(());
        }
    }
    Err(StoreError::Unavailable {
        doing: "holding a mailbox back",
        source: "others always came first".into(),
    })
}

fn turns(pacing: Pacing, mut pace: Pace, sizes: &[u32], now: Timestamp) -> (Pace, Vec<Timestamp>) {
    let turns = sizes.iter().map(|size| match pacing.reserve(pace, *size, now) {
        Some(slot) => {
            pace = slot.pace;
            slot.not_before
        }
        None => now,
    });
    let turns = turns.collect();
    (pace, turns)
}
