//! A DynamoDB that answers what it is told to.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{DynamoLedger, Tables};
use crate::aws::scripted::config;

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

fn tables() -> Tables {
    Tables {
        user_tokens: "UserTokens".into(),
        marks: "MessageMarks".into(),
        dead_letters: "DeadLetters".into(),
        control: "Control".into(),
        results_index: "ResultsIndex".into(),
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
