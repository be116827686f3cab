//! An archive in memory: for tests, and the ground of the simulated world.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::key::{check, check_folder, check_prefix};
use super::{Archive, Object, Put, Version};
use crate::store::{StoreError, Write};

/// Objects by key.
#[derive(Default)]
pub struct MemoryArchive(Mutex<BTreeMap<String, Vec<u8>>>);

impl MemoryArchive {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Archive for MemoryArchive {
    async fn put_new(
        &self,
        key: &str,
        bytes: Vec<u8>,
        _content_type: &'static str,
    ) -> Result<Put, StoreError> {
        check(key)?;
        Ok(match self.objects().entry(key.to_owned()) {
            Entry::Vacant(place) => {
                place.insert(bytes);
                Put::Stored
            }
            Entry::Occupied(_) => Put::Exists,
        })
    }

    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        _content_type: &'static str,
    ) -> Result<(), StoreError> {
        check(key)?;
        self.objects().insert(key.to_owned(), bytes);
        Ok(())
    }

    async fn replace(
        &self,
        key: &str,
        bytes: Vec<u8>,
        _content_type: &'static str,
        version: &Version,
    ) -> Result<Write, StoreError> {
        check(key)?;
        Ok(match self.objects().get_mut(key) {
            Some(held) if Version::of(held) == *version => {
                *held = bytes;
                Write::Applied
            }
            Some(_) | None => Write::Stale,
        })
    }

    async fn read(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let bytes = self.get(key).await?;
        Ok(bytes.map(|bytes| Object { version: Version::of(&bytes), bytes }))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check(key)?;
        Ok(self.objects().get(key).cloned())
    }

    async fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        check_prefix(prefix)?;
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let objects = self.objects();
        let rest = objects.range::<str, _>((start, Bound::Unbounded)).map(|(key, _)| key);
        Ok(rest.take_while(|key| key.starts_with(prefix)).take(limit).cloned().collect())
    }

    async fn remove(&self, folder: &str, limit: usize) -> Result<usize, StoreError> {
        check_folder(folder)?;
        let keys = self.keys(folder, None, limit).await?;
        let mut objects = self.objects();
        Ok(keys.iter().filter_map(|key| objects.remove(key)).count())
    }
}
