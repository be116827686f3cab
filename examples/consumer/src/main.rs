//! An example consumer: it subscribes to some categories of mail, sees each message once, and fetches its result.
//!
//! ```text
//! cargo run -p consumer -- --topic ARN --bucket NAME --category bounce --category report
//! ```
//!
//! Standard output gets one JSON object per message. The same in Python stands beside it, in `consumer.py`.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

mod aws;
mod seen;

use std::borrow::Cow;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use clap::Parser;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{Aws, Record};
use crate::seen::Seen;

/// Takes Fanmail's events from SNS through a queue of its own, and fetches the results that they name.
#[derive(Parser)]
#[command(after_help = "Example: consumer --topic ARN --bucket NAME --category bounce")]
struct Args {
    /// The stack's output `EventsTopicArn`.
    #[arg(long, value_name = "ARN")]
    topic: String,
    /// The stack's output `ResultsBucket`.
    #[arg(long, value_name = "NAME")]
    bucket: String,
    /// The name of this consumer's queue, which is made if it is not there.
    #[arg(long, value_name = "NAME", default_value = "fanmail-consumer")]
    queue: String,
    /// Categories to subscribe to; without, all.
    #[arg(long = "category", value_name = "CATEGORY")]
    categories: Vec<String>,
    /// Where it notes what it has seen.
    #[arg(long, value_name = "FILE", default_value = "seen-events")]
    seen: PathBuf,
    /// Ends after so many empty looks at the queue, of two seconds each; without, it runs on.
    #[arg(long, value_name = "N")]
    idle: Option<u32>,
}

/// What this consumer reads of an event; `docs/schemas/fanmail.message.processed.v1.json` says what else there is.
#[derive(Deserialize)]
struct Event {
    id: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    generation: u32,
    result: Stored,
}

/// Where the result is.
#[derive(Deserialize)]
struct Stored {
    key: String,
    /// Which line of the object it is, where that is a pack.
    line: Option<usize>,
    sha256: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let aws = Aws::connect(&args.queue).await?;
    aws.subscribe(&args.topic, &filter(&args.categories)).await?;
    let mut seen = Seen::open(&args.seen)?;
    eprintln!("Subscribed; {} events were seen before", seen.count());
    let mut empty = 0;
    while args.idle != Some(empty) {
        let records = aws.receive().await?;
        empty = if records.is_empty() { empty + 1 } else { 0 };
        for record in records {
            // One that fails is shown again by the queue, and its dead-letter queue is the place for one that always does.
            if let Err(error) = take(&aws, &args.bucket, &mut seen, &record).await {
                eprintln!("An event was not taken: {error:#}");
            }
        }
    }
    Ok(())
}

/// What SNS is to pass on: nothing else reaches the queue, or is paid for.
fn filter(categories: &[String]) -> Value {
    let mut filter = json!({ "type": ["fanmail.message.processed.v1"] });
    if !categories.is_empty() {
        filter["category"] = json!(categories);
    }
    filter
}

/// Does what is to be done about one event, notes it, and only then takes it off the queue: a crash in between repeats
/// the work and loses none.
async fn take(aws: &Aws, bucket: &str, seen: &mut Seen, record: &Record) -> anyhow::Result<()> {
    let event: Event = serde_json::from_str(&record.body).context("reading an event")?;
    if !seen.holds(&event.id) {
        // Gone when the mailbox has been purged since.
        if let Some(bytes) = aws.fetch(bucket, &event.data.result.key).await?
            && let Some(result) = current(&event, &bytes)?
        {
            println!("{}", about(&event, &result));
        }
        seen.note(&event.id)?;
    }
    aws.delete(record).await
}

/// The result that an event is about; none where a later judgement has taken its place, which has an event of its own.
fn current(event: &Event, object: &[u8]) -> anyhow::Result<Option<Value>> {
    let bytes: Cow<'_, [u8]> = match event.data.result.line {
        Some(number) => line(object, number)?.into(),
        None => object.into(),
    };
    let result: Value = serde_json::from_slice(&bytes).context("reading a result")?;
    let generation = result["generation"].as_u64().unwrap_or_default();
    if generation > u64::from(event.data.generation) {
        return Ok(None);
    }
    let hash = hex::encode(digest(&SHA256, &bytes));
    ensure!(hash == event.data.result.sha256, "a result is not the one that was announced");
    Ok(Some(result))
}

/// One line of a pack, counted from 0.
fn line(pack: &[u8], number: usize) -> anyhow::Result<Vec<u8>> {
    let mut lines = BufReader::new(MultiGzDecoder::new(pack)).split(b'\n');
    let line = lines.nth(number).context("a pack has no such line")?;
    line.context("reading a pack")
}

/// The work of this example: to say what a message is, and why.
fn about(event: &Event, result: &Value) -> Value {
    json!({
        "event": event.id,
        "messageId": result["messageId"],
        "category": result["category"],
        "reasons": result["reasons"],
        "labels": result["labels"],
    })
}
