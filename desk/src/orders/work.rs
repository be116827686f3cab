//! Carrying an order out: mailbox by mailbox in turns, at its rate, each within what Gmail grants it.

use std::collections::VecDeque;
use std::time::Duration;

use futures::future::try_join_all;
use shared::clock::Timestamp;
use shared::ids::{JobId, UserId};
use shared::ledger::{DeadLetter, Sent, Trigger};
use shared::replay::{LetterJob, Replayed, discard};
use shared::store::{StoreError, Write};

use super::{Counts, Desk, Held, How, Order, Refused, Wanted};
use crate::plan::{Kind, Plan, Terms, judge, owner};

/// The most mailboxes that are served at the same time.
const TOGETHER: usize = 16;

/// How often whoever carries an order out says so, and looks whether it is to go on.
const BEAT: Duration = Duration::from_secs(1);

/// The letters of one mailbox that have not had their turn.
struct Row {
    user: Option<UserId>,
    jobs: VecDeque<JobId>,
    /// When its next letter has room.
    turn: Timestamp,
}

/// What became of a letter when its turn came.
enum Outcome {
    /// It was sent or given up, with so many messages.
    Done(u64),
    /// Somebody else had moved it on.
    MovedOn,
    /// It is left alone after all.
    LeftOut,
    /// Its mailbox has no room before.
    NoRoom(Timestamp),
}

impl Desk {
    /// Carries an order out to its end, unless it is cancelled. `progress` is told every second.
    pub async fn carry_out(
        &self,
        mut held: Held,
        plan: Plan,
        mut progress: impl FnMut(&Order),
    ) -> Result<Order, Refused> {
        let mut counts = held.order.counts;
        counts.planned = counts.letters + counts.moved_on + plan.letters;
        counts.left_out = plan.left_out.values().map(|it| it.letters).sum();
        // A burst is a fraction of a second's share: what is sent round again comes in a trickle.
        let together = usize::try_from(held.order.rate / 32).unwrap_or(TOGETHER).clamp(1, TOGETHER);
        let mut rows = rows(plan, self.clock.now());
        let mut next_beat = self.clock.now();
        let mut free_at = self.clock.now();
        while !rows.is_empty() {
            let now = self.clock.now();
            if now >= next_beat {
                next_beat = now + BEAT;
                let wanted = self.beat(&mut held, counts).await?;
                progress(&held.order);
                match wanted {
                    Wanted::Run => {}
                    Wanted::Pause => {
                        self.clock.sleep(BEAT).await;
                        continue;
                    }
                    Wanted::Cancel => return self.end(held, How::Cancelled).await,
                }
            }
            let ready = ready(&mut rows, usize::from(free_at <= now) * together, now);
            if ready.is_empty() {
                let turns = rows.iter().map(|row| row.turn).min();
                let until = turns.map_or(free_at, |turn| turn.max(free_at)).min(next_beat);
                self.clock.sleep(until.since(now)).await;
                continue;
            }
            let weight = self.serve(&held.order, ready, &mut rows, &mut counts).await?;
            let rate = u64::from(held.order.rate.max(1));
            free_at = free_at.max(now) + Duration::from_micros(weight * 1_000_000 / rate);
        }
        self.beat(&mut held, counts).await?;
        progress(&held.order);
        self.end(held, How::Finished).await
    }

