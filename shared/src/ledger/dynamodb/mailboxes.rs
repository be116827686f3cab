//! Mailboxes in DynamoDB.

use async_trait::async_trait;

use super::DynamoLedger;
use super::mailbox_items::{ROSTER_ATTRIBUTES, roster};
use super::pages::Page;
use super::values::{Item, needed, shown};
use crate::clock::Timestamp;
use crate::goodbye::{DisconnectDebt, Revoked};
use crate::ids::{Epoch, UserId};
use crate::ledger::{Advance, Consent, Life, Mailboxes, NewAccess, ScanPage, Segment};
use crate::mailbox::{Mailbox, Notice, Owed, Pace, RetryDebt, Roster, Standing, Tokens};
use crate::reason::PauseReason;
use crate::store::{StoreError, Write};

impl DynamoLedger {
    async fn change_mailbox(
        &self,
        doing: &'static str,
        user: &UserId,
        change: impl Fn(&mut Mailbox) -> Write + Send + Sync,
    ) -> Result<Write, StoreError> {
        let decide = |there: Option<&Mailbox>| {
            let mut mailbox = there?.clone();
            (change(&mut mailbox) == Write::Applied).then_some(mailbox)
        };
        self.decide_mailbox(doing, user, decide).await
    }

    async fn decide_mailbox(
        &self,
        doing: &'static str,
        user: &UserId,
        decide: impl Fn(Option<&Mailbox>) -> Option<Mailbox> + Send + Sync,
    ) -> Result<Write, StoreError> {
        let key = self.mailboxes.key(&[user.as_str()]);
        let there = self.mailboxes.get(doing, key.clone()).await?;
        Ok(self.mailboxes.change(doing, key, there, decide).await?.write)
    }

    async fn roster_page(
        &self,
        segment: Segment,
        after: Option<Item>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let number = |count| i32::try_from(count).unwrap_or(i32::MAX);
        let placeholders = ROSTER_ATTRIBUTES.map(|name| (format!("#{name}"), name.to_owned()));
        let projection = ROSTER_ATTRIBUTES.map(|name| format!("#{name}")).join(", ");
        let page = self.mailboxes.scan_page("scanning mailboxes", after, limit, |scan| {
            scan.segment(number(segment.index))
                .total_segments(number(segment.total))
                .projection_expression(projection)
                .set_expression_attribute_names(Some(placeholders.into()))
        });
        page.await
    }
}

#[async_trait]
impl Mailboxes for DynamoLedger {
    async fn get(&self, user: &UserId) -> Result<Option<Mailbox>, StoreError> {
        let doing = "reading a mailbox";
        let item = self.mailboxes.get(doing, self.mailboxes.key(&[user.as_str()])).await?;
        item.map(|item| self.mailboxes.read(doing, &item)).transpose()
    }

    async fn scan(
        &self,
        segment: Segment,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let (mut page, mut limit) = (ScanPage { mailboxes: Vec::new(), next: None }, limit);
        if segment.index >= segment.total {
            return Ok(page);
        }
        let mut after = after.map(|user| self.mailboxes.key(&[user.as_str()]));
        loop {
            let read = self.roster_page(segment, after, limit).await?;
            page.mailboxes.extend(read.items.iter().filter_map(legible));
            let Some(last) = read.next else { return Ok(page) };
            page.next = needed(&last, "userId").ok();
            if page.next.is_some() {
                return Ok(page);
            }
            // The last row is none of ours, and no place to go on from: the room it leaves takes the next.
            (after, limit) = (Some(last), 1);
        }
    }

    async fn connect(&self, consent: Consent) -> Result<Write, StoreError> {
        let user = consent.user_id.clone();
        let complete = |there: Option<&Mailbox>| consent.clone().complete(there.cloned());
        self.decide_mailbox("storing a consent", &user, complete).await
    }

