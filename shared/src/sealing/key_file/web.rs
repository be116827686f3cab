//! The key that cookies are sealed and connect links are signed under.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::DOING;
use super::place::{Bytes, place_new, read_bytes};
use crate::clock::Chance;
use crate::store::StoreError;

/// What a key is worth, in bytes.
const LEN: usize = 32;

/// Its hex digits, and a line end.
const LONGEST: usize = 2 * LEN + 2;

#[derive(Debug, thiserror::Error)]
#[error(
    "{0} does not hold 64 hex digits; put the right file back, or move it away and give out new connect links"
)]
struct Malformed(PathBuf);

/// The key in `file`, made if there is no such file. In a file of its own, as it is a secret of its own on AWS: who may
/// sign links need not be able to open tokens.
pub fn web_key(file: &Path, chance: &Chance) -> Result<Zeroizing<[u8; LEN]>, StoreError> {
    if let Some(key) = read(file)? {
        return Ok(key);
    }
    let digits = Zeroizing::new(hex::encode(Zeroizing::new(chance.bytes::<LEN>()).as_slice()));
    place_new(file, digits.as_bytes(), chance)?;
    // Read back: of two that started at once, one made the key for both.
    let gone = || StoreError::io(DOING, std::io::ErrorKind::NotFound.into());
    read(file)?.ok_or_else(gone)
}

fn read(file: &Path) -> Result<Option<Zeroizing<[u8; LEN]>>, StoreError> {
    let Some(Bytes { text, .. }) = read_bytes(file, LONGEST)? else { return Ok(None) };
    let mut key = Zeroizing::new([0; LEN]);
    let malformed =
        |_| StoreError::Broken { doing: DOING, source: Malformed(file.to_owned()).into() };
    hex::decode_to_slice(text.trim_ascii(), key.as_mut_slice()).map_err(malformed)?;
    Ok(Some(key))
}
