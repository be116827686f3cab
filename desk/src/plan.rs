//! What an order would do: how much, to whom, at what price, and what it leaves alone and why. It changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::google::{HISTORY_UNITS, LIST_UNITS};
use shared::ids::{JobId, UserId};
use shared::jobs::{BadJob, ProcessorJob, UserJobKind};
use shared::ledger::{DeadLetter, DeadLetters, LetterFilter, LetterState, Mailboxes};
use shared::mailbox::Mailbox;
use shared::pacing::{BLOCK_LENGTH, Pacing};
use shared::replay::LetterJob;
use shared::store::StoreError;

use crate::letters::{each, named};

/// A job that was sent round this long ago and has not come to its end may never have been sent: whoever did it may have
/// died in between. Sent twice, it does no harm.
const LOST: Duration = Duration::from_hours(1);

/// What is to become of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// They go round again.
    Replay,
    /// They are given up.
    Discard,
}

/// Which letters an order is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Those with these names; empty for all of the filter.
    pub jobs: Vec<JobId>,
    /// Of these, those that the filter admits.
    pub filter: LetterFilter,
    /// Of these, those that belong to a life of their mailbox that has ended.
    #[serde(default)]
    pub ended_only: bool,
}

/// Why a letter is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its mailbox waits for a new consent, and releases its letters by itself then.
    NeedsReauth,
    /// Its mailbox is paused, and releases its letters by itself when it is resumed.
    Paused,
    /// It belongs to a life of its mailbox that has ended.
    EndedLife,
    /// Nobody knows its mailbox.
    NoMailbox,
    /// Its body cannot be read as a job.
    Unreadable,
    /// Its body was written by a newer program.
    NewerSchema,
    /// It was sent round within the last hour, and is on its way.
    OnItsWay,
    /// This order has sent it round, and it has died again.
    DiedAgain,
    /// It has come to its end.
    Settled,
    /// It belongs to the present life of its mailbox, and others were meant.
    LifeGoesOn,
}

impl Why {
    /// The same in words, of one or many.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::NeedsReauth => {
                "the mailbox waits for its owner's consent; it goes round by itself after that"
            }
            Self::Paused => {
                "the mailbox is paused; it goes round by itself after `accounts resume`"
            }
            Self::EndedLife => {
                "it belongs to a connection of the mailbox that has ended; `discard --ended` gives it up"
            }
            Self::NoMailbox => "there is no such mailbox",
            Self::Unreadable => "its body cannot be read as a job; it can only be discarded",
            Self::NewerSchema => "a newer program wrote it; update this one first",
            Self::OnItsWay => "it was sent round less than an hour ago and is on its way",
            Self::DiedAgain => "this order has sent it round, and it has died again",
            Self::Settled => "it has come to its end",
            Self::LifeGoesOn => "its mailbox goes on in the life that it belongs to",
        }
    }
}

/// What an order would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Letters that are meant and not left alone.
    pub letters: u64,
    /// The messages in them.
    pub messages: u64,
    /// How many mailboxes they are of.
    pub mailboxes: u64,
    /// What Gmail charges for it, in quota units, where each job is tried once.
    pub units: u64,
    /// How long it takes at the rate, with no mailbox getting more than Gmail grants it.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub takes: Duration,
    /// What is left alone, by why: how many, and one of them.
    pub left_out: BTreeMap<Why, LeftOut>,
    /// The letters themselves.
    #[serde(skip)]
    pub jobs: BTreeMap<Option<UserId>, Vec<JobId>>,
}

/// Letters that are left alone for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// How many.
    pub letters: u64,
    /// One of them.
    pub sample: JobId,
}

fn seconds<S: serde::Serializer>(takes: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(takes.as_secs())
}

/// Everything that a plan needs to know beside the letters.
pub struct Terms {
    /// What is to become of the letters.
    pub kind: Kind,
    /// Whether only letters of ended lives are meant.
    pub ended_only: bool,
    /// The order that is gone on with, if one is.
    pub order: Option<u64>,
    /// Messages in a second; a job without any counts as one.
    pub rate: u32,
    /// What Gmail grants.
    pub pacing: Pacing,
    /// The present moment.
    pub now: Timestamp,
}

/// Whether the letter is meant, or why it is left alone.
pub fn judge(letter: &DeadLetter, mailbox: Option<&Mailbox>, terms: &Terms) -> Result<(), Why> {
    match letter.state {
        LetterState::Resolved | LetterState::Discarded => return Err(Why::Settled),
        LetterState::Replaying if is_on_its_way(letter, terms) => return Err(Why::OnItsWay),
        LetterState::Parked if terms.order.is_some_and(|order| letter.was_sent_by(order)) => {
            return Err(Why::DiedAgain);
        }
        LetterState::Parked | LetterState::Replaying => {}
    }
    if terms.kind == Kind::Discard && !terms.ended_only {
        return Ok(());
    }
    let job = LetterJob::read(letter.stage, &letter.payload).map_err(|bad| match bad {
        BadJob::Undecodable(_) => Why::Unreadable,
        BadJob::NewerSchema { .. } => Why::NewerSchema,
    })?;
    let Some(mailbox) = mailbox else { return Err(Why::NoMailbox) };
    match (job.concerns(mailbox), terms.kind) {
        (false, Kind::Replay) => return Err(Why::EndedLife),
        (false, Kind::Discard) => return Ok(()),
        (true, Kind::Discard) => return Err(Why::LifeGoesOn),
        (true, Kind::Replay) => {}
    }
    if job.ends_a_life() || mailbox.is_readable() {
        return Ok(());
    }
    Err(if mailbox.needs_reauth.is_some() { Why::NeedsReauth } else { Why::Paused })
}

