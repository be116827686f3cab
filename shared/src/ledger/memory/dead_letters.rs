//! Dead letters in memory.

use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryLedger;
use crate::ids::UserId;
use crate::ledger::{DeadLetter, DeadLetters, Happening, LetterFilter, LetterKey, LetterState};
use crate::store::{StoreError, Write};

#[async_trait]
impl DeadLetters for MemoryLedger {
    async fn park(&self, letter: DeadLetter) -> Result<DeadLetter, StoreError> {
        let key = letter.key();
        let letters = &mut self.tables().letters;
        let there = letters.get(&key).cloned();
        let stands = letter.clone().over(there.as_ref()).or(there).unwrap_or(letter);
        letters.insert(key, stands.clone());
        Ok(stands)
    }

    async fn get(&self, key: &LetterKey) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.tables().letters.get(key).cloned())
    }

    async fn list(
        &self,
        filter: &LetterFilter,
        after: Option<&LetterKey>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tables = self.tables();
        let rest = tables.letters.range((start, Bound::Unbounded));
        let meant = rest.map(|(_, letter)| letter).filter(|letter| filter.admits(letter));
        Ok(meant.take(limit).cloned().collect())
    }

    async fn turn(
        &self,
        key: &LetterKey,
        from: &[LetterState],
        turn: Happening,
    ) -> Result<Write, StoreError> {
        let letters = &mut self.tables().letters;
        Ok(letters.get_mut(key).map_or(Write::Stale, |letter| letter.turn(from, &turn)))
    }

    async fn withdraw(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let key = (letter.user_id.clone(), letter.job_id.clone());
        let letters = &mut self.tables().letters;
        if letters.get(&key).is_some_and(|there| there.payload == letter.payload) {
            letters.remove(&key);
        }
        Ok(())
    }

    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError> {
        let letters = &mut self.tables().letters;
        let theirs = letters.keys().filter(|(owner, _)| owner.as_ref() == Some(user)).take(limit);
        let theirs: Vec<_> = theirs.cloned().collect();
        Ok(theirs.iter().filter_map(|key| letters.remove(key)).count())
    }
}
