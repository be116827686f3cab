//! A Google that is broken or malicious: `serve` stays alive, keeps to its folder, and asks again or parks.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::{beside, list};
use crate::gateway::{Gateway, Lie};
use crate::service::{PATIENCE, Service, Stage};
use tests::google::{Google, letter};
use tests::patience::wait_for;

/// A pipeline behind a gateway, with one connected mailbox.
async fn behind_gateway() -> (Stage, Gateway, Service) {
    let mut stage = Stage::set(2, &[]).await;
    let gateway = Gateway::open(&stage.google.origin).await;
    stage.setting("GOOGLE_BASE_URL", &gateway.origin);
    stage.setting("RETRY_BASE", "20ms");
    let service = stage.serve().await;
    service.connect(&Google::person(1)).await;
    stage.announced("mailbox.connected", 1).await;
    (stage, gateway, service)
}

/// Waits for a parked letter, and answers it.
async fn parked(stage: &Stage) -> Value {
    wait_for("a dead letter", PATIENCE, async || {
        list(&stage.data, &["dead-letters", "list", "--state", "parked"]).pop()
    })
    .await
}

/// The truth again: what was parked is sent round, and everything arrives.
async fn recover(stage: &Stage, service: &mut Service, done: u64) {
    assert!(service.process.lives(), "{}", service.process.err());
    wait_for(&format!("{done} messages done"), PATIENCE, async || {
        // Each time: what had been lied to may be parked only now. A dead sync needs no replay: the next one that works
        // answers it, and it may have by now.
        beside(&stage.data, &["dead-letters", "replay", "--all"]);
        (stage.counts(["done"]) == [done]).then_some(())
    })
    .await;
    stage.done(done).await;
    let log = service.process.err();
    assert!(!log.contains("panicked"), "{log}");
}

#[tokio::test]
async fn ids_with_path_characters_never_leave_the_data_folder() {
    let (stage, gateway, mut service) = behind_gateway().await;
    let mut done = 0;
    for id in [
        "../../../escaped",
        "/tmp/escaped",
        "..",
        "a/b",
        "",
        "..%2fescaped",
        "a\u{0}b",
        &"9".repeat(400),
    ] {
        let listed = json!({"historyId": "99999999", "history": [{"messagesAdded": [
            {"message": {"id": id, "labelIds": ["INBOX"]}}]}]});
        gateway.lie("/history", Lie::Text(listed.to_string()));
        let letter_id = parked(&stage).await;
        assert_eq!(letter_id["jobId"], "sync", "{id:?}: {letter_id}");
        gateway.confess();
        done += 1;
        stage.google.deliver(&Google::person(1), &letter(done)).await;
        recover(&stage, &mut service, done as u64).await;
    }
    for id in ["../../../escaped", "/tmp/escaped"] {
        let message =
            json!({"id": id, "threadId": id, "internalDate": "1", "labelIds": [], "raw": "QQ=="});
        gateway.lie("/messages/", Lie::Text(message.to_string()));
        done += 1;
        stage.google.deliver(&Google::person(1), &letter(done)).await;
        wait_for("a lie", PATIENCE, async || (gateway.told() > 0).then_some(())).await;
        parked(&stage).await;
        gateway.confess();
        recover(&stage, &mut service, done as u64).await;
    }
    assert_nothing_else(&stage);
    service.stop().await;
}

/// Only what belongs there is in the data folder, and nothing beside it.
fn assert_nothing_else(stage: &Stage) {
    let names = |folder: &std::path::Path| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let beside = ["data", "google-sim.err", "google-sim.out", "serve.err", "serve.out"];
    assert_eq!(names(stage.room.path()), beside.map(str::to_owned).into());
    let expected = [
        ".drafts",
        "fanmail.db",
        "fanmail.db-shm",
        "fanmail.db-wal",
        "fanmail.lock",
        "key",
        "lock",
        "raw",
        "results",
        "web-key",
    ];
    assert_eq!(names(&stage.data), expected.map(str::to_owned).into());
    assert!(!fs::exists("/tmp/escaped").unwrap());
}

#[tokio::test]
async fn two_hundred_megabytes_of_json_are_never_held_in_memory() {
    let (stage, gateway, mut service) = behind_gateway().await;
    let endless = Lie::Endless { mebibytes: 200 };
    gateway.lie("/history", endless.clone());
    let sync = parked(&stage).await;
    assert_eq!(sync["reason"], "too_many_tries", "{sync}");
    gateway.confess();
    stage.google.deliver(&Google::person(1), &letter(1)).await;
    recover(&stage, &mut service, 1).await;
    gateway.lie("/messages/", endless);
    stage.google.deliver(&Google::person(1), &letter(2)).await;
    let message = wait_for("a message's letter", PATIENCE, async || {
        list(&stage.data, &["dead-letters", "list", "--reason", "too_large"]).pop()
    })
    .await;
    assert_eq!(message["stage"], "message-processor");
    assert!(gateway.confess() > 0);
    let peak = peak_kib(service.process.id());
    println!("{} MiB at its peak", peak >> 10);
    assert!(peak < 150 << 10, "{peak} KiB at its peak, and not one answer is that small");
    recover(&stage, &mut service, 2).await;
    service.stop().await;
}

/// The most memory that a process has held.
fn peak_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn answers_that_are_cut_or_wrong_or_late_are_asked_for_again() {
    let mut stage = Stage::set(1, &[]).await;
    stage.setting("RETRY_BASE", "20ms");
    let service = stage.serve().await;
    let ann = Google::person(1);
    service.connect(&ann).await;
    stage.state(&ann, "connected").await;
    let mut done = 0;
    for method in ["history.list", "messages.get"] {
        for kind in ["truncated", "wrongTypes", "dropped", "slowBody", "500", "503", "429"] {
            let fault = json!({"method": method, "kind": kind, "count": 2, "latencyMs": 300});
            stage.google.fail(fault).await;
        }
        done += 1;
        stage.google.deliver(&ann, &letter(done)).await;
        // What the tries were not enough for waits as a dead letter for whoever looks.
        wait_for("the faults to be over", PATIENCE, async || {
            beside(&stage.data, &["dead-letters", "replay", "--all"]);
            let account = stage.account(&ann)?;
            (account["messages"]["done"] == done).then_some(())
        })
        .await;
        stage.google.heal().await;
    }
    stage.state(&ann, "connected").await;
    service.stop().await;
}

#[tokio::test]
async fn a_google_that_falls_silent_is_asked_again_and_holds_nobody_else_up() {
    let (stage, gateway, mut service) = behind_gateway().await;
    gateway.lie("/messages/", Lie::Silence);
    stage.google.deliver(&Google::person(1), &letter(1)).await;
    wait_for("a silent answer", PATIENCE, async || (gateway.told() > 0).then_some(())).await;
    gateway.confess();
    stage.google.deliver(&Google::person(1), &letter(2)).await;
    wait_for("the other message", Duration::from_secs(15), async || {
        (stage.files("results").len() == 1).then_some(())
    })
    .await;
    recover(&stage, &mut service, 2).await;
    service.stop().await;
}
