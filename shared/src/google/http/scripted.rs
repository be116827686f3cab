//! A Google that says what a test tells it to, over a real socket on the loopback.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use tokio::net::{TcpListener, TcpSocket};

use super::{Address, HttpClient};
use crate::clock::Clock;

/// One request, as the server saw it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) form: BTreeMap<String, String>,
    pub(super) headers: HeaderMap,
}

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Response>>,
    asked: Mutex<Vec<Asked>>,
}

/// A server that gives its answers in order, one to each request.
pub(super) struct Scripted {
    pub(super) base: Address,
    script: Arc<Script>,
}

impl Scripted {
    pub(super) async fn says(answers: impl IntoIterator<Item = Response>) -> Self {
        let script = Arc::new(Script {
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::default(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let app = Router::new().fallback(play).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, script }
    }

    /// Every request so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }
}

async fn play(
    State(script): State<Arc<Script>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let pairs = |text: &[u8]| url::form_urlencoded::parse(text).into_owned().collect();
    let asked = Asked {
        line: format!("{method} {}", uri.path()),
        query: pairs(uri.query().unwrap_or_default().as_bytes()),
        form: pairs(&body),
        headers,
    };
    script.asked.lock().unwrap().push(asked);
    let next = script.answers.lock().unwrap().pop_front();
    next.unwrap_or_else(|| answer(418, "the script is at its end"))
}

/// An answer with this status and body.
pub(super) fn answer(status: u16, body: &str) -> Response {
    Response::builder().status(status).body(Body::from(body.to_owned())).unwrap()
}

/// The same with one header more.
pub(super) fn with_header(mut answer: Response, name: &'static str, value: &str) -> Response {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}

/// A body that begins like this and then says nothing more.
pub(super) fn stalls_after(begin: &'static str) -> Response {
    let begin = stream::iter([Ok::<_, Infallible>(Bytes::from_static(begin.as_bytes()))]);
    Response::new(Body::from_stream(begin.chain(stream::pending())))
}

/// A body that begins like this and then breaks, and the connection with it.
pub(super) fn breaks_after(begin: &'static str) -> Response {
    let begin = stream::iter([Ok(Bytes::from_static(begin.as_bytes()))]);
    let broken = stream::once(async {
        // The server sends what it has when it is made to wait.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Response::new(Body::from_stream(begin.chain(broken)))
}

/// `total` bytes that are made while they are sent, and the count of those that were.
pub(super) fn torrent(begin: &'static str, total: usize) -> (Response, Arc<AtomicUsize>) {
    const CHUNK: usize = 64 << 10;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let filler = Bytes::from(vec![b'A'; CHUNK]);
    let flood = stream::iter(0..total / CHUNK).map(move |_| {
        counter.fetch_add(CHUNK, Ordering::SeqCst);
        Ok::<_, Infallible>(filler.clone())
    });
    let begin = stream::iter([Ok(Bytes::from_static(begin.as_bytes()))]);
    (Response::new(Body::from_stream(begin.chain(flood))), sent)
}

/// A client as the service uses it, whose clock stands still at noon on May Day 2026.
pub(super) fn client() -> HttpClient {
    HttpClient::new(noon()).unwrap()
}

/// Longer than any test takes.
const LONG: Duration = Duration::from_mins(10);

const SHORT: Duration = Duration::from_millis(100);

/// A client that does not wait long for the next byte.
pub(super) fn impatient_client() -> HttpClient {
    HttpClient::with_timeouts(noon(), LONG, SHORT, LONG).unwrap()
}

/// A client that does not wait long for the whole.
pub(super) fn hurried_client() -> HttpClient {
    HttpClient::with_timeouts(noon(), LONG, LONG, SHORT).unwrap()
}

fn noon() -> Clock {
    Clock::manual("2026-05-01T12:00:00Z".parse().unwrap())
}

/// An address of this machine where nobody listens, for as long as the socket is kept.
pub(super) fn nobody() -> (Address, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (format!("http://{}", socket.local_addr().unwrap()).parse().unwrap(), socket)
}

/// A server that hangs up on everyone before it says a word.
pub(super) async fn hangs_up() -> Address {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    base
}

/// A server that lets everyone in and says nothing.
pub(super) async fn says_nothing() -> Address {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let mut guests = Vec::new();
        while let Ok(guest) = listener.accept().await {
            guests.push(guest);
        }
    });
    base
}
