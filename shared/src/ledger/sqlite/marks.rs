//! Marks in SQLite: a batch is one transaction, and a mark one row in the order of its key.

use async_trait::async_trait;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row, named_params, params};

use super::SqliteLedger;
use crate::clock::Timestamp;
use crate::ids::{Epoch, JobId, MessageId, UserId};
use crate::ledger::Marks;
use crate::mark::{Ending, ForwardStep, Listing, Mark, MarkCounts, MarkState, Naming};
use crate::pack::PackKey;
use crate::store::{StoreError, Write};

const SELECT: &str = "SELECT * FROM marks WHERE user_id = ?1 AND message_id = ?2";

const SELECT_ALL: &str = "SELECT * FROM marks WHERE user_id = ?1";

const PAGE: &str = "
    SELECT * FROM marks WHERE user_id = ?1 AND message_id > ?2 ORDER BY message_id LIMIT ?3";

const FORGET: &str = "
    DELETE FROM marks WHERE user_id = ?1
      AND message_id IN (SELECT message_id FROM marks WHERE user_id = ?1 LIMIT ?2)";

const REPLACE: &str = "
    INSERT OR REPLACE INTO marks (
        user_id, message_id, epoch, state, reason, generation, internal_date, job_id, listed_at, done_at, expires_at,
        forwards, pack
    ) VALUES (
        :user_id, :message_id, :epoch, :state, :reason, :generation, :internal_date, :job_id, :listed_at, :done_at,
        :expires_at, :forwards, :pack
    )";

impl SqliteLedger {
    /// Changes the marks of `items` that are there, all in one transaction.
    async fn change_marks<T>(
        &self,
        doing: &'static str,
        user: &UserId,
        items: &[T],
        change: impl Fn(&T, &mut Mark) -> Write + Send + 'static,
    ) -> Result<(), StoreError>
    where
        T: Clone + Named + Send + 'static,
    {
        let (user, items) = (user.clone(), items.to_vec());
        let changed = self.0.write(doing, move |connection| {
            for item in &items {
                let Some(mut mark) = load(connection, &user, item.message_id())? else { continue };
                if change(item, &mut mark) == Write::Applied {
                    store(connection, &user, &mark)?;
                }
            }
            Ok(())
        });
        changed.await
    }
}

/// What names a message.
trait Named {
    fn message_id(&self) -> &MessageId;
}

impl Named for MessageId {
    fn message_id(&self) -> &MessageId {
        self
    }
}

impl Named for Ending {
    fn message_id(&self) -> &MessageId {
        &self.message_id
    }
}

#[async_trait]
impl Marks for SqliteLedger {
    async fn list(
        &self,
        user: &UserId,
        epoch: Epoch,
        listings: &[Listing],
        now: Timestamp,
    ) -> Result<Vec<MarkState>, StoreError> {
        let (user, listings) = (user.clone(), listings.to_vec());
        let listed = self.0.write("listing messages", move |connection| {
            let states = listings.iter().map(|listing| {
                let there = load(connection, &user, &listing.message_id)?;
                let new = listing.mark(there.as_ref(), epoch, now);
                if let Some(new) = &new {
                    store(connection, &user, new)?;
                }
                Ok(new.or(there).map_or(listing.state, |mark| mark.state))
            });
            states.collect()
        });
        listed.await
    }

    async fn get(&self, user: &UserId, ids: &[MessageId]) -> Result<Vec<Option<Mark>>, StoreError> {
        let (user, ids) = (user.clone(), ids.to_vec());
        let marks = self.0.read("reading marks", move |connection| {
            ids.iter().map(|id| load(connection, &user, id)).collect()
        });
        marks.await
    }

    async fn finish(
        &self,
        user: &UserId,
        epoch: Epoch,
        endings: &[Ending],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let finish = move |ending: &Ending, mark: &mut Mark| mark.finish(epoch, ending, now);
        self.change_marks("finishing messages", user, endings, finish).await
    }

    async fn name(
        &self,
        user: &UserId,
        namings: &[Naming],
    ) -> Result<Vec<Option<PackKey>>, StoreError> {
        let (user, namings) = (user.clone(), namings.to_vec());
        let named = self.0.write("naming packs", move |connection| {
            let named = namings.iter().map(|naming| {
                let Some(mut mark) = load(connection, &user, &naming.message_id)? else {
                    return Ok(None);
                };
                if mark.name(naming) == Write::Applied {
                    store(connection, &user, &mark)?;
                }
                Ok(mark.pack)
            });
            named.collect()
        });
        named.await
    }

