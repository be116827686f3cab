//! Sees everything that really happens, and says what must not have.
//!
//! It stands behind the hand: a call that was struck before it was made is not seen here, and one whose answer was lost
//! is. It knows what people and Google did, because it is told, and nothing of how the stages work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::breaker::{Breaker, Cause, Limits};
use shared::clock::Timestamp;
use shared::ids::{Epoch, Grant, HistoryId, JobId, MessageId, UserId};
use shared::ledger::memory::MemoryLedger;
use shared::ledger::{Mailboxes, Marks};
use shared::mailbox::{AccessBy, Mailbox};

use crate::fate::Fate;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule that was broken, as a sentence.
    pub rule: &'static str,
    /// Whose mailbox, where it is one.
    pub user: Option<UserId>,
    /// What was seen.
    pub seen: String,
    /// The last that had happened to that mailbox.
    pub story: String,
}

/// A message that Gmail has, or had.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// Its own bytes.
    pub raw: Vec<u8>,
    /// Where the mailbox's history stood once it was there.
    pub history: HistoryId,
    /// When it came.
    pub at: Timestamp,
    /// It was deleted for good.
    pub deleted: bool,
    /// Its labels when it came.
    pub labels: Vec<&'static str>,
    /// Its labels were changed since.
    pub relabelled: bool,
    /// How often it was fetched.
    pub fetched: u32,
}

/// How much of a story is told.
const STORY: usize = 60;

/// A mailbox's consent: life and number.
pub type Consent = (UserId, Epoch, Grant);

/// Everything that was seen.
#[derive(Default)]
pub struct Seen {
    /// What must not have been.
    pub violations: Vec<Violation>,
    /// Everything that Gmail ever had.
    pub mail: BTreeMap<(UserId, MessageId), Delivered>,
    /// Whose consent a refresh token is.
    pub refresh: BTreeMap<String, Consent>,
    /// From which refresh token an access token came.
    pub access: BTreeMap<String, String>,
    /// The consents that Google called dead, in whatever words.
    pub called_dead: BTreeSet<Consent>,
    /// The consents whose mailboxes were marked, by the id under which their owners are told.
    pub marked: BTreeMap<String, Consent>,
    /// The consents whose owners were written to.
    pub written: BTreeSet<Consent>,
    /// The numbers under which mailboxes were connected by delegation: nobody has consented to these.
    pub delegated: BTreeSet<Consent>,
    /// The access tokens that Gmail refused, by consent.
    pub refused: BTreeMap<Consent, BTreeSet<String>>,
    /// The ids under which each message was announced.
    pub announced: BTreeMap<(UserId, MessageId), BTreeSet<String>>,
    /// How often the operator began to have everything judged anew.
    pub reclassifications: u32,
    /// What was announced of mailboxes: type, user, id.
    pub told: BTreeSet<(&'static str, UserId, String)>,
    /// What Google posted and need not post again.
    pub taken: BTreeSet<String>,
    /// What was done because rules asked for it.
    pub deeds: Deeds,
    rows: BTreeMap<UserId, Row>,
    /// Why the fleet breaker was open, when it was last looked at.
    open: Option<Cause>,
    /// Whether that of the service account was.
    shut_out: bool,
}

/// What was done because rules asked for it.
#[derive(Default)]
pub struct Deeds {
    /// The messages whose labels were changed.
    pub labelled: BTreeSet<(UserId, MessageId)>,
    /// How often each forward was sent.
    pub sent: BTreeMap<JobId, u32>,
    /// The webhooks that were taken.
    pub told: BTreeSet<JobId>,
}

/// A mailbox's row as it was last seen.
#[derive(Clone, PartialEq, Eq)]
struct Row {
    epoch: Epoch,
    cursor: Option<HistoryId>,
    needs_reauth: bool,
}

/// The witness of one world.
pub struct Witness {
    /// For the story of who does what now.
    pub fate: Arc<Fate>,
    /// Where the rows and marks are.
    pub ledger: Arc<MemoryLedger>,
    seen: Mutex<Seen>,
}

impl Witness {
    /// Nothing was seen yet.
    pub fn new(fate: Arc<Fate>, ledger: Arc<MemoryLedger>) -> Self {
        Self { fate, ledger, seen: Mutex::default() }
    }

