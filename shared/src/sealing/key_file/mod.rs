//! Sealing under keys in a file that only its owner can read.
//!
//! The first key is made on first use. Each is worth as much as every mailbox together, and nothing else can open what
//! was sealed under it: a file that others can read or that holds no keys is refused, never replaced.
//!
//! The file changes while we run, because keys are rotated beside us. It is looked at before every seal, by what the
//! system says of it and not by reading it, and before a token is refused whose key we do not know. What it says then is
//! what holds: under a key that is in no file any more nothing is sealed.

mod contents;
mod keeper;
mod place;
mod web;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use self::contents::Contents;
use self::place::{Read, Stamp, look, make, read};
use super::keys::Keys;
use super::{KeyName, Sealed, SealedFor, Sealing, SealingError};
use crate::clock::{Chance, Timestamp};
use crate::store::StoreError;

pub use self::contents::{KEYS, KeyInfo, Standing};
pub use self::keeper::{KeyFile, keys};
pub use self::web::web_key;

const DOING: &str = "reading the sealing keys";

/// Seals under the keys in a file.
pub struct KeyFileSealing {
    file: PathBuf,
    chance: Chance,
    latest: RwLock<Arc<Seen>>,
}

/// What the file held when it was read.
struct Seen {
    stamp: Stamp,
    keys: Keys,
}

/// A key file that is not used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BadKeyFile {
    /// Others than its owner may read it.
    #[error("{0} can be read by others; if only you have used this machine, run: chmod 600 {0}")]
    Open(PathBuf),
    /// It is not what was written.
    #[error(
        "{0} does not hold keys, each of 64 hex digits; put the right file back, or move it away and connect every \
         mailbox again"
    )]
    Malformed(PathBuf),
    /// It was there, and is not any more.
    #[error("{0} is gone; put it back: what is sealed under its keys opens with nothing else")]
    Gone(PathBuf),
    /// Somebody else is changing it.
    #[error("another `fanmail keys` is at work on {0}; wait until it is done")]
    Held(PathBuf),
    /// There is no room for another key.
    #[error("{0} holds {KEYS} keys already; drop those that are not needed: fanmail keys retire")]
    Full(PathBuf),
}

impl BadKeyFile {
    fn broken(self) -> StoreError {
        StoreError::Broken { doing: DOING, source: self.into() }
    }
}

impl KeyFileSealing {
    /// Reads the keys in `file`, or makes one, `now`, if there is no such file.
    pub fn open(file: &Path, now: Timestamp, chance: Chance) -> Result<Self, StoreError> {
        if read(file)?.is_none() {
            make(file, now, &chance)?;
        }
        // Read back: of two that started at once, one made the key for both.
        let gone = || BadKeyFile::Gone(file.to_owned()).broken();
        let seen = Seen::of(read(file)?.ok_or_else(gone)?, file, &chance)?;
        Ok(Self { file: file.to_owned(), chance, latest: RwLock::new(Arc::new(seen)) })
    }

    fn known(&self) -> Arc<Seen> {
        Arc::clone(&self.latest.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the file holds now, read again if it is another than the one that was read.
    fn latest(&self) -> Result<Arc<Seen>, StoreError> {
        let (known, gone) = (self.known(), || BadKeyFile::Gone(self.file.clone()).broken());
        if look(&self.file)?.ok_or_else(gone)? == known.stamp {
            return Ok(known);
        }
        let read = read(&self.file)?.ok_or_else(gone)?;
        let seen = Arc::new(Seen::of(read, &self.file, &self.chance)?);
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        *latest = Arc::clone(&seen);
        tracing::info!("The sealing keys were read again");
        Ok(seen)
    }
}

#[async_trait]
impl Sealing for KeyFileSealing {
    async fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError> {
        self.latest().map_err(SealingError::Keys)?.keys.seal(at, plain)
    }

    async fn open(&self, at: SealedFor<'_>, sealed: &Sealed) -> Result<String, SealingError> {
        let known = self.known();
        let unheard_of = |name: &KeyName| !known.keys.holds(name);
        if sealed.key_name().as_ref().is_some_and(unheard_of) {
            return self.latest().map_err(SealingError::Keys)?.keys.open(at, sealed);
        }
        known.keys.open(at, sealed)
    }
}

impl Seen {
    fn of(read: Read, file: &Path, chance: &Chance) -> Result<Self, StoreError> {
        let Read { stamp, contents } = read;
        let malformed = || BadKeyFile::Malformed(file.to_owned()).broken();
        let (mut seals, mut opens) = (None, Vec::new());
        for (key, standing) in contents.ciphers(chance).ok_or_else(malformed)? {
            match standing {
                Standing::Seals => seals = Some(key),
                Standing::Opens => opens.push(key),
            }
        }
        Ok(Self { stamp, keys: Keys::new(seals.ok_or_else(malformed)?, opens) })
    }
}
