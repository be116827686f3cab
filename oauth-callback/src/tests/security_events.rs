//! Stories of what Google posts, and of what others post in its name.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use shared::google::OAuthError;
use shared::ids::Epoch;
use shared::jobs::{Cause, UserJobKind};
use shared::ledger::Mailboxes;
use shared::mailbox::AccessBy;
use shared::reason::{PauseReason, Reason};

use super::google::{CLIENT, Choice, ISSUER, signed_by_google, signed_by_stranger};
use super::world::{World, user};

const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const TOKENS_REVOKED: &str = "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked";

fn claims(world: &World, name: &str, event: &str) -> Value {
    let subject = json!({"subject_type": "iss-sub", "iss": format!("{ISSUER}/"), "sub": "42"});
    json!({
        "iss": format!("{ISSUER}/"), "aud": CLIENT, "iat": world.clock.now().seconds(), "jti": name,
        "events": { event: { "subject": subject } },
    })
}

fn token(world: &World, name: &str, event: &str) -> String {
    signed_by_google(&claims(world, name, event))
}

/// A world with one connected mailbox and an empty queue.
async fn connected() -> World {
    let world = World::new();
    world.connect(Choice::default()).await;
    world.empty_queue().await;
    world
}

#[tokio::test]
async fn an_event_forces_one_refresh_however_often_it_comes() {
    let world = connected().await;
    let set = token(&world, "one", TOKENS_REVOKED);
    let reply = world.post("/google/risc", &set).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::ACCEPTED, ""));
    assert_eq!(world.post("/google/risc", &set).await.status, StatusCode::ACCEPTED);
    let jobs = world.jobs().await;
    assert_eq!(jobs.len(), 1, "a replayed token does nothing");
    let version = world.row().await.unwrap().access_token_version;
    assert_eq!(jobs[0].kind, UserJobKind::Refresh { rejected: version });
    assert_eq!((jobs[0].cause, jobs[0].header.epoch), (Cause::Push, Epoch(1)));
}

#[tokio::test]
async fn every_kind_but_two_asks_google_and_marks_nobody() {
    for kind in ["sessions-revoked", "account-purged", "account-credential-change-required"] {
        let world = connected().await;
        let before = world.row().await;
        let set = token(&world, kind, &format!("{RISC}{kind}"));
        assert_eq!(world.post("/google/risc", &set).await.status, StatusCode::ACCEPTED);
        assert_eq!(world.jobs().await.len(), 1, "{kind}");
        assert!(world.row().await == before);
    }
}

#[tokio::test]
async fn a_disabled_account_is_paused_until_it_is_enabled_and_goes_on_with_what_waited() {
    let world = connected().await;
    let disabled = token(&world, "one", &format!("{RISC}account-disabled"));
    world.post("/google/risc", &disabled).await;
    assert_eq!(world.row().await.unwrap().paused, Some(PauseReason::AccountDisabled));
    world.clock.advance(Duration::from_mins(1));
    let enabled = token(&world, "two", &format!("{RISC}account-enabled"));
    world.post("/google/risc", &enabled).await;
    let row = world.row().await.unwrap();
    assert!(row.is_readable() && row.owed.release.is_some());
}

#[tokio::test]
async fn an_event_that_comes_late_does_not_undo_a_later_one() {
    let world = connected().await;
    let disabled = token(&world, "one", &format!("{RISC}account-disabled"));
    world.clock.advance(Duration::from_mins(1));
    let enabled = token(&world, "two", &format!("{RISC}account-enabled"));
    world.post("/google/risc", &enabled).await;
    assert_eq!(world.post("/google/risc", &disabled).await.status, StatusCode::ACCEPTED);
    assert_eq!(world.row().await.unwrap().paused, None);
}

#[tokio::test]
async fn an_enabled_account_ends_no_pause_of_another_reason_and_a_consent_ends_googles() {
    let world = connected().await;
    world.change(|row| row.paused = Some(PauseReason::Operator)).await;
    for (name, kind) in [("one", "account-disabled"), ("two", "account-enabled")] {
        world.clock.advance(Duration::from_secs(1));
        world.post("/google/risc", &token(&world, name, &format!("{RISC}{kind}"))).await;
        assert_eq!(world.row().await.unwrap().paused, Some(PauseReason::Operator));
    }
    world.change(|row| row.paused = Some(PauseReason::AccountDisabled)).await;
    world.connect(Choice::default()).await;
    assert_eq!(world.row().await.unwrap().paused, None);
}

