//! Several keys at once, of which one seals.

use super::cipher::Cipher;
use super::{KeyName, Sealed, SealedFor, SealingError};

/// The keys that a process holds. Each opens what names it; one seals.
pub(super) struct Keys {
    seals: Cipher,
    opens: Vec<Cipher>,
}

impl Keys {
    /// `seals` seals and opens; `opens` only open.
    pub(super) fn new(seals: Cipher, opens: Vec<Cipher>) -> Self {
        Self { seals, opens }
    }

    /// Whether it holds the key with this name.
    pub(super) fn holds(&self, name: &KeyName) -> bool {
        self.of(name).is_some()
    }

    /// From now on `key` seals, and the one that did only opens.
    pub(super) fn turn_to(&mut self, key: Cipher) {
        self.opens.push(std::mem::replace(&mut self.seals, key));
    }

    pub(super) fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError> {
        self.seals.seal(at, plain)
    }

    pub(super) fn open(&self, at: SealedFor<'_>, sealed: &Sealed) -> Result<String, SealingError> {
        match sealed.key_name().and_then(|name| self.of(&name)) {
            Some(key) => key.open(at, sealed),
            None => Err(SealingError::DoesNotOpen { user: at.user.clone(), kind: at.kind }),
        }
    }

    fn of(&self, name: &KeyName) -> Option<&Cipher> {
        std::iter::once(&self.seals).chain(&self.opens).find(|key| key.name() == name)
    }
}
