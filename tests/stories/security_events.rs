//! Google says that something has happened to an account: what it means is asked of Google, and mail goes on after it.

use google_sim::grants::Cause as Death;
use google_sim::security_events::SecurityEvent;
use oauth_callback::security_events::Refusal;
use shared::mark::MarkState;
use shared::reason::{PauseReason, Reason};
use simulation::hand::Strike;

use super::world::{ADA, HOUR, World};

stories!(
    a_grant_that_was_revoked_is_found_dead_by_one_refresh,
    a_grant_that_lives_is_asked_for_once_and_nobody_is_marked,
    a_disabled_account_is_left_in_peace_and_goes_on_where_it_stopped,
    an_event_that_dies_at_any_call_has_its_effect_when_google_sends_it_again,
    what_others_sign_has_no_effect,
);

/// Who signs, as the client in this process sees it.
const GOOGLE: &str = "https://accounts.google.com";

const DONE: Option<MarkState> = Some(MarkState::Done);

impl World {
    /// What Google would post about Ada's account now.
    fn token(&self, event: SecurityEvent) -> String {
        self.google.security_event(ADA, event, GOOGLE).unwrap()
    }

    /// Posts it; `None` when the process died of it, and Google heard nothing.
    async fn post(&self, token: &str) -> Option<Result<(), Refusal>> {
        let client = self.google.config().client_id.clone();
        let recipient = self.stages().security_events(client);
        self.effects.alive(recipient.take(token.as_bytes())).await
    }

    async fn told(&self, event: SecurityEvent) {
        self.post(&self.token(event)).await.unwrap().unwrap();
    }
}

async fn a_grant_that_was_revoked_is_found_dead_by_one_refresh(world: World) {
    let user = world.connect(ADA).await;
    let refreshes = world.calls("token");
    world.google.revoke(ADA, Death::UserRevoked).unwrap();
    let token = world.token(SecurityEvent::TokensRevoked);
    for _ in 0..2 {
        world.post(&token).await.unwrap().unwrap();
    }
    world.rest().await;
    assert_eq!(world.mailbox(&user).await.needs_reauth, Some(Reason::GrantDead));
    world.told(SecurityEvent::SessionsRevoked).await;
    world.rest().await;
    assert_eq!(world.calls("token"), refreshes + 1);
}

async fn a_grant_that_lives_is_asked_for_once_and_nobody_is_marked(world: World) {
    let user = world.connect(ADA).await;
    let refreshes = world.calls("token");
    // Of several events about one thing that happened, the first has its answer already.
    world.told(SecurityEvent::SessionsRevoked).await;
    world.told(SecurityEvent::AccountCredentialChangeRequired).await;
    world.rest().await;
    assert_eq!(world.calls("token"), refreshes + 1);
    let id = world.deliver(ADA, "Hello");
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert!(world.mailbox(&user).await.is_readable());
}

async fn a_disabled_account_is_left_in_peace_and_goes_on_where_it_stopped(world: World) {
    let user = world.connect(ADA).await;
    world.google.revoke(ADA, Death::AccountDisabled).unwrap();
    world.told(SecurityEvent::AccountDisabled).await;
    let id = world.deliver(ADA, "Hello");
    let calls = world.google.counters().calls;
    world.live_for(6 * HOUR).await;
    assert_eq!(world.google.counters().calls, calls);
    let mailbox = world.mailbox(&user).await;
    assert_eq!(mailbox.paused, Some(PauseReason::AccountDisabled));
    assert_eq!(mailbox.needs_reauth, None);
    world.google.enable(ADA).unwrap();
    world.told(SecurityEvent::AccountEnabled).await;
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.mailbox(&user).await.paused, None);
}

async fn an_event_that_dies_at_any_call_has_its_effect_when_google_sends_it_again(world: World) {
    let user = world.connect(ADA).await;
    let refreshes = world.calls("token");
    for (event, calls) in [
        (SecurityEvent::SessionsRevoked, ["user_jobs.send", "control.write"].as_slice()),
        (SecurityEvent::AccountDisabled, &["control.write", "mailboxes.pause"]),
        (SecurityEvent::AccountEnabled, &["control.write", "mailboxes.resume"]),
    ] {
        let token = world.token(event);
        for call in calls {
            for strike in [Strike::DiesBefore, Strike::DiesAfter] {
                world.effects.next(call, strike);
                assert!(world.post(&token).await.is_none(), "{event:?} at {call}");
            }
        }
        world.post(&token).await.unwrap().unwrap();
        world.rest().await;
    }
    assert_eq!(world.effects.outstanding(), [""; 0]);
    // A job that was sent several times finds the token that the first has fetched.
    assert_eq!(world.calls("token"), refreshes + 1);
    assert!(world.mailbox(&user).await.is_readable());
}

async fn what_others_sign_has_no_effect(world: World) {
    let user = world.connect(ADA).await;
    let refreshes = world.calls("token");
    let token = world.token(SecurityEvent::AccountDisabled);
    // Two rotations later Google no longer publishes the key.
    world.google.rotate_keys().unwrap();
    world.google.rotate_keys().unwrap();
    let refused = world.post(&token).await.unwrap().unwrap_err();
    assert_eq!(refused.to_string(), "checking a security event");
    let refused = std::error::Error::source(&refused).unwrap().to_string();
    assert_eq!(refused, "the security event is signed with a key that Google does not publish");
    let (head, signature) = token.rsplit_once('.').unwrap();
    world.google.rotate_keys().unwrap();
    let ours = world.token(SecurityEvent::AccountDisabled);
    let (own_head, _) = ours.rsplit_once('.').unwrap();
    for forged in [format!("{own_head}.{signature}"), format!("{head}."), head.to_owned()] {
        world.post(&forged).await.unwrap().unwrap_err();
    }
    world.rest().await;
    assert_eq!(world.calls("token"), refreshes);
    assert!(world.mailbox(&user).await.is_readable());
}
