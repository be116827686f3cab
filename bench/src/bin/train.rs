//! Learns the classifier's weights from labelled mail, and prints the file.
//!
//! `cargo run --release -p bench --features training --bin train -- CORPUS tests/mail > message-processor/src/classify/weights.txt`
//!
//! Each folder has a `labels.tsv`. What may not be used for everything is not learned from.

use std::path::Path;

use anyhow::Context;
use message_processor::training::{examples, read, train};

#[expect(clippy::print_stdout, reason = "the file is what this program is for")]
fn main() -> anyhow::Result<()> {
    let mut folders = Vec::new();
    for folder in std::env::args_os().skip(1) {
        folders.push(
            read(Path::new(&folder)).with_context(|| format!("reading {}", folder.display()))?,
        );
    }
    print!("{}", train(&examples(&folders)));
    Ok(())
}
