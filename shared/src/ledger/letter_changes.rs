//! What each write does to a dead letter, and the condition under which it may.

use super::letters::{DeadLetter, HISTORY, Happening, History, LetterState, Turn};
use crate::clock::Timestamp;
use crate::ids::JobId;
use crate::ledger::Trigger;
use crate::store::Write;

impl DeadLetter {
    /// The letter that this death makes of the one that is `there`; `None` where it is that very death, come again: the
    /// same body says the same, and what has become of it since stands.
    pub(super) fn over(mut self, there: Option<&Self>) -> Option<Self> {
        if there.is_some_and(|there| there.payload == self.payload) {
            return None;
        }
        if let Some(there) = there {
            if there.state.is_open() {
                self.first_seen_at = there.first_seen_at;
                self.retries = there.retries;
            }
            let now = std::mem::replace(&mut self.history, there.history.clone());
            now.0.into_iter().for_each(|happening| self.history.add(happening));
        }
        self.retry_at = self.goes_round_at();
        Some(self)
    }

    /// When it goes round by itself. The next poll answers a dead sync, and needs no letter for it.
    fn goes_round_at(&self) -> Option<Timestamp> {
        let is_sync = self.job_id == JobId::dead_sync();
        let pause = self.reason.pause_before_retry(self.retries);
        pause.filter(|_| !is_sync).map(|pause| self.last_seen_at + pause)
    }

    pub(super) fn turn(&mut self, from: &[LetterState], turn: &Happening) -> Write {
        Write::only_if(from.contains(&self.state), || {
            self.state = turn.what.state();
            self.retry_at = None;
            if let Turn::Replaying(sent) = &turn.what {
                self.retries = match sent.by {
                    Trigger::Order => 0,
                    Trigger::Retry => self.retries + 1,
                    Trigger::Release | Trigger::Doubt => self.retries,
                };
            }
            self.history.add(turn.clone());
        })
    }
}

impl History {
    fn add(&mut self, happening: Happening) {
        if self.0.len() > HISTORY {
            self.0.remove(1);
        }
        self.0.push(happening);
    }
}
