//! A world of one mailbox, user 42 in its second life under its third consent, with two messages listed: m1 on its way,
//! m2 done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::breaker::Breaker;
use shared::clock::{Chance, Clock};
use shared::connect_link::LinkSigning;
use shared::events::Event;
use shared::events::memory::MemoryEvents;
use shared::goodbye::DisconnectDebt;
use shared::ids::{Epoch, Generation, Grant, MessageId, UserId};
use shared::intake;
use shared::jobs::{Cause, Job, JobHeader, Lane, Listed, MessageJob, UserJob, UserJobKind};
use shared::ledger::memory::MemoryLedger;
use shared::ledger::{
    DeadLetter, DeadLetters, Happening, LetterFilter, LetterKey, LetterState, Mailboxes, Marks,
    StageName,
};
use shared::mailbox::{Mailbox, Owed, Pace};
use shared::mailer::memory::MemoryMailer;
use shared::mark::{Ending, Listing, MarkState};
use shared::pacing::Pacing;
use shared::queue::memory::MemoryQueue;
use shared::queue::{Outgoing, Queue, Receipt, Record};
use shared::reason::Reason;
use shared::replay::Replay;
use shared::store::{StoreError, Write};

use crate::DeadLetterStage;
use crate::links::Links;
use crate::notice::Notices;

const PAGES: &str = "https://fanmail.example.org/oauth2callback";

pub(super) const WEB_KEY: [u8; 32] = [7; 32];

pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) chance: Chance,
    pub(super) ledger: Arc<MemoryLedger>,
    pub(super) events: Arc<MemoryEvents>,
    pub(super) mailer: Arc<MemoryMailer>,
    pub(super) user_jobs: Line,
    pub(super) message_jobs: Line,
}

/// A queue, looked at from outside.
pub(super) struct Line(pub(super) Arc<MemoryQueue>);

impl Line {
    pub(super) async fn put(&self, body: &str) {
        let body = body.to_owned();
        let (group, delay, attributes) = (None, Duration::ZERO, BTreeMap::new());
        let sent = self.0.send(vec![Outgoing { body, group, delay, attributes }]).await.unwrap();
        assert!(sent.is_empty());
    }

    pub(super) async fn only(&self) -> String {
        let mut records = self.0.receive(10, Duration::ZERO).await.unwrap();
        assert_eq!(records.len(), 1);
        records.remove(0).body
    }

    pub(super) async fn is_empty(&self) -> bool {
        self.0.depth().await.unwrap().total() == 0
    }
}

impl World {
    pub(super) async fn new() -> Self {
        let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
        let world = Self {
            chance: Chance::seeded(1),
            ledger: Arc::new(MemoryLedger::new()),
            events: Arc::new(MemoryEvents::new()),
            mailer: Arc::new(MemoryMailer::new()),
            user_jobs: Line(Arc::new(MemoryQueue::new(clock.clone()))),
            message_jobs: Line(Arc::new(MemoryQueue::new(clock.clone()))),
            clock,
        };
        world.ledger.insert(mailbox(&world.clock));
        world.list_messages(Epoch(2)).await;
        world.finish_second().await;
        world
    }

    /// As a sync of this life lists them; the states in which they then stand.
    pub(super) async fn list_messages(&self, epoch: Epoch) -> Vec<MarkState> {
        let listings = ids().map(|message_id| Listing {
            message_id,
            job_id: "lister".parse().unwrap(),
            state: MarkState::Listed,
        });
        Marks::list(&*self.ledger, &user(), epoch, &listings, self.clock.now()).await.unwrap()
    }

    async fn finish_second(&self) {
        let (user, now) = (user(), self.clock.now());
        let done = Ending {
            message_id: ids()[1].clone(),
            state: MarkState::Done,
            generation: Generation(0),
            internal_date: Some(now),
        };
        self.ledger.finish(&user, Epoch(2), &[done], now).await.unwrap();
    }

    pub(super) fn stage(&self) -> DeadLetterStage {
        DeadLetterStage {
            mailboxes: self.ledger.clone(),
            marks: self.ledger.clone(),
            letters: self.ledger.clone(),
            replay: Replay {
                mailboxes: self.ledger.clone(),
                marks: self.ledger.clone(),
                letters: self.ledger.clone(),
                user_jobs: self.user_jobs.0.clone(),
                message_jobs: self.message_jobs.0.clone(),
                pacing: Pacing::MAY_2026,
            },
            breaker: Breaker::new(self.ledger.clone()),
            events: self.events.clone(),
            notices: Notices {
                links: Links::new(PAGES.to_owned(), LinkSigning::new(&WEB_KEY)),
                mailer: Some(self.mailer.clone()),
            },
            clock: self.clock.clone(),
            stack: "test".to_owned(),
        }
    }

    pub(super) fn queue(&self) -> Line {
        Line(Arc::new(MemoryQueue::new(self.clock.clone())))
    }

    /// Drains one record, which must come to its end.
    pub(super) async fn drain(&self, stage: StageName, record: Record) {
        let answer = self.stage().drain(stage, vec![record.clone()]).await;
        assert_eq!((answer.finished, answer.left), (vec![record.receipt], vec![]));
    }

