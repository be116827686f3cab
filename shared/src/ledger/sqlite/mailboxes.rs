//! Mailboxes in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::SqliteLedger;
use super::mailbox_rows::{load, roster, store};
use crate::clock::Timestamp;
use crate::goodbye::{DisconnectDebt, Revoked};
use crate::ids::{Epoch, UserId};
use crate::ledger::segment::slot;
use crate::ledger::{Advance, Consent, Life, Mailboxes, NewAccess, ScanPage, Segment};
use crate::mailbox::{Mailbox, Notice, Owed, Pace, RetryDebt, Roster, Standing, Tokens};
use crate::reason::PauseReason;
use crate::sealing::{KeyName, Sealed};
use crate::store::{StoreError, Write};

const SCAN: &str = "
    SELECT user_id, epoch, connected_at, last_fetched_at, last_mail_at, readable, owes FROM mailboxes INDEXED BY roster
    WHERE (slot, user_id) > (?1, ?2) AND slot < ?3 ORDER BY slot, user_id LIMIT ?4";

/// The start of every refresh token, which names its key.
const KEYS: &str = "
    SELECT substr(refresh_token, 1, 12), count(*), min(user_id) FROM mailboxes
    WHERE refresh_token IS NOT NULL GROUP BY 1";

/// How many refresh tokens name one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedUnder {
    /// The key; `None` for those that name none, because they were spoilt.
    pub key: Option<KeyName>,
    /// How many mailboxes.
    pub mailboxes: u64,
    /// One of them.
    pub one: UserId,
}

