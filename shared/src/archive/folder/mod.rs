//! The archive in a folder: a key is a path below it.
//!
//! An object is written to a temporary file on the same file system and then linked into place, so that it is there
//! whole or not at all and the first of two writers wins. Nothing is synced: a killed process loses nothing that it
//! acknowledged, a power cut may.

mod listing;
mod workshop;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use self::workshop::Workshop;
use super::key::{check, check_folder, check_place, check_prefix, is_below};
use super::{Archive, Object, Put, Version};
use crate::store::{StoreError, Write};

/// Objects as files.
#[derive(Clone)]
pub struct FolderArchive(Arc<Folder>);

struct Folder {
    root: PathBuf,
    workshop: Workshop,
}

impl FolderArchive {
    /// Opens the folder, makes it if it is not there, and clears away what killed processes left half-written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::io("opening the archive", error);
        fs::create_dir_all(root).map_err(failed)?;
        let workshop = Workshop::open(root).map_err(failed)?;
        Ok(Self(Arc::new(Folder { root: root.to_owned(), workshop })))
    }

    /// After a write that found no room: whether there is some now. As long as every write has found its room, this
    /// costs nothing.
    pub async fn find_room(&self) -> Result<(), StoreError> {
        if self.0.workshop.has_room() {
            return Ok(());
        }
        self.run("looking for room", |folder| folder.workshop.find_room()).await
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = Arc::clone(&self.0);
        let done = spawn_blocking(move || work(&folder)).await;
        let done = done.map_err(|error| StoreError::Unavailable { doing, source: error.into() })?;
        done.map_err(|error| StoreError::io(doing, error))
    }
}

#[async_trait]
impl Archive for FolderArchive {
    async fn put_new(
        &self,
        key: &str,
        bytes: Vec<u8>,
        _content_type: &'static str,
    ) -> Result<Put, StoreError> {
        check(key)?;
        let key = key.to_owned();
        self.run("storing an object", move |folder| folder.put_new(&key, &bytes)).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        _content_type: &'static str,
    ) -> Result<(), StoreError> {
        check(key)?;
        let key = key.to_owned();
        self.run("replacing an object", move |folder| folder.put(&key, &bytes)).await
    }

    async fn replace(
        &self,
        key: &str,
        bytes: Vec<u8>,
        _content_type: &'static str,
        version: &Version,
    ) -> Result<Write, StoreError> {
        check(key)?;
        let (key, version) = (key.to_owned(), version.clone());
        let replaced =
            self.run("replacing an object", move |folder| folder.replace(&key, &bytes, &version));
        replaced.await
    }

    async fn read(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let bytes = self.get(key).await?;
        Ok(bytes.map(|bytes| Object { version: Version::of(&bytes), bytes }))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check(key)?;
        let key = key.to_owned();
        let read =
            self.run("reading an object", move |folder| absent(fs::read(folder.root.join(&key))));
        read.await
    }

    async fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let below = check_prefix(prefix)?.map(str::to_owned);
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        let listed = self.run("listing objects", move |folder| {
            listing::keys(&folder.root, below.as_deref(), &prefix, after.as_deref(), limit)
        });
        listed.await
    }

    async fn folders(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        check_folder(folder)?;
        let name = folder.to_owned();
        self.run("listing folders", move |folder| listing::folders(&folder.root, &name)).await
    }

    async fn remove(&self, place: &str, limit: usize) -> Result<usize, StoreError> {
        check_place(place)?;
        let place = place.to_owned();
        self.run("deleting objects", move |folder| folder.remove(&place, limit)).await
    }
}

impl Folder {
    fn put_new(&self, key: &str, bytes: &[u8]) -> io::Result<Put> {
        let path = self.root.join(key);
        // Spares the second writer the writing; the link below is what decides.
        if path.symlink_metadata().is_ok() {
            return Ok(Put::Exists);
        }
        let draft = self.workshop.draft(bytes)?;
        match with_parent(&path, || fs::hard_link(draft.path(), &path)) {
            Ok(()) => Ok(Put::Stored),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Put::Exists),
            Err(error) => Err(error),
        }
    }

    fn put(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.root.join(key);
        let draft = self.workshop.draft(bytes)?;
        with_parent(&path, || fs::rename(draft.path(), &path))
    }

    /// One at a time, whichever process it is in: what is compared must still be there when it is replaced.
    fn replace(&self, key: &str, bytes: &[u8], version: &Version) -> io::Result<Write> {
        let _turn = self.workshop.turn()?;
        match absent(fs::read(self.root.join(key)))? {
            Some(held) if Version::of(&held) == *version => {
                self.put(key, bytes)?;
                Ok(Write::Applied)
            }
            Some(_) | None => Ok(Write::Stale),
        }
    }

    /// A folder's own name may say whose it is: once it is empty it goes as well.
    fn remove(&self, place: &str, limit: usize) -> io::Result<usize> {
        let below = place.rsplit_once('/').map_or("", |(folder, _)| folder);
        let (mut removed, mut after) = (0, None::<String>);
        while removed < limit {
            let keys = listing::keys(&self.root, Some(below), place, after.as_deref(), limit)?;
            let Some(last) = keys.last() else {
                // Where objects of others may be put meanwhile, the folder is theirs too.
                if place.ends_with('/') {
                    remove_empty(&self.root.join(below));
                }
                break;
            };
            after = Some(last.clone());
            for key in keys.iter().filter(|key| is_below(place, key)).take(limit - removed) {
                removed += usize::from(absent(fs::remove_file(self.root.join(key)))?.is_some());
            }
        }
        Ok(removed)
    }
}

/// Places a file, and makes the folders above it only when they turn out to be missing.
fn with_parent(path: &Path, place: impl Fn() -> io::Result<()>) -> io::Result<()> {
    match (place(), path.parent()) {
        (Err(error), Some(parent)) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(parent)?;
            place()
        }
        (placed, _) => placed,
    }
}

/// Removes a folder and those in it, unless something is there after all.
fn remove_empty(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // A link is not followed.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    // Refused by the system where a file is: whoever has just put it there keeps it.
    let _ = fs::remove_dir(folder);
}

/// What is not there is no failure, nor is a folder where an object was looked for.
fn absent<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    use ErrorKind::{IsADirectory, NotADirectory, NotFound};
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | IsADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
