//! The archive: results and originals, by key.

pub mod folder;
mod key;
pub mod memory;
#[cfg(feature = "aws")]
pub mod s3;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};

use crate::store::{StoreError, Write};

/// Objects by key, each written whole or not at all.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Stores `bytes` under `key` if nothing is there. The first write wins; whoever comes later learns of it.
    async fn put_new(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
    ) -> Result<Put, StoreError>;

    /// Stores `bytes` under `key`, whatever is there.
    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
    ) -> Result<(), StoreError>;

    /// Stores `bytes` under `key` in place of the object of this version; changes nothing where another, or none, is there.
    /// `Stale` may mean that this very write had been done, and its answer lost.
    async fn replace(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
        version: &Version,
    ) -> Result<Write, StoreError>;

    /// The object under `key`, with its version.
    async fn read(&self, key: &str) -> Result<Option<Object>, StoreError>;

    /// The bytes under `key`.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` keys that begin with `prefix`, after `after`, in order.
    async fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError>;

    /// The folders that are in `folder`, which ends in `/` as they do; where versions are kept, also those of which nothing
    /// else is left.
    async fn folders(&self, folder: &str) -> Result<Vec<String>, StoreError>;

    /// Deletes at most `limit` objects below `place`, with every version of theirs that is kept, and answers how many it
    /// has deleted, versions counted one by one; 0 when nothing is left. A place ends in `/`, and is everything in that
    /// folder; or in `-`, and is what is named so and on without another `-`.
    async fn remove(&self, place: &str, limit: usize) -> Result<usize, StoreError>;
}

/// What is stored under a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Which of the objects that the key has had.
    pub version: Version,
}

/// Tells an object from others under the same key, for a write that replaces no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// By its content, where nothing else tells.
    fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(digest(&SHA256, bytes)))
    }
}

/// What became of a first write.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Ours is there now.
    Stored,
    /// Another was there before.
    Exists,
}
