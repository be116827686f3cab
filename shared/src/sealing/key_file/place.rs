//! The key file on the disk: looked at, read, made, and replaced as a whole.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::contents::LONGEST;
use super::{BadKeyFile, Contents, DOING};
use crate::clock::{Chance, Timestamp};
use crate::store::StoreError;

const MAKING: &str = "making the sealing key";
const CHANGING: &str = "changing the sealing keys";

/// What tells one file from the next in the same place. A file is replaced and never written to, and its change time is
/// the system's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    changed: (i64, i64),
    length: u64,
}

impl Stamp {
    fn of(told: &Metadata) -> Self {
        let changed = (told.ctime(), told.ctime_nsec());
        Self { inode: told.ino(), changed, length: told.len() }
    }
}

/// A file that was read.
pub(super) struct Read {
    pub(super) stamp: Stamp,
    pub(super) contents: Contents,
}

/// The stamp of the file that is there; `None` where there is none.
pub(super) fn look(file: &Path) -> Result<Option<Stamp>, StoreError> {
    match fs::metadata(file) {
        Ok(told) => Ok(Some(Stamp::of(&told))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(DOING, error)),
    }
}

/// Reads the file that is there; `None` where there is none.
pub(super) fn read(file: &Path) -> Result<Option<Read>, StoreError> {
    let Some(Bytes { told, text }) = read_bytes(file, LONGEST)? else { return Ok(None) };
    let contents = Some(&text).filter(|text| text.len() <= LONGEST);
    let contents = contents.and_then(|text| Contents::of(text));
    let contents = contents.ok_or_else(|| BadKeyFile::Malformed(file.to_owned()).broken())?;
    Ok(Some(Read { stamp: Stamp::of(&told), contents }))
}

/// What a file holds, and what the system says of it.
pub(super) struct Bytes {
    told: Metadata,
    pub(super) text: Zeroizing<Vec<u8>>,
}

/// At most one byte more than `longest` of the file that is there, which nobody but its owner may read.
pub(super) fn read_bytes(file: &Path, longest: usize) -> Result<Option<Bytes>, StoreError> {
    let failed = |error| StoreError::io(DOING, error);
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let told = opened.metadata().map_err(failed)?;
    if told.permissions().mode() & 0o077 != 0 {
        return Err(BadKeyFile::Open(file.to_owned()).broken());
    }
    let mut text = Zeroizing::new(Vec::with_capacity(longest + 1));
    opened.take(longest as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    Ok(Some(Bytes { told, text }))
}

/// Writes a new key beside `file` and links it into place; one that somebody else put there meanwhile stays.
pub(super) fn make(file: &Path, now: Timestamp, chance: &Chance) -> Result<(), StoreError> {
    let refused = || StoreError::Broken { doing: MAKING, source: "the cipher refused".into() };
    let contents = Contents::first(now, chance).ok_or_else(refused)?;
    place_new(file, contents.text().as_bytes(), chance)
}

/// The same for any text.
pub(super) fn place_new(file: &Path, text: &[u8], chance: &Chance) -> Result<(), StoreError> {
    let draft = file.with_extension(hex::encode(chance.bytes::<8>()));
    let written = write(&draft, text);
    let placed = written.and_then(|()| match fs::hard_link(&draft, file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    let made = placed.and(removed).and_then(|()| sync_folder(file));
    made.map_err(|error| StoreError::io(MAKING, error))
}

/// Puts `contents` in the place of `file`: a reader, or a start after a crash, finds the one or the other, whole.
/// Whoever calls has the file to itself, and the draft, which may be left from one that died.
pub(super) fn replace(file: &Path, contents: &Contents) -> Result<(), StoreError> {
    let draft = file.with_extension("draft");
    let fresh = match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let written = fresh.and_then(|()| write(&draft, contents.text().as_bytes()));
    let replaced = written.and_then(|()| fs::rename(&draft, file)).and_then(|()| sync_folder(file));
    replaced.map_err(|error| StoreError::io(CHANGING, error))
}

fn write(draft: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(draft)?;
    file.write_all(text)?;
    // What is sealed under a lost key is lost with it.
    file.sync_all()
}

/// Makes the name last, too, not only what it names.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
