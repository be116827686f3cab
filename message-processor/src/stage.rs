//! The message-processor takes up to 25 messages of one mailbox from id to event.
//!
//! It cannot open refresh tokens and does not know our client's secret: when the access token will not do, it asks the
//! user-worker for a newer one and waits. Per message the order of effects is original → result → action jobs →
//! publish → mark done → acknowledge, so that a crash between any two repeats work; the first result that was written
//! stands, and whoever finds it there announces that one. With `RESULTS_FORMAT=packed` the result is a line of the job's
//! pack, and before anything follows from it the message's mark names that pack: `packing.rs`.
//! Where there is an index of results, a result is noted there before its event.

mod action;
mod ending;
mod message;
mod packing;
mod token;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use shared::action::ActionKind;
use shared::archive::Archive;
use shared::clock::{Clock, Timestamp};
use shared::disposition::{Attempt, Disposition};
use shared::events::{Event, Events};
use shared::google::{Gmail, GmailChanges};
use shared::ids::{Epoch, Grant, UserId};
use shared::index::{Entry, Index};
use shared::intake::send;
use shared::jobs::{ActionJob, Listed, MessageJob, ProcessorJob};
use shared::ledger::{DeadLetters, Mailboxes, Marks};
use shared::mailbox::Mailbox;
use shared::mark::{Ending, Mark};
use shared::pacing::patience;
use shared::pack::PackKey;
use shared::queue::Queue;
use shared::reason::Reason;
use shared::replay::resolve;
use shared::sealing::Sealing;
use shared::settings::Settings;
use shared::store::StoreError;
use shared::webhook::Webhooks;
use tracing::Instrument;

use self::ending::Leftover;
use self::message::{Outcome, Stored};
use self::token::Access;
use crate::rules::{Book, Rules};

/// The most messages of one job that are fetched at the same time. Gmail limits concurrent requests per mailbox,
/// across all clients, at an unpublished number; people settle at 5 to 10
/// (<https://developers.google.com/workspace/gmail/api/guides/handle-errors>).
const IN_FLIGHT: usize = 5;

/// Takes messages from id to event. The fields are everything it may touch.
#[derive(Clone)]
pub struct MessageProcessor {
    /// Fetches.
    pub gmail: Arc<dyn Gmail>,
    /// Labels and forwards, where rules ask for it.
    pub changes: Arc<dyn GmailChanges>,
    /// Tells programs; without, webhooks are refused.
    pub webhooks: Option<Arc<dyn Webhooks>>,
    /// Read for the access token; paused or held back when Gmail says so.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// What is known of each message.
    pub marks: Arc<dyn Marks>,
    /// Resolved when a replayed job has come to its end.
    pub letters: Arc<dyn DeadLetters>,
    /// Opens access tokens.
    pub sealing: Arc<dyn Sealing>,
    /// Where originals and results go.
    pub archive: Arc<dyn Archive>,
    /// Where results are noted, to be found by what they were judged to be; `None` where that is off.
    pub index: Option<Arc<dyn Index>>,
    /// Where results are announced.
    pub events: Arc<dyn Events>,
    /// Where a newer access token is asked for.
    pub user_jobs: Arc<dyn Queue>,
    /// Where what is to be done with a message is sent.
    pub message_jobs: Arc<dyn Queue>,
    /// Where single hopeless messages of a job go.
    pub dead_letters: Arc<dyn Queue>,
    /// The operator's rules.
    pub rules: Book,
    /// How it is set.
    pub settings: Settings,
    /// Where the present moment comes from: a long job looks again.
    pub clock: Clock,
}

/// Between two forwards of one job: what pacing leaves to others than messages, 400 of 6,000 units a minute, is enough for
/// four, which cost 100 units each.
const BETWEEN_FORWARDS: Duration = Duration::from_secs(15);

/// Forwards one after the other. No message is to find the quota spent because of them.
fn paced(mut actions: Vec<ActionJob>, now: Timestamp) -> Vec<ActionJob> {
    let mut turn = now;
    for job in actions.iter_mut().filter(|job| job.action == ActionKind::Forward) {
        if turn > now {
            job.header.wait_for_turn(turn);
        }
        turn = turn + BETWEEN_FORWARDS;
    }
    actions
}

/// A message that has not come to its end.
struct Pending {
    listed: Listed,
    /// The pack that its mark names: an earlier run has stored it, and died before it was done.
    pack: Option<PackKey>,
}

/// What is known while one job is worked on.
struct Run<'a, J> {
    job: &'a J,
    attempt: &'a Attempt,
    mailbox: &'a Mailbox,
    access: &'a Access,
    rules: Option<Arc<Rules>>,
}

impl<J> Run<'_, J> {
    /// The consent whose token is used.
    fn consent(&self) -> (Epoch, Grant) {
        (self.mailbox.epoch, self.mailbox.grant)
    }
}

impl MessageProcessor {
    /// Does one job.
    pub async fn handle(&self, job: ProcessorJob, attempt: Attempt) -> Disposition<ProcessorJob> {
        match job {
            ProcessorJob::Messages(job) => {
                self.take_in(job, attempt).await.map(ProcessorJob::Messages)
            }
            ProcessorJob::Action(job) => self.act(job, attempt).await.map(ProcessorJob::Action),
        }
    }

