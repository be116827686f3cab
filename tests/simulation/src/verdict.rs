//! After the bad days: faults off, everybody awake, people heal; then everything must come to rest, and be accounted for.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shared::archive::Archive;
use shared::clock::Timestamp;
use shared::events::{EventKind, message_event_id};
use shared::ids::{Generation, MessageId, UserId};
use shared::index::Index;
use shared::jobs::{Cause, UserJob, UserJobKind, decode};
use shared::ledger::{DeadLetter, DeadLetters, LetterFilter, LetterState};
use shared::mailbox::{AccessBy, Mailbox, Owed};
use shared::mark::{Mark, MarkState};
use shared::reason::SkipReason;
use shared::result::{original_key, result_key};
use shared::sealing::{Sealed, SealedFor, Sealing, TokenKind};

use crate::deeds::Deed;
use crate::outside::{generation, stored_under};
use crate::queue::Nastiness;
use crate::witness::{Delivered, Marked};
use crate::world::{TICK, World};

/// Whatever has not come to rest within this does not: a job that failed four times, waited for a token and was
/// hidden twice needs some hours.
const PATIENCE: Duration = Duration::from_hours(48);

/// An access token may outlive its grant by an hour, and until then nobody can notice.
const TOKENS_LAST: Duration = Duration::from_mins(65);

/// How often the operator sends round what is parked.
const REPLAYS: usize = 4;

impl World {
    /// Ends the bad days, lets everything come to rest, and judges.
    pub fn finish(&mut self) {
        self.fate.calm();
        self.queues.set(Nastiness::default());
        self.google.clear_faults();
        self.take_service_account(true);
        self.calendar.clear(self.now());
        self.enable_all();
        self.cursed.clear();
        self.thaw();
        self.fate.note("finale", "faults off");
        let tokens_end = self.now() + TOKENS_LAST;
        self.run_until(tokens_end, |_| false);
        self.come_to_rest();
        self.judge_dead_grants();
        self.judge_accounts();
        self.everyone_heals();
        self.come_to_rest();
        self.judge_released();
        if self.witness.seen().reclassifications > 0 {
            // What was begun is gone on with, once whoever died with it is known to be dead.
            let later = self.now() + Duration::from_mins(30);
            self.plan(later, Deed::Reclassify);
            self.come_to_rest();
        }
        for _ in 0..REPLAYS {
            if self.is_healed() {
                break;
            }
            self.everyone_heals();
            let soon = self.now() + Duration::from_mins(10);
            self.plan(soon, Deed::ReplayAll);
            self.come_to_rest();
        }
        // Marked by a run that died before it sent the job, and then taken by its owner out of what is listed: only a look at
        // the marks themselves finds it.
        if self.is_anything_listed() {
            let soon = self.now() + Duration::from_mins(10);
            self.plan(soon, Deed::Audit(Duration::from_hours(1)));
            self.come_to_rest();
        }
        self.judge();
    }

    fn is_anything_listed(&self) -> bool {
        self.rows().iter().any(|row| {
            let counted =
                shared::ledger::Marks::count(&*self.ledger, &row.user_id, row.epoch, self.now());
            crate::at_once(counted)
                .is_some_and(|counts| counts.is_ok_and(|counts| counts.listed > 0))
        })
    }

    /// Runs until nobody runs, nothing waits but polls, and every mailbox was polled twice since.
    fn come_to_rest(&mut self) {
        let limit = self.now() + PATIENCE;
        loop {
            let polled = self.now() + self.stages.settings.poll_interval_max * 2 + TICK;
            self.run_until(polled, |_| false);
            self.run_until(limit, |world| world.is_quiet() && world.calendar.next().is_none());
            if self.now() >= limit {
                return self.witness.violated("everything comes to rest", None, self.restless());
            }
            if self.is_settled() {
                return;
            }
        }
    }

    /// Whether nothing waits but polls of the last round, whose turn comes: where there are many mailboxes, some always do.
    fn is_quiet(&self) -> bool {
        let oldest = self.now() - (self.stages.settings.poll_interval_max + TICK);
        let is_poll = |job: &UserJob| {
            let is_new = job.header.tries == 0 && job.header.first_seen_at >= oldest;
            is_new && job.cause == Cause::Schedule && job.kind == UserJobKind::Sync
        };
        let is_poll = |body: &str| decode::<UserJob>(body).is_ok_and(|job| is_poll(&job));
        self.nobody_runs() && self.queues.all().iter().all(|queue| queue.holds_only(is_poll))
    }

