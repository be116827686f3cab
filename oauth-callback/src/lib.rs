//! The consent page's two addresses: `/oauth2/start` sends a person to Google, `/oauth2callback` takes them back and
//! connects their mailbox. And `/google/risc`, to which Google posts what happens to their accounts.
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
pub mod domain;
mod failure;
#[cfg(feature = "lambda")]
pub mod gateway;
pub mod page;
pub mod security_events;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::{get, post};
use shared::clock::{Chance, Clock, Timestamp};
use shared::connect_link::{self, Link, LinkSigning, start_address};
use shared::google::OAuth;
use shared::google::id_token::IdTokenVerifier;
use shared::ledger::{Control, Mailboxes};
use shared::queue::Queue;
use shared::scope::GmailScope;
use shared::sealing::Sealing;
use shared::settings::{ConnectLinks, Settings};
use url::{Url, form_urlencoded};

use crate::attempt::Attempt;
use crate::cookie::CookieSealing;
use crate::failure::{Failure, Refusal};
use crate::page::Page;
use crate::security_events::Recipient;

/// Always asked for: they say who consented. The ID token proves them, and Google calls the second by another name when
/// it says what was granted, so they are not compared.
const IDENTITY: [&str; 2] = ["openid", "email"];

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
    /// Seals the cookie in which an attempt travels.
    pub cookies: CookieSealing,
    /// Knows the connect links that were signed for this service.
    pub links: LinkSigning,
    /// For `BACKFILL`, `CONNECT_LINKS` and `FEATURES`.
    pub settings: Settings,
    /// Where `now` comes from.
    pub clock: Clock,
    /// For `state`, `nonce`, the PKCE verifier and the cookie's own nonce.
    pub chance: Chance,
}

/// The addresses, and a page for everything else.
pub fn router(callback: Arc<Callback>, security_events: Arc<Recipient>) -> Router {
    Router::new()
        .route("/oauth2/start", get(start))
        .route("/oauth2callback", get(come_back))
        .route(security_events::ADDRESS, post(security_events::receive).with_state(security_events))
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .with_state(callback)
}

async fn nothing_here(State(callback): State<Arc<Callback>>) -> Response {
    callback.page(Page::NotFound, None)
}

/// Where people begin again: with the link that they came with; without one nowhere, if it takes one.
fn beginning(redirect_uri: &str, links: ConnectLinks, link: Option<&str>) -> Option<Url> {
    match (link, links) {
        (Some(link), _) => connect_link::address(redirect_uri, link),
        (None, ConnectLinks::Open) => start_address(redirect_uri),
        (None, ConnectLinks::Required) => None,
    }
}

async fn start(State(callback): State<Arc<Callback>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    // An empty one is a link that was cut off, not a beginning without a link.
    let link = pairs.find(|(name, _)| name == connect_link::PARAMETER).map(|(_, link)| link);
    callback.start(link.as_deref())
}

