//! Events in odd shapes, and what Lambda is told about them.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::Context;
use serde_json::{Value, json};

use super::*;
use crate::clock::{Chance, Clock};
use crate::ids::Epoch;
use crate::jobs::{Cause, JobHeader, UserJob, UserJobKind, encode};
use crate::queue::memory::MemoryQueue;
use crate::queue::{Queue, RUN_LIMIT, Record};

fn event(records: &Value) -> SqsEvent {
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

fn job() -> String {
    let (now, chance) = (Timestamp::from_millis(0), Chance::seeded(1));
    let header = JobHeader::new("42".parse().unwrap(), Epoch(1), now, &chance);
    encode(&UserJob { header, kind: UserJobKind::Sync, cause: Cause::Manual })
}

struct World {
    intake: Intake,
    dead: Arc<MemoryQueue>,
}

fn world() -> World {
    let clock = Clock::manual(Timestamp::from_millis(0));
    let dead = Arc::new(MemoryQueue::new(clock.clone()));
    let intake = Intake {
        queue: Arc::new(MemoryQueue::new(clock.clone())),
        dead_letters: dead.clone(),
        stage: StageName::UserWorker,
        clock,
        chance: Chance::seeded(1),
        retry_base: Duration::from_secs(30),
    };
    World { intake, dead }
}

/// What Lambda is told about a batch whose every job fails.
async fn told(world: &World, records: Value) -> Result<Value, Error> {
    let stage = async |job: UserJob, attempt: Attempt| attempt.failed(job, "no");
    let mut context = Context::default();
    context.deadline = 60_000;
    let event = LambdaEvent::new(event(&records), context);
    Ok(serde_json::to_value(serve(&world.intake, &stage, event).await?)?)
}

#[tokio::test]
async fn only_what_is_not_finished_is_reported() {
    let world = world();
    let records = json!([
        { "messageId": "a", "receiptHandle": "ra", "body": job() },
        { "messageId": "b", "receiptHandle": "rb", "body": "no job" },
    ]);
    let answer = told(&world, records).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] }));
    assert_eq!(world.dead.receive(10, Duration::ZERO).await.unwrap()[0].body, "no job");
}

#[tokio::test]
async fn an_empty_batch_and_a_finished_one_report_nobody() {
    for records in [json!([]), json!([{ "messageId": "a", "receiptHandle": "r", "body": null }])] {
        let answer = told(&world(), records).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    }
}

#[tokio::test]
async fn a_record_that_stays_and_has_no_id_fails_the_whole_batch() {
    for id in [json!(null), json!("")] {
        let records = json!([{ "messageId": id, "receiptHandle": "r", "body": job() }]);
        assert!(told(&world(), records).await.is_err());
    }
}

#[test]
fn an_event_that_is_not_sqss_is_no_batch() {
    for odd in [json!({}), json!({ "Records": null }), json!({ "Records": 7 }), json!([])] {
        assert!(serde_json::from_value::<SqsEvent>(odd).is_err());
    }
}

#[test]
fn a_record_carries_what_sqs_says_of_it_and_odd_numbers_cost_nothing() {
    let record = |attributes: Value| -> Record {
        let records = json!([{
            "messageId": "a", "receiptHandle": "r", "body": "b", "attributes": attributes,
            "messageAttributes": {
                "reason": { "stringValue": "waiting", "dataType": "String" },
                "blob": { "binaryValue": "AA==", "dataType": "Binary" }
            }
        }]);
        batch::records(event(&records), Timestamp::from_millis(9)).remove(0)
    };
    let told = record(json!({ "ApproximateReceiveCount": "3", "SentTimestamp": "5" }));
    assert_eq!((told.receive_count, told.sent_at), (3, Timestamp::from_millis(5)));
    assert_eq!((told.attributes.len(), told.attributes["reason"].as_str()), (1, "waiting"));
    for odd in [json!(null), json!({}), json!({ "ApproximateReceiveCount": "-4" })] {
        let odd = record(odd);
        assert_eq!((odd.receive_count, odd.sent_at), (1, Timestamp::from_millis(9)));
    }
}

#[tokio::test]
async fn dead_letters_are_told_apart_by_the_queue_they_come_from() {
    let queues = DeadQueues {
        user_jobs: "https://sqs.eu-central-1.amazonaws.com/1/fan-user-dlq".to_owned(),
        message_jobs: "https://sqs.eu-central-1.amazonaws.com/1/fan-message-dlq".to_owned(),
    };
    let from = |id: &str, queue: &str| {
        let arn = format!("arn:aws:sqs:eu-central-1:1:{queue}");
        json!({ "messageId": id, "receiptHandle": "r", "body": "b", "eventSourceARN": arn })
    };
    // Only the processor's are finished.
    let drain = async |stage: StageName, records: Vec<Record>| match stage {
        StageName::UserWorker => BatchAnswer {
            left: records.into_iter().map(|record| record.id).collect(),
            ..BatchAnswer::default()
        },
        StageName::MessageProcessor => BatchAnswer::default(),
    };
    let both = event(&json!([from("a", "fan-user-dlq"), from("b", "fan-message-dlq")]));
    let answer = serve_dead(&queues, &drain, both).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] }));
    let other = event(&json!([from("a", "another")]));
    assert!(serve_dead(&queues, &drain, other).await.is_err());
}

#[tokio::test]
async fn near_lambdas_own_end_a_stage_is_told_so() {
    let world = world();
    let deadlines = std::sync::Mutex::new(Vec::new());
    let stage = async |_: UserJob, attempt: Attempt| {
        deadlines.lock().unwrap().push(attempt.deadline);
        Disposition::Done
    };
    for end in [20_000, 900_000] {
        let mut context = Context::default();
        context.deadline = end;
        let records = json!([{ "messageId": "a", "receiptHandle": "r", "body": job() }]);
        serve(&world.intake, &stage, LambdaEvent::new(event(&records), context)).await.unwrap();
    }
    let own = Timestamp::from_millis(0) + RUN_LIMIT - Duration::from_secs(10);
    assert_eq!(*deadlines.lock().unwrap(), [Timestamp::from_millis(10_000), own]);
}
