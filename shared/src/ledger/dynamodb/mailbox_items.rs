//! A mailbox as an item of `UserTokens`: the one file that knows its attributes.

use super::table::Row;
use super::values::{Attributes, Item, Malformed, Value, any, flag, needed};
use crate::mailbox::{AccessBy, Mailbox, Owed, Pace, Roster};

/// All that a scan reads: what the dispatcher's role may be limited to (`dynamodb:Attributes`). No token, no address.
pub const ROSTER_ATTRIBUTES: [&str; 9] = [
    "userId",
    "epoch",
    "connectedAt",
    "lastFetchedAt",
    "lastMailAt",
    "disconnectedAt",
    "needsReauth",
    "paused",
    "owed",
];

impl Row for Mailbox {
    fn item(&self) -> Item {
        // Whoever adds a field is told here that it has no attribute yet.
        let Self {
            user_id,
            email,
            access,
            refresh_token,
            access_token,
            access_token_version,
            expiry,
            scopes,
            history_id,
            last_fetched_at,
            last_mail_at,
            connected_at,
            epoch,
            grant,
            disconnected_at,
            needs_reauth,
            paused,
            pace,
            refresh_lease,
            owed,
            reference,
            purged,
            last_gap,
        } = self;
        Attributes::default()
            .with("userId", user_id)
            .with("email", email)
            // Rows of before there was a choice have none.
            .with_any("access", Some(access).filter(|access| **access != AccessBy::Consent))
            .with_any("refreshToken", refresh_token.as_ref())
            .with_any("accessToken", access_token.as_ref())
            .with("accessTokenVersion", access_token_version)
            .with_any("expiry", expiry.as_ref())
            .with("scopes", scopes)
            .with_any("historyId", history_id.as_ref())
            .with("lastFetchedAt", last_fetched_at)
            .with_any("lastMailAt", last_mail_at.as_ref())
            .with("connectedAt", connected_at)
            .with("epoch", epoch)
            .with("grant", grant)
            .with_any("disconnectedAt", disconnected_at.as_ref())
            .with("needsReauth", &needs_reauth.is_some())
            .with_any("reauthReason", needs_reauth.as_ref())
            .with("paused", &paused.is_some())
            .with_any("pausedReason", paused.as_ref())
            .with("pacedUntil", &pace.until)
            .with("pacedUsed", &pace.used)
            .with_any("refreshLease", refresh_lease.as_ref())
            .with_any("owed", Some(owed).filter(|owed| **owed != Owed::default()))
            .with_any("ref", reference.as_ref())
            .with_any("purged", purged.as_ref())
            .with_any("lastGap", last_gap.as_ref())
            .item()
    }

    fn read(item: &Item) -> Result<Self, Malformed> {
        Ok(Self {
            user_id: needed(item, "userId")?,
            email: needed(item, "email")?,
            access: any(item, "access")?.unwrap_or(AccessBy::Consent),
            refresh_token: any(item, "refreshToken")?,
            access_token: any(item, "accessToken")?,
            access_token_version: any(item, "accessTokenVersion")?.unwrap_or_default(),
            expiry: any(item, "expiry")?,
            scopes: any(item, "scopes")?.unwrap_or_default(),
            history_id: any(item, "historyId")?,
            last_fetched_at: needed(item, "lastFetchedAt")?,
            last_mail_at: any(item, "lastMailAt")?,
            connected_at: needed(item, "connectedAt")?,
            epoch: needed(item, "epoch")?,
            grant: needed(item, "grant")?,
            disconnected_at: any(item, "disconnectedAt")?,
            needs_reauth: reason(item, "needsReauth", "reauthReason")?,
            paused: reason(item, "paused", "pausedReason")?,
            pace: Pace {
                until: any(item, "pacedUntil")?.unwrap_or_default(),
                used: any(item, "pacedUsed")?.unwrap_or_default(),
            },
            refresh_lease: any(item, "refreshLease")?,
            owed: any(item, "owed")?.unwrap_or_default(),
            reference: any(item, "ref")?,
            purged: any(item, "purged")?,
            last_gap: any(item, "lastGap")?,
        })
    }
}

/// A flag decides, for a scan too; its reason explains it.
fn reason<T: Value>(
    item: &Item,
    flagged: &'static str,
    reason: &'static str,
) -> Result<Option<T>, Malformed> {
    flag(item, flagged)?.then(|| needed(item, reason)).transpose()
}

/// What a scan shows of a mailbox, from [`ROSTER_ATTRIBUTES`] alone.
pub(super) fn roster(item: &Item) -> Result<Roster, Malformed> {
    let connected = !item.contains_key("disconnectedAt");
    let readable = connected && !flag(item, "needsReauth")? && !flag(item, "paused")?;
    Ok(Roster {
        user_id: needed(item, "userId")?,
        epoch: needed(item, "epoch")?,
        connected_at: needed(item, "connectedAt")?,
        last_fetched_at: needed(item, "lastFetchedAt")?,
        last_mail_at: any(item, "lastMailAt")?,
        readable,
        owes: any::<Owed>(item, "owed")?.is_some_and(|owed| owed.can_be_paid(readable)),
    })
}
