//! A DynamoDB that answers what it is told to.

use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{DynamoLedger, Tables};

/// Answers one request: a status and a body.
pub(super) type Answer = fn(&Value) -> (u16, Value);

/// A ledger on a server that answers one request after the other, each once, but the last for ever.
pub(super) struct Scripted {
    pub(super) ledger: DynamoLedger,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Scripted {
    pub(super) async fn answering<const N: usize>(answers: [Answer; N]) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let answer = move |headers: HeaderMap, body: String| async move {
            let target = headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap();
            let body: Value = serde_json::from_str(&body).unwrap();
            let mut asked = log.lock().unwrap();
            let (status, said) = answers[asked.len().min(N - 1)](&body);
            asked.push((target.to_owned(), body));
            (StatusCode::from_u16(status).unwrap(), said.to_string())
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { ledger: DynamoLedger::new(&config(&format!("http://{address}")), tables()), asked }
    }

    /// The actions asked for so far.
    pub(super) fn actions(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(action, _)| action.clone()).collect()
    }

    /// The body of one request.
    pub(super) fn request(&self, index: usize) -> Value {
        self.asked.lock().unwrap()[index].1.clone()
    }
}

fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("id", "secret", None, None, "test");
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .retry_config(
            RetryConfig::standard().with_initial_backoff(std::time::Duration::from_millis(1)),
        )
        .build()
}

fn tables() -> Tables {
    Tables {
        user_tokens: "UserTokens".into(),
        marks: "MessageMarks".into(),
        dead_letters: "DeadLetters".into(),
        control: "Control".into(),
    }
}

/// An error as DynamoDB words it.
pub(super) fn error(code: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "so it is" })
}

/// A condition that failed on this row.
pub(super) fn refused(item: &Value) -> (u16, Value) {
    let mut said = error("ConditionalCheckFailedException");
    said["Item"] = item.clone();
    (400, said)
}