    /// Whether nothing is owed any more. Who may not be read keeps what it waits for, but for a goodbye and a notice.
    fn is_settled(&self) -> bool {
        self.rows().iter().all(|row| {
            let owed = &row.owed;
            let told = owed.notice.is_none() && owed.mail.is_none();
            let soon = told && owed.disconnect.is_none();
            // What goes round by itself has its time, and after that a poll.
            let polled = self.now() - (self.stages.settings.poll_interval_max + TICK);
            let later = owed.retry.filter(|debt| debt.at > polled);
            let rest = Owed { retry: later, ..Owed::default() };
            if row.is_readable() { *owed == rest } else { soon }
        })
    }

    fn restless(&self) -> String {
        let depths = self.queues.all().map(|queue| queue.next().is_some());
        let owed: Vec<String> = self
            .rows()
            .iter()
            .filter(|row| row.owed != Owed::default())
            .map(|row| format!("{} owes {:?}", row.user_id, row.owed))
            .collect();
        format!("queues that hold something: {depths:?}; {owed:?}")
    }

    /// Every grant that is dead was told of, and no other.
    fn judge_dead_grants(&self) {
        for row in self.rows() {
            if row.disconnected_at.is_some() || row.paused.is_some() {
                continue;
            }
            let user = &row.user_id;
            if row.needs_reauth.is_none() && !self.may_be_read(&row) {
                let seen = format!("{}, epoch {}, grant {}", row.access, row.epoch, row.grant);
                self.witness.violated("a dead grant is noticed", Some(user), seen);
            }
            let told = |(kind, whose, _): &(&'static str, UserId, String)| {
                *kind == EventKind::NeedsReauth.as_str() && whose == user
            };
            if row.needs_reauth.is_some() && !self.witness.seen().told.iter().any(told) {
                self.witness.violated("a dead grant is told of", Some(user), "no event");
            }
            let consent = (user.clone(), row.epoch, row.grant);
            if row.needs_reauth.is_some() && !self.witness.seen().written.contains(&consent) {
                let rule = "who must consent again is told by mail";
                self.witness.violated(rule, Some(user), format!("grant {}: no mail", row.grant));
            }
        }
    }

    /// Whether Google would give a token for a mailbox.
    fn may_be_read(&self, row: &Mailbox) -> bool {
        match row.access {
            AccessBy::Consent => self.grant_lives(row),
            AccessBy::Delegation => self.is_let_in(row),
        }
    }

    /// Whether every mailbox is read or has ended, and no letter is open.
    fn is_healed(&self) -> bool {
        let open = [LetterState::Parked, LetterState::Replaying];
        self.rows().iter().all(|row| row.is_readable() || row.disconnected_at.is_some())
            && !self.letters().iter().any(|letter| open.contains(&letter.state))
    }

    pub(crate) fn letters(&self) -> Vec<DeadLetter> {
        let filter = LetterFilter::default();
        let letters = crate::at_once(self.ledger.list_letters(&filter));
        letters.unwrap_or_default()
    }

    fn judge(&self) {
        let letters = self.letters();
        for letter in &letters {
            if letter.state == LetterState::Replaying {
                let seen = format!("{} of reason {}", letter.job_id, letter.reason);
                let user = letter.user_id.as_ref();
                self.witness.violated("a letter that goes round comes to its end", user, seen);
            }
        }
        for row in self.rows() {
            self.judge_mailbox(&row, &letters);
            self.judge_forgotten(&row, &letters);
        }
        self.fate.note("rest", format!("{} deliveries", self.deliveries.load(Ordering::Relaxed)));
    }

