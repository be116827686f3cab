//! An archive in memory: for tests, and the ground of the simulated world.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::key::{check, check_folder, check_place, check_prefix, is_below};
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

    async fn folders(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        check_folder(folder)?;
        let objects = self.objects();
        let below = objects.keys().filter_map(|key| key.strip_prefix(folder));
        let within = below.filter_map(|rest| rest.split_once('/'));
        let found: BTreeSet<String> = within.map(|(name, _)| format!("{folder}{name}/")).collect();
        Ok(found.into_iter().collect())
    }

    async fn remove(&self, place: &str, limit: usize) -> Result<usize, StoreError> {
        check_place(place)?;
        let mut objects = self.objects();
        let below = objects.keys().filter(|key| is_below(place, key)).take(limit);
        let below: Vec<String> = below.cloned().collect();
        Ok(below.iter().filter_map(|key| objects.remove(key)).count())
    }
}
