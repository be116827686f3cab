//! What cannot be done is kept with its reason, costs nobody else anything, and can be sent round again.

use std::collections::BTreeMap;
use std::time::Duration;

use google_sim::faults::FaultKind;
use google_sim::methods::Method;
use shared::ledger::LetterState;
use shared::mark::MarkState;
use shared::queue::{Outgoing, Queue};
use shared::reason::Reason;
use shared::replay::Replayed;

use super::world::{ADA, World};
use simulation::hand::Strike;

const DONE: Option<MarkState> = Some(MarkState::Done);

stories!(
    five_failures_make_a_dead_letter_with_the_last_error,
    a_replayed_job_counts_its_tries_anew_and_resolves_its_letter,
    a_body_that_is_no_job_is_kept_as_it_came,
    a_job_of_a_newer_program_is_kept_as_it_came,
    a_panic_costs_its_own_record_only,
    a_full_store_costs_no_try,
    a_dead_letter_that_dies_at_any_call_is_parked_all_the_same,
);

async fn put(queue: &dyn Queue, body: &str) {
    let (body, attributes) = (body.to_owned(), BTreeMap::new());
    let out = Outgoing { body, group: None, delay: Duration::ZERO, attributes };
    assert_eq!(queue.send(vec![out]).await.unwrap(), []);
}

async fn five_failures_make_a_dead_letter_with_the_last_error(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.fault_times(Method::MessagesGet, FaultKind::BadGateway, 4);
    world.fault(Method::MessagesGet, FaultKind::Unavailable);
    world.poll().await;
    assert_eq!(world.calls("messages.get"), 5);
    let letter = world.only_letter().await;
    assert_eq!((letter.reason, letter.tries), (Reason::TooManyTries, 5));
    assert!(letter.error.contains("503"), "{}", letter.error);
    assert_eq!(world.state(&user, &id).await, Some(MarkState::Parked));
    assert_eq!(world.mailbox(&user).await.needs_reauth, None);
}

async fn a_replayed_job_counts_its_tries_anew_and_resolves_its_letter(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.fault_times(Method::MessagesGet, FaultKind::Unavailable, 5 + 4);
    world.poll().await;
    let letter = world.only_letter().await;
    assert_eq!(world.send_round(&letter).await, Replayed::Sent);
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.calls("messages.get"), 5 + 5);
    let resolved = world.only_letter().await;
    assert_eq!((resolved.job_id, resolved.state), (letter.job_id, LetterState::Resolved));
}

async fn a_body_that_is_no_job_is_kept_as_it_came(world: World) {
    for body in ["", "{}", "not JSON at all", "{\"v\":1,\"userId\":\"../..\"}"] {
        put(&*world.stores.message_jobs, body).await;
        put(&*world.stores.user_jobs, body).await;
    }
    world.rest().await;
    let letters = world.letters().await;
    assert_eq!(letters.len(), 4, "the same body is the same letter");
    assert!(letters.iter().all(|letter| letter.reason == Reason::Undecodable));
    assert!(letters.iter().any(|letter| letter.payload == "not JSON at all"));
}

async fn a_job_of_a_newer_program_is_kept_as_it_came(world: World) {
    let body = r#"{"v":3,"jobId":"j1","something":"else"}"#;
    put(&*world.stores.user_jobs, body).await;
    world.rest().await;
    let letter = world.only_letter().await;
    assert_eq!((letter.reason, letter.payload.as_str()), (Reason::NewerSchema, body));
    assert_eq!((letter.user_id, letter.state), (None, LetterState::Parked));
}

async fn a_panic_costs_its_own_record_only(world: World) {
    let (ada, bob) = (world.connect(ADA).await, world.connect("bob@example.com").await);
    world.effects.next("gmail.history", Strike::Panics);
    let ids = [world.deliver(ADA, "Hello"), world.deliver("bob@example.com", "Hello")];
    world.pass(super::world::TICK);
    world.round().await;
    world.pass(super::world::TICK);
    world.serve_users().await;
    let moved = [&ada, &bob].map(|user| world.state(user, &ids[usize::from(user == &bob)]));
    let moved = futures::future::join_all(moved).await;
    assert_eq!(moved.iter().flatten().count(), 1, "{moved:?}");
    world.rest().await;
    assert_eq!(world.state(&ada, &ids[0]).await, DONE);
    assert_eq!(world.state(&bob, &ids[1]).await, DONE);
}

async fn a_full_store_costs_no_try(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    for _ in 0..20 {
        world.effects.next("archive.put", Strike::Full);
        world.effects.next("marks.list", Strike::Full);
        world.effects.next("message_jobs.send", Strike::Full);
    }
    world.poll().await;
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.effects.outstanding(), [""; 0]);
    assert_eq!(world.letters().await, []);
}

async fn a_dead_letter_that_dies_at_any_call_is_parked_all_the_same(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    for call in ["letters.park", "marks.park", "mailboxes.get", "dead_message_jobs.delete"] {
        world.effects.next(call, Strike::DiesAfter);
    }
    world.fault_times(Method::MessagesGet, FaultKind::DailyLimitExceeded, 1);
    world.poll().await;
    world.poll().await;
    assert_eq!(world.effects.outstanding(), [""; 0]);
    assert_eq!(world.only_letter().await.reason, Reason::Quota);
    assert_eq!(world.state(&user, &id).await, Some(MarkState::Parked));
}
