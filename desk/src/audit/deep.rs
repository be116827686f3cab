//! One mailbox and one window of time, compared in everything that is known of it: Gmail, the marks, the archive and the
//! log of events.
//!
//! What Gmail has must have a mark; what is done must have a result, its original and its event. Gmail is asked by another
//! (see [`census`](super::census)); the rest is read here, the archive by its listing as far as that goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use shared::archive::Archive;
use shared::clock::Timestamp;
use shared::events::{EventLog, message_event_id};
use shared::ids::{MessageId, UserId};
use shared::mailbox::Mailbox;
use shared::mark::{MARK_LIFE, Mark, MarkState};
use shared::store::StoreError;

use super::judge::{Finding, Flaw, Judge, Standing};
use super::{Audit, Scope, stored};

/// Marks that are looked at a second time at once.
const SECOND_LOOK: usize = 100;

/// Compares. The fields are everything it may touch; it only reads.
#[derive(Clone)]
pub struct Deep {
    /// For the marks, and what stands behind those that are not done.
    pub audit: Audit,
    /// Results and originals.
    pub archive: Arc<dyn Archive>,
    /// What was announced; `None` where events are not kept.
    pub log: Option<Arc<dyn EventLog>>,
}

/// What was compared, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeepAudit {
    /// Whose.
    pub user_id: UserId,
    /// Messages that Gmail has in the window; `None` when it could not be asked.
    pub in_gmail: Option<usize>,
    /// Messages with a mark.
    pub marked: usize,
    /// Those of them that are done.
    pub done: usize,
    /// Those that have an event in the log; `None` where events are not kept.
    pub announced: Option<usize>,
    /// What is wrong.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// The window that can be compared: from `since`, but not from before the mailbox was connected, for what is older is there
/// only as far as `BACKFILL` goes, nor from longer ago than marks last; and up to the last finished listing, because what
/// came later is the next poll's to find.
pub fn window(mailbox: &Mailbox, since: Timestamp, now: Timestamp) -> (Timestamp, Timestamp) {
    let from = since.max(mailbox.connected_at).max(now - MARK_LIFE);
    (from, mailbox.last_fetched_at.max(from))
}

/// What the marks of a mailbox say, before anything is looked up.
#[derive(Default)]
struct Said {
    /// Messages that have a mark that counts, of those that Gmail has.
    known: BTreeSet<MessageId>,
    marked: usize,
    done: Vec<Mark>,
    suspects: Vec<Mark>,
}

impl Deep {
    /// Compares what Gmail has, where it could be asked, with what is known here since `scope.since`.
    pub async fn compare(
        &self,
        mailbox: &Mailbox,
        scope: &Scope,
        in_gmail: Option<&BTreeSet<MessageId>>,
    ) -> Result<DeepAudit, StoreError> {
        let user = &mailbox.user_id;
        let said = self.read(mailbox, scope, in_gmail).await?;
        let mut findings = self.audit.findings(mailbox, said.suspects).await?;
        if let Some(in_gmail) = in_gmail {
            let unknown = in_gmail.difference(&said.known).cloned().collect();
            findings.extend(self.unmarked(mailbox, unknown).await?);
        }
        findings.extend(stored::missing(&*self.archive, user, &said.done).await?);
        let unannounced = self.unannounced(user, &said.done).await?;
        let done = said.done.len();
        let announced = unannounced.as_ref().map(|missing| done - missing.len());
        findings.extend(unannounced.into_iter().flatten());
        findings.sort_by(|one, other| {
            (&one.message_id, one.flaw).cmp(&(&other.message_id, other.flaw))
        });
        let (user_id, in_gmail) = (user.clone(), in_gmail.map(BTreeSet::len));
        Ok(DeepAudit { user_id, in_gmail, marked: said.marked, done, announced, findings })
    }

    /// Reads the marks. Those that are done belong to the window by Gmail's date, the others by when they were listed.
    async fn read(
        &self,
        mailbox: &Mailbox,
        scope: &Scope,
        in_gmail: Option<&BTreeSet<MessageId>>,
    ) -> Result<Said, StoreError> {
        let judge = Judge {
            epoch: mailbox.epoch,
            now: self.audit.clock.now(),
            since: None,
            stale_after: scope.stale_after,
        };
        let is_meant = |mark: &Mark| {
            let at = mark.internal_date.unwrap_or(mark.listed_at);
            scope.since.is_none_or(|since| at >= since)
        };
        let mut said = Said::default();
        self.audit
            .each_mark(&mailbox.user_id, |mark| {
                let standing = judge.standing(&mark);
                if standing == Standing::Outside {
                    return;
                }
                if in_gmail.is_some_and(|ids| ids.contains(&mark.message_id)) {
                    said.known.insert(mark.message_id.clone());
                }
                if !is_meant(&mark) {
                    return;
                }
                said.marked += 1;
                match standing {
                    Standing::Stale | Standing::Parked => said.suspects.push(mark),
                    Standing::InOrder if mark.state == MarkState::Done => said.done.push(mark),
                    Standing::InOrder | Standing::Outside => {}
                }
            })
            .await?;
        Ok(said)
    }

    /// Those that have no mark when they are looked for by name, either.
    async fn unmarked(
        &self,
        mailbox: &Mailbox,
        ids: Vec<MessageId>,
    ) -> Result<Vec<Finding>, StoreError> {
        let (user, now) = (&mailbox.user_id, self.audit.clock.now());
        let mut found = Vec::new();
        for ids in ids.chunks(SECOND_LOOK) {
            let marks = self.audit.marks.get(user, ids).await?;
            for (id, mark) in ids.iter().zip(marks) {
                if !mark.is_some_and(|mark| mark.counts(mailbox.epoch, now)) {
                    found.push(Finding::unmarked(user, id.clone()));
                }
            }
        }
        Ok(found)
    }

    /// Those that are done without an event; `None` where nobody can tell.
    async fn unannounced(
        &self,
        user: &UserId,
        done: &[Mark],
    ) -> Result<Option<Vec<Finding>>, StoreError> {
        let Some(log) = &self.log else { return Ok(None) };
        let event_of = |mark: &Mark| message_event_id(user, &mark.message_id, mark.generation);
        let mut wanted: BTreeMap<String, &Mark> =
            done.iter().map(|mark| (event_of(mark), mark)).collect();
        for id in log.announced(user, wanted.keys().cloned().collect()).await? {
            wanted.remove(&id);
        }
        let missing = wanted.into_values();
        Ok(Some(missing.map(|mark| Finding::of_mark(Flaw::Unannounced, user, mark)).collect()))
    }
}
