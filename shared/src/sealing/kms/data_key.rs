//! A data key, and how it travels with what was sealed under it: `v1.{birth, wrapped key and a check}.{name}.{token}`.
//!
//! The check is no secret and no proof. It keeps what was cut or spoilt from KMS, whose answer to that may be "access
//! denied", which would read like a fault of ours
//! (<https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::{Chance, Timestamp};
use crate::sealing::cipher::{Cipher, ROOT_LEN};
use crate::sealing::{Sealed, SealedFor, SealingError};

/// How long after its birth a data key is sealed under, and how long one is kept for opening: as long as an access
/// token lives. What a process has learnt it forgets within this time, and a permission that was taken from it has
/// ended by then.
pub(super) const LIFE: Duration = Duration::from_hours(1);

/// How many tokens one process seals under one data key: far below the 2^32 that random nonces allow (NIST SP 800-38D,
/// 8.3), and enough that KMS is asked once for ten thousand.
pub(super) const USES: u32 = 10_000;

const VERSION: &str = "v1.";

/// Bytes of SHA-256 that are enough to tell what was spoilt.
const CHECK_LEN: usize = 8;

/// A data key as KMS alone can unwrap it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wrapped {
    /// When it was made. KMS unwraps it for this moment only.
    pub(super) born: Timestamp,
    /// KMS's own.
    pub(super) blob: Vec<u8>,
}

/// A data key, ready to use. Its memory is zeroed on drop, by the cryptographic library that holds it.
pub(super) struct DataKey {
    pub(super) born: Timestamp,
    prefix: String,
    cipher: Cipher,
    uses: AtomicU32,
}

impl DataKey {
    pub(super) fn new(
        wrapped: &Wrapped,
        plain: &[u8; ROOT_LEN],
        chance: Chance,
    ) -> Result<Self, SealingError> {
        let (cipher, uses) = (Cipher::new(plain, chance)?, AtomicU32::default());
        Ok(Self { born: wrapped.born, prefix: wrapped.text(), cipher, uses })
    }

    pub(super) fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError> {
        self.uses.fetch_add(1, Ordering::Relaxed);
        let inner = self.cipher.seal(at, plain)?.0;
        let rest = inner.strip_prefix(VERSION).unwrap_or(&inner);
        Ok(Sealed(format!("{VERSION}{}.{rest}", self.prefix)))
    }

    pub(super) fn open(&self, at: SealedFor<'_>, inner: &Sealed) -> Result<String, SealingError> {
        self.cipher.open(at, inner)
    }

    /// Whether one more token may be sealed under it.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        let lives = self.born <= now && now < self.born + LIFE;
        lives && self.uses.load(Ordering::Relaxed) < USES
    }
}

impl Wrapped {
    fn text(&self) -> String {
        let mut bytes = [self.born.millis().to_be_bytes().as_slice(), &self.blob].concat();
        bytes.extend(check(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// `None` for what we did not write.
    fn of(text: &str) -> Option<Self> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let found = bytes.split_off(bytes.len().checked_sub(CHECK_LEN)?);
        let (born, blob) = bytes.split_first_chunk()?;
        let born = Timestamp::from_millis(i64::from_be_bytes(*born));
        let whole = !blob.is_empty() && found == check(&bytes);
        whole.then(|| Self { born, blob: blob.to_vec() })
    }
}

/// The wrapped data key, and what the cipher made under it; `None` for what we did not write.
pub(super) fn split(sealed: &Sealed) -> Option<(Wrapped, Sealed)> {
    let (text, rest) = sealed.0.strip_prefix(VERSION)?.split_once('.')?;
    Some((Wrapped::of(text)?, Sealed(format!("{VERSION}{rest}"))))
}

fn check(bytes: &[u8]) -> [u8; CHECK_LEN] {
    let mut check = [0; CHECK_LEN];
    check.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..CHECK_LEN]);
    check
}
