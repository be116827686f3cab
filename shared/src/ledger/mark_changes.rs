//! What each write does to a mark, and the condition under which it may.

use crate::clock::Timestamp;
use crate::ids::{Epoch, Generation, JobId};
use crate::mark::{Ending, Forward, ForwardStep, Listing, MARK_LIFE, Mark, MarkState, Naming};
use crate::store::Write;

impl Listing {
    /// The mark that this listing makes; the one that is `there` stays if it counts.
    pub(super) fn mark(&self, there: Option<&Mark>, epoch: Epoch, now: Timestamp) -> Option<Mark> {
        if there.is_some_and(|mark| mark.counts(epoch, now)) {
            return None;
        }
        let ended = self.state.is_final();
        Some(Mark {
            message_id: self.message_id.clone(),
            epoch,
            state: self.state,
            generation: Generation(0),
            internal_date: None,
            job_id: self.job_id.clone(),
            listed_at: now,
            done_at: ended.then_some(now),
            expires_at: ended.then(|| now + MARK_LIFE),
            // What was sent in this life was sent, however long ago.
            forwards: there
                .filter(|mark| mark.epoch == epoch)
                .map(|mark| mark.forwards.clone())
                .unwrap_or_default(),
            // What was stored in an earlier life, or longer ago than a mark counts, is found again.
            pack: there.and_then(|mark| mark.pack.clone()),
        })
    }
}

impl Mark {
    pub(super) fn finish(&mut self, epoch: Epoch, ending: &Ending, now: Timestamp) -> Write {
        let news = if self.state.is_final() {
            ending.generation > self.generation
        } else {
            ending.generation >= self.generation
        };
        Write::only_if(news && self.epoch == epoch, || {
            self.state = ending.state;
            self.generation = ending.generation;
            self.internal_date = ending.internal_date.or(self.internal_date);
            self.done_at = Some(now);
            self.expires_at = Some(now + MARK_LIFE);
        })
    }

    pub(super) fn name(&mut self, naming: &Naming) -> Write {
        Write::only_if(self.pack == naming.over, || self.pack = Some(naming.pack.clone()))
    }

    pub(super) fn park(&mut self, epoch: Epoch, job: &JobId) -> Write {
        self.shift(epoch, MarkState::Listed, MarkState::Parked, job)
    }

    pub(super) fn unpark(&mut self, epoch: Epoch, job: &JobId) -> Write {
        self.shift(epoch, MarkState::Parked, MarkState::Listed, job)
    }

    pub(super) fn relist(&mut self, epoch: Epoch, job: &JobId) -> Write {
        let news = matches!(self.state, MarkState::Listed | MarkState::Done);
        Write::only_if(news && self.epoch == epoch, || {
            self.state = MarkState::Listed;
            self.job_id = job.clone();
            self.done_at = None;
            self.expires_at = None;
        })
    }

    pub(super) fn forward(&mut self, epoch: Epoch, action: &JobId, step: ForwardStep) -> Write {
        let there = self.forwards.0.get(action).copied();
        let after = match step {
            ForwardStep::Intend { read, at } => {
                let begun = there.map(|forward| forward.intended_at);
                let sent = there.is_some_and(|forward| forward.is_sent);
                (begun == read && !sent).then_some(Forward { intended_at: at, is_sent: false })
            }
            ForwardStep::Sent => there.map(|forward| Forward { is_sent: true, ..forward }),
            ForwardStep::Withdraw { at } => {
                let is_it = |forward: Forward| forward.intended_at == at && !forward.is_sent;
                return Write::only_if(there.is_some_and(is_it) && self.epoch == epoch, || {
                    self.forwards.0.remove(action);
                });
            }
        };
        let Some(after) = after.filter(|_| self.epoch == epoch) else { return Write::Stale };
        self.forwards.0.insert(action.clone(), after);
        Write::Applied
    }

    fn shift(&mut self, epoch: Epoch, from: MarkState, to: MarkState, job: &JobId) -> Write {
        Write::only_if(self.epoch == epoch && self.state == from, || {
            self.state = to;
            self.job_id = job.clone();
        })
    }
}
