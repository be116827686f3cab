//! What Google does to whole accounts, and says of it.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::google::security_event::{EventKind, SecurityEvent, SecurityEvents};
use shared::reason::PauseReason;

use crate::deeds::Deed;
use crate::processes::Kind;
use crate::world::World;

/// How long Google waits before it posts again what was not taken.
const GOOGLE_WAITS: Duration = Duration::from_mins(2);

/// What Google does to an account comes to us some time later, and not in order.
const ON_ITS_WAY_MS: usize = 10 * 60 * 1000;

impl World {
    /// Google disables an account.
    pub(crate) fn disable(&mut self, person: usize) {
        let email = &self.people[person].0;
        let _ = self.google.revoke(email, google_sim::grants::Cause::AccountDisabled);
        self.tell_later(person, EventKind::AccountDisabled);
    }

    /// Google enables it again.
    pub(crate) fn enable(&mut self, person: usize) {
        let _ = self.google.enable(&self.people[person].0);
        self.tell_later(person, EventKind::AccountEnabled);
    }

    /// Has Google post what happens now.
    pub(crate) fn tell_later(&mut self, person: usize, what: EventKind) {
        let now = self.now();
        let on_its_way = Duration::from_millis(self.below(ON_ITS_WAY_MS) as u64);
        self.plan(now + on_its_way, Deed::Tell(person, what, now));
    }

    /// Google posts what happened, and posts it again until it is taken. Its signature is left to other tests: to make
    /// one takes longer than to live through an hour.
    pub(crate) fn tell(&mut self, person: usize, what: EventKind, issued_at: Timestamp) {
        let id = format!("{what} {person} {issued_at}");
        if self.witness.seen().taken.contains(&id) {
            return;
        }
        self.plan(self.now() + GOOGLE_WAITS, Deed::Tell(person, what, issued_at));
        let user = Some(self.people[person].1.clone());
        let events = vec![SecurityEvent { kind: what, user, state: None }];
        let said = SecurityEvents { id, issued_at, events };
        let recipient = self.stages.security_events(String::new());
        let (witness, clock) = (self.witness.clone(), self.clock.clone());
        self.spawn(
            Kind::Person,
            Box::pin(async move {
                match recipient.heed(&said, clock.now()).await {
                    Ok(()) => {
                        witness.fate.count("security event", what.as_str());
                        witness.seen().taken.insert(said.id);
                    }
                    Err(refusal) => witness.fate.note("not taken", refusal.to_string()),
                }
            }),
        );
    }

    /// Every account is as any other again.
    pub(crate) fn enable_all(&mut self) {
        for person in 0..self.people.len() {
            if self.google.is_disabled(&self.people[person].0).unwrap_or(false) {
                self.enable(person);
            }
        }
    }

    /// Nothing keeps a mailbox from being read whose account Google has enabled.
    pub(crate) fn judge_accounts(&self) {
        for row in self.rows() {
            let waits = row.paused == Some(PauseReason::AccountDisabled);
            if waits && row.disconnected_at.is_none() {
                let rule = "an account that is enabled is read again";
                let seen = format!("epoch {}, still paused", row.epoch);
                self.witness.violated(rule, Some(&row.user_id), seen);
            }
        }
    }
}
