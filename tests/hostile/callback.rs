//! What holds for whatever a browser asks of the consent pages.
//!
//! The first byte of an input says how it is asked, the rest is the query, or the cookie.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use oauth_callback::cookie::CookieSealing;
use oauth_callback::security_events::Recipient;
use oauth_callback::{Callback, router};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use shared::clock::{Chance, Clock};
use shared::connect_link::LinkSigning;
use shared::google::id_token::IdTokenVerifier;
use shared::google::security_event::SecurityEventVerifier;
use shared::google::{OAuth, OAuthError, RiscConfiguration, SigningKeys, TokenAnswer};
use shared::ledger::memory::MemoryLedger;
use shared::queue::Queue;
use shared::queue::memory::MemoryQueue;
use shared::sealing::memory::MemorySealing;
use shared::secret::RefreshToken;
use shared::settings::{Env, Settings};
use tokio::sync::OnceCell;
use tower::ServiceExt;
use url::Url;

/// With the cookie of a browser that has begun.
const OWN_COOKIE: u8 = 1;
/// With that attempt's `state` before the rest of the query.
const OWN_STATE: u8 = 2;
/// The rest is the cookie, and the query a good one.
const AS_COOKIE: u8 = 4;
/// At the beginning instead of at the end.
const AT_START: u8 = 8;
/// The rest is what somebody posts as a security event.
const AS_EVENT: u8 = 16;

const CONSENT: &str = "https://accounts.google.com/o/oauth2/v2/auth";

/// What a query cannot hold as it is: a browser would write it so.
const NO_QUERY: AsciiSet = CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'#').add(b'`');

/// Panics where an answer breaks the promise.
pub(crate) fn is_kept_by(input: &[u8]) {
    let (how, rest) = input.split_first().map_or((0, input), |(how, rest)| (*how, rest));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(World::new().asked(how, rest));
}

struct World {
    router: Router,
    google: Arc<Google>,
    ledger: Arc<MemoryLedger>,
    queue: Arc<MemoryQueue>,
}

/// A Google that knows no code.
#[derive(Default)]
struct Google(AtomicUsize);

#[async_trait]
impl OAuth for Google {
    async fn exchange(&self, _: &str, verifier: &str) -> Result<TokenAnswer, OAuthError> {
        assert_eq!(verifier.len(), 43, "with the attempt's own verifier");
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(OAuthError::GrantDead { subtype: None })
    }

    async fn refresh(&self, _: &RefreshToken) -> Result<TokenAnswer, OAuthError> {
        unreachable!("nobody refreshes here")
    }

    async fn revoke(&self, _: &RefreshToken) -> Result<(), OAuthError> {
        unreachable!("nobody revokes here")
    }

    async fn signing_keys(&self) -> Result<SigningKeys, OAuthError> {
        unreachable!("no answer has an ID token")
    }

    async fn risc_configuration(&self) -> Result<RiscConfiguration, OAuthError> {
        Ok(RiscConfiguration {
            issuer: CONSENT.to_owned(),
            jwks_uri: CONSENT.to_owned(),
            max_age: Duration::from_hours(1),
        })
    }

    async fn risc_keys(&self, _: &str) -> Result<SigningKeys, OAuthError> {
        let (jwks, max_age) = (r#"{"keys":[]}"#.to_owned(), Duration::from_hours(1));
        Ok(SigningKeys { jwks, max_age })
    }
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
        let (chance, ledger) = (Chance::seeded(1), Arc::new(MemoryLedger::new()));
        let google = Arc::new(Google::default());
        let queue = Arc::new(MemoryQueue::new(clock.clone()));
        let security_events = Recipient {
            verifier: SecurityEventVerifier::new(google.clone(), "ours".into()),
            mailboxes: ledger.clone(),
            control: ledger.clone(),
            user_jobs: queue.clone(),
            clock: clock.clone(),
            chance: chance.clone(),
        };
        let callback = Callback {
            oauth: google.clone(),
            id_tokens: IdTokenVerifier::new(google.clone(), CONSENT.into(), "ours".into()),
            mailboxes: ledger.clone(),
            control: ledger.clone(),
            sealing: Arc::new(MemorySealing::new(&chance)),
            user_jobs: queue.clone(),
            client_id: "ours".to_owned(),
            redirect_uri: "https://fanmail.example.org/oauth2callback".to_owned(),
            auth_url: CONSENT.parse().unwrap(),
            cookies: CookieSealing::new(&[7; 32]),
            links: LinkSigning::new(&[7; 32]),
            settings: Settings::read(&mut Env::new(&|_| None)),
            clock,
            chance,
        };
        Self {
            router: router(Arc::new(callback), Arc::new(security_events)),
            google,
            ledger,
            queue,
        }
    }

