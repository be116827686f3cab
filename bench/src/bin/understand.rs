//! How fast messages are understood, from raw bytes to the document, on one core.
//!
//! `cargo run --release -p bench --bin understand -- DIR`, where DIR has `.eml` files anywhere below it, some of them large

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use bench::{Bound, Figure, report};
use message_processor::{Circumstances, understand};
use shared::clock::Clock;

/// How long is measured.
const AT_LEAST: Duration = Duration::from_secs(3);

/// From this size on a message counts as large.
const LARGE: usize = 1 << 20;

fn main() -> anyhow::Result<ExitCode> {
    let folder = std::env::args_os().nth(1).context("which folder?")?;
    let mut messages = Vec::new();
    for path in files(Path::new(&folder))? {
        messages.push(fs::read(&path).with_context(|| format!("reading {}", path.display()))?);
    }
    let (large, bytes) = messages.iter().filter(|raw| raw.len() >= LARGE).fold(
        (Vec::new(), 0),
        |(mut list, bytes), raw| {
            list.push(raw);
            (list, bytes + raw.len())
        },
    );
    ensure!(!large.is_empty(), "no message has a megabyte");
    let all: Vec<_> = messages.iter().collect();
    Ok(report(&[
        Figure {
            name: format!("messages/s, of {}", all.len()),
            value: rounds_a_second(&all)? * count(all.len()),
            bound: Bound::AtLeast(4_000.0),
        },
        Figure {
            name: format!("MB/s, of {} large messages", large.len()),
            value: rounds_a_second(&large)? * count(bytes) / 1e6,
            bound: Bound::AtLeast(100.0),
        },
    ]))
}

/// Every `.eml` below a folder.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|end| end == "eml") {
            found.push(path);
        }
    }
    Ok(found)
}

/// How often all of them are understood in a second.
fn rounds_a_second(messages: &[&Vec<u8>]) -> anyhow::Result<f64> {
    // The first round pays for what is made once.
    round(messages)?;
    let start = Clock::System.now();
    let mut rounds = 0;
    loop {
        round(messages)?;
        rounds += 1;
        let took = Clock::System.now().since(start);
        if took >= AT_LEAST {
            return Ok(count(rounds) / took.as_secs_f64());
        }
    }
}

fn round(messages: &[&Vec<u8>]) -> anyhow::Result<()> {
    for raw in messages {
        let result = understand::<&str>(raw, &[]).into_result(Circumstances::default());
        std::hint::black_box(serde_json::to_vec(&result)?);
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of messages and bytes are far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}
