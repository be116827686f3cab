//! What a security event must say, claim by claim
//! (<https://developers.google.com/identity/protocols/risc>, RFC 8417 section 2.2).

use serde_json::{Map, Value};

use super::{EventKind, LONGEST_LIFE, SKEW, SecurityEvent, SecurityEventError, SecurityEvents};
use crate::clock::Timestamp;

/// Google's have 32 characters.
const LONGEST_ID: usize = 256;

/// One token describes one thing that happened, from a few sides at most.
const MOST_EVENTS: usize = 16;

/// A verification's state is the operator's own word.
const LONGEST_STATE: usize = 100;

/// What the names of events begin with, by who has defined them.
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const OAUTH: &str = "https://schemas.openid.net/secevent/oauth/event-type/";

/// What the claims are held against.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) now: Timestamp,
}

impl Expected<'_> {
    /// What the claims say, if every one of them is as it must be. A claim of a wrong type counts as absent.
    pub(super) fn events(
        &self,
        claims: &Map<String, Value>,
    ) -> Result<SecurityEvents, SecurityEventError> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        if text("iss") != Some(self.issuer) {
            return Err(SecurityEventError::Issuer);
        }
        if !claims.get("aud").is_some_and(|aud| self.is_for_us(aud)) {
            return Err(SecurityEventError::Audience);
        }
        let issued_at = claims.get("iat").and_then(Value::as_i64);
        let issued_at = issued_at.and_then(|iat| self.sane(iat));
        let issued_at = issued_at.ok_or(SecurityEventError::IssuedAt)?;
        let id = text("jti").filter(|id| (1..=LONGEST_ID).contains(&id.len()));
        let id = id.ok_or(SecurityEventError::Id)?.to_owned();
        let events = claims.get("events").and_then(Value::as_object);
        let events = events.filter(|events| (1..=MOST_EVENTS).contains(&events.len()));
        let events = events.ok_or(SecurityEventError::Events)?.iter();
        let known = events.filter_map(|(name, payload)| Some((kind(name)?, payload)));
        let events =
            known.map(|(kind, payload)| self.event(kind, payload)).collect::<Result<_, _>>()?;
        Ok(SecurityEvents { id, issued_at, events })
    }

    /// One client, or several of which we are one: an event is about an account, not about who is told of it.
    fn is_for_us(&self, aud: &Value) -> bool {
        let several = aud.as_array().map(Vec::as_slice);
        let clients = several.unwrap_or(std::slice::from_ref(aud));
        clients.iter().any(|client| client == self.client_id)
    }

    /// The moment, in seconds since 1970, if it is neither ahead of us nor too long ago.
    fn sane(&self, seconds: i64) -> Option<Timestamp> {
        let at = Timestamp::from_millis(seconds.checked_mul(1000)?);
        (at <= self.now + SKEW && self.now <= at + LONGEST_LIFE).then_some(at)
    }

    fn event(&self, kind: EventKind, payload: &Value) -> Result<SecurityEvent, SecurityEventError> {
        let payload = payload.as_object().ok_or(SecurityEventError::Events)?;
        let user = match (payload.get("subject"), kind) {
            (_, EventKind::Verification) => None,
            (Some(subject), EventKind::TokenRevoked) if subject.get("sub").is_none() => None,
            (Some(subject), _) => Some(self.user(subject).ok_or(SecurityEventError::Subject)?),
            (None, _) => return Err(SecurityEventError::Subject),
        };
        let state = payload.get("state").and_then(Value::as_str);
        let state = state.filter(|state| is_plain(state)).map(str::to_owned);
        Ok(SecurityEvent { kind, user, state })
    }

    /// The account that a subject of type `iss-sub` names. Google writes its own name with and without a slash at the end.
    fn user(&self, subject: &Value) -> Option<crate::ids::UserId> {
        let text = |name: &str| subject.get(name).and_then(Value::as_str);
        let bare = |issuer: &str| issuer.trim_end_matches('/').to_owned();
        text("iss").filter(|issuer| bare(issuer) == bare(self.issuer))?;
        text("sub")?.parse().ok()
    }
}

/// The kind of an event by its full name.
fn kind(name: &str) -> Option<EventKind> {
    let (of_oauth, word) = match (name.strip_prefix(RISC), name.strip_prefix(OAUTH)) {
        (Some(word), _) => (false, word),
        (None, word) => (true, word?),
    };
    let kind: EventKind = word.parse().ok()?;
    let is_of_oauth = matches!(kind, EventKind::TokensRevoked | EventKind::TokenRevoked);
    (of_oauth == is_of_oauth).then_some(kind)
}

/// Fit to stand in a log line.
fn is_plain(state: &str) -> bool {
    state.len() <= LONGEST_STATE
        && state.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@')
}
