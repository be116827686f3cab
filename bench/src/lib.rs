//! What the programs of `bench/` share: a figure, what we promise of it, and how much memory a process took.

#[cfg(feature = "load")]
pub mod load;

use std::fs;
use std::process::{Child, ExitCode};
use std::time::Duration;

use anyhow::Context;
use shared::clock::Clock;

/// A measured figure beside what is promised.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured, with its unit.
    pub name: String,
    /// The measurement.
    pub value: f64,
    /// The promise.
    pub bound: Bound,
}

/// What is promised of a figure.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// At least so much.
    AtLeast(f64),
    /// At most so much.
    AtMost(f64),
    /// Exactly so much.
    Exactly(f64),
    /// Nothing: printed for comparison.
    Printed,
}

impl Figure {
    /// Whether the promise is kept.
    pub fn is_kept(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.value >= least,
            Bound::AtMost(most) => self.value <= most,
            Bound::Exactly(exact) => (self.value - exact).abs() < 0.5,
            Bound::Printed => true,
        }
    }
}

/// Prints the figures, one a line, and how many promises are kept and how many are not. The exit code says whether all
/// are.
#[expect(clippy::print_stdout, reason = "what a bench is for")]
pub fn report(figures: &[Figure]) -> ExitCode {
    for figure in figures {
        let promise = match figure.bound {
            Bound::AtLeast(least) => format!("at least {least:.1}"),
            Bound::AtMost(most) => format!("at most {most:.1}"),
            Bound::Exactly(exact) => format!("exactly {exact}"),
            Bound::Printed => "–".to_owned(),
        };
        let verdict = if figure.is_kept() { "" } else { "  NOT KEPT" };
        println!("{:<56} {:>12.1}  {promise}{verdict}", figure.name, figure.value);
    }
    let promises = figures.iter().filter(|figure| !matches!(figure.bound, Bound::Printed));
    let (kept, broken): (Vec<_>, Vec<_>) = promises.partition(|figure| figure.is_kept());
    println!("{} passed, {} failed", kept.len(), broken.len());
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How often a running process is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Waits for a child and answers whether it succeeded, and the most memory it ever held, in MB (`VmHWM`).
pub async fn watch(child: &mut Child) -> anyhow::Result<(bool, f64)> {
    let clock = Clock::System;
    let mut peak = 0.0_f64;
    loop {
        peak = peak.max(peak_memory(&child.id().to_string()).unwrap_or(0.0));
        if let Some(status) = child.try_wait().context("waiting for the child")? {
            return Ok((status.success(), peak));
        }
        clock.sleep(LOOK).await;
    }
}

/// The most memory that a process ever held, in MB, as Linux counts it. `self` is this process.
pub fn peak_memory(pid: &str) -> anyhow::Result<f64> {
    memory(pid, "VmHWM:")
}

/// What a process holds in memory now, in MB.
pub fn resident_memory(pid: &str) -> anyhow::Result<f64> {
    memory(pid, "VmRSS:")
}

fn memory(pid: &str, what: &str) -> anyhow::Result<f64> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).context("reading /proc; Linux only")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(what))
        .with_context(|| format!("no {what} the process has ended"))?;
    let kilobytes: f64 = line
        .trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .with_context(|| format!("{what} is no number"))?;
    Ok(kilobytes / 1024.0)
}