    /// Gives each of these mailboxes one turn, and answers what the rate counts of it.
    async fn serve(
        &self,
        order: &Order,
        ready: Vec<(Row, JobId)>,
        rows: &mut VecDeque<Row>,
        counts: &mut Counts,
    ) -> Result<u64, StoreError> {
        let turns = ready.iter().map(|(row, job)| self.one(order, row.user.as_ref(), job));
        let outcomes = try_join_all(turns).await?;
        let mut weight = 0;
        for ((mut row, job), outcome) in ready.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Done(messages) => {
                    counts.letters += 1;
                    counts.messages += messages;
                    weight += messages.max(1);
                }
                Outcome::MovedOn => counts.moved_on += 1,
                Outcome::LeftOut => counts.left_out += 1,
                Outcome::NoRoom(until) => {
                    row.turn = until;
                    row.jobs.push_front(job);
                }
            }
            if !row.jobs.is_empty() {
                rows.push_back(row);
            }
        }
        Ok(weight)
    }

    /// One letter. It and its mailbox are looked at again: much may have happened since the plan was made.
    async fn one(
        &self,
        order: &Order,
        user: Option<&UserId>,
        job: &JobId,
    ) -> Result<Outcome, StoreError> {
        let now = self.clock.now();
        let Some(letter) = self.letters.get(&(user.cloned(), job.clone())).await? else {
            return Ok(Outcome::MovedOn);
        };
        let mailbox = match owner(&letter) {
            Some(owner) => self.mailboxes.get(&owner).await?,
            None => None,
        };
        let number = Some(order.number);
        let pacing = self.replay.pacing;
        let (kind, ended_only, rate) = (order.kind, order.scope.ended_only, order.rate);
        let terms = Terms { kind, ended_only, order: number, rate, pacing, now };
        if !letter.state.is_open() {
            return Ok(Outcome::MovedOn);
        }
        if judge(&letter, mailbox.as_ref(), &terms).is_err() {
            return Ok(Outcome::LeftOut);
        }
        match order.kind {
            Kind::Replay => {
                let sent = Sent { by: Trigger::Order, order: number };
                let letter = self.adopted(letter).await?;
                Ok(match self.replay.send(&letter, sent, now).await? {
                    Replayed::Sent => Outcome::Done(messages(&letter)),
                    Replayed::NotParked => Outcome::MovedOn,
                    Replayed::NoRoom(until) => Outcome::NoRoom(until),
                    Replayed::Unreadable(_) => Outcome::LeftOut,
                })
            }
            Kind::Discard => {
                let it = (&letter, mailbox.as_ref());
                Ok(match discard(&*self.marks, &*self.letters, it, number, now).await? {
                    Write::Applied => Outcome::Done(messages(&letter)),
                    Write::Stale => Outcome::MovedOn,
                })
            }
        }
    }
}

impl Desk {
    /// The letter under its job's own name, by which the stage that ends the job finds it. One that nobody could read when
    /// it was parked stands under its body's hash. It is parked before that row goes; who dies in between finds both.
    async fn adopted(&self, letter: DeadLetter) -> Result<DeadLetter, StoreError> {
        let job = match &letter.user_id {
            Some(_) => return Ok(letter),
            None => LetterJob::read(letter.stage, &letter.payload),
        };
        let Ok(job) = job else { return Ok(letter) };
        let user_id = Some(job.header().user_id.clone());
        let named = DeadLetter { user_id, job_id: job.letter_id(), ..letter.clone() };
        let parked = self.letters.park(named).await?;
        self.letters.withdraw(&letter).await?;
        Ok(parked)
    }
}

fn rows(plan: Plan, now: Timestamp) -> VecDeque<Row> {
    let row = |(user, jobs): (_, Vec<JobId>)| Row { user, jobs: jobs.into(), turn: now };
    plan.jobs.into_iter().map(row).collect()
}

/// Takes up to `most` mailboxes whose turn has come, with the letter that is next in each.
fn ready(rows: &mut VecDeque<Row>, most: usize, now: Timestamp) -> Vec<(Row, JobId)> {
    let mut ready = Vec::new();
    for _ in 0..rows.len() {
        if ready.len() >= most {
            break;
        }
        let Some(mut row) = rows.pop_front() else { break };
        if row.turn > now {
            rows.push_back(row);
        } else if let Some(job) = row.jobs.pop_front() {
            ready.push((row, job));
        }
    }
    ready
}

fn messages(letter: &DeadLetter) -> u64 {
    let job = LetterJob::read(letter.stage, &letter.payload);
    job.map_or(0, |job| job.message_ids().len() as u64)
}
