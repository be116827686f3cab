//! A run's hold on the stored round: taken, renewed with every save, given back.
//!
//! All three are writes on condition of the version that was last seen, so that of two runs that both believe they hold
//! the round one is told that it does not.

use std::time::Duration;

use shared::breaker::ROUND;
use shared::clock::{Chance, Timestamp};
use shared::ids::JobId;
use shared::ledger::Control;
use shared::store::{StoreError, Write};

use crate::round::{LEASE, Lease, Offer, Round, offer};

/// The round, held.
pub struct Tenure {
    /// The round as this run has it; stored by [`Tenure::save`].
    pub round: Round,
    holder: JobId,
    version: Option<u64>,
}

/// What came of reaching for the round.
pub enum Reach {
    /// It is ours until the lease runs out.
    Held(Tenure),
    /// Somebody else has it.
    Busy,
    /// There is none to be had yet.
    Nothing,
}

impl Tenure {
    /// Takes the round that is to be worked on at `now`.
    pub async fn take(
        control: &dyn Control,
        chance: &Chance,
        now: Timestamp,
        first: Duration,
        segments: u32,
    ) -> Result<Reach, StoreError> {
        let stored = control.read(ROUND, now).await?;
        let version = stored.as_ref().map(|item| item.version);
        let round = stored.map(|item| parse(&item.value)).transpose()?;
        let round = match offer(round, now, first, segments) {
            Offer::Round(round) => round,
            Offer::Busy => return Ok(Reach::Busy),
            Offer::Nothing => return Ok(Reach::Nothing),
        };
        let mut tenure = Self { round, holder: JobId::random(chance), version };
        match tenure.save(control, now).await? {
            Write::Applied => Ok(Reach::Held(tenure)),
            Write::Stale => Ok(Reach::Busy),
        }
    }

    /// Takes the lease back from a run that ended without a word.
    pub async fn reclaim(control: &dyn Control, now: Timestamp) -> Result<(), StoreError> {
        let Some(item) = control.read(ROUND, now).await? else { return Ok(()) };
        let round = parse(&item.value)?;
        let Some(Lease { holder, .. }) = round.lease.clone() else { return Ok(()) };
        let dead = Self { round, holder, version: Some(item.version) };
        // Stale would be a run that lives after all, and then the lease is its own.
        let _: Write = dead.release(control, now).await?;
        Ok(())
    }

    /// Stores the pages and renews the lease; `Stale` when somebody took over.
    pub async fn save(
        &mut self,
        control: &dyn Control,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let lease = Lease { lease_until: now + LEASE, holder: self.holder.clone() };
        self.round.lease = Some(lease);
        self.write(control, now).await
    }

    /// Stores the pages and gives the lease back, so that the next run need not wait for it to run out.
    pub async fn release(
        mut self,
        control: &dyn Control,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        self.round.lease = None;
        self.write(control, now).await
    }

    async fn write(&mut self, control: &dyn Control, now: Timestamp) -> Result<Write, StoreError> {
        let value = serde_json::to_string(&self.round).map_err(unreadable)?;
        let write = control.write(ROUND, self.version, value, None, now).await?;
        // The version counts writes, and this was the next one.
        self.version = Some(self.version.unwrap_or(0) + 1);
        Ok(write)
    }
}

fn parse(value: &str) -> Result<Round, StoreError> {
    serde_json::from_str(value).map_err(unreadable)
}

/// Not begun anew on our own: that could skip mailboxes for ever, and nobody would hear of it.
fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::Broken { doing: "reading the stored round", source: error.into() }
}
