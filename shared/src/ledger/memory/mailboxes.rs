//! Mailboxes in memory, in the order of their slots.

use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryLedger;
use crate::clock::Timestamp;
use crate::goodbye::{DisconnectDebt, Revoked};
use crate::ids::{Epoch, UserId};
use crate::ledger::segment::slot;
use crate::ledger::{Advance, Consent, Life, Mailboxes, NewAccess, ScanPage, Segment};
use crate::mailbox::{Mailbox, Notice, Owed, Pace, RetryDebt, Standing, Tokens};
use crate::reason::PauseReason;
use crate::store::{StoreError, Write};

fn key(user: &UserId) -> (u32, UserId) {
    (slot(user), user.clone())
}

impl MemoryLedger {
    /// Puts a mailbox there as it is: how a test begins.
    pub fn insert(&self, mailbox: Mailbox) {
        self.tables().mailboxes.insert(key(&mailbox.user_id), mailbox);
    }

    fn change(&self, user: &UserId, change: impl FnOnce(&mut Mailbox) -> Write) -> Write {
        self.tables().mailboxes.get_mut(&key(user)).map_or(Write::Stale, change)
    }
}

#[async_trait]
impl Mailboxes for MemoryLedger {
    async fn get(&self, user: &UserId) -> Result<Option<Mailbox>, StoreError> {
        Ok(self.tables().mailboxes.get(&key(user)).cloned())
    }

    async fn scan(
        &self,
        segment: Segment,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let slots = segment.slots();
        let tables = self.tables();
        let rest = tables.mailboxes.range((
            after.map_or(Bound::Unbounded, |user| Bound::Excluded(key(user))),
            Bound::Unbounded,
        ));
        let mine = rest.filter(|((slot, _), _)| slots.contains(slot));
        let mailboxes: Vec<_> = mine.take(limit).map(|(_, mailbox)| mailbox.roster()).collect();
        Ok(ScanPage::of(mailboxes, limit))
    }

    async fn connect(&self, consent: Consent) -> Result<Write, StoreError> {
        let mut tables = self.tables();
        let key = key(&consent.user_id);
        let there = tables.mailboxes.get(&key).cloned();
        Ok(match consent.complete(there) {
            Some(mailbox) => Write::only_if(true, || drop(tables.mailboxes.insert(key, mailbox))),
            None => Write::Stale,
        })
    }

    async fn lease_refresh(
        &self,
        at: Life<'_>,
        version: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Write, StoreError> {
        Ok(self.change(at.user, |mailbox| mailbox.lease_refresh(at, version, now, until)))
    }

    async fn release_refresh(&self, user: &UserId) -> Result<(), StoreError> {
        let _ = self.change(user, |mailbox| Write::only_if(true, || mailbox.refresh_lease = None));
        Ok(())
    }

    async fn store_access(&self, at: Life<'_>, access: NewAccess) -> Result<Write, StoreError> {
        Ok(self.change(at.user, |mailbox| mailbox.store_access(at, access)))
    }

    async fn reseal(&self, at: Life<'_>, read: Tokens, new: Tokens) -> Result<Write, StoreError> {
        Ok(self.change(at.user, |mailbox| mailbox.reseal(at, &read, new)))
    }

    async fn advance(&self, from: Standing, moved: Advance) -> Result<Write, StoreError> {
        Ok(self.change(&from.user_id, |mailbox| mailbox.advance(&from, moved)))
    }

    async fn reserve(&self, user: &UserId, read: Pace, new: Pace) -> Result<Write, StoreError> {
        Ok(self.change(user, |mailbox| mailbox.reserve(read, new)))
    }

    async fn need_reauth(&self, at: Life<'_>, notice: Notice) -> Result<Write, StoreError> {
        Ok(self.change(at.user, |mailbox| mailbox.need_reauth(at, notice)))
    }

    async fn pause(
        &self,
        user: &UserId,
        epoch: Epoch,
        reason: PauseReason,
    ) -> Result<Write, StoreError> {
        Ok(self.change(user, |mailbox| mailbox.pause(epoch, reason)))
    }

    async fn resume(
        &self,
        user: &UserId,
        epoch: Epoch,
        reason: PauseReason,
        at: Timestamp,
    ) -> Result<Write, StoreError> {
        Ok(self.change(user, |mailbox| mailbox.resume(epoch, reason, at)))
    }

    async fn owe_retry(
        &self,
        user: &UserId,
        epoch: Epoch,
        read: Option<RetryDebt>,
        new: Option<RetryDebt>,
    ) -> Result<Write, StoreError> {
        Ok(self.change(user, |mailbox| mailbox.owe_retry(epoch, read, new)))
    }

    async fn disconnect(&self, user: &UserId, debt: DisconnectDebt) -> Result<Write, StoreError> {
        Ok(self.change(user, |mailbox| mailbox.disconnect(debt)))
    }

    async fn forget_tokens(
        &self,
        user: &UserId,
        epoch: Epoch,
        revoked: Revoked,
    ) -> Result<Write, StoreError> {
        Ok(self.change(user, |mailbox| mailbox.forget_tokens(epoch, revoked)))
    }

    async fn purge_again(
        &self,
        user: &UserId,
        epoch: Epoch,
        at: Timestamp,
    ) -> Result<Write, StoreError> {
        Ok(self.change(user, |mailbox| mailbox.purge_again(epoch, at)))
    }

    async fn bury(&self, user: &UserId, epoch: Epoch, at: Timestamp) -> Result<Write, StoreError> {
        Ok(self.change(user, |mailbox| mailbox.bury(epoch, at)))
    }

    async fn settle(&self, user: &UserId, paid: Owed) -> Result<(), StoreError> {
        let _ = self.change(user, |mailbox| Write::only_if(true, || mailbox.owed.settle(&paid)));
        Ok(())
    }
}
