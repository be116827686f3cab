//! The pages that people see, and what every answer carries.
//!
//! No script, no picture, no other host. Nothing that a person, a query or Google says is ever shown, so there is
//! nothing to escape but one address of ours.

mod sheet;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::clock::Timestamp;
use url::Url;

use crate::cookie;

const STYLE: &str = include_str!("page/style.css");

/// What a person can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The mailbox is connected.
    Success,
    /// It was, and nothing was wrong with it.
    AlreadyConnected,
    /// The mailbox is connected, without something that was asked for.
    ConnectedWithout,
    /// The person said no.
    Denied,
    /// A box was unticked.
    Partial,
    /// The link was used before, is too old, or was opened in another browser.
    Expired,
    /// Google gave no lasting access.
    TryAgain,
    /// The last connection is still being cleared away; until when, where that is known.
    StillDisconnecting(Option<Timestamp>),
    /// An administrator keeps us out.
    Blocked,
    /// Google did not answer.
    GoogleSilent,
    /// Something of ours failed.
    Fault,
    /// Google did not take what we asked of it.
    Refused,
    /// Nobody begins here without a link.
    LinkNeeded,
    /// The link is not as it was signed.
    LinkChanged,
    /// The link's time is over.
    LinkExpired,
    /// The mailbox is connected under another `ref`. Neither is shown: the person may know none of them.
    OtherReference,
    /// The link is for another Google account than the one that was chosen.
    OtherAccount,
    /// No such page.
    NotFound,
}

impl Page {
    /// Whether whoever operates this should look.
    pub(crate) fn is_our_fault(self) -> bool {
        self.sheet().status.is_server_error()
    }

    /// The page, with a button that leads to `start` where beginning again may help. Without a `start`, it takes the
    /// link that the person was sent.
    pub(crate) fn leading_to(self, start: Option<&Url>) -> Response {
        let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
        guarded((self.sheet().status, html, self.html(start)).into_response())
    }

    fn html(self, start: Option<&Url>) -> String {
        let sheet = self.sheet();
        let again = sheet.again.map(|button| match start {
            Some(start) => {
                // A quote in an address comes percent-encoded already.
                let start = start.as_str().replace('&', "&amp;");
                format!("<p class=\"go\"><a href=\"{start}\">{button}</a></p>\n")
            }
            None => "<p>To connect a mailbox, open the link that you were sent.</p>\n".to_owned(),
        });
        format!(
            include_str!("page/page.html"),
            heading = sheet.heading,
            text = sheet.text,
            when = self.when(),
            tone = sheet.tone.class(),
            mark = sheet.tone.mark(),
            style = STYLE,
            again = again.unwrap_or_default(),
        )
    }
}

impl Page {
    /// When to come back, where that is known: a moment of our own clock.
    fn when(self) -> String {
        let Self::StillDisconnecting(over_by) = self else { return String::new() };
        let Some(over_by) = over_by else { return " Come back in a few minutes.".to_owned() };
        // The first whole minute that is not too early.
        let minute = (over_by + Duration::from_millis(59_999)).to_string();
        let (day, time) = minute.split_once('T').unwrap_or_default();
        format!(" Come back after {}, on {day} (UTC).", time.get(..5).unwrap_or(time))
    }
}

/// The page, without the cookie: its attempt is over.
pub(crate) fn last(mut page: Response) -> Response {
    if let Ok(clear) = HeaderValue::try_from(cookie::clear()) {
        page.headers_mut().insert(SET_COOKIE, clear);
    }
    page
}

/// Sends a browser to Google, with its cookie.
pub(crate) fn redirect(location: HeaderValue, cookie: HeaderValue) -> Response {
    let headers = [(LOCATION, location), (SET_COOKIE, cookie)];
    guarded((StatusCode::SEE_OTHER, headers).into_response())
}

/// Neither kept, nor told to others, nor guessed at, nor framed, nor asked for in clear. The last is for two years, and
/// nothing to a browser that asks this machine itself.
pub(crate) fn guarded(mut response: Response) -> Response {
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
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Page; 17] = [
        Page::Success,
        Page::AlreadyConnected,
        Page::ConnectedWithout,
        Page::Denied,
        Page::Partial,
        Page::Expired,
        Page::TryAgain,
        Page::StillDisconnecting(None),
        Page::Blocked,
        Page::GoogleSilent,
        Page::Fault,
        Page::LinkNeeded,
        Page::LinkChanged,
        Page::LinkExpired,
        Page::OtherReference,
        Page::OtherAccount,
        Page::NotFound,
    ];

    #[test]
    fn every_page_is_one_small_document_that_says_what_it_is() {
        let start = Url::parse("https://fanmail.example.org/oauth2/start?a=b&c=\"<>").unwrap();
        for page in ALL {
            let html = page.html(Some(&start));
            let heading = page.sheet().heading;
            for once in ["<html lang=\"en\">", "<title>", "<main ", "<h1>", "name=\"viewport\""] {
                assert_eq!(html.matches(once).count(), 1, "{page:?}: {once}");
            }
            assert_eq!(html.matches(heading).count(), 2, "{page:?}: title and heading");
            for never in ["<script", "<img", "<form", "&c=\"", "<>", "{", "http-equiv"] {
                assert!(!html.replace(STYLE, "").contains(never), "{page:?}: {never}");
            }
            assert!(html.len() < 8_192, "{page:?}: {} bytes", html.len());
        }
    }

    #[test]
    fn a_page_without_a_beginning_says_where_to_look_for_one() {
        for page in ALL {
            let html = page.html(None);
            assert!(!html.contains("<a "), "{page:?}");
            let hint = html.contains("open the link that you were sent");
            assert_eq!(hint, page.sheet().again.is_some(), "{page:?}");
        }
    }
}
