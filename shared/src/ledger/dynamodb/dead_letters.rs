//! Dead letters in DynamoDB.

use std::cmp::Ordering;

use async_trait::async_trait;

use super::DynamoLedger;
use super::pages::Page;
use super::table::Row;
use super::values::{Attributes, Item, Malformed, NOBODY, Value, any, needed};
use crate::ids::UserId;
use crate::ledger::{DeadLetter, DeadLetters, Happening, LetterFilter, LetterKey, LetterState};
use crate::store::{StoreError, Write};

/// Rows that are read at a time, at least: a filter may admit few of them.
const PAGE: usize = 100;

impl Row for DeadLetter {
    fn item(&self) -> Item {
        let Self {
            user_id,
            job_id,
            stage,
            reason,
            error,
            tries,
            first_seen_at,
            last_seen_at,
            payload,
            state,
            retries,
            retry_at,
            history,
        } = self;
        Attributes::default()
            .with("userId", &owner(user_id.as_ref()).to_owned())
            .with("jobId", job_id)
            .with("stage", stage)
            .with("reason", reason)
            .with("error", error)
            .with("tries", tries)
            .with("firstSeenAt", first_seen_at)
            .with("lastSeenAt", last_seen_at)
            .with("payload", payload)
            .with("state", state)
            .with("retries", retries)
            .with_any("retryAt", retry_at.as_ref())
            .with("history", history)
            .item()
    }

    fn read(item: &Item) -> Result<Self, Malformed> {
        let nobody = needed::<String>(item, "userId")? == NOBODY;
        Ok(Self {
            user_id: if nobody { None } else { Some(needed(item, "userId")?) },
            job_id: needed(item, "jobId")?,
            stage: needed(item, "stage")?,
            reason: needed(item, "reason")?,
            error: needed(item, "error")?,
            tries: needed(item, "tries")?,
            first_seen_at: needed(item, "firstSeenAt")?,
            last_seen_at: needed(item, "lastSeenAt")?,
            payload: needed(item, "payload")?,
            state: needed(item, "state")?,
            retries: any(item, "retries")?.unwrap_or_default(),
            retry_at: any(item, "retryAt")?,
            history: any(item, "history")?.unwrap_or_default(),
        })
    }
}

impl DynamoLedger {
    fn letter_key(&self, (user, job): &LetterKey) -> Item {
        self.dead_letters.key(&[owner(user.as_ref()), job.as_str()])
    }

    async fn letter_page(
        &self,
        whose: Option<&UserId>,
        after: Option<Item>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let doing = "listing dead letters";
        match whose {
            Some(user) => {
                self.dead_letters.query_page(doing, user.as_str(), after, Some(limit)).await
            }
            // A release must not miss what was parked a moment before.
            None => {
                self.dead_letters
                    .scan_page(doing, after, limit, |scan| scan.consistent_read(true))
                    .await
            }
        }
    }
}

#[async_trait]
impl DeadLetters for DynamoLedger {
    async fn park(&self, letter: DeadLetter) -> Result<DeadLetter, StoreError> {
        let doing = "parking a dead letter";
        let key = self.letter_key(&letter.key());
        let there = self.dead_letters.get(doing, key.clone()).await?;
        let park = |there: Option<&DeadLetter>| letter.clone().over(there);
        let parked = self.dead_letters.change(doing, key, there, park).await?;
        Ok(parked.row.unwrap_or(letter))
    }

    async fn get(&self, key: &LetterKey) -> Result<Option<DeadLetter>, StoreError> {
        let doing = "reading a dead letter";
        let item = self.dead_letters.get(doing, self.letter_key(key)).await?;
        item.map(|item| self.dead_letters.read(doing, &item)).transpose()
    }

    async fn list(
        &self,
        filter: &LetterFilter,
        after: Option<&LetterKey>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let whose = filter.user_id.as_ref();
        let mut from = match (whose, after) {
            (Some(whose), Some(key)) => match owner(key.0.as_ref()).cmp(whose.as_str()) {
                Ordering::Less => None,
                Ordering::Equal => Some(self.letter_key(key)),
                Ordering::Greater => return Ok(Vec::new()),
            },
            (_, after) => after.map(|key| self.letter_key(key)),
        };
        let mut letters = Vec::new();
        while letters.len() < limit {
            let page = self.letter_page(whose, from, limit.max(PAGE)).await?;
            for item in &page.items {
                let letter = self.dead_letters.read("listing dead letters", item)?;
                if filter.admits(&letter) && letters.len() < limit {
                    letters.push(letter);
                }
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(letters)
    }

    async fn turn(
        &self,
        key: &LetterKey,
        from: &[LetterState],
        turn: Happening,
    ) -> Result<Write, StoreError> {
        let doing = "moving a dead letter on";
        let key = self.letter_key(key);
        let there = self.dead_letters.get(doing, key.clone()).await?;
        let turn = |there: Option<&DeadLetter>| {
            let mut letter = there?.clone();
            (letter.turn(from, &turn) == Write::Applied).then_some(letter)
        };
        Ok(self.dead_letters.change(doing, key, there, turn).await?.write)
    }

    async fn withdraw(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let key = self.letter_key(&(letter.user_id.clone(), letter.job_id.clone()));
        let payload = letter.payload.write();
        self.dead_letters.delete_while("deleting a dead letter", key, "payload", payload).await
    }

    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError> {
        self.dead_letters.delete_page("deleting dead letters", user.as_str(), limit).await
    }
}

fn owner(user: Option<&UserId>) -> &str {
    user.map_or(NOBODY, UserId::as_str)
}
