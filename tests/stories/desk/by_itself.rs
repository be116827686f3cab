//! What goes round without anybody: three times, and then it waits for a person.

use google_sim::faults::FaultKind;
use google_sim::methods::Method;
use shared::jobs::{Cause, UserJobKind};
use shared::ledger::{LetterState, Trigger};
use shared::reason::Reason;
use simulation::hand::Strike;

use super::{DONE, Kind, PARKED, all};
use crate::stories::world::{ADA, HOUR, MINUTE, World};

stories!(
    what_is_known_to_pass_goes_round_by_itself,
    what_does_not_pass_waits_for_a_person_after_three_rounds_by_itself,
    a_retry_that_dies_at_any_call_is_done_all_the_same,
    a_death_that_comes_again_after_its_job_was_replayed_parks_nothing,
);

async fn what_is_known_to_pass_goes_round_by_itself(world: World) {
    let user = world.connect(ADA).await;
    let id = world.parked_by(ADA, &user, FaultKind::Unavailable).await;
    let refused = world.parked_by(ADA, &user, FaultKind::BadRequest).await;
    world.live_for(30 * MINUTE).await;
    assert_eq!(world.state(&user, &id).await, PARKED, "not before its time");
    world.live_for(90 * MINUTE).await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.state(&user, &refused).await, PARKED, "this one waits for a person");
    assert_eq!(world.mailbox(&user).await.owed.retry, None);
    let letters = world.letters().await;
    let resolved = letters.iter().find(|letter| letter.reason == Reason::TooManyTries).unwrap();
    assert_eq!(resolved.state, LetterState::Resolved);
    assert_eq!(resolved.last_sent().unwrap().by, Trigger::Retry);
}

async fn what_does_not_pass_waits_for_a_person_after_three_rounds_by_itself(world: World) {
    let user = world.connect(ADA).await;
    let id = world.parked_by(ADA, &user, FaultKind::Unavailable).await;
    world.fault(Method::MessagesGet, FaultKind::Unavailable);
    let calls = world.calls("messages.get");
    world.live_for(60 * HOUR).await;
    assert_eq!(world.calls("messages.get") - calls, 3 * 5);
    let letter = world.only_letter().await;
    assert_eq!((letter.state, letter.retry_at, letter.retries), (LetterState::Parked, None, 3));
    assert_eq!(letter.history.0.len(), 7);
    assert_eq!(world.mailbox(&user).await.owed.retry, None);
    world.heal();
    assert_eq!(world.order(Kind::Replay, all()).await.counts.letters, 1);
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
}

async fn a_retry_that_dies_at_any_call_is_done_all_the_same(world: World) {
    let user = world.connect(ADA).await;
    for call in ["letters.park", "marks.park", "mailboxes.owe_retry"] {
        world.effects.next(call, Strike::DiesAfter);
    }
    let id = world.parked_by(ADA, &user, FaultKind::Unavailable).await;
    let calls = ["letters.turn", "marks.unpark", "message_jobs.send", "mailboxes.owe_retry"];
    for call in calls {
        world.effects.next(call, Strike::DiesAfter);
    }
    world.live_for(8 * HOUR).await;
    assert_eq!(world.effects.outstanding(), [""; 0]);
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.open_letters().await, 0);
    assert_eq!(world.mailbox(&user).await.owed.retry, None);
}

async fn a_death_that_comes_again_after_its_job_was_replayed_parks_nothing(world: World) {
    let user = world.connect(ADA).await;
    // Parked, and seen again: its deletion was lost.
    world.effects.next("dead_message_jobs.delete", Strike::DiesBefore);
    let id = world.deliver(ADA, "Hello");
    world.fault_times(Method::MessagesGet, FaultKind::BadRequest, 1);
    world.ask(&user, UserJobKind::Sync, Cause::Manual).await;
    while world.letters().await.is_empty() {
        assert!(world.serve().await);
    }
    assert_eq!(world.order(Kind::Replay, all()).await.counts.letters, 1);
    world.serve_messages().await;
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.only_letter().await.state, LetterState::Resolved);
}
