//! What a token may be used for.
//!
//! A set of scopes is one word of bits, because there may be a token for each of very many mailboxes.

use std::fmt;

/// The scopes the simulator knows; a bit of [`Scopes`] is a place in this list.
const KNOWN: [&str; 17] = [
    "openid",
    "email",
    "profile",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
    "https://mail.google.com/",
    "https://www.googleapis.com/auth/gmail.readonly",
    "https://www.googleapis.com/auth/gmail.metadata",
    "https://www.googleapis.com/auth/gmail.modify",
    "https://www.googleapis.com/auth/gmail.labels",
    "https://www.googleapis.com/auth/gmail.send",
    "https://www.googleapis.com/auth/gmail.insert",
    "https://www.googleapis.com/auth/gmail.compose",
    "https://www.googleapis.com/auth/gmail.addons.current.message.action",
    "https://www.googleapis.com/auth/gmail.addons.current.message.metadata",
    "https://www.googleapis.com/auth/gmail.addons.current.message.readonly",
    "https://www.googleapis.com/auth/gmail.addons.current.action.compose",
];

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u32);

/// A text that names a scope the simulator does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Some requested scopes were invalid: {0}")]
pub struct UnknownScope(pub String);

impl Scopes {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const OPENID: Self = Self(1);
    pub(crate) const EMAIL: Self = Self(1 << 1 | 1 << 3);
    pub(crate) const PROFILE: Self = Self(1 << 2 | 1 << 4);
    pub(crate) const IDENTITY: Self = Self(0b1_1111);
    pub(crate) const FULL: Self = Self(1 << 5);
    pub(crate) const READONLY: Self = Self(1 << 6);
    pub(crate) const METADATA: Self = Self(1 << 7);
    pub(crate) const MODIFY: Self = Self(1 << 8);
    pub(crate) const LABELS: Self = Self(1 << 9);
    pub(crate) const SEND: Self = Self(1 << 10);
    pub(crate) const INSERT: Self = Self(1 << 11);
    pub(crate) const COMPOSE: Self = Self(1 << 12);
    pub(crate) const ADDON_ACTION: Self = Self(1 << 13);
    pub(crate) const ADDON_METADATA: Self = Self(1 << 14);
    pub(crate) const ADDON_READONLY: Self = Self(1 << 15);
    pub(crate) const ADDON_COMPOSE: Self = Self(1 << 16);
    /// Every scope that touches mail; a changed password ends a grant that holds one of them.
    pub(crate) const MAIL: Self = Self(!0b1_1111 & 0x1_FFFF);

    /// Reads the blank-separated list of a request.
    pub fn parse(text: &str) -> Result<Self, UnknownScope> {
        text.split_ascii_whitespace().try_fold(Self::NONE, |set, name| {
            let place = KNOWN.iter().position(|known| *known == name);
            place.map(|bit| Self(set.0 | 1 << bit)).ok_or_else(|| UnknownScope(name.to_owned()))
        })
    }

    /// Whether both sets have a scope in common.
    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What is in one set or the other.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn among(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes by name.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        KNOWN
            .iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 >> bit & 1 == 1)
            .map(|(_, name)| *name)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_scopes_reads_as_it_is_written() {
        let text = "openid email https://www.googleapis.com/auth/gmail.readonly";
        let scopes = Scopes::parse(text).unwrap();
        assert_eq!(scopes.to_string(), text);
        assert!(scopes.any(Scopes::READONLY) && !scopes.any(Scopes::METADATA));
        assert_eq!(Scopes::parse("openid drive"), Err(UnknownScope("drive".to_owned())));
    }

    #[test]
    fn identity_and_mail_share_nothing() {
        assert!(!Scopes::MAIL.any(Scopes::IDENTITY));
        let both = Scopes::MAIL.with(Scopes::IDENTITY);
        assert_eq!(both.names().count(), KNOWN.len());
    }
}