    async fn take_in(&self, job: MessageJob, attempt: Attempt) -> Disposition<MessageJob> {
        match self.work(&job, &attempt).await {
            Ok(Disposition::Done) => {
                match resolve(&*self.letters, &job.header, self.clock.now()).await {
                    Ok(()) => Disposition::Done,
                    Err(error) => attempt.store_failed(job, &error),
                }
            }
            Ok(disposition) => disposition,
            Err(error) => attempt.store_failed(job, &error),
        }
    }

    async fn work(
        &self,
        job: &MessageJob,
        attempt: &Attempt,
    ) -> Result<Disposition<MessageJob>, StoreError> {
        let Some(mailbox) = self.mailboxes.get(&job.header.user_id).await? else {
            return Ok(Disposition::Done);
        };
        if mailbox.epoch != job.header.epoch || mailbox.disconnected_at.is_some() {
            return Ok(Disposition::Done);
        }
        if !mailbox.is_readable() {
            let why = "the mailbox is paused or needs its owner's consent";
            return Ok(Disposition::dead(job.clone(), Reason::Waiting, why));
        }
        let pending = self.pending(job).await?;
        if pending.is_empty() {
            return Ok(Disposition::Done);
        }
        if let Some(until) = patience(mailbox.pace, attempt.now) {
            return Ok(attempt.postpone(job.clone(), until));
        }
        let Some(access) = self.access(&mailbox, job, attempt).await? else {
            let messages = pending.into_iter().map(|pending| pending.listed).collect();
            return self
                .wait_for_token(MessageJob { messages, ..job.clone() }, &mailbox, attempt)
                .await;
        };
        let rules = self.rules.rules().await?;
        let run = Run { job, attempt, mailbox: &mailbox, access: &access, rules };
        let leftovers = self.take(&run, pending).await?;
        self.end(&run, leftovers).await
    }

    /// The messages of a job that have not come to their end: a repeated job costs one read and no units.
    async fn pending(&self, job: &MessageJob) -> Result<Vec<Pending>, StoreError> {
        let ids: Vec<_> = job.messages.iter().map(|listed| listed.id.clone()).collect();
        let marks = self.marks.get(&job.header.user_id, &ids).await?;
        let now = self.clock.now();
        let is_final = |mark: &Mark| mark.state.is_final() && mark.counts(job.header.epoch, now);
        let pending = job.messages.iter().zip(marks);
        let pending = pending.filter(|(_, mark)| !mark.as_ref().is_some_and(is_final));
        let pending = pending.map(|(listed, mark)| Pending {
            listed: listed.clone(),
            pack: mark.and_then(|mark| mark.pack),
        });
        Ok(pending.collect())
    }

    /// Fetches and stores each message, announces what was stored, marks what has come to its end, and answers what
    /// has not.
    async fn take(
        &self,
        run: &Run<'_, MessageJob>,
        pending: Vec<Pending>,
    ) -> Result<Vec<(Listed, Leftover)>, StoreError> {
        let one = |pending: Pending| {
            let span = tracing::info_span!("message", messageId = %pending.listed.id);
            self.one(run, pending).instrument(span)
        };
        let (mut stored, pending) = self.named(run, pending).await?;
        let outcomes = stream::iter(pending).map(one).buffer_unordered(IN_FLIGHT);
        let outcomes: Vec<(Pending, Outcome)> = outcomes.collect().await;
        let units = outcomes.len() * self.settings.pacing.units_of_a_message() as usize;
        tracing::info!(messages = outcomes.len(), units, "Fetched");
        let (mut judged, mut endings, mut leftovers) = (vec![], vec![], vec![]);
        for (pending, outcome) in outcomes {
            match outcome {
                Outcome::Stored(one) => stored.push((pending.listed, *one)),
                Outcome::Judged(result) => judged.push((pending, *result)),
                Outcome::Skipped(ending) => endings.push(ending),
                Outcome::NotDone(leftover) => leftovers.push((pending.listed, leftover)),
            }
        }
        stored.extend(self.pack(run, judged).await?);
        let actions = stored.iter_mut().flat_map(|(_, one)| std::mem::take(&mut one.actions));
        let actions = paced(actions.collect(), self.clock.now());
        send(&*self.message_jobs, &actions, self.clock.now()).await?;
        let (user, epoch) = (&run.mailbox.user_id, run.mailbox.epoch);
        self.publish(user, stored, &mut endings, &mut leftovers).await?;
        self.marks.finish(user, epoch, &endings, self.clock.now()).await?;
        Ok(leftovers)
    }

    /// Publishes what was stored, once the index has it. Only what the topic took has come to its end.
    async fn publish(
        &self,
        user: &UserId,
        stored: Vec<(Listed, Stored)>,
        endings: &mut Vec<Ending>,
        leftovers: &mut Vec<(Listed, Leftover)>,
    ) -> Result<(), StoreError> {
        if stored.is_empty() {
            return Ok(());
        }
        let events: Vec<Event> =
            stored.iter().flat_map(|(_, one)| one.events.iter().cloned()).collect();
        if let Some(index) = &self.index {
            let entries: Vec<Entry> = events.iter().filter_map(Entry::announced).collect();
            index.note(user, &entries).await?;
        }
        let refused = self.events.publish(&events).await?;
        let mut first = 0;
        for (listed, one) in stored {
            let its = first..first + one.events.len();
            first = its.end;
            if refused.iter().any(|place| its.contains(place)) {
                leftovers.push((listed, Leftover::Unpublished));
            } else {
                endings.push(one.ending);
            }
        }
        Ok(())
    }
}
