//! What people, operators and Google do, and when.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use google_sim::Delivery;
use google_sim::faults::{Fault, FaultKind};
use google_sim::labels::LabelId;
use google_sim::methods::Method;
use shared::clock::Timestamp;
use shared::google::security_event::EventKind;
use shared::ids::{HistoryId, UserId};
use shared::jobs::UserJobKind;
use shared::queue::Outgoing;

use crate::domain::DOMAIN;
use crate::witness::Delivered;
use crate::world::World;

/// Something that is done. People are meant by their place among those there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deed {
    /// A person consents.
    Consent(usize),
    /// The operator connects a mailbox of the domain, of which nobody consents.
    Delegate(usize),
    /// The administrator of the domain lets us in, for labels too if so, or not any more.
    Authorize(bool),
    Withdraw,
    /// The administrator gives an account another address.
    Rename(usize),
    /// Google does not take our service account any more, or does again.
    ServiceAccount(bool),
    /// A person has the mailbox disconnected.
    Disconnect(usize),
    /// A person has the mailbox disconnected, and everything of it deleted; or deleted later.
    Purge(usize),
    /// Google ends every grant of a person.
    Revoke(usize, google_sim::grants::Cause),
    /// Google disables a person's account, or enables it again.
    Disable(usize),
    Enable(usize),
    /// Google posts what happened to a person's account, and when.
    Tell(usize, EventKind, Timestamp),
    /// So many messages arrive.
    Deliver(usize, usize),
    /// A message arrives that is larger than we read.
    DeliverLarge(usize),
    /// A message arrives whose fetching kills whoever does it.
    DeliverCursed(usize),
    /// One message is deleted for good, or labelled.
    Delete(usize),
    Relabel(usize),
    /// Gmail forgets a mailbox's history.
    Forget(usize),
    /// The operator pauses a mailbox, lets it go on, or has it brought up to date.
    Pause(usize),
    Resume(usize),
    Sync(usize),
    /// From now on calls of Google end so, so often in a hundred; until the sky clears.
    Weather(Option<Method>, FaultKind, u32),
    Clear,
    /// A record that is none of our jobs, one of a newer program, and one of the first.
    Stray,
    Newer(usize),
    Older(usize),
    /// The operator has every token sealed anew, under a new key.
    Rotate,
    /// The operator has everything judged anew that is stored.
    Reclassify,
    /// The operator has announced again what was announced in the last hours.
    AnnounceAgain,
    /// The operator looks for marks that nothing stands behind for so long, and sends their messages again.
    Audit(Duration),
    /// The operator sends everything round again that is parked, and gives up what cannot go.
    ReplayAll,
}

impl Deed {
    /// Its word, for the coverage.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Consent(_) => "consent",
            Self::Delegate(_) => "delegate",
            Self::Authorize(_) => "authorize",
            Self::Withdraw => "withdraw",
            Self::Rename(_) => "rename",
            Self::ServiceAccount(true) => "take the service account",
            Self::ServiceAccount(false) => "refuse the service account",
            Self::Disconnect(_) => "disconnect",
            Self::Purge(_) => "purge",
            Self::Revoke(..) => "revoke",
            Self::Disable(_) => "disable an account",
            Self::Enable(_) => "enable an account",
            Self::Tell(..) => "tell of an account",
            Self::Deliver(..) => "deliver",
            Self::DeliverLarge(_) => "deliver a large message",
            Self::DeliverCursed(_) => "deliver a cursed message",
            Self::Delete(_) => "delete",
            Self::Relabel(_) => "relabel",
            Self::Forget(_) => "forget history",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Sync(_) => "sync by hand",
            Self::Weather(..) => "weather",
            Self::Clear => "clear sky",
            Self::Stray => "stray record",
            Self::Newer(_) => "job of a newer program",
            Self::Older(_) => "job of an older program",
            Self::Rotate => "rotate keys",
            Self::Reclassify => "reclassify",
            Self::AnnounceAgain => "announce again",
            Self::Audit(_) => "audit",
            Self::ReplayAll => "replay all",
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What is going to be done, in order of time.
#[derive(Default)]
pub(crate) struct Calendar {
    entries: BTreeMap<(Timestamp, u64), Deed>,
    last: u64,
}

impl Calendar {
    pub(crate) fn add(&mut self, at: Timestamp, deed: Deed) {
        self.last += 1;
        self.entries.insert((at, self.last), deed);
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    pub(crate) fn due(&mut self, now: Timestamp) -> Option<Deed> {
        self.next().filter(|at| *at <= now)?;
        self.entries.pop_first().map(|(_, deed)| deed)
    }

    /// Nothing more is done. What was done already goes on being told.
    pub(crate) fn clear(&mut self, now: Timestamp) {
        self.entries.retain(|_, deed| matches!(deed, Deed::Tell(_, _, at) if *at <= now));
    }
}

impl World {
    /// Makes an account with a mailbox.
    pub fn add_person(&mut self) -> usize {
        self.add_account("example.com")
    }

