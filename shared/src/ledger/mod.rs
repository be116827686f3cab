//! The ledger: what we know of mailboxes, messages, dead letters and rounds.
//!
//! One trait per table, so that the fields of a stage say which tables it may touch; a backend implements all four.
//! Every write that could undo somebody else's is conditional and answers [`Write`].

#[cfg(feature = "aws")]
pub mod dynamodb;
mod ending_changes;
mod letter_changes;
mod letters;
mod mailbox_changes;
mod mark_changes;
pub mod memory;
mod segment;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::goodbye::{DisconnectDebt, Revoked};
use crate::ids::{Epoch, Grant, HistoryId, JobId, MessageId, UserId};
use crate::mailbox::{
    AccessBy, Announcement, Mailbox, Notice, Owed, Pace, RetryDebt, Standing, Tokens,
};
use crate::mark::{Ending, ForwardStep, Listing, Mark, MarkCounts, MarkState, Naming};
use crate::pack::PackKey;
use crate::reason::PauseReason;
use crate::sealing::Sealed;
use crate::store::{StoreError, Write};

pub use self::letters::{
    DeadLetter, HISTORY, Happening, History, LetterFilter, LetterKey, LetterState, Sent, StageName,
    Trigger, Turn,
};
pub use self::segment::{ScanPage, Segment};

/// `UserTokens`: the mailboxes.
#[async_trait]
pub trait Mailboxes: Send + Sync {
    /// One mailbox, whole.
    async fn get(&self, user: &UserId) -> Result<Option<Mailbox>, StoreError>;

