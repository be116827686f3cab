use super::*;
use crate::ids::Epoch;
use crate::jobs::{Cause, Job, JobHeader, UserJob, UserJobKind};
use crate::queue::memory::MemoryQueue;
use crate::queue::{Depth, SendFailure};

#[tokio::test]
async fn a_body_that_claims_any_number_of_tries_costs_no_other_record() {
    let (clock, chance) = (Clock::manual(Timestamp::from_millis(0)), Chance::seeded(1));
    let (queue, dead) = (MemoryQueue::new(clock.clone()), MemoryQueue::new(clock.clone()));
    let (queue, dead_letters) = (Arc::new(queue), Arc::new(dead));
    let job = |user: &str, tries| {
        let user = user.parse().unwrap();
        let mut header = JobHeader::new(user, Epoch(1), clock.now(), &chance);
        header.tries = tries;
        UserJob { header, kind: UserJobKind::Sync, cause: Cause::Manual }
    };
    send(&*queue, &[job("1", u32::MAX), job("2", 0)], clock.now()).await.unwrap();
    let records = queue.receive(10, Duration::ZERO).await.unwrap();
    let intake = Intake {
        queue,
        dead_letters: dead_letters.clone(),
        stage: StageName::UserWorker,
        clock: clock.clone(),
        chance: chance.clone(),
        retry_base: Duration::from_secs(30),
    };
    let stage = async |job: UserJob, attempt: Attempt| match job.header().user_id.as_str() {
        "1" => attempt.failed(job, "no"),
        _ => Disposition::Done,
    };
    let answer = intake.serve(records, stage).await;
    assert_eq!((answer.finished.len(), answer.left.len()), (2, 0));
    assert_eq!(dead_letters.receive(10, Duration::ZERO).await.unwrap().len(), 1);
}

/// A queue that takes nothing, as one whose permission is missing.
struct Forbidden;

#[async_trait::async_trait]
impl Queue for Forbidden {
    async fn send(&self, _: Vec<Outgoing>) -> Result<Vec<SendFailure>, StoreError> {
        Err(StoreError::Broken { doing: "sending", source: "forbidden".into() })
    }

    async fn receive(&self, _: usize, _: Duration) -> Result<Vec<Record>, StoreError> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &[Receipt]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn hide(&self, _: &Receipt, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        Ok(Depth::default())
    }
}

#[tokio::test]
async fn what_cannot_be_handed_on_outlives_a_day_of_repair() {
    let clock = Clock::manual(Timestamp::from_millis(0));
    let given_up = Arc::new(MemoryQueue::new(clock.clone()));
    let queue = Arc::new(MemoryQueue::with_dead_letters(clock.clone(), given_up.clone()));
    let body = "no job of ours".to_owned();
    let (group, delay, attributes) = (None, Duration::ZERO, BTreeMap::new());
    queue.send(vec![Outgoing { body, group, delay, attributes }]).await.unwrap();
    let intake = Intake {
        queue: queue.clone(),
        dead_letters: Arc::new(Forbidden),
        stage: StageName::UserWorker,
        clock: clock.clone(),
        chance: Chance::seeded(1),
        retry_base: Duration::from_secs(30),
    };
    let stage = async |_: UserJob, _: Attempt| Disposition::Done;
    while given_up.depth().await.unwrap().total() == 0 {
        let records = queue.receive(10, Duration::ZERO).await.unwrap();
        let (came, answer) = (records.len(), intake.serve(records, stage).await);
        assert_eq!(answer.left.len(), came);
        clock.advance(Duration::from_mins(1));
    }
    assert!(clock.now().since(Timestamp::from_millis(0)) > Duration::from_hours(24));
}
