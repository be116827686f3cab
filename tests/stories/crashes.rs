//! A process may die between any two effects: work is repeated, nothing is lost, and what was stored first stands.

use std::collections::BTreeSet;

use shared::events::{EventKind, message_event_id};
use shared::ids::Generation;
use shared::mark::MarkState;

use super::world::{ADA, World};
use simulation::hand::Strike;

const DONE: Option<MarkState> = Some(MarkState::Done);

stories!(
    a_sync_that_dies_at_any_call_loses_no_message,
    a_cursor_does_not_move_before_every_job_is_sent,
    a_message_whose_processing_dies_at_any_call_is_stored_once_and_announced_under_one_id,
    a_result_that_is_already_there_is_announced_as_it_stands,
    an_answer_that_is_lost_is_as_good_as_none,
    a_publish_that_refuses_entries_repeats_only_those,
    a_connection_that_dies_at_any_call_is_finished_by_the_dispatcher,
);

/// What a sync does, in order.
const SYNC: [&str; 7] = [
    "mailboxes.get",
    "gmail.history",
    "marks.list",
    "mailboxes.reserve",
    "message_jobs.send",
    "mailboxes.advance",
    "user_jobs.delete",
];

/// What happens to a message, in order.
const PROCESS: [&str; 8] = [
    "marks.get",
    "gmail.message",
    "archive.put",
    "archive.put_new",
    "events.publish",
    "marks.finish",
    "message_jobs.receive",
    "message_jobs.delete",
];

async fn a_sync_that_dies_at_any_call_loses_no_message(world: World) {
    let user = world.connect(ADA).await;
    for call in SYNC {
        for strike in [Strike::DiesBefore, Strike::DiesAfter] {
            let ids = world.deliver_many(ADA, 3);
            world.effects.next(call, strike);
            world.poll().await;
            world.poll().await;
            assert_eq!(world.effects.outstanding(), [""; 0], "{call}");
            assert_eq!(world.states(&user, &ids).await, [DONE; 3], "{call}");
        }
    }
    let events = world.events(EventKind::MessageProcessed).await;
    let ids: BTreeSet<_> = events.iter().map(|seen| &seen.event.id).collect();
    assert_eq!(ids.len(), 2 * 3 * SYNC.len());
}

async fn a_cursor_does_not_move_before_every_job_is_sent(world: World) {
    let user = world.connect(ADA).await;
    for (call, strike) in [
        ("marks.list", Strike::Throttled),
        ("message_jobs.send", Strike::Throttled),
        ("message_jobs.send", Strike::Refuses(vec![1])),
    ] {
        let (cursor, ids) = (world.cursor(&user).await, world.deliver_many(ADA, 60));
        world.effects.next(call, strike);
        world.ask(&user, shared::jobs::UserJobKind::Sync, shared::jobs::Cause::Manual).await;
        world.serve_users().await;
        assert_eq!(world.cursor(&user).await, cursor, "{call}");
        world.rest().await;
        assert_eq!(world.states(&user, &ids).await, [DONE; 60], "{call}");
        assert!(world.cursor(&user).await > cursor, "{call}");
    }
}

async fn a_message_whose_processing_dies_at_any_call_is_stored_once_and_announced_under_one_id(
    world: World,
) {
    let user = world.connect(ADA).await;
    for call in PROCESS {
        for strike in [Strike::DiesBefore, Strike::DiesAfter] {
            let id = world.deliver(ADA, "Hello");
            world.effects.next(call, strike);
            world.effects.nth("archive.put_new", 1, Strike::DiesAfter);
            world.poll().await;
            assert_eq!(world.effects.outstanding(), [""; 0], "{call}");
            assert_eq!(world.state(&user, &id).await, DONE, "{call}");
            let events = world.events_about(id.as_str()).await;
            let event_id = message_event_id(&user, &id, Generation(0));
            assert!(events.iter().all(|seen| seen.event.id == event_id), "{call}");
            assert!((1..=2).contains(&events.len()), "{call}: {}", events.len());
            let result = world.result(&user, &id).await.unwrap();
            let first = &events[0].event;
            assert_eq!(result["processedAt"], serde_json::json!(first.time), "{call}");
            assert!(events.iter().all(|seen| seen.event == *first), "{call}: told differently");
        }
    }
}

