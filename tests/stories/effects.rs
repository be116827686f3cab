//! A memory of every call to a store or to Google, and a hand that makes a chosen one go wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use simulation::hand::{Hand, Strike};

/// The memory and the hand. Clones are handles to the same.
#[derive(Clone, Default)]
pub(crate) struct Effects(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    log: Vec<&'static str>,
    plan: Vec<Planned>,
    dead: bool,
}

struct Planned {
    name: &'static str,
    /// How many calls of the name go by before.
    skip: usize,
    strike: Strike,
}

impl Effects {
    /// The next call of this name goes so.
    pub(crate) fn next(&self, name: &'static str, strike: Strike) {
        self.nth(name, 1, strike);
    }

    /// The `nth` call of this name from now on, counted from 1, goes so.
    pub(crate) fn nth(&self, name: &'static str, nth: usize, strike: Strike) {
        self.state().plan.push(Planned { name, skip: nth - 1, strike });
    }

    /// How many calls of this name there were; a name that ends in a dot means a whole trait.
    pub(crate) fn count(&self, name: &str) -> usize {
        let state = self.state();
        let meant =
            |call: &&&str| **call == name || (name.ends_with('.') && call.starts_with(name));
        state.log.iter().filter(meant).count()
    }

    /// The calls whose strikes have not come to pass.
    pub(crate) fn outstanding(&self) -> Vec<&'static str> {
        self.state().plan.iter().map(|planned| planned.name).collect()
    }

    /// Runs a process; `None` when it died at one of its calls.
    pub(crate) async fn alive<T>(&self, process: impl Future<Output = T>) -> Option<T> {
        (self as &dyn Hand).alive(process).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hand for Effects {
    fn enter(&self, name: &'static str) -> Option<Strike> {
        let mut state = self.state();
        state.log.push(name);
        let mut struck = None;
        for (place, planned) in state.plan.iter_mut().enumerate().filter(|(_, p)| p.name == name) {
            match planned.skip.checked_sub(1) {
                Some(left) => planned.skip = left,
                None => struck = struck.or(Some(place)),
            }
        }
        struck.map(|place| state.plan.remove(place).strike)
    }

    fn kill(&self) {
        self.state().dead = true;
    }

    fn is_killed(&self) -> bool {
        self.state().dead
    }

    fn take_killed(&self) -> bool {
        std::mem::take(&mut self.state().dead)
    }
}
