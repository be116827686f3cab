//! The pages. Each is fixed text: nothing that a person, a query or Google says is ever shown, so there is nothing to
//! escape.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::cookie;

const STYLE: &str =
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}";

/// What a person can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The mailbox is connected.
    Success,
    /// The person said no.
    Denied,
    /// A box was unticked.
    Partial,
    /// The link was used before, is too old, or was opened in another browser.
    Expired,
    /// Google gave no lasting access.
    TryAgain,
    /// The last connection is still being cleared away.
    StillDisconnecting,
    /// An administrator keeps us out.
    Blocked,
    /// Google did not answer.
    GoogleSilent,
    /// Something of ours failed.
    Fault,
    /// No such page.
    NotFound,
}

impl Page {
    /// Whether whoever operates this should look.
    pub(crate) fn is_our_fault(self) -> bool {
        self.status().is_server_error()
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Success => StatusCode::OK,
            Self::Denied | Self::Partial | Self::Blocked => StatusCode::FORBIDDEN,
            Self::Expired => StatusCode::BAD_REQUEST,
            Self::TryAgain | Self::StillDisconnecting => StatusCode::CONFLICT,
            Self::GoogleSilent => StatusCode::SERVICE_UNAVAILABLE,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotFound => StatusCode::NOT_FOUND,
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Success => "Success – you may close this window",
            Self::Denied => "Nothing was connected",
            Self::Partial => "Reading mail was not allowed",
            Self::Expired => "This link has expired or was used before",
            Self::TryAgain => "Please try once more",
            Self::StillDisconnecting => "Please try again shortly",
            Self::Blocked => "Your administrator blocks this application",
            Self::GoogleSilent => "Google did not answer",
            Self::Fault => "Something went wrong on our side",
            Self::NotFound => "There is nothing here",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Success => "Your mailbox is connected.",
            Self::Denied => "You did not allow access, and nothing was stored.",
            Self::Partial => {
                "The box that allows reading mail was not ticked, and nothing was stored. Begin again and leave it ticked."
            }
            Self::Expired => {
                "A link works once, for ten minutes, in the browser it was opened in. Opening it now changed nothing."
            }
            Self::TryAgain => "Google gave no lasting access this time. Nothing was changed.",
            Self::StillDisconnecting => {
                "The last connection of this mailbox is still being cleared away. Come back in a few minutes."
            }
            Self::Blocked => {
                "The administrator of your organization does not allow this application. Nothing was stored; only they can change that."
            }
            Self::GoogleSilent => "Nothing was changed. Begin again in a minute.",
            Self::Fault => "Nothing was changed on your account. We have been told.",
            Self::NotFound => "To connect a mailbox, begin here.",
        }
    }

    /// Whether beginning again may help.
    fn may_begin_again(self) -> bool {
        match self {
            Self::Success | Self::Blocked => false,
            Self::Denied
            | Self::Partial
            | Self::Expired
            | Self::TryAgain
            | Self::StillDisconnecting
            | Self::GoogleSilent
            | Self::Fault
            | Self::NotFound => true,
        }
    }

    fn html(self) -> String {
        let (heading, text) = (self.heading(), self.text());
        let again = if self.may_begin_again() {
            "<p><a href=\"/oauth2/start\">Connect a mailbox</a></p>"
        } else {
            ""
        };
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>{heading}</title><style>{STYLE}</style><h1>{heading}</h1><p>{text}</p>{again}</html>"
        )
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
        guarded((self.status(), html, self.html()).into_response())
    }
}

/// A page that takes the cookie away: its attempt is over.
pub(crate) fn last(page: Page) -> Response {
    let mut response = page.into_response();
    if let Ok(clear) = HeaderValue::try_from(cookie::clear()) {
        response.headers_mut().insert(SET_COOKIE, clear);
    }
    response
}

/// Sends a browser to Google, with its cookie.
pub(crate) fn redirect(location: HeaderValue, cookie: HeaderValue) -> Response {
    let headers = [(LOCATION, location), (SET_COOKIE, cookie)];
    guarded((StatusCode::SEE_OTHER, headers).into_response())
}

/// Neither kept, nor told to others, nor guessed at, nor framed.
fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
