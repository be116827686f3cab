//! A mailbox that has fallen silent is found, and why; one that is merely quiet is not.

use std::time::Duration;

use desk::silence::{Bounds, RollCall, Silent, Why};
use dispatcher::round::Round;
use google_sim::faults::FaultKind;
use google_sim::grants::Cause as Death;
use google_sim::methods::Method;
use shared::breaker::ROUND;
use shared::ids::UserId;
use shared::jobs::{Cause, UserJobKind};
use shared::reason::{PauseReason, Reason};

use super::world::{ADA, DAY, HOUR, World};

const BEN: &str = "ben@example.com";

stories!(
    a_quiet_mailbox_that_is_asked_is_never_found_and_costs_no_write_for_it,
    a_mailbox_that_used_to_get_mail_is_found_and_one_that_never_did_is_not,
    where_nobody_asks_every_mailbox_is_found,
    a_mailbox_whose_polls_die_is_found_with_its_letter_and_counted_in_each_round,
    a_mailbox_that_is_paused_or_needs_its_owner_is_found_with_that_reason,
    an_open_breaker_is_the_reason_for_those_that_it_stops,
    the_patience_that_gmail_asked_for_is_told_with_its_end,
);

impl World {
    async fn silent(&self, without_mail: Duration) -> Vec<Silent> {
        let stores = &self.backend.stores;
        let roll_call = RollCall {
            mailboxes: stores.mailboxes.clone(),
            letters: stores.letters.clone(),
            breaker: self.stages().breaker(),
        };
        let bounds = Bounds::new(self.settings.poll_interval_max, without_mail);
        roll_call.silent(bounds, self.now()).await.unwrap()
    }

    /// The reasons, with whose they are.
    async fn reasons(&self) -> Vec<(UserId, Why)> {
        let silent = self.silent(7 * DAY).await;
        silent.into_iter().map(|silent| (silent.user_id, silent.why)).collect()
    }

    /// How many the last round came by.
    async fn counted(&self) -> u64 {
        let item = self.backend.stores.control.read(ROUND, self.now()).await.unwrap().unwrap();
        serde_json::from_str::<Round>(&item.value).unwrap().silent
    }
}

async fn a_quiet_mailbox_that_is_asked_is_never_found_and_costs_no_write_for_it(world: World) {
    world.connect(ADA).await;
    let writes = world.effects.count("mailboxes.advance");
    for _ in 0..48 {
        world.live_for(HOUR).await;
        assert_eq!((world.reasons().await, world.counted().await), (vec![], 0));
    }
    // One an hour at most, for the cursor's sake alone.
    assert!(world.effects.count("mailboxes.advance") - writes <= 48);
}

async fn a_mailbox_that_used_to_get_mail_is_found_and_one_that_never_did_is_not(world: World) {
    let ada = world.connect(ADA).await;
    world.connect(BEN).await;
    world.deliver(ADA, "The last one");
    world.live_for(HOUR).await;
    let last = world.mailbox(&ada).await.last_mail_at.unwrap();
    world.live_for(2 * DAY).await;
    assert!(world.silent(7 * DAY).await.is_empty());
    let found = world.silent(DAY).await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].user_id, found[0].since), (&ada, last));
    assert_eq!((&found[0].why, world.counted().await), (&Why::NothingNew, 0));
}

async fn where_nobody_asks_every_mailbox_is_found(world: World) {
    let (ada, ben) = (world.connect(ADA).await, world.connect(BEN).await);
    world.live_for(HOUR).await;
    world.pass(3 * HOUR);
    let mut found = world.reasons().await;
    found.sort_by_key(|(user, _)| user.clone());
    let mut expected = [(ada, Why::NotAsked), (ben, Why::NotAsked)];
    expected.sort_by_key(|(user, _)| user.clone());
    assert_eq!(found, expected);
    // The round that comes late finds them so, and those after it do not any more.
    world.poll().await;
    assert_eq!(world.counted().await, 2);
    world.live_for(HOUR).await;
    assert_eq!((world.reasons().await, world.counted().await), (vec![], 0));
}

async fn a_mailbox_whose_polls_die_is_found_with_its_letter_and_counted_in_each_round(
    world: World,
) {
    let user = world.connect(ADA).await;
    world.fault(Method::HistoryList, FaultKind::Unavailable);
    world.live_for(6 * HOUR).await;
    let [(found, Why::DeadSync { reason, error })] = &world.reasons().await[..] else {
        panic!("{:?}", world.reasons().await)
    };
    assert_eq!((found, reason), (&user, &Reason::TooManyTries));
    assert!(error.contains("503"), "{error}");
    assert_eq!(world.counted().await, 1);
    world.heal();
    world.live_for(2 * HOUR).await;
    assert_eq!((world.reasons().await, world.counted().await), (vec![], 0));
}

async fn a_mailbox_that_is_paused_or_needs_its_owner_is_found_with_that_reason(world: World) {
    let (ada, ben) = (world.connect(ADA).await, world.connect(BEN).await);
    let mailboxes = &world.backend.stores.mailboxes;
    let epoch = world.mailbox(&ada).await.epoch;
    let _ = mailboxes.pause(&ada, epoch, PauseReason::Operator).await.unwrap();
    world.google.revoke(BEN, Death::UserRevoked).unwrap();
    world.live_for(6 * HOUR).await;
    let mut found = world.reasons().await;
    found.sort_by_key(|(user, _)| *user != ada);
    let reauth = Why::NeedsReauth { reason: Reason::GrantDead, known_at: None };
    let paused = Why::Paused { reason: PauseReason::Operator };
    assert_eq!(found, [(ada, paused), (ben.clone(), reauth)]);
    // Of those it is known why they are not read, and others are told of it.
    assert_eq!(world.counted().await, 0);
    world.ask(&ben, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
    world.rest().await;
    assert_eq!(world.reasons().await.len(), 1, "who is gone is not silent");
}

async fn an_open_breaker_is_the_reason_for_those_that_it_stops(world: World) {
    let user = world.connect(ADA).await;
    world.fault(Method::Token, FaultKind::InvalidClient);
    world.live_for(5 * HOUR).await;
    let [(found, Why::BreakerOpen { cause, .. })] = &world.reasons().await[..] else {
        panic!("{:?}", world.reasons().await)
    };
    assert_eq!((found, *cause), (&user, "Google does not take our OAuth client"));
}

async fn the_patience_that_gmail_asked_for_is_told_with_its_end(world: World) {
    let user = world.connect(ADA).await;
    world.fault(Method::HistoryList, FaultKind::RateLimitExceeded);
    world.live_for(4 * HOUR).await;
    let until = world.mailbox(&user).await.pace.until;
    assert!(until > world.now());
    assert_eq!(world.reasons().await, [(user, Why::HeldBack { until })]);
    world.heal();
    world.live_for(HOUR).await;
    assert_eq!(world.reasons().await, []);
}
