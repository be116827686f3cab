//! What each write does to a mailbox, and the condition under which it may.
//!
//! Pure: a backend that reads and writes a row within one transaction needs nothing more, so that the conditions stand
//! in one place. What does not stand any longer is answered `Stale`, and the row is as it was.

use super::{Advance, Consent, Life, NewAccess};
use crate::clock::Timestamp;
use crate::ids::Epoch;
use crate::mailbox::{
    AccessBy, Announcement, Mailbox, Notice, Owed, Pace, ReleaseDebt, RetryDebt, Standing, Tokens,
};
use crate::reason::PauseReason;
use crate::store::Write;

impl Consent {
    /// The mailbox that this consent makes of the one that is `there`; `None` when that is not the one it was given
    /// for.
    pub(super) fn complete(self, there: Option<Mailbox>) -> Option<Mailbox> {
        if there.as_ref().map(|mailbox| (mailbox.epoch, mailbox.grant)) != self.read {
            return None;
        }
        // A purge may be owed to a row whose (epoch, grant) are as they were: it would take the new life with it.
        let owed = there.as_ref().and_then(|mailbox| mailbox.owed.disconnect.as_ref());
        if owed.is_some_and(|debt| debt.purge.is_some()) {
            return None;
        }
        let mut mailbox = match there {
            Some(mailbox) if self.new_life => mailbox.reborn(self.at),
            Some(mailbox) => mailbox,
            None => self.newcomer(),
        };
        mailbox.epoch = self.epoch;
        mailbox.grant = self.grant;
        mailbox.email = self.email;
        mailbox.access = self.access;
        mailbox.scopes = self.scopes;
        mailbox.needs_reauth = None;
        // Google may let the mailbox be read now; if not, it says so again. What a person paused stays paused.
        mailbox.paused = mailbox.paused.filter(|reason| *reason == PauseReason::Operator);
        mailbox.refresh_token = self.refresh_token.or(mailbox.refresh_token);
        // The cached token was obtained with the consent before. Its number is not given out again.
        mailbox.access_token = None;
        mailbox.expiry = None;
        mailbox.refresh_lease = None;
        mailbox.reference = self.reference.or(mailbox.reference);
        // That the old grant died is still true, but nothing to write to anybody about.
        mailbox.owed.mail = None;
        mailbox.owed.add(self.owed);
        Some(mailbox)
    }

    fn newcomer(&self) -> Mailbox {
        Mailbox {
            user_id: self.user_id.clone(),
            email: String::new(),
            access: self.access,
            refresh_token: None,
            access_token: None,
            access_token_version: 0,
            expiry: None,
            scopes: Vec::new(),
            history_id: None,
            last_fetched_at: self.at,
            last_mail_at: None,
            connected_at: self.at,
            epoch: self.epoch,
            grant: self.grant,
            disconnected_at: None,
            needs_reauth: None,
            paused: None,
            pace: Pace::default(),
            refresh_lease: None,
            owed: Owed::default(),
            reference: None,
            purged: None,
            last_gap: None,
        }
    }
}

impl Mailbox {
    /// The same account in a new life: the baseline is taken anew. Quota and debts are the account's, not the life's.
    fn reborn(self, at: Timestamp) -> Self {
        Self {
            history_id: None,
            last_fetched_at: at,
            last_mail_at: None,
            connected_at: at,
            disconnected_at: None,
            paused: None,
            last_gap: None,
            ..self
        }
    }

    fn is_in(&self, at: Life<'_>) -> bool {
        self.life() == at
    }