    async fn park(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError> {
        let job = job.clone();
        let park = move |_: &MessageId, mark: &mut Mark| mark.park(epoch, &job);
        self.change_marks("parking messages", user, ids, park).await
    }

    async fn unpark(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError> {
        let job = job.clone();
        let unpark = move |_: &MessageId, mark: &mut Mark| mark.unpark(epoch, &job);
        self.change_marks("releasing messages", user, ids, unpark).await
    }

    async fn relist(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError> {
        let job = job.clone();
        let relist = move |_: &MessageId, mark: &mut Mark| mark.relist(epoch, &job);
        self.change_marks("listing messages again", user, ids, relist).await
    }

    async fn page(
        &self,
        user: &UserId,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<Mark>, StoreError> {
        let after = after.map(MessageId::to_string).unwrap_or_default();
        let user = user.clone();
        let marks = self.0.read("reading marks", move |connection| {
            let page = params![user, after, limit];
            connection.prepare_cached(PAGE)?.query_map(page, mark)?.collect()
        });
        marks.await
    }

    async fn forward(
        &self,
        user: &UserId,
        epoch: Epoch,
        message: &MessageId,
        action: &JobId,
        step: ForwardStep,
    ) -> Result<Write, StoreError> {
        let (user, message, action) = (user.clone(), message.clone(), action.clone());
        let changed = self.0.write("noting a forward", move |connection| {
            let Some(mut mark) = load(connection, &user, &message)? else {
                return Ok(Write::Stale);
            };
            let write = mark.forward(epoch, &action, step);
            if write == Write::Applied {
                store(connection, &user, &mark)?;
            }
            Ok(write)
        });
        changed.await
    }

    async fn count(
        &self,
        user: &UserId,
        epoch: Epoch,
        now: Timestamp,
    ) -> Result<MarkCounts, StoreError> {
        let user = user.clone();
        let counted = self.0.read("counting marks", move |connection| {
            let mut counts = MarkCounts::default();
            for mark in connection.prepare_cached(SELECT_ALL)?.query_map([&user], mark)? {
                let mark = mark?;
                if mark.counts(epoch, now) {
                    counts.add(mark.state);
                }
            }
            Ok(counts)
        });
        counted.await
    }

    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError> {
        let user = user.clone();
        let forgotten = self.0.write("deleting marks", move |connection| {
            connection.prepare_cached(FORGET)?.execute(params![user, limit])
        });
        forgotten.await
    }
}

fn load(connection: &Connection, user: &UserId, id: &MessageId) -> rusqlite::Result<Option<Mark>> {
    connection.prepare_cached(SELECT)?.query_row((user, id), mark).optional()
}

fn store(connection: &Connection, user: &UserId, mark: &Mark) -> rusqlite::Result<()> {
    let reason = match mark.state {
        MarkState::Skipped(reason) => Some(reason),
        MarkState::Listed | MarkState::Done | MarkState::Parked => None,
    };
    connection.prepare_cached(REPLACE)?.execute(named_params! {
        ":user_id": user,
        ":message_id": mark.message_id,
        ":epoch": mark.epoch,
        ":state": mark.state.as_str(),
        ":reason": reason,
        ":generation": mark.generation,
        ":internal_date": mark.internal_date,
        ":job_id": mark.job_id,
        ":listed_at": mark.listed_at,
        ":done_at": mark.done_at,
        ":expires_at": mark.expires_at,
        ":forwards": (!mark.forwards.0.is_empty()).then_some(&mark.forwards),
        ":pack": mark.pack,
    })?;
    Ok(())
}

fn mark(row: &Row<'_>) -> rusqlite::Result<Mark> {
    Ok(Mark {
        message_id: row.get("message_id")?,
        epoch: row.get("epoch")?,
        state: state(row)?,
        generation: row.get("generation")?,
        internal_date: row.get("internal_date")?,
        job_id: row.get("job_id")?,
        listed_at: row.get("listed_at")?,
        done_at: row.get("done_at")?,
        expires_at: row.get("expires_at")?,
        forwards: row.get::<_, Option<_>>("forwards")?.unwrap_or_default(),
        pack: row.get("pack")?,
    })
}

fn state(row: &Row<'_>) -> rusqlite::Result<MarkState> {
    let word: String = row.get("state")?;
    match word.as_str() {
        "listed" => Ok(MarkState::Listed),
        "done" => Ok(MarkState::Done),
        "parked" => Ok(MarkState::Parked),
        "skipped" => row.get("reason").map(MarkState::Skipped),
        _ => Err(Error::FromSqlConversionFailure(3, Type::Text, "an unknown state".into())),
    }
}
