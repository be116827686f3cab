//! Gmail's quota is kept by not asking, and when Gmail asks for patience everybody has it.

use std::time::Duration;

use google_sim::Delivery;
use google_sim::faults::FaultKind;
use google_sim::methods::Method;
use shared::clock::Timestamp;
use shared::events::EventKind;
use shared::ids::UserId;
use shared::jobs::{Cause, UserJobKind};
use shared::ledger::LetterState;
use shared::mark::MarkState;
use shared::reason::Reason;
use shared::settings::Backfill;

use super::world::{ADA, DAY, HOUR, MINUTE, World, mail};

const DONE: Option<MarkState> = Some(MarkState::Done);

stories!(
    a_thousand_messages_at_once_meet_no_refusal,
    live_mail_waits_one_block_at_most_behind_old_mail,
    live_mail_waits_one_block_at_most_behind_what_is_released,
    a_rate_limit_holds_everybody_back_until_the_time_it_names,
    a_rate_limit_holds_back_the_block_that_has_begun,
    a_rate_limit_without_a_time_holds_everybody_back_for_a_minute,
    a_rate_limit_for_mail_holds_everybody_back_and_costs_no_try,
    waiting_for_a_whole_day_is_told_to_a_person,
    a_paced_turn_that_is_a_day_away_is_not_waiting,
    mail_that_arrives_during_a_rate_limit_is_not_asked_for_before_it_ends,
);

impl World {
    async fn held_until(&self, user: &UserId) -> Timestamp {
        self.mailbox(user).await.pace.until
    }

    async fn list(&self, user: &UserId) {
        self.ask(user, UserJobKind::Sync, Cause::Manual).await;
        self.serve_users().await;
    }

    /// How long after its arrival a message was announced.
    async fn wait_of(&self, subject: &str, arrived: Timestamp) -> Duration {
        self.events_about(subject).await[0].event.time.since(arrived)
    }

    /// Whether Google has refused anything: a refused message is asked for twice.
    fn nothing_was_refused(&self, messages: u64) {
        assert_eq!(self.calls("messages.get"), messages);
    }
}

async fn a_thousand_messages_at_once_meet_no_refusal(world: World) {
    let user = world.connect(ADA).await;
    world.deliver_many(ADA, 1000);
    let start = world.now();
    world.live_for(20 * MINUTE).await;
    assert_eq!(world.counts(&user).await.done, 1000);
    world.nothing_was_refused(1000);
    let last = world.events(EventKind::MessageProcessed).await.pop().unwrap().event.time;
    assert!(last.since(start) < 10 * MINUTE, "nor is time wasted: {:?}", last.since(start));
}

async fn live_mail_waits_one_block_at_most_behind_old_mail(mut world: World) {
    world.settings.backfill = Backfill::All;
    world.google.add_mailbox(ADA, "Ada");
    for number in 0..2000_u32 {
        let date = Some(world.now() - DAY - number * MINUTE);
        world.google.deliver_as(ADA, mail("Old"), Delivery { labels: None, date }).unwrap();
    }
    let user = world.consent(ADA).await;
    world.live_for(90 * Duration::from_secs(1)).await;
    let mut waits = Vec::new();
    while world.counts(&user).await.done < 2000 {
        let (id, arrived) = (world.deliver(ADA, "Live"), world.now());
        world.list(&user).await;
        world.live_for(90 * Duration::from_secs(1)).await;
        waits.push(world.wait_of(id.as_str(), arrived).await);
    }
    assert!(waits.len() > 3, "old mail was still on its way");
    assert!(waits.iter().all(|wait| *wait <= MINUTE), "{waits:?}");
    world.live_for(HOUR).await;
    assert_eq!(world.counts(&user).await.done, 2000 + u64::try_from(waits.len()).unwrap());
    world.nothing_was_refused(world.counts(&user).await.done);
}

async fn live_mail_waits_one_block_at_most_behind_what_is_released(world: World) {
    let user = world.connect(ADA).await;
    world.deliver_many(ADA, 1000);
    world.list(&user).await;
    world.fault_times(Method::MessagesGet, FaultKind::DomainPolicy, 1);
    world.rest().await;
    world.heal();
    world.consent(ADA).await;
    world.serve_users().await;
    let (id, arrived) = (world.deliver(ADA, "Live"), world.now());
    world.list(&user).await;
    world.live_for(HOUR).await;
    assert!(world.wait_of(id.as_str(), arrived).await <= MINUTE);
    assert_eq!(world.counts(&user).await.done, 1001);
}

