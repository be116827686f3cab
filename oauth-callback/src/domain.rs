//! Connecting the mailboxes of a Workspace domain, at its operator's word.
//!
//! Nobody stands at a browser: a token is asked for in the name of the address, and with it whose address that is. What is
//! then stored is what a consent stores, in the same one write, and owes what a consent owes. Whatever is refused before it
//! leaves nothing behind.

use std::collections::BTreeSet;
use std::sync::Arc;

use shared::clock::{Chance, Clock, Timestamp};
use shared::google::delegation::{READING, mint_widest};
use shared::google::{Account, Delegation, DelegationError};
use shared::ids::{Reference, UserId};
use shared::ledger::{Consent, Mailboxes};
use shared::mailbox::{AccessBy, Mailbox};
use shared::queue::Queue;
use shared::scope::Feature;
use shared::settings::Backfill;
use shared::store::{StoreError, Write};

use crate::after_consent::{Found, Given, Next, NotYet, after_consent};
use crate::consent::{RACES, begin_sync};

/// What the administrator of a domain has to authorize, word for word: what reading needs, and the switched-on features.
pub fn scopes(features: &BTreeSet<Feature>) -> Vec<&'static str> {
    let more = features.iter().map(|feature| feature.scope().address());
    READING.into_iter().chain(more).collect()
}

/// Connects mailboxes by delegation. The fields are everything it may touch.
pub struct DomainDoor {
    /// Asks Google in the name of an address.
    pub delegation: Arc<dyn Delegation>,
    /// Where the mailbox is stored.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Where its first sync is sent.
    pub user_jobs: Arc<dyn Queue>,
    /// Which mail from before the connection is fetched.
    pub backfill: Backfill,
    /// What may be done beside reading, where the domain allows it.
    pub features: BTreeSet<Feature>,
    /// Where `now` comes from.
    pub clock: Clock,
    /// For the names of jobs.
    pub chance: Chance,
}

/// What a connection came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// Whose mailbox it is.
    pub user: UserId,
    /// Whether anything was written: what was there already is left as it is.
    pub stored: Stored,
    /// The switched-on features that the domain does not allow.
    pub without: Vec<Feature>,
}

/// Whether a connection was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It was.
    Now,
    /// There was nothing to write.
    Already,
}

/// Why an address was not connected. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum NotConnected {
    /// Google gave no token for it, or did not say whose it is.
    #[error(transparent)]
    Google(#[from] DelegationError),
    /// It is another address of an account whose own is this one.
    #[error("it is an alias of {0}")]
    Alias(String),
    /// The mailbox cannot be connected as it stands.
    #[error("{}", said(*.0))]
    NotYet(NotYet),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else always wrote first.
    #[error("its row changed every time it was read")]
    Contended,
}

fn said(why: NotYet) -> &'static str {
    match why {
        NotYet::StillDisconnecting(_) => "its last connection is still being cleared away",
        NotYet::OtherReference => "it is connected under another ref",
        NotYet::NoRefreshToken => "there is no token to use",
    }
}

impl DomainDoor {
    /// Connects the mailbox that has this address, with as many of the features as its domain allows.
    pub async fn connect(
        &self,
        email: &str,
        reference: Option<&Reference>,
    ) -> Result<Connected, NotConnected> {
        let wanted: Vec<String> = scopes(&self.features).into_iter().map(str::to_owned).collect();
        let (token, scopes) = mint_widest(&*self.delegation, email, &wanted).await?;
        let account = self.delegation.account(&token.access_token).await?;
        if !account.email.eq_ignore_ascii_case(email) {
            return Err(NotConnected::Alias(account.email));
        }
        let lacks = |feature: &Feature| !feature.scope().is_in(&scopes);
        let without = self.features.iter().copied().filter(lacks).collect();
        let allowed = Allowed { account, scopes };
        let stored = self.store(&allowed, reference, self.clock.now()).await?;
        Ok(Connected { user: allowed.account.user_id, stored, without })
    }

    /// Stores it in one write, for the row as it was read.
    async fn store(
        &self,
        allowed: &Allowed,
        reference: Option<&Reference>,
        now: Timestamp,
    ) -> Result<Stored, NotConnected> {
        let user = &allowed.account.user_id;
        for _ in 0..RACES {
            let row = self.mailboxes.get(user).await?;
            let given = Given::Delegation;
            let next = after_consent(row.as_ref(), user, reference, given, &self.backfill, now);
            let next = next.map_err(NotConnected::NotYet)?;
            if row.is_some_and(|row| says_the_same(&row, &next, allowed, reference)) {
                return Ok(Stored::Already);
            }
            let (epoch, grant) = (next.epoch, next.grant);
            let consent = consent(allowed, next, reference, now);
            if self.mailboxes.connect(consent).await? == Write::Applied {
                tracing::info!(mailbox = %user, %epoch, %grant, "A mailbox was connected by delegation");
                begin_sync(&*self.user_jobs, user, epoch, now, &self.chance).await;
                return Ok(Stored::Now);
            }
        }
        Err(NotConnected::Contended)
    }
}

/// What a domain lets us do, and with whose mailbox.
struct Allowed {
    account: Account,
    scopes: Vec<String>,
}

/// Whether the row has nothing to learn: it is read by delegation, by this address, and nothing is to be mended.
fn says_the_same(
    row: &Mailbox,
    next: &Next,
    allowed: &Allowed,
    reference: Option<&Reference>,
) -> bool {
    let known = row.reference.as_deref();
    row.access == AccessBy::Delegation
        && next.found == Found::Well
        && row.email == allowed.account.email
        && row.scopes == allowed.scopes
        && reference.is_none_or(|reference| known == Some(reference.as_str()))
}

/// A refresh token of an earlier consent stays in the row, so that the end of the mailbox's life can revoke it.
fn consent(allowed: &Allowed, next: Next, reference: Option<&Reference>, at: Timestamp) -> Consent {
    Consent {
        user_id: allowed.account.user_id.clone(),
        read: next.read,
        epoch: next.epoch,
        grant: next.grant,
        new_life: next.new_life,
        email: allowed.account.email.clone(),
        access: AccessBy::Delegation,
        refresh_token: None,
        scopes: allowed.scopes.clone(),
        at,
        reference: reference.map(ToString::to_string),
        owed: next.owed,
    }
}