    /// What was seen. Not to be held while something else is asked of the witness.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a violation, once for each rule and mailbox.
    pub fn violated(&self, rule: &'static str, user: Option<&UserId>, seen: impl Into<String>) {
        let seen = seen.into();
        self.fate.note("VIOLATED", format!("{rule}: {seen}"));
        let known = &mut self.seen().violations;
        if !known.iter().any(|known| known.rule == rule && known.user.as_ref() == user) {
            let story = self.fate.with_trace(|trace| trace.story(user, STORY));
            known.push(Violation { rule, user: user.cloned(), seen, story });
        }
    }

    /// Whether this life of a mailbox is not the one that it is in now.
    pub fn is_over(&self, user: &UserId, epoch: Epoch) -> bool {
        let row = crate::at_once(Mailboxes::get(&*self.ledger, user));
        let row = row.and_then(Result::ok).flatten();
        row.is_none_or(|row| row.epoch != epoch || row.disconnected_at.is_some())
    }

    /// Whether a mailbox's purge is under way.
    pub fn is_being_purged(&self, user: &UserId) -> bool {
        let row = crate::at_once(Mailboxes::get(&*self.ledger, user));
        let row = row.and_then(Result::ok).flatten();
        let owed = row.as_ref().and_then(|row| row.owed.disconnect.as_ref());
        owed.is_some_and(|debt| debt.purge.is_some())
    }

    /// Looks at a mailbox's row, and at what follows from how it has changed.
    pub async fn look(&self, mailbox: &Mailbox, now: Timestamp) {
        let user = &mailbox.user_id;
        if mailbox.access == AccessBy::Delegation && mailbox.disconnected_at.is_none() {
            self.judge_delegated(mailbox);
        }
        let row = Row {
            epoch: mailbox.epoch,
            cursor: mailbox.history_id,
            needs_reauth: mailbox.needs_reauth.is_some(),
        };
        let before = self.seen().rows.insert(user.clone(), row.clone());
        let before = before.filter(|before| *before != row);
        let Some(before) = before else { return };
        if row.epoch < before.epoch || row.epoch.0 > before.epoch.0 + 1 {
            self.violated("lives follow each other", Some(user), "the epoch jumped");
        }
        if row.needs_reauth && !before.needs_reauth {
            self.judge_reauth(mailbox);
        }
        if row.epoch == before.epoch && row.cursor != before.cursor {
            self.judge_cursor(mailbox, before.cursor, now).await;
        }
    }

    /// Looks at the fleet breaker, and counts what it does.
    pub async fn look_at_breaker(&self, limits: Limits, now: Timestamp) {
        let breaker = Breaker::with_limits(self.ledger.clone(), limits);
        let open = breaker.standing(now).await.ok().flatten().map(|(cause, _)| cause);
        let before = std::mem::replace(&mut self.seen().open, open);
        let done = match open {
            _ if open == before => return,
            None => "closes",
            Some(Cause::ClientFault) => "opens for our client",
            Some(Cause::ManyDeaths) => "opens for many deaths",
        };
        self.fate.count("breaker", done);
        self.fate.note("breaker", done);
    }

    /// Looks at that of the service account, which opens for that alone.
    pub async fn look_at_service_account(&self, limits: Limits, now: Timestamp) {
        let breaker = Breaker::with_limits(self.ledger.clone(), limits).of_service_account();
        let open = breaker.standing(now).await.ok().flatten().map(|(cause, _)| cause);
        if open == Some(Cause::ManyDeaths) {
            let rule = "nobody's death is counted who has consented to nothing";
            self.violated(rule, None, "the breaker of the service account is open for deaths");
        }
        let before = std::mem::replace(&mut self.seen().shut_out, open.is_some());
        let done = match open {
            _ if open.is_some() == before => return,
            None => "closes for our service account",
            Some(_) => "opens for our service account",
        };
        self.fate.count("breaker", done);
        self.fate.note("breaker", done);
    }

