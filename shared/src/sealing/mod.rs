//! Sealing tokens, so that none is ever stored in clear.
//!
//! AES-256-GCM with a random nonce; the additional data are version, userId, kind and epoch, so that a sealed token
//! that was moved to another row, kind or life does not open. Refresh and access tokens are sealed under different
//! keys: who may open one need not be able to open the other. A sealed token names the key that it was sealed under:
//! while keys are rotated there are several that open, and one that seals.

mod cipher;
pub mod key_file;
mod keys;
#[cfg(feature = "aws")]
pub mod kms;
pub mod memory;

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, UserId};
use crate::store::StoreError;

/// Seals and opens tokens.
#[async_trait]
pub trait Sealing: Send + Sync {
    /// Seals `plain` for one mailbox's life.
    async fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError>;

    /// Opens what was sealed for exactly this mailbox, kind and life.
    async fn open(&self, at: SealedFor<'_>, sealed: &Sealed) -> Result<String, SealingError>;
}

/// A sealed token: printable text that says nothing without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub String);

impl Sealed {
    /// The key that it says it was sealed under; `None` where no name can be read.
    pub fn key_name(&self) -> Option<KeyName> {
        let mut parts = self.0.strip_prefix("v1.")?.rsplit('.');
        parts.next()?;
        parts.next()?.parse().ok()
    }
}

/// What a key is called: eight hex digits that follow from the key and give nothing of it away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct KeyName(String);

/// A text that is no key's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key's name is eight hex digits, such as 3f2a9c01")]
pub struct BadKeyName;

impl KeyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = BadKeyName;

    fn from_str(text: &str) -> Result<Self, BadKeyName> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_one = text.len() == 8 && text.bytes().all(digit);
        is_one.then(|| Self(text.to_owned())).ok_or(BadKeyName)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a sealed token is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedFor<'a> {
    /// Whose it is.
    pub user: &'a UserId,
    /// Which life it belongs to.
    pub epoch: Epoch,
    /// Which kind of token it is.
    pub kind: TokenKind,
}

/// The two kinds of token, sealed under different keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenKind {
    /// Opens a mailbox until it is revoked.
    Refresh,
    /// Opens a mailbox for about an hour.
    Access,
}

impl TokenKind {
    /// The kind's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Access => "access",
        }
    }
}

/// Why a token could not be sealed or opened. It names the mailbox, never the token.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// Cut, changed, moved from another row, kind or life, or sealed under another key.
    #[error("the stored {} token of mailbox {user} does not open: it was changed, moved or sealed under another key", kind.as_str())]
    DoesNotOpen {
        /// Whose row it stands in.
        user: UserId,
        /// Which kind of token.
        kind: TokenKind,
    },
    /// The keys are out of reach.
    #[error("the sealing keys could not be reached")]
    Keys(#[source] StoreError),
}
