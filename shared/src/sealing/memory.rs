//! Sealing under a key that nobody keeps: for tests, and the ground of the simulated world.

use async_trait::async_trait;

use super::cipher::Cipher;
use super::{Sealed, SealedFor, Sealing, SealingError};
use crate::clock::Chance;

/// Seals under a random key.
pub struct MemorySealing(Cipher);

impl MemorySealing {
    /// Draws a key.
    pub fn new(chance: &Chance) -> Self {
        let cipher = Cipher::new(&chance.bytes(), chance.clone());
        Self(cipher.unwrap_or_else(|_| unreachable!("32 bytes are a key")))
    }
}

#[async_trait]
impl Sealing for MemorySealing {
    async fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError> {
        self.0.seal(at, plain)
    }

    async fn open(&self, at: SealedFor<'_>, sealed: &Sealed) -> Result<String, SealingError> {
        self.0.open(at, sealed)
    }
}
