//! A world in which people connect mailboxes: the router, its stores in memory, and a Google with a memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use shared::clock::{Chance, Clock, Timestamp};
use shared::connect_link::LinkSigning;
use shared::google::id_token::IdTokenVerifier;
use shared::google::security_event::SecurityEventVerifier;
use shared::ids::UserId;
use shared::jobs::{UserJob, decode};
use shared::ledger::memory::MemoryLedger;
use shared::ledger::{Control, ControlItem, Mailboxes};
use shared::mailbox::Mailbox;
use shared::queue::memory::MemoryQueue;
use shared::queue::{Depth, Outgoing, Queue, Receipt, Record, SendFailure};
use shared::scope::GmailScope;
use shared::sealing::memory::MemorySealing;
use shared::sealing::{Sealed, SealedFor, Sealing, SealingError};
use shared::settings::{Env, Settings};
use shared::store::{StoreError, Write};
use tower::ServiceExt;
use url::Url;

use super::google::{CLIENT, Choice, Google, ISSUER};
use super::log::Log;
use crate::cookie::CookieSealing;
use crate::security_events::Recipient;
use crate::{Callback, router};

pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) ledger: Arc<MemoryLedger>,
    pub(super) queue: Arc<MemoryQueue>,
    pub(super) sealing: Arc<Interrupted>,
    pub(super) google: Arc<Google>,
    router: Router,
}

type Interruption = Box<dyn FnOnce(&MemoryLedger) + Send>;

/// Sealing, during which something else may happen to the row.
pub(super) struct Interrupted {
    inner: MemorySealing,
    ledger: Arc<MemoryLedger>,
    pub(super) by: Mutex<Option<Interruption>>,
}

#[async_trait]
impl Sealing for Interrupted {
    async fn seal(&self, at: SealedFor<'_>, plain: &str) -> Result<Sealed, SealingError> {
        if let Some(interruption) = self.by.lock().unwrap().take() {
            interruption(&self.ledger);
        }
        self.inner.seal(at, plain).await
    }

    async fn open(&self, at: SealedFor<'_>, sealed: &Sealed) -> Result<String, SealingError> {
        self.inner.open(at, sealed).await
    }
}

/// A store that is in need of its operator.
pub(super) struct Broken;

fn broken<T>() -> Result<T, StoreError> {
    Err(StoreError::Broken { doing: "testing", source: "forbidden".into() })
}

#[async_trait]
impl Control for Broken {
    async fn read(&self, _: &str, _: Timestamp) -> Result<Option<ControlItem>, StoreError> {
        broken()
    }

    async fn write(
        &self,
        _: &str,
        _: Option<u64>,
        _: String,
        _: Option<Timestamp>,
        _: Timestamp,
    ) -> Result<Write, StoreError> {
        broken()
    }
}

#[async_trait]
impl Queue for Broken {
    async fn send(&self, _: Vec<Outgoing>) -> Result<Vec<SendFailure>, StoreError> {
        broken()
    }

    async fn receive(&self, _: usize, _: Duration) -> Result<Vec<Record>, StoreError> {
        broken()
    }

    async fn delete(&self, _: &[Receipt]) -> Result<(), StoreError> {
        broken()
    }

    async fn hide(&self, _: &Receipt, _: Duration) -> Result<(), StoreError> {
        broken()
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        broken()
    }
}

