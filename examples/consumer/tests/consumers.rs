//! Both example consumers against a local AWS, on which results and events are published as the service does it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::path::Path;
use std::process::Command;

use aws_config::{Region, SdkConfig};
use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::{Builder as S3Config, Credentials};
use aws_sdk_sns::Client as Sns;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use shared::archive::Archive;
use shared::archive::s3::S3Archive;
use shared::events::sns::SnsEvents;
use shared::events::{Attributes, Event, EventKind, Events, message_event_id};
use shared::ids::{Generation, MessageId, UserId};
use tempfile::TempDir;
use tests::deployed::local_aws::{LocalAws, OWNER};
use tests::process::Process;

const BUCKET: &str = "results";

/// Two mailboxes.
const ADA: &str = "42";
const BOB: &str = "43";

/// An AWS with a topic and a bucket.
struct Stack {
    aws: LocalAws,
    topic: String,
    events: SnsEvents,
    archive: S3Archive,
    room: TempDir,
}

impl Stack {
    async fn start() -> Self {
        let room = TempDir::new().unwrap();
        let aws = LocalAws::start(room.path(), None).await;
        let config = config(&aws.endpoint).await;
        let topic = Sns::new(&config).create_topic().name("events").send().await.unwrap();
        let topic = topic.topic_arn.unwrap();
        let s3 = S3::from_conf(S3Config::from(&config).force_path_style(true).build());
        s3.create_bucket().bucket(BUCKET).send().await.unwrap();
        let events = SnsEvents::new(&config, topic.clone());
        let archive = S3Archive::new(&config, BUCKET.to_owned());
        Self { aws, topic, events, archive, room }
    }

    /// Starts a consumer of bounces, and waits until it is subscribed.
    async fn consumer(&self, name: &str, mut command: Command) -> Process {
        let seen = self.room.path().join(format!("{name}.seen"));
        command.args(["--topic", &self.topic, "--bucket", BUCKET, "--queue", name, "--idle", "2"]);
        command.args(["--category", "bounce", "--category", "report", "--seen"]).arg(seen);
        command.envs(OWNER).env("AWS_ENDPOINT_URL", &self.aws.endpoint);
        let process = Process::start(command, self.room.path(), name);
        let told = async || process.err().contains("Subscribed").then_some(());
        tests::patience::wait_for("a subscription", tests::deployed::PATIENCE, told).await;
        process
    }

    /// Stores a result of this category and generation, and answers its event.
    async fn store(&self, of: (&str, &str), category: &'static str, generation: u32) -> Event {
        let (user, message) = of;
        let key = format!("results/{user}/2026/05/01/{message}.json");
        let result = json!({
            "messageId": message, "category": category, "reasons": ["A reason"], "labels": [],
            "generation": generation,
        });
        let bytes = result.to_string().into_bytes();
        let hash = hex::encode(digest(&SHA256, &bytes));
        let stored = json!({ "key": key, "sha256": hash, "bytes": bytes.len() });
        self.archive.put(&key, bytes, "application/json").await.unwrap();
        event(of, category, generation, &stored)
    }

    /// Stores these messages' results as lines of one object, and answers their events.
    async fn pack(&self, user: &str, messages: [&str; 2], category: &'static str) -> Vec<Event> {
        let key = format!("packed/dt=2026-05-01/{user}-0123456789abcdef.ndjson.gz");
        let line = |message: &str| {
            let result = json!({
                "messageId": message, "category": category, "reasons": ["A reason"], "labels": [],
                "generation": 0,
            });
            result.to_string().into_bytes()
        };
        let lines = messages.map(line);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&lines.join(&b'\n')).unwrap();
        let packed = gzip.finish().unwrap();
        self.archive.put(&key, packed, "application/gzip").await.unwrap();
        let event = |(number, message): (usize, &str)| {
            let hash = hex::encode(digest(&SHA256, &lines[number]));
            let stored = json!({
                "key": key, "line": number, "sha256": hash, "bytes": lines[number].len(),
            });
            event((user, message), category, 0, &stored)
        };
        messages.into_iter().enumerate().map(event).collect()
    }

    async fn publish(&self, events: &[Event]) {
        assert_eq!(self.events.publish(events).await.unwrap(), [0; 0]);
    }
}

