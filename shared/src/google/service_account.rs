//! A service account of ours: the key file that Google gave out for it, and what is signed with it.
//!
//! The private key lives in the cryptographic library, which zeroes it when it is let go; what it was read from is zeroed
//! here. No error quotes the file. Which place to ask stands in our own settings: the file's `token_uri` is not read, so
//! that a changed file cannot send an assertion somewhere else.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::clock::Timestamp;

/// `grant_type` of a token that is asked for with an assertion (RFC 7523).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// How long an assertion is good. Google takes up to an hour
/// (<https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests>); ours is used at once.
const ASSERTION_SECONDS: i64 = 10 * 60;

/// Our clock may be so many seconds ahead of Google's, which takes nothing from the future.
const CLOCKS_DIFFER: i64 = 30;

/// Google's own files have two or three kilobytes.
const LONGEST: u64 = 64 << 10;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// A service account, able to sign.
pub struct ServiceAccount {
    /// Its address: who signs.
    pub email: String,
    /// The number under which a domain's administrator authorizes it.
    pub client_id: String,
    key_id: String,
    key: RsaKeyPair,
}

/// A text that is not the key of a service account. None of it is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadServiceAccount {
    /// Not JSON.
    #[error("it is not the JSON that Google gives out with a new key")]
    NotJson,
    /// Another kind of credentials, for instance those of an OAuth client.
    #[error("its type is not service_account: it is the key of something else")]
    OtherType,
    /// A field is missing or empty.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// The private key is not as Google writes it.
    #[error("its private_key is no PEM text that begins with BEGIN PRIVATE KEY")]
    NotPem,
    /// The private key is PEM, and no RSA key.
    #[error("its private_key is no RSA key in PKCS#8 of 2048 bits or more")]
    NotRsa,
}

/// A key file that is not used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BadAccountFile {
    /// It cannot be read.
    #[error("cannot read {0}: {1}")]
    Unread(PathBuf, io::ErrorKind),
    /// Others than its owner may read it.
    #[error("{0} can be read by others; if only you have used this machine, run: chmod 600 {0}")]
    Open(PathBuf),
    /// It is too long to be one.
    #[error("{0} is not the key of a service account: it is longer than 64 KiB")]
    TooLong(PathBuf),
    /// It is not what it should be.
    #[error("{0} is not the key of a service account: {1}")]
    Bad(PathBuf, BadServiceAccount),
}

/// Signing failed, which only a broken machine makes it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the service account's key does not sign")]
pub struct DoesNotSign;

impl ServiceAccount {
    /// Reads a key file, which nobody but its owner may read.
    pub fn read(file: &Path) -> Result<Self, BadAccountFile> {
        let place = || file.to_owned();
        let unread = |error: io::Error| BadAccountFile::Unread(place(), error.kind());
        let opened = File::open(file).map_err(unread)?;
        if opened.metadata().map_err(unread)?.permissions().mode() & 0o077 != 0 {
            return Err(BadAccountFile::Open(place()));
        }
        // All the room at once: a buffer that grows leaves copies behind.
        let room = usize::try_from(LONGEST).unwrap_or(usize::MAX);
        let mut text = Zeroizing::new(Vec::with_capacity(room + 1));
        opened.take(LONGEST + 1).read_to_end(&mut text).map_err(unread)?;
        if text.len() > room {
            return Err(BadAccountFile::TooLong(place()));
        }
        let text = str::from_utf8(&text).map_err(|_| BadServiceAccount::NotJson);
        text.and_then(Self::parse).map_err(|bad| BadAccountFile::Bad(place(), bad))
    }

    /// Reads the JSON that Google gives out with a new key.
    pub fn parse(text: &str) -> Result<Self, BadServiceAccount> {
        // The line ends within the key become blanks, which mean as little in it: a text with escapes would be unescaped
        // into a buffer that nobody zeroes.
        let text = Zeroizing::new(text.replace("\\n", " "));
        let wire: Wire<'_> = serde_json::from_str(&text).map_err(|_| BadServiceAccount::NotJson)?;
        if wire.kind != "service_account" {
            return Err(BadServiceAccount::OtherType);
        }
        let needed = |value: Cow<'_, str>, name| match value.trim() {
            "" => Err(BadServiceAccount::Missing(name)),
            value => Ok(value.to_owned()),
        };
        Ok(Self {
            email: needed(wire.client_email, "client_email")?,
            client_id: needed(wire.client_id, "client_id")?,
            key_id: needed(wire.private_key_id, "private_key_id")?,
            key: key(&wire.private_key)?,
        })
    }

    /// A signed request to speak for the mailbox at `subject` within `scopes`, for the token endpoint `audience` alone.
    pub fn assertion(
        &self,
        subject: &str,
        scopes: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Zeroizing<String>, DoesNotSign> {
        let issued = now.seconds() - CLOCKS_DIFFER;
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({
            "iss": self.email,
            "sub": subject,
            "scope": scopes,
            "aud": audience,
            "iat": issued,
            "exp": issued + ASSERTION_SECONDS,
        });
        let signed =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| DoesNotSign)?;
        Ok(Zeroizing::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    /// Whether both are the same key of the same account.
    pub fn is(&self, other: &Self) -> bool {
        self.email == other.email && self.key_id == other.key_id
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceAccount(…)")
    }
}

/// The file, as Google writes it. A field that is not there is as good as empty.
#[derive(Deserialize)]
#[serde(default)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    client_email: Cow<'a, str>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    private_key_id: Cow<'a, str>,
    #[serde(borrow)]
    private_key: Cow<'a, str>,
}

impl Default for Wire<'_> {
    fn default() -> Self {
        let none = || Cow::Borrowed("");
        Self {
            kind: none(),
            client_email: none(),
            client_id: none(),
            private_key_id: none(),
            private_key: none(),
        }
    }
}

fn key(pem: &str) -> Result<RsaKeyPair, BadServiceAccount> {
    if pem.trim().is_empty() {
        return Err(BadServiceAccount::Missing("private_key"));
    }
    let body = pem.trim().strip_prefix(BEGIN).and_then(|rest| rest.split_once(END));
    let (body, _) = body.ok_or(BadServiceAccount::NotPem)?;
    let mut digits = Zeroizing::new(String::with_capacity(body.len()));
    digits.extend(body.chars().filter(|digit| !digit.is_ascii_whitespace()));
    let der = STANDARD.decode(&*digits).map(Zeroizing::new);
    let der = der.map_err(|_| BadServiceAccount::NotPem)?;
    RsaKeyPair::from_pkcs8(&der).map_err(|_| BadServiceAccount::NotRsa)
}

#[cfg(test)]
mod tests;
