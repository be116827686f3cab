//! What is looked at while mail arrives: the log of events all the time, the process now and then.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use shared::clock::Clock;

use super::arrivals::Arrivals;
use super::consumer::Consumer;
use super::figures::{count, quantile};
use super::{MessageKey, Site};
use crate::resident_memory;

/// How often the log of events is read: the error of every delay.
const READ: Duration = Duration::from_millis(20);

/// How often the process is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How long the last messages may take. Who was told to come back later waits a minute.
const PATIENCE: Duration = Duration::from_mins(3);

/// A look at a running `serve`.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Resident memory, in MB.
    pub memory_mb: f64,
    /// Jobs in its queues.
    pub jobs: f64,
    /// Messages that have arrived and are not announced yet.
    pub waiting: f64,
}

/// What was seen while mail arrived.
pub struct Seen {
    /// The mail.
    pub delivered: BTreeSet<MessageKey>,
    /// How long it took to arrive, in seconds.
    pub seconds: f64,
    /// The looks, evenly spaced, until the last message arrived.
    pub samples: Vec<Sample>,
}

impl Seen {
    /// The middle of a figure over a part of the time, from one share of it to another (0 to 1).
    pub fn middle(&self, from: f64, to: f64, figure: impl Fn(&Sample) -> f64) -> f64 {
        let all = count(self.samples.len());
        let share = |(at, sample)| (count(at) / all, sample);
        let part = self.samples.iter().enumerate().map(share);
        let part = part.filter(|(share, _)| (from..to).contains(share));
        quantile(part.map(|(_, sample)| figure(sample)).collect(), 0.5)
    }
}

/// Has the mail arrive, and reads and looks until all of it was announced.
pub async fn watch(
    site: &Site,
    arrivals: &Arrivals<'_>,
    consumer: &mut Consumer,
) -> anyhow::Result<Seen> {
    let users: Vec<_> =
        arrivals.people.iter().filter_map(|email| site.users.get(email)).cloned().collect();
    let (clock, before) = (Clock::System, consumer.told_of(&users));
    let (began, ended) = (clock.now(), Cell::new(None));
    let arriving = async {
        let delivered = arrivals.deliver(site).await;
        ended.set(Some(clock.now()));
        delivered
    };
    let watching = async {
        let (mut looked, mut samples) = (began, Vec::new());
        loop {
            consumer.read().await?;
            let waiting = arrivals.so_far().saturating_sub(consumer.told_of(&users) - before);
            let now = clock.now();
            match ended.get() {
                Some(_) if waiting == 0 => return Ok(samples),
                Some(ended) => ensure!(now.since(ended) < PATIENCE, "{waiting} messages are lost"),
                None if now.since(looked) >= LOOK => {
                    looked = now;
                    samples.push(sample(site, waiting).await?);
                }
                None => {}
            }
            clock.sleep(READ).await;
        }
    };
    let (delivered, samples) = tokio::join!(arriving, watching);
    let seconds = ended.get().unwrap_or(began).since(began).as_secs_f64();
    Ok(Seen { delivered: delivered?, seconds, samples: samples? })
}

async fn sample(site: &Site, waiting: usize) -> anyhow::Result<Sample> {
    let memory_mb = resident_memory(&site.serve.id().to_string())?;
    let jobs = count(usize::try_from(site.jobs().await?)?);
    Ok(Sample { memory_mb, jobs, waiting: count(waiting) })
}
