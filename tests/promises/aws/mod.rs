//! The world on AWS: everything of its own, on a local AWS that all tests of this process share.

mod clocked;
mod consumer;
mod local;
mod mail;
mod missing;
mod rotation;
mod rules;
mod tables;
mod versions;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_kms::Client as Kms;
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::Builder as S3Config;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_sdk_sns::Client as Sns;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::config::Credentials;
use aws_sdk_sqs::types::QueueAttributeName;
use shared::archive::s3::S3Archive;
use shared::clock::{Chance, Clock};
use shared::events::Event;
use shared::events::sns::SnsEvents;
use shared::ledger::dynamodb::DynamoLedger;
use shared::queue::sqs::SqsQueue;
use shared::queue::{MAX_RECEIVES, Queue};
use shared::sealing::kms::{KmsSealing, SealingKeys};

use self::clocked::Clocked;
use super::world::{Log, Stores, World, start};

/// What a world is made of, by name.
struct Place {
    clock: Clock,
    tables: shared::ledger::dynamodb::Tables,
    queue: String,
    dead_queue: String,
    bucket: String,
    topic: String,
    keys: SealingKeys,
}

/// Empty stores on AWS, as two processes have them.
pub(super) async fn world() -> World {
    let tag = hex::encode(Chance::system().bytes::<6>());
    let config = config().await;
    let (sqs, kms, sns) = (Sqs::new(&config), Kms::new(&config), Sns::new(&config));
    let (queue, dead_queue) = queues(&sqs, &tag).await;
    let place = Place {
        clock: Clock::manual(start()),
        tables: tables::create(&config, &tag).await,
        queue,
        dead_queue,
        bucket: bucket(&config, &tag).await,
        topic: topic(&sns, &tag).await,
        keys: keys(&kms).await,
    };
    let log = Log::Topic(Subscriber::of(&config, &place.topic, &tag).await);
    let stranger = sealing(&config, keys(&kms).await, &place.clock);
    World {
        here: place.stores(&config),
        there: place.stores(&config),
        clock: place.clock,
        stranger: Arc::new(stranger),
        log,
        _folder: None,
    }
}

impl Place {
    fn stores(&self, config: &SdkConfig) -> Stores {
        let ledger = Arc::new(DynamoLedger::new(config, self.tables.clone()));
        let inner = config.http_client().unwrap();
        let clocked = Clocked { inner, clock: self.clock.clone() };
        let clocked = config.to_builder().http_client(clocked).build();
        let queue = |url: &str| Arc::new(SqsQueue::new(&clocked, url.into(), self.clock.clone()));
        Stores {
            mailboxes: ledger.clone(),
            marks: ledger.clone(),
            letters: ledger.clone(),
            control: ledger.clone(),
            index: ledger,
            queue: queue(&self.queue),
            dead_queue: queue(&self.dead_queue),
            archive: Arc::new(S3Archive::new(config, self.bucket.clone())),
            events: Arc::new(SnsEvents::new(config, self.topic.clone())),
            sealing: Arc::new(sealing(config, self.keys.clone(), &self.clock)),
        }
    }
}

/// For one test: connections belong to its runtime.
async fn config() -> SdkConfig {
    shared::aws::defaults()
        .endpoint_url(local::address())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "promises"))
        .load()
        .await
}

async fn queues(sqs: &Sqs, tag: &str) -> (String, String) {
    let dead = sqs.create_queue().queue_name(format!("jobs-dlq-{tag}")).send().await.unwrap();
    let dead = dead.queue_url.unwrap();
    let redrive = serde_json::json!({
        "deadLetterTargetArn": arn(sqs, &dead).await, "maxReceiveCount": MAX_RECEIVES
    });
    let queue = sqs.create_queue().queue_name(format!("jobs-{tag}"));
    let queue = queue.attributes(QueueAttributeName::RedrivePolicy, redrive.to_string());
    (queue.send().await.unwrap().queue_url.unwrap(), dead)
}

async fn arn(sqs: &Sqs, url: &str) -> String {
    let name = QueueAttributeName::QueueArn;
    let said = sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send();
    said.await.unwrap().attributes.unwrap().remove(&name).unwrap()
}

async fn bucket(config: &SdkConfig, tag: &str) -> String {
    let (s3, name) = (s3(config), format!("results-{tag}"));
    s3.create_bucket().bucket(&name).send().await.unwrap();
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
    let versioning = s3.put_bucket_versioning().bucket(&name);
    versioning.versioning_configuration(enabled.build()).send().await.unwrap();
    name
}

fn s3(config: &SdkConfig) -> S3 {
    S3::from_conf(S3Config::from(config).force_path_style(true).build())
}

async fn topic(sns: &Sns, tag: &str) -> String {
    sns.create_topic().name(format!("events-{tag}")).send().await.unwrap().topic_arn.unwrap()
}

async fn keys(kms: &Kms) -> SealingKeys {
    let key = || async { kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id };
    SealingKeys { refresh: key().await, access: key().await }
}

fn sealing(config: &SdkConfig, keys: SealingKeys, clock: &Clock) -> KmsSealing {
    KmsSealing::new(config, keys, clock.clone(), Chance::system())
}

/// A queue that is subscribed to the topic, in the machine's own time.
pub(super) struct Subscriber {
    queue: SqsQueue,
    seen: Mutex<Vec<String>>,
}

impl Subscriber {
    async fn of(config: &SdkConfig, topic: &str, tag: &str) -> Self {
        let (sqs, sns) = (Sqs::new(config), Sns::new(config));
        let url = sqs.create_queue().queue_name(format!("subscriber-{tag}")).send().await.unwrap();
        let url = url.queue_url.unwrap();
        let subscribe = sns.subscribe().topic_arn(topic).protocol("sqs");
        let subscribe = subscribe.endpoint(arn(&sqs, &url).await);
        subscribe.attributes("RawMessageDelivery", "true").send().await.unwrap();
        Self { queue: SqsQueue::new(config, url, Clock::System), seen: Mutex::default() }
    }

    /// The ids of all events so far.
    pub(super) async fn published(&self) -> Vec<String> {
        let records = self.queue.receive(1000, Duration::ZERO).await.unwrap();
        let id = |body: &str| serde_json::from_str::<Event>(body).unwrap().id;
        let mut seen = self.seen.lock().unwrap();
        seen.extend(records.iter().map(|record| id(&record.body)));
        seen.clone()
    }
}