/// What a browser gets.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Google's page that a browser is sent to.
    pub(super) fn sent_to(&self) -> Url {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header(LOCATION.as_str()).parse().unwrap()
    }

    /// As the browser sends it back.
    pub(super) fn cookie(&self) -> String {
        self.header(SET_COOKIE.as_str()).split(';').next().unwrap_or_default().to_owned()
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(setting: impl FnOnce(&mut Callback)) -> Self {
        Log::everything();
        let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
        let (chance, ledger) = (Chance::seeded(1), Arc::new(MemoryLedger::new()));
        let queue = Arc::new(MemoryQueue::new(clock.clone()));
        let google = Arc::new(Google::new(clock.clone()));
        let sealing = Arc::new(Interrupted {
            inner: MemorySealing::new(&chance),
            ledger: ledger.clone(),
            by: Mutex::default(),
        });
        let mut callback = Callback {
            oauth: google.clone(),
            id_tokens: IdTokenVerifier::new(google.clone(), ISSUER.into(), CLIENT.into()),
            mailboxes: ledger.clone(),
            control: ledger.clone(),
            sealing: sealing.clone(),
            user_jobs: queue.clone(),
            client_id: CLIENT.to_owned(),
            redirect_uri: "https://fanmail.example.org/oauth2callback".to_owned(),
            auth_url: "https://accounts.google.com/o/oauth2/v2/auth".parse().unwrap(),
            cookies: CookieSealing::new(&[7; 32]),
            links: LinkSigning::new(&[7; 32]),
            settings: Settings::read(&mut Env::new(&|_| None)),
            clock: clock.clone(),
            chance,
        };
        setting(&mut callback);
        let security_events = Recipient {
            verifier: SecurityEventVerifier::new(google.clone(), CLIENT.into()),
            mailboxes: callback.mailboxes.clone(),
            control: callback.control.clone(),
            user_jobs: callback.user_jobs.clone(),
            clock: clock.clone(),
            chance: callback.chance.clone(),
        };
        let router = router(Arc::new(callback), Arc::new(security_events));
        Self { clock, ledger, queue, sealing, google, router }
    }

    pub(super) async fn get(&self, address: &str, cookie: &str) -> Reply {
        let request = Request::get(address).header(COOKIE, cookie);
        self.answer(request.body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, address: &str, body: &str) -> Reply {
        let request = Request::post(address).header("content-type", "application/secevent+jwt");
        self.answer(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn answer(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request);
        let (parts, body) = response.await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// A browser whose window is closed as soon as its request is on the way.
    pub(super) async fn get_and_leave(&self, address: &str, cookie: &str) {
        let reply = std::pin::pin!(self.get(address, cookie));
        assert!(futures::poll!(reply).is_pending(), "gone before the answer is there");
    }

    /// A person on the way back from Google: the address they come back to, and their cookie.
    pub(super) async fn at_google(&self, choice: Choice) -> (String, String) {
        let start = self.get("/oauth2/start", "").await;
        (self.google.consent(&start.sent_to(), choice), start.cookie())
    }

    /// A whole flow.
    pub(super) async fn connect(&self, choice: Choice) -> Reply {
        let (back, cookie) = self.at_google(choice).await;
        self.get(&back, &cookie).await
    }

    pub(super) async fn row(&self) -> Option<Mailbox> {
        Mailboxes::get(&*self.ledger, &user()).await.unwrap()
    }

    /// The stored refresh token, opened as the worker opens it: for the row's present life.
    pub(super) async fn refresh_token(&self) -> String {
        let row = self.row().await.unwrap();
        let kind = shared::sealing::TokenKind::Refresh;
        let at = SealedFor { user: &row.user_id, epoch: row.epoch, kind };
        self.sealing.open(at, &row.refresh_token.unwrap()).await.unwrap()
    }

    pub(super) async fn change(&self, change: impl FnOnce(&mut Mailbox)) {
        let mut row = self.row().await.unwrap();
        change(&mut row);
        self.ledger.insert(row);
    }

    pub(super) async fn empty_queue(&self) {
        for record in self.queue.receive(100, Duration::ZERO).await.unwrap() {
            self.queue.delete(&[record.receipt]).await.unwrap();
        }
    }

    pub(super) async fn jobs(&self) -> Vec<UserJob> {
        let records = self.queue.receive(100, Duration::ZERO).await.unwrap();
        records.iter().map(|record| decode(&record.body).unwrap()).collect()
    }
}

/// What reading mail needs.
pub(super) const READ_MAIL: &str = GmailScope::Readonly.address();

pub(super) fn user() -> UserId {
    "42".parse().unwrap()
}
