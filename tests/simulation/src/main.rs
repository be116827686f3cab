//! `simulation`: every crash point and pair, thousands of seeds, and what they came to.
//!
//! Exit code 0 when nothing was violated, and the last line says `N passed, N failed`, one for each promise.

mod campaign;
mod coverage;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use simulation::crashes::SCENARIOS;
use simulation::fate::Point;
use simulation::swarm::{Size, drought, live};
use simulation::trace::Trace;
use simulation::world::World;

use crate::campaign::{Findings, Tally, exhaust, failure, median, swarm};
use crate::coverage::{coverage, missing};

/// Droughts take long, and are all alike.
const DROUGHTS: u64 = 8;

/// The simulation of a bad day.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(version)]
struct Args {
    /// How many seeds are lived through
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Live through this seed alone, and tell its story if it fails
    #[arg(long)]
    seed: Option<u64>,
    /// 50 mailboxes over 14 days
    #[arg(long)]
    large: bool,
    /// One mailbox, and for a day no token that Gmail takes
    #[arg(long)]
    drought: bool,
    /// Stop after so many failures
    #[arg(long, default_value_t = 5)]
    stop_after: usize,
    /// No crash points, only seeds
    #[arg(long)]
    seeds_only: bool,
    /// Tell this scenario alone, with deaths such as 7b,19a: before call 7, after call 19
    #[arg(long)]
    scenario: Option<String>,
    /// The deaths for `--scenario`
    #[arg(long, default_value = "")]
    deaths: String,
    /// Tell the whole story even if nothing failed
    #[arg(long)]
    story: bool,
}

impl Args {
    fn world(&self, seed: u64) -> World {
        match (self.drought, self.large) {
            (true, _) => drought(seed),
            (_, true) => live(seed, Size::LARGE),
            _ => live(seed, Size::SMALL),
        }
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    // Panics are part of the weather; the simulation's own come back through its threads.
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or_default();
        if text != "as a story has it" {
            say(&format!("panicked: {info}"));
        }
    }));
    if let Some(seed) = args.seed {
        return Ok(tell(&args.world(seed), &args));
    }
    if let Some(name) = &args.scenario {
        let found = SCENARIOS.iter().find(|scenario| scenario.name == name);
        let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        let found = found.with_context(|| format!("no scenario {name}; there are {names:?}"))?;
        return Ok(tell(&found.tell(&deaths(&args.deaths)?).0, &args));
    }
    Ok(all(&args))
}

/// Tells one world's story.
fn tell(world: &World, args: &Args) -> ExitCode {
    let violations = world.witness.seen().violations.clone();
    for violation in &violations {
        say(&failure(violation));
    }
    if args.story {
        say(&world.fate.with_trace(|trace| trace.story(None, usize::MAX)));
    }
    say(&format!("fingerprint {:016x}", world.fate.with_trace(Trace::fingerprint)));
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn deaths(text: &str) -> anyhow::Result<Vec<Point>> {
    let point = |part: &str| {
        let (call, side) = part.split_at(part.len() - 1);
        ensure!(side == "a" || side == "b", "{part}: a number and `b` for before or `a` for after");
        Ok(Point { call: call.parse()?, after: side == "a" })
    };
    text.split(',').filter(|part| !part.is_empty()).map(point).collect()
}

/// Everything, and the count of what was kept.
fn all(args: &Args) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    let mut verdict = |name: &str, failures: &[String], said: &str| {
        if failures.is_empty() {
            passed += 1;
            say(&format!("ok      {name}: {said}"));
        } else {
            failed += 1;
            say(&format!("FAILED  {name}: {said}"));
            failures.iter().take(2).for_each(|failure| say(failure));
        }
    };
    let mut tally = Tally::new();
    if !args.seeds_only {
        for scenario in &SCENARIOS {
            let (findings, said) = exhaust(scenario, args.stop_after);
            verdict(scenario.name, &findings.failures, &said);
            add(&mut tally, &findings);
        }
    }
    let droughts: Vec<u64> = (0..DROUGHTS).collect();
    let (findings, said) = swarm(&droughts, "--drought", args.stop_after, drought);
    verdict("a day without a token", &findings.failures, &said);
    add(&mut tally, &findings);
    let (findings, said) = once_failed(args);
    verdict("seeds that failed once", &findings.failures, &said);
    let kind = if args.large { "--large" } else { "" };
    let seeds: Vec<u64> = (args.from..args.from + args.seeds).collect();
    let (findings, said) = swarm(&seeds, kind, args.stop_after, |seed| args.world(seed));
    add(&mut tally, &findings);
    verdict("seeds", &findings.failures, &said);
    let few = median(&findings.messages) < 50;
    let few = few.then(|| "fewer than 50 messages a seed".to_owned());
    let said = format!("a median of {} a seed", median(&findings.messages));
    verdict("messages", few.as_slice(), &said);
    verdict("the same seed twice tells the same story", &repeated(args), "20 seeds");
    // What a few seeds do not come upon, thousands do.
    let missing = if args.large { vec![] } else { missing(&tally) };
    verdict("coverage", &missing, &coverage(&tally));
    say(&format!("{passed} passed, {failed} failed"));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The seeds that found something once.
fn once_failed(args: &Args) -> (Findings, String) {
    let lines = include_str!("../failed_seeds.txt").lines();
    let seeds: Vec<u64> = lines.filter_map(|line| line.split(' ').next()?.parse().ok()).collect();
    swarm(&seeds, "", args.stop_after, |seed| live(seed, Size::SMALL))
}

fn add(tally: &mut Tally, findings: &Findings) {
    for (what, count) in &findings.tally {
        *tally.entry(*what).or_default() += count;
    }
}

fn repeated(args: &Args) -> Vec<String> {
    let print = |seed| live(seed, Size::SMALL).fate.with_trace(Trace::fingerprint);
    let differs = |seed: &u64| print(*seed) != print(*seed);
    let seeds = args.from..args.from + 20;
    seeds.filter(differs).map(|seed| format!("seed {seed} tells two stories")).collect()
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: there is nobody to tell.
    let _ = writeln!(out, "{text}");
}
