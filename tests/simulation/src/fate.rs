//! The hand of a simulated world: it notes every call, and strikes as planned or as the seed has it.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use shared::clock::{Chance, Clock};
use shared::ids::{Epoch, MessageId};

use crate::hand::{Hand, Strike};
use crate::trace::{Trace, Who};

/// One call that a process does not survive: its place among all calls from the start, and on which side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Counted from 0.
    pub call: usize,
    /// Whether the call is still made.
    pub after: bool,
}

/// How often, in ten thousand calls, what happens; the names are those of [`Strike`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Climate {
    pub throttled: u64,
    pub unanswered: u64,
    pub full: u64,
    pub refuses: u64,
    pub dies_before: u64,
    pub dies_after: u64,
    pub panics: u64,
    /// The process stands still for minutes, and goes on as if nothing had been.
    pub freezes: u64,
}

/// What is going to happen.
pub enum Plan {
    /// Nothing.
    Calm,
    /// These.
    Crashes(Vec<Point>),
    /// As the dice fall.
    Dice(Climate),
}

/// What is known of a job while it is worked on.
#[derive(Default)]
pub struct Errand {
    /// For the story.
    pub who: Arc<Who>,
    /// The life that the job belongs to, if it had ended when the work on it began.
    pub ended_life: Option<Epoch>,
    /// Its messages that had come to their end by then.
    pub ended_before: BTreeSet<MessageId>,
    /// Whoever fetches its messages dies of it.
    pub cursed: bool,
}

/// The hand of one world. It lives on one thread; the lock is what a hand's trait asks for.
pub struct Fate {
    clock: Clock,
    chance: Chance,
    state: Mutex<State>,
}

struct State {
    plan: Plan,
    calls: usize,
    killed: bool,
    frozen: Option<Duration>,
    written: bool,
    errand: Arc<Errand>,
    trace: Trace,
}

/// Freezes last up to this long: longer than a record stays hidden, so that somebody else takes it.
const LONGEST_FREEZE: Duration = Duration::from_mins(20);

impl Fate {
    /// A hand that follows `plan`.
    pub fn new(clock: Clock, chance: Chance, plan: Plan) -> Self {
        let state = State {
            plan,
            calls: 0,
            killed: false,
            frozen: None,
            written: false,
            errand: Arc::default(),
            trace: Trace::default(),
        };
        Self { clock, chance, state: Mutex::new(state) }
    }

    /// From now on this happens.
    pub fn follow(&self, plan: Plan) {
        self.state().plan = plan;
    }

