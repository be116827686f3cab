//! The life of a mailbox under `serve`, with a Google in another process, as its owner and its operator see it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use shared::clock::Clock;

use crate::command::{beside, list, one};
use crate::service::{PATIENCE, Stage};
use tests::google::{Google, letter};
use tests::patience::wait_for;

#[tokio::test]
async fn mail_of_a_connected_mailbox_is_stored_and_announced_while_serve_runs() {
    let stage = Stage::set(2, &[]).await;
    let service = stage.serve().await;
    let (ann, bob) = (Google::person(1), Google::person(2));
    stage.google.deliver(&ann, &letter(0)).await;
    service.connect(&ann).await;
    stage.done(1).await;
    let id = stage.google.deliver(&ann, &letter(1)).await;
    stage.google.deliver(&bob, &letter(2)).await;
    stage.done(2).await;
    let result = one(&stage.data, &["results", "show", &id]);
    assert_eq!(result["headers"]["subject"], "Letter 1");
    let original = stage.data.join(result["original"].as_str().unwrap());
    assert_eq!(fs::read(original).unwrap(), letter(1));
    service.connect(&bob).await;
    stage.done(3).await;
    // A connection is announced after its first messages were handed on, and may come after them.
    stage.announced("mailbox.connected", 2).await;
    let announced = stage.events("message.processed");
    let ids: BTreeSet<_> = announced.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), 3, "however often announced, under one id each");
    assert!(!format!("{announced:?}").contains("Letter"), "events carry no subject");
    assert!(!format!("{announced:?}").contains('@'), "events carry no address");
    let log = service.process.err();
    assert!(!log.contains("example.com") && !log.contains("Letter"), "nor does the log: {log}");
    service.stop().await;
}

#[tokio::test]
async fn a_disabled_account_is_left_alone_until_google_says_that_it_is_enabled() {
    let stage = Stage::set(1, &[]).await;
    let service = stage.serve().await;
    let ann = Google::person(1);
    service.connect(&ann).await;
    stage.announced("mailbox.connected", 1).await;
    let disabled = stage.google.security_event(&ann, "account-disabled").await;
    let mut forged = disabled.clone().into_bytes();
    forged.rotate_right(1);
    assert_eq!(service.heeds(String::from_utf8(forged).unwrap()).await, 400);
    assert_eq!(service.heeds(disabled).await, 202);
    assert_eq!(stage.state(&ann, "paused (account_disabled)").await["messages"]["done"], 0);
    stage.google.deliver(&ann, &letter(1)).await;
    let enabled = stage.google.security_event(&ann, "account-enabled").await;
    assert_eq!(service.heeds(enabled).await, 202);
    stage.done(1).await;
    service.stop().await;
}

#[tokio::test]
async fn while_google_does_not_take_our_client_the_list_of_mailboxes_says_why_they_wait() {
    let stage = Stage::set(1, &[]).await;
    let service = stage.serve().await;
    let ann = Google::person(1);
    service.connect(&ann).await;
    stage.announced("mailbox.connected", 1).await;
    let before = beside(&stage.data, &["accounts", "list"]).good();
    assert!(!before.err.contains("breaker"), "{}", before.err);
    stage.google.fail(json!({"method": "token", "kind": "invalid_client"})).await;
    let asks_anew = stage.google.security_event(&ann, "sessions-revoked").await;
    assert_eq!(service.heeds(asks_anew).await, 202);
    wait_for("the breaker to open", PATIENCE, async || {
        let listed = beside(&stage.data, &["accounts", "list"]).good();
        listed.err.contains("Google does not take our OAuth client").then_some(())
    })
    .await;
    assert_eq!(stage.state(&ann, "connected").await["needsReauth"], Value::Null);
    service.stop().await;
}

#[tokio::test]
async fn a_paused_mailbox_is_left_alone_until_it_is_resumed() {
    let stage = Stage::set(2, &[]).await;
    let service = stage.serve().await;
    let (ann, bob) = (Google::person(1), Google::person(2));
    service.connect(&ann).await;
    service.connect(&bob).await;
    stage.announced("mailbox.connected", 2).await;
    let user = stage.google.user(&ann).await;
    assert_eq!(one(&stage.data, &["accounts", "pause", &user])["paused"], true);
    // A poll of hers that had begun before the pause ends meanwhile.
    stage.google.deliver(&bob, &letter(1)).await;
    stage.done(1).await;
    stage.google.deliver(&ann, &letter(2)).await;
    stage.google.deliver(&bob, &letter(3)).await;
    stage.done(2).await;
    assert_eq!(stage.state(&ann, "paused (operator)").await["messages"]["done"], 0);
    beside(&stage.data, &["accounts", "sync", &user]).says(&["is paused", "accounts resume"]);
    assert_eq!(one(&stage.data, &["accounts", "resume", &user])["paused"], false);
    stage.done(3).await;
    service.stop().await;
}

#[tokio::test]
async fn sync_now_fetches_without_waiting_for_the_next_poll() {
    let mut stage = Stage::set(1, &[]).await;
    stage.setting("POLL_INTERVAL_MIN", "1h");
    stage.setting("POLL_INTERVAL_MAX", "1h");
    let service = stage.serve().await;
    let ann = Google::person(1);
    service.connect(&ann).await;
    // Its first sync is over when its connection is announced.
    stage.announced("mailbox.connected", 1).await;
    stage.google.deliver(&ann, &letter(1)).await;
    let user = stage.google.user(&ann).await;
    assert!(one(&stage.data, &["accounts", "sync", &user])["jobId"].is_string());
    stage.done(1).await;
    service.stop().await;
}

