//! A data key, and how it travels with what was sealed under it: `v1.{wrapped key and its check}.{name}.{token}`.
//!
//! The check is no secret and no proof. It keeps what was cut or spoilt from KMS, whose answer to that may be "access
//! denied", which would read like a fault of ours
//! (<https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Chance;
use crate::sealing::cipher::{Cipher, ROOT_LEN};
use crate::sealing::{Sealed, SealedFor, SealingError};

const VERSION: &str = "v1.";

/// Bytes of SHA-256 that are enough to tell what was spoilt.
const CHECK_LEN: usize = 8;

/// A data key, ready to use. Its memory is zeroed on drop, by the cryptographic library that holds it.
pub(super) struct DataKey {
    wrapped: String,
    cipher: Cipher,
}

impl DataKey {
    pub(super) fn new(
        wrapped: &[u8],
        plain: &[u8; ROOT_LEN],
        chance: Chance,
    ) -> Result<Self, SealingError> {
        let checked = [wrapped, &check(wrapped)].concat();
        let wrapped = URL_SAFE_NO_PAD.encode(checked);
        Ok(Self { wrapped, cipher: Cipher::new(plain, chance)? })
    }

    pub(super) fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError> {
        let inner = self.cipher.seal(at, plain)?.0;
        let rest = inner.strip_prefix(VERSION).unwrap_or(&inner);
        Ok(Sealed(format!("{VERSION}{}.{rest}", self.wrapped)))
    }

    pub(super) fn open(&self, at: SealedFor<'_>, inner: &Sealed) -> Result<String, SealingError> {
        self.cipher.open(at, inner)
    }
}

/// The wrapped data key, and what the cipher made under it; `None` for what we did not write.
pub(super) fn split(sealed: &Sealed) -> Option<(Vec<u8>, Sealed)> {
    let (encoded, rest) = sealed.0.strip_prefix(VERSION)?.split_once('.')?;
    let mut wrapped = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let found = wrapped.split_off(wrapped.len().checked_sub(CHECK_LEN)?);
    let whole = !wrapped.is_empty() && found == check(&wrapped);
    whole.then(|| (wrapped, Sealed(format!("{VERSION}{rest}"))))
}

fn check(wrapped: &[u8]) -> [u8; CHECK_LEN] {
    let mut check = [0; CHECK_LEN];
    check.copy_from_slice(&digest(&SHA256, wrapped).as_ref()[..CHECK_LEN]);
    check
}