    async fn lease_refresh(
        &self,
        at: Life<'_>,
        version: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Write, StoreError> {
        let lease = |mailbox: &mut Mailbox| mailbox.lease_refresh(at, version, now, until);
        self.change_mailbox("taking a refresh lease", at.user, lease).await
    }

    async fn release_refresh(&self, user: &UserId) -> Result<(), StoreError> {
        let release = |mailbox: &mut Mailbox| {
            Write::only_if(mailbox.refresh_lease.is_some(), || mailbox.refresh_lease = None)
        };
        self.change_mailbox("giving a refresh lease back", user, release).await.map(drop)
    }

    async fn store_access(&self, at: Life<'_>, access: NewAccess) -> Result<Write, StoreError> {
        let store = |mailbox: &mut Mailbox| mailbox.store_access(at, access.clone());
        self.change_mailbox("storing an access token", at.user, store).await
    }

    async fn reseal(&self, at: Life<'_>, read: Tokens, new: Tokens) -> Result<Write, StoreError> {
        let reseal = |mailbox: &mut Mailbox| mailbox.reseal(at, &read, new.clone());
        self.change_mailbox("sealing tokens anew", at.user, reseal).await
    }

    async fn advance(&self, from: Standing, moved: Advance) -> Result<Write, StoreError> {
        let advance = |mailbox: &mut Mailbox| mailbox.advance(&from, moved.clone());
        self.change_mailbox("moving a cursor", &from.user_id, advance).await
    }

    async fn reserve(&self, user: &UserId, read: Pace, new: Pace) -> Result<Write, StoreError> {
        self.change_mailbox("reserving quota", user, |mailbox| mailbox.reserve(read, new)).await
    }

    async fn need_reauth(&self, at: Life<'_>, notice: Notice) -> Result<Write, StoreError> {
        let note = |mailbox: &mut Mailbox| mailbox.need_reauth(at, notice.clone());
        self.change_mailbox("noting a dead grant", at.user, note).await
    }

    async fn pause(
        &self,
        user: &UserId,
        epoch: Epoch,
        reason: PauseReason,
    ) -> Result<Write, StoreError> {
        self.change_mailbox("pausing a mailbox", user, |mailbox| mailbox.pause(epoch, reason)).await
    }

    async fn resume(
        &self,
        user: &UserId,
        epoch: Epoch,
        reason: PauseReason,
        at: Timestamp,
    ) -> Result<Write, StoreError> {
        let resume = |mailbox: &mut Mailbox| mailbox.resume(epoch, reason, at);
        self.change_mailbox("resuming a mailbox", user, resume).await
    }

    async fn owe_retry(
        &self,
        user: &UserId,
        epoch: Epoch,
        read: Option<RetryDebt>,
        new: Option<RetryDebt>,
    ) -> Result<Write, StoreError> {
        let owe = |mailbox: &mut Mailbox| mailbox.owe_retry(epoch, read, new);
        self.change_mailbox("noting what is to go round again", user, owe).await
    }

    async fn disconnect(&self, user: &UserId, debt: DisconnectDebt) -> Result<Write, StoreError> {
        let end = |mailbox: &mut Mailbox| mailbox.disconnect(debt.clone());
        self.change_mailbox("disconnecting a mailbox", user, end).await
    }

    async fn forget_tokens(
        &self,
        user: &UserId,
        epoch: Epoch,
        revoked: Revoked,
    ) -> Result<Write, StoreError> {
        let forget = |mailbox: &mut Mailbox| mailbox.forget_tokens(epoch, revoked);
        self.change_mailbox("forgetting tokens", user, forget).await
    }

    async fn purge_again(
        &self,
        user: &UserId,
        epoch: Epoch,
        at: Timestamp,
    ) -> Result<Write, StoreError> {
        self.change_mailbox("noting a purge", user, |mailbox| mailbox.purge_again(epoch, at)).await
    }

    async fn bury(&self, user: &UserId, epoch: Epoch, at: Timestamp) -> Result<Write, StoreError> {
        self.change_mailbox("ending a purge", user, |mailbox| mailbox.bury(epoch, at)).await
    }

    async fn settle(&self, user: &UserId, paid: Owed) -> Result<(), StoreError> {
        let settle = |mailbox: &mut Mailbox| {
            let before = mailbox.owed.clone();
            mailbox.owed.settle(&paid);
            Write::only_if(mailbox.owed != before, || ())
        };
        self.change_mailbox("settling what was owed", user, settle).await.map(drop)
    }
}

/// What a scan shows of a row. One that was spoilt by hand costs its own mailbox the round, and nobody else's.
fn legible(item: &Item) -> Option<Roster> {
    roster(item)
        .inspect_err(|error| {
            let mailbox = shown(item, "userId");
            tracing::error!(mailbox, %error, "A mailbox was passed over: its row cannot be read");
        })
        .ok()
}
