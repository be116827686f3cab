//! What failed, at a glance: letters counted by what they have in common.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::{JobId, UserId};
use shared::ledger::{DeadLetter, DeadLetters, LetterFilter, StageName};
use shared::reason::Reason;
use shared::store::StoreError;

use crate::letters::each;

const HOUR_MILLIS: i64 = 60 * 60 * 1000;

/// What letters are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Why they died.
    Reason,
    /// Where.
    Stage,
    /// Whose they are.
    Mailbox,
    /// In which hour they last died, UTC.
    Hour,
}

/// What the letters of a group have in common; `None` where they were not grouped by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Common {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
    /// Whose; the inner `None` is nobody, for bodies that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Option<UserId>>,
    /// The beginning of the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hour: Option<Timestamp>,
}

/// Letters that have something in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// What.
    #[serde(flatten)]
    pub common: Common,
    /// How many.
    pub letters: u64,
    /// When the first of them was first sent.
    pub first_seen_at: Timestamp,
    /// When the last of them last died.
    pub last_seen_at: Timestamp,
    /// How many of them will go round by themselves.
    pub retried: u64,
    /// The one that died last.
    pub sample: JobId,
    /// What it died of, in words.
    pub error: String,
}

/// Counts the letters of the filter, the largest group first.
pub async fn groups(
    letters: &dyn DeadLetters,
    filter: &LetterFilter,
    by: &[By],
) -> Result<Vec<Group>, StoreError> {
    let mut all: BTreeMap<Common, Group> = BTreeMap::new();
    each(letters, filter, |letter| {
        let common = common(&letter, by);
        match all.get_mut(&common) {
            Some(group) => group.add(letter),
            None => drop(all.insert(common.clone(), Group::of(common, letter))),
        }
    })
    .await?;
    let mut groups: Vec<Group> = all.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.letters));
    Ok(groups)
}

fn common(letter: &DeadLetter, by: &[By]) -> Common {
    let mut common = Common::default();
    for by in by {
        match by {
            By::Reason => common.reason = Some(letter.reason),
            By::Stage => common.stage = Some(letter.stage),
            By::Mailbox => common.user_id = Some(letter.user_id.clone()),
            By::Hour => common.hour = Some(hour(letter.last_seen_at)),
        }
    }
    common
}

fn hour(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis() - at.millis().rem_euclid(HOUR_MILLIS))
}

impl Group {
    fn of(common: Common, letter: DeadLetter) -> Self {
        Self {
            common,
            letters: 1,
            first_seen_at: letter.first_seen_at,
            last_seen_at: letter.last_seen_at,
            retried: u64::from(letter.retry_at.is_some()),
            sample: letter.job_id,
            error: letter.error,
        }
    }

    fn add(&mut self, letter: DeadLetter) {
        self.letters += 1;
        self.retried += u64::from(letter.retry_at.is_some());
        self.first_seen_at = self.first_seen_at.min(letter.first_seen_at);
        if letter.last_seen_at > self.last_seen_at {
            self.last_seen_at = letter.last_seen_at;
            self.sample = letter.job_id;
            self.error = letter.error;
        }
    }
}
