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
use axum::response::Response;
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
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .with_state(callback)
}

/// Where people begin, by the address that they come back to: beside it, on the host that the cookie is for.
pub fn start_address(redirect_uri: &str) -> Option<Url> {
    Url::parse(redirect_uri).ok()?.join("oauth2/start").ok()
}

async fn nothing_here(State(callback): State<Arc<Callback>>) -> Response {
    callback.page(Page::NotFound)
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
    let Some(answer) = Answer::read(&query) else { return callback.start() };
    let attempt = our_cookie(&headers).and_then(|value| callback.cookies.open(value));
    // In a task of its own: who closes the window while Google is asked is connected all the same, and a panic gets its
    // page too.
    let own = callback.clone();
    let taken = tokio::spawn(async move { own.take(answer, attempt).await }).await;
    match taken.unwrap_or(Err(Failure::Panicked)) {
        Ok(page) => page::last(callback.page(page)),
        Err(failure) if failure.ends_attempt() => page::last(callback.page(failure.page())),
        Err(failure) => callback.page(failure.page()),
    }
}

/// What Google sent somebody back with.
struct Answer {
    /// Whom it names as its author, each time it does (RFC 9207).
    issuers: Vec<String>,
    state: String,
    outcome: Result<String, Refusal>,
}

impl Answer {
    /// The answer in a query; `None` where there is neither a code nor an error in it.
    fn read(query: &str) -> Option<Self> {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let issuers = pairs.filter(|(name, _)| name == "iss").map(|(_, value)| value.into_owned());
        let outcome = match parameter(query, "error") {
            Some(error) => Err(Refusal::of(&error)),
            None => Ok(parameter(query, "code")?),
        };
        let state = parameter(query, "state").unwrap_or_default();
        Some(Self { issuers: issuers.collect(), state, outcome })
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
            None => self.page(Failure::Cookie.page()),
        }
    }

    /// What becomes of an answer. Whether Google is its author is asked before anything else of it is believed; it need
    /// not say so, for Google has not always done it.
    async fn take(&self, answer: Answer, attempt: Option<Attempt>) -> Result<Page, Failure> {
        if !answer.issuers.iter().all(|issuer| self.id_tokens.is_issuer(issuer)) {
            return Err(Failure::OtherIssuer);
        }
        let code = answer.outcome.map_err(Failure::Refused)?;
        self.complete(&code, &answer.state, attempt).await
    }

    /// A page, from which whoever was not connected may begin again.
    fn page(&self, page: Page) -> Response {
        page.leading_to(start_address(&self.redirect_uri).as_ref())
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
