//! Stories of people who connect their mailboxes.

mod google;
mod hostile;
mod links;
mod log;
mod security_events;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use shared::clock::Timestamp;
use shared::events::EventKind;
use shared::goodbye::DisconnectDebt;
use shared::google::OAuthError;
use shared::ids::{Epoch, Grant};
use shared::jobs::{Cause, UserJobKind};
use shared::ledger::Mailboxes;
use shared::mailbox::Owed;
use shared::reason::{PauseReason, Reason};

use google::{ADDRESS, CLIENT, Choice};
use world::{READ_MAIL, World, user};

#[tokio::test]
async fn who_consents_is_connected_with_a_sealed_token_and_a_first_sync() {
    let world = World::new();
    let reply = world.connect(Choice::default()).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.body.contains("Success – you may close this window"), "{}", reply.body);
    let row = world.row().await.unwrap();
    assert_eq!((row.epoch, row.grant, row.email.as_str()), (Epoch(1), Grant(1), ADDRESS));
    assert!(row.scopes.iter().any(|scope| scope == READ_MAIL));
    assert_eq!(row.owed.announcement.unwrap().kind, EventKind::Connected);
    assert!(row.owed.backfill.is_some());
    assert!(!row.refresh_token.unwrap().0.contains("refresh"));
    assert_eq!(world.refresh_token().await, "1//refresh");
    let jobs = world.jobs().await;
    assert_eq!(jobs.len(), 1);
    assert_eq!((&jobs[0].kind, jobs[0].cause), (&UserJobKind::Sync, Cause::Connect));
    assert_eq!(jobs[0].header.epoch, Epoch(1));
}

