//! Mail that is gone, late, too large or beyond any parser costs itself only.

use google_sim::faults::FaultKind;
use google_sim::methods::Method;
use shared::jobs::{Cause, UserJobKind};
use shared::ledger::LetterState;
use shared::mark::MarkState;
use shared::reason::{Reason, SkipReason};
use shared::replay::Replayed;

use super::readings::message_job;
use super::world::{ADA, MINUTE, World, mail};

const DONE: Option<MarkState> = Some(MarkState::Done);
const GONE: Option<MarkState> = Some(MarkState::Skipped(SkipReason::DeletedAtSource));

stories!(
    a_message_that_is_only_late_is_fetched_when_it_is_there,
    a_message_deleted_right_after_it_was_listed_is_asked_for_again_and_then_skipped,
    a_message_deleted_minutes_after_it_was_listed_is_skipped_at_once,
    a_message_that_is_too_large_is_a_dead_letter_of_its_own,
    a_message_that_is_still_too_large_when_replayed_is_the_same_dead_letter,
    a_message_that_no_parser_survives_is_kept_and_announced_as_unreadable,
);

async fn a_message_that_is_only_late_is_fetched_when_it_is_there(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Late");
    world.fault_times(Method::MessagesGet, FaultKind::NotFound, 1);
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.calls("messages.get"), 2);
}

async fn a_message_deleted_right_after_it_was_listed_is_asked_for_again_and_then_skipped(
    world: World,
) {
    let user = world.connect(ADA).await;
    let (kept, gone) = (world.deliver(ADA, "Kept"), world.deliver(ADA, "Gone"));
    let deleted = gone.clone();
    world.meanwhile("gmail.history", move |google| google.delete(ADA, &deleted).unwrap());
    world.poll().await;
    assert_eq!(world.states(&user, &[kept, gone]).await, [DONE, GONE]);
    assert!(world.calls("messages.get") > 2, "asked for once only");
    assert_eq!(world.letters().await, []);
}

async fn a_message_deleted_minutes_after_it_was_listed_is_skipped_at_once(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Gone");
    world.ask(&user, UserJobKind::Sync, Cause::Manual).await;
    world.serve_users().await;
    world.pass(3 * MINUTE);
    world.google.delete(ADA, &id).unwrap();
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, GONE);
    assert_eq!(world.calls("messages.get"), 1);
}

async fn a_message_that_is_too_large_is_a_dead_letter_of_its_own(mut world: World) {
    world.settings.max_message_bytes = 1000;
    let user = world.connect(ADA).await;
    let large = world.google.deliver(ADA, mail("Large") + &"x".repeat(1000)).unwrap();
    let others = world.deliver_many(ADA, 3);
    world.poll().await;
    assert_eq!(world.states(&user, &others).await, [DONE; 3]);
    assert_eq!(world.state(&user, &large).await, Some(MarkState::Parked));
    let letter = world.only_letter().await;
    assert_eq!((letter.reason, letter.tries), (Reason::TooLarge, 1));
    let ids: Vec<_> = message_job(&letter).messages.into_iter().map(|listed| listed.id).collect();
    assert_eq!(ids, std::slice::from_ref(&large));

    world.settings.max_message_bytes = 10_000;
    assert_eq!(world.send_round(&letter).await, Replayed::Sent);
    world.rest().await;
    assert_eq!(world.state(&user, &large).await, DONE);
    assert_eq!(world.only_letter().await.state, LetterState::Resolved);
}

async fn a_message_that_is_still_too_large_when_replayed_is_the_same_dead_letter(mut world: World) {
    world.settings.max_message_bytes = 100;
    let user = world.connect(ADA).await;
    let large = world.deliver(ADA, "Large");
    world.poll().await;
    let letter = world.only_letter().await;
    assert_eq!(world.send_round(&letter).await, Replayed::Sent);
    world.rest().await;
    let again = world.only_letter().await;
    assert_eq!((again.job_id, again.state), (letter.job_id, LetterState::Parked));
    assert_eq!(world.state(&user, &large).await, Some(MarkState::Parked));
}

async fn a_message_that_no_parser_survives_is_kept_and_announced_as_unreadable(world: World) {
    let user = world.connect(ADA).await;
    let bytes = vec![0xff; 5000];
    let id = world.google.deliver(ADA, bytes.clone()).unwrap();
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.original(&user, &id).await.unwrap(), bytes);
    assert_eq!(world.result(&user, &id).await.unwrap()["category"], "unreadable");
    let events = world.events_about(id.as_str()).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].attributes["category"], "unreadable");
    assert_eq!(world.letters().await, []);
}