impl SqliteLedger {
    /// The keys that refresh tokens name. One look at the table, whatever its size.
    pub async fn refresh_keys(&self) -> Result<Vec<SealedUnder>, StoreError> {
        let keys = self.0.read("looking for the keys of tokens", |connection| {
            let mut select = connection.prepare(KEYS)?;
            let rows = select.query_map([], |row| {
                let start: String = row.get(0)?;
                let key = Sealed(start).key_name();
                Ok(SealedUnder { key, mailboxes: row.get(1)?, one: row.get(2)? })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        });
        keys.await
    }

    async fn change(
        &self,
        doing: &'static str,
        user: &UserId,
        change: impl FnOnce(&mut Mailbox) -> Write + Send + 'static,
    ) -> Result<Write, StoreError> {
        let user = user.clone();
        let changed = self.0.write(doing, move |connection| {
            let Some(mut mailbox) = load(connection, &user)? else { return Ok(Write::Stale) };
            let write = change(&mut mailbox);
            if write == Write::Applied {
                store(connection, &mailbox)?;
            }
            Ok(write)
        });
        changed.await
    }

    /// A change under the condition of a consent.
    async fn change_in(
        &self,
        doing: &'static str,
        at: Life<'_>,
        change: impl FnOnce(&mut Mailbox, Life<'_>) -> Write + Send + 'static,
    ) -> Result<Write, StoreError> {
        let (user, epoch, grant) = (at.user.clone(), at.epoch, at.grant);
        let changed = self.change(doing, at.user, move |mailbox| {
            change(mailbox, Life { user: &user, epoch, grant })
        });
        changed.await
    }
}

#[async_trait]
impl Mailboxes for SqliteLedger {
    async fn get(&self, user: &UserId) -> Result<Option<Mailbox>, StoreError> {
        let user = user.clone();
        self.0.read("reading a mailbox", move |connection| load(connection, &user)).await
    }

    async fn scan(
        &self,
        segment: Segment,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let slots = segment.slots();
        // No userId is empty: the start of a slot lies before all of its mailboxes.
        let start = (slots.start, String::new());
        let after = after.map(|user| (slot(user), user.to_string()));
        let from = after.map_or_else(|| start.clone(), |after| after.max(start.clone()));
        let page = self.0.read("scanning mailboxes", move |connection| {
            let mut scan = connection.prepare_cached(SCAN)?;
            let rows = scan.query_map(params![from.0, from.1, slots.end, limit], roster)?;
            rows.collect::<Result<Vec<Roster>, _>>()
        });
        Ok(ScanPage::of(page.await?, limit))
    }

    async fn connect(&self, consent: Consent) -> Result<Write, StoreError> {
        let complete = move |connection: &Connection| {
            let there = load(connection, &consent.user_id)?;
            let Some(mailbox) = consent.complete(there) else { return Ok(Write::Stale) };
            store(connection, &mailbox)?;
            Ok(Write::Applied)
        };
        self.0.write("storing a consent", complete).await
    }

    async fn lease_refresh(
        &self,
        at: Life<'_>,
        version: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Write, StoreError> {
        let doing = "taking a refresh lease";
        let lease = move |mailbox: &mut Mailbox, at: Life<'_>| {
            mailbox.lease_refresh(at, version, now, until)
        };
        self.change_in(doing, at, lease).await
    }

    async fn release_refresh(&self, user: &UserId) -> Result<(), StoreError> {
        let release = |mailbox: &mut Mailbox| {
            Write::only_if(mailbox.refresh_lease.is_some(), || mailbox.refresh_lease = None)
        };
        self.change("giving a refresh lease back", user, release).await.map(drop)
    }

    async fn store_access(&self, at: Life<'_>, access: NewAccess) -> Result<Write, StoreError> {
        let doing = "storing an access token";
        self.change_in(doing, at, |mailbox, at| mailbox.store_access(at, access)).await
    }

    async fn reseal(&self, at: Life<'_>, read: Tokens, new: Tokens) -> Result<Write, StoreError> {
        let doing = "sealing tokens anew";
        self.change_in(doing, at, move |mailbox, at| mailbox.reseal(at, &read, new)).await
    }

    async fn advance(&self, from: Standing, moved: Advance) -> Result<Write, StoreError> {
        let user = from.user_id.clone();
        self.change("moving a cursor", &user, move |mailbox| mailbox.advance(&from, moved)).await
    }

    async fn reserve(&self, user: &UserId, read: Pace, new: Pace) -> Result<Write, StoreError> {
        self.change("reserving quota", user, move |mailbox| mailbox.reserve(read, new)).await
    }

    async fn need_reauth(&self, at: Life<'_>, notice: Notice) -> Result<Write, StoreError> {
        let doing = "noting a dead grant";
        self.change_in(doing, at, |mailbox, at| mailbox.need_reauth(at, notice)).await
    }

    async fn pause(
        &self,
        user: &UserId,
        epoch: Epoch,
        reason: PauseReason,
    ) -> Result<Write, StoreError> {
        self.change("pausing a mailbox", user, move |mailbox| mailbox.pause(epoch, reason)).await
    }

    async fn resume(
        &self,
        user: &UserId,
        epoch: Epoch,
        reason: PauseReason,
        at: Timestamp,
    ) -> Result<Write, StoreError> {
        let resume = move |mailbox: &mut Mailbox| mailbox.resume(epoch, reason, at);
        self.change("resuming a mailbox", user, resume).await
    }

    async fn owe_retry(
        &self,
        user: &UserId,
        epoch: Epoch,
        read: Option<RetryDebt>,
        new: Option<RetryDebt>,
    ) -> Result<Write, StoreError> {
        let owe = move |mailbox: &mut Mailbox| mailbox.owe_retry(epoch, read, new);
        self.change("noting what is to go round again", user, owe).await
    }

    async fn disconnect(&self, user: &UserId, debt: DisconnectDebt) -> Result<Write, StoreError> {
        self.change("disconnecting a mailbox", user, |mailbox| mailbox.disconnect(debt)).await
    }

    async fn forget_tokens(
        &self,
        user: &UserId,
        epoch: Epoch,
        revoked: Revoked,
    ) -> Result<Write, StoreError> {
        let forget = move |mailbox: &mut Mailbox| mailbox.forget_tokens(epoch, revoked);
        self.change("forgetting tokens", user, forget).await
    }

    async fn purge_again(
        &self,
        user: &UserId,
        epoch: Epoch,
        at: Timestamp,
    ) -> Result<Write, StoreError> {
        self.change("noting a purge", user, move |mailbox| mailbox.purge_again(epoch, at)).await
    }

    async fn bury(&self, user: &UserId, epoch: Epoch, at: Timestamp) -> Result<Write, StoreError> {
        self.change("ending a purge", user, move |mailbox| mailbox.bury(epoch, at)).await
    }

    async fn settle(&self, user: &UserId, paid: Owed) -> Result<(), StoreError> {
        let settle = move |mailbox: &mut Mailbox| {
            let before = mailbox.owed.clone();
            mailbox.owed.settle(&paid);
            Write::only_if(mailbox.owed != before, || ())
        };
        self.change("settling what was owed", user, settle).await.map(drop)
    }
}