/// The event of a message whose result is stored so.
fn event(of: (&str, &str), category: &'static str, generation: u32, stored: &Value) -> Event {
    let (user, id): (UserId, MessageId) = (of.0.parse().unwrap(), of.1.parse().unwrap());
    let event_id = message_event_id(&user, &id, Generation(generation));
    let (kind, at) = (EventKind::MessageProcessed, "2026-05-01T12:00:00Z".parse().unwrap());
    let data = json!({ "generation": generation, "result": stored });
    let mut event = Event::new("fanmail", event_id, kind, id.to_string(), at, data);
    event.attributes = Attributes { category: Some(category), ..Attributes::default() };
    event
}

async fn config(endpoint: &str) -> SdkConfig {
    shared::aws::defaults()
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "consumers"))
        .load()
        .await
}

/// What a consumer has told, to its end.
async fn told(mut consumer: Process) -> Vec<(String, String)> {
    assert!(consumer.ended().await.success(), "{}", consumer.err());
    assert!(!consumer.err().contains("not taken"), "{}", consumer.err());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |line: &str| -> (String, String) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["reasons"], json!(["A reason"]));
        (text(&line["messageId"]), text(&line["category"]))
    };
    let mut told: Vec<_> = consumer.out().lines().map(line).collect();
    told.sort();
    told
}

fn rust() -> Command {
    Command::new(env!("CARGO_BIN_EXE_consumer"))
}

/// With the client for AWS that the SAM CLI brings.
fn python() -> Command {
    let mut command = Command::new(tests::deployed::tool("sam", "python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("consumer.py"));
    command
}

#[tokio::test]
async fn a_result_in_a_pack_is_found_by_its_line_and_checked() {
    let stack = Stack::start().await;
    let consumers =
        [stack.consumer("rust", rust()).await, stack.consumer("python", python()).await];
    let events = stack.pack(ADA, ["m1", "m2"], "bounce").await;
    let gone = stack.pack(BOB, ["m3", "m4"], "bounce").await;
    assert_eq!(stack.archive.remove("packed/dt=2026-05-01/43-", 10).await.unwrap(), 1);
    stack.publish(&[events, gone].concat()).await;
    let both = ["m1", "m2"].map(|id| (id.to_owned(), "bounce".to_owned()));
    for consumer in consumers {
        assert_eq!(told(consumer).await, both);
    }

    // What another line says is not taken for it.
    let consumers =
        [stack.consumer("rust", rust()).await, stack.consumer("python", python()).await];
    let mut events = stack.pack(ADA, ["m5", "m6"], "bounce").await;
    events[0].data["result"]["line"] = json!(1);
    stack.publish(&events[..1]).await;
    for mut consumer in consumers {
        let refused = async || consumer.err().contains("not taken").then_some(());
        tests::patience::wait_for("a refusal", tests::deployed::PATIENCE, refused).await;
        assert!(consumer.ended().await.success() && consumer.out().is_empty());
    }
}

#[tokio::test]
async fn each_message_of_a_wanted_category_is_seen_once_however_often_it_is_announced() {
    let stack = Stack::start().await;
    let consumers =
        [stack.consumer("rust", rust()).await, stack.consumer("python", python()).await];
    let (bounce, other) = (
        stack.store((ADA, "m1"), "bounce", 0).await,
        stack.store((ADA, "m2"), "personal", 0).await,
    );
    let report = stack.store((ADA, "m3"), "report", 0).await;
    stack.publish(&[bounce.clone(), other, bounce.clone(), report]).await;
    let wanted =
        [("m1", "bounce"), ("m3", "report")].map(|(id, is)| (id.to_owned(), is.to_owned()));
    for consumer in consumers {
        assert_eq!(told(consumer).await, wanted);
    }

    // What was seen by a process that has ended stays seen; a later judgement has an event of its own.
    let consumers =
        [stack.consumer("rust", rust()).await, stack.consumer("python", python()).await];
    let again = stack.store((ADA, "m1"), "report", 1).await;
    let (late, gone) =
        (stack.store((ADA, "m4"), "bounce", 0).await, stack.store((BOB, "m5"), "bounce", 0).await);
    stack.store((ADA, "m4"), "bounce", 1).await;
    assert_eq!(stack.archive.remove("results/43/", 10).await.unwrap(), 1);
    stack.publish(&[bounce, again, late, gone]).await;
    for consumer in consumers {
        assert_eq!(told(consumer).await, [("m1".to_owned(), "report".to_owned())]);
    }
}
