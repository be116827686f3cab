//! A mailbox as a row of `mailboxes`: the one file that knows its columns.

use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ids::UserId;
use crate::ledger::segment::slot;
use crate::mailbox::{Mailbox, Pace, Roster};

const SELECT: &str = "SELECT * FROM mailboxes WHERE user_id = ?1";

const REPLACE: &str = "
    INSERT INTO mailboxes (
        user_id, email, refresh_token, access_token, access_token_version, expiry, scopes, history_id, last_fetched_at,
        last_mail_at, connected_at, epoch, grant_number, disconnected_at, needs_reauth, reauth_reason, paused,
        paused_reason, paced_until, paced_used, refresh_lease, owed, ref, purged, access, last_gap, slot,
        readable, owes
    ) VALUES (
        :user_id, :email, :refresh_token, :access_token, :access_token_version, :expiry, :scopes, :history_id,
        :last_fetched_at, :last_mail_at, :connected_at, :epoch, :grant_number, :disconnected_at, :needs_reauth,
        :reauth_reason, :paused, :paused_reason, :paced_until, :paced_used, :refresh_lease, :owed, :ref, :purged,
        :access, :last_gap, :slot, :readable, :owes
    ) ON CONFLICT (user_id) DO UPDATE SET
        email = :email, refresh_token = :refresh_token, access_token = :access_token,
        access_token_version = :access_token_version, expiry = :expiry, scopes = :scopes, history_id = :history_id,
        last_fetched_at = :last_fetched_at, last_mail_at = :last_mail_at, connected_at = :connected_at, epoch = :epoch,
        grant_number = :grant_number, disconnected_at = :disconnected_at, needs_reauth = :needs_reauth,
        reauth_reason = :reauth_reason, paused = :paused, paused_reason = :paused_reason, paced_until = :paced_until,
        paced_used = :paced_used, refresh_lease = :refresh_lease, owed = :owed, ref = :ref, purged = :purged,
        access = :access, last_gap = :last_gap, readable = :readable, owes = :owes";

pub(super) fn load(connection: &Connection, user: &UserId) -> rusqlite::Result<Option<Mailbox>> {
    connection.prepare_cached(SELECT)?.query_row([user], mailbox).optional()
}

pub(super) fn store(connection: &Connection, mailbox: &Mailbox) -> rusqlite::Result<()> {
    let roster = mailbox.roster();
    connection.prepare_cached(REPLACE)?.execute(named_params! {
        ":user_id": mailbox.user_id,
        ":email": mailbox.email,
        ":refresh_token": mailbox.refresh_token,
        ":access_token": mailbox.access_token,
        ":access_token_version": mailbox.access_token_version,
        ":expiry": mailbox.expiry,
        ":scopes": json(&mailbox.scopes)?,
        ":history_id": mailbox.history_id,
        ":last_fetched_at": mailbox.last_fetched_at,
        ":last_mail_at": mailbox.last_mail_at,
        ":connected_at": mailbox.connected_at,
        ":epoch": mailbox.epoch,
        ":grant_number": mailbox.grant,
        ":disconnected_at": mailbox.disconnected_at,
        ":needs_reauth": mailbox.needs_reauth.is_some(),
        ":reauth_reason": mailbox.needs_reauth,
        ":paused": mailbox.paused.is_some(),
        ":paused_reason": mailbox.paused,
        ":paced_until": mailbox.pace.until,
        ":paced_used": mailbox.pace.used,
        ":refresh_lease": mailbox.refresh_lease,
        ":owed": json(&mailbox.owed)?,
        ":ref": mailbox.reference,
        ":purged": mailbox.purged.as_ref().map(json).transpose()?,
        ":access": mailbox.access,
        ":last_gap": mailbox.last_gap.as_ref().map(json).transpose()?,
        ":slot": slot(&mailbox.user_id),
        ":readable": roster.readable,
        ":owes": roster.owes,
    })?;
    Ok(())
}

fn mailbox(row: &Row<'_>) -> rusqlite::Result<Mailbox> {
    Ok(Mailbox {
        user_id: row.get("user_id")?,
        email: row.get("email")?,
        refresh_token: row.get("refresh_token")?,
        access_token: row.get("access_token")?,
        access_token_version: row.get("access_token_version")?,
        expiry: row.get("expiry")?,
        scopes: from_json(row, "scopes")?,
        history_id: row.get("history_id")?,
        last_fetched_at: row.get("last_fetched_at")?,
        last_mail_at: row.get("last_mail_at")?,
        connected_at: row.get("connected_at")?,
        epoch: row.get("epoch")?,
        grant: row.get("grant_number")?,
        disconnected_at: row.get("disconnected_at")?,
        needs_reauth: row.get("reauth_reason")?,
        paused: row.get("paused_reason")?,
        pace: Pace { until: row.get("paced_until")?, used: row.get("paced_used")? },
        refresh_lease: row.get("refresh_lease")?,
        owed: from_json(row, "owed")?,
        reference: row.get("ref")?,
        purged: any_json(row, "purged")?,
        access: row.get("access")?,
        last_gap: any_json(row, "last_gap")?,
    })
}

/// The columns of the index `roster`, in its order.
pub(super) fn roster(row: &Row<'_>) -> rusqlite::Result<Roster> {
    Ok(Roster {
        user_id: row.get(0)?,
        epoch: row.get(1)?,
        connected_at: row.get(2)?,
        last_fetched_at: row.get(3)?,
        last_mail_at: row.get(4)?,
        readable: row.get(5)?,
        owes: row.get(6)?,
    })
}

fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    parsed(row, column, &row.get::<_, String>(column)?)
}

fn any_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| parsed(row, column, &text)).transpose()
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: &str, text: &str) -> rusqlite::Result<T> {
    let index = row.as_ref().column_index(column)?;
    serde_json::from_str(text)
        .map_err(|error| Error::FromSqlConversionFailure(index, Type::Text, error.into()))
}