    /// Who has consented to nothing is never asked to do so again.
    fn judge_delegated(&self, mailbox: &Mailbox) {
        let user = &mailbox.user_id;
        if mailbox.needs_reauth.is_some() || mailbox.owed.mail.is_some() {
            let rule = "a mailbox that is read by delegation is never marked";
            self.violated(rule, Some(user), format!("grant {}", mailbox.grant));
        }
        self.seen().delegated.insert((user.clone(), mailbox.epoch, mailbox.grant));
    }

    fn judge_reauth(&self, mailbox: &Mailbox) {
        let consent = (mailbox.user_id.clone(), mailbox.epoch, mailbox.grant);
        let mut seen = self.seen();
        if let Some(owed) = &mailbox.owed.mail {
            seen.marked.insert(owed.id.clone(), consent.clone());
        }
        let refused = seen.refused.get(&consent).map_or(0, BTreeSet::len);
        let dead = seen.called_dead.contains(&consent) || refused > 1;
        drop(seen);
        if !dead {
            let seen = format!("marked for epoch {}, grant {}", mailbox.epoch, mailbox.grant);
            self.violated(
                "needsReauth is set only when Google said that this very grant is dead",
                Some(&mailbox.user_id),
                seen,
            );
        }
    }

    async fn judge_cursor(&self, mailbox: &Mailbox, before: Option<HistoryId>, now: Timestamp) {
        let user = &mailbox.user_id;
        let Some(cursor) = mailbox.history_id else {
            self.violated("a cursor moves forward", Some(user), "it is gone");
            return;
        };
        if before.is_some_and(|before| cursor < before) {
            self.violated(
                "a cursor moves forward",
                Some(user),
                format!("{before:?} to {cursor:?}"),
            );
        }
        let passed = |delivered: &Delivered| {
            delivered.history <= cursor
                && before.is_none_or(|before| delivered.history > before)
                && delivered.at >= mailbox.connected_at
                && !delivered.deleted
        };
        let passed: Vec<MessageId> = self
            .of(user)
            .into_iter()
            .filter(|(_, delivered)| passed(delivered))
            .map(|(id, _)| id)
            .collect();
        let marks = self.ledger.get_marks(user, &passed).await;
        for (id, mark) in passed.iter().zip(marks) {
            if !mark.is_some_and(|mark| mark.counts(mailbox.epoch, now)) {
                let seen = format!("{id} has no mark, and the cursor is at {cursor}");
                self.violated("the cursor passes no message without a mark", Some(user), seen);
            }
        }
    }

    /// The mail that a mailbox has, or had.
    pub fn of(&self, user: &UserId) -> Vec<(MessageId, Delivered)> {
        let seen = self.seen();
        let theirs = seen.mail.iter().filter(|((owner, _), _)| owner == user);
        theirs.map(|((_, id), delivered)| (id.clone(), delivered.clone())).collect()
    }

    /// Whatever leaves us carries ids only.
    pub fn carries_ids_only(&self, where_: &'static str, text: &str) {
        for secret in ["@example", "ya29.", "1//0", "Confidential"] {
            if text.contains(secret) {
                let seen = format!("{secret} in {where_}");
                self.violated("no secret, address, subject or body leaves us", None, seen);
            }
        }
    }
}

/// The ledger, asked where it cannot fail.
pub trait Marked {
    /// The marks of these messages.
    fn get_marks(
        &self,
        user: &UserId,
        ids: &[MessageId],
    ) -> impl Future<Output = Vec<Option<shared::mark::Mark>>>;
}

impl Marked for MemoryLedger {
    async fn get_marks(&self, user: &UserId, ids: &[MessageId]) -> Vec<Option<shared::mark::Mark>> {
        Marks::get(self, user, ids).await.unwrap_or_default()
    }
}
