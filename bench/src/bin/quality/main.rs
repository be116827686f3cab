//! How well messages are put into their categories.
//!
//! `cargo run --release -p bench --features training --bin quality -- [--wrong] CORPUS [OTHER…]`
//!
//! The corpus is split by collection, never by message: near-duplicates would leak. Each part is judged by weights that
//! were learned from the other parts. What may not be learned from is judged by weights learned from all the rest. Other
//! folders, each with a `labels.tsv`, are judged by the weights that are shipped.

mod judged;
mod tally;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use bench::report;
use judged::Judged;
use message_processor::training::{Mail, Weights, calibration, examples, folds, learn, read};
use message_processor::understand;

/// The shipped mail, which is learned from too.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/mail");

#[expect(clippy::print_stdout, reason = "what a bench is for")]
fn main() -> anyhow::Result<ExitCode> {
    let (options, folders): (Vec<OsString>, Vec<_>) =
        std::env::args_os().skip(1).partition(|argument| argument == "--wrong");
    let (corpus, others) = folders.split_first().context("which folder?")?;
    let judged = by_collection(&labelled(corpus)?)?;
    println!("\n== The corpus, each collection judged without having been learned from");
    tally::print(&judged, !options.is_empty());
    let mut figures = tally::figures("corpus", &judged);
    for folder in others {
        let mail = labelled(folder)?;
        let judged: Vec<_> = mail
            .iter()
            .map(|mail| Judged::new(mail, understand::<&str>(&mail.raw, &[]).judgement))
            .collect();
        let name = Path::new(folder).file_name().unwrap_or(folder).to_string_lossy();
        println!("\n== {name}, judged by the shipped weights");
        tally::print(&judged, !options.is_empty());
        figures.extend(tally::figures(&name, &judged));
    }
    Ok(report(&figures))
}

/// The labelled messages of a folder.
fn labelled(folder: &OsString) -> anyhow::Result<Vec<Mail>> {
    let mail = read(Path::new(folder)).with_context(|| format!("reading {}", folder.display()))?;
    Ok(mail.into_iter().filter(|mail| !mail.labels.is_empty()).collect())
}

/// Judges every message by weights that were learned without its collection.
#[expect(clippy::print_stdout, reason = "the split is part of the measurement")]
fn by_collection(mail: &[Mail]) -> anyhow::Result<Vec<Judged>> {
    let examples =
        examples(&[mail.to_vec(), read(Path::new(SHIPPED)).context("reading shipped mail")?]);
    let parts = folds(&examples);
    let calibration = calibration(&examples);
    let mut judged = Vec::new();
    let mut judge_part = |part: &dyn Fn(&str) -> bool, mail: &mut dyn Iterator<Item = &Mail>| {
        let others: Vec<_> = examples.iter().filter(|one| !part(&one.collection)).collect();
        let weights = Weights::read(&(learn(&others) + &calibration)).context("reading weights")?;
        judged.extend(mail.filter_map(|mail| Some(Judged::new(mail, weights.judge(&mail.raw)?))));
        anyhow::Ok(others.len())
    };
    for part in &parts {
        let within = |collection: &str| part.iter().any(|name| name == collection);
        let learned =
            judge_part(&within, &mut mail.iter().filter(|mail| within(&mail.collection)))?;
        println!("judged after {learned} others: {}", part.join(", "));
    }
    let known = |collection: &str| parts.iter().flatten().any(|name| name == collection);
    let mut rest = mail.iter().filter(|mail| !known(&mail.collection)).collect::<Vec<_>>();
    rest.sort_by(|a, b| a.path.cmp(&b.path));
    let mut names: Vec<_> = rest.iter().map(|mail| &*mail.collection).collect();
    names.dedup();
    println!("judged after all of these: {}", names.join(", "));
    judge_part(&|_| false, &mut rest.into_iter())?;
    Ok(judged)
}
