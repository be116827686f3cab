//! What a consent makes of a mailbox: which life, which number, and what is owed to it. No clock, no store.

use shared::clock::Timestamp;
use shared::events::{EventKind, mailbox_event_id};
use shared::ids::{Epoch, Grant, Reference, UserId};
use shared::mailbox::{Announcement, BackfillDebt, Mailbox, Owed, ReleaseDebt};
use shared::reason::{PauseReason, Reason};
use shared::settings::Backfill;

/// What to write, on condition that the row still is as it was `read`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The (epoch, grant) of the row; `None` when there was none.
    pub read: Option<(Epoch, Grant)>,
    /// The life that the refresh token is sealed for.
    pub epoch: Epoch,
    /// The consent's number in it.
    pub grant: Grant,
    /// Whether that life begins now.
    pub new_life: bool,
    /// How the mailbox was.
    pub found: Found,
    /// What it makes owed.
    pub owed: Owed,
}

/// How a consent finds its mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Not connected, or stopped for something that a consent mends.
    Stopped,
    /// Connected, with nothing that a consent would mend.
    Well,
}

/// Why a completed consent is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotYet {
    /// The last life is still being cleared away: its end revokes at Google, and would revoke this consent too; and a
    /// purge would take what this one begins. When it is over, where that is known.
    StillDisconnecting(Option<Timestamp>),
    /// The mailbox is connected under another `ref`, and stays so until it is disconnected.
    OtherReference,
    /// Google gave no refresh token, and there is none that could go on being used.
    NoRefreshToken,
}

/// What access tokens are come by with from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// The refresh token that Google gave with this consent.
    RefreshToken,
    /// Google gave none: a stored one goes on being used.
    Nothing,
    /// None is needed: the domain has delegated the mailbox.
    Delegation,
}

/// Decides what a consent of `user` at `now` makes of `row`; `reference` is that of the link the person came with.
pub fn after_consent(
    row: Option<&Mailbox>,
    user: &UserId,
    reference: Option<&Reference>,
    given: Given,
    backfill: &Backfill,
    now: Timestamp,
) -> Result<Next, NotYet> {
    if let Some(debt) = row.and_then(|row| row.owed.disconnect.as_ref()) {
        return Err(NotYet::StillDisconnecting(debt.over_by()));
    }
    if row.is_some_and(|row| is_anothers(row, reference)) {
        return Err(NotYet::OtherReference);
    }
    if given == Given::Nothing && !row.is_some_and(has_live_token) {
        return Err(NotYet::NoRefreshToken);
    }
    let read = row.map(|row| (row.epoch, row.grant));
    Ok(match row {
        None => new_life(read, user, Epoch(1), backfill, now),
        // The epoch was counted up when the last life ended.
        Some(row) if row.disconnected_at.is_some() => {
            new_life(read, user, row.epoch, backfill, now)
        }
        Some(row) => same_life(row, now),
    })
}

/// Whether the mailbox is connected under another `ref` than this one. One without any takes the first that comes.
fn is_anothers(row: &Mailbox, reference: Option<&Reference>) -> bool {
    let known = row.reference.as_deref().zip(reference);
    row.disconnected_at.is_none() && known.is_some_and(|(old, new)| old != new.as_str())
}

/// A token of an ended life does not open in the next one, and one that Google called dead stays dead.
fn has_live_token(row: &Mailbox) -> bool {
    row.refresh_token.is_some()
        && row.disconnected_at.is_none()
        && row.needs_reauth != Some(Reason::GrantDead)
}

fn new_life(
    read: Option<(Epoch, Grant)>,
    user: &UserId,
    epoch: Epoch,
    backfill: &Backfill,
    now: Timestamp,
) -> Next {
    let grant = Grant(1);
    let id = mailbox_event_id(EventKind::Connected, user, epoch, grant, None);
    let connected = Announcement { id, kind: EventKind::Connected, at: now, gap: None };
    let owed = Owed {
        announcement: Some(connected),
        backfill: backfill_debt(backfill, now),
        ..Owed::default()
    };
    Next { read, epoch, grant, new_life: true, found: Found::Stopped, owed }
}

fn backfill_debt(backfill: &Backfill, now: Timestamp) -> Option<BackfillDebt> {
    match backfill {
        Backfill::None => None,
        // Which of them are unread is asked of Gmail when they are listed.
        Backfill::Unread | Backfill::All => {
            Some(BackfillDebt { from: Timestamp::from_millis(0), to: now })
        }
        Backfill::Since(day) => (*day < now).then_some(BackfillDebt { from: *day, to: now }),
    }
}

/// The mailbox goes on from its cursor; what was parked under an earlier consent goes round again.
fn same_life(row: &Mailbox, now: Timestamp) -> Next {
    let grant = row.grant.next();
    // A connection that was not announced yet is announced as what it is, not as a mailbox that goes on.
    let unannounced = row.owed.announcement.as_ref();
    let is_new = unannounced.is_some_and(|owed| owed.kind == EventKind::Connected);
    let found = if heals(row) { Found::Stopped } else { Found::Well };
    let announcement = (found == Found::Stopped && !is_new).then(|| {
        let kind = EventKind::Resumed;
        let id = mailbox_event_id(kind, &row.user_id, row.epoch, grant, row.history_id);
        Announcement { id, kind, at: now, gap: None }
    });
    let owed = Owed { announcement, release: Some(ReleaseDebt { since: now }), ..Owed::default() };
    let read = Some((row.epoch, row.grant));
    Next { read, epoch: row.epoch, grant, new_life: false, found, owed }
}

/// Whether the mailbox had stopped for something that a consent mends. What a person paused stays paused.
fn heals(row: &Mailbox) -> bool {
    row.needs_reauth.is_some()
        || match row.paused {
            Some(
                PauseReason::DomainPolicy
                | PauseReason::NoMailbox
                | PauseReason::AccountDisabled
                | PauseReason::AddressGone,
            ) => true,
            Some(PauseReason::Operator) | None => false,
        }
}

#[cfg(test)]
mod tests;
