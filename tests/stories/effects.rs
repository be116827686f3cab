//! A memory of every call to a store or to Google, and a hand that makes a chosen one go wrong.
//!
//! A call goes by the name of its trait and method, `archive.put_new`. What can happen to it is what happens to calls:
//! nothing was done, or it was done and nobody heard, or the process died just before or just after.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures::future::poll_fn;
use shared::google::{GmailError, OAuthError};
use shared::store::StoreError;
use tokio::sync::Notify;

/// What happens to a call.
pub(crate) enum Strike {
    /// Nothing was done.
    Throttled,
    /// It was done, and the answer was lost.
    Unanswered,
    /// Nothing was done, for lack of room.
    Full,
    /// The entries at these places of a batch are refused.
    Refuses(Vec<usize>),
    /// The process dies before it is done.
    DiesBefore,
    /// It is done, and the process dies.
    DiesAfter,
    /// The stage panics.
    Panics,
    /// It is done, and this happens in the world before the answer is read.
    Meanwhile(Box<dyn FnOnce() + Send>),
    /// It is done, and its answer is on the way until the story lets it arrive.
    Holds(Arc<Hold>),
}

/// A call that is held, and the story that holds it, meet here.
#[derive(Default)]
pub(crate) struct Hold {
    pub(crate) reached: Notify,
    pub(crate) release: Notify,
}

/// An error that a call may end in without having been heard of.
pub(crate) trait Outage: Sized {
    fn unanswered() -> Self;
    fn full() -> Self;
}

impl Outage for StoreError {
    fn unanswered() -> Self {
        Self::Unavailable { doing: "a story", source: "no answer".into() }
    }

    fn full() -> Self {
        Self::Full { doing: "a story", source: "no room".into() }
    }
}

impl Outage for GmailError {
    fn unanswered() -> Self {
        Self::Unreachable { cause: "no answer".to_owned() }
    }

    fn full() -> Self {
        Self::Backend { status: 503 }
    }
}

impl Outage for OAuthError {
    fn unanswered() -> Self {
        Self::Unreachable { cause: "no answer".to_owned() }
    }

    fn full() -> Self {
        Self::Backend { status: 503 }
    }
}

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

    /// Notes a call, and says what is to happen to it.
    pub(crate) fn enter(&self, name: &'static str) -> Option<Strike> {
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

    /// Makes a call, or lets happen to it what is planned.
    pub(crate) async fn pass<T, E: Outage>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let strike = self.enter(name);
        self.carry(strike, call).await
    }

    /// Makes a call that was noted before.
    pub(crate) async fn carry<T, E: Outage>(
        &self,
        strike: Option<Strike>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if self.state().dead {
            return std::future::pending().await;
        }
        match strike {
            None | Some(Strike::Refuses(_)) => call.await,
            Some(Strike::Throttled) => Err(E::unanswered()),
            Some(Strike::Unanswered) => call.await.and(Err(E::unanswered())),
            Some(Strike::Full) => Err(E::full()),
            Some(Strike::DiesBefore) => self.die().await,
            Some(Strike::DiesAfter) => {
                let _ = call.await;
                self.die().await
            }
            Some(Strike::Panics) => panic!("as a story has it"),
            Some(Strike::Meanwhile(event)) => {
                let answer = call.await;
                event();
                answer
            }
            Some(Strike::Holds(hold)) => {
                let answer = call.await;
                hold.reached.notify_one();
                hold.release.notified().await;
                answer
            }
        }
    }

    /// Runs a process; `None` when it died at one of its calls. What it was about to do is never done.
    pub(crate) async fn alive<T>(&self, process: impl Future<Output = T>) -> Option<T> {
        let mut process = std::pin::pin!(process);
        poll_fn(|context| match process.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if std::mem::take(&mut self.state().dead) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    async fn die<T>(&self) -> T {
        self.state().dead = true;
        std::future::pending().await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