    pub(super) fn header(&self) -> JobHeader {
        JobHeader::new(user(), Epoch(2), self.clock.now(), &self.chance)
    }

    pub(super) fn user_job(&self, kind: UserJobKind) -> UserJob {
        UserJob { header: self.header(), kind, cause: Cause::Schedule }
    }

    pub(super) fn message_job(&self) -> MessageJob {
        let listed_at = self.clock.now();
        MessageJob {
            header: self.header(),
            messages: ids().map(|id| Listed { id, listed_at }).to_vec(),
            lane: Lane::Live,
            generation: Generation(0),
            refused: None,
        }
    }

    pub(super) async fn mailbox(&self) -> Mailbox {
        Mailboxes::get(&*self.ledger, &user()).await.unwrap().unwrap()
    }

    pub(super) async fn change(&self, change: impl FnOnce(&mut Mailbox)) {
        let mut mailbox = self.mailbox().await;
        change(&mut mailbox);
        self.ledger.insert(mailbox);
    }

    /// Whether neither the mailbox nor its consumers have heard anything.
    pub(super) async fn is_untouched(&self) -> bool {
        let mailbox = self.mailbox().await;
        mailbox.is_readable() && mailbox.owed == Owed::default() && self.published().is_empty()
    }

    pub(super) async fn disconnect(&self, owed: bool) {
        let (user, at) = (user(), self.clock.now());
        let debt = DisconnectDebt::new("e1".into(), Epoch(2), Grant(3), at);
        assert_eq!(self.ledger.disconnect(&user, debt.clone()).await.unwrap(), Write::Applied);
        if !owed {
            let paid = Owed { disconnect: Some(debt), ..Owed::default() };
            self.ledger.settle(&user, paid).await.unwrap();
        }
    }

    pub(super) fn published(&self) -> Vec<Event> {
        self.events.published()
    }

    pub(super) async fn letters(&self) -> Vec<DeadLetter> {
        DeadLetters::list(&*self.ledger, &LetterFilter::default(), None, 100).await.unwrap()
    }

    pub(super) async fn only_letter(&self) -> DeadLetter {
        let mut letters = self.letters().await;
        assert_eq!(letters.len(), 1);
        letters.remove(0)
    }

    pub(super) async fn mark_states(&self) -> Vec<MarkState> {
        let marks = Marks::get(&*self.ledger, &user(), &ids()).await.unwrap();
        marks.into_iter().map(|mark| mark.unwrap().state).collect()
    }
}

/// A record as a stage dead-letters it, after three tries.
pub(super) fn letter<J: Job>(
    job: &J,
    reason: Reason,
    error: &str,
    consent: Option<(Epoch, Grant)>,
) -> Record {
    let error = error.to_owned();
    let verdict = shared::disposition::Verdict { job: job.clone(), reason, error, consent };
    let sent = intake::letter(&verdict, StageName::UserWorker, 3);
    Record { attributes: sent.attributes, ..redriven(&sent.body) }
}

/// A record as the queue itself moves it: nothing beside the body.
pub(super) fn redriven(body: &str) -> Record {
    Record {
        id: "record".to_owned(),
        receipt: Receipt("receipt".to_owned()),
        body: body.to_owned(),
        attributes: BTreeMap::new(),
        receive_count: 1,
        sent_at: "2026-05-01T11:00:00Z".parse().unwrap(),
    }
}

/// Letters that cannot be parked if they have an owner.
pub(super) struct Refusing {
    pub(super) inner: Arc<MemoryLedger>,
}

#[async_trait]
impl DeadLetters for Refusing {
    async fn park(&self, letter: DeadLetter) -> Result<DeadLetter, StoreError> {
        if letter.user_id.is_some() {
            return Err(StoreError::Full { doing: "parking", source: "full".into() });
        }
        DeadLetters::park(&*self.inner, letter).await
    }

    async fn get(&self, key: &LetterKey) -> Result<Option<DeadLetter>, StoreError> {
        DeadLetters::get(&*self.inner, key).await
    }

    async fn list(
        &self,
        filter: &LetterFilter,
        after: Option<&LetterKey>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        DeadLetters::list(&*self.inner, filter, after, limit).await
    }

    async fn turn(
        &self,
        key: &LetterKey,
        from: &[LetterState],
        turn: Happening,
    ) -> Result<Write, StoreError> {
        self.inner.turn(key, from, turn).await
    }

    async fn withdraw(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.inner.withdraw(letter).await
    }

    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError> {
        DeadLetters::forget(&*self.inner, user, limit).await
    }
}

pub(super) fn user() -> UserId {
    "42".parse().unwrap()
}

pub(super) fn ids() -> [MessageId; 2] {
    ["m1", "m2"].map(|id| id.parse().unwrap())
}

fn mailbox(clock: &Clock) -> Mailbox {
    Mailbox {
        user_id: user(),
        email: "ada@example.com".to_owned(),
        access: shared::mailbox::AccessBy::Consent,
        refresh_token: None,
        access_token: None,
        access_token_version: 0,
        expiry: None,
        scopes: Vec::new(),
        history_id: Some("1000".parse().unwrap()),
        last_fetched_at: clock.now(),
        last_mail_at: None,
        connected_at: clock.now(),
        epoch: Epoch(2),
        grant: Grant(3),
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