    /// A page of at most `limit` mailboxes of one scan segment, after `after`, without tokens. Memory is bounded by
    /// `limit`, whatever the table's size. A shorter page, an empty one even, may be followed by another.
    async fn scan(
        &self,
        segment: Segment,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<ScanPage, StoreError>;

    /// Stores a completed consent in one write, if the row still is in the (epoch, grant) it was sealed for. A pause
    /// that Google caused ends with it.
    async fn connect(&self, consent: Consent) -> Result<Write, StoreError>;

    /// Takes the lease for replacing the access token of this `version`, if nobody holds one at `now`, and (epoch,
    /// grant) and the version still stand: whoever read the row before another's refresh does not refresh again.
    async fn lease_refresh(
        &self,
        at: Life<'_>,
        version: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Write, StoreError>;

    /// Gives the lease back.
    async fn release_refresh(&self, user: &UserId) -> Result<(), StoreError>;

    /// Stores a new access token and gives the lease back, while (epoch, grant) are as read.
    async fn store_access(&self, at: Life<'_>, access: NewAccess) -> Result<Write, StoreError>;

    /// Replaces the sealed tokens `read` with `new`, which hold the same under another key, if they and (epoch, grant)
    /// still stand as read. An access token that `new` leaves out is dropped; a refresh token is not left out.
    async fn reseal(&self, at: Life<'_>, read: Tokens, new: Tokens) -> Result<Write, StoreError>;

    /// Moves the cursor, numerically forward or not at all, if it and the epoch still stand as read; notes when the
    /// listing began, whether it found mail, and what it makes owed.
    async fn advance(&self, from: Standing, moved: Advance) -> Result<Write, StoreError>;

    /// Replaces the reservation `read` with `new`, if `read` still stands.
    async fn reserve(&self, user: &UserId, read: Pace, new: Pace) -> Result<Write, StoreError>;

    /// Sets `needsReauth` and owes the notice and the mail, in one write, for the (epoch, grant) that failed and no other.
    /// Never of a mailbox that is read by delegation.
    async fn need_reauth(&self, at: Life<'_>, notice: Notice) -> Result<Write, StoreError>;

    /// Pauses the mailbox, within its epoch.
    async fn pause(
        &self,
        user: &UserId,
        epoch: Epoch,
        reason: PauseReason,
    ) -> Result<Write, StoreError>;

    /// Ends the pause of this reason and owes the release of parked jobs. `Stale` when it was not paused, or for another
    /// reason.
    async fn resume(
        &self,
        user: &UserId,
        epoch: Epoch,
        reason: PauseReason,
        at: Timestamp,
    ) -> Result<Write, StoreError>;

    /// Replaces the debt of letters that are to go round by themselves, `read`, with `new`, within the epoch and while
    /// `read` still stands.
    async fn owe_retry(
        &self,
        user: &UserId,
        epoch: Epoch,
        read: Option<RetryDebt>,
        new: Option<RetryDebt>,
    ) -> Result<Write, StoreError>;

    /// Ends the life: epoch + 1, cursor removed, the clearing away owed; in one write, if `debt.epoch` still stands. A
    /// debt with a purge is also taken by the row whose life `debt.epoch` has ended already, once.
    async fn disconnect(&self, user: &UserId, debt: DisconnectDebt) -> Result<Write, StoreError>;

    /// Takes the tokens of the life `epoch`, which has ended, away; `Stale` once another life has begun, for its tokens
    /// have taken their place. The debt stays until [`settle`](Self::settle), and notes what Google said to the
    /// revocation: the first answer stands.
    async fn forget_tokens(
        &self,
        user: &UserId,
        epoch: Epoch,
        revoked: Revoked,
    ) -> Result<Write, StoreError>;

    /// Notes that the first pass of the purge of the life `epoch` is over, and when the second may begin.
    async fn purge_again(
        &self,
        user: &UserId,
        epoch: Epoch,
        at: Timestamp,
    ) -> Result<Write, StoreError>;

    /// Ends the purge of the life `epoch` with the row itself: its userId, epoch and times stay, and that it was purged
    /// `at` this moment; and the debt, until [`settle`](Self::settle). `Stale` before the second pass may begin.
    async fn bury(&self, user: &UserId, epoch: Epoch, at: Timestamp) -> Result<Write, StoreError>;

    /// Clears the debts in `paid` that are still owed exactly so.
    async fn settle(&self, user: &UserId, paid: Owed) -> Result<(), StoreError>;
}

/// A mailbox's present consent: what a token was obtained with, and the condition of every write that follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life<'a> {
    /// Whose.
    pub user: &'a UserId,
    /// Which life.
    pub epoch: Epoch,
    /// Which consent in it.
    pub grant: Grant,
}

impl Mailbox {
    /// The present (epoch, grant).
    pub fn life(&self) -> Life<'_> {
        Life { user: &self.user_id, epoch: self.epoch, grant: self.grant }
    }
}

/// What a completed consent writes; a connection by delegation writes the same.
#[derive(Clone)]
pub struct Consent {
    /// The Google account.
    pub user_id: UserId,
    /// The (epoch, grant) of the row as it was read; `None` when there was none.
    pub read: Option<(Epoch, Grant)>,
    /// The life and the consent that this makes it.
    pub epoch: Epoch,
    /// Its number within the life.
    pub grant: Grant,
    /// Whether a life begins: the baseline is then taken anew, from `at`.
    pub new_life: bool,
    /// The address that Google gave.
    pub email: String,
    /// How access tokens are come by from now on.
    pub access: AccessBy,
    /// The sealed refresh token; `None` leaves a stored one as it is.
    pub refresh_token: Option<Sealed>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// When.
    pub at: Timestamp,
    /// The operator's id for this person; `None` leaves a stored one as it is.
    pub reference: Option<String>,
    /// Which debts this adds; the others stay.
    pub owed: Owed,
}

/// A fresh access token.
#[derive(Clone)]
pub struct NewAccess {
    /// The sealed token.
    pub sealed: Sealed,
    /// Its number, one more than the last.
    pub version: u64,
    /// When it runs out.
    pub expiry: Timestamp,
    /// A refresh token, if Google replaced the old one.
    pub refresh_token: Option<Sealed>,
}

/// What moving the cursor writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// Where to.
    pub to: HistoryId,
    /// When the first page of the listing was asked for.
    pub fetched_at: Timestamp,
    /// Whether mail was found.
    pub found_mail: bool,
    /// An event that this makes due; `None` leaves what is owed as it is.
    pub announcement: Option<Announcement>,
}

/// `MessageMarks`: what we know of each message.
#[async_trait]
pub trait Marks: Send + Sync {
    /// Marks each listing, unless a mark that counts is there, and answers, in the same order, the state in which each
    /// message now stands. Durable when it returns.
    async fn list(
        &self,
        user: &UserId,
        epoch: Epoch,
        listings: &[Listing],
        now: Timestamp,
    ) -> Result<Vec<MarkState>, StoreError>;

    /// The marks of these messages, in the same order.
    async fn get(&self, user: &UserId, ids: &[MessageId]) -> Result<Vec<Option<Mark>>, StoreError>;

    /// Brings messages to their end. The first end of a generation stands: one that comes later, or for an earlier
    /// generation, changes nothing. A mark of another epoch is left alone.
    async fn finish(
        &self,
        user: &UserId,
        epoch: Epoch,
        endings: &[Ending],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Names the packs that hold the results of these messages, and answers, in the same order, the one that each mark
    /// then names: of two that name one over the same, the first wins. `None` where there is no mark.
    async fn name(
        &self,
        user: &UserId,
        namings: &[Naming],
    ) -> Result<Vec<Option<PackKey>>, StoreError>;

    /// Those of these messages that are still *listed* become *parked* in `job`.
    async fn park(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError>;

    /// Those of these messages that are *parked* become *listed*, on their way in `job`.
    async fn unpark(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError>;

    /// Those of these messages that are *listed* or *done* become *listed*, on their way in `job`: what a mark says was
    /// found to be untrue.
    async fn relist(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError>;

    /// At most `limit` marks of a mailbox, of whatever life, after `after`, in the order of their ids. Fewer than `limit`
    /// are all there are.
    async fn page(
        &self,
        user: &UserId,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<Mark>, StoreError>;

    /// Takes a forward one step further, if it stands as the step supposes. `Stale` where there is no mark of this epoch.
    async fn forward(
        &self,
        user: &UserId,
        epoch: Epoch,
        message: &MessageId,
        action: &JobId,
        step: ForwardStep,
    ) -> Result<Write, StoreError>;

    /// How many messages of a mailbox stand in which state, by the marks that count in `epoch` at `now`.
    async fn count(
        &self,
        user: &UserId,
        epoch: Epoch,
        now: Timestamp,
    ) -> Result<MarkCounts, StoreError>;

    /// Deletes at most `limit` marks of a mailbox, of whatever life, and answers how many; 0 when none is left.
    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError>;
}

/// `DeadLetters`: jobs that need a person or an event in the world.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Parks a job, once per key, and answers the letter that then is there: a later death of an open letter keeps when it
    /// was first seen, and its history goes on. The same death come again, known by its payload, changes nothing.
    async fn park(&self, letter: DeadLetter) -> Result<DeadLetter, StoreError>;

    /// One letter.
    async fn get(&self, key: &LetterKey) -> Result<Option<DeadLetter>, StoreError>;

    /// At most `limit` letters after `after`, in an order that every read shares; those of the mailbox that the filter
    /// names in the order of their jobId. Fewer than `limit` are all there are.
    async fn list(
        &self,
        filter: &LetterFilter,
        after: Option<&LetterKey>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// Takes a letter from one of the states `from` to the one that this turn leads to, and notes it in its history.
    async fn turn(
        &self,
        key: &LetterKey,
        from: &[LetterState],
        turn: Happening,
    ) -> Result<Write, StoreError>;

    /// Deletes this letter, in whatever state: what was parked under its key with another payload stays.
    async fn withdraw(&self, letter: &DeadLetter) -> Result<(), StoreError>;

    /// Deletes at most `limit` letters of a mailbox, in whatever state, and answers how many; 0 when none is left.
    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError>;
}

/// `Control`: a few named items that many workers share.
#[async_trait]
pub trait Control: Send + Sync {
    /// The item, with its version; expired items are absent.
    async fn read(&self, name: &str, now: Timestamp) -> Result<Option<ControlItem>, StoreError>;

    /// Writes the item if its version still is `read` (`None`: if it is absent or expired at `now`).
    async fn write(
        &self,
        name: &str,
        read: Option<u64>,
        value: String,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Write, StoreError>;
}

/// An item of `Control`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlItem {
    /// Its content, JSON.
    pub value: String,
    /// Counts its writes.
    pub version: u64,
}
