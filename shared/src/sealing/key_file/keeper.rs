//! Changing the key file, by one at a time, while others read it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::contents::KeyInfo;
use super::place::{read, replace};
use super::{BadKeyFile, Contents, DOING};
use crate::clock::{Chance, Timestamp};
use crate::sealing::KeyName;
use crate::store::StoreError;

/// The keys in `file`, the oldest first, without their secrets; none where there is no such file.
pub fn keys(file: &Path) -> Result<Vec<KeyInfo>, StoreError> {
    Ok(read(file)?.map(|read| read.contents.keys()).unwrap_or_default())
}

/// A key file in the hands of whoever changes it. Others may read it meanwhile, and nobody else changes it; it is let
/// go with the process, however that ends.
pub struct KeyFile {
    file: PathBuf,
    _held: File,
}

impl KeyFile {
    /// Takes hold of `file`. Refused while somebody else does.
    pub fn hold(file: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::io(DOING, error);
        let held = File::create(file.with_extension("lock")).map_err(failed)?;
        match held.try_lock() {
            Ok(()) => Ok(Self { file: file.to_owned(), _held: held }),
            Err(TryLockError::WouldBlock) => Err(BadKeyFile::Held(file.to_owned()).broken()),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// The keys, the oldest first.
    pub fn keys(&self) -> Result<Vec<KeyInfo>, StoreError> {
        Ok(self.read()?.keys())
    }

    /// Makes a new key, which seals from now on, and answers its name. Whoever dies on the way goes on with the same
    /// key the next time.
    pub fn turn(&self, now: Timestamp, chance: &Chance) -> Result<KeyName, StoreError> {
        let mut contents = self.read()?;
        let name = match contents.waiting() {
            Some(name) => name,
            None => self.add(&mut contents, now, chance)?,
        };
        // Only now, when it is on the disk for good: somebody seals under it as soon as the file says so, and what was
        // sealed must not outlive its key.
        contents.turn_to(&name, now);
        replace(&self.file, &contents)?;
        Ok(name)
    }

    fn add(
        &self,
        contents: &mut Contents,
        now: Timestamp,
        chance: &Chance,
    ) -> Result<KeyName, StoreError> {
        if contents.is_full() {
            return Err(BadKeyFile::Full(self.file.clone()).broken());
        }
        let refused = || StoreError::Broken { doing: DOING, source: "the cipher refused".into() };
        let name = contents.add(now, chance).ok_or_else(refused)?;
        replace(&self.file, contents)?;
        Ok(name)
    }

    /// Drops keys for good, but never the one that seals. What is sealed under them opens no more.
    pub fn retire(&self, names: &[KeyName]) -> Result<(), StoreError> {
        let mut contents = self.read()?;
        contents.drop_all(names);
        replace(&self.file, &contents)
    }

    fn read(&self) -> Result<Contents, StoreError> {
        let gone = || BadKeyFile::Gone(self.file.clone()).broken();
        Ok(read(&self.file)?.ok_or_else(gone)?.contents)
    }
}
