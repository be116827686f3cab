//! What the writes that end a life do to its row, and the conditions under which they may.

use crate::clock::Timestamp;
use crate::goodbye::{DisconnectDebt, PurgeDebt, Purged, Revoked};
use crate::ids::{Epoch, Grant};
use crate::mailbox::{AccessBy, Mailbox, Owed, Pace};
use crate::store::Write;

impl Mailbox {
    /// Work that was owed to the life dies with it; what was to be announced about it is still true. The tokens stay,
    /// for revoking needs them.
    pub(super) fn disconnect(&mut self, debt: DisconnectDebt) -> Write {
        if self.disconnected_at.is_some() {
            return self.owe_purge(debt);
        }
        Write::only_if(self.epoch == debt.epoch, || {
            self.epoch = debt.epoch.next();
            self.disconnected_at = Some(debt.at);
            self.history_id = None;
            self.refresh_lease = None;
            self.owed.backfill = None;
            self.owed.release = None;
            self.owed.retry = None;
            self.owed.mail = None;
            self.owed.disconnect = Some(debt);
        })
    }

    /// Under an id of its own: the event of the plain disconnect may be out already.
    fn owe_purge(&mut self, debt: DisconnectDebt) -> Write {
        let owed = self.owed.disconnect.as_ref();
        let asked = debt.purge.is_some() && debt.epoch.next() == self.epoch;
        let news = !self.has_forgotten(debt.epoch) && owed.is_none_or(|owed| owed.purge.is_none());
        let revoked = owed.map_or(Some(Revoked::Before), |owed| owed.revoked);
        Write::only_if(asked && news, || {
            self.owed.disconnect = Some(DisconnectDebt { revoked, ..debt });
        })
    }

    pub(super) fn forget_tokens(&mut self, ended: Epoch, revoked: Revoked) -> Write {
        let still_over = self.disconnected_at.is_some() && self.epoch == ended.next();
        Write::only_if(still_over, || {
            self.refresh_token = None;
            self.access_token = None;
            self.expiry = None;
            if let Some(debt) = self.owed.disconnect.as_mut() {
                debt.revoked.get_or_insert(revoked);
            }
        })
    }

    pub(super) fn purge_again(&mut self, ended: Epoch, at: Timestamp) -> Write {
        let purge = self.purge_of(ended).filter(|purge| purge.again_at.is_none());
        match purge {
            Some(purge) => Write::only_if(true, || purge.again_at = Some(at)),
            None => Write::Stale,
        }
    }

    fn purge_of(&mut self, ended: Epoch) -> Option<&mut PurgeDebt> {
        let debt = self.owed.disconnect.as_mut().filter(|debt| debt.epoch == ended)?;
        debt.purge.as_mut()
    }

    pub(super) fn bury(&mut self, ended: Epoch, at: Timestamp) -> Write {
        let is_time = |purge: &mut PurgeDebt| purge.again_at.is_some_and(|again| again <= at);
        let is_time = self.purge_of(ended).is_some_and(is_time);
        let news = !self.has_forgotten(ended);
        match self.owed.disconnect.clone() {
            Some(debt) if is_time && news => Write::only_if(true, || self.forget_all(debt, at)),
            Some(_) | None => Write::Stale,
        }
    }

    /// The pace goes too: whoever connects again finds a quota that nobody has used for minutes.
    fn forget_all(&mut self, mut debt: DisconnectDebt, at: Timestamp) {
        let revoked = debt.revoked.unwrap_or(Revoked::No);
        if let Some(purge) = debt.purge.as_mut() {
            purge.reference = self.reference.take();
        }
        *self = Self {
            user_id: self.user_id.clone(),
            email: String::new(),
            access: AccessBy::Consent,
            refresh_token: None,
            access_token: None,
            access_token_version: 0,
            expiry: None,
            scopes: Vec::new(),
            history_id: None,
            last_fetched_at: debt.at,
            last_mail_at: None,
            connected_at: self.connected_at,
            epoch: self.epoch,
            grant: Grant::default(),
            disconnected_at: self.disconnected_at,
            needs_reauth: None,
            paused: None,
            pace: Pace::default(),
            refresh_lease: None,
            purged: Some(Purged { epoch: debt.epoch, at, revoked }),
            owed: Owed { disconnect: Some(debt), ..Owed::default() },
            reference: None,
            last_gap: None,
        };
    }
}
