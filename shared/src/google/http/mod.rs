//! Google over HTTP: one pooled client, and an adapter on top of it for each trait.
//!
//! What leaves here is the traits' own types. No error names an address, because the query of one may hold a code or
//! a search, and none quotes an answer, because an answer may hold mail; a failure is told in our own words. Nothing is
//! read without a limit, in bytes and in time. No redirect is followed and no proxy is taken from the environment:
//! either would carry a token to a place that nobody chose.

mod addresses;
mod body;
mod delegation;
mod errors;
mod gmail;
mod oauth;
mod retry;
#[cfg(test)]
mod scripted;

use std::error::Error as _;
use std::io;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};

pub use self::addresses::{Address, BadAddress, GoogleAddresses};
pub use self::delegation::HttpDelegation;
pub use self::gmail::HttpGmail;
pub use self::oauth::HttpOAuth;
use crate::clock::Clock;

/// How long reaching Google may take, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long Google may be silent, before its answer and within it.
pub const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// How long one request may take from beginning to end: 50 MiB of message at 1 MB/s, within a Lambda's minutes.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(90);

const _: () = assert!(CONNECT_TIMEOUT.as_secs() + READ_TIMEOUT.as_secs() < TOTAL_TIMEOUT.as_secs());

/// Named for whoever reads Google's logs. It must not say gzip: with that word in it Google may compress.
const USER_AGENT: &str = concat!("fanmail/", env!("CARGO_PKG_VERSION"));

/// The connections to Google, shared by whatever is cloned from it.
#[derive(Debug, Clone)]
pub struct HttpClient {
    pool: Client,
    clock: Clock,
}

/// The machine has no usable TLS, for instance no root certificates.
#[derive(Debug, thiserror::Error)]
#[error("setting up TLS")]
pub struct NoClient(#[source] pub(crate) reqwest::Error);

impl HttpClient {
    /// A client with an empty pool. The clock reads Google's "retry after".
    pub fn new(clock: Clock) -> Result<Self, NoClient> {
        Self::with_timeouts(clock, CONNECT_TIMEOUT, READ_TIMEOUT, TOTAL_TIMEOUT)
    }

    fn with_timeouts(
        clock: Clock,
        connect: Duration,
        read: Duration,
        total: Duration,
    ) -> Result<Self, NoClient> {
        let pool = Client::builder()
            .connect_timeout(connect)
            .read_timeout(read)
            .timeout(total)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(USER_AGENT)
            .build()
            .map_err(NoClient)?;
        Ok(Self { pool, clock })
    }

    /// Sends and waits for the head of the answer; the failure is what happened, without the address.
    async fn send(&self, request: RequestBuilder) -> Result<Response, String> {
        request.send().await.map_err(|err| cause(&err))
    }
}

/// What happened on the way, in words that are ours: those of the libraries name hosts and addresses.
pub(crate) fn cause(err: &reqwest::Error) -> String {
    let step = if err.is_timeout() {
        return "no answer in time".to_owned();
    } else if err.is_connect() {
        "connecting"
    } else if err.is_body() || err.is_decode() {
        "reading the answer"
    } else {
        "asking"
    };
    let mut source = err.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return format!("{step} failed ({})", io.kind());
        }
        source = inner.source();
    }
    format!("{step} failed")
}
