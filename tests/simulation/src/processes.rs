//! Who runs: workers, dispatchers and people, one call at a time, in an order that the seed draws.

mod scribe;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dispatcher::RunState;
use shared::clock::Timestamp;
use shared::intake::BatchAnswer;
use shared::jobs::{ProcessorJob, UserJob};
use shared::ledger::StageName;
use shared::queue::{Queue, RUN_LIMIT, Record};

use self::scribe::Scribe;
use crate::deeds::Deed;
use crate::fate::Errand;
use crate::hand::Hand;
use crate::trace::Who;
use crate::world::{TICK, World};

/// How many of a kind run at the same time.
const AT_ONCE: usize = 2;

/// A call takes up to this long.
const LATENCY_MS: u64 = 120;

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Dispatcher,
    UserWorker,
    MessageProcessor,
    DeadUserJobs,
    DeadMessageJobs,
    Person,
}

/// One process: it runs until it is done, or dead.
struct Process {
    kind: Kind,
    work: Pin<Box<dyn Future<Output = ()>>>,
    /// It stands still until then.
    thaws: Timestamp,
    /// Since when it stands still, or stood before it was run again.
    froze: Option<Timestamp>,
    errand: Arc<Errand>,
}

/// Everything that runs.
#[derive(Default)]
pub(crate) struct Processes {
    running: Vec<Process>,
    last: u32,
}

impl World {
    /// Runs until `end`, or until `enough` says so. `false` when there is nothing left to do before `end`.
    pub fn run_until(&mut self, end: Timestamp, mut enough: impl FnMut(&Self) -> bool) {
        while self.now() < end && !enough(self) {
            if !self.step() {
                let next = self.next_moment().unwrap_or(end).min(end);
                self.clock.advance(next.since(self.now()));
            }
        }
    }

    /// The next moment at which anything can happen.
    fn next_moment(&self) -> Option<Timestamp> {
        let thaws = self.processes.running.iter().map(|process| process.thaws).min();
        [Some(self.tick), self.queues.next(), self.calendar.next(), thaws]
            .into_iter()
            .flatten()
            // What is due already waits for somebody who stands still.
            .filter(|at| *at > self.now())
            .min()
    }

    /// Does one thing that can be done now; `false` when there is none.
    fn step(&mut self) -> bool {
        let now = self.now();
        if let Some(deed) = self.calendar.due(now) {
            self.perform(deed);
            return true;
        }
        if self.tick <= now {
            self.tick = now + TICK;
            self.start(Kind::Dispatcher);
            return true;
        }
        let startable = self.startable(now);
        let runnable: Vec<usize> = (0..self.processes.running.len())
            .filter(|place| self.processes.running[*place].thaws <= now)
            .collect();
        match (startable.as_slice(), runnable.as_slice()) {
            ([], []) => return false,
            (kinds, []) => self.start(kinds[self.pick(kinds.len())]),
            ([], places) => self.advance(places[self.pick(places.len())]),
            // What runs is run to its end, unless the seed mixes.
            (_, places) if !self.interleaved => self.advance(places[0]),
            (kinds, places) => match self.below(kinds.len() + places.len()) {
                kind if kind < kinds.len() => self.start(kinds[kind]),
                place => self.advance(places[place - kinds.len()]),
            },
        }
        true
    }

    fn pick(&self, count: usize) -> usize {
        if self.interleaved { self.below(count) } else { 0 }
    }

    /// The kinds of worker that have something to receive.
    fn startable(&self, now: Timestamp) -> Vec<Kind> {
        let queues = [
            (Kind::UserWorker, &self.queues.user_jobs),
            (Kind::MessageProcessor, &self.queues.message_jobs),
            (Kind::DeadUserJobs, &self.queues.dead_user_jobs),
            (Kind::DeadMessageJobs, &self.queues.dead_message_jobs),
        ];
        let running =
            |kind| self.processes.running.iter().filter(|process| process.kind == kind).count();
        queues
            .into_iter()
            .filter(|(kind, queue)| {
                queue.next().is_some_and(|next| next <= now) && running(*kind) < AT_ONCE
            })
            .map(|(kind, _)| kind)
            .collect()
    }

    fn start(&mut self, kind: Kind) {
        let work: Pin<Box<dyn Future<Output = ()>>> = match kind {
            Kind::Dispatcher => Box::pin(self.dispatch()),
            Kind::UserWorker => Box::pin(self.serve_users()),
            Kind::MessageProcessor => Box::pin(self.serve_messages()),
            Kind::DeadUserJobs => Box::pin(self.serve_dead(StageName::UserWorker)),
            Kind::DeadMessageJobs => Box::pin(self.serve_dead(StageName::MessageProcessor)),
            Kind::Person => return,
        };
        self.spawn(kind, work);
    }

    pub(crate) fn spawn(&mut self, kind: Kind, work: Pin<Box<dyn Future<Output = ()>>>) {
        self.processes.last += 1;
        let number = self.processes.last;
        let who = Who { process: number, user: None, job: String::new() };
        let errand = Arc::new(Errand { who: Arc::new(who), ..Errand::default() });
        let thaws = self.now();
        self.processes.running.push(Process { kind, work, thaws, froze: None, errand });
    }

