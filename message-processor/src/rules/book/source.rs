//! Where a file of rules lies: on this machine, or in S3.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::rules::file::FILE_BYTES;
use crate::rules::hash;

/// A file of rules, which somebody else writes.
#[async_trait]
pub trait RulesSource: Send + Sync {
    /// Its name for people.
    fn name(&self) -> String;

    /// What stands there, unless that is the `known` version. An error is in words, with the name.
    async fn read(&self, known: Option<&str>) -> Result<Option<Content>, String>;
}

/// What stands in a file, and of one that is too large so much that this shows.
pub struct Content {
    pub bytes: Vec<u8>,
    /// Tells it from what stood there before.
    pub version: String,
}

/// A file of this machine. Its versions are the hashes of what stands in it.
pub(super) struct LocalFile(pub(super) PathBuf);

#[async_trait]
impl RulesSource for LocalFile {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    async fn read(&self, known: Option<&str>) -> Result<Option<Content>, String> {
        let path = self.0.clone();
        let read = tokio::task::spawn_blocking(move || content(&path)).await;
        let read = read.unwrap_or_else(|panic| Err(panic.into()));
        let bytes = read.map_err(|error| format!("{}: {error}", self.name()))?;
        let version = hash(&bytes);
        Ok((known != Some(version.as_str())).then_some(Content { bytes, version }))
    }
}

/// What stands in the file, and of one that is too large only so much that this shows.
pub(super) fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(FILE_BYTES as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(feature = "aws")]
#[async_trait]
impl RulesSource for shared::aws::s3_file::S3File {
    fn name(&self) -> String {
        self.address().to_string()
    }

    async fn read(&self, known: Option<&str>) -> Result<Option<Content>, String> {
        let changed = self.changed(known, FILE_BYTES).await;
        let changed = changed.map_err(|error| shared::disposition::chain(&error))?;
        Ok(changed.map(|it| Content { bytes: it.bytes, version: it.etag }))
    }
}
