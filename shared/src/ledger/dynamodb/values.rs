//! Our values as DynamoDB keeps them: texts and times as strings, counters as numbers, flags as booleans. What does not
//! read back is an error of its row, never a guess.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::category::Category;
use crate::clock::Timestamp;
use crate::goodbye::Purged;
use crate::ids::{Epoch, Generation, Grant, HistoryId, JobId, MessageId, UserId};
use crate::ledger::{History, LetterState, StageName};
use crate::mailbox::{AccessBy, GapReceipt, Owed};
use crate::mark::Forwards;
use crate::pack::PackKey;
use crate::reason::{PauseReason, Reason, SkipReason};
use crate::sealing::Sealed;

/// A row, or its key, as DynamoDB has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Stands for the userId of a dead letter whose body could not be read; no userId begins with a sign.
pub(super) const NOBODY: &str = "-";

/// An attribute that is missing or not of our making. Its content is left out: it may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("attribute {0} is missing or not as it is written here")]
pub(super) struct Malformed(pub(super) &'static str);

/// A value that is one attribute.
pub(super) trait Value: Sized {
    fn write(&self) -> AttributeValue;
    fn read(attribute: &AttributeValue) -> Option<Self>;
}

/// Writes a row attribute by attribute.
#[derive(Default)]
pub(super) struct Attributes(Item);

impl Attributes {
    pub(super) fn with(mut self, name: &'static str, value: &impl Value) -> Self {
        self.0.insert(name.to_owned(), value.write());
        self
    }

    /// What is none is no attribute.
    pub(super) fn with_any(self, name: &'static str, value: Option<&impl Value>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn item(self) -> Item {
        self.0
    }
}

/// An attribute that every row has.
pub(super) fn needed<T: Value>(item: &Item, name: &'static str) -> Result<T, Malformed> {
    any(item, name)?.ok_or(Malformed(name))
}

/// An attribute that a row may lack.
pub(super) fn any<T: Value>(item: &Item, name: &'static str) -> Result<Option<T>, Malformed> {
    item.get(name).map(|attribute| T::read(attribute).ok_or(Malformed(name))).transpose()
}

/// Whether a flag is set; one that is absent is not.
pub(super) fn flag(item: &Item, name: &'static str) -> Result<bool, Malformed> {
    Ok(any(item, name)?.unwrap_or(false))
}

/// A part of a key, if it is an id: who put a row there by hand may have put anything.
pub(super) fn shown(item: &Item, name: &str) -> String {
    let part = item.get(name).and_then(|part| part.as_s().ok());
    let safe = part.filter(|part| *part == NOBODY || part.parse::<UserId>().is_ok());
    safe.map_or_else(|| "(no id)".to_owned(), Clone::clone)
}

/// How long an expired row stays before DynamoDB may sweep it: who read it while it counted is done by then.
const GRACE: Duration = Duration::from_hours(24);

/// The attribute `ttl` of a row that expires: seconds since 1970, as DynamoDB's time to live wants them. Sweeping only
/// saves room; whether a row has expired is judged by its `expiresAt`.
pub(super) fn ttl(expires_at: Option<Timestamp>) -> Option<i64> {
    expires_at.map(|at| (at + GRACE).seconds())
}

macro_rules! text {
    ($($name:ty),+) => {$(
        impl Value for $name {
            fn write(&self) -> AttributeValue {
                AttributeValue::S(self.to_string())
            }

            fn read(attribute: &AttributeValue) -> Option<Self> {
                attribute.as_s().ok()?.parse().ok()
            }
        }
    )+};
}

text!(
    String,
    Timestamp,
    HistoryId,
    UserId,
    MessageId,
    JobId,
    Reason,
    SkipReason,
    AccessBy,
    PauseReason,
    LetterState,
    StageName,
    PackKey,
    Category
);

macro_rules! number {
    ($($name:ty),+) => {$(
        impl Value for $name {
            fn write(&self) -> AttributeValue {
                AttributeValue::N(self.to_string())
            }

            fn read(attribute: &AttributeValue) -> Option<Self> {
                attribute.as_n().ok()?.parse().ok()
            }
        }
    )+};
}

number!(u32, u64, i64);

macro_rules! counter {
    ($($name:ident),+) => {$(
        impl Value for $name {
            fn write(&self) -> AttributeValue {
                self.0.write()
            }

            fn read(attribute: &AttributeValue) -> Option<Self> {
                Value::read(attribute).map($name)
            }
        }
    )+};
}

counter!(Epoch, Grant, Generation, Sealed);

impl Value for bool {
    fn write(&self) -> AttributeValue {
        AttributeValue::Bool(*self)
    }

    fn read(attribute: &AttributeValue) -> Option<Self> {
        attribute.as_bool().ok().copied()
    }
}

impl Value for Vec<String> {
    fn write(&self) -> AttributeValue {
        AttributeValue::L(self.iter().map(Value::write).collect())
    }

    fn read(attribute: &AttributeValue) -> Option<Self> {
        attribute.as_l().ok()?.iter().map(Value::read).collect()
    }
}

macro_rules! json {
    ($($name:ty),+) => {$(
        /// As JSON: written and cleared whole, and a person can read it.
        impl Value for $name {
            fn write(&self) -> AttributeValue {
                let text = serde_json::to_string(self);
                AttributeValue::S(text.unwrap_or_else(|_| unreachable!("its keys are texts")))
            }

            fn read(attribute: &AttributeValue) -> Option<Self> {
                serde_json::from_str(attribute.as_s().ok()?).ok()
            }
        }
    )+};
}

json!(Owed, Purged, GapReceipt, Forwards, History);
