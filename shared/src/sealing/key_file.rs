//! Sealing under a key in a file that only its owner can read.
//!
//! The key is made on first use. It is worth as much as every mailbox together, and nothing else can open what was
//! sealed under it: a file that others can read or that is not a key is refused, never replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::cipher::{Cipher, ROOT_LEN};
use super::{Sealed, SealedFor, Sealing, SealingError};
use crate::clock::Chance;
use crate::store::StoreError;

const DOING: &str = "reading the sealing key";

/// Longer than any key file.
const MAX_FILE: usize = 1024;

/// Seals under the key in a file.
pub struct KeyFileSealing(Cipher);

/// A key file that is not used, and what to do about it.
#[derive(Debug, thiserror::Error)]
enum BadKeyFile {
    #[error("{0} can be read by others; if only you have used this machine, run: chmod 600 {0}")]
    Open(PathBuf),
    #[error(
        "{0} does not hold 64 hex digits; put the right file back, or move it away and connect every mailbox again"
    )]
    Malformed(PathBuf),
}

impl KeyFileSealing {
    /// Reads the key in `file`, or makes one if there is no such file.
    pub fn open(file: &Path, chance: Chance) -> Result<Self, StoreError> {
        if read(file)?.is_none() {
            make(file, &chance).map_err(|error| StoreError::io("making the sealing key", error))?;
        }
        // Read back: of two that started at once, one made the key for both.
        let root = read(file)?.ok_or_else(|| StoreError::io(DOING, ErrorKind::NotFound.into()))?;
        Cipher::new(&root, chance)
            .map(Self)
            .map_err(|error| StoreError::Broken { doing: DOING, source: error.into() })
    }
}

#[async_trait]
impl Sealing for KeyFileSealing {
    async fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError> {
        self.0.seal(at, plain)
    }

    async fn open(&self, at: SealedFor<'_>, sealed: &Sealed) -> Result<String, SealingError> {
        self.0.open(at, sealed)
    }
}

fn read(file: &Path) -> Result<Option<Zeroizing<[u8; ROOT_LEN]>>, StoreError> {
    let failed = |error| StoreError::io(DOING, error);
    let refused = |bad: BadKeyFile| StoreError::Broken { doing: DOING, source: bad.into() };
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if opened.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(refused(BadKeyFile::Open(file.to_owned())));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_FILE));
    opened.take(MAX_FILE as u64).read_to_end(&mut text).map_err(failed)?;
    let mut root = Zeroizing::new([0; ROOT_LEN]);
    hex::decode_to_slice(text.trim_ascii(), root.as_mut_slice())
        .map_err(|_| refused(BadKeyFile::Malformed(file.to_owned())))?;
    Ok(Some(root))
}

/// Writes a new key beside `file` and links it into place; one that somebody else put there meanwhile stays.
fn make(file: &Path, chance: &Chance) -> io::Result<()> {
    let draft = file.with_extension(hex::encode(chance.bytes::<8>()));
    let written = write(&draft, chance);
    let placed = written.and_then(|()| match fs::hard_link(&draft, file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    placed.and(removed)
}

fn write(draft: &Path, chance: &Chance) -> io::Result<()> {
    let root = Zeroizing::new(chance.bytes::<ROOT_LEN>());
    let text = Zeroizing::new(hex::encode(root.as_slice()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    // The one file that is synced: what is sealed under a lost key is lost with it.
    file.sync_all()
}
