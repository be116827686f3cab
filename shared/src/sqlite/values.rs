//! Our values as SQLite keeps them. What does not read back is an error of the row, never a guess.

use rusqlite::Error;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::category::Category;
use crate::clock::Timestamp;
use crate::ids::{Epoch, Generation, Grant, HistoryId, JobId, MessageId, UserId};
use crate::ledger::{History, LetterState, StageName};
use crate::mailbox::AccessBy;
use crate::mark::Forwards;
use crate::pack::PackKey;
use crate::reason::{PauseReason, Reason, SkipReason};
use crate::sealing::Sealed;

/// Values that are text: written by `Display`, read by parsing.
macro_rules! text {
    ($($name:ty),+) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.to_string().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(FromSqlError::other)
            }
        }
    )+};
}

text!(
    AccessBy,
    Category,
    Timestamp,
    HistoryId,
    Reason,
    SkipReason,
    PauseReason,
    LetterState,
    StageName
);

/// Ids are text too, and are lent as they are.
macro_rules! id {
    ($($name:ty),+) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(FromSqlError::other)
            }
        }
    )+};
}

id!(UserId, MessageId, JobId, PackKey);

/// Counters are numbers.
macro_rules! counter {
    ($($name:ident),+) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                u32::column_result(value).map($name)
            }
        }
    )+};
}

counter!(Epoch, Grant, Generation);

impl ToSql for Sealed {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_str().into())
    }
}

impl FromSql for Sealed {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        String::column_result(value).map(Self)
    }
}

/// As JSON: written whole, and a person can read it.
macro_rules! json {
    ($($name:ty),+) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                let text = serde_json::to_string(self);
                Ok(text.map_err(|error| Error::ToSqlConversionFailure(error.into()))?.into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                serde_json::from_str(value.as_str()?).map_err(FromSqlError::other)
            }
        }
    )+};
}

json!(Forwards, History);
