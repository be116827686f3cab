//! Google's JSON, as Google sends it; only this file knows its shape.
//!
//! A misfit names the field and never what stood there. The one large field, a message's `raw`, is borrowed from the
//! body and decoded straight into the buffer that leaves.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use crate::clock::Timestamp;
use crate::google::{
    Account, Added, GmailError, GmailLabel, HistoryPage, ListPage, OAuthError, PageToken, Profile,
    RawMessage, TokenAnswer,
};
use crate::ids::{HistoryId, MessageId, ThreadId, UserId};
use crate::secret::{AccessToken, RefreshToken};

/// Google sends base64url without padding here and with it there.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An access token that claims to live longer is a mistake: the usual is an hour.
const LONGEST_LIFE: u64 = 24 * 60 * 60;

/// A page token becomes part of an address.
const LONGEST_PAGE_TOKEN: usize = 4096;

/// An answer that is not as documented: which field, and what about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Misfit(pub String);

impl From<Misfit> for GmailError {
    fn from(Misfit(cause): Misfit) -> Self {
        Self::Malformed { cause }
    }
}

impl From<Misfit> for OAuthError {
    fn from(Misfit(cause): Misfit) -> Self {
        Self::Malformed { cause }
    }
}

/// Reads `users.getProfile`.
pub fn profile(body: &[u8]) -> Result<Profile, Misfit> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        email_address: String,
        history_id: HistoryId,
    }
    let wire: Wire = parse(body)?;
    Ok(Profile { email: wire.email_address, history_id: wire.history_id })
}

/// Reads a page of `users.history.list`. `history` may be absent, even on a page that has a next one.
pub fn history_page(body: &[u8]) -> Result<HistoryPage, Misfit> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        history: Option<Vec<Record>>,
        history_id: HistoryId,
        next_page_token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Record {
        messages_added: Option<Vec<Entry>>,
    }
    #[derive(Deserialize)]
    struct Entry {
        message: Message,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Message {
        id: MessageId,
        label_ids: Option<Vec<String>>,
    }
    let wire: Wire = parse(body)?;
    let entries = wire.history.into_iter().flatten().filter_map(|r| r.messages_added).flatten();
    let added = entries.map(|e| Added { id: e.message.id, label_ids: e.message.label_ids });
    let added = added.collect();
    Ok(HistoryPage { added, history_id: wire.history_id, next: next_page(wire.next_page_token)? })
}

/// Reads a page of `users.messages.list`. `messages` is absent where nothing is found.
pub fn list_page(body: &[u8]) -> Result<ListPage, Misfit> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        messages: Option<Vec<Entry>>,
        next_page_token: Option<String>,
    }
    #[derive(Deserialize)]
    struct Entry {
        id: MessageId,
    }
    let wire: Wire = parse(body)?;
    let ids = wire.messages.into_iter().flatten().map(|entry| entry.id).collect();
    Ok(ListPage { ids, next: next_page(wire.next_page_token)? })
}

/// Reads `users.labels.list`.
pub fn labels(body: &[u8]) -> Result<Vec<GmailLabel>, Misfit> {
    #[derive(Deserialize)]
    struct Wire {
        labels: Option<Vec<GmailLabel>>,
    }
    let wire: Wire = parse(body)?;
    Ok(wire.labels.unwrap_or_default())
}

/// Reads the answer of `users.labels.create`.
pub fn label(body: &[u8]) -> Result<GmailLabel, Misfit> {
    parse(body)
}

/// Reads the answer of `users.messages.send`: the id under which the sender's mailbox has the message.
pub fn sent(body: &[u8]) -> Result<MessageId, Misfit> {
    #[derive(Deserialize)]
    struct Wire {
        id: MessageId,
    }
    let wire: Wire = parse(body)?;
    Ok(wire.id)
}