    pub(super) fn lease_refresh(
        &mut self,
        at: Life<'_>,
        version: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Write {
        let free = self.refresh_lease.is_none_or(|held| held <= now);
        let stands = self.is_in(at) && self.access_token_version == version;
        Write::only_if(free && stands, || self.refresh_lease = Some(until))
    }

    /// A number is used once: two refreshes whose lease ran out between them do not both count as the same version.
    pub(super) fn store_access(&mut self, at: Life<'_>, access: NewAccess) -> Write {
        let newer = access.version > self.access_token_version;
        Write::only_if(newer && self.is_in(at), || {
            self.access_token = Some(access.sealed);
            self.access_token_version = access.version;
            self.expiry = Some(access.expiry);
            self.refresh_token = access.refresh_token.or(self.refresh_token.take());
            self.refresh_lease = None;
        })
    }

    /// Who wrote other tokens first wins: theirs are newer. The number of the access token and its expiry stay, because
    /// it is the same token.
    pub(super) fn reseal(&mut self, at: Life<'_>, read: &Tokens, new: Tokens) -> Write {
        let stands = self.is_in(at) && self.tokens() == *read;
        let keeps_the_grant = new.refresh.is_some() == read.refresh.is_some();
        Write::only_if(stands && keeps_the_grant, || {
            self.refresh_token = new.refresh;
            self.access_token = new.access;
        })
    }

    pub(super) fn advance(&mut self, from: &Standing, moved: Advance) -> Write {
        let stands = self.epoch == from.epoch && self.history_id == from.cursor;
        let forward = self.history_id.is_none_or(|cursor| cursor <= moved.to);
        let connected = self.disconnected_at.is_none();
        Write::only_if(stands && forward && connected, || {
            self.history_id = Some(moved.to);
            self.last_fetched_at = moved.fetched_at;
            if moved.found_mail {
                self.last_mail_at = Some(moved.fetched_at);
            }
            let receipt = moved.announcement.as_ref().and_then(Announcement::receipt);
            self.last_gap = receipt.or(self.last_gap.take());
            self.owed.announcement = moved.announcement.or(self.owed.announcement.take());
        })
    }

    pub(super) fn reserve(&mut self, read: Pace, new: Pace) -> Write {
        Write::only_if(self.pace == read, || self.pace = new)
    }

    pub(super) fn owe_retry(
        &mut self,
        epoch: Epoch,
        read: Option<RetryDebt>,
        new: Option<RetryDebt>,
    ) -> Write {
        let is_its = self.epoch == epoch && self.disconnected_at.is_none();
        Write::only_if(is_its && self.owed.retry == read, || self.owed.retry = new)
    }

    /// Whoever has consented to nothing is not asked to do so again.
    pub(super) fn need_reauth(&mut self, at: Life<'_>, notice: Notice) -> Write {
        let news = self.needs_reauth.is_none() && self.disconnected_at.is_none();
        let by_consent = self.access == AccessBy::Consent;
        Write::only_if(news && by_consent && self.is_in(at), || {
            self.needs_reauth = Some(notice.reason);
            self.owed.mail = Some(notice.clone());
            self.owed.notice = Some(notice);
        })
    }

    /// The first reason stands: what a person paused is not Google's to explain, nor the other way round.
    pub(super) fn pause(&mut self, epoch: Epoch, reason: PauseReason) -> Write {
        let news = self.paused.is_none() && self.disconnected_at.is_none();
        Write::only_if(news && self.epoch == epoch, || self.paused = Some(reason))
    }

    pub(super) fn resume(&mut self, epoch: Epoch, reason: PauseReason, at: Timestamp) -> Write {
        Write::only_if(self.paused == Some(reason) && self.epoch == epoch, || {
            self.paused = None;
            self.owed.release = Some(ReleaseDebt { since: at });
        })
    }
}

impl Owed {
    /// Adds debts; those that `more` does not name stay.
    fn add(&mut self, more: Self) {
        self.announcement = more.announcement.or(self.announcement.take());
        self.backfill = more.backfill.or(self.backfill.take());
        self.release = more.release.or(self.release.take());
        self.retry = more.retry.or(self.retry.take());
        self.notice = more.notice.or(self.notice.take());
        self.mail = more.mail.or(self.mail.take());
        self.disconnect = more.disconnect.or(self.disconnect.take());
    }

    /// Clears what is owed exactly as it was paid. A debt that has changed since is another debt.
    pub(super) fn settle(&mut self, paid: &Self) {
        clear(&mut self.announcement, paid.announcement.as_ref());
        clear(&mut self.backfill, paid.backfill.as_ref());
        clear(&mut self.release, paid.release.as_ref());
        clear(&mut self.retry, paid.retry.as_ref());
        clear(&mut self.notice, paid.notice.as_ref());
        clear(&mut self.mail, paid.mail.as_ref());
        clear(&mut self.disconnect, paid.disconnect.as_ref());
    }
}

fn clear<T: PartialEq>(owed: &mut Option<T>, paid: Option<&T>) {
    if owed.as_ref() == paid {
        *owed = None;
    }
}
