//! Many worlds on every core, and what they came to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use shared::clock::Clock;
use simulation::crashes::Scenario;
use simulation::fate::Point;
use simulation::witness::Violation;
use simulation::world::World;

/// How often each thing happened, by kind and name.
pub(crate) type Tally = BTreeMap<(&'static str, &'static str), u64>;

/// What was violated, and the story that led to it.
pub(crate) fn failure(violation: &Violation) -> String {
    let Violation { rule, user, seen, story } = violation;
    let whose = user.as_ref().map(|user| format!(", mailbox {user}")).unwrap_or_default();
    format!("NOT KEPT: {rule}{whose}\n  {seen}\n{story}")
}

fn written(deaths: &[Point]) -> String {
    let one = |point: &Point| format!("{}{}", point.call, if point.after { "a" } else { "b" });
    deaths.iter().map(one).collect::<Vec<_>>().join(",")
}

/// What many threads found together.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) tally: Tally,
    pub(crate) failures: Vec<String>,
    pub(crate) messages: Vec<u64>,
    deliveries: Vec<u64>,
    runs: usize,
}

struct Shared {
    /// So many failures are enough.
    stop_after: usize,
    findings: Mutex<Findings>,
    next: AtomicUsize,
    stop: AtomicBool,
}

impl Shared {
    fn new(stop_after: usize) -> Self {
        let (findings, next, stop) = Default::default();
        Self { stop_after, findings, next, stop }
    }

    fn note(&self, world: &World, replay: impl FnOnce() -> String) {
        let violations = world.witness.seen().violations.clone();
        let failure = violations
            .first()
            .map(|first| format!("{}\n  replay: simulation {}", failure(first), replay()));
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.runs += 1;
        world.fate.with_trace(|trace| {
            for (what, count) in trace.tally() {
                *findings.tally.entry(*what).or_default() += count;
            }
        });
        if let Some(failure) = failure {
            findings.failures.push(failure);
            self.stop.store(findings.failures.len() >= self.stop_after, Ordering::Relaxed);
        }
    }

    fn take(&self, of: usize) -> Option<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        (next < of).then_some(next)
    }

    /// Runs `work` on every core.
    fn spread(work: impl Fn() + Sync) {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(&work);
            }
        });
    }

    fn into_findings(self) -> Findings {
        self.findings.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every crash point of a scenario, singly and in pairs.
pub(crate) fn exhaust(scenario: &Scenario, stop_after: usize) -> (Findings, String) {
    let began = Clock::System.now();
    let alone = scenario.tell(&[]).1;
    let shared = Shared::new(stop_after);
    let points = 2 * alone.calls;
    Shared::spread(|| {
        while let Some(first) = shared.take(points) {
            let first = Point { call: first / 2, after: first % 2 == 1 };
            let calls = tell_deaths(scenario, &shared, &[first]).unwrap_or(0);
            for second in 2 * (first.call + 1)..2 * calls {
                let second = Point { call: second / 2, after: second % 2 == 1 };
                tell_deaths(scenario, &shared, &[first, second]);
            }
        }
    });
    let findings = shared.into_findings();
    let (runs, seconds) = (findings.runs, Clock::System.now().since(began).as_secs_f64());
    let said = format!("{} calls, {runs} runs, {seconds:.1} s", alone.calls);
    (findings, said)
}

/// Tells a scenario with deaths in it; how many calls it then took, if nothing failed.
fn tell_deaths(scenario: &Scenario, shared: &Shared, deaths: &[Point]) -> Option<usize> {
    let (world, outcome) = scenario.tell(deaths);
    let replay = || format!("--scenario '{}' --deaths {}", scenario.name, written(deaths));
    shared.note(&world, replay);
    outcome.violations.is_empty().then_some(outcome.calls)
}

/// A world for each of these seeds.
pub(crate) fn swarm(
    seeds: &[u64],
    kind: &str,
    stop_after: usize,
    world: impl Fn(u64) -> World + Sync,
) -> (Findings, String) {
    let began = Clock::System.now();
    let shared = Shared::new(stop_after);
    Shared::spread(|| {
        while let Some(seed) = shared.take(seeds.len()).map(|next| seeds[next]) {
            let world = world(seed);
            shared.note(&world, || format!("{kind} --seed {seed}"));
            let done = world.done();
            let mut findings = shared.findings.lock().unwrap_or_else(PoisonError::into_inner);
            findings.messages.push(done);
            findings.deliveries.push(world.deliveries.load(Ordering::Relaxed) as u64);
        }
    });
    let findings = shared.into_findings();
    let seconds = Clock::System.now().since(began).as_secs_f64();
    let (half, most) = (median(&findings.deliveries), findings.deliveries.iter().max());
    let most = most.copied().unwrap_or(0);
    let runs = findings.runs;
    let said = format!("{runs} lived through, {half} deliveries, at most {most}, {seconds:.1} s");
    (findings, said)
}

trait Done {
    /// How many messages came to their end.
    fn done(&self) -> u64;
}

impl Done for World {
    fn done(&self) -> u64 {
        let now = self.now();
        let counts = self.rows().into_iter().map(|row| {
            let counted = shared::ledger::Marks::count(&*self.ledger, &row.user_id, row.epoch, now);
            let counted = simulation::at_once(counted).and_then(Result::ok).unwrap_or_default();
            counted.done + counted.skipped
        });
        counts.sum()
    }
}

pub(crate) fn median(numbers: &[u64]) -> u64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}
