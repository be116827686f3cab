//! The cookie in which an attempt travels with its browser: sealed, so that the browser can neither read nor make one.
//!
//! `__Host-` is a promise that browsers keep: only this host over a secure connection may have set it, for all of its
//! paths. Lax, because the way back from Google is a link from another site.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::clock::Chance;
use zeroize::Zeroizing;

use crate::attempt::{ATTEMPT_LIFE, Attempt};

const NAME: &str = "__Host-fanmail";

/// What the key is used for here; what it seals for another use does not open as a cookie.
const USE: &[u8] = b"fanmail consent cookie v1";

/// Longer than any cookie of ours, shorter than what is worth decoding.
const LONGEST: usize = 2_048;

/// Seals attempts with AES-256-GCM.
pub struct CookieSealing(LessSafeKey);

impl CookieSealing {
    /// With this key.
    pub fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key);
        Self(LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("32 bytes are a key"))))
    }

    /// The attempt as a cookie's value.
    pub fn seal(&self, attempt: &Attempt, chance: &Chance) -> Option<String> {
        let nonce = chance.bytes::<NONCE_LEN>();
        let mut text = serde_json::to_vec(attempt).ok()?;
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(unique, Aad::from(USE), &mut text).ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &text].concat()))
    }

    /// The attempt in a cookie's value; `None` when we did not seal it.
    pub fn open(&self, value: &str) -> Option<Attempt> {
        let bytes = (value.len() <= LONGEST).then(|| URL_SAFE_NO_PAD.decode(value).ok())??;
        let (nonce, text) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = self.0.open_in_place(nonce, Aad::from(USE), &mut text).ok()?;
        serde_json::from_slice(plain).ok()
    }
}

/// The header that gives a browser the cookie.
pub fn set(value: &str) -> String {
    let seconds = ATTEMPT_LIFE.as_secs();
    format!("{NAME}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax")
}

/// The header that takes it away.
pub fn clear() -> String {
    format!("{NAME}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax")
}

/// Our cookie's value among those of a `Cookie` header.
pub fn find(header: &str) -> Option<&str> {
    let mut pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::clock::Timestamp;

    fn sealing(byte: u8) -> CookieSealing {
        CookieSealing::new(&[byte; 32])
    }

    #[test]
    fn a_cookie_opens_only_as_it_was_sealed() {
        let chance = Chance::seeded(1);
        let attempt = Attempt::begin(Some("link"), &chance, Timestamp::from_millis(5));
        let value = sealing(1).seal(&attempt, &chance).unwrap();
        assert_eq!(sealing(1).open(&value).unwrap().verifier, attempt.verifier);
        assert!(sealing(2).open(&value).is_none(), "another key");
        for place in 0..value.len() {
            let mut changed = value.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(sealing(1).open(&changed).is_none(), "changed at {place}");
        }
        for hostile in ["", "A", "%%%", &value[1..], &"A".repeat(5_000)] {
            assert!(sealing(1).open(hostile).is_none(), "{hostile}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(find("a=b; __Host-fanmail=x=y; c=d"), Some("x=y"));
        assert_eq!(find("fanmail=x; __Host-fanmail2=y; __Host-fanmail"), None);
    }

    #[test]
    fn a_cookie_fits_into_a_header() {
        let chance = Chance::seeded(1);
        // The longest link there is.
        let link = "x".repeat(228);
        let attempt = Attempt::begin(Some(&link), &chance, Timestamp::from_millis(5));
        assert!(set(&sealing(1).seal(&attempt, &chance).unwrap()).len() < 1_000);
    }
}
