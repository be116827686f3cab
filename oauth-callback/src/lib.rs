//! The consent page's two addresses: `/oauth2/start` sends a person to Google, `/oauth2callback` takes them back and
//! connects their mailbox.
//!
//! The same router answers on one machine and behind API Gateway. Nothing about a person who is on the way to Google is
//! stored: it travels in a sealed cookie. Whatever is asked, the answer is a redirect to Google or a page of ours; what
//! a query carries is never shown, logged or followed.

pub mod after_consent;
pub mod attempt;
#[cfg(feature = "aws")]
pub mod aws;
mod consent;
pub mod cookie;
mod failure;
#[cfg(feature = "lambda")]
pub mod gateway;
pub mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use shared::clock::{Chance, Clock};
use shared::google::OAuth;
use shared::google::id_token::IdTokenVerifier;
use shared::ledger::{Control, Mailboxes};
use shared::queue::Queue;
use shared::sealing::Sealing;
use shared::settings::Settings;
use url::{Url, form_urlencoded};

use crate::attempt::Attempt;
use crate::cookie::CookieSealing;
use crate::failure::{Failure, Refusal};
use crate::page::Page;

/// Always asked for: they say who consented. The ID token proves them, and Google calls the second by another name when
/// it says what was granted, so they are not compared.
const IDENTITY: [&str; 2] = ["openid", "email"];

/// What reading mail needs. A mailbox whose owner unticks it is not connected.
pub const READ_MAIL: &str = "https://www.googleapis.com/auth/gmail.readonly";

/// Connects mailboxes. The fields are everything it may touch.
pub struct Callback {
    /// Exchanges the code that a consent ends in.
    pub oauth: Arc<dyn OAuth>,
    /// Says who consented.
    pub id_tokens: IdTokenVerifier,
    /// Where the consent is stored.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Remembers which attempts have been used.
    pub control: Arc<dyn Control>,
    /// Seals refresh tokens.
    pub sealing: Arc<dyn Sealing>,
    /// Where the first sync is asked for.
    pub user_jobs: Arc<dyn Queue>,
    /// `GOOGLE_CLIENT_ID`.
    pub client_id: String,
    /// `OAUTH_REDIRECT_URI`: where Google sends people back to.
    pub redirect_uri: String,
    /// Google's consent page.
    pub auth_url: Url,
    /// What the switched-on features need, [`READ_MAIL`] among it; `openid` and `email` need not be named.
    pub scopes: Vec<String>,
    /// Seals the cookie in which an attempt travels.
    pub cookies: CookieSealing,
    /// For `BACKFILL`.
    pub settings: Settings,
    /// Where `now` comes from.
    pub clock: Clock,
    /// For `state`, `nonce`, the PKCE verifier and the cookie's own nonce.
    pub chance: Chance,
}

/// The two addresses, and a page for everything else.
pub fn router(callback: Arc<Callback>) -> Router {
    Router::new()
        .route("/oauth2/start", get(start))
        .route("/oauth2callback", get(come_back))
        .fallback(async || Page::NotFound)
        .method_not_allowed_fallback(async || Page::NotFound)
        .with_state(callback)
}

async fn start(State(callback): State<Arc<Callback>>) -> Response {
    callback.start()
}

/// Google sends people back here with a `code` or an `error`. Without either it is a beginning, whatever else the query
/// carries: people may open an address with Google's own parameters in it.
async fn come_back(
    State(callback): State<Arc<Callback>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    // Before anything else is believed of the answer. It ends no attempt: anybody can write such an address.
    if !callback.is_from_google(&query) {
        return Failure::OtherIssuer.page().into_response();
    }
    if let Some(error) = parameter(&query, "error") {
        return Failure::Refused(Refusal::of(&error)).page().into_response();
    }
    let Some(code) = parameter(&query, "code") else { return callback.start() };
    let state = parameter(&query, "state").unwrap_or_default();
    let cookie = our_cookie(&headers).map(str::to_owned);
    // In a task of its own: who closes the window while Google is asked is connected all the same, and a panic gets its
    // page too.
    let consent = async move { callback.complete(&code, &state, cookie.as_deref()).await };
    match tokio::spawn(consent).await.unwrap_or(Err(Failure::Panicked)) {
        Ok(()) => page::last(Page::Success),
        Err(failure) if failure.ends_attempt() => page::last(failure.page()),
        Err(failure) => failure.page().into_response(),
    }
}

impl Callback {
    /// Sends the browser to Google with a fresh attempt, and the attempt with the browser.
    fn start(&self) -> Response {
        let attempt = Attempt::begin(&self.chance, self.clock.now());
        let address = self.consent_page(&attempt);
        let cookie = self.cookies.seal(&attempt, &self.chance);
        let cookie = cookie.and_then(|value| HeaderValue::try_from(cookie::set(&value)).ok());
        match cookie.zip(HeaderValue::try_from(address.as_str()).ok()) {
            Some((cookie, location)) => page::redirect(location, cookie),
            None => Failure::Cookie.page().into_response(),
        }
    }

    /// Google's consent page, asked for exactly what we need.
    fn consent_page(&self, attempt: &Attempt) -> Url {
        let mut address = self.auth_url.clone();
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.asked_for().join(" "))
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256")
            // Together these two make Google give a refresh token every time, not at the first consent only.
            .append_pair("access_type", "offline")
            .append_pair("prompt", "consent");
        address
    }

    /// Whether the answer names Google as its author, each time it names one (RFC 9207). It need not: Google has not
    /// always done so.
    fn is_from_google(&self, query: &str) -> bool {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.all(|(name, value)| name != "iss" || self.id_tokens.is_issuer(&value))
    }

    fn asked_for(&self) -> Vec<&str> {
        IDENTITY.into_iter().chain(self.needed()).collect()
    }

    /// The scopes without which nothing is connected.
    fn needed(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(String::as_str).filter(|scope| !IDENTITY.contains(scope))
    }
}

/// The first value of a parameter; an empty one counts as absent. Bytes that are no text become question marks.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, value) = pairs.find(|(key, value)| key == name && !value.is_empty())?;
    Some(value.into_owned())
}

/// Browsers send one header; what stands between may send several, of which ours is in one.
fn our_cookie(headers: &HeaderMap) -> Option<&str> {
    let mut texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts.find_map(cookie::find)
}

#[cfg(test)]
mod tests;