    fn judge_mailbox(&self, row: &Mailbox, letters: &[DeadLetter]) {
        let user = &row.user_id;
        if row.disconnected_at.is_some() {
            return self.judge_goodbye(row);
        }
        let waits = |letter: &&DeadLetter| {
            letter.user_id.as_ref() == Some(user) && letter.state == LetterState::Parked
        };
        if let Some(letter) = letters.iter().find(waits) {
            let seen = format!("{} of reason {}: {}", letter.job_id, letter.reason, letter.error);
            self.witness.violated("what can be replayed does not stay parked", Some(user), seen);
        }
        if !row.is_readable() {
            return self.witness.violated("who heals is read again", Some(user), "it is not");
        }
        self.judge_tokens(row);
        let mail = self.witness.of(user);
        let ids: Vec<MessageId> = mail.iter().map(|(id, _)| id.clone()).collect();
        let marks = crate::at_once(self.ledger.get_marks(user, &ids)).unwrap_or_default();
        for ((id, delivered), mark) in mail.iter().zip(marks) {
            self.judge_message(row, id, delivered, mark.as_ref());
        }
        let told = |kind: EventKind| {
            let seen = self.witness.seen();
            seen.told.iter().any(|(told, whose, _)| *told == kind.as_str() && whose == user)
        };
        if !told(EventKind::Connected) {
            self.witness.violated("a connection is announced", Some(user), "no event");
        }
    }

    /// Whatever key it came to be sealed under, a token that is stored opens, and is the one that Google gave.
    fn judge_tokens(&self, row: &Mailbox) {
        let (user, epoch) = (&row.user_id, row.epoch);
        let open = |kind, sealed: &Option<Sealed>| {
            let at = SealedFor { user, epoch, kind };
            let sealed = sealed.as_ref()?;
            Some(crate::at_once(self.sealing.open(at, sealed)).and_then(Result::ok))
        };
        let given = |token: &String| {
            let seen = self.witness.seen();
            seen.refresh.get(token).is_some_and(|(whose, life, grant)| {
                let is_its = *grant == row.grant || row.access == AccessBy::Delegation;
                whose == user && *life == epoch && is_its
            })
        };
        let refresh = open(TokenKind::Refresh, &row.refresh_token);
        let access = open(TokenKind::Access, &row.access_token);
        // Under delegation there is that of an earlier consent, or none.
        let is_right = match &refresh {
            Some(refresh) => refresh.as_ref().is_some_and(given),
            None => row.access == AccessBy::Delegation,
        };
        if !is_right || access == Some(None) {
            let rule = "a stored token opens, and is the one that was given";
            self.witness.violated(rule, Some(user), format!("epoch {epoch}, grant {}", row.grant));
        }
    }

    /// A life that has ended leaves no token, and was announced.
    fn judge_goodbye(&self, row: &Mailbox) {
        let user = &row.user_id;
        if row.refresh_token.is_some() || row.access_token.is_some() || row.history_id.is_some() {
            let rule = "a life that has ended leaves no token and no cursor";
            self.witness.violated(rule, Some(user), format!("epoch {}", row.epoch));
        }
        let kind = EventKind::Disconnected.as_str();
        let seen = self.witness.seen();
        let told = seen.told.iter().any(|(told, whose, _)| *told == kind && whose == user);
        drop(seen);
        if !told {
            self.witness.violated("a goodbye is announced", Some(user), "no event");
        }
    }

    fn judge_message(
        &self,
        row: &Mailbox,
        id: &MessageId,
        delivered: &Delivered,
        mark: Option<&Mark>,
    ) {
        let user = &row.user_id;
        let now = self.now();
        let Some(mark) = mark.filter(|mark| mark.counts(row.epoch, now)) else {
            if self.must_be_known(row, delivered) {
                let seen = format!("{id}, {:?}, came {}", delivered.labels, delivered.at);
                self.witness.violated("nothing is lost", Some(user), seen);
            }
            return;
        };
        match mark.state {
            MarkState::Done => self.judge_done(row, id, delivered, mark),
            MarkState::Skipped(reason) => self.judge_skipped(user, id, delivered, reason),
            MarkState::Listed | MarkState::Parked => {
                let seen = format!("{id} is {}", mark.state.as_str());
                self.witness.violated("every message comes to its end", Some(user), seen);
            }
        }
        if delivered.fetched > 60 {
            let seen = format!("{id} was fetched {} times", delivered.fetched);
            self.witness.violated("a message is not fetched without end", Some(user), seen);
        }
    }

