use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use tokio::net::TcpListener;

use super::*;
use crate::clock::Timestamp;
use crate::webhook::{FixedKeys, SigningKeys};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A receiver that answers with the status of its path; its port.
async fn receiver(got: Got) -> u16 {
    async fn take(State(got): State<Got>, headers: HeaderMap, body: Bytes) -> StatusCode {
        got.lock().unwrap().push((headers, body));
        StatusCode::NO_CONTENT
    }
    async fn elsewhere() -> impl IntoResponse {
        (StatusCode::FOUND, [("location", "/taken")])
    }
    let app = Router::new()
        .route("/taken", post(take).get(take))
        .route("/elsewhere", post(elsewhere))
        .route("/gone", post(async || StatusCode::GONE))
        .route("/busy", post(async || StatusCode::SERVICE_UNAVAILABLE))
        .with_state(got);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

fn webhooks(networks: &str) -> HttpWebhooks {
    let keys = FixedKeys::new(KEY.parse().unwrap());
    let networks =
        if networks.is_empty() { Networks::default() } else { networks.parse().unwrap() };
    HttpWebhooks::new(Arc::new(keys), networks).unwrap()
}

fn webhook() -> Webhook {
    Webhook {
        id: "a1".parse().unwrap(),
        at: Timestamp::from_millis(1_614_265_330_000),
        body: "{\"specversion\":\"1.0\"}".to_owned(),
    }
}

#[tokio::test]
async fn a_webhook_arrives_signed_and_each_answer_is_told_apart() {
    let got = Got::default();
    let port = receiver(got.clone()).await;
    let there = webhooks("127.0.0.0/8");
    let at = async |path: &str| {
        let address = format!("http://127.0.0.1:{port}/{path}");
        there.post(&address, &webhook()).await
    };
    at("taken").await.unwrap();
    let (headers, body) = got.lock().unwrap().remove(0);
    assert_eq!(body, webhook().body);
    assert_eq!(
        (&headers["webhook-id"], &headers["webhook-timestamp"]),
        (&"a1".parse().unwrap(), &"1614265330".parse().unwrap())
    );
    let keys: SigningKeys = KEY.parse().unwrap();
    assert_eq!(headers["webhook-signature"], keys.signature(&webhook()));
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    assert!(matches!(at("gone").await, Err(WebhookError::Gone)));
    assert!(matches!(at("busy").await, Err(WebhookError::Answered { status: 503 })));
    assert!(matches!(at("elsewhere").await, Err(WebhookError::Answered { status: 302 })));
    assert!(got.lock().unwrap().is_empty(), "no redirect is followed");
}

#[tokio::test]
async fn nothing_is_sent_into_a_private_network_whatever_leads_there() {
    let got = Got::default();
    let port = receiver(got.clone()).await;
    for address in [
        format!("https://127.0.0.1:{port}/taken"),
        format!("http://127.0.0.1:{port}/taken"),
        format!("https://localhost:{port}/taken"),
        format!("https://[::ffff:127.0.0.1]:{port}/taken"),
    ] {
        let refused = webhooks("").post(&address, &webhook()).await;
        assert!(matches!(refused, Err(WebhookError::Forbidden(_))), "{address}");
    }
    let there =
        webhooks("127.0.0.0/8").post(&format!("https://localhost:{port}/"), &webhook()).await;
    assert!(matches!(there, Err(WebhookError::Unreachable { .. })), "it speaks no TLS");
    assert!(got.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_place_where_nobody_answers_is_left_alone_for_a_minute() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let webhooks = webhooks("127.0.0.0/8");
    let first = webhooks.post(&address, &webhook()).await;
    assert!(matches!(first, Err(WebhookError::Unreachable { .. })));
    let soon = Webhook { at: webhook().at + Duration::from_secs(30), ..webhook() };
    let Err(WebhookError::Resting { until }) = webhooks.post(&address, &soon).await else {
        panic!("it was called")
    };
    let later = Webhook { at: until, ..webhook() };
    let again = webhooks.post(&address, &later).await;
    assert!(matches!(again, Err(WebhookError::Unreachable { .. })));
    let port = receiver(Got::default()).await;
    let other = format!("http://127.0.0.1:{port}/taken");
    assert!(webhooks.post(&other, &later).await.is_ok(), "another place is called");
}