#[tokio::test]
async fn google_is_asked_for_exactly_what_is_needed_with_pkce_state_and_nonce() {
    let world = World::new();
    let (first, second) =
        (world.get("/oauth2/start", "").await, world.get("/oauth2/start", "").await);
    let asked: std::collections::BTreeMap<_, _> =
        first.sent_to().query_pairs().into_owned().collect();
    assert_eq!(asked["client_id"], CLIENT);
    assert_eq!(asked["redirect_uri"], "https://fanmail.example.org/oauth2callback");
    assert_eq!(asked["scope"], format!("openid email {READ_MAIL}"));
    assert_eq!((asked["access_type"].as_str(), asked["prompt"].as_str()), ("offline", "consent"));
    assert_eq!((asked["response_type"].as_str(), asked.len()), ("code", 10));
    assert_eq!(asked["code_challenge_method"], "S256");
    for secret in ["state", "nonce", "code_challenge"] {
        assert_eq!(asked[secret].len(), 43, "256 bits");
        assert!(!second.sent_to().as_str().contains(&asked[secret]), "{secret} is fresh");
    }
    let cookie = first.header("set-cookie");
    assert!(cookie.starts_with("__Host-fanmail="), "{cookie}");
    assert!(cookie.ends_with("; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains(&asked["state"]));
}

#[tokio::test]
async fn the_original_address_starts_the_flow_with_our_parameters_and_echoes_none_of_its_own() {
    let world = World::new();
    let original = "/oauth2callback?client_id=theirs&redirect_uri=https://evil.example&response_type=code\
                    &scope=https://mail.google.com/&access_type=offline&prompt=consent&state=theirs";
    let reply = world.get(original, "").await;
    let page = reply.sent_to();
    for theirs in ["theirs", "evil", "mail.google.com%2F"] {
        assert!(!page.as_str().contains(theirs), "{page}");
    }
    let back = world.google.consent(&page, Choice::default());
    assert_eq!(world.get(&back, &reply.cookie()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_person_who_says_no_is_told_so_and_nothing_is_stored() {
    let world = World::new();
    let (_, cookie) = world.at_google(Choice::default()).await;
    let reply = world.get("/oauth2callback?error=access_denied&state=x", &cookie).await;
    assert!(reply.body.contains("Nothing was connected"), "{}", reply.body);
    let blocked = world.get("/oauth2callback?error=admin_policy_enforced", &cookie).await;
    assert!(blocked.body.contains("administrator"), "{}", blocked.body);
    assert!(world.row().await.is_none());
}

#[tokio::test]
async fn who_unticks_reading_mail_is_not_connected_and_a_connected_mailbox_is_left_as_it_is() {
    let world = World::new();
    let partial = Choice { scopes: vec!["openid".into(), "email".into()], ..Choice::default() };
    let reply = world.connect(partial.clone()).await;
    assert!(reply.body.contains("Reading mail was not allowed"), "{}", reply.body);
    assert!(world.row().await.is_none());
    world.connect(Choice::default()).await;
    let before = world.row().await;
    world.connect(partial).await;
    assert!(world.row().await == before);
}

#[tokio::test]
async fn where_google_does_not_say_what_was_granted_it_is_what_was_asked_for() {
    let world = World::new();
    world.connect(Choice { scopes: vec![], ..Choice::default() }).await;
    assert_eq!(world.row().await.unwrap().scopes, ["openid", "email", READ_MAIL]);
}

#[tokio::test]
async fn scopes_that_say_who_consents_go_by_any_name_of_googles() {
    let world = World::new();
    let asked = world.get("/oauth2/start", "").await.sent_to();
    let scope = asked.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
    assert_eq!(scope, format!("openid email {READ_MAIL}"));
    let granted = ["https://www.googleapis.com/auth/userinfo.email", READ_MAIL];
    let scopes = granted.map(str::to_owned).to_vec();
    let reply = world.connect(Choice { scopes, ..Choice::default() }).await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn who_closes_the_window_too_soon_is_connected_all_the_same() {
    let world = World::new();
    let (back, cookie) = world.at_google(Choice::default()).await;
    world.get_and_leave(&back, &cookie).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.row().await.unwrap().grant, Grant(1));
}

#[tokio::test]
async fn a_panic_gets_a_page() {
    let world = World::new();
    *world.sealing.by.lock().unwrap() = Some(Box::new(|_| panic!("a bug")));
    let reply = world.connect(Choice::default()).await;
    assert!(reply.body.contains("Something went wrong on our side"), "{}", reply.body);
}

#[tokio::test]
async fn a_store_that_fails_gets_a_page_and_google_is_not_asked() {
    let world = World::with(|callback| callback.control = Arc::new(world::Broken));
    let reply = world.connect(Choice::default()).await;
    assert!(reply.body.contains("Something went wrong on our side"), "{}", reply.body);
    assert_eq!(world.google.exchanges.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_first_sync_that_cannot_be_asked_for_is_owed_all_the_same() {
    let world = World::with(|callback| callback.user_jobs = Arc::new(world::Broken));
    assert_eq!(world.connect(Choice::default()).await.status, StatusCode::OK);
    assert!(world.row().await.unwrap().owed.announcement.is_some());
}

#[tokio::test]
async fn an_absent_refresh_token_never_overwrites_a_stored_one() {
    let world = World::new();
    let without = Choice { refresh_token: None, ..Choice::default() };
    let reply = world.connect(without.clone()).await;
    assert!(reply.body.contains("Please try once more"), "{}", reply.body);
    assert!(world.row().await.is_none());
    world.connect(Choice::default()).await;
    assert_eq!(world.connect(without).await.status, StatusCode::OK);
    assert_eq!(world.refresh_token().await, "1//refresh");
    assert_eq!(world.row().await.unwrap().grant, Grant(2));
}

#[tokio::test]
async fn a_reconnect_keeps_the_life_and_the_cursor_and_owes_what_was_parked() {
    for sick in [None, Some(PauseReason::DomainPolicy)] {
        let world = World::new();
        world.connect(Choice::default()).await;
        world
            .change(|row| {
                row.owed = Owed::default();
                row.history_id = Some("1000".parse().unwrap());
                row.paused = sick;
                row.needs_reauth = sick.is_none().then_some(Reason::GrantDead);
            })
            .await;
        world.clock.advance(Duration::from_hours(1));
        world.connect(Choice { refresh_token: Some("1//newer"), ..Choice::default() }).await;
        let row = world.row().await.unwrap();
        assert_eq!((row.epoch, row.grant, row.is_readable()), (Epoch(1), Grant(2), true));
        assert_eq!(row.history_id, Some("1000".parse().unwrap()));
        assert_eq!(row.owed.announcement.unwrap().kind, EventKind::Resumed);
        assert!(row.owed.release.is_some() && row.owed.backfill.is_none());
        assert_eq!(world.refresh_token().await, "1//newer");
    }
}

#[tokio::test]
async fn who_consents_again_while_all_is_well_is_told_so_and_the_new_consent_counts() {
    let world = World::new();
    world.connect(Choice::default()).await;
    let again = Choice { refresh_token: Some("1//newer"), ..Choice::default() };
    let reply = world.connect(again.clone()).await;
    assert!(reply.body.contains("Already connected – you may close this window"), "{}", reply.body);
    assert_eq!((reply.status, reply.cookie().as_str()), (StatusCode::OK, "__Host-fanmail="));
    assert_eq!(world.row().await.unwrap().grant, Grant(2));
    assert_eq!(world.refresh_token().await, "1//newer");
    world.change(|row| row.needs_reauth = Some(Reason::GrantDead)).await;
    let reply = world.connect(again).await;
    assert!(reply.body.contains("Success – you may close this window"), "{}", reply.body);
}

#[tokio::test]
async fn whoever_was_not_connected_is_led_to_the_beginning_on_the_host_that_google_knows() {
    let world = World::new();
    for back in ["/", "/oauth2callback?error=access_denied", "/oauth2callback?code=x&state=y"] {
        let reply = world.get(back, "").await;
        let button = "<a href=\"https://fanmail.example.org/oauth2/start\">";
        assert!(reply.body.contains(button), "{back}: {}", reply.body);
    }
    let blocked = world.get("/oauth2callback?error=admin_policy_enforced", "").await;
    assert!(!blocked.body.contains("<a "), "only their administrator can help: {}", blocked.body);
}

#[tokio::test]
async fn a_mailbox_that_its_operator_paused_stays_paused() {
    let world = World::new();
    world.connect(Choice::default()).await;
    world.change(|row| row.paused = Some(PauseReason::Operator)).await;
    world.connect(Choice::default()).await;
    assert_eq!(world.row().await.unwrap().paused, Some(PauseReason::Operator));
}

#[tokio::test]
async fn until_a_purge_is_over_the_page_says_when_to_come_back() {
    let world = World::new();
    world.connect(Choice::default()).await;
    let (life, at) = (Epoch(1), world.clock.now());
    let debt = DisconnectDebt::new("e".to_owned(), life, Grant(1), at).with_purge();
    let _ = world.ledger.disconnect(&user(), debt).await.unwrap();
    let reply = world.connect(Choice::default()).await;
    assert!(reply.body.contains("Come back in a few minutes."), "{}", reply.body);
    let again: Timestamp = "2026-05-01T12:07:10.001Z".parse().unwrap();
    let _ = world.ledger.purge_again(&user(), life, again).await.unwrap();
    let reply = world.connect(Choice::default()).await;
    assert_eq!(reply.status, StatusCode::CONFLICT);
    assert!(reply.body.contains("Come back after 12:09, on 2026-05-01 (UTC)."), "{}", reply.body);
    assert_eq!(world.row().await.unwrap().epoch, Epoch(2));
}

#[tokio::test]
async fn after_a_disconnect_a_new_life_begins_once_the_last_one_is_cleared_away() {
    let world = World::new();
    world.connect(Choice::default()).await;
    world.change(|row| row.owed = Owed::default()).await;
    let (id, at) = ("e".to_owned(), world.clock.now());
    let debt = DisconnectDebt::new(id, Epoch(1), Grant(1), at);
    let _ = world.ledger.disconnect(&user(), debt.clone()).await.unwrap();
    let reply = world.connect(Choice::default()).await;
    assert!(reply.body.contains("Please try again shortly"), "{}", reply.body);
    assert!(reply.body.contains("Come back in a few minutes."), "{}", reply.body);
    assert_eq!(world.row().await.unwrap().owed.disconnect, Some(debt.clone()));
    let paid = Owed { disconnect: Some(debt), ..Owed::default() };
    world.ledger.settle(&user(), paid).await.unwrap();
    world.connect(Choice::default()).await;
    let row = world.row().await.unwrap();
    assert_eq!((row.epoch, row.grant, row.is_readable()), (Epoch(2), Grant(1), true));
    assert_eq!(row.owed.announcement.unwrap().kind, EventKind::Connected);
    assert_eq!(world.refresh_token().await, "1//refresh");
}

#[tokio::test]
async fn a_row_that_changes_while_the_token_is_sealed_is_read_and_sealed_for_again() {
    let world = World::new();
    world.connect(Choice::default()).await;
    // Another browser's disconnect, cleared away at once: the life that was read is over.
    let row = world.row().await.unwrap();
    *world.sealing.by.lock().unwrap() = Some(Box::new(move |ledger| {
        let mut row = row;
        (row.epoch, row.disconnected_at, row.refresh_token) =
            (Epoch(2), Some(row.connected_at), None);
        ledger.insert(row);
    }));
    let reply =
        world.connect(Choice { refresh_token: Some("1//newer"), ..Choice::default() }).await;
    assert_eq!(reply.status, StatusCode::OK);
    let row = world.row().await.unwrap();
    assert_eq!((row.epoch, row.grant, row.disconnected_at), (Epoch(2), Grant(1), None));
    assert_eq!(world.refresh_token().await, "1//newer", "it opens in the new life");
}

#[tokio::test]
async fn each_failure_of_googles_gets_its_page_and_stores_nothing() {
    let silent = OAuthError::Backend { status: 503 };
    let ours = OAuthError::ClientFault { error: "invalid_client".into() };
    let blocked = OAuthError::AdminPolicy { error: "admin_policy_enforced".into() };
    for (fault, heading) in [
        (silent, "Google did not answer"),
        (ours, "Something went wrong on our side"),
        (blocked, "Your administrator blocks this application"),
    ] {
        let world = World::new();
        *world.google.fault.lock().unwrap() = Some(fault);
        let reply = world.connect(Choice::default()).await;
        assert!(reply.body.contains(heading), "{}", reply.body);
        assert!(world.row().await.is_none() && world.jobs().await.is_empty());
        assert_eq!(world.google.exchanges.load(Ordering::SeqCst), 1);
    }
}
