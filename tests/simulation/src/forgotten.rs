//! After a purge: of the lives that it ended nothing is left, whoever was at work when it came.

use shared::archive::Archive;
use shared::clock::Timestamp;
use shared::goodbye::Purged;
use shared::ids::{Epoch, MessageId, UserId};
use shared::index::Index;
use shared::ledger::DeadLetter;
use shared::mailbox::Mailbox;
use shared::pack::{PACKS, Pack, PackKey};
use shared::replay::LetterJob;
use shared::result::{originals_of, results_of};

use crate::witness::Marked;
use crate::world::World;

const RULE: &str = "of a purged life nothing is left";

impl World {
    /// Looks for what a purge should have taken, in every store.
    pub(crate) fn judge_forgotten(&self, row: &Mailbox, letters: &[DeadLetter]) {
        let Some(purged) = row.purged else { return };
        let (user, gone) = (&row.user_id, purged.epoch);
        if row.disconnected_at.is_some() && row.epoch == gone.next() && !is_tombstone(row) {
            self.witness.violated(RULE, Some(user), "more of the row than id, epoch and times");
        }
        let ids: Vec<MessageId> = self.witness.of(user).into_iter().map(|(id, _)| id).collect();
        let marks = crate::at_once(self.ledger.get_marks(user, &ids)).unwrap_or_default();
        let later = |id: &MessageId| {
            let place = ids.iter().position(|known| known == id);
            place.and_then(|place| marks[place].as_ref()).is_some_and(|mark| mark.epoch > gone)
        };
        for (id, mark) in ids.iter().zip(&marks) {
            if mark.as_ref().is_some_and(|mark| mark.epoch <= gone) {
                self.witness.violated(RULE, Some(user), format!("a mark of {id}"));
            }
        }
        for letter in letters.iter().filter(|letter| letter.user_id.as_ref() == Some(user)) {
            if life_of(letter).is_some_and(|life| row.has_forgotten(life)) {
                self.witness.violated(RULE, Some(user), format!("letter {}", letter.job_id));
            }
        }
        let entries = crate::at_once(self.ledger.entries(user, None, 10_000));
        for entry in entries.and_then(Result::ok).unwrap_or_default() {
            if !later(&entry.message_id) {
                let seen = format!("{} in the index", entry.message_id);
                self.witness.violated(RULE, Some(user), seen);
            }
        }
        for (key, ids) in self.packs_of(user) {
            if !ids.iter().all(later) {
                self.witness.violated(RULE, Some(user), key.as_str());
            }
        }
        for key in self.keys_of(user) {
            let id = key.rsplit('/').next().and_then(|name| name.split('.').next());
            let id: Option<MessageId> = id.and_then(|id| id.parse().ok());
            if !id.is_some_and(|id| later(&id)) {
                self.witness.violated(RULE, Some(user), key);
            }
        }
    }

    fn keys_of(&self, user: &UserId) -> Vec<String> {
        let below = |folder: String| {
            let keys = crate::at_once(self.archive.keys(&folder, None, 10_000));
            keys.and_then(Result::ok).unwrap_or_default()
        };
        [results_of(user), originals_of(user)].into_iter().flat_map(below).collect()
    }

    /// Their packs, with the messages that each is about.
    fn packs_of(&self, user: &UserId) -> Vec<(PackKey, Vec<MessageId>)> {
        let keys = crate::at_once(self.archive.keys(PACKS, None, 10_000)).and_then(Result::ok);
        let keys = keys.unwrap_or_default().into_iter().filter_map(|key| key.parse().ok());
        let theirs = keys.filter(|key: &PackKey| key.user() == *user);
        let ids = |key: &PackKey| {
            let bytes = crate::at_once(self.archive.get(key.as_str())).and_then(Result::ok);
            let pack = bytes.flatten().and_then(|bytes| Pack::read(&bytes).ok());
            let lines = pack.as_ref().map_or(&[][..], Pack::lines).iter();
            lines.filter_map(|line| line.result.message_id.clone()).collect()
        };
        theirs.map(|key| (key.clone(), ids(&key))).collect()
    }

    /// Whether a purge came to its end while a process stood still, from `since` on. No function lasts that long, and
    /// where a machine sleeps, everything on it does.
    pub(crate) fn slept_through_a_purge(&self, since: Timestamp) -> bool {
        let ended = |purged: Purged| purged.at >= since;
        self.rows().iter().any(|row| row.purged.is_some_and(ended))
    }
}

fn life_of(letter: &DeadLetter) -> Option<Epoch> {
    LetterJob::read(letter.stage, &letter.payload).ok().map(|job| job.header().epoch)
}

fn is_tombstone(row: &Mailbox) -> bool {
    row.email.is_empty()
        && row.scopes.is_empty()
        && row.reference.is_none()
        && row.refresh_token.is_none()
        && row.access_token.is_none()
        && row.history_id.is_none()
        && row.last_mail_at.is_none()
}
