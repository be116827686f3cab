//! Refusals, in the words Google uses for them.
//!
//! Gmail answers with a status, a `reason` and a message, of which programs should look at the reason; the OAuth
//! endpoints answer with the shorter form of RFC 6749. Both are plain values here: a face gives them their shape.

use shared::clock::Timestamp;

/// Why a Gmail call was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} {reason}: {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub code: u16,
    /// Google's name for the status, such as `PERMISSION_DENIED`.
    pub status: &'static str,
    /// What a program should decide on, such as `rateLimitExceeded`.
    pub reason: &'static str,
    /// The family of the reason: `global` or `usageLimits`.
    pub domain: &'static str,
    /// What a person reads; the time to come back stands in it.
    pub message: String,
}

impl ApiError {
    /// A refusal of the `global` domain.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, status: status(code), reason, domain: "global", message: message.into() }
    }

    /// A refusal of the `usageLimits` domain.
    pub fn usage(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { domain: "usageLimits", ..Self::new(code, reason, message) }
    }

    /// The request itself is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { status: "INVALID_ARGUMENT", ..Self::new(400, "invalidArgument", message) }
    }

    /// No such message, label or cursor.
    pub fn not_found() -> Self {
        Self::new(404, "notFound", "Requested entity was not found.")
    }

    /// No token, or one that is not, or no longer, good.
    pub fn unauthenticated() -> Self {
        Self::new(401, "authError", "Invalid Credentials")
    }

    /// The token is good, but not for this.
    pub fn scope_insufficient() -> Self {
        Self::new(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
    }

    /// The mailbox has used up its minute. The time stands in the message, with two blanks before it, as Google's.
    pub fn rate_limited(until: Timestamp) -> Self {
        Self::usage(
            403,
            "rateLimitExceeded",
            format!("User-rate limit exceeded.  Retry after {until}"),
        )
    }

    /// Too many calls for one mailbox at the same time.
    pub fn too_many_concurrent() -> Self {
        Self::usage(429, "rateLimitExceeded", "Too many concurrent requests for user.")
    }
}

/// Google's name for an HTTP status.
fn status(code: u16) -> &'static str {
    match code {
        400 => "FAILED_PRECONDITION",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        413 => "OUT_OF_RANGE",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNAVAILABLE",
    }
}

/// Why an OAuth endpoint refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {description}")]
pub struct OAuthError {
    /// The HTTP status: 400, 401 for client errors, 5xx when Google itself is ill.
    pub code: u16,
    /// What a program should decide on.
    pub error: &'static str,
    /// What a person reads.
    pub description: String,
    /// Set for `invalid_rapt` alone.
    pub subtype: Option<&'static str>,
}

impl OAuthError {
    /// A refusal with status 400.
    pub fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { code: 400, error, description: description.into(), subtype: None }
    }

    /// The grant behind a code or a refresh token is no longer there.
    pub fn invalid_grant(description: &str) -> Self {
        Self::new("invalid_grant", description)
    }

    /// The client is not who it says.
    pub fn invalid_client(description: &str) -> Self {
        Self { code: 401, ..Self::new("invalid_client", description) }
    }
}
