//! What an operator of the simulator may do. **None of this is Google's.**
//!
//! `GET /admin/mailboxes`, `POST /admin/mailboxes`, `POST /admin/token`, `POST /admin/deliver`, `POST /admin/delete`,
//! `POST /admin/faults`, `DELETE /admin/faults`, `POST /admin/revoke`, `POST /admin/enable`, `POST /admin/risc`,
//! `POST /admin/expire`, `GET /admin/counters`, `POST /admin/announcements`, `POST /admin/rotate-keys`,
//! `POST /admin/rename`; and of Workspace domains `POST /admin/service-accounts` (gives out its key file),
//! `POST /admin/domains` and `DELETE /admin/domains`.

use std::time::Duration;

use axum::http::HeaderName;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;

use super::answer::Answer;
use super::gmail::json as read;
use super::oauth::issuer;
use super::{Request, render};
use crate::domains::ServiceAccountKey;
use crate::errors::ApiError;
use crate::faults::{Fault, FaultKind};
use crate::grants::Cause;
use crate::methods::Method;
use crate::scopes::Scopes;
use crate::security_events::SecurityEvent;
use crate::world::{Delivery, Google};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    email: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMailbox {
    email: String,
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Deliver {
    email: String,
    raw: String,
    label_ids: Option<Vec<String>>,
    internal_date: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    email: String,
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewFault {
    email: Option<String>,
    method: Option<Method>,
    kind: FaultKind,
    rate: Option<f64>,
    count: Option<u32>,
    latency_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    email: String,
    #[serde(default = "by_the_person")]
    cause: Cause,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Happened {
    email: String,
    event: SecurityEvent,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    email: String,
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewServiceAccount {
    name: String,
}

/// A domain, and the service account that it lets in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Authorization {
    domain: String,
    client_id: String,
    #[serde(default)]
    scopes: String,
}

/// Answers, and says in a header that this is not Google's.
pub(super) fn answer(google: &Google, request: &Request) -> Answer {
    let mut answer = match act(google, request) {
        Ok(value) => Answer::value(200, &value),
        Err(refusal) => Answer::refusal(&refusal),
    };
    answer.header(HeaderName::from_static("x-not-google"), "simulator administration");
    answer
}

fn act(google: &Google, request: &Request) -> Result<Value, ApiError> {
    let body = &request.body;
    match (request.verb.as_str(), request.path.as_str()) {
        ("GET", "/admin/mailboxes") => {
            let all = google.mailboxes();
            let shown =
                all.iter().map(|mailbox| json!({"email": mailbox.email, "sub": mailbox.sub}));
            Ok(json!({"mailboxes": shown.collect::<Vec<_>>()}))
        }
        ("POST", "/admin/mailboxes") => {
            let new: NewMailbox = read(body)?;
            let mailbox = google.add_mailbox(&new.email, &new.name);
            Ok(json!({"email": mailbox.email, "sub": mailbox.sub}))
        }
        ("POST", "/admin/token") => {
            let token = google.issue_token(&read::<Named>(body)?.email)?;
            Ok(json!({"access_token": token}))
        }
        ("POST", "/admin/deliver") => deliver(google, &read(body)?),
        ("POST", "/admin/delete") => {
            let message: Delete = read(body)?;
            let id = message.id.parse().map_err(|_| ApiError::invalid("Invalid id value"))?;
            google.delete(&message.email, &id).map(|()| json!({}))
        }
        ("POST", "/admin/faults") => {
            google.set_fault(read::<NewFault>(body)?.into());
            Ok(json!({}))
        }
        ("DELETE", "/admin/faults") => {
            google.clear_faults();
            Ok(json!({}))
        }
        ("POST", "/admin/revoke") => {
            let revoke: Revoke = read(body)?;
            google.revoke(&revoke.email, revoke.cause).map(|()| json!({}))
        }
        ("POST", "/admin/enable") => google.enable(&read::<Named>(body)?.email).map(|()| json!({})),
        // Answers what Google would post: whom to, only the caller knows.
        ("POST", "/admin/risc") => {
            let happened: Happened = read(body)?;
            let issuer = issuer(google, request);
            let token = google.security_event(&happened.email, happened.event, &issuer)?;
            Ok(json!({"token": token}))
        }
        ("POST", "/admin/expire") => {
            google.expire_history(&read::<Named>(body)?.email).map(|()| json!({}))
        }
        ("GET", "/admin/counters") => Ok(json!(google.counters())),
        ("POST", "/admin/rotate-keys") => google.rotate_keys().map(|()| json!({})),
        ("POST", "/admin/rename") => {
            let rename: Rename = read(body)?;
            google.rename(&rename.email, &rename.to).map(|()| json!({}))
        }
        ("POST", "/admin/service-accounts") => {
            service_account(google, &read::<NewServiceAccount>(body)?.name)
        }
        ("POST", "/admin/domains") => authorize(google, &read(body)?),
        ("DELETE", "/admin/domains") => {
            let letting: Authorization = read(body)?;
            google.withdraw(&letting.domain, &letting.client_id);
            Ok(json!({}))
        }
        ("POST", "/admin/announcements") => announcements(google, &read::<Named>(body)?.email),
        _ => Err(ApiError::new(404, "notFound", "Not Found")),
    }
}

fn deliver(google: &Google, message: &Deliver) -> Result<Value, ApiError> {
    let labels: Option<Vec<&str>> =
        message.label_ids.as_ref().map(|ids| ids.iter().map(String::as_str).collect());
    let how = Delivery { labels: labels.as_deref(), date: message.internal_date };
    let id = google.deliver_as(&message.email, render::decode(&message.raw)?, how)?;
    Ok(json!({"id": id}))
}

/// Makes a service account, and gives out its key file. It is nowhere else.
fn service_account(google: &Google, name: &str) -> Result<Value, ApiError> {
    let key = ServiceAccountKey::generate(name)?;
    google.add_service_account(&key);
    let broken = |_| ApiError::new(500, "backendError", "Backend Error");
    let file: Value = serde_json::from_str(&key.json).map_err(broken)?;
    Ok(json!({"email": key.email, "clientId": key.client_id, "key": file}))
}

fn authorize(google: &Google, letting: &Authorization) -> Result<Value, ApiError> {
    let scopes = Scopes::parse(&letting.scopes);
    let scopes = scopes.map_err(|unknown| ApiError::invalid(unknown.to_string()))?;
    google.authorize(&letting.domain, &letting.client_id, scopes);
    Ok(json!({}))
}

fn announcements(google: &Google, email: &str) -> Result<Value, ApiError> {
    let announced = google.announcements(email)?;
    let shown = announced.iter().map(|one| {
        json!({"topic": one.topic, "emailAddress": email, "historyId": one.history_id.to_string(), "at": one.at})
    });
    Ok(json!({"announcements": shown.collect::<Vec<_>>()}))
}

fn by_the_person() -> Cause {
    Cause::UserRevoked
}

impl From<NewFault> for Fault {
    fn from(new: NewFault) -> Self {
        Self {
            email: new.email,
            method: new.method,
            kind: new.kind,
            rate: new.rate.unwrap_or(1.0),
            count: new.count,
            latency: Duration::from_millis(new.latency_ms.unwrap_or(0)),
        }
    }
}
