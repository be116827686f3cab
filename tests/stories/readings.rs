//! What a story looks at in the end.

use google_sim::methods::Method;
use serde_json::Value;
use shared::events::EventKind;
use shared::ids::{HistoryId, MessageId, UserId};
use shared::jobs::{MessageJob, decode};
use shared::ledger::{DeadLetter, LetterFilter, Sent, Trigger};
use shared::mailbox::Mailbox;
use shared::mark::{MarkCounts, MarkState};
use shared::pack::Pack;
use shared::replay::Replayed;
use shared::result::{original_key, result_key};

use super::backend::Seen;
use super::world::World;

impl World {
    pub(crate) async fn mailbox(&self, user: &UserId) -> Mailbox {
        self.backend.stores.mailboxes.get(user).await.unwrap().unwrap()
    }

    pub(crate) async fn cursor(&self, user: &UserId) -> Option<HistoryId> {
        self.mailbox(user).await.history_id
    }

    /// A person sends one letter round again.
    pub(crate) async fn send_round(&self, letter: &DeadLetter) -> Replayed {
        let sent = Sent { by: Trigger::Order, order: Some(1) };
        self.stages().replay().send(letter, sent, self.now()).await.unwrap()
    }

    /// The state of one message's mark; `None` when there is no mark.
    pub(crate) async fn state(&self, user: &UserId, id: &MessageId) -> Option<MarkState> {
        let ids = [id.clone()];
        let marks = self.backend.stores.marks.get(user, &ids).await.unwrap();
        marks[0].as_ref().map(|mark| mark.state)
    }

    pub(crate) async fn states(&self, user: &UserId, ids: &[MessageId]) -> Vec<Option<MarkState>> {
        let marks = self.backend.stores.marks.get(user, ids).await.unwrap();
        marks.into_iter().map(|mark| mark.map(|mark| mark.state)).collect()
    }

    pub(crate) async fn counts(&self, user: &UserId) -> MarkCounts {
        let epoch = self.mailbox(user).await.epoch;
        self.backend.stores.marks.count(user, epoch, self.now()).await.unwrap()
    }

    /// The stored result of a message, as bytes.
    pub(crate) async fn result_bytes(&self, user: &UserId, id: &MessageId) -> Option<Vec<u8>> {
        let marks = self.backend.stores.marks.get(user, std::slice::from_ref(id)).await.unwrap();
        let archive = &self.backend.stores.archive;
        if let Some(key) = marks[0].as_ref().and_then(|mark| mark.pack.as_ref()) {
            let pack = Pack::read(&archive.get(key.as_str()).await.unwrap()?).unwrap();
            return pack.line_of(id).map(|line| line.bytes.clone());
        }
        let date = marks[0].as_ref().and_then(|mark| mark.internal_date).unwrap_or(self.now());
        archive.get(&result_key(user, id, date)).await.unwrap()
    }

    pub(crate) async fn result(&self, user: &UserId, id: &MessageId) -> Option<Value> {
        let bytes = self.result_bytes(user, id).await?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    pub(crate) async fn original(&self, user: &UserId, id: &MessageId) -> Option<Vec<u8>> {
        self.backend.stores.archive.get(&original_key(user, id)).await.unwrap()
    }

    /// Everything that was published, in order, repetitions included.
    pub(crate) async fn published(&self) -> Vec<Seen> {
        self.backend.log.published().await
    }

    pub(crate) async fn events(&self, kind: EventKind) -> Vec<Seen> {
        let mut seen = self.published().await;
        seen.retain(|seen| seen.event.kind == kind);
        seen
    }

    /// The events about one message or mailbox.
    pub(crate) async fn events_about(&self, subject: &str) -> Vec<Seen> {
        let mut seen = self.published().await;
        seen.retain(|seen| seen.event.subject == subject);
        seen
    }

    pub(crate) async fn letters(&self) -> Vec<DeadLetter> {
        let filter = LetterFilter::default();
        self.backend.stores.letters.list(&filter, None, 1000).await.unwrap()
    }

    pub(crate) async fn only_letter(&self) -> DeadLetter {
        let mut letters = self.letters().await;
        assert_eq!(letters.len(), 1, "{letters:?}");
        letters.remove(0)
    }

    /// Units that Google has counted so far.
    pub(crate) fn units(&self) -> u64 {
        self.google.counters().units
    }

    /// Calls of one of Google's methods so far, refused ones included.
    pub(crate) fn calls(&self, method: &str) -> u64 {
        // Never of one that there is not: it would always be none.
        let method: Method = method.parse().unwrap();
        self.google.counters().calls.get(method.name()).copied().unwrap_or(0)
    }
}

/// The job in a letter of the message-processor.
pub(crate) fn message_job(letter: &DeadLetter) -> MessageJob {
    decode(&letter.payload).unwrap()
}
