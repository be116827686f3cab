//! Writes down who works on what, and how it ended.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use shared::clock::Clock;
use shared::disposition::Disposition;
use shared::ids::MessageId;
use shared::jobs::{Job, MessageJob, ProcessorJob, UserJob, UserJobKind};
use shared::ledger::memory::MemoryLedger;
use shared::mark::Mark;

use crate::fate::{Errand, Fate, Scoped};
use crate::trace::Who;
use crate::witness::{Marked, Witness};

/// Writes down who works on what.
#[derive(Clone)]
pub(super) struct Scribe {
    pub(super) fate: Arc<Fate>,
    pub(super) ledger: Arc<MemoryLedger>,
    pub(super) clock: Clock,
    pub(super) witness: Arc<Witness>,
    pub(super) deliveries: Arc<AtomicUsize>,
}

impl Scribe {
    fn errand<J: Job>(&self, job: &J, kind: &str) -> Errand {
        let header = job.header();
        let is_over = self.witness.is_over(&header.user_id, header.epoch);
        let name: String = header.job_id.as_str().chars().take(6).collect();
        let who = Who {
            process: self.fate.errand().who.process,
            user: Some(header.user_id.clone()),
            job: format!("{kind} {name}"),
        };
        let ended_life = is_over.then_some(header.epoch);
        Errand { who: Arc::new(who), ended_life, ..Errand::default() }
    }

    pub(super) fn user_errand(&self, job: &UserJob) -> Errand {
        let kind = match job.kind {
            UserJobKind::Sync => "sync",
            UserJobKind::Refresh { .. } => "refresh",
            UserJobKind::Backfill { .. } => "backfill",
            UserJobKind::Census { .. } => "census",
            UserJobKind::Disconnect { purge: false } => "disconnect",
            UserJobKind::Disconnect { purge: true } => "purge",
        };
        self.errand(job, kind)
    }

    pub(super) fn processor_errand(
        &self,
        job: &ProcessorJob,
        cursed: &BTreeSet<MessageId>,
    ) -> Errand {
        match job {
            ProcessorJob::Messages(job) => self.message_errand(job, cursed),
            ProcessorJob::Action(job) => self.errand(job, job.action.as_str()),
        }
    }

    fn message_errand(&self, job: &MessageJob, cursed: &BTreeSet<MessageId>) -> Errand {
        let ids: Vec<MessageId> = job.messages.iter().map(|listed| listed.id.clone()).collect();
        let user = &job.header.user_id;
        let marks = crate::at_once(self.ledger.get_marks(user, &ids)).unwrap_or_default();
        let now = self.clock.now();
        let ended = |mark: &Option<Mark>| {
            let counts = |mark: &Mark| mark.counts(job.header.epoch, now);
            mark.as_ref().is_some_and(|mark| mark.state.is_final() && counts(mark))
        };
        let cursed = ids.iter().any(|id| cursed.contains(id));
        let ended_before = ids.into_iter().zip(&marks).filter(|(_, mark)| ended(mark));
        let ended_before = ended_before.map(|(id, _)| id).collect();
        let errand = self.errand(job, job.lane.as_str());
        Errand { ended_before, cursed, ..errand }
    }

    /// Works in the name of a job, and notes how it ended.
    pub(super) fn scoped<J: Job>(
        &self,
        errand: Errand,
        work: impl Future<Output = Disposition<J>>,
    ) -> impl Future<Output = Disposition<J>> {
        let fate = self.fate.clone();
        let work = async move {
            let disposition = work.await;
            fate.count("disposition", disposition.word());
            fate.note("ends", said(&disposition));
            disposition
        };
        Scoped::new(self.fate.clone(), errand, work)
    }
}

fn said<J: Job>(disposition: &Disposition<J>) -> String {
    match disposition {
        Disposition::Done => "done".to_owned(),
        Disposition::Retry { after, error } => format!("retry in {after:?}: {error}"),
        Disposition::Postpone { until, .. } => format!("postponed until {until}"),
        Disposition::DeadLetter(verdict) => {
            format!("dead letter, {}: {}", verdict.reason, verdict.error)
        }
    }
}