/// What this order itself has moved on and perhaps not sent, before it was killed, it sends again.
fn is_on_its_way(letter: &DeadLetter, terms: &Terms) -> bool {
    let by_this =
        terms.order.is_some() && letter.last_sent().and_then(|it| it.order) == terms.order;
    let last = letter.history.0.last();
    !by_this && last.is_some_and(|last| terms.now.since(last.at) < LOST)
}

/// What an order with this scope would do.
pub async fn plan(
    letters: &dyn DeadLetters,
    mailboxes: &dyn Mailboxes,
    scope: &Scope,
    terms: &Terms,
) -> Result<Plan, StoreError> {
    let mut meant = Vec::new();
    if scope.jobs.is_empty() {
        each(letters, &scope.filter, |letter| {
            if letter.state.is_open() {
                meant.push(letter);
            }
        })
        .await?;
    } else {
        meant = named(letters, &scope.jobs, &scope.filter).await?;
    }
    let (mut plan, mut waits) = (Plan::default(), Duration::ZERO);
    let mut of_one: Vec<DeadLetter> = Vec::new();
    let mut meant = meant.into_iter().peekable();
    while let Some(letter) = meant.next() {
        let (user, owner) = (letter.user_id.clone(), owner(&letter));
        of_one.push(letter);
        // Those that nobody could read when they were parked may each be another's by now.
        if user.is_some() && meant.peek().is_some_and(|next| next.user_id == user) {
            continue;
        }
        let mailbox = match &owner {
            Some(user) => mailboxes.get(user).await?,
            None => None,
        };
        waits = waits.max(plan.add(user, mailbox.as_ref(), std::mem::take(&mut of_one), terms));
    }
    let at_the_rate = Duration::from_secs(plan.weight().div_ceil(u64::from(terms.rate.max(1))));
    plan.takes = match terms.kind {
        Kind::Replay => at_the_rate.max(waits),
        Kind::Discard => at_the_rate,
    };
    Ok(plan)
}

impl Plan {
    /// Adds the letters of one mailbox, and answers how long its quota makes the last of them wait.
    fn add(
        &mut self,
        user: Option<UserId>,
        mailbox: Option<&Mailbox>,
        letters: Vec<DeadLetter>,
        terms: &Terms,
    ) -> Duration {
        let (mut jobs, mut messages) = (Vec::new(), 0_u64);
        for letter in letters {
            if let Err(why) = judge(&letter, mailbox, terms) {
                let none = LeftOut { letters: 0, sample: letter.job_id };
                self.left_out.entry(why).or_insert(none).letters += 1;
                continue;
            }
            if let Ok(job) = LetterJob::read(letter.stage, &letter.payload) {
                messages += job.message_ids().len() as u64;
                self.units += u64::from(units(&job, terms.pacing));
            }
            jobs.push(letter.job_id);
        }
        if jobs.is_empty() {
            return Duration::ZERO;
        }
        self.letters += jobs.len() as u64;
        self.messages += messages;
        self.mailboxes += 1;
        self.jobs.entry(user).or_default().extend(jobs);
        let blocks = terms.pacing.blocks(messages).saturating_sub(1);
        BLOCK_LENGTH * u32::try_from(blocks).unwrap_or(u32::MAX)
    }

    /// What the rate counts: messages, and jobs without any.
    fn weight(&self) -> u64 {
        self.messages.max(self.letters)
    }
}

/// Whose mailbox a letter is about, also where that could not be read when it was parked: a newer program may read it.
pub(crate) fn owner(letter: &DeadLetter) -> Option<UserId> {
    let named = || LetterJob::read(letter.stage, &letter.payload).ok();
    letter.user_id.clone().or_else(|| named().map(|job| job.header().user_id.clone()))
}

/// What Gmail charges for a job, if it works at once.
fn units(job: &LetterJob, pacing: Pacing) -> u32 {
    match job {
        LetterJob::User(job) => match job.kind {
            UserJobKind::Sync => HISTORY_UNITS,
            UserJobKind::Backfill { .. } | UserJobKind::Census { .. } => LIST_UNITS,
            UserJobKind::Refresh { .. } | UserJobKind::Disconnect { .. } => 0,
        },
        LetterJob::Processor(ProcessorJob::Messages(job)) => {
            u32::try_from(job.messages.len()).unwrap_or(u32::MAX) * pacing.units_of_a_message()
        }
        LetterJob::Processor(ProcessorJob::Action(job)) => job.action.units(),
    }
}
