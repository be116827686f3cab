//! Stands between `serve` and its Google, passes everything on, and lies about one thing when told to.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::net::TcpListener;

/// What is answered instead of the truth.
#[derive(Debug, Clone)]
pub(crate) enum Lie {
    /// This text.
    Text(String),
    /// JSON of so many MiB, without saying so before.
    Endless { mebibytes: usize },
    /// Nothing, for ever.
    Silence,
}

/// The server in between.
pub(crate) struct Gateway {
    pub(crate) origin: String,
    shared: Arc<Shared>,
}

struct Shared {
    google: String,
    client: Client,
    lie: Mutex<Option<(&'static str, Lie)>>,
    told: AtomicUsize,
}

impl Gateway {
    /// Answers for the Google at `google`.
    pub(crate) async fn open(google: &str) -> Self {
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        let (google, lie, told) = (google.to_owned(), Mutex::default(), AtomicUsize::default());
        let shared = Arc::new(Shared { google, client, lie, told });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { origin, shared }
    }

    /// Lies whenever a path has `part` in it.
    pub(crate) fn lie(&self, part: &'static str, lie: Lie) {
        *self.shared.lie.lock().unwrap() = Some((part, lie));
    }

    /// How often it has lied since it last confessed.
    pub(crate) fn told(&self) -> usize {
        self.shared.told.load(Ordering::Relaxed)
    }

    /// Tells the truth from now on. How often it lied.
    pub(crate) fn confess(&self) -> usize {
        *self.shared.lie.lock().unwrap() = None;
        self.shared.told.swap(0, Ordering::Relaxed)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let lie = shared.lie.lock().unwrap().clone();
    match lie.filter(|(part, _)| request.uri().path().contains(part)) {
        Some((_, lie)) => {
            shared.told.fetch_add(1, Ordering::Relaxed);
            tell(lie).await
        }
        None => pass_on(&shared, request).await,
    }
}

async fn tell(lie: Lie) -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    match lie {
        Lie::Text(text) => (json, text).into_response(),
        Lie::Silence => std::future::pending().await,
        Lie::Endless { mebibytes } => {
            let mebibyte = Bytes::from(vec![b'A'; 1 << 20]);
            let begin = Bytes::from_static(br#"{"history":[],"id":""#);
            let rest = std::iter::repeat_n(mebibyte, mebibytes);
            let chunks = std::iter::once(begin).chain(rest).map(Ok::<_, Infallible>);
            (json, Body::from_stream(stream::iter(chunks))).into_response()
        }
    }
}

async fn pass_on(shared: &Shared, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let passed = shared
        .client
        .request(head.method, format!("{}{path}", shared.google))
        .headers(only(&head.headers, &[HOST, AUTHORIZATION, CONTENT_TYPE]))
        .body(body);
    let Ok(answer) = passed.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (answer.status(), only(answer.headers(), &[LOCATION, CONTENT_TYPE]));
    (status, headers, answer.bytes().await.unwrap_or_default()).into_response()
}

fn only(headers: &HeaderMap, names: &[axum::http::HeaderName]) -> HeaderMap {
    let kept = names.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone())));
    kept.collect()
}
