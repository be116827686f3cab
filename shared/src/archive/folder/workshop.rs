//! Where drafts are written before they are put into place.
//!
//! Each process has a room of its own below `.drafts`, which no key can name, and holds a lock in it while it lives.
//! Whoever opens the archive clears the rooms whose lock is free: their owners are dead, however they died, and a living
//! one is never disturbed.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Below the archive's root, hence on the same file system.
const DRAFTS: &str = ".drafts";

/// Locked while rooms are cleared and taken, and while an object is replaced.
const DOOR: &str = "door";

/// In each room, locked by its owner.
const OWNER: &str = "owner";

/// Room that must be there beyond what was lacking.
const SPARE: usize = 1 << 20;

pub(super) struct Workshop {
    room: PathBuf,
    drafts: AtomicU64,
    /// The length of the last draft that there was no room for; 0 when there was.
    lacking: AtomicUsize,
    /// Never read: the system gives the lock back when the process ends.
    _owner: File,
}

impl Workshop {
    pub(super) fn open(archive: &Path) -> io::Result<Self> {
        let rooms = archive.join(DRAFTS);
        fs::create_dir_all(&rooms)?;
        let door = File::create(rooms.join(DOOR))?;
        door.lock()?;
        clear(&rooms)?;
        let room = take_room(&rooms)?;
        let owner = File::create(room.join(OWNER))?;
        owner.lock()?;
        Ok(Self { room, drafts: AtomicU64::new(0), lacking: AtomicUsize::new(0), _owner: owner })
    }

    /// Waits until nobody else replaces an object, in this process or another. The turn ends when the answer is dropped.
    pub(super) fn turn(&self) -> io::Result<File> {
        let door = File::create(self.room.with_file_name(DOOR))?;
        door.lock()?;
        Ok(door)
    }

    /// Writes a draft. It is gone when the answer is dropped, written or not.
    pub(super) fn draft(&self, bytes: &[u8]) -> io::Result<Draft> {
        let written = self.write(bytes);
        if written.as_ref().is_err_and(is_full) {
            self.lacking.store(bytes.len().max(1), Ordering::Relaxed);
        }
        written
    }

    fn write(&self, bytes: &[u8]) -> io::Result<Draft> {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let draft = Draft(self.room.join(number.to_string()));
        fs::write(&draft.0, bytes)?;
        Ok(draft)
    }

    /// Whether the last draft found room.
    pub(super) fn has_room(&self) -> bool {
        self.lacking.load(Ordering::Relaxed) == 0
    }

    /// Tries whether what found no room would find it now, and some more with it: workers should not come back for a
    /// single message.
    pub(super) fn find_room(&self) -> io::Result<()> {
        let lacking = self.lacking.load(Ordering::Relaxed);
        drop(self.write(&vec![0; lacking + SPARE])?);
        // What has failed meanwhile keeps its word.
        let _ = self.lacking.compare_exchange(lacking, 0, Ordering::Relaxed, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // Whatever fails here is cleared by whoever opens the archive next.
        let _ = fs::remove_dir_all(&self.room);
    }
}

/// A file that is not in place yet.
pub(super) struct Draft(PathBuf);

impl Draft {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Renamed away, or cleared by whoever opens the archive next.
        let _ = fs::remove_file(&self.0);
    }
}

/// What [`StoreError::io`](crate::store::StoreError::io) calls full.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded
    )
}

fn clear(rooms: &Path) -> io::Result<()> {
    for entry in fs::read_dir(rooms)? {
        let room = entry?.path();
        if room.is_dir() && is_abandoned(&room)? {
            fs::remove_dir_all(&room)?;
        }
    }
    Ok(())
}

fn is_abandoned(room: &Path) -> io::Result<bool> {
    match File::open(room.join(OWNER)) {
        Ok(owner) => match owner.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        },
        // Its owner died between taking the room and locking it, which is done behind the closed door.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

fn take_room(rooms: &Path) -> io::Result<PathBuf> {
    let mut number = 0_u64;
    loop {
        let room = rooms.join(number.to_string());
        match fs::create_dir(&room) {
            Ok(()) => return Ok(room),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}
