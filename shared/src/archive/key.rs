//! Which texts are keys.
//!
//! Results and originals are named by ids, which are never paths; this is the second lock on the same door, for a key
//! becomes a path in a folder.

use crate::store::StoreError;

/// Longer than any key of ours; a path of that length is one that every system takes.
const MAX_KEY: usize = 1024;

/// The longest file name that common file systems take.
const MAX_SEGMENT: usize = 255;

/// A text that is no key. The text itself is left out: it may be anything.
#[derive(Debug, thiserror::Error)]
#[error(
    "not a key: segments of letters, digits, '-', '_', '=' and '.', none empty or beginning with a dot, joined by '/'"
)]
struct BadKey;

/// Refuses what is not a key.
pub(super) fn check(key: &str) -> Result<(), StoreError> {
    let well_formed = key.len() <= MAX_KEY && key.split('/').all(is_segment);
    if well_formed {
        return Ok(());
    }
    Err(StoreError::Broken { doing: "naming an object", source: BadKey.into() })
}

/// Refuses what no key can begin with; answers the part up to the last `/`, which names a folder.
pub(super) fn check_prefix(prefix: &str) -> Result<Option<&str>, StoreError> {
    let (folder, rest) = match prefix.rsplit_once('/') {
        Some((folder, rest)) => (Some(folder), rest),
        None => (None, prefix),
    };
    folder.map_or(Ok(()), check)?;
    if !rest.is_empty() {
        check(rest)?;
    }
    Ok(folder)
}

/// Refuses what names no folder: of a prefix that is not closed by its `/`, nobody knows how far it reaches.
pub(super) fn check_folder(folder: &str) -> Result<(), StoreError> {
    match folder.strip_suffix('/') {
        Some(name) => check(name),
        None => Err(StoreError::Broken { doing: "naming a folder", source: BadKey.into() }),
    }
}

/// Refuses what names no place: of a prefix that is not closed by its `/` or `-`, nobody knows how far it reaches.
pub(super) fn check_place(place: &str) -> Result<(), StoreError> {
    match place.strip_suffix(['/', '-']) {
        Some(name) => check(name),
        None => Err(StoreError::Broken { doing: "naming a place", source: BadKey.into() }),
    }
}

/// Whether a key is below a place that was checked.
pub(super) fn is_below(place: &str, key: &str) -> bool {
    let closed_by_a_sign = place.ends_with('-');
    key.strip_prefix(place).is_some_and(|rest| !closed_by_a_sign || !rest.contains(['-', '/']))
}

fn is_segment(segment: &str) -> bool {
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=' | b'.');
    !segment.is_empty()
        && segment.len() <= MAX_SEGMENT
        && !segment.starts_with('.')
        && segment.bytes().all(safe)
}
