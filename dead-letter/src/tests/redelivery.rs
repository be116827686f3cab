//! A crash after each effect: the record comes again and finds some of the work done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use shared::events::memory::MemoryEvents;
use shared::events::{Event, Events};
use shared::ids::{Epoch, Grant, UserId};
use shared::jobs::UserJobKind;
use shared::ledger::{DeadLetters, LetterState, Marks, StageName};
use shared::mailbox::Owed;
use shared::mark::MarkState;
use shared::queue::{Queue, Record};
use shared::reason::Reason;
use shared::store::StoreError;

use super::fixture::{World, ids, letter, redriven, user};
use crate::arrival::Arrival;

const PROCESSOR: StageName = StageName::MessageProcessor;

/// Events that reach the topic, but the process dies before it knows.
struct Deaf {
    topic: Arc<MemoryEvents>,
    dies: AtomicBool,
}

#[async_trait]
impl Events for Deaf {
    async fn publish(&self, batch: &[Event]) -> Result<Vec<usize>, StoreError> {
        self.topic.publish(batch).await?;
        assert!(!self.dies.swap(false, Ordering::SeqCst), "killed after publishing");
        Ok(Vec::new())
    }

    async fn forget(&self, user: &UserId) -> Result<(), StoreError> {
        self.topic.forget(user).await
    }
}

fn dead_grant(world: &World) -> Record {
    let consent = Some((Epoch(2), Grant(3)));
    letter(&world.message_job(), Reason::GrantDead, "invalid_grant", consent)
}

/// However far the first delivery came, the second brings everything to the same end.
async fn comes_to_its_end(world: &World, record: Record) {
    world.drain(PROCESSOR, record).await;
    assert_eq!(world.only_letter().await.state, LetterState::Parked);
    assert_eq!(world.mark_states().await, [MarkState::Parked, MarkState::Done]);
    let mailbox = world.mailbox().await;
    assert_eq!(mailbox.needs_reauth, Some(Reason::GrantDead));
    assert!(mailbox.owed == Owed::default());
    let mut ids: Vec<_> = world.published().into_iter().map(|event| event.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "one fact, one id");
}

#[tokio::test]
async fn killed_after_parking_the_letter() {
    let world = World::new().await;
    let record = dead_grant(&world);
    let arrival = Arrival::read(&record, PROCESSOR, world.clock.now());
    DeadLetters::park(&*world.ledger, arrival.letter).await.unwrap();
    comes_to_its_end(&world, record).await;
}

#[tokio::test]
async fn killed_after_parking_the_marks() {
    let world = World::new().await;
    let record = dead_grant(&world);
    let letter = Arrival::read(&record, PROCESSOR, world.clock.now()).letter;
    let job_id = letter.job_id.clone();
    DeadLetters::park(&*world.ledger, letter).await.unwrap();
    Marks::park(&*world.ledger, &user(), Epoch(2), &ids(), &job_id).await.unwrap();
    comes_to_its_end(&world, record).await;
}

#[tokio::test]
async fn killed_after_publishing_the_notice_publishes_it_again_under_the_same_id() {
    let world = World::new().await;
    let record = dead_grant(&world);
    let mut stage = world.stage();
    stage.events = Arc::new(Deaf { topic: world.events.clone(), dies: AtomicBool::new(true) });
    let answer = stage.drain(PROCESSOR, vec![record.clone()]).await;
    assert_eq!(answer.left, std::slice::from_ref(&record.id), "a panic leaves its own record");
    assert!(world.mailbox().await.owed.notice.is_some());
    comes_to_its_end(&world, record).await;
    assert_eq!(world.published().len(), 2);
}

#[tokio::test]
async fn a_panic_costs_its_own_record_only() {
    let world = World::new().await;
    let mut stage = world.stage();
    stage.events = Arc::new(Deaf { topic: world.events.clone(), dies: AtomicBool::new(true) });
    let (bad, fine) = (dead_grant(&world), Record { id: "fine".into(), ..redriven("junk") });
    let answer = stage.drain(PROCESSOR, vec![bad.clone(), fine]).await;
    assert_eq!((answer.left, answer.finished.len()), (vec![bad.id], 1));
}

#[tokio::test]
async fn killed_while_replaying_sends_the_same_job_again() {
    let world = World::new().await;
    let job = world.user_job(UserJobKind::Sync);
    let record = letter(&job, Reason::Waiting, "paused", None);
    world.drain(StageName::UserWorker, record.clone()).await;
    world.drain(StageName::UserWorker, record).await;
    assert_eq!(world.only_letter().await.state, LetterState::Replaying);
    assert_eq!(world.user_jobs.0.depth().await.unwrap().total(), 2);
}

#[tokio::test]
async fn a_consent_that_completes_between_the_death_and_its_redelivery_is_not_undone() {
    let world = World::new().await;
    let record = dead_grant(&world);
    world.drain(PROCESSOR, record.clone()).await;
    world.change(|mailbox| (mailbox.grant, mailbox.needs_reauth) = (Grant(4), None)).await;
    world.drain(PROCESSOR, record).await;
    let mailbox = world.mailbox().await;
    assert_eq!((mailbox.grant, mailbox.needs_reauth), (Grant(4), None));
    assert_eq!(world.only_letter().await.state, LetterState::Replaying);
    assert_eq!(world.published().len(), 1);
}

#[tokio::test]
async fn of_two_deaths_of_one_grant_the_second_changes_nothing() {
    let world = World::new().await;
    world.drain(PROCESSOR, dead_grant(&world)).await;
    let before = world.mailbox().await;
    world.drain(PROCESSOR, dead_grant(&world)).await;
    assert!(world.mailbox().await == before);
    assert_eq!(world.published().len(), 1);
}