/// Google sends people back here with a `code` or an `error`. Without either it is a beginning, whatever else the query
/// carries: people may open an address with Google's own parameters in it.
async fn come_back(
    State(callback): State<Arc<Callback>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let Some(answer) = Answer::read(&query) else { return callback.start(None) };
    let attempt = our_cookie(&headers).and_then(|value| callback.cookies.open(value));
    let link = attempt.as_ref().and_then(|attempt| attempt.link.clone());
    let page = |page: Page| callback.page(page, link.as_deref());
    // In a task of its own: who closes the window while Google is asked is connected all the same, and a panic gets its
    // page too.
    let own = callback.clone();
    let taken = tokio::spawn(async move { own.take(answer, attempt).await }).await;
    match taken.unwrap_or(Err(Failure::Panicked)) {
        Ok(happy) => page::last(page(happy)),
        Err(failure) if failure.ends_attempt() => page::last(page(failure.page())),
        Err(failure) => page(failure.page()),
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
    /// Sends the browser to Google with a fresh attempt, and the attempt with the browser; or says why not.
    fn start(&self, link: Option<&str>) -> Response {
        let now = self.clock.now();
        match self.admit(link, now) {
            Ok(says) => {
                self.send_to_google(&Attempt::begin(link, &self.chance, now), says.as_ref())
            }
            Err(failure) => self.page(failure.page(), None),
        }
    }

    /// What the link says that somebody begins with, or why they may not.
    fn admit(&self, link: Option<&str>, now: Timestamp) -> Result<Option<Link>, Failure> {
        let Some(text) = link else {
            return match self.settings.connect_links {
                ConnectLinks::Open => Ok(None),
                ConnectLinks::Required => Err(Failure::NoLink),
            };
        };
        let link = self.links.open(text).ok_or(Failure::NotOurLink)?;
        if link.is_over(now) { Err(Failure::LinkOver) } else { Ok(Some(link)) }
    }

    fn send_to_google(&self, attempt: &Attempt, link: Option<&Link>) -> Response {
        let address = self.consent_page(attempt, link);
        let cookie = self.cookies.seal(attempt, &self.chance);
        let cookie = cookie.and_then(|value| HeaderValue::try_from(cookie::set(&value)).ok());
        match cookie.zip(HeaderValue::try_from(address.as_str()).ok()) {
            Some((cookie, location)) => page::redirect(location, cookie),
            None => self.page(Failure::Cookie.page(), None),
        }
    }

    /// What becomes of an answer. Whether Google is its author is asked before anything else of it is believed; it need
    /// not say so, for Google has not always done it.
    async fn take(&self, answer: Answer, attempt: Option<Attempt>) -> Result<Page, Failure> {
        if !answer.issuers.iter().all(|issuer| self.id_tokens.is_issuer(issuer)) {
            return Err(Failure::OtherIssuer);
        }
        let now = self.clock.now();
        let own = attempt.as_ref().is_some_and(|own| own.is_answered_by(&answer.state, now));
        let code = match answer.outcome {
            Err(refusal) if refusal.alarms() && !own => return Err(Failure::NoAttempt),
            outcome => outcome.map_err(Failure::Refused)?,
        };
        self.complete(&code, &answer.state, attempt).await
    }

    /// A page, from which whoever was not connected may begin again.
    fn page(&self, page: Page, link: Option<&str>) -> Response {
        let beginning = beginning(&self.redirect_uri, self.settings.connect_links, link);
        page.leading_to(beginning.as_ref())
    }

    /// Google's consent page, asked for exactly what we need.
    fn consent_page(&self, attempt: &Attempt, link: Option<&Link>) -> Url {
        let mut address = self.auth_url.clone();
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &addresses(&self.asked_for(link)).join(" "))
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256")
            // Together these two make Google give a refresh token every time, not at the first consent only.
            .append_pair("access_type", "offline")
            .append_pair("prompt", "consent");
        // Google then offers that account first; whether it was chosen is asked of the ID token.
        if let Some(user) = link.and_then(|link| link.user.as_ref()) {
            address.query_pairs_mut().append_pair("login_hint", user.as_str());
        }
        address
    }

    /// What is asked of a person: reading mail, what the switched-on features need, and what a link asks for beside it.
    /// Who unticks the first is not connected, who unticks another is connected without it.
    fn asked_for(&self, link: Option<&Link>) -> BTreeSet<GmailScope> {
        let features = self.settings.features.iter().map(|feature| feature.scope());
        let beside = link.into_iter().flat_map(|link| &link.scopes).copied();
        features.chain(beside).chain([GmailScope::Readonly]).collect()
    }
}

/// The scopes as Google writes them, with those that say who consented.
fn addresses(asked: &BTreeSet<GmailScope>) -> Vec<&'static str> {
    IDENTITY.into_iter().chain(asked.iter().map(|scope| scope.address())).collect()
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
