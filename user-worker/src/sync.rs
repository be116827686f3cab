//! One poll of one mailbox: token → listing → marks and jobs → cursor, and then what is owed.

use shared::announce::pay_announcement;
use shared::clock::Timestamp;
use shared::disposition::Attempt;
use shared::events::{EventKind, mailbox_event_id};
use shared::google::GmailError;
use shared::ids::HistoryId;
use shared::jobs::{Lane, UserJob};
use shared::ledger::Advance;
use shared::mailbox::{Announcement, Mailbox};
use shared::replay::resolve_dead_sync;
use shared::silence::QUIET_WRITE;
use shared::store::Write;

use crate::failure::SyncError;
use crate::hand_on::{Handed, Pace};
use crate::listing::{Listing, gap_report};
use crate::token::Access;
use crate::{Next, UserWorker};

impl UserWorker {
    /// Brings the mailbox up to date, if it may be read, and pays its debts.
    pub(crate) async fn sync(
        &self,
        job: &UserJob,
        mailbox: &Mailbox,
        attempt: &Attempt,
    ) -> Result<Next, SyncError> {
        if !mailbox.is_readable() {
            return Ok(Next::Done);
        }
        let mailbox = &self.announce_connection(mailbox).await?;
        let (access, listing) = self.listing(mailbox, attempt).await?;
        let Listing { pages, cursor, gap } = listing;
        let how = (Lane::Live, Pace::InTurn);
        let handed = self.hand_all_on(job, mailbox, &access, pages, how, attempt).await?;
        let moved = advance(mailbox, cursor, gap, handed, attempt.now);
        if worth_writing(mailbox, &moved, attempt.now) && !self.advance(mailbox, &moved).await? {
            // Somebody else read the same history and was first: everything is marked and sent, nothing is missing.
            return Ok(Next::Done);
        }
        self.pay(job, mailbox, moved.announcement, attempt).await
    }

    /// Announces a connection whose first sync moved the cursor and died before it said so. Before anything is listed:
    /// a gap found there owes an event of its own, which would take this one's place.
    async fn announce_connection(&self, mailbox: &Mailbox) -> Result<Mailbox, SyncError> {
        let mut mailbox = mailbox.clone();
        let owed = mailbox.owed.announcement.as_ref();
        let is_connection = owed.is_some_and(|owed| owed.kind == EventKind::Connected);
        if is_connection && mailbox.history_id.is_some() {
            let stack = &self.settings.stack;
            pay_announcement(&*self.mailboxes, &*self.events, stack, &mailbox).await?;
            mailbox.owed.announcement = None;
        }
        Ok(mailbox)
    }

    /// Begins to list with the token at hand; when Gmail refuses it, once more with a newer one.
    async fn listing(
        &self,
        mailbox: &Mailbox,
        attempt: &Attempt,
    ) -> Result<(Access, Listing), SyncError> {
        let access = self.access(mailbox, None, attempt).await?;
        match self.list(&access.token, mailbox, attempt.now).await {
            Err(GmailError::Unauthorized) => {}
            listing => return Ok((access, listing?)),
        }
        let newer = self.newer(mailbox, &access, attempt).await?;
        match self.list(&newer.token, mailbox, attempt.now).await {
            Err(GmailError::Unauthorized) => Err(SyncError::FreshTokenRefused),
            listing => Ok((newer, listing?)),
        }
    }

    /// Moves the cursor; `false` when it no longer stands where it was read.
    async fn advance(&self, mailbox: &Mailbox, moved: &Advance) -> Result<bool, SyncError> {
        let now = moved.fetched_at;
        let applied =
            self.mailboxes.advance(mailbox.standing(), moved.clone()).await? == Write::Applied;
        if applied {
            resolve_dead_sync(&*self.letters, &mailbox.user_id, now).await?;
        }
        Ok(applied)
    }

    /// What was owed before, and what this listing has made owed.
    async fn pay(
        &self,
        job: &UserJob,
        mailbox: &Mailbox,
        announcement: Option<Announcement>,
        attempt: &Attempt,
    ) -> Result<Next, SyncError> {
        let mut mailbox = mailbox.clone();
        if announcement.is_some() {
            mailbox.owed.announcement = announcement;
        }
        pay_announcement(&*self.mailboxes, &*self.events, &self.settings.stack, &mailbox).await?;
        self.begin_backfill(job, &mailbox, attempt).await?;
        if let Next::Turn(turn) = self.release(&mailbox, attempt.now).await? {
            return Ok(Next::Turn(turn));
        }
        self.retry(&mailbox, attempt.now).await
    }
}

/// What the listing makes of the cursor. A gap after a lost cursor owes the event that says how it was closed.
fn advance(
    mailbox: &Mailbox,
    cursor: HistoryId,
    gap: Option<(Timestamp, Timestamp)>,
    handed: Handed,
    now: Timestamp,
) -> Advance {
    let gap = gap.filter(|_| mailbox.history_id.is_some());
    let announcement = gap.map(|window| {
        let kind = EventKind::Resumed;
        let id = mailbox_event_id(
            kind,
            &mailbox.user_id,
            mailbox.epoch,
            mailbox.grant,
            mailbox.history_id,
        );
        Announcement {
            id,
            kind,
            at: now,
            gap: Some(gap_report(window, handed.found, handed.already_had)),
        }
    });
    // A cursor never moves back, not even when Gmail's profile lags behind its history.
    let to = mailbox.history_id.map_or(cursor, |held| held.max(cursor));
    let found_mail = handed.found > handed.already_had;
    Advance { to, fetched_at: now, found_mail, announcement }
}

/// Whether the row is worth a write: mail, something owed, a first cursor, or an hour of silence.
fn worth_writing(mailbox: &Mailbox, moved: &Advance, now: Timestamp) -> bool {
    moved.found_mail
        || moved.announcement.is_some()
        || mailbox.history_id.is_none()
        || now.since(mailbox.last_fetched_at) >= QUIET_WRITE
}