async fn a_rate_limit_holds_everybody_back_until_the_time_it_names(world: World) {
    let user = world.connect(ADA).await;
    world.fault_times(Method::HistoryList, FaultKind::RateLimitExceeded, 1);
    world.deliver(ADA, "Hello");
    let asked = world.now();
    world.list(&user).await;
    let until = asked + Duration::from_secs(30);
    assert_eq!(world.held_until(&user).await, until);
    world.rest().await;
    assert_eq!(world.counts(&user).await.done, 1);
    let first = world.events(EventKind::MessageProcessed).await.remove(0).event.time;
    assert!(first >= until);
}

async fn a_rate_limit_holds_back_the_block_that_has_begun(world: World) {
    let user = world.connect(ADA).await;
    world.deliver(ADA, "First");
    world.list(&user).await;
    world.fault_times(Method::MessagesGet, FaultKind::RateLimitExceeded, 1);
    world.serve_messages().await;
    let (until, id) = (world.now() + Duration::from_secs(30), world.deliver(ADA, "Second"));
    world.list(&user).await;
    world.rest().await;
    assert!(world.events_about(id.as_str()).await[0].event.time >= until);
}

async fn a_rate_limit_without_a_time_holds_everybody_back_for_a_minute(world: World) {
    for kind in [FaultKind::RateLimitExceededWithoutTime, FaultKind::UserRateLimitExceeded] {
        let user = world.connect(ADA).await;
        world.fault_times(Method::HistoryList, kind, 1);
        let asked = world.now();
        world.list(&user).await;
        assert_eq!(world.held_until(&user).await, asked + MINUTE, "{kind:?}");
        world.rest().await;
    }
}

async fn a_rate_limit_for_mail_holds_everybody_back_and_costs_no_try(world: World) {
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 3);
    // Far more often than a job may fail.
    world.fault_times(Method::MessagesGet, FaultKind::TooManyRequests, 3 * 20);
    // As often as a job may fail and still be tried again.
    world.fault_times(Method::MessagesGet, FaultKind::Unavailable, 3 * 4);
    world.poll().await;
    assert_eq!(world.states(&user, &ids).await, [DONE; 3]);
    assert_eq!(world.letters().await, []);
}

async fn waiting_for_a_whole_day_is_told_to_a_person(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.fault(Method::MessagesGet, FaultKind::UserRateLimitExceeded);
    world.live_for(25 * HOUR).await;
    let letter = world.only_letter().await;
    assert_eq!((letter.reason, letter.state), (Reason::WaitedTooLong, LetterState::Parked));
    assert_eq!(world.state(&user, &id).await, Some(MarkState::Parked));
    assert_eq!(world.mailbox(&user).await.needs_reauth, None);
}

async fn a_paced_turn_that_is_a_day_away_is_not_waiting(world: World) {
    let user = world.connect(ADA).await;
    let read = world.mailbox(&user).await.pace;
    let far = shared::mailbox::Pace { until: world.now() + 25 * HOUR, used: 280 };
    let _ = world.stores.mailboxes.reserve(&user, read, far).await.unwrap();
    let id = world.deliver(ADA, "Hello");
    world.list(&user).await;
    // A little patience on top must not be the last straw.
    world.fault_times(Method::MessagesGet, FaultKind::UserRateLimitExceeded, 1);
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.letters().await, []);
}

async fn mail_that_arrives_during_a_rate_limit_is_not_asked_for_before_it_ends(world: World) {
    let user = world.connect(ADA).await;
    world.deliver_many(ADA, 100);
    world.list(&user).await;
    world.fault(Method::MessagesGet, FaultKind::UserRateLimitExceeded);
    world.serve_messages().await;
    let refused = world.calls("messages.get");
    let until = world.held_until(&user).await;
    while world.now() + Duration::from_secs(1) < until {
        world.serve().await;
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(world.calls("messages.get"), refused);
    world.heal();
    world.rest().await;
    assert_eq!(world.counts(&user).await.done, 100);
}