    /// Makes an account of the Workspace domain.
    pub fn add_member(&mut self) -> usize {
        self.add_account(DOMAIN)
    }

    fn add_account(&mut self, domain: &str) -> usize {
        let email = format!("person{}@{domain}", self.people.len());
        let account = self.google.add_mailbox(&email, "Somebody");
        let Ok(user) = account.sub.parse::<UserId>() else { return 0 };
        self.people.push((email, user));
        self.people.len() - 1
    }

    pub(crate) fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Consent(person) => self.consent(person),
            Deed::Delegate(person) => self.delegate(person),
            Deed::Authorize(labels) => self.authorize(labels),
            Deed::Withdraw => self.withdraw(),
            Deed::Rename(person) => self.rename(person),
            Deed::ServiceAccount(taken) => self.take_service_account(taken),
            Deed::Disconnect(person) => {
                self.ask(person, UserJobKind::Disconnect { purge: false });
            }
            Deed::Purge(person) => self.ask(person, UserJobKind::Disconnect { purge: true }),
            Deed::Sync(person) => self.ask(person, UserJobKind::Sync),
            Deed::Revoke(person, cause) => {
                let _ = self.google.revoke(&self.people[person].0, cause);
            }
            Deed::Disable(person) => self.disable(person),
            Deed::Enable(person) => self.enable(person),
            Deed::Tell(person, what, at) => self.tell(person, what, at),
            Deed::Deliver(person, count) => {
                (0..count).for_each(|_| self.deliver(person, 0));
            }
            Deed::DeliverLarge(person) => {
                self.deliver(person, self.stages.settings.max_message_bytes);
            }
            Deed::DeliverCursed(person) => {
                self.deliver(person, 0);
                self.curse_last(person);
            }
            Deed::Delete(person) => self.delete(person),
            Deed::Relabel(person) => self.relabel(person),
            Deed::Forget(person) => {
                let _ = self.google.expire_history(&self.people[person].0);
            }
            Deed::Pause(person) => self.pause(person),
            Deed::Resume(person) => self.resume(person),
            Deed::Weather(method, kind, percent) => {
                let rate = f64::from(percent) / 100.0;
                let (email, count, latency) = (None, None, Duration::from_secs(1));
                self.google.set_fault(Fault { email, method, kind, rate, count, latency });
            }
            Deed::Clear => self.google.clear_faults(),
            Deed::Stray => self.stray("not a job, and no secret either".to_owned()),
            Deed::Newer(person) => {
                let user = &self.people[person].1;
                self.stray(format!(r#"{{"v":9,"userId":"{user}","sort":"unheard of"}}"#));
            }
            Deed::Older(person) => self.older(person),
            Deed::Rotate => self.rotate(),
            Deed::Reclassify => self.reclassify(),
            Deed::AnnounceAgain => self.announce_again(),
            Deed::Audit(stale_after) => self.audit(stale_after),
            Deed::ReplayAll => self.replay_all(),
        }
    }

