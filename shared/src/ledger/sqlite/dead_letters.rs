//! Dead letters in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::SqliteLedger;
use crate::ids::UserId;
use crate::ledger::{DeadLetter, DeadLetters, Happening, LetterFilter, LetterKey, LetterState};
use crate::store::{StoreError, Write};

/// Stands for the userId where the body could not be read; no userId begins with a sign.
const NOBODY: &str = "-";

/// Sorts after every id.
const AFTER_ALL: &str = "~";

const REPLACE: &str = "
    INSERT OR REPLACE INTO dead_letters (
        user_id, job_id, stage, reason, error, tries, first_seen_at, last_seen_at, payload, state, retries, retry_at,
        history
    ) VALUES (
        :user_id, :job_id, :stage, :reason, :error, :tries, :first_seen_at, :last_seen_at, :payload, :state, :retries,
        :retry_at, :history
    )";

const SELECT: &str = "SELECT * FROM dead_letters WHERE user_id = ?1 AND job_id = ?2";

const LIST: &str = "
    SELECT * FROM dead_letters
    WHERE (user_id, job_id) > (?1, ?2) AND user_id <= ?3
      AND (?4 IS NULL OR reason = ?4) AND (?5 IS NULL OR stage = ?5) AND (?6 IS NULL OR state = ?6)
      AND (?7 IS NULL OR last_seen_at >= ?7) AND (?8 IS NULL OR last_seen_at < ?8)
    ORDER BY user_id, job_id LIMIT ?9";

const WITHDRAW: &str =
    "DELETE FROM dead_letters WHERE user_id = ?1 AND job_id = ?2 AND payload = ?3";

const FORGET: &str = "
    DELETE FROM dead_letters WHERE user_id = ?1
      AND job_id IN (SELECT job_id FROM dead_letters WHERE user_id = ?1 LIMIT ?2)";

#[async_trait]
impl DeadLetters for SqliteLedger {
    async fn park(&self, letter: DeadLetter) -> Result<DeadLetter, StoreError> {
        let parked = self.0.write("parking a dead letter", move |connection| {
            let there = load(connection, &letter.key())?;
            let Some(new) = letter.clone().over(there.as_ref()) else {
                return Ok(there.unwrap_or(letter));
            };
            store(connection, &new)?;
            Ok(new)
        });
        parked.await
    }

    async fn get(&self, key: &LetterKey) -> Result<Option<DeadLetter>, StoreError> {
        let key = key.clone();
        self.0.read("reading a dead letter", move |connection| load(connection, &key)).await
    }

    async fn list(
        &self,
        filter: &LetterFilter,
        after: Option<&LetterKey>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let LetterFilter { reason, stage, state, since, until, .. } = filter.clone();
        let whose = filter.user_id.as_ref().map(UserId::to_string);
        let first = (whose.clone().unwrap_or_default(), String::new());
        let after = after.map(|(user, job)| (owner(user.as_ref()), job.to_string()));
        let from = after.map_or_else(|| first.clone(), |after| after.max(first.clone()));
        let last = whose.unwrap_or_else(|| AFTER_ALL.to_owned());
        let letters = self.0.read("listing dead letters", move |connection| {
            let range = params![from.0, from.1, last, reason, stage, state, since, until, limit];
            connection.prepare_cached(LIST)?.query_map(range, letter)?.collect()
        });
        letters.await
    }

    async fn turn(
        &self,
        key: &LetterKey,
        from: &[LetterState],
        turn: Happening,
    ) -> Result<Write, StoreError> {
        let (key, from) = (key.clone(), from.to_vec());
        let turned = self.0.write("moving a dead letter on", move |connection| {
            let Some(mut letter) = load(connection, &key)? else { return Ok(Write::Stale) };
            let write = letter.turn(&from, &turn);
            if write == Write::Applied {
                store(connection, &letter)?;
            }
            Ok(write)
        });
        turned.await
    }

    async fn withdraw(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let (user, job) = (owner(letter.user_id.as_ref()), letter.job_id.clone());
        let payload = letter.payload.clone();
        let withdrawn = self.0.write("deleting a dead letter", move |connection| {
            connection.prepare_cached(WITHDRAW)?.execute(params![user, job, payload])
        });
        withdrawn.await.map(drop)
    }

    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError> {
        let user = user.clone();
        let forgotten = self.0.write("deleting dead letters", move |connection| {
            connection.prepare_cached(FORGET)?.execute(params![user, limit])
        });
        forgotten.await
    }
}

fn owner(user: Option<&UserId>) -> String {
    user.map_or_else(|| NOBODY.to_owned(), UserId::to_string)
}

fn load(connection: &Connection, (user, job): &LetterKey) -> rusqlite::Result<Option<DeadLetter>> {
    let key = (owner(user.as_ref()), job);
    connection.prepare_cached(SELECT)?.query_row(key, letter).optional()
}

fn store(connection: &Connection, letter: &DeadLetter) -> rusqlite::Result<()> {
    connection.prepare_cached(REPLACE)?.execute(named_params! {
        ":user_id": owner(letter.user_id.as_ref()),
        ":job_id": letter.job_id,
        ":stage": letter.stage,
        ":reason": letter.reason,
        ":error": letter.error,
        ":tries": letter.tries,
        ":first_seen_at": letter.first_seen_at,
        ":last_seen_at": letter.last_seen_at,
        ":payload": letter.payload,
        ":state": letter.state,
        ":retries": letter.retries,
        ":retry_at": letter.retry_at,
        ":history": letter.history,
    })?;
    Ok(())
}

fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let nobody = row.get_ref("user_id")?.as_str()? == NOBODY;
    Ok(DeadLetter {
        user_id: if nobody { None } else { Some(row.get("user_id")?) },
        job_id: row.get("job_id")?,
        stage: row.get("stage")?,
        reason: row.get("reason")?,
        error: row.get("error")?,
        tries: row.get("tries")?,
        first_seen_at: row.get("first_seen_at")?,
        last_seen_at: row.get("last_seen_at")?,
        payload: row.get("payload")?,
        state: row.get("state")?,
        retries: row.get("retries")?,
        retry_at: row.get("retry_at")?,
        history: row.get("history")?,
    })
}
