//! What happened, in order: the story of a seed, its fingerprint, and how often each thing happened.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use shared::clock::Timestamp;
use shared::ids::UserId;

/// What a moment is about: a process, and the mailbox and job it works on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Who {
    /// The process, numbered from the start of the world; 0 is the world itself.
    pub process: u32,
    /// The mailbox, where it is known.
    pub user: Option<UserId>,
    /// The job's kind and the start of its name.
    pub job: String,
}

/// One moment.
struct Moment {
    at: Timestamp,
    who: Arc<Who>,
    call: &'static str,
    what: String,
}

/// Everything that happened.
#[derive(Default)]
pub struct Trace {
    moments: Vec<Moment>,
    tally: BTreeMap<(&'static str, &'static str), u64>,
}

impl Trace {
    /// Notes a moment.
    pub fn note(&mut self, at: Timestamp, who: &Arc<Who>, call: &'static str, what: String) {
        self.moments.push(Moment { at, who: who.clone(), call, what });
    }

    /// Counts one more of a kind.
    pub fn count(&mut self, kind: &'static str, name: &'static str) {
        *self.tally.entry((kind, name)).or_default() += 1;
    }

    /// How often each thing happened.
    pub fn tally(&self) -> &BTreeMap<(&'static str, &'static str), u64> {
        &self.tally
    }

    /// The same for the same story, word for word.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for moment in &self.moments {
            (moment.at, &*moment.who, moment.call, &moment.what).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The last moments of a mailbox among what people did, or all there were, as lines.
    pub fn story(&self, user: Option<&UserId>, last: usize) -> String {
        let concerns = |moment: &&Moment| {
            user.is_none() || moment.who.user.as_ref() == user || moment.who.process == 0
        };
        let mut lines: Vec<&Moment> =
            self.moments.iter().rev().filter(concerns).take(last).collect();
        lines.reverse();
        let mut text = String::new();
        for Moment { at, who, call, what } in lines {
            let user = who.user.as_ref().map_or("", UserId::as_str);
            let short = &user[user.len().saturating_sub(4)..];
            let (process, job) = (who.process, &who.job);
            let _ = writeln!(text, "  {at}  p{process:<4} {short:<5} {job:<22} {call:<26} {what}");
        }
        text
    }
}