    async fn asked(self, how: u8, rest: &[u8]) {
        if how & AS_EVENT != 0 {
            return self.posted(rest).await;
        }
        let begun = self.get("/oauth2/start", b"").await;
        let own = own_cookie(&begun);
        let state = is_a_beginning(&begun);
        let is = |bit| how & bit != 0;
        let as_query = percent_encode(rest, &NO_QUERY).to_string();
        let own_state = if is(OWN_STATE) { format!("state={state}&") } else { String::new() };
        let query = if is(AS_COOKIE) { "code=x".to_owned() } else { as_query };
        let path = if is(AT_START) { "/oauth2/start" } else { "/oauth2callback" };
        let cookie = match (is(AS_COOKIE), is(OWN_COOKIE)) {
            (true, _) => rest,
            (false, true) => own.as_bytes(),
            (false, false) => b"",
        };
        let answer = self.get(&format!("{path}?{own_state}{query}"), cookie).await;
        self.is_harmless(&answer).await;
        let exchanges = self.google.0.load(Ordering::SeqCst);
        let knows_both = is(OWN_STATE) && (is(OWN_COOKIE) || is(AS_COOKIE)) && !is(AT_START);
        assert!(exchanges <= usize::from(knows_both), "Google was asked {exchanges} times");
    }

    /// What Google has not signed is refused in the words of RFC 8935, and nothing comes of it.
    async fn posted(self, body: &[u8]) {
        let request = Request::post("/google/risc").body(Body::from(body.to_vec())).unwrap();
        let answer = Answer::read(self.router.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.body.starts_with(r#"{"description":""#), "{}", answer.body);
        let sent = self.queue.receive(1, Duration::ZERO).await.unwrap();
        assert!(sent.is_empty());
    }

    /// A page of ours, word for word, or a beginning; never a fault, never stored.
    async fn is_harmless(&self, answer: &Answer) {
        if answer.status == StatusCode::SEE_OTHER {
            is_a_beginning(answer);
        } else {
            assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
            assert!(self.pages().await.contains(&answer.body), "{}", answer.body);
        }
        for (name, value) in [("cache-control", "no-store"), ("referrer-policy", "no-referrer")] {
            assert_eq!(answer.headers[name], value);
        }
        let stored = shared::ledger::Mailboxes::get(&*self.ledger, &"42".parse().unwrap()).await;
        assert!(stored.unwrap().is_none());
    }

    /// What can be shown to somebody whose answer Google does not know: as a person sees it whose question is plain.
    async fn pages(&self) -> &'static [String] {
        static PAGES: OnceCell<Vec<String>> = OnceCell::const_new();
        let pages = PAGES.get_or_init(async || {
            let begun = self.get("/oauth2/start", b"").await;
            let (cookie, state) = (own_cookie(&begun), is_a_beginning(&begun));
            let mut pages = Vec::new();
            for question in [
                "/elsewhere".to_owned(),
                "/oauth2/start?link=none-of-ours".to_owned(),
                "/oauth2callback?error=access_denied".to_owned(),
                "/oauth2callback?error=org_internal".to_owned(),
                "/oauth2callback?code=x".to_owned(),
                format!("/oauth2callback?error=server_error&state={state}"),
                format!("/oauth2callback?error=invalid_request&state={state}"),
            ] {
                pages.push(self.get(&question, cookie.as_bytes()).await.body);
            }
            pages
        });
        pages.await
    }

    async fn get(&self, address: &str, cookie: &[u8]) -> Answer {
        let request = Request::get(address).header(COOKIE, printable(cookie));
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        Answer::read(response).await
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    async fn read(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Self { status: parts.status, headers: parts.headers, body }
    }
}

/// As the browser sends it back.
fn own_cookie(begun: &Answer) -> String {
    begun.headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

/// HTTP itself refuses what is left out here.
fn printable(cookie: &[u8]) -> Vec<u8> {
    cookie.iter().copied().filter(|&b| b == b'\t' || (b >= b' ' && b != 0x7f)).collect()
}

/// Google's page, asked for exactly what we need; answers its `state`.
fn is_a_beginning(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let location: Url = answer.headers[LOCATION].to_str().unwrap().parse().unwrap();
    let (to, _) = location.as_str().split_once('?').unwrap();
    assert_eq!(to, CONSENT);
    let mut names = BTreeSet::new();
    let mut own = String::new();
    for (name, value) in location.query_pairs() {
        assert!(names.insert(name.to_string()), "{name} twice");
        let expected = match &*name {
            "response_type" => "code",
            "client_id" => "ours",
            "redirect_uri" => "https://fanmail.example.org/oauth2callback",
            "scope" => "openid email https://www.googleapis.com/auth/gmail.readonly",
            "code_challenge_method" => "S256",
            "access_type" => "offline",
            "prompt" => "consent",
            "state" | "nonce" | "code_challenge" => {
                assert_eq!(value.len(), 43, "256 bits");
                if name == "state" {
                    own = value.to_string();
                }
                continue;
            }
            stranger => panic!("{stranger} was not asked for"),
        };
        assert_eq!(value, expected);
    }
    assert_eq!(names.len(), 10);
    own
}
