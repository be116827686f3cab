//! What goes round by itself: it has, once everything is well.

use shared::ledger::LetterState;
use shared::reason::Reason;
use shared::replay::LetterJob;

use crate::world::{TICK, World};

impl World {
    /// What waited for its mailbox went round by itself once that could be read, and what is known to pass once its time had
    /// come.
    pub(crate) fn judge_released(&self) {
        let waited = [Reason::Waiting, Reason::GrantDead, Reason::ScopeMissing];
        for letter in self.letters() {
            let row = letter.user_id.as_ref().and_then(|user| self.row(user));
            // A letter of a life that has ended waits for nothing any more.
            let job = LetterJob::read(letter.stage, &letter.payload).ok();
            let life = job.map(|job| job.header().epoch);
            let is_read = row.is_some_and(|row| row.is_readable() && life == Some(row.epoch));
            let polled = self.now() - (self.stages.settings.poll_interval_max + TICK);
            let is_late = letter.retry_at.is_some_and(|at| at <= polled);
            if is_read && letter.state == LetterState::Parked && is_late {
                let rule = "what is known to pass goes round by itself";
                let seen = format!("{} of reason {}", letter.job_id, letter.reason);
                self.witness.violated(rule, letter.user_id.as_ref(), seen);
            }
            if is_read && letter.state == LetterState::Parked && waited.contains(&letter.reason) {
                let rule = "what waited for its mailbox goes round by itself";
                let seen = format!("{} of reason {}", letter.job_id, letter.reason);
                self.witness.violated(rule, letter.user_id.as_ref(), seen);
            }
        }
    }
}