    /// Runs a process up to its next call.
    fn advance(&mut self, place: usize) {
        let fate = self.fate.clone();
        let froze = self.processes.running[place].froze.take();
        if froze.is_some_and(|since| self.slept_through_a_purge(since)) {
            self.processes.running.remove(place);
            return fate.count("strike", "slept through a purge");
        }
        let process = &mut self.processes.running[place];
        let outer = fate.begin(process.errand.clone());
        let polled = process.work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        fate.begin(outer);
        if let Some(length) = fate.take_frozen() {
            process.froze = Some(self.clock.now());
            process.thaws = self.clock.now() + length;
        }
        if fate.take_killed() || polled == Poll::Ready(()) {
            self.processes.running.remove(place);
        }
        if self.interleaved {
            self.clock.advance(Duration::from_millis(self.chance.below(LATENCY_MS)));
        }
        if fate.take_written() {
            self.look();
        }
    }

    /// Has the witness look at every row, and at the fleet breaker.
    fn look(&self) {
        for row in self.rows() {
            crate::at_once(self.witness.look(&row, self.now()));
        }
        let (limits, now) = (self.stages.limits, self.now());
        crate::at_once(self.witness.look_at_breaker(limits, now));
        if self.stages.delegation.is_some() {
            crate::at_once(self.witness.look_at_service_account(limits, now));
        }
    }

    /// Nothing runs, and no record waits.
    pub fn is_at_rest(&self) -> bool {
        self.nobody_runs() && self.queues.next().is_none()
    }

    pub(crate) fn nobody_runs(&self) -> bool {
        self.processes.running.is_empty()
    }

    /// Wakes whoever stands still.
    pub(crate) fn thaw(&mut self) {
        let now = self.now();
        self.processes.running.iter_mut().for_each(|process| process.thaws = now);
    }

    fn dispatch(&self) -> impl Future<Output = ()> + use<> {
        let (dispatcher, clock) = (self.stages.dispatcher(), self.clock.clone());
        async move {
            // A function starts its next run itself; one that fails waits for the next tick.
            while let Ok(run) = dispatcher.run(clock.now() + RUN_LIMIT).await {
                if run.state != RunState::Unfinished {
                    return;
                }
            }
        }
    }

    fn serve_users(&self) -> impl Future<Output = ()> + use<> {
        let (intake, worker) =
            (self.stages.intake(StageName::UserWorker), self.stages.user_worker());
        let (scribe, queue) = (self.scribe(), self.stages.stores.user_jobs.clone());
        let batch = self.batches[0];
        async move {
            serve(&*queue, batch, &scribe, async |records| {
                let stage = |job: UserJob, attempt| {
                    let errand = scribe.user_errand(&job);
                    let work = worker.handle(job, attempt);
                    scribe.scoped(errand, work)
                };
                intake.serve(records, stage).await
            })
            .await;
        }
    }

    fn serve_messages(&self) -> impl Future<Output = ()> + use<> {
        let (intake, stage) =
            (self.stages.intake(StageName::MessageProcessor), self.stages.message_processor());
        let (scribe, queue) = (self.scribe(), self.stages.stores.message_jobs.clone());
        let (batch, cursed) = (self.batches[1], self.cursed.clone());
        async move {
            serve(&*queue, batch, &scribe, async |records| {
                let work = |job: ProcessorJob, attempt| {
                    let errand = scribe.processor_errand(&job, &cursed);
                    scribe.scoped(errand, stage.handle(job, attempt))
                };
                intake.serve(records, work).await
            })
            .await;
        }
    }

    fn serve_dead(&self, stage: StageName) -> impl Future<Output = ()> + use<> {
        let stores = &self.stages.stores;
        let queue = match stage {
            StageName::UserWorker => stores.dead_user_jobs.clone(),
            StageName::MessageProcessor => stores.dead_message_jobs.clone(),
        };
        let (desk, scribe) = (self.stages.dead_letter(), self.scribe());
        async move {
            serve(&*queue, 10, &scribe, async |records| {
                for record in &records {
                    let reason = record.attributes.get("reason").map(String::as_str);
                    let known = shared::reason::Reason::ALL.iter();
                    let reason =
                        known.map(|known| known.as_str()).find(|known| reason == Some(known));
                    scribe.fate.count("reason", reason.unwrap_or("no_verdict"));
                }
                desk.drain(stage, records).await
            })
            .await;
        }
    }

    fn scribe(&self) -> Scribe {
        Scribe {
            fate: self.fate.clone(),
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            witness: self.witness.clone(),
            deliveries: self.deliveries.clone(),
        }
    }

    fn perform(&mut self, deed: Deed) {
        self.fate.count("deed", deed.word());
        self.fate.note("deed", deed.to_string());
        self.act(deed);
    }
}

/// One batch of one consumer, which may die of it.
async fn serve(
    queue: &dyn Queue,
    batch: usize,
    scribe: &Scribe,
    work: impl AsyncFn(Vec<Record>) -> BatchAnswer,
) {
    let Ok(records) = queue.receive(batch, Duration::ZERO).await else { return };
    if records.is_empty() {
        return;
    }
    scribe.deliveries.fetch_add(records.len(), Ordering::Relaxed);
    for record in &records {
        scribe.witness.carries_ids_only("a queue's body", &record.body);
    }
    let answer = work(records).await;
    if !answer.finished.is_empty() {
        // Not deleted means seen again.
        let _ = queue.delete(&answer.finished).await;
    }
}
