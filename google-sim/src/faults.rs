//! What can go wrong at Google, on purpose.
//!
//! A fault is set for a mailbox or for all, for a method or for all, with a rate and a count; whether it strikes is
//! drawn from the world's [`Chance`], so that a seed replays it. Some faults are refusals in Google's own words, some
//! damage the answer on its way, some only take time.

use std::time::Duration;

use serde::Deserialize;
use shared::clock::{Chance, Timestamp};

use crate::errors::{ApiError, OAuthError};
use crate::methods::Method;

/// What happens. The names are Google's reasons where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are Google's")]
pub enum FaultKind {
    /// Nothing but the latency.
    Latency,
    BadRequest,
    FailedPrecondition,
    AuthError,
    InsufficientPermissions,
    DomainPolicy,
    /// 403 with a reason that Gmail's documents do not list.
    Forbidden,
    /// 403 with the time to come back in its message.
    RateLimitExceeded,
    /// 403 that does not say when to come back.
    RateLimitExceededWithoutTime,
    UserRateLimitExceeded,
    DailyLimitExceeded,
    AccessNotConfigured,
    NotFound,
    #[serde(alias = "429")]
    TooManyRequests,
    #[serde(alias = "500")]
    InternalError,
    #[serde(alias = "502")]
    BadGateway,
    #[serde(alias = "503")]
    Unavailable,
    #[serde(alias = "504")]
    GatewayTimeout,
    /// The answer ends in the middle, and says it does not.
    Truncated,
    /// Numbers where texts belong.
    WrongTypes,
    /// The answer comes in drops, spread over the latency.
    SlowBody,
    /// The call is done and the connection closed without an answer.
    Dropped,
    #[serde(rename = "invalid_grant")]
    InvalidGrant,
    #[serde(rename = "invalid_rapt")]
    InvalidRapt,
    #[serde(rename = "invalid_client")]
    InvalidClient,
    #[serde(rename = "unauthorized_client")]
    UnauthorizedClient,
    #[serde(rename = "deleted_client")]
    DeletedClient,
    #[serde(rename = "admin_policy_enforced")]
    AdminPolicyEnforced,
}

/// What is done to an answer that was otherwise good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `FaultKind`")]
pub enum Damage {
    Truncated,
    WrongTypes,
    SlowBody,
    Dropped,
}

/// A fault that may strike.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The mailbox it is for; `None` is all.
    pub email: Option<String>,
    /// The method it is for; `None` is all.
    pub method: Option<Method>,
    /// What happens.
    pub kind: FaultKind,
    /// How often, from 0 to 1.
    pub rate: f64,
    /// How many times at most; `None` is for ever.
    pub count: Option<u32>,
    /// How long it takes.
    pub latency: Duration,
}

/// What struck a call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Struck {
    pub(crate) kind: Option<FaultKind>,
    pub(crate) latency: Duration,
}

/// A method's answer, and what the way to the caller does to it.
#[must_use]
#[derive(Debug)]
pub struct Outcome<T, E> {
    /// How long the answer takes. Whoever stands between model and caller waits it out.
    pub latency: Duration,
    /// What happens to the answer after that.
    pub damage: Option<Damage>,
    /// The answer.
    pub verdict: Result<T, E>,
}

impl FaultKind {
    /// The Gmail refusal this is; `None` for what is no refusal.
    pub(crate) fn api_error(self, now: Timestamp) -> Option<ApiError> {
        Some(match self {
            Self::Latency | Self::Truncated | Self::WrongTypes | Self::SlowBody | Self::Dropped => {
                return None;
            }
            Self::BadRequest => ApiError::invalid("Request contains an invalid argument."),
            Self::FailedPrecondition => {
                ApiError::new(400, "failedPrecondition", "Mail service not enabled")
            }
            Self::AuthError => ApiError::unauthenticated(),
            Self::InsufficientPermissions => ApiError::scope_insufficient(),
            Self::DomainPolicy => {
                let text = "The domain administrators have disabled Gmail apps.";
                ApiError::new(403, "domainPolicy", text)
            }
            Self::Forbidden => ApiError::new(403, "forbidden", "Forbidden"),
            Self::RateLimitExceeded => ApiError::rate_limited(now + Duration::from_secs(30)),
            Self::RateLimitExceededWithoutTime => {
                ApiError::usage(403, "rateLimitExceeded", "Rate Limit Exceeded")
            }
            Self::UserRateLimitExceeded => {
                ApiError::usage(403, "userRateLimitExceeded", "User Rate Limit Exceeded")
            }
            Self::DailyLimitExceeded => {
                ApiError::usage(403, "dailyLimitExceeded", "Daily Limit Exceeded")
            }
            Self::AccessNotConfigured => {
                let text = "Gmail API has not been used in project 0 before or it is disabled.";
                ApiError::usage(403, "accessNotConfigured", text)
            }
            Self::NotFound => ApiError::not_found(),
            Self::TooManyRequests => ApiError::too_many_concurrent(),
            Self::BadGateway => ApiError::new(502, "backendError", "Bad Gateway"),
            Self::Unavailable => {
                ApiError::new(503, "backendError", "The service is currently unavailable.")
            }
            Self::GatewayTimeout => ApiError::new(504, "backendError", "Deadline exceeded"),
            Self::InternalError
            | Self::InvalidGrant
            | Self::InvalidRapt
            | Self::InvalidClient
            | Self::UnauthorizedClient
            | Self::DeletedClient
            | Self::AdminPolicyEnforced => ApiError::new(500, "backendError", "Backend Error"),
        })
    }

