//! The HTTP face: the model as Google's servers show it, to any Gmail client.
//!
//! Paths, parameters, bodies and refusals are Google's. What is under `/admin` is not, and says so in its answers. The
//! face holds no state: it reads a request, asks the model, writes an answer, and does to the answer what a fault says.

mod admin;
mod answer;
mod batch;
mod consent;
mod fields;
mod gmail;
mod multipart;
mod oauth;
mod params;
mod render;
mod wire;

use std::io;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::net::TcpListener;

use crate::errors::ApiError;
use crate::world::Google;
use answer::Answer;

/// The largest body of a request: a message of 150 MiB, which is what `messages.insert` takes, as base64 in JSON.
const MAX_BODY: usize = 215 * 1024 * 1024;

/// What a request comes down to, whether it arrived alone or as a part of a batch.
#[derive(Debug, Default)]
struct Request {
    verb: String,
    path: String,
    query: String,
    authorization: Option<String>,
    content_type: String,
    host: String,
    body: Bytes,
}

/// Google at this router's root.
pub fn router(google: Google) -> Router {
    Router::new().fallback(any(serve_one)).with_state(google)
}

/// Serves until the listener fails. Dropping the future ends it.
pub async fn serve(google: Google, listener: TcpListener) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // Answers are small and waited for; a socket that refuses the option is only slower.
        drop(stream.set_nodelay(true));
    });
    axum::serve(listener, router(google)).await
}

async fn serve_one(State(google): State<Google>, request: HttpRequest) -> Response {
    let request = match read(request).await {
        Ok(request) => request,
        Err(refusal) => return Answer::refusal(&refusal).into_response(),
    };
    let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        ["gmail" | "upload", ..] => gmail::answer(&google, &request).await.into_response(&google),
        ["batch"] | ["batch", "gmail", "v1"] => {
            batch::answer(&google, &request).await.into_response(&google)
        }
        ["admin", ..] => admin::answer(&google, &request).into_response(),
        _ => oauth::answer(&google, &request).await,
    }
}

async fn read(request: HttpRequest) -> Result<Request, ApiError> {
    let (head, body) = request.into_parts();
    let header = |name: HeaderName| {
        head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let too_large = |_| ApiError::new(413, "uploadTooLarge", "Request is too large.");
    Ok(Request {
        verb: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        authorization: header(AUTHORIZATION),
        content_type: header(CONTENT_TYPE).unwrap_or_default(),
        host: header(HOST).unwrap_or_default(),
        body: to_bytes(body, MAX_BODY).await.map_err(too_large)?,
    })
}