async fn a_result_that_is_already_there_is_announced_as_it_stands(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.effects.next("events.publish", Strike::DiesBefore);
    world.pass(super::world::TICK);
    world.round().await;
    while world.effects.count("events.publish") < 2 {
        world.pass(super::world::MINUTE);
        world.serve_users().await;
        world.serve_messages().await;
    }
    let (bytes, date) = (world.stored(&user, &id).await, world.now());
    world.pass(super::world::HOUR);
    world.rest().await;
    assert_eq!(world.result_bytes(&user, &id).await.unwrap(), bytes);
    let event = &world.events_about(id.as_str()).await[0].event;
    assert!(event.time <= date, "announced as of its first writing");
    assert_eq!(event.data["result"]["bytes"], bytes.len());
}

async fn an_answer_that_is_lost_is_as_good_as_none(world: World) {
    let user = world.connect(ADA).await;
    for call in SYNC.into_iter().chain(PROCESS) {
        for strike in [Strike::Throttled, Strike::Unanswered] {
            let id = world.deliver(ADA, "Hello");
            world.effects.next(call, strike);
            world.poll().await;
            world.poll().await;
            assert_eq!(world.effects.outstanding(), [""; 0], "{call}");
            assert_eq!(world.state(&user, &id).await, DONE, "{call}");
            let events = world.events_about(id.as_str()).await;
            assert!(events.iter().all(|seen| seen.event == events[0].event), "{call}");
        }
    }
    assert_eq!(world.letters().await, []);
}

async fn a_publish_that_refuses_entries_repeats_only_those(world: World) {
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 5);
    world.effects.next("events.publish", Strike::Refuses(vec![1, 3]));
    world.poll().await;
    assert_eq!(world.states(&user, &ids).await, [DONE; 5]);
    for id in &ids {
        assert_eq!(world.events_about(id.as_str()).await.len(), 1);
    }
    assert_eq!(world.calls("messages.get"), 5 + 2);
}

async fn a_connection_that_dies_at_any_call_is_finished_by_the_dispatcher(world: World) {
    for (number, call) in [
        "oauth.refresh",
        "mailboxes.lease_refresh",
        "mailboxes.store_access",
        "gmail.profile",
        "gmail.list",
        "mailboxes.advance",
        "events.publish",
        "user_jobs.send",
        "mailboxes.settle",
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("person{number}@example.com");
        world.google.add_mailbox(&email, "Somebody");
        let old = world.deliver(&email, "Unread");
        world.pass(super::world::DAY);
        world.effects.next(call, Strike::DiesAfter);
        let user = world.connect(&email).await;
        world.poll().await;
        world.poll().await;
        assert_eq!(world.effects.outstanding(), [""; 0], "{call}");
        assert_eq!(world.state(&user, &old).await, DONE, "{call}");
        assert!(world.mailbox(&user).await.owed == shared::mailbox::Owed::default(), "{call}");
        let mut connected = world.events_about(user.as_str()).await;
        connected.dedup_by_key(|seen| seen.event.id.clone());
        assert_eq!(connected.len(), 1, "{call}");
    }
}

impl World {
    /// The stored result of a message that has no mark of its end yet.
    async fn stored(&self, user: &shared::ids::UserId, id: &shared::ids::MessageId) -> Vec<u8> {
        let keys = self.backend.stores.archive.keys("results/", None, 100).await.unwrap();
        assert_eq!(keys.len(), 1);
        assert!(keys[0].contains(user.as_str()) && keys[0].contains(id.as_str()));
        self.backend.stores.archive.get(&keys[0]).await.unwrap().unwrap()
    }
}
