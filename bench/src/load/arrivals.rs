//! Mail that arrives at a steady rate.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use shared::clock::Clock;
use tests::google::letter;

use super::{MessageKey, Site};

/// Deliveries under way at the same time: enough that none waits for another's answer.
const TOGETHER: usize = 8;

/// Messages that arrive one after the other in the mailboxes of some people, in turn.
pub struct Arrivals<'a> {
    /// Whose mailboxes.
    pub people: &'a [String],
    every: Duration,
    lasting: Duration,
    so_far: AtomicUsize,
}

impl<'a> Arrivals<'a> {
    /// In the mailboxes of `people`, one message `every` so often, whoever it is for, for as long as `lasting`.
    pub fn new(people: &'a [String], every: Duration, lasting: Duration) -> Self {
        Self { people, every, lasting, so_far: AtomicUsize::new(0) }
    }

    /// How many have arrived.
    pub fn so_far(&self) -> usize {
        self.so_far.load(Ordering::Relaxed)
    }

    /// Delivers them all. If Google cannot keep up they come later, and none is left out.
    pub async fn deliver(&self, site: &Site) -> anyhow::Result<BTreeSet<MessageKey>> {
        let (clock, began) = (Clock::System, Clock::System.now());
        let total = u32::try_from(self.lasting.as_micros() / self.every.as_micros())?;
        let turns = stream::iter(0..total).then(async |number| {
            let early = (self.every * number).saturating_sub(clock.now().since(began));
            if !early.is_zero() {
                clock.sleep(early).await;
            }
            number as usize
        });
        let deliveries = turns.map(|number| async move {
            let email = &self.people[number % self.people.len()];
            let id = site.google.deliver(email, &letter(number)).await;
            self.so_far.fetch_add(1, Ordering::Relaxed);
            Ok((site.user(email)?.to_owned(), id))
        });
        let delivered: Vec<_> = deliveries.buffer_unordered(TOGETHER).collect().await;
        delivered.into_iter().collect()
    }
}

/// Delivers so many messages to one person, as fast as Google takes them.
pub async fn at_once(
    site: &Site,
    email: &str,
    messages: usize,
) -> anyhow::Result<BTreeSet<MessageKey>> {
    let user = site.user(email)?.to_owned();
    let deliveries = stream::iter(0..messages)
        .map(|number| async move { site.google.deliver(email, &letter(number)).await });
    let ids: Vec<_> = deliveries.buffer_unordered(TOGETHER).collect().await;
    Ok(ids.into_iter().map(|id| (user.clone(), id)).collect())
}
