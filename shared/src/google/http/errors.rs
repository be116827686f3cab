//! The one place that says which failure an answer is.
//!
//! Google's word decides, not the status: a 403 may be a missing scope, a full quota or a project that is not set up.
//! Where an answer carries several words the most telling one counts. An answer without any of Google's words has not
//! come from Google's API but from something in between, so it never ends a grant, a cursor or a message.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use super::retry;
use crate::clock::Timestamp;
use crate::google::json::{self, Refusal};
use crate::google::{DelegationError, GmailError, OAuthError};

/// What a word of Gmail's means, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    NotConfigured,
    ScopeMissing,
    DomainPolicy,
    DailyLimit,
    RateLimited,
    NoMailbox,
    Unauthorized,
    NotFound,
    Backend,
    BadRequest,
}

/// Types a refusal of Gmail's (<https://developers.google.com/workspace/gmail/api/guides/handle-errors>).
pub(super) fn gmail(status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> GmailError {
    let refusal = json::refusal(body);
    let words = refusal.words.iter().map(String::as_str).chain(challenge(headers));
    let told = words.filter_map(meaning).min();
    let reason = || reason(&refusal);
    let until = || retry::hint(headers, &refusal.message, now);
    match (status, told) {
        (500.., _) | (_, Some(Meaning::Backend)) => GmailError::Backend { status },
        (_, Some(Meaning::NotConfigured)) => GmailError::NotConfigured,
        (_, Some(Meaning::ScopeMissing)) => GmailError::ScopeMissing,
        (_, Some(Meaning::DomainPolicy)) => GmailError::DomainPolicy,
        (_, Some(Meaning::DailyLimit)) => GmailError::DailyLimit,
        (429, _) | (_, Some(Meaning::RateLimited)) => GmailError::RateLimited { until: until() },
        (_, Some(Meaning::NoMailbox)) => GmailError::NoMailbox,
        (401, Some(Meaning::Unauthorized)) => GmailError::Unauthorized,
        (404, Some(Meaning::NotFound)) => GmailError::NotFound,
        (400, _) => GmailError::BadRequest { reason: reason() },
        (_, Some(Meaning::Unauthorized | Meaning::NotFound | Meaning::BadRequest) | None) => {
            GmailError::Refused { status, reason: reason() }
        }
    }
}

/// Both of Google's spellings: `error.errors[].reason` of the older error model, and the codes and
/// `ErrorInfo` reasons of the newer one.
fn meaning(word: &str) -> Option<Meaning> {
    Some(match word {
        "accessNotConfigured" | "SERVICE_DISABLED" => Meaning::NotConfigured,
        "insufficientPermissions" | "insufficient_scope" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => {
            Meaning::ScopeMissing
        }
        "domainPolicy" => Meaning::DomainPolicy,
        "dailyLimitExceeded" => Meaning::DailyLimit,
        "rateLimitExceeded"
        | "userRateLimitExceeded"
        | "quotaExceeded"
        | "RATE_LIMIT_EXCEEDED"
        | "RESOURCE_EXHAUSTED" => Meaning::RateLimited,
        "failedPrecondition" | "FAILED_PRECONDITION" => Meaning::NoMailbox,
        "authError" | "invalid_token" | "UNAUTHENTICATED" => Meaning::Unauthorized,
        "notFound" | "NOT_FOUND" => Meaning::NotFound,
        "backendError" | "internalError" | "INTERNAL" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" => {
            Meaning::Backend
        }
        "badRequest" | "invalidArgument" | "INVALID_ARGUMENT" => Meaning::BadRequest,
        _ => return None,
    })
}

/// The word in `WWW-Authenticate: Bearer …, error="insufficient_scope"`.
fn challenge(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(WWW_AUTHENTICATE)?.to_str().ok()?;
    header.split_once("error=\"")?.1.split('"').next()
}

/// Google's first word, for people.
fn reason(refusal: &Refusal) -> String {
    refusal.words.first().map_or_else(|| "no reason given".to_owned(), Clone::clone)
}

/// Types a refusal of the token endpoint. An unknown word is nobody's fault yet: it neither ends a person's grant nor
/// stops the fleet.
pub(super) fn oauth(status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> OAuthError {
    let refusal = json::refusal(body);
    if status >= 500 {
        return OAuthError::Backend { status };
    }
    let error = reason(&refusal);
    match error.as_str() {
        "invalid_grant" => OAuthError::GrantDead { subtype: refusal.subtype },
        "admin_policy_enforced" | "org_internal" => OAuthError::AdminPolicy { error },
        "invalid_client"
        | "unauthorized_client"
        | "deleted_client"
        | "disabled_client"
        | "invalid_request"
        | "invalid_scope"
        | "unsupported_grant_type"
        | "redirect_uri_mismatch" => OAuthError::ClientFault { error },
        "rate_limit_exceeded" | "slow_down" | "rateLimitExceeded" | "RESOURCE_EXHAUSTED" => {
            OAuthError::RateLimited { until: retry::hint(headers, &refusal.message, now) }
        }
        "temporarily_unavailable" | "server_error" | "internal_failure" => {
            OAuthError::Backend { status }
        }
        _ if status == 429 => {
            OAuthError::RateLimited { until: retry::hint(headers, &refusal.message, now) }
        }
        _ => OAuthError::Malformed { cause: format!("status {status}, {error}") },
    }
}

/// Types a refusal of a token by delegation.
pub(super) fn delegation(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> DelegationError {
    if status >= 500 {
        return DelegationError::Backend { status };
    }
    let refusal = json::refusal(body);
    let until = retry::hint(headers, &refusal.message, now);
    DelegationError::of(&reason(&refusal), &refusal.message, status, until)
}

/// Whether a refusal to revoke says that there is nothing left to revoke.
pub(super) fn is_revoked_already(status: u16, body: &[u8]) -> bool {
    let words = json::refusal(body).words;
    status == 400 && words.iter().any(|word| word == "invalid_token" || word == "invalid_grant")
}