#[tokio::test]
async fn after_a_disconnect_nothing_new_is_fetched_and_a_new_life_can_begin() {
    let stage = Stage::set(2, &[]).await;
    let service = stage.serve().await;
    let (ann, bob) = (Google::person(1), Google::person(2));
    service.connect(&ann).await;
    service.connect(&bob).await;
    stage.google.deliver(&ann, &letter(1)).await;
    stage.done(1).await;
    let user = stage.google.user(&ann).await;
    one(&stage.data, &["accounts", "disconnect", &user]);
    stage.state(&ann, "disconnected").await;
    stage.announced("mailbox.disconnected", 1).await;
    stage.google.deliver(&ann, &letter(2)).await;
    stage.google.deliver(&bob, &letter(3)).await;
    wait_for("Bob's mail", PATIENCE, async || (stage.files("results").len() == 2).then_some(()))
        .await;
    beside(&stage.data, &["accounts", "sync", &user])
        .says(&["is disconnected", "connect it again"]);
    service.connect(&ann).await;
    stage.state(&ann, "connected").await;
    let id = stage.google.deliver(&ann, &letter(4)).await;
    let found = format!("/{id}.json");
    wait_for("mail of the new life", PATIENCE, async || {
        stage.files("results").into_iter().find(|key| key.ends_with(&found))
    })
    .await;
    service.stop().await;
}

#[tokio::test]
async fn a_purge_deletes_every_file_at_once_and_says_what_remains_and_when_to_come_back() {
    let stage = Stage::set(2, &[]).await;
    let service = stage.serve().await;
    let (ann, bob) = (Google::person(1), Google::person(2));
    service.connect(&ann).await;
    service.connect(&bob).await;
    stage.google.deliver(&ann, &letter(1)).await;
    stage.google.deliver(&bob, &letter(2)).await;
    stage.done(2).await;
    let user = stage.google.user(&ann).await;
    let told = one(&stage.data, &["accounts", "disconnect", &user, "--purge"]);
    let places: Vec<_> = told["remains"].as_array().unwrap().iter().collect();
    assert_eq!(
        (places[0]["place"].as_str(), places[0]["days"].as_u64()),
        (Some("backups"), Some(35))
    );
    assert_eq!(places.len(), 3);
    let hers = format!("/{user}");
    wait_for("the first pass", PATIENCE, async || {
        let shown = one(&stage.data, &["accounts", "show", &user]);
        let owed = &shown["owed"]["disconnect"];
        let again = owed["purge"]["againAt"].as_str().map(str::to_owned);
        again.filter(|_| owed["revoked"] == "yes" && shown["messages"]["done"] == 0)
    })
    .await;
    for part in ["results", "raw"] {
        let left = stage.files(part);
        assert!(left.len() == 1 && !left[0].contains(&hers), "{left:?}");
    }
    let page = service.tries_to_connect(&ann).await;
    assert!(page.contains("Please try again shortly") && page.contains("(UTC)"), "{page}");
    assert!(!page.contains(&user) && !page.contains(&ann), "{page}");
    beside(&stage.data, &["accounts", "sync", &user]).says(&["is disconnected"]);
    service.stop().await;
}

#[tokio::test]
async fn after_a_revoked_grant_and_a_new_consent_what_arrived_meanwhile_comes() {
    let stage = Stage::set(1, &[]).await;
    let service = stage.serve().await;
    let ann = Google::person(1);
    service.connect(&ann).await;
    stage.google.deliver(&ann, &letter(1)).await;
    stage.done(1).await;
    // What is under way when the grant dies is parked, and what comes later stays with Google.
    stage
        .google
        .fail(serde_json::json!({"method": "messages.get", "kind": "503", "count": 1}))
        .await;
    stage.google.deliver(&ann, &letter(2)).await;
    stage.google.revoke(&ann).await;
    let dead = stage.state(&ann, "needs re-auth (grant_dead)").await;
    assert_eq!(dead["needsReauth"], "grant_dead");
    stage.announced("mailbox.needs_reauth", 1).await;
    stage.google.deliver(&ann, &letter(3)).await;
    let user = stage.google.user(&ann).await;
    beside(&stage.data, &["accounts", "sync", &user]).says(&["needs re-auth", "consent again"]);
    service.connect(&ann).await;
    stage.done(3).await;
    assert_eq!(stage.state(&ann, "connected").await["needsReauth"], serde_json::Value::Null);
    stage.announced("mailbox.resumed", 1).await;
    // The sync that went on answers the dead one last of all.
    wait_for("no parked letter", PATIENCE, async || {
        list(&stage.data, &["dead-letters", "list", "--state", "parked"]).is_empty().then_some(())
    })
    .await;
    assert_eq!(stage.files("results").len(), 3);
    service.stop().await;
}

#[tokio::test]
async fn followed_events_come_as_they_are_announced() {
    let stage = Stage::set(1, &[]).await;
    let service = stage.serve().await;
    service.connect(&Google::person(1)).await;
    stage.state(&Google::person(1), "connected").await;
    let mut command = crate::command::fanmail();
    command.args(["events", "--follow", "--json", "--data"]).arg(&stage.data);
    let mut follower = tests::process::Process::start(command, stage.room.path(), "events");
    let begun = Clock::System.now();
    let mut number = 0;
    let line = wait_for("a followed event", PATIENCE, async || {
        // The follower may not have begun when the first of these is announced.
        number += 1;
        stage.google.deliver(&Google::person(1), &letter(number)).await;
        Clock::System.sleep(std::time::Duration::from_millis(200)).await;
        follower.out().lines().find(|line| line.contains("message.processed")).map(str::to_owned)
    })
    .await;
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(event["time"].as_str().unwrap() >= begun.to_string().as_str(), "{event}");
    follower.kill();
    service.stop().await;
}
