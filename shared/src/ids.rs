//! The identifiers that travel through the pipeline.
//!
//! Each is made only by parsing, at the door, so that inside nothing is checked twice: an id that exists is one that
//! is safe as a file name, a queue's group and a table's key.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An identifier that is not one: what it was meant to be, and what is wrong with it. The text itself is left out,
/// because what failed to be an id may be anything, an address included.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} is not {expected}")]
pub struct BadId {
    expected: &'static str,
    text: &'static str,
}

/// Defines an opaque text id of Google's or ours: 1 to `$max` ASCII letters, digits, `-` and `_`, not starting with
/// a sign. No dot and no slash, hence never a path.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = |what| BadId { expected: $expected, text: what };
                if text.is_empty() {
                    return Err(bad("an empty text"));
                }
                if text.len() > $max {
                    return Err(bad("a text that long"));
                }
                if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                    return Err(bad("a text that starts so"));
                }
                let safe = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                if text.bytes().all(safe) { Ok(Self(text.into())) } else { Err(bad("a text with such characters")) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$",
                    "maxLength": $max
                })
            }
        }
    };
}

text_id! {
    /// A Google account, by its `sub` claim: unique, never reused, at most 255 characters
    /// (<https://developers.google.com/identity/openid-connect/reference>). Never the address: addresses change.
    UserId, 255, "a userId (1 to 255 letters, digits, - and _)"
}

text_id! {
    /// Gmail's id of a message: fixed within one mailbox, not unique across mailboxes.
    MessageId, 64, "a Gmail message id (1 to 64 letters, digits, - and _)"
}

text_id! {
    /// Gmail's id of a conversation, within one mailbox.
    ThreadId, 64, "a Gmail thread id (1 to 64 letters, digits, - and _)"
}

text_id! {
    /// A job's name for life: copies and replays keep it.
    JobId, 64, "a jobId (1 to 64 letters, digits, - and _)"
}

text_id! {
    /// The operator's own id for a person (`ref`), as a connect link carries it.
    Reference, 128, "a ref (1 to 128 letters, digits, - and _, the first no sign)"
}

/// Defines a number that counts something and is compared as a number.
macro_rules! counter {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The one after this.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

counter! {
    /// The mailbox's life: one more at each disconnect.
    Epoch(u32)
}

counter! {
    /// The number of the consent within a life: one more at each completed consent.
    Grant(u32)
}

counter! {
    /// Which judgement of a message this is: 0 at first, one more at each reclassification.
    Generation(u32)
}

/// Gmail's `historyId`: a position in a mailbox's history. It rises, with gaps; it travels as decimal digits in a
/// string and is compared as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HistoryId(pub u64);

impl FromStr for HistoryId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId {
            expected: "a historyId (digits of a 64-bit number)",
            text: "a text with anything else",
        };
        if text.bytes().all(|b| b.is_ascii_digit()) {
            text.parse().map(Self).map_err(|_| bad)
        } else {
            Err(bad)
        }
    }
}

impl TryFrom<String> for HistoryId {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<HistoryId> for String {
    fn from(id: HistoryId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for HistoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_is_a_path() {
        for hostile in [
            "", ".", "..", "../x", "a/b", "a\\b", "/etc", "a\0", "-", "_x", "a b", "ä", "a.b",
            "C:x",
        ] {
            assert!(hostile.parse::<UserId>().is_err(), "{hostile:?}");
            assert!(hostile.parse::<MessageId>().is_err(), "{hostile:?}");
        }
        assert!("x".repeat(256).parse::<UserId>().is_err());
        assert_eq!("109876543210".parse::<UserId>().unwrap().as_str(), "109876543210");
    }

    #[test]
    fn history_ids_compare_as_numbers_and_travel_as_text() {
        let (nine, ten): (HistoryId, HistoryId) = ("9".parse().unwrap(), "10".parse().unwrap());
        assert!(nine < ten);
        assert_eq!(serde_json::to_string(&ten).unwrap(), "\"10\"");
        for bad in ["+1", "-1", "1.0", "18446744073709551616", " 1"] {
            assert!(bad.parse::<HistoryId>().is_err(), "{bad:?}");
        }
    }
}