    /// Whether a message came while its mailbox was connected, and is still there.
    fn must_be_known(&self, row: &Mailbox, delivered: &Delivered) -> bool {
        let since: Timestamp = row.connected_at;
        let unread = delivered.labels.contains(&"UNREAD") && !delivered.relabelled;
        let backfilled = unread
            && !delivered.labels.contains(&"SPAM")
            && self.stages.settings.backfill != shared::settings::Backfill::None;
        !delivered.deleted && (delivered.at >= since || backfilled)
    }

    fn judge_done(&self, row: &Mailbox, id: &MessageId, delivered: &Delivered, mark: &Mark) {
        let user = &row.user_id;
        let date = mark.internal_date.unwrap_or(delivered.at);
        let read = |key: &str| crate::at_once(self.archive.get(key)).and_then(Result::ok).flatten();
        let pack = mark.pack.as_ref().map(ToString::to_string);
        let key = pack.unwrap_or_else(|| result_key(user, id, date));
        let result = read(&key).and_then(|bytes| stored_under(&bytes, &key, id));
        if result.is_none() {
            self.witness.violated("what is done has a result", Some(user), &*key);
        }
        if read(&original_key(user, id)).is_none_or(|held| held != delivered.raw) {
            let rule = "what is done has its original, byte for byte";
            self.witness.violated(rule, Some(user), id.as_str());
        }
        let read = result.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
        if let Some(read) = read.filter(|_| self.is_acted_on(date, row.connected_at)) {
            self.judge_actions(user, id, &read);
        }
        let stands = result.as_deref().and_then(generation).unwrap_or_default();
        let ids: BTreeSet<String> =
            (0..=stands.0).map(|it| message_event_id(user, id, Generation(it))).collect();
        let seen = self.witness.seen();
        let announced = seen.announced.get(&(user.clone(), id.clone())).cloned();
        drop(seen);
        let announced = announced.unwrap_or_default();
        if !announced.contains(&message_event_id(user, id, stands)) || !announced.is_subset(&ids) {
            let seen = format!("{id} at {stands}: {} ids", announced.len());
            let rule = "the judgement that stands was announced, and none but those before it";
            self.witness.violated(rule, Some(user), seen);
        }
        if self.stages.settings.results_index {
            let entries = crate::at_once(self.ledger.entries(user, None, 10_000));
            let entries = entries.and_then(Result::ok).unwrap_or_default();
            let entry = entries.iter().find(|entry| entry.message_id == *id);
            if entry.is_none_or(|entry| entry.generation != stands || entry.key != key) {
                let rule = "the index names the judgement that stands, and where it is";
                self.witness.violated(rule, Some(user), format!("{id}: {entry:?}"));
            }
        }
        if mark.generation != stands {
            let seen = format!("{id}: {} is stored, {} is marked", stands, mark.generation);
            self.witness.violated("a mark names the judgement that stands", Some(user), seen);
        }
    }

    fn judge_skipped(&self, user: &UserId, id: &MessageId, delivered: &Delivered, why: SkipReason) {
        let labels = shared::labels::skip_reason(&delivered.labels);
        let right = match why {
            SkipReason::DeletedAtSource => delivered.deleted,
            SkipReason::Discarded => delivered.raw.len() >= self.stages.settings.max_message_bytes,
            SkipReason::Spam
            | SkipReason::Trash
            | SkipReason::Draft
            | SkipReason::Chat
            | SkipReason::SentOnly => delivered.relabelled || labels == Some(why),
            SkipReason::Filtered => false,
        };
        if !right {
            let seen = format!("{id} was skipped, {why:?}; its labels were {:?}", delivered.labels);
            self.witness.violated("only what is no mail is skipped", Some(user), seen);
        }
    }
}

/// The ledger, asked where it cannot fail.
trait Lettered {
    async fn list_letters(&self, filter: &LetterFilter) -> Vec<DeadLetter>;
}

impl Lettered for shared::ledger::memory::MemoryLedger {
    async fn list_letters(&self, filter: &LetterFilter) -> Vec<DeadLetter> {
        DeadLetters::list(self, filter, None, 10_000).await.unwrap_or_default()
    }
}