    /// The refusal of an OAuth endpoint this is; Gmail's own refusals are server errors there.
    pub(crate) fn oauth_error(self) -> Option<OAuthError> {
        let internal =
            |code| OAuthError { code, ..OAuthError::new("internal_failure", "Backend Error") };
        let rapt = "reauth related error (invalid_rapt)";
        Some(match self {
            Self::Latency | Self::Truncated | Self::WrongTypes | Self::SlowBody | Self::Dropped => {
                return None;
            }
            Self::InvalidGrant => OAuthError::invalid_grant("Token has been expired or revoked."),
            Self::InvalidRapt => {
                OAuthError { subtype: Some("invalid_rapt"), ..OAuthError::invalid_grant(rapt) }
            }
            Self::InvalidClient => OAuthError::invalid_client("The OAuth client was not found."),
            Self::UnauthorizedClient => {
                OAuthError { code: 401, ..OAuthError::new("unauthorized_client", "Unauthorized") }
            }
            Self::DeletedClient => OAuthError {
                code: 401,
                ..OAuthError::new("deleted_client", "The OAuth client was deleted.")
            },
            Self::AdminPolicyEnforced => OAuthError::new(
                "admin_policy_enforced",
                "Access to your account data is restricted by policies within your organization.",
            ),
            Self::TooManyRequests
            | Self::RateLimitExceeded
            | Self::RateLimitExceededWithoutTime => OAuthError {
                code: 429,
                ..OAuthError::new("rate_limit_exceeded", "Rate Limit Exceeded")
            },
            Self::BadGateway => internal(502),
            Self::Unavailable => internal(503),
            Self::GatewayTimeout => internal(504),
            Self::BadRequest => OAuthError::new("invalid_request", "Bad Request"),
            Self::FailedPrecondition
            | Self::AuthError
            | Self::InsufficientPermissions
            | Self::DomainPolicy
            | Self::Forbidden
            | Self::UserRateLimitExceeded
            | Self::DailyLimitExceeded
            | Self::AccessNotConfigured
            | Self::NotFound
            | Self::InternalError => internal(500),
        })
    }

    /// What it does to a good answer.
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever is no damage is a refusal above")]
    pub(crate) fn damage(self) -> Option<Damage> {
        match self {
            Self::Truncated => Some(Damage::Truncated),
            Self::WrongTypes => Some(Damage::WrongTypes),
            Self::SlowBody => Some(Damage::SlowBody),
            Self::Dropped => Some(Damage::Dropped),
            _ => None,
        }
    }
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn set(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Draws what strikes this call: the first fault that is for it and hits.
    pub(crate) fn draw(&mut self, email: Option<&str>, method: Method, chance: &Chance) -> Struck {
        let hit = self.0.iter_mut().find(|fault| {
            let meant = fault.email.as_deref().is_none_or(|meant| Some(meant) == email)
                && fault.method.is_none_or(|meant| meant == method);
            meant && fault.count != Some(0) && hits(fault.rate, chance)
        });
        let Some(fault) = hit else { return Struck::default() };
        fault.count = fault.count.map(|left| left - 1);
        let struck = Struck { kind: Some(fault.kind), latency: fault.latency };
        self.0.retain(|fault| fault.count != Some(0));
        struck
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a million, kept between none and all"
)]
fn hits(rate: f64, chance: &Chance) -> bool {
    const ALL: u64 = 1_000_000;
    let share = (rate.clamp(0.0, 1.0) * 1e6) as u64;
    share == ALL || chance.below(ALL) < share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind) -> Fault {
        Fault { email: None, method: None, kind, rate: 1.0, count: None, latency: Duration::ZERO }
    }

    #[test]
    fn a_fault_strikes_whom_it_is_for_and_as_often_as_it_was_told() {
        let chance = Chance::seeded(1);
        let mut faults = Faults::default();
        faults.set(Fault {
            email: Some("a@x".to_owned()),
            method: Some(Method::MessagesGet),
            count: Some(2),
            ..fault(FaultKind::NotFound)
        });
        let mut strikes = |email, method| faults.draw(Some(email), method, &chance).kind.is_some();
        assert!(!strikes("b@x", Method::MessagesGet));
        assert!(!strikes("a@x", Method::MessagesList));
        assert!(strikes("a@x", Method::MessagesGet));
        assert!(strikes("a@x", Method::MessagesGet));
        assert!(!strikes("a@x", Method::MessagesGet));
    }

    #[test]
    fn a_rate_is_kept_and_a_seed_replays_it() {
        let draw = |seed| {
            let chance = Chance::seeded(seed);
            let mut faults = Faults::default();
            faults.set(Fault { rate: 0.25, ..fault(FaultKind::Unavailable) });
            (0..1000)
                .map(|_| faults.draw(None, Method::Token, &chance).kind.is_some())
                .collect::<Vec<_>>()
        };
        let strikes = draw(7).into_iter().filter(|struck| *struck).count();
        assert!((200..300).contains(&strikes), "{strikes}");
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
