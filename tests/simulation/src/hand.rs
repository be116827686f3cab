//! What can happen to a call of a store or of Google, and the hand that decides it.
//!
//! A call goes by the name of its trait and method, `archive.put_new`. What can happen to it is what happens to calls:
//! nothing was done, or it was done and nobody heard, or the process died just before or just after.

use std::sync::Arc;
use std::task::Poll;

use futures::future::poll_fn;
use shared::google::{DelegationError, GmailError, OAuthError};
use shared::store::StoreError;
use shared::webhook::WebhookError;
use tokio::sync::Notify;

/// What happens to a call.
pub enum Strike {
    /// Nothing was done.
    Throttled,
    /// It was done, and the answer was lost.
    Unanswered,
    /// Nothing was done, for lack of room.
    Full,
    /// The entries at these places of a batch are refused; places beyond the batch are not.
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
pub struct Hold {
    /// The call was made.
    pub reached: Notify,
    /// Its answer may arrive.
    pub release: Notify,
}

/// Sees every call, and decides what happens to it.
pub trait Hand: Send + Sync {
    /// A call begins; what is to happen to it.
    fn enter(&self, name: &'static str) -> Option<Strike>;

    /// The process that makes the call dies: it is not to be run any further.
    fn kill(&self);

    /// Whether the process that makes the call has just died.
    fn is_killed(&self) -> bool;

    /// Takes the death that was noted.
    fn take_killed(&self) -> bool;

    /// Whether other processes may go first, before each call.
    fn interleaves(&self) -> bool {
        false
    }

    /// The call was made, whether its answer is heard or not.
    fn done(&self, _name: &'static str) {}
}

/// An error that a call may end in without having been heard of.
pub trait Outage: Sized {
    /// Nobody answered.
    fn unanswered() -> Self;
    /// There was no room, or what is nearest to that.
    fn full() -> Self;
}

impl Outage for StoreError {
    fn unanswered() -> Self {
        Self::Unavailable { doing: "a simulation", source: "no answer".into() }
    }

    fn full() -> Self {
        Self::Full { doing: "a simulation", source: "no room".into() }
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

impl Outage for DelegationError {
    fn unanswered() -> Self {
        Self::Unreachable { cause: "no answer".to_owned() }
    }

    fn full() -> Self {
        Self::Backend { status: 503 }
    }
}

impl Outage for WebhookError {
    fn unanswered() -> Self {
        Self::Unreachable { cause: "no answer".to_owned() }
    }

    fn full() -> Self {
        Self::Answered { status: 503 }
    }
}

impl dyn Hand {
    /// Makes a call, or lets happen to it what the hand decides.
    pub async fn pass<T, E: Outage>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let strike = self.reach(name).await;
        self.carry(name, strike, call).await
    }

    /// Lets others go first, notes the call, and asks what is to happen to it.
    pub async fn reach(&self, name: &'static str) -> Option<Strike> {
        if self.interleaves() {
            let mut went = false;
            poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut went, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        if self.is_killed() {
            return std::future::pending().await;
        }
        self.enter(name)
    }

    /// Makes a call that was noted before.
    pub async fn carry<T, E: Outage>(
        &self,
        name: &'static str,
        strike: Option<Strike>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match strike {
            None | Some(Strike::Refuses(_)) => self.made(name, call).await,
            Some(Strike::Throttled) => Err(E::unanswered()),
            Some(Strike::Unanswered) => self.made(name, call).await.and(Err(E::unanswered())),
            Some(Strike::Full) => Err(E::full()),
            Some(Strike::DiesBefore) => self.die().await,
            Some(Strike::DiesAfter) => {
                let _ = self.made(name, call).await;
                self.die().await
            }
            Some(Strike::Panics) => panic!("as a story has it"),
            Some(Strike::Meanwhile(event)) => {
                let answer = self.made(name, call).await;
                event();
                answer
            }
            Some(Strike::Holds(hold)) => {
                let answer = self.made(name, call).await;
                hold.reached.notify_one();
                hold.release.notified().await;
                answer
            }
        }
    }

    async fn made<T>(&self, name: &'static str, call: impl Future<Output = T>) -> T {
        let answer = call.await;
        self.done(name);
        answer
    }

    async fn die<T>(&self) -> T {
        self.kill();
        std::future::pending().await
    }

    /// Runs a process; `None` when it died at one of its calls. What it was about to do is never done.
    pub async fn alive<T>(&self, process: impl Future<Output = T>) -> Option<T> {
        let mut process = std::pin::pin!(process);
        poll_fn(|context| match process.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.take_killed() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}
