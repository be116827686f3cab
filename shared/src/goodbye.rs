//! The end of a mailbox's life: what is still to be done for it, and what a purge leaves.
//!
//! A purge is made twice. Whatever was under way when the life ended may have written since, and ends before its record
//! could be seen again: after that time the second pass finds the last of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{Epoch, Grant};
use crate::queue::VISIBILITY;
use crate::words::words;

/// How long after the first pass the second one begins.
pub const SETTLING: Duration = VISIBILITY;

const DAY: Duration = Duration::from_hours(24);

/// How long each place that a purge does not reach may keep what it held: tables can be set back for 35 days
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html>), a queue keeps a
/// dead job for 14, a log its lines for 30. The numbers of our own making are held against the template.
pub const REMAINS: [(Place, u32); 3] =
    [(Place::Backups, 35), (Place::Queues, 14), (Place::Logs, 30)];

words! {
    /// A place that a purge does not reach.
    Place, "place" {
        /// The tables as they were, to be set back to.
        Backups = "backups",
        /// Jobs that name the mailbox and its messages, and do nothing any more.
        Queues = "queues",
        /// Lines that name the mailbox and its messages, by their ids.
        Logs = "logs",
    }
}

words! {
    /// Whether Google took the grant back.
    Revoked, "answer to a revocation" {
        /// It did, or it was dead already.
        Yes = "yes",
        /// It could not be asked.
        No = "no",
        /// That was said when the life ended, before anybody asked for the purge.
        Before = "before",
        /// There was nothing to take back: the mailbox was read by delegation, and its owner had given us nothing.
        Nothing = "nothing",
    }
}

impl Revoked {
    /// As an event says it; none where an earlier one did, and where there was nothing to take back.
    pub fn said(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Before | Self::Nothing => None,
        }
    }
}

/// A life that has ended and is still to be cleared away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisconnectDebt {
    /// The event's id.
    pub id: String,
    /// The life that ended.
    pub epoch: Epoch,
    /// Its last consent.
    pub grant: Grant,
    /// When it ended, or when its purge was asked for.
    pub at: Timestamp,
    /// What Google said to the revocation; `None` until it was asked, for the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revoked>,
    /// That everything it left is to be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge: Option<PurgeDebt>,
}

impl DisconnectDebt {
    /// Nothing has been done yet.
    pub fn new(id: String, epoch: Epoch, grant: Grant, at: Timestamp) -> Self {
        Self { id, epoch, grant, at, revoked: None, purge: None }
    }

    /// The same, with the purge.
    #[must_use]
    pub fn with_purge(self) -> Self {
        Self { purge: Some(PurgeDebt::default()), ..self }
    }

    /// When the second pass of a purge is over, and the account can be connected again; `None` until the first is.
    pub fn over_by(&self) -> Option<Timestamp> {
        let again_at = self.purge.as_ref()?.again_at?;
        // The job of the second pass is there at its moment, and needs some seconds.
        Some(again_at + Duration::from_mins(1))
    }
}

/// How far a purge has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PurgeDebt {
    /// When the second pass may begin; `None` until the first is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Timestamp>,
    /// The operator's id for this person, which the row has lost already and the event still needs.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// What a row remembers of its last purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Purged {
    /// The life of which, and of those before it, nothing is left.
    pub epoch: Epoch,
    /// When the second pass was over.
    pub at: Timestamp,
    /// What Google said to the revocation.
    pub revoked: Revoked,
}

/// What a person who asked for a purge is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// When everything within reach was deleted, for the second time.
    pub purged_at: Timestamp,
    /// Whether Google took the grant back; null where the event of the disconnect said so, and where there was none.
    pub revoked_at_google: Option<bool>,
    /// What remains elsewhere.
    pub remains: Vec<Remains>,
}

/// What a place may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Remains {
    /// Where.
    pub place: Place,
    /// Until when at the latest.
    pub until: Timestamp,
}

impl Purged {
    /// The receipt.
    pub fn receipt(&self) -> Receipt {
        Receipt {
            purged_at: self.at,
            revoked_at_google: self.revoked.said(),
            remains: remains(self.at),
        }
    }
}

/// What remains elsewhere after a purge that is over at this moment.
pub fn remains(at: Timestamp) -> Vec<Remains> {
    REMAINS.iter().map(|(place, days)| Remains { place: *place, until: at + DAY * *days }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_of_before_there_were_purges_is_read() {
        let old = r#"{"id":"e","epoch":1,"grant":2,"at":"2026-05-01T12:00:00.000Z"}"#;
        let debt: DisconnectDebt = serde_json::from_str(old).unwrap();
        assert_eq!((debt.revoked, debt.purge.as_ref()), (None, None));
        assert_eq!(serde_json::to_string(&debt).unwrap(), old);
    }

    #[test]
    fn a_receipt_names_each_place_and_its_last_day() {
        let at: Timestamp = "2026-05-01T12:00:00.000Z".parse().unwrap();
        let receipt = Purged { epoch: Epoch(1), at, revoked: Revoked::Yes }.receipt();
        let text = serde_json::to_value(receipt).unwrap();
        assert_eq!(text["remains"][0]["place"], "backups");
        assert_eq!(text["remains"][0]["until"], "2026-06-05T12:00:00.000Z");
        assert_eq!(text["revokedAtGoogle"], true);
    }
}
