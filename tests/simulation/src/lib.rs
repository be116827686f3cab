//! The production stages in a world where everything goes wrong, on one thread, under a clock of its own.
//!
//! [`hand`], [`watched`], [`stores`] and [`stages`] put the production stages into anybody's hand; the stories use them
//! too. The rest is the simulated world: [`world`] and its processes, [`deeds`] of people, the dice of [`fate`], and the
//! [`witness`], who sees what really happens and says what must not have. [`crashes`] tries every point at which a
//! process can die, [`swarm`] what a seed draws.

mod accounts;
pub mod actions;
pub mod crashes;
pub mod deeds;
pub mod domain;
pub mod fate;
mod forgotten;
pub mod google;
pub mod hand;
pub mod outside;
mod people;
mod processes;
pub mod queue;
mod released;
pub mod stages;
pub mod stores;
pub mod swarm;
pub mod trace;
mod verdict;
pub mod watched;
pub mod witness;
pub mod world;

/// The answer of a future that waits for nothing, such as a call of a store in memory.
pub fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    futures::FutureExt::now_or_never(future)
}
