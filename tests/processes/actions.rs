//! What rules have done with a message, by the real program: over HTTP, with a receiver of webhooks beside it.

use std::fs;

use serde_json::{Value, json};
use tests::google::{Google, letter};
use tests::patience::wait_for;

use crate::command::{Ran, list, run};
use crate::receiver::{KEY, Receiver};
use crate::service::{PATIENCE, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_labelled_forwarded_and_told_of() {
    let mut stage = Stage::set(2, &[]).await;
    let [ann, bob] = [1, 2].map(Google::person);
    let receiver = Receiver::start().await;
    let hook = &receiver.address;
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
    let [taken] = &receiver.taken()[..] else { panic!("one webhook") };
    assert_eq!(taken.verified(), stage.events("message.processed")[0]);
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
        result["actions"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == taken.header("webhook-id"))
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
