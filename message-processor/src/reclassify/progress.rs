//! What a run is about, and how far it has come: a lease and a note in `Control`.

use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::ledger::ControlItem;
use shared::result::{MessageResult, RESULTS, results_of};
use shared::store::{StoreError, Write};

use super::{LEASE, Reclassification, Stopped};

/// The item's name in `Control`.
const ITEM: &str = "reclassification";

/// Which results are judged anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Those of this mailbox alone.
    pub user: Option<UserId>,
    /// Those of messages that Gmail received from this moment on.
    pub since: Option<Timestamp>,
    /// Announce only those that change.
    pub changed_only: bool,
}

/// Where a result is kept.
pub(super) struct Place {
    pub(super) user: UserId,
    /// Such as `2026/05/01`.
    day: String,
}

impl Place {
    /// `None` for what is no result's key.
    pub(super) fn of(key: &str) -> Option<Self> {
        let mut parts = key.strip_prefix(RESULTS)?.splitn(2, '/');
        let (user, rest) = (parts.next()?.parse().ok()?, parts.next()?);
        let (day, file) = rest.split_at_checked("2026/05/01".len())?;
        let is_result = file.strip_suffix(".json").is_some();
        is_result.then(|| Self { user, day: day.to_owned() })
    }
}

impl Scope {
    /// The folder that all of them are in.
    pub(super) fn folder(&self) -> String {
        self.user.as_ref().map_or_else(|| RESULTS.to_owned(), results_of)
    }

    /// Whether something that is kept there may be meant.
    pub(super) fn has(&self, place: &Place) -> bool {
        self.since.is_none_or(|since| {
            let day = since.to_string();
            let day = day.get(..10).unwrap_or_default().replace('-', "/");
            place.day >= day
        })
    }

    /// Whether this result is meant.
    pub(super) fn covers(&self, result: &MessageResult) -> bool {
        self.since.is_none_or(|since| result.internal_date.is_some_and(|date| date >= since))
    }
}

/// What is stored of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    scope: Scope,
    pub(super) started_at: Timestamp,
    lease_until: Timestamp,
    /// Keys of results that may have been replaced and not announced.
    pub(super) in_hand: Vec<String>,
}

/// A run that holds the lease.
pub(super) struct Held {
    pub(super) progress: Progress,
    version: u64,
}

impl Reclassification {
    /// Takes the lease. What a run that died had in hand is announced; one with the same scope is gone on with.
    pub(super) async fn begin(&self, scope: &Scope) -> Result<Held, Stopped> {
        let now = self.clock.now();
        let found = self.control.read(ITEM, now).await?;
        let fresh = Progress {
            scope: scope.clone(),
            started_at: now,
            lease_until: now + LEASE,
            in_hand: vec![],
        };
        let Some(item) = found else {
            return self.write(None, fresh, None).await;
        };
        let before = parse(&item)?;
        if before.lease_until > now {
            let (since, until) = (before.started_at, before.lease_until);
            return Err(Stopped::Busy { since, until });
        }
        let taken = Progress { lease_until: now + LEASE, ..before };
        let held = self.write(Some(item.version), taken, None).await?;
        self.settle(&held).await?;
        let goes_on = held.progress.scope == *scope;
        let started_at = if goes_on { held.progress.started_at } else { fresh.started_at };
        self.write(Some(held.version), Progress { started_at, ..fresh }, None).await
    }

    /// Notes what is about to be replaced, and keeps the lease.
    pub(super) async fn hold(&self, held: &mut Held, in_hand: Vec<String>) -> Result<(), Stopped> {
        let lease_until = self.clock.now() + LEASE;
        let is_fresh = held.progress.lease_until.since(self.clock.now()) > LEASE / 2;
        if in_hand.is_empty() && held.progress.in_hand.is_empty() && is_fresh {
            return Ok(());
        }
        let progress = Progress { lease_until, in_hand, ..held.progress.clone() };
        *held = self.write(Some(held.version), progress, None).await?;
        Ok(())
    }

    /// The run is over.
    pub(super) async fn close(&self, held: Held) -> Result<(), Stopped> {
        let now = self.clock.now();
        let progress = Progress { in_hand: vec![], ..held.progress };
        self.write(Some(held.version), progress, Some(now)).await.map(|_| ())
    }

    /// Writes the item, unless another run has.
    async fn write(
        &self,
        read: Option<u64>,
        progress: Progress,
        expires_at: Option<Timestamp>,
    ) -> Result<Held, Stopped> {
        let value = serde_json::to_string(&progress).map_err(broken)?;
        let now = self.clock.now();
        if self.control.write(ITEM, read, value.clone(), expires_at, now).await? == Write::Stale {
            return Err(Stopped::Overtaken);
        }
        if let Some(version) = read {
            return Ok(Held { progress, version: version + 1 });
        }
        // An item that had expired counts on from where it was.
        let written = self.control.read(ITEM, now).await?.filter(|item| item.value == value);
        let version = written.map(|item| item.version).ok_or(Stopped::Overtaken)?;
        Ok(Held { progress, version })
    }
}

fn parse(item: &ControlItem) -> Result<Progress, StoreError> {
    serde_json::from_str(&item.value).map_err(broken)
}

fn broken(error: serde_json::Error) -> StoreError {
    StoreError::Broken { doing: "reading what a reclassification noted", source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_no_results_is_none() {
        for key in [
            "results/",
            "results/42/",
            "results/42/2026/05/01",
            "raw/42/m.eml",
            "results//a",
            "results/42/é",
        ] {
            assert!(Place::of(key).is_none(), "{key}");
        }
        let place = Place::of("results/42/2026/05/01/m1.json").unwrap();
        assert_eq!((place.user.as_str(), &*place.day), ("42", "2026/05/01"));
    }

    #[test]
    fn a_scope_begins_on_the_day_of_its_moment() {
        let since = Some("2026-05-01T23:00:00Z".parse().unwrap());
        let scope = Scope { since, ..Scope::default() };
        let has = |day: &str| scope.has(&Place::of(&format!("results/42/{day}/m1.json")).unwrap());
        assert!(!has("2026/04/30") && has("2026/05/01") && has("2026/06/01"));
    }
}
