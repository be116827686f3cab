//! Sealing under keys that nobody keeps: for tests, and the ground of the simulated world.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;

use super::cipher::Cipher;
use super::keys::Keys;
use super::{KeyName, Sealed, SealedFor, Sealing, SealingError};
use crate::clock::Chance;

/// Seals under a random key.
pub struct MemorySealing(RwLock<Keys>);

impl MemorySealing {
    /// Draws a key.
    pub fn new(chance: &Chance) -> Self {
        Self(RwLock::new(Keys::new(draw(chance), Vec::new())))
    }

    /// Draws another key, which seals from now on; the others open what they have sealed.
    pub fn turn(&self, chance: &Chance) -> KeyName {
        let key = draw(chance);
        let name = key.name().clone();
        self.0.write().unwrap_or_else(PoisonError::into_inner).turn_to(key);
        name
    }

    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn draw(chance: &Chance) -> Cipher {
    let cipher = Cipher::new(&chance.bytes(), chance.clone());
    cipher.unwrap_or_else(|_| unreachable!("32 bytes are a key"))
}

#[async_trait]
impl Sealing for MemorySealing {
    async fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError> {
        self.keys().seal(at, plain)
    }

    async fn open(&self, at: SealedFor<'_>, sealed: &Sealed) -> Result<String, SealingError> {
        self.keys().open(at, sealed)
    }
}
