//! Sealing every stored token anew, while everything else goes on.
//!
//! Nothing is locked and nothing is noted on the way: a token says itself which key it is sealed under, hence a run that
//! was killed is simply begun again, and finds what is left. A row is written only while its tokens are as they were
//! read; whoever wrote first has sealed under the new key already, or is found by the next pass.
//!
//! Both kinds of token may be sealed anew. Access tokens end within the hour and could be dropped instead, but then every
//! mailbox would ask Google for another at once, and message jobs under way would wait for it.

use std::sync::Arc;

use futures::{StreamExt, stream};
use zeroize::Zeroizing;

use crate::disposition::chain;
use crate::ids::UserId;
use crate::ledger::{Mailboxes, Segment};
use crate::mailbox::{Mailbox, Tokens};
use crate::sealing::{KeyName, Sealed, SealedFor, Sealing, SealingError, TokenKind};
use crate::store::{StoreError, Write};

const EVERYBODY: Segment = Segment { index: 0, total: 1 };

/// How many mailboxes are read at once.
const PAGE: usize = 500;

/// How many mailboxes are worked on at the same time, so that their writes share transactions.
const TOGETHER: usize = 64;

/// After so many passes whoever goes on sealing under an old key is not going to stop.
const PASSES: usize = 10;

/// How often a row that changes under our hands is read again within one pass.
const RACES: usize = 5;

/// Whether a token is to be sealed anew.
pub type IsOld = dyn Fn(TokenKind, &Sealed) -> bool + Send + Sync;

/// Seals tokens anew. The fields are everything it may touch.
pub struct Rotation {
    /// Where the tokens are.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Opens what is old, and seals under the new key.
    pub sealing: Arc<dyn Sealing>,
    /// Which tokens are old.
    pub is_old: Box<IsOld>,
}

/// What one pass over every mailbox came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pass {
    /// Mailboxes with tokens.
    pub mailboxes: u64,
    /// Those whose tokens were sealed anew.
    pub resealed: u64,
    /// Those with an old token that somebody else was faster with, each time: another pass tells.
    pub raced: u64,
    /// Those with an old refresh token that does not open, under no key and in no life: nothing is to be done for them,
    /// and no key helps.
    pub unopened: Vec<UserId>,
    /// Those whose row could not be read. It was spoilt by hand.
    pub unread: Vec<UserId>,
}

impl Pass {
    /// Whether nothing that opens was sealed under an old key.
    pub fn found_nothing(&self) -> bool {
        self.resealed == 0 && self.raced == 0
    }
}

#[derive(Clone, Copy)]
enum Found {
    NoTokens,
    Fresh,
    Resealed,
    Raced,
    Unopened,
    Unread,
}

/// The tokens that are not sealed under the key with this name.
pub fn not_under(name: KeyName) -> Box<IsOld> {
    Box::new(move |_, sealed| sealed.key_name().as_ref() != Some(&name))
}

