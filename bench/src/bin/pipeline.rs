//! The whole pipeline: messages a second from the first dispatch to stored and announced, peak memory of the whole
//! process with the simulated Google in it, and Google's quota units, as `fanmail demo --once` shows them.
//!
//! `cargo build --release && cargo run --release -p bench --bin pipeline`

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use bench::{Bound, Figure, report, watch};
use serde_json::Value;

/// The demo that the figures are promised for.
const MAILBOXES: u32 = 100;
const MESSAGES: u32 = 200;

/// One run of the demo.
struct Run {
    rate: f64,
    peak_mb: f64,
    units: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let free = demo(MESSAGES, "off").await?;
    let tenfold = demo(MESSAGES * 10, "off").await?;
    let paced = demo(MESSAGES, "on").await?;
    let messages = f64::from(MAILBOXES * MESSAGES);
    Ok(report(&[
        Figure {
            name: "messages/s, quota off".into(),
            value: free.rate,
            bound: Bound::AtLeast(1500.0),
        },
        Figure { name: "peak memory, MB".into(), value: free.peak_mb, bound: Bound::AtMost(150.0) },
        Figure {
            name: "peak memory at ten times the messages, MB".into(),
            value: tenfold.peak_mb,
            bound: Bound::AtMost(free.peak_mb * 1.1),
        },
        Figure {
            name: "messages/s at ten times the messages".into(),
            value: tenfold.rate,
            bound: Bound::Printed,
        },
        Figure {
            name: "messages/s under Google's quota".into(),
            value: paced.rate,
            bound: Bound::Printed,
        },
        Figure {
            name: "units a message, everything included".into(),
            value: free.units / messages,
            bound: Bound::AtMost(20.2),
        },
    ]))
}

async fn demo(messages: u32, quota: &str) -> anyhow::Result<Run> {
    let fanmail = std::env::current_exe()?.with_file_name("fanmail");
    let (mailboxes, messages) = (MAILBOXES.to_string(), messages.to_string());
    let args = [
        "demo",
        "--once",
        "--json",
        "--mailboxes",
        &mailboxes,
        "--messages",
        &messages,
        "--quota",
        quota,
    ];
    let mut child = Command::new(&fanmail)
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| {
            format!("starting {}; build it with cargo build --release", fanmail.display())
        })?;
    let (balanced, peak_mb) = watch(&mut child).await?;
    ensure!(balanced, "fanmail {} did not balance", args.join(" "));
    let stdout = child.stdout.take().context("the demo's output")?;
    let summary: Value = serde_json::from_reader(stdout).context("the demo's summary")?;
    let number = |name: &str| {
        summary[name].as_f64().with_context(|| format!("{name} is missing in the summary"))
    };
    Ok(Run { rate: number("messagesPerSecond")?, peak_mb, units: number("quotaUnits")? })
}