    fn deliver(&mut self, person: usize, padding: usize) {
        let (email, user) = self.people[person].clone();
        let number = self.witness.seen().mail.len();
        let kind = if self.interleaved { self.below(12) } else { 11 };
        let labels: &[&'static str] = match kind {
            0 => &["SPAM"],
            1 => &["DRAFT"],
            2 => &["SENT"],
            3 => &["INBOX"],
            _ => &["INBOX", "UNREAD"],
        };
        let raw = letter(number, padding);
        let how = Delivery { labels: Some(labels), date: None };
        let Ok(id) = self.google.deliver_as(&email, raw.clone(), how) else { return };
        let history = self.google.history_id(&email).unwrap_or(HistoryId(0));
        self.fate.note("arrives", format!("{id} for {email}, history {history:?}"));
        let delivered = Delivered {
            raw: raw.into_bytes(),
            history,
            at: self.now(),
            deleted: false,
            labels: labels.to_vec(),
            relabelled: false,
            fetched: 0,
        };
        self.witness.seen().mail.insert((user, id), delivered);
    }

    fn curse_last(&mut self, person: usize) {
        let mail = self.witness.of(&self.people[person].1);
        let last = mail.iter().max_by_key(|(_, delivered)| delivered.history);
        self.cursed.extend(last.map(|(id, _)| id.clone()));
    }

    /// One of the mailbox's messages that are still there, and not so old.
    fn some_message(&self, person: usize) -> Option<shared::ids::MessageId> {
        let mail = self.witness.of(&self.people[person].1);
        let mut there: Vec<_> = mail.iter().filter(|(_, delivered)| !delivered.deleted).collect();
        there.sort_by_key(|(_, delivered)| std::cmp::Reverse(delivered.history));
        there.truncate(5);
        let chosen = there.get(self.below(there.len().max(1)))?;
        Some(chosen.0.clone())
    }

    fn delete(&mut self, person: usize) {
        let Some(id) = self.some_message(person) else { return };
        let (email, user) = self.people[person].clone();
        if self.google.delete(&email, &id).is_ok()
            && let Some(delivered) = self.witness.seen().mail.get_mut(&(user, id))
        {
            delivered.deleted = true;
        }
    }

    fn relabel(&mut self, person: usize) {
        let Some(id) = self.some_message(person) else { return };
        let (email, user) = self.people[person].clone();
        let (add, remove) = match self.below(3) {
            0 => (vec![LabelId::TRASH], vec![LabelId::INBOX]),
            1 => (vec![LabelId::SPAM], vec![LabelId::INBOX]),
            _ => (vec![], vec![LabelId::UNREAD]),
        };
        if self.google.relabel(&email, &id, &add, &remove).is_ok()
            && let Some(delivered) = self.witness.seen().mail.get_mut(&(user, id))
        {
            delivered.relabelled = true;
        }
    }

    fn stray(&mut self, body: String) {
        let queues = [&self.queues.user_jobs, &self.queues.message_jobs];
        let queue = queues[self.below(2)].clone();
        let attributes = BTreeMap::new();
        let out = Outgoing { body, group: None, delay: Duration::ZERO, attributes };
        let _ = crate::at_once(shared::queue::Queue::send(&*queue, vec![out]));
    }

    /// A job as the first program wrote it: without the fields that came later.
    fn older(&mut self, person: usize) {
        let user = self.people[person].1.clone();
        let Some(row) = self.row(&user) else { return };
        let (epoch, now) = (row.epoch, self.now());
        let name = format!("older{}", self.below(1_000_000));
        let body = format!(
            r#"{{"v":0,"jobId":"{name}","userId":"{user}","epoch":{epoch},"firstSeenAt":"{now}","trace":"{name}","kind":{{"do":"sync"}},"cause":"schedule"}}"#
        );
        let queue = self.queues.user_jobs.clone();
        let attributes = BTreeMap::new();
        let out = Outgoing { body, group: Some(user), delay: Duration::ZERO, attributes };
        let _ = crate::at_once(shared::queue::Queue::send(&*queue, vec![out]));
    }
}

/// A message of its own.
fn letter(number: usize, padding: usize) -> String {
    format!(
        "From: Bob <bob@example.org>\r\nTo: somebody@example.com\r\nSubject: Confidential {number}\r\n\
         Date: Fri, 1 May 2026 12:00:00 +0000\r\nMessage-ID: <{number}@example.org>\r\n\r\n\
         Dear friend, shall we have lunch on day {number}? Bob{}\r\n",
        " ".repeat(padding)
    )
}
