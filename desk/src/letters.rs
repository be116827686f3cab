//! Reading dead letters, whole or by name.

use shared::ids::JobId;
use shared::ledger::{DeadLetter, DeadLetters, LetterFilter, LetterKey};
use shared::store::StoreError;

/// How many letters are read at once.
const PAGE: usize = 1000;

/// Shows every letter of the filter to `each`, in the order that all reads share. Memory is bounded by a page.
pub async fn each(
    letters: &dyn DeadLetters,
    filter: &LetterFilter,
    mut each: impl FnMut(DeadLetter),
) -> Result<(), StoreError> {
    let mut after: Option<LetterKey> = None;
    loop {
        let page = letters.list(filter, after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(DeadLetter::key);
        page.into_iter().for_each(&mut each);
        if is_last {
            return Ok(());
        }
    }
}

/// The letters with these names: a job's name is its own, but every mailbox has its `sync`.
pub async fn named(
    letters: &dyn DeadLetters,
    jobs: &[JobId],
    of: &LetterFilter,
) -> Result<Vec<DeadLetter>, StoreError> {
    let mut found = Vec::new();
    let filter = LetterFilter { user_id: of.user_id.clone(), ..LetterFilter::default() };
    each(letters, &filter, |letter| {
        if jobs.contains(&letter.job_id) {
            found.push(letter);
        }
    })
    .await?;
    Ok(found)
}