#[tokio::test]
async fn whoever_is_not_read_is_left_alone() {
    let stopped: [fn(&mut shared::mailbox::Mailbox); 3] = [
        |row| row.needs_reauth = Some(Reason::GrantDead),
        |row| row.paused = Some(PauseReason::Operator),
        |row| row.disconnected_at = Some(row.connected_at),
    ];
    for stop in stopped {
        let world = connected().await;
        world.change(stop).await;
        let before = world.row().await;
        let set = token(&world, "one", TOKENS_REVOKED);
        assert_eq!(world.post("/google/risc", &set).await.status, StatusCode::ACCEPTED);
        assert!(world.jobs().await.is_empty() && world.row().await == before);
    }
    let empty = World::new();
    let set = token(&empty, "one", &format!("{RISC}account-disabled"));
    assert_eq!(empty.post("/google/risc", &set).await.status, StatusCode::ACCEPTED);
    assert!(Mailboxes::get(&*empty.ledger, &user()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_an_owner_takes_back_is_nothing_to_a_mailbox_that_a_domain_delegates() {
    let world = connected().await;
    world.change(|row| row.access = AccessBy::Delegation).await;
    let before = world.row().await;
    let revoked = ["sessions-revoked", "account-credential-change-required"];
    let revoked = revoked.map(|kind| format!("{RISC}{kind}"));
    for event in [TOKENS_REVOKED.to_owned()].iter().chain(&revoked) {
        let set = token(&world, event, event);
        assert_eq!(world.post("/google/risc", &set).await.status, StatusCode::ACCEPTED);
        assert!(world.jobs().await.is_empty() && world.row().await == before, "{event}");
    }
    let purged = token(&world, "purged", &format!("{RISC}account-purged"));
    world.post("/google/risc", &purged).await;
    assert_eq!(world.jobs().await.len(), 1, "whether there is still an account is asked");
}

#[tokio::test]
async fn an_account_that_is_disabled_is_not_read_whoever_allowed_it() {
    let world = connected().await;
    world.change(|row| row.access = AccessBy::Delegation).await;
    let paused =
        [("account-disabled", Some(PauseReason::AccountDisabled)), ("account-enabled", None)];
    for (kind, paused) in paused {
        world.clock.advance(Duration::from_secs(1));
        world.post("/google/risc", &token(&world, kind, &format!("{RISC}{kind}"))).await;
        let row = world.row().await.unwrap();
        assert_eq!(
            (row.paused, row.needs_reauth, row.access),
            (paused, None, AccessBy::Delegation)
        );
    }
    assert!(world.row().await.unwrap().owed.release.is_some());
}

#[tokio::test]
async fn what_google_did_not_sign_for_us_has_no_effect() {
    let world = connected().await;
    let before = world.row().await;
    let good = token(&world, "one", TOKENS_REVOKED);
    let disabled = claims(&world, "two", &format!("{RISC}account-disabled"));
    let changed = |claim: &str, value: Value| {
        let mut claims = disabled.clone();
        claims[claim] = value;
        signed_by_google(&claims)
    };
    let id_token = json!({
        "iss": ISSUER, "aud": CLIENT, "azp": CLIENT, "sub": "42", "email": "a@example.org",
        "nonce": "n", "iat": world.clock.now().seconds(), "exp": world.clock.now().seconds() + 3600,
    });
    let renamed = {
        let mut claims = id_token.clone();
        claims["iss"] = json!(format!("{ISSUER}/"));
        claims
    };
    let (head, _) = good.rsplit_once('.').unwrap();
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiYSJ9.{}.", good.split('.').nth(1).unwrap());
    let hs256 =
        format!("eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.{}.AAAA", good.split('.').nth(1).unwrap());
    let table = [
        (String::new(), "invalid_request"),
        ("{}".to_owned(), "invalid_request"),
        ("x".repeat(70_000), "invalid_request"),
        (none, "invalid_request"),
        (hs256, "invalid_key"),
        (format!("{head}.AAAA"), "invalid_key"),
        (signed_by_stranger(&disabled), "invalid_key"),
        (signed_by_google(&id_token), "invalid_issuer"),
        (signed_by_google(&renamed), "invalid_request"),
        (changed("iss", json!("https://evil.example")), "invalid_issuer"),
        (changed("aud", json!("another-client")), "invalid_audience"),
        (changed("iat", json!(1)), "invalid_request"),
        (changed("jti", json!(null)), "invalid_request"),
        (changed("events", json!([])), "invalid_request"),
    ];
    for (body, word) in table {
        let reply = world.post("/google/risc", &body).await;
        let told: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!((reply.status, told["err"].as_str()), (StatusCode::BAD_REQUEST, Some(word)));
        assert_eq!(reply.header("content-type"), "application/json");
    }
    assert!(world.jobs().await.is_empty() && world.row().await == before);
}

#[tokio::test]
async fn while_googles_keys_cannot_be_had_it_is_to_come_again_and_then_counts() {
    let world = connected().await;
    *world.google.fault.lock().unwrap() = Some(OAuthError::Backend { status: 503 });
    let set = token(&world, "one", TOKENS_REVOKED);
    for _ in 0..2 {
        let reply = world.post("/google/risc", &set).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(world.post("/google/risc", &set).await.status, StatusCode::ACCEPTED);
    assert_eq!(world.jobs().await.len(), 1);
}

#[tokio::test]
async fn a_queue_that_takes_nothing_leaves_the_event_to_come_again() {
    let world =
        World::with(|callback| callback.user_jobs = std::sync::Arc::new(super::world::Broken));
    world.connect(Choice::default()).await;
    let set = token(&world, "one", TOKENS_REVOKED);
    for _ in 0..2 {
        let reply = world.post("/google/risc", &set).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "it is not remembered as taken");
    }
}