/// Calls `each` with the tokens of every mailbox that has any; a row that cannot be read is passed over.
pub async fn census(
    mailboxes: &dyn Mailboxes,
    mut each: impl FnMut(&Tokens),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = mailboxes.scan(EVERYBODY, after.as_ref(), PAGE).await?;
        let users = page.mailboxes.into_iter().map(|roster| roster.user_id);
        let rows = stream::iter(users).map(async |user| mailboxes.get(&user).await);
        let mut rows = std::pin::pin!(rows.buffer_unordered(TOGETHER));
        while let Some(row) = rows.next().await {
            match row {
                Ok(row) => row.iter().for_each(|row| each(&row.tokens())),
                Err(StoreError::Broken { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

impl Rotation {
    /// Passes over every mailbox until one has found nothing that was to be sealed anew, and answers that pass with how
    /// many mailboxes all of them sealed anew. Where old tokens keep coming, it gives up, and the answer shows that it
    /// found something.
    pub async fn run(&self) -> Result<(Pass, u64), StoreError> {
        let mut resealed = 0;
        for _ in 1..PASSES {
            let pass = self.pass().await?;
            resealed += pass.resealed;
            if pass.found_nothing() {
                return Ok((pass, resealed));
            }
        }
        let last = self.pass().await?;
        resealed += last.resealed;
        Ok((last, resealed))
    }

    /// Looks at every mailbox once, and seals anew what is old.
    pub async fn pass(&self) -> Result<Pass, StoreError> {
        let (mut pass, mut after) = (Pass::default(), None);
        loop {
            let page = self.mailboxes.scan(EVERYBODY, after.as_ref(), PAGE).await?;
            let users = page.mailboxes.into_iter().map(|roster| roster.user_id);
            let each = stream::iter(users).map(async |user| {
                let found = self.look(&user).await;
                (user, found)
            });
            let mut each = std::pin::pin!(each.buffer_unordered(TOGETHER));
            while let Some((user, found)) = each.next().await {
                pass.note(user, found?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(pass);
            }
        }
    }

    async fn look(&self, user: &UserId) -> Result<Found, StoreError> {
        for _ in 0..RACES {
            let row = match self.mailboxes.get(user).await {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(Found::NoTokens),
                Err(error @ StoreError::Broken { .. }) => {
                    tracing::error!(mailbox = %user, error = chain(&error), "A mailbox was passed over");
                    return Ok(Found::Unread);
                }
                Err(error) => return Err(error),
            };
            let read = row.tokens();
            if read == Tokens::default() {
                return Ok(Found::NoTokens);
            }
            if !self.is_old(TokenKind::Refresh, read.refresh.as_ref())
                && !self.is_old(TokenKind::Access, read.access.as_ref())
            {
                return Ok(Found::Fresh);
            }
            let new = self.anew(&row, &read).await?;
            if new == read {
                return Ok(Found::Unopened);
            }
            if self.mailboxes.reseal(row.life(), read, new).await? == Write::Applied {
                return Ok(Found::Resealed);
            }
        }
        Ok(Found::Raced)
    }

    /// The same tokens, under the new key. An access token that does not open is dropped, for another is to be had; a
    /// refresh token that does not open stays as it is.
    async fn anew(&self, row: &Mailbox, read: &Tokens) -> Result<Tokens, StoreError> {
        let mut new = read.clone();
        if self.is_old(TokenKind::Refresh, read.refresh.as_ref()) {
            new.refresh = self.seal(row, TokenKind::Refresh, read.refresh.as_ref()).await?;
            new.refresh = new.refresh.or(read.refresh.clone());
        }
        if self.is_old(TokenKind::Access, read.access.as_ref()) {
            new.access = self.seal(row, TokenKind::Access, read.access.as_ref()).await?;
        }
        Ok(new)
    }

    async fn seal(
        &self,
        row: &Mailbox,
        kind: TokenKind,
        sealed: Option<&Sealed>,
    ) -> Result<Option<Sealed>, StoreError> {
        let Some(sealed) = sealed else { return Ok(None) };
        let at = SealedFor { user: &row.user_id, epoch: row.sealed_in(), kind };
        let opened = self.sealing.open(at, sealed).await.map(Zeroizing::new);
        let sealed = match opened {
            Ok(token) => self.sealing.seal(at, &token).await,
            Err(error) => Err(error),
        };
        match sealed {
            Ok(sealed) => Ok(Some(sealed)),
            Err(SealingError::Keys(error)) => Err(error),
            Err(error @ SealingError::DoesNotOpen { .. }) => {
                tracing::error!(mailbox = %row.user_id, error = chain(&error), "A token is not sealed anew");
                Ok(None)
            }
        }
    }

    fn is_old(&self, kind: TokenKind, sealed: Option<&Sealed>) -> bool {
        sealed.is_some_and(|sealed| (self.is_old)(kind, sealed))
    }
}

impl Pass {
    fn note(&mut self, user: UserId, found: Found) {
        self.mailboxes += u64::from(!matches!(found, Found::NoTokens));
        match found {
            Found::NoTokens | Found::Fresh => {}
            Found::Resealed => self.resealed += 1,
            Found::Raced => self.raced += 1,
            Found::Unopened => self.unopened.push(user),
            Found::Unread => self.unread.push(user),
        }
    }
}
