//! Sealing under data keys of KMS.
//!
//! KMS makes a data key and hands it out twice, plain and wrapped. Tokens are sealed here, under the plain one, and
//! carry the wrapped one along: whoever may ask KMS to unwrap it opens them. One data key serves many tokens of many
//! mailboxes, hence KMS is asked rarely; a token is bound to its mailbox by the cipher's additional data, and the
//! wrapped key to its kind of token by KMS's encryption context.
//!
//! A KMS that is out of reach, forbids or misses a key is [`SealingError::Keys`]; a token that was changed, moved or
//! wrapped under another key is [`SealingError::DoesNotOpen`].

mod data_key;
mod ring;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_kms::Client;

use self::ring::{Ring, Unwrapped};
use super::{Sealed, SealedFor, Sealing, SealingError, TokenKind};
use crate::clock::{Chance, Clock, Timestamp};

/// The keys in KMS, by id, ARN or alias ARN. Who may not use one leaves it empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingKeys {
    /// `REFRESH_KEY_ID`.
    pub refresh: String,
    /// `ACCESS_KEY_ID`.
    pub access: String,
}

/// When the data key was made that a token is sealed under; `None` for what was not sealed so.
pub fn born(sealed: &Sealed) -> Option<Timestamp> {
    data_key::split(sealed).map(|(wrapped, _)| wrapped.born)
}

/// Seals each kind of token under data keys of its own key in KMS.
pub struct KmsSealing {
    refresh: Ring,
    access: Ring,
}

impl KmsSealing {
    /// Sealing under these keys, which must be there and be symmetric.
    pub fn new(config: &SdkConfig, keys: SealingKeys, clock: Clock, chance: Chance) -> Self {
        let client = Client::new(config);
        let (own_clock, own_chance) = (clock.clone(), chance.clone());
        let refresh = TokenKind::Refresh;
        Self {
            refresh: Ring::new(client.clone(), keys.refresh, refresh, own_clock, own_chance),
            access: Ring::new(client, keys.access, TokenKind::Access, clock, chance),
        }
    }

    fn ring(&self, kind: TokenKind) -> &Ring {
        match kind {
            TokenKind::Refresh => &self.refresh,
            TokenKind::Access => &self.access,
        }
    }
}

#[async_trait]
impl Sealing for KmsSealing {
    async fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError> {
        self.ring(at.kind).for_sealing().await?.seal(at, plain)
    }

    async fn open(&self, at: SealedFor<'_>, sealed: &Sealed) -> Result<String, SealingError> {
        let does_not_open = || SealingError::DoesNotOpen { user: at.user.clone(), kind: at.kind };
        let (wrapped, inner) = data_key::split(sealed).ok_or_else(does_not_open)?;
        match self.ring(at.kind).unwrap(wrapped).await? {
            Unwrapped::Key(key) => key.open(at, &inner),
            Unwrapped::Refused => Err(does_not_open()),
        }
    }
}
