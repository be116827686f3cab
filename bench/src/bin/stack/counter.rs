//! Stands between functions and AWS, passes everything on as it is, and counts by service.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::Context;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, TRANSFER_ENCODING};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use reqwest::Client;
use tokio::net::TcpListener;

/// The server in between.
pub(crate) struct Counter {
    /// Where it answers.
    pub(crate) origin: String,
    way: Arc<Way>,
}

#[derive(Default)]
struct Way {
    aws: OnceLock<String>,
    client: Client,
    requests: Mutex<BTreeMap<String, u32>>,
}

impl Counter {
    /// Opens it. Until it leads anywhere it answers that there is nothing behind it.
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().build().context("an HTTP client")?;
        let way = Arc::new(Way { client, ..Way::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(pass_on).with_state(way.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { origin, way })
    }

    /// Where AWS is.
    pub(crate) fn lead_to(&self, aws: &str) {
        // It is told once, before anybody asks.
        let _ = self.way.aws.set(aws.to_owned());
    }

    /// Counts from here on.
    pub(crate) fn begin(&self) {
        self.requests().clear();
    }

    /// By the name of the service.
    pub(crate) fn counted(&self) -> BTreeMap<String, u32> {
        self.requests().clone()
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u32>> {
        self.way.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn pass_on(State(way): State<Arc<Way>>, request: Request) -> Response {
    let Some(aws) = way.aws.get() else { return StatusCode::BAD_GATEWAY.into_response() };
    let service = service(request.headers()).unwrap_or("unsigned").to_owned();
    if let Ok(mut requests) = way.requests.lock() {
        *requests.entry(service).or_default() += 1;
    }
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let passed = way.client.request(head.method, format!("{aws}{path}"));
    let passed = passed.headers(end_to_end(&head.headers)).body(body);
    let Ok(answer) = passed.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (answer.status(), end_to_end(answer.headers()));
    match answer.bytes().await {
        Ok(body) => (status, headers, Body::from(body)).into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// The service that a request is signed for: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn service(headers: &HeaderMap) -> Option<&str> {
    let signed = headers.get(AUTHORIZATION)?.to_str().ok()?;
    signed.split_once("Credential=")?.1.split('/').nth(3)
}

/// All headers but those of the connection.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    kept.remove(CONNECTION);
    kept.remove(TRANSFER_ENCODING);
    kept
}
