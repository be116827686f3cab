//! What rules have done with a message, by the real program: over HTTP, with a receiver of webhooks beside it.

use std::fs;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use shared::webhook::{SigningKeys, Webhook};
use tests::google::{Google, letter};
use tests::patience::wait_for;
use tokio::net::TcpListener;

use crate::command::{Ran, list, run};
use crate::service::{PATIENCE, Stage};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

type Told = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A program that is told; what it was told, and its address.
async fn receiver() -> (Told, String) {
    async fn take(State(told): State<Told>, headers: HeaderMap, body: String) -> StatusCode {
        told.lock().unwrap().push((headers, body));
        StatusCode::OK
    }
    let told = Told::default();
    let app = Router::new().route("/hook", post(take)).with_state(told.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (told, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_labelled_forwarded_and_told_of() {
    let mut stage = Stage::set(2, &[]).await;
    let [ann, bob] = [1, 2].map(Google::person);
    let (told, hook) = receiver().await;
    let actions = format!(
        "'archive', {{ label = 'Seen' }}, {{ forward = '{bob}' }}, {{ webhook = '{hook}' }}, \
         {{ forward = 'eve@example.net' }}"
    );
    let rules = format!("[[rule]]\nname = 'all'\nwhen = 'true'\nactions = [{actions}]\n");
    let file = stage.room.path().join("rules.toml");
    fs::write(&file, rules).unwrap();
    let shown = run(&["rules", "check", file.to_str().unwrap()]).good().out;
    assert!(shown.contains(&format!("forward {bob}")), "{shown}");
    for (name, value) in [
        ("RULES_FILE", file.to_str().unwrap()),
        ("FEATURES", "labels,forwarding"),
        ("FORWARD_TARGETS", "@example.com"),
        ("WEBHOOK_SECRET", KEY),
        ("WEBHOOK_NETWORKS", "127.0.0.0/8"),
    ] {
        stage.setting(name, value);
    }
    let mut service = stage.serve().await;
    service.connect(&ann).await;
    stage.state(&ann, "connected").await;
    stage.google.deliver(&ann, &letter(1)).await;
    stage.done(1).await;
    let ended = wait_for("all actions' ends", PATIENCE, async || {
        let ended = stage.events("action.finished");
        (ended.len() == 5).then_some(ended)
    })
    .await;
    assert!(service.process.lives());
    service.stop().await;

    let mut ends: Vec<_> = ended
        .iter()
        .map(|event| ["kind", "state"].map(|name| event["data"][name].as_str().unwrap().to_owned()))
        .collect();
    ends.sort();
    let expected = [
        ["archive", "done"],
        ["forward", "done"],
        ["forward", "failed"],
        ["label", "done"],
        ["webhook", "done"],
    ];
    assert_eq!(ends, expected.map(|end| end.map(str::to_owned)));
    assert_eq!(stage.google.calls("messages.send").await, 1);
    let [(headers, body)] = told.lock().unwrap().clone().try_into().unwrap();
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(event, stage.events("message.processed")[0]);
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let seconds: i64 = text("webhook-timestamp").parse().unwrap();
    let webhook = Webhook {
        id: text("webhook-id").parse().unwrap(),
        at: shared::clock::Timestamp::from_millis(seconds * 1000),
        body,
    };
    let keys: SigningKeys = KEY.parse().unwrap();
    assert_eq!(text("webhook-signature"), keys.signature(&webhook));
    // The result shows what was asked for, and what was refused at once.
    let result = list(&stage.data, &["results", "list"]).remove(0);
    let key = result["key"].as_str().unwrap().to_owned();
    let result: Value = serde_json::from_slice(&fs::read(stage.data.join(key)).unwrap()).unwrap();
    let refused = &result["actions"][4];
    assert_eq!(
        (&refused["state"], &refused["target"]),
        (&json!("failed"), &json!("eve@example.net"))
    );
    assert_eq!(refused["detail"], "FORWARD_TARGETS does not name the target");
    assert!(
        result["actions"].as_array().unwrap().iter().any(|one| one["id"] == text("webhook-id"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_none_are_told_at_the_start_without_the_secret() {
    let mut stage = Stage::set(1, &[]).await;
    stage.setting("WEBHOOK_SECRET", "whsec_tooshort");
    stage.setting("FORWARD_TARGETS", "everybody");
    stage.setting("WEBHOOK_NETWORKS", "10.0.0.1");
    let ran = Ran::of(&stage.command().output().unwrap());
    assert!(!ran.err.contains("tooshort"), "{}", ran.err);
    ran.bad_use(&[
        "WEBHOOK_SECRET: is not one or two keys",
        "FORWARD_TARGETS: 'everybody' is neither an address nor a domain",
        "WEBHOOK_NETWORKS: '10.0.0.1' is not a network",
    ]);
}