    /// From now on nothing happens any more.
    pub fn calm(&self) {
        self.follow(Plan::Calm);
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    /// For how long the process that was just run stands still, if it does.
    pub fn take_frozen(&self) -> Option<Duration> {
        self.state().frozen.take()
    }

    /// Whether a store was written to since this was last asked.
    pub fn take_written(&self) -> bool {
        std::mem::take(&mut self.state().written)
    }

    /// What is worked on now.
    pub fn errand(&self) -> Arc<Errand> {
        self.state().errand.clone()
    }

    /// Sets what is worked on, and answers what was before.
    pub fn begin(&self, errand: Arc<Errand>) -> Arc<Errand> {
        std::mem::replace(&mut self.state().errand, errand)
    }

    /// Notes something that is not a call.
    pub fn note(&self, call: &'static str, what: impl Into<String>) {
        let mut state = self.state();
        let who = state.errand.who.clone();
        state.trace.note(self.clock.now(), &who, call, what.into());
    }

    /// Counts one more of a kind, for the coverage.
    pub fn count(&self, kind: &'static str, name: &'static str) {
        self.state().trace.count(kind, name);
    }

    /// Whether this has happened at all.
    pub fn has_counted(&self, kind: &'static str, name: &'static str) -> bool {
        self.state().trace.tally().contains_key(&(kind, name))
    }

    /// Looks at what happened.
    pub fn with_trace<T>(&self, look: impl FnOnce(&Trace) -> T) -> T {
        look(&self.state().trace)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the dice say of a call.
    fn throw(&self, climate: &Climate) -> Thrown {
        let mut roll = self.chance.below(10_000);
        let mut falls = |share: u64| {
            let hit = roll < share;
            roll = roll.wrapping_sub(share);
            hit
        };
        match () {
            () if falls(climate.throttled) => Thrown::Strike("throttled", Strike::Throttled),
            () if falls(climate.unanswered) => Thrown::Strike("unanswered", Strike::Unanswered),
            () if falls(climate.full) => Thrown::Strike("full", Strike::Full),
            () if falls(climate.refuses) => {
                let place = usize::try_from(self.chance.below(3)).unwrap_or(0);
                Thrown::Strike("refuses", Strike::Refuses(vec![place]))
            }
            () if falls(climate.dies_before) => Thrown::Strike("dies before", Strike::DiesBefore),
            () if falls(climate.dies_after) => Thrown::Strike("dies after", Strike::DiesAfter),
            () if falls(climate.panics) => Thrown::Strike("panics", Strike::Panics),
            () if falls(climate.freezes) => Thrown::Freeze(self.chance.jitter(LONGEST_FREEZE)),
            () => Thrown::Nothing,
        }
    }

    fn decide(&self, state: &State, name: &str) -> Thrown {
        if state.errand.cursed && name == "gmail.message" && !matches!(state.plan, Plan::Calm) {
            return Thrown::Strike("dies before", Strike::DiesBefore);
        }
        match &state.plan {
            Plan::Calm => Thrown::Nothing,
            Plan::Crashes(points) => match points.iter().find(|point| point.call == state.calls) {
                None => Thrown::Nothing,
                Some(Point { after: false, .. }) => {
                    Thrown::Strike("dies before", Strike::DiesBefore)
                }
                Some(Point { after: true, .. }) => Thrown::Strike("dies after", Strike::DiesAfter),
            },
            Plan::Dice(climate) => self.throw(climate),
        }
    }
}

enum Thrown {
    Nothing,
    Strike(&'static str, Strike),
    Freeze(Duration),
}

/// A panic costs its record only inside a stage; elsewhere it would be the simulation's own.
fn may_panic(errand: &Errand) -> bool {
    !errand.who.job.is_empty()
}

impl Hand for Fate {
    fn enter(&self, name: &'static str) -> Option<Strike> {
        let mut state = self.state();
        let thrown = self.decide(&state, name);
        let who = state.errand.who.clone();
        let (said, strike) = match thrown {
            Thrown::Nothing => ("", None),
            Thrown::Strike("panics", _) if !may_panic(&state.errand) => ("", None),
            Thrown::Strike(said, strike) => (said, Some(strike)),
            Thrown::Freeze(length) => {
                state.frozen = Some(length);
                ("freezes", None)
            }
        };
        state.calls += 1;
        state.trace.count("call", name);
        if !said.is_empty() {
            state.trace.count("strike", said);
        }
        state.trace.note(self.clock.now(), &who, name, said.to_owned());
        strike
    }

    fn kill(&self) {
        self.state().killed = true;
    }

    fn is_killed(&self) -> bool {
        self.state().killed
    }

    fn take_killed(&self) -> bool {
        std::mem::take(&mut self.state().killed)
    }

    fn interleaves(&self) -> bool {
        true
    }

    fn done(&self, _name: &'static str) {
        self.state().written = true;
    }
}

/// Work on one job: whatever it calls is called in its name.
pub struct Scoped<F> {
    fate: Arc<Fate>,
    errand: Arc<Errand>,
    work: Pin<Box<F>>,
}

impl<F> Scoped<F> {
    /// `work`, in the name of `errand`.
    pub fn new(fate: Arc<Fate>, errand: Errand, work: F) -> Self {
        Self { fate, errand: Arc::new(errand), work: Box::pin(work) }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let outer = self.fate.begin(self.errand.clone());
        // Also when the work panics: the one who catches it goes on in its own name.
        let _back = Back { fate: self.fate.clone(), outer: Some(outer) };
        self.work.as_mut().poll(context)
    }
}

struct Back {
    fate: Arc<Fate>,
    outer: Option<Arc<Errand>>,
}

impl Drop for Back {
    fn drop(&mut self) {
        if let Some(outer) = self.outer.take() {
            self.fate.begin(outer);
        }
    }
}
