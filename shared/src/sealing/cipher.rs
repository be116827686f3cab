//! The cipher under every key that stays on this machine.
//!
//! One root key of 32 bytes; HKDF-SHA256 makes of it one key for refresh tokens, one for access tokens, and a name that
//! says which root it was without giving anything of it away.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{KeyName, Sealed, SealedFor, SealingError, TokenKind};
use crate::clock::Chance;
use crate::store::StoreError;

/// Length of the root key.
pub(super) const ROOT_LEN: usize = 32;

const VERSION: &str = "v1";

pub(super) struct Cipher {
    refresh: LessSafeKey,
    access: LessSafeKey,
    name: KeyName,
    chance: Chance,
}

impl Cipher {
    pub(super) fn new(root: &[u8; ROOT_LEN], chance: Chance) -> Result<Self, SealingError> {
        let root = extract(root);
        Ok(Self {
            refresh: subkey(&root, TokenKind::Refresh)?,
            access: subkey(&root, TokenKind::Access)?,
            name: name(&root)?,
            chance,
        })
    }

    /// The name that it writes into whatever it seals.
    pub(super) fn name(&self) -> &KeyName {
        &self.name
    }

    pub(super) fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError> {
        let nonce = self.chance.bytes::<NONCE_LEN>();
        // With room for the tag, so that growing does not leave a copy of the token behind.
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(plain.as_bytes());
        let nonced = Nonce::assume_unique_for_key(nonce);
        let key = self.key(at.kind);
        key.seal_in_place_append_tag(nonced, bound_to(at), &mut *text).map_err(|_| unusable())?;
        let sealed = [nonce.as_slice(), &text].concat();
        Ok(Sealed(format!("{VERSION}.{}.{}", self.name, URL_SAFE_NO_PAD.encode(sealed))))
    }

    pub(super) fn open(&self, at: SealedFor<'_>, sealed: &Sealed) -> Result<String, SealingError> {
        self.try_open(at, sealed)
            .ok_or_else(|| SealingError::DoesNotOpen { user: at.user.clone(), kind: at.kind })
    }

    fn try_open(&self, at: SealedFor<'_>, sealed: &Sealed) -> Option<String> {
        let rest = sealed.0.strip_prefix(VERSION)?.strip_prefix('.')?;
        let encoded = rest.strip_prefix(self.name.as_str())?.strip_prefix('.')?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (nonce, text) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = self.key(at.kind).open_in_place(nonce, bound_to(at), &mut text).ok()?;
        str::from_utf8(plain).ok().map(str::to_owned)
    }

    fn key(&self, kind: TokenKind) -> &LessSafeKey {
        match kind {
            TokenKind::Refresh => &self.refresh,
            TokenKind::Access => &self.access,
        }
    }
}

/// What a sealed token does not open without.
fn bound_to(at: SealedFor<'_>) -> Aad<String> {
    Aad::from(format!("{VERSION}|{}|{}|{}", at.user, at.kind.as_str(), at.epoch))
}

/// The name of the key of these bytes.
pub(super) fn name_of(root: &[u8; ROOT_LEN]) -> Option<KeyName> {
    name(&extract(root)).ok()
}

fn extract(root: &[u8; ROOT_LEN]) -> Prk {
    Salt::new(HKDF_SHA256, b"fanmail").extract(root)
}

fn subkey(root: &Prk, kind: TokenKind) -> Result<LessSafeKey, SealingError> {
    let info = [kind.as_str().as_bytes()];
    let okm = root.expand(&info, &AES_256_GCM).map_err(|_| unusable())?;
    Ok(LessSafeKey::new(UnboundKey::from(okm)))
}

fn name(root: &Prk) -> Result<KeyName, SealingError> {
    let mut bytes = [0; 32];
    let okm = root.expand(&[b"key id"], HKDF_SHA256).map_err(|_| unusable())?;
    okm.fill(&mut bytes).map_err(|_| unusable())?;
    Ok(KeyName(hex::encode(&bytes[..4])))
}

/// The cipher's own failure, which says nothing about itself.
fn unusable() -> SealingError {
    SealingError::Keys(StoreError::Broken {
        doing: "using the sealing keys",
        source: "the cipher refused".into(),
    })
}
