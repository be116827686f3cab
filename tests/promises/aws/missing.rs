//! What is not there is ours to mend: it is named, and no job pays for it.

use std::time::Duration;

use shared::archive::Archive;
use shared::archive::s3::S3Archive;
use shared::aws::secrets::Secrets;
use shared::clock::{Chance, Clock};
use shared::disposition::chain;
use shared::events::sns::SnsEvents;
use shared::events::{Event, EventKind, Events};
use shared::ids::Epoch;
use shared::queue::sqs::SqsQueue;
use shared::queue::{Queue, Receipt};
use shared::sealing::kms::{KmsSealing, SealingKeys};
use shared::sealing::{SealedFor, Sealing, SealingError, TokenKind};
use shared::store::StoreError;

use super::super::world::{job, start, user};
use super::config;

const ACCOUNT: &str = "us-east-1:000000000000";

/// It is broken, and says so of this action on this resource.
fn assert_named<T>(answer: Result<T, StoreError>, action: &str, resource: &str) {
    let error = answer.err().unwrap();
    assert!(matches!(error, StoreError::Broken { .. }), "{}", chain(&error));
    let error = chain(&error);
    assert!(error.contains(action) && error.contains(&format!("on {resource}")), "{error}");
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named() {
    let url = "http://localhost/000000000000/no-such-queue";
    let queue = SqsQueue::new(&config().await, url.into(), Clock::System);
    assert_named(queue.send(vec![job("x", "")]).await, "sqs:SendMessage", url);
    assert_named(queue.receive(1, Duration::ZERO).await, "sqs:ReceiveMessage", url);
    let receipt = Receipt("handle".into());
    assert_named(queue.hide(&receipt, Duration::ZERO).await, "sqs:ChangeMessageVisibility", url);
    assert_named(queue.delete(&[receipt]).await, "sqs:DeleteMessage", url);
    assert_named(queue.depth().await, "sqs:GetQueueAttributes", url);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_named() {
    let archive = S3Archive::new(&config().await, "no-such-bucket".into());
    let put = archive.put_new("a", Vec::new(), "text/plain").await;
    assert_named(put.map(drop), "s3:PutObject", "no-such-bucket");
    assert_named(archive.get("a").await, "s3:GetObject", "no-such-bucket");
    assert_named(archive.keys("a", None, 1).await, "s3:ListBucket", "no-such-bucket");
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_named() {
    let arn = format!("arn:aws:sns:{ACCOUNT}:no-such-topic");
    let events = SnsEvents::new(&config().await, arn.clone());
    let data = serde_json::json!({});
    let event = Event::new("local", "e".into(), EventKind::Connected, "ada".into(), start(), data);
    assert_named(events.publish(&[event]).await, "sns:Publish", &arn);
}

#[tokio::test]
async fn a_key_that_is_not_there_is_named() {
    let arn = format!("arn:aws:kms:{ACCOUNT}:key/no-such-key");
    let keys = SealingKeys { refresh: arn.clone(), access: arn.clone() };
    let sealing = KmsSealing::new(&config().await, keys, Clock::System, Chance::system());
    let at = SealedFor { user: &user("ada"), epoch: Epoch(1), kind: TokenKind::Access };
    match sealing.seal(at, "token").await {
        Err(SealingError::Keys(error)) => {
            assert_named(Err::<(), _>(error), "kms:GenerateDataKey", &arn);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named() {
    let secrets = Secrets::new(&config().await);
    let read = secrets.web_key("no-such-secret").await;
    assert_named(read, "secretsmanager:GetSecretValue", "no-such-secret");
}
