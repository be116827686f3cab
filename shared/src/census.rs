//! A census: which messages Gmail has in a mailbox and a time window, told to the person who asked.
//!
//! Gmail is asked with an opened token, and nobody at a keyboard holds one: the question travels as a job
//! ([`UserJobKind::Census`](crate::jobs::UserJobKind)), and the user-worker answers in `Control`, page by page, under
//! names made of the job's. The answer goes by itself after an hour. However often the job is done, it writes under the
//! same names.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{JobId, MessageId};
use crate::ledger::Control;
use crate::store::{StoreError, Write};

/// How long an answer is kept. Whoever asked waits for minutes.
pub const KEPT: Duration = Duration::from_hours(1);

/// The most ids of a page: what Gmail names at once. At 64 letters each, the longest there are, that is 34 KB of the
/// 400 KB that DynamoDB takes.
pub const PAGE_IDS: usize = 500;

/// How often a page is written again after somebody else's write came first.
const RACES: usize = 5;

/// A page of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Page {
    /// Messages that Gmail has.
    Ids {
        /// At most [`PAGE_IDS`].
        ids: Vec<MessageId>,
        /// Whether no page follows.
        last: bool,
    },
    /// Gmail could not be asked, or not to the end: no page follows.
    Failed {
        /// Why, in words.
        error: String,
    },
}

/// The name of the page of this number, from 0.
fn name(job: &JobId, number: usize) -> String {
    format!("census/{job}/{number}")
}

/// Writes a page, over one of an earlier run.
pub async fn write(
    control: &dyn Control,
    job: &JobId,
    number: usize,
    page: &Page,
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = "answering a census";
    let name = name(job, number);
    let value = serde_json::to_string(page)
        .map_err(|error| StoreError::Broken { doing, source: error.into() })?;
    for _ in 0..RACES {
        let read = control.read(&name, now).await?.map(|item| item.version);
        let kept_until = Some(now + KEPT);
        if control.write(&name, read, value.clone(), kept_until, now).await? == Write::Applied {
            return Ok(());
        }
    }
    Err(StoreError::Unavailable { doing, source: "others always came first".into() })
}

/// The page of this number, once it is there.
pub async fn read(
    control: &dyn Control,
    job: &JobId,
    number: usize,
    now: Timestamp,
) -> Result<Option<Page>, StoreError> {
    let Some(item) = control.read(&name(job, number), now).await? else { return Ok(None) };
    let read = serde_json::from_str(&item.value);
    read.map(Some)
        .map_err(|error| StoreError::Broken { doing: "reading a census", source: error.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_the_other_side_reads() {
        let ids = vec!["m1".parse().unwrap()];
        for (page, json) in [
            (Page::Ids { ids, last: true }, r#"{"ids":["m1"],"last":true}"#),
            (Page::Failed { error: "no".into() }, r#"{"error":"no"}"#),
        ] {
            assert_eq!(serde_json::to_string(&page).unwrap(), json);
            assert_eq!(serde_json::from_str::<Page>(json).unwrap(), page);
        }
    }

    #[test]
    fn the_largest_page_fits_an_item() {
        let ids = vec!["x".repeat(64).parse().unwrap(); PAGE_IDS];
        let page = serde_json::to_string(&Page::Ids { ids, last: false }).unwrap();
        assert!(page.len() < 40_000, "{}", page.len());
    }
}
