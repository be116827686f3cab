//! A program of somebody else's that takes webhooks, and answers as it is told to.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use shared::clock::Timestamp;
use shared::webhook::{SigningKeys, Webhook};
use tokio::net::TcpListener;

/// What webhooks are signed with.
pub(crate) const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver on this machine.
pub(crate) struct Receiver {
    pub(crate) address: String,
    state: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    taken: Vec<Taken>,
    /// What is answered first, one by one, instead of 200.
    refusals: Vec<StatusCode>,
}

/// A webhook as it came.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        async fn take(
            State(state): State<Arc<Mutex<Received>>>,
            headers: HeaderMap,
            body: String,
        ) -> StatusCode {
            let mut state = state.lock().unwrap();
            if let Some(refusal) = state.refusals.pop() {
                return refusal;
            }
            state.taken.push(Taken { headers, body });
            StatusCode::OK
        }
        let state = Arc::<Mutex<Received>>::default();
        let app = Router::new().route("/hook", post(take)).with_state(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, state }
    }

    /// Everything that was taken so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state.lock().unwrap().taken.clone()
    }

    /// Refuses the next so many with this status.
    pub(crate) fn refuse(&self, count: usize, status: u16) {
        let status = StatusCode::from_u16(status).unwrap();
        self.state.lock().unwrap().refusals = vec![status; count];
    }
}

impl Taken {
    /// The text of a header.
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    /// Its event, whose signature has been verified as Standard Webhooks says.
    pub(crate) fn verified(&self) -> Value {
        let seconds: i64 = self.header("webhook-timestamp").parse().unwrap();
        let webhook = Webhook {
            id: self.header("webhook-id").parse().unwrap(),
            at: Timestamp::from_millis(seconds * 1000),
            body: self.body.clone(),
        };
        let keys: SigningKeys = KEY.parse().unwrap();
        assert_eq!(self.header("webhook-signature"), keys.signature(&webhook));
        serde_json::from_str(&self.body).unwrap()
    }
}
