//! Answers, whole and damaged.
//!
//! An [`Answer`] is bytes and a status, so that a batch can hold it as well as a connection can. A [`Served`] answer
//! also carries what a fault does to it on its way.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde::Serialize;
use serde_json::{Value, json};

use crate::errors::{ApiError, OAuthError};
use crate::faults::Damage;
use crate::world::Google;

pub(super) const JSON: &str = "application/json; charset=UTF-8";

/// Pieces that a slow body comes in.
const PIECES: u32 = 4;

/// A status, headers, and a body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// An answer, and what happens to it.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) answer: Answer,
    pub(super) damage: Option<Damage>,
    pub(super) latency: Duration,
}

impl Answer {
    /// A body that is JSON already.
    pub(super) fn json(code: u16, body: impl Into<Bytes>) -> Self {
        Self::of(code, JSON, body)
    }

    /// A value as JSON.
    pub(super) fn value(code: u16, value: &impl Serialize) -> Self {
        Self::json(code, serde_json::to_vec(value).unwrap_or_default())
    }

    /// A page for a person.
    pub(super) fn page(code: u16, html: String) -> Self {
        Self::of(code, "text/html; charset=UTF-8", html)
    }

    /// Sends the browser elsewhere.
    pub(super) fn redirect(to: &str) -> Self {
        let mut answer = Self::of(302, "text/html; charset=UTF-8", Bytes::new());
        answer.header(LOCATION, to);
        answer
    }

    /// A refusal in the shape of Gmail's.
    pub(super) fn refusal(error: &ApiError) -> Self {
        let mut entry =
            json!({"message": error.message, "domain": error.domain, "reason": error.reason});
        let mut body =
            json!({"code": error.code, "message": error.message, "status": error.status});
        if error.code == 401 {
            entry["location"] = json!("Authorization");
            entry["locationType"] = json!("header");
        }
        if error.reason == "insufficientPermissions" {
            body["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                "domain": "googleapis.com",
                "metadata": {"service": "gmail.googleapis.com"}
            }]);
        }
        body["errors"] = json!([entry]);
        let mut answer = Self::value(error.code, &json!({"error": body}));
        if error.code == 401 {
            let challenge =
                "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"";
            answer.header(WWW_AUTHENTICATE, challenge);
        }
        answer
    }

    /// A refusal in the shape of the OAuth endpoints.
    pub(super) fn oauth_refusal(error: &OAuthError) -> Self {
        let mut body = json!({"error": error.error, "error_description": error.description});
        if let Some(subtype) = error.subtype {
            body["error_subtype"] = json!(subtype);
        }
        Self::value(error.code, &body)
    }

    /// How long it may be kept.
    pub(super) fn cached(mut self, rule: &str) -> Self {
        self.header(CACHE_CONTROL, rule);
        self
    }

    fn of(code: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self { code, headers: HeaderMap::new(), body: body.into() };
        answer.header(CONTENT_TYPE, content_type);
        answer
    }

    pub(super) fn header(&mut self, name: axum::http::HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }

    /// The answer with its body changed as the damage says.
    pub(super) fn spoilt(mut self, damage: Option<Damage>) -> Self {
        match damage {
            Some(Damage::Truncated) => self.body.truncate(self.body.len() / 2),
            Some(Damage::WrongTypes) => {
                let value = serde_json::from_slice(&self.body).unwrap_or_default();
                self.body = mistyped(value).to_string().into();
            }
            Some(Damage::SlowBody | Damage::Dropped) | None => {}
        }
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (code, self.headers, self.body).into_response()
    }
}

impl Served {
    /// An answer that nothing happens to.
    pub(super) fn whole(answer: Answer) -> Self {
        Self { answer, damage: None, latency: Duration::ZERO }
    }

    /// Waits out the latency, unless it is the body's.
    pub(super) async fn wait(&self, google: &Google) {
        if self.damage != Some(Damage::SlowBody) && self.latency > Duration::ZERO {
            google.config().clock.sleep(self.latency).await;
        }
    }

    /// The response, damaged.
    pub(super) fn into_response(self, google: &Google) -> Response {
        let answer = self.answer.spoilt(self.damage);
        match self.damage {
            Some(Damage::Dropped) => {
                let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                with_body(answer, Body::from_stream(stream::iter([Err::<Bytes, _>(lost)])))
            }
            Some(Damage::SlowBody) => slowly(answer, self.latency, google.clone()),
            Some(Damage::Truncated | Damage::WrongTypes) | None => answer.into_response(),
        }
    }
}

fn slowly(answer: Answer, latency: Duration, google: Google) -> Response {
    let size = answer.body.len().div_ceil(PIECES as usize).max(1);
    let rest = answer.body.clone();
    let pieces = stream::unfold((rest, google), move |(mut rest, google)| async move {
        if rest.is_empty() {
            return None;
        }
        google.config().clock.sleep(latency / PIECES).await;
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok::<_, std::io::Error>(piece), (rest, google)))
    });
    with_body(answer, Body::from_stream(pieces))
}

fn with_body(answer: Answer, body: Body) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
    *response.body_mut() = body;
    response
}

/// The value with its texts, numbers and lists made into something else.
fn mistyped(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, mistyped(value))).collect()
        }
        Value::String(_) => json!(7),
        Value::Number(_) | Value::Bool(_) => json!([]),
        Value::Array(_) | Value::Null => json!("seven"),
    }
}