/// Reads `users.messages.get?format=raw`; `None` when the message is longer than `limit`.
pub fn message(body: &[u8], limit: usize) -> Result<Option<RawMessage>, Misfit> {
    let wire: MessageJson<'_> = parse(body)?;
    let encoded = wire.raw.trim_end_matches('=').len();
    if encoded / 4 * 3 + encoded % 4 * 3 / 4 > limit {
        return Ok(None);
    }
    let raw = BASE64URL.decode(wire.raw.as_bytes());
    Ok(Some(RawMessage {
        id: wire.id,
        thread_id: wire.thread_id,
        label_ids: wire.label_ids.unwrap_or_default(),
        internal_date: internal_date(&wire.internal_date)?,
        raw: raw.map_err(|_| Misfit("raw is not base64url".to_owned()))?,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageJson<'a> {
    id: MessageId,
    thread_id: Option<ThreadId>,
    label_ids: Option<Vec<String>>,
    #[serde(borrow)]
    internal_date: Cow<'a, str>,
    #[serde(borrow)]
    raw: Cow<'a, str>,
}

/// Milliseconds in a string. Negative is fine: imported mail carries the date its sender wrote.
fn internal_date(text: &str) -> Result<Timestamp, Misfit> {
    let millis: Option<i64> = text.parse().ok();
    let date = millis.map(Timestamp::from_millis).filter(|date| Some(date.millis()) == millis);
    date.ok_or_else(|| Misfit("internalDate is not a number of milliseconds".to_owned()))
}

/// An empty token would start the listing over, for ever.
fn next_page(token: Option<String>) -> Result<Option<PageToken>, Misfit> {
    match token {
        Some(text) if text.len() > LONGEST_PAGE_TOKEN => {
            Err(Misfit("nextPageToken is too long".to_owned()))
        }
        Some(text) if !text.is_empty() => Ok(Some(PageToken(text))),
        Some(_) | None => Ok(None),
    }
}

/// Reads what the token endpoint answers to a code or a refresh token.
pub fn token_answer(body: &[u8]) -> Result<TokenAnswer, Misfit> {
    #[derive(Deserialize)]
    struct Wire {
        access_token: String,
        expires_in: u64,
        scope: Option<String>,
        token_type: Option<String>,
        refresh_token: Option<String>,
        id_token: Option<String>,
    }
    let wire: Wire = parse(body)?;
    // Secrets are taken over first, so that a refusal below zeroes them too.
    let access_token = AccessToken::new(wire.access_token);
    let refresh_token = wire.refresh_token.map(RefreshToken::new);
    let wrong = |what: &str| Err(Misfit(format!("{what} is not what it should be")));
    if !is_token(access_token.bearer()) {
        return wrong("access_token");
    }
    if refresh_token.as_ref().is_some_and(|token| !is_token(token.for_google())) {
        return wrong("refresh_token");
    }
    if !(1..=LONGEST_LIFE).contains(&wire.expires_in) {
        return wrong("expires_in");
    }
    if wire.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return wrong("token_type");
    }
    let scopes = wire.scope.as_deref().unwrap_or_default();
    Ok(TokenAnswer {
        access_token,
        expires_in: Duration::from_secs(wire.expires_in),
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        refresh_token,
        id_token: wire.id_token,
    })
}

/// Reads `userinfo` (<https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse>).
pub fn account(body: &[u8]) -> Result<Account, Misfit> {
    #[derive(Deserialize)]
    struct Wire {
        sub: UserId,
        email: String,
    }
    let wire: Wire = parse(body)?;
    Ok(Account { user_id: wire.sub, email: wire.email })
}

/// What may stand in a header and in a form, and is not empty.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Takes the JWKS document over as text, once it is known to be one.
pub fn key_set(body: Vec<u8>) -> Result<String, Misfit> {
    #[derive(Deserialize)]
    struct Wire {
        #[expect(dead_code, reason = "only that there is such a list matters here")]
        keys: Vec<serde::de::IgnoredAny>,
    }
    parse::<Wire>(&body)?;
    String::from_utf8(body).map_err(|_| Misfit("not UTF-8".to_owned()))
}

/// Reads who signs security events, and where the keys for them are: `issuer` and `jwks_uri`.
pub fn risc_configuration(body: &[u8]) -> Result<(String, String), Misfit> {
    #[derive(Deserialize)]
    struct Wire {
        issuer: String,
        jwks_uri: String,
    }
    let wire: Wire = parse(body)?;
    Ok((wire.issuer, wire.jwks_uri))
}

/// What an error body says, in Google's words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The reasons, most telling first: `errors[].reason`, `details[].reason`, `status`; or OAuth's `error`.
    pub words: Vec<String>,
    /// OAuth's `error_subtype`.
    pub subtype: Option<String>,
    /// The text for people. It is read for hints and never passed on.
    pub message: String,
}

/// Reads an error body of either API; what is no such body says nothing.
pub fn refusal(body: &[u8]) -> Refusal {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &json["error"];
    let reasons = |list: &str| {
        let list = error[list].as_array().into_iter().flatten();
        list.filter_map(|entry| word(&entry["reason"])).collect::<Vec<_>>()
    };
    let whole = word(error).into_iter().chain(word(&error["status"]));
    let words = reasons("errors").into_iter().chain(reasons("details")).chain(whole).collect();
    let message = error["message"].as_str().or(json["error_description"].as_str());
    Refusal {
        words,
        subtype: word(&json["error_subtype"]),
        message: message.unwrap_or_default().to_owned(),
    }
}

/// One of Google's words for a failure. What does not look like one, for instance a token that was echoed, is left out.
fn word(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let plain = text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    (plain && (1..=48).contains(&text.len())).then(|| text.to_owned())
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Misfit> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|err| misfit(&err))?;
    json.end().map_err(|_| Misfit("the JSON goes on after its end".to_owned()))?;
    Ok(value)
}

/// Serde's own text would quote the value, so only the place is taken from it, and the name of a field of ours.
fn misfit(err: &serde_path_to_error::Error<serde_json::Error>) -> Misfit {
    let at = err.path().to_string();
    let text = err.inner().to_string();
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    Misfit(match (err.inner().classify(), missing) {
        (Category::Eof, _) => "the JSON is cut off".to_owned(),
        (Category::Syntax | Category::Io, _) => "not JSON".to_owned(),
        (Category::Data, Some(field)) if at == "." => format!("{field} is missing"),
        (Category::Data, Some(field)) => format!("{at}.{field} is missing"),
        (Category::Data, None) if at == "." => "not the documented object".to_owned(),
        (Category::Data, None) => format!("{at} is not what it should be"),
    })
}

#[cfg(test)]
mod tests;
