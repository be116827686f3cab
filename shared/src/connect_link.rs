//! Connect links: an address that is given to one person, which says under which `ref` of the operator's own a mailbox
//! is to be connected, or which mailbox is to be connected again; what is asked for; and until when.
//!
//! A link is signed, not sealed: whoever has it may read the ids in it, and can change nothing. Its text is the
//! base64url of a version, the end, the scopes, the `ref` and the userId with a zero byte between, and HMAC-SHA-256
//! over all of these.

use std::collections::BTreeSet;
use std::str::FromStr;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::clock::Timestamp;
use crate::ids::{Reference, UserId};
use crate::scope::GmailScope;

/// The parameter of `/oauth2/start` that carries a link.
pub const PARAMETER: &str = "link";

/// What the key is derived for; what it signs for another use is no link.
const USE: &[u8] = b"fanmail connect link";

/// How a link is written. Another way gets another number.
const VERSION: u8 = 2;

/// Version, end in seconds, scopes.
const HEAD: usize = 1 + 8 + 1;

const TAG: usize = 32;

/// Between `ref` and userId; in neither.
const BETWEEN: char = '\0';

/// The longest `ref` and the longest userId.
const LONGEST: usize = (HEAD + 128 + 1 + 255 + TAG).div_ceil(3) * 4;

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The operator's own id for the person.
    pub reference: Option<Reference>,
    /// The mailbox that is to be connected again, where it is for that one and no other.
    pub user: Option<UserId>,
    /// What the person is asked for beside reading mail; that is always asked for.
    pub scopes: BTreeSet<GmailScope>,
    /// From then on it begins nothing any more. Whole seconds.
    pub expires_at: Timestamp,
}

impl Link {
    /// Whether its time is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

/// Signs links, and knows its own.
pub struct LinkSigning(hmac::Key);

impl LinkSigning {
    /// With a key derived from the one that cookies are sealed under.
    pub fn new(key: &[u8; 32]) -> Self {
        let root = Salt::new(HKDF_SHA256, &[]).extract(key);
        let derived = root.expand(&[USE], HMAC_SHA256);
        Self(derived.unwrap_or_else(|_| unreachable!("32 bytes are not too many")).into())
    }

    /// The link as the text of an address.
    pub fn sign(&self, link: &Link) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(link.expires_at.seconds().to_be_bytes());
        bytes.push(link.scopes.iter().fold(0, |bits, scope| bits | bit(*scope)));
        bytes.extend(link.reference.iter().flat_map(|reference| reference.as_str().bytes()));
        bytes.push(BETWEEN as u8);
        bytes.extend(link.user.iter().flat_map(|user| user.as_str().bytes()));
        let tag = hmac::sign(&self.0, &bytes);
        bytes.extend(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a text of ours says; `None` when we did not sign it. Whether its time is over is another question.
    pub fn open(&self, text: &str) -> Option<Link> {
        let bytes = (text.len() <= LONGEST).then(|| URL_SAFE_NO_PAD.decode(text).ok())??;
        let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        hmac::verify(&self.0, signed, tag).ok()?;
        let (version, rest) = signed.split_first()?;
        let (end, rest) = rest.split_first_chunk::<8>()?;
        let (bits, names) = rest.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (reference, user) = std::str::from_utf8(names).ok()?.split_once(BETWEEN)?;
        let millis = i64::from_be_bytes(*end).checked_mul(1000)?;
        Some(Link {
            reference: name(reference).ok()?,
            user: name(user).ok()?,
            scopes: GmailScope::ALL.into_iter().filter(|scope| bits & bit(*scope) != 0).collect(),
            expires_at: Timestamp::from_millis(millis),
        })
    }
}

/// The id that stands there, if one does.
fn name<T: FromStr>(text: &str) -> Result<Option<T>, T::Err> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

/// A scope's place in a link.
fn bit(scope: GmailScope) -> u8 {
    match scope {
        GmailScope::Readonly => 1,
        GmailScope::Modify => 1 << 1,
        GmailScope::Send => 1 << 2,
    }
}

/// Where people begin, by the address that they come back to: beside it, on the host that the cookie is for.
pub fn start_address(redirect_uri: &str) -> Option<Url> {
    Url::parse(redirect_uri).ok()?.join("oauth2/start").ok()
}

/// The address of a link, where people come back to `redirect_uri`.
pub fn address(redirect_uri: &str, link: &str) -> Option<Url> {
    let mut start = start_address(redirect_uri)?;
    start.query_pairs_mut().append_pair(PARAMETER, link);
    Some(start)
}

#[cfg(test)]
mod tests;
