//! Why a consent did not connect a mailbox: one list, one place that says which page it is, one log line each.

use shared::disposition::chain;
use shared::google::OAuthError;
use shared::google::id_token::IdTokenError;
use shared::sealing::SealingError;
use shared::store::StoreError;

use crate::after_consent::NotYet;
use crate::page::Page;

/// What went wrong. Nothing in it comes from the query.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Links are required, and there was none.
    #[error("nobody begins here without a connect link")]
    NoLink,
    /// A link that we did not sign, or that was changed or cut off.
    #[error("the connect link is not one of ours")]
    NotOurLink,
    /// A link of ours, too late.
    #[error("the connect link has expired")]
    LinkOver,
    /// Google sent the person back with an error.
    #[error("Google sent the person back with an error ({0:?})")]
    Refused(Refusal),
    /// The answer names another author than Google (RFC 9207).
    #[error("the answer comes from another issuer")]
    OtherIssuer,
    /// No cookie of ours, another browser's `state`, or too late.
    #[error("the answer belongs to no attempt of this browser")]
    NoAttempt,
    /// `state` came a second time.
    #[error("the attempt was used before")]
    Used,
    /// The code was not exchanged.
    #[error("exchanging the code")]
    Exchange(#[source] OAuthError),
    /// An answer without an ID token.
    #[error("Google did not say who consented")]
    NoIdToken,
    /// Who consented is not certain.
    #[error("verifying who consented")]
    IdToken(#[source] IdTokenError),
    /// The link is for another mailbox.
    #[error("the link is for another mailbox")]
    OtherAccount,
    /// A box that reading needs was unticked.
    #[error("a scope that reading needs was not granted")]
    Partial,
    /// The mailbox cannot take the consent now.
    #[error("the mailbox cannot take the consent yet: {0:?}")]
    NotYet(NotYet),
    /// The row changed every time.
    #[error("others always wrote first")]
    Contended,
    /// A store failed.
    #[error("storing the consent")]
    Store(#[source] StoreError),
    /// The refresh token could not be sealed.
    #[error("sealing the refresh token")]
    Sealing(#[source] SealingError),
    /// The cookie could not be made.
    #[error("the attempt could not be sealed into a cookie")]
    Cookie,
    /// A bug of ours.
    #[error("the stage panicked on this answer")]
    Panicked,
}

/// What Google's consent page refuses with
/// (<https://developers.google.com/identity/protocols/oauth2/web-server>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The person said no.
    Denied,
    /// An administrator keeps us out.
    Blocked,
    /// Google cannot just now.
    Busy,
    /// Google does not take our request.
    OurRequest,
    /// No word of Google's. Anybody can write an address, hence it is not quoted, and nobody is alarmed.
    Unknown,
}

impl Refusal {
    /// Reads the `error` of a query.
    pub(crate) fn of(error: &str) -> Self {
        match error {
            "access_denied" => Self::Denied,
            "admin_policy_enforced" | "org_internal" => Self::Blocked,
            "temporarily_unavailable" | "server_error" | "rate_limit_exceeded" => Self::Busy,
            "redirect_uri_mismatch"
            | "invalid_request"
            | "invalid_scope"
            | "invalid_client"
            | "unauthorized_client"
            | "deleted_client"
            | "disallowed_useragent" => Self::OurRequest,
            _ => Self::Unknown,
        }
    }

    /// Whether it calls somebody: then it is believed only of an answer to this browser's own attempt, for anybody can
    /// write an address.
    pub(crate) fn alarms(self) -> bool {
        self.page().is_our_fault()
    }

    fn page(self) -> Page {
        match self {
            Self::Denied => Page::Denied,
            Self::Blocked => Page::Blocked,
            Self::Busy => Page::GoogleSilent,
            Self::OurRequest => Page::Refused,
            Self::Unknown => Page::Expired,
        }
    }
}

impl Failure {
    /// The page for it, and the only log line it gets.
    pub(crate) fn page(&self) -> Page {
        let page = self.choose();
        if page.is_our_fault() {
            tracing::error!(error = chain(self), "A mailbox could not be connected");
        } else {
            tracing::info!(error = chain(self), "A mailbox was not connected");
        }
        page
    }

    /// Whether the attempt that was answered is over. Whoever makes a browser open an address must not be able to end
    /// what that browser has begun.
    pub(crate) fn ends_attempt(&self) -> bool {
        !matches!(self, Self::NoAttempt | Self::OtherIssuer | Self::Refused(_) | Self::Cookie)
    }

    fn choose(&self) -> Page {
        match self {
            Self::NoLink => Page::LinkNeeded,
            Self::NotOurLink => Page::LinkChanged,
            Self::LinkOver => Page::LinkExpired,
            Self::Refused(refusal) => refusal.page(),
            // A nonce that does not fit is another request's answer, put into this one.
            Self::NoAttempt
            | Self::OtherIssuer
            | Self::Used
            | Self::IdToken(IdTokenError::Nonce) => Page::Expired,
            Self::Exchange(error) => exchange(error),
            Self::IdToken(IdTokenError::Keys(_)) => Page::GoogleSilent,
            Self::OtherAccount => Page::OtherAccount,
            Self::Partial => Page::Partial,
            Self::NotYet(NotYet::StillDisconnecting(over_by)) => Page::StillDisconnecting(*over_by),
            Self::NotYet(NotYet::NoRefreshToken) => Page::TryAgain,
            Self::NotYet(NotYet::OtherReference) => Page::OtherReference,
            Self::NoIdToken
            | Self::IdToken(_)
            | Self::Contended
            | Self::Store(_)
            | Self::Sealing(_)
            | Self::Cookie
            | Self::Panicked => Page::Fault,
        }
    }
}

fn exchange(error: &OAuthError) -> Page {
    match error {
        // A code that is unknown, used or too old; it says nothing about the person's grant.
        OAuthError::GrantDead { .. } => Page::Expired,
        OAuthError::AdminPolicy { .. } => Page::Blocked,
        OAuthError::RateLimited { .. }
        | OAuthError::Backend { .. }
        | OAuthError::Unreachable { .. } => Page::GoogleSilent,
        OAuthError::ClientFault { .. }
        | OAuthError::Credentials(_)
        | OAuthError::Malformed { .. } => Page::Fault,
    }
}
