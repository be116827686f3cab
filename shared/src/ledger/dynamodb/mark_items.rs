//! A mark as an item of `MessageMarks`: the one file that knows its attributes.

use super::table::Row;
use super::values::{Attributes, Item, Malformed, any, needed, ttl};
use crate::ids::UserId;
use crate::mark::{Mark, MarkState};

/// A mark with its owner.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct OwnMark {
    pub(super) user_id: UserId,
    pub(super) mark: Mark,
}

impl Row for OwnMark {
    fn item(&self) -> Item {
        let Mark {
            message_id,
            epoch,
            state,
            generation,
            internal_date,
            job_id,
            listed_at,
            done_at,
            expires_at,
            forwards,
            pack,
        } = &self.mark;
        let reason = match state {
            MarkState::Skipped(reason) => Some(reason),
            MarkState::Listed | MarkState::Done | MarkState::Parked => None,
        };
        Attributes::default()
            .with("userId", &self.user_id)
            .with("messageId", message_id)
            .with("epoch", epoch)
            .with("state", &state.as_str().to_owned())
            .with_any("reason", reason)
            .with("generation", generation)
            .with_any("internalDate", internal_date.as_ref())
            .with("jobId", job_id)
            .with("listedAt", listed_at)
            .with_any("doneAt", done_at.as_ref())
            .with_any("expiresAt", expires_at.as_ref())
            .with_any("forwards", (!forwards.0.is_empty()).then_some(forwards))
            .with_any("ttl", ttl(*expires_at).as_ref())
            .with_any("pack", pack.as_ref())
            .item()
    }

    fn read(item: &Item) -> Result<Self, Malformed> {
        let mark = Mark {
            message_id: needed(item, "messageId")?,
            epoch: needed(item, "epoch")?,
            state: state(item)?,
            generation: needed(item, "generation")?,
            internal_date: any(item, "internalDate")?,
            job_id: needed(item, "jobId")?,
            listed_at: needed(item, "listedAt")?,
            done_at: any(item, "doneAt")?,
            expires_at: any(item, "expiresAt")?,
            forwards: any(item, "forwards")?.unwrap_or_default(),
            pack: any(item, "pack")?,
        };
        Ok(Self { user_id: needed(item, "userId")?, mark })
    }
}

fn state(item: &Item) -> Result<MarkState, Malformed> {
    let word: String = needed(item, "state")?;
    match word.as_str() {
        "listed" => Ok(MarkState::Listed),
        "done" => Ok(MarkState::Done),
        "parked" => Ok(MarkState::Parked),
        "skipped" => needed(item, "reason").map(MarkState::Skipped),
        _ => Err(Malformed("state")),
    }
}
