//! A service of AWS's that answers what it is told to, over a real socket on the loopback.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::clock::Clock;

/// A request, as the service saw it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn form(&self) -> std::collections::BTreeMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// What is said to one request.
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) etag: Option<&'static str>,
    pub(crate) after: Duration,
}

/// At once.
pub(crate) fn said(status: u16, body: &(impl ToString + ?Sized)) -> Said {
    Said { status, body: body.to_string(), etag: None, after: Duration::ZERO }
}

/// An error as the services that speak JSON word it.
pub(crate) fn refused(code: &str) -> Said {
    let status = if code.starts_with("Internal") { 500 } else { 400 };
    said(status, &json!({ "__type": format!("com.amazonaws#{code}"), "message": "so it is" }))
}

/// An error as S3 words it.
pub(crate) fn refused_by_s3(status: u16, code: &str) -> Said {
    said(status, &format!("<Error><Code>{code}</Code><Message>so it is</Message></Error>"))
}

/// An error as SNS words it.
pub(crate) fn refused_by_sns(code: &str) -> Said {
    let error = format!("<Error><Code>{code}</Code><Message>so it is</Message></Error>");
    said(400, &format!("<ErrorResponse>{error}</ErrorResponse>"))
}

/// A service and what it was asked.
pub(crate) struct Scripted {
    pub(crate) config: SdkConfig,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// Answers each request by its number and what it asks.
    pub(crate) async fn answering(
        answer: impl Fn(usize, &Asked) -> Said + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let serve = move |request: Request| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let (path, headers) = (head.uri.to_string(), head.headers);
                let asked = Asked { path, headers, body };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(asked.clone());
                    log.len() - 1
                };
                let Said { status, body, etag, after } = answer(number, &asked);
                Clock::System.sleep(after).await;
                let etag = etag.map(|etag| [(ETAG, etag)]);
                (StatusCode::from_u16(status).unwrap(), etag, body).into_response()
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(serve);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { config: config(&format!("http://{address}")), asked }
    }

    /// Everything so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The bodies so far, of a service that speaks JSON.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.asked().iter().map(Asked::json).collect()
    }

    /// The actions so far, of a service that speaks JSON.
    pub(crate) fn actions(&self) -> Vec<String> {
        let action = |asked: &Asked| {
            asked.header("x-amz-target").unwrap().rsplit('.').next().unwrap().to_owned()
        };
        self.asked().iter().map(action).collect()
    }
}

/// As ours, but that repeats at once.
pub(crate) fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("id", "secret", None, None, "test");
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .build()
}

/// The same, less patient.
pub(crate) fn hasty(config: &SdkConfig) -> SdkConfig {
    let attempt = Duration::from_millis(100);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt).build();
    config.to_builder().timeout_config(timeouts).build()
}
