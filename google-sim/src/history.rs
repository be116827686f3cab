//! What happened in a mailbox, in order, until it is forgotten.
//!
//! That a message came is remembered by the message itself; every other change is a record of twelve bytes. Reading
//! history merges the two, which both rise.

use std::iter;

use shared::clock::Chance;

use crate::errors::ApiError;
use crate::labels::{LabelId, LabelSet};
use crate::mailbox::State;
use crate::pages::Cursor;

/// One label of one message, added or removed; or the end of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    at: u32,
    message: u32,
    what: What,
}

const _: () = assert!(size_of::<Change>() <= 12, "a change must stay small: there are very many");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Added(LabelId),
    Removed(LabelId),
    Deleted,
}

/// Which kinds of change a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryType {
    /// `messageAdded`
    MessageAdded,
    /// `messageDeleted`
    MessageDeleted,
    /// `labelAdded`
    LabelAdded,
    /// `labelRemoved`
    LabelRemoved,
}

/// Whether entries of history name a message's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NamesLabels {
    /// Every entry does, which is what is mostly seen.
    #[default]
    Always,
    /// About every other does: nothing promises it.
    Sometimes,
}

/// What happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It came.
    Added,
    /// It was deleted for good.
    Deleted,
    /// It got labels.
    LabelsAdded(LabelSet),
    /// It lost labels.
    LabelsRemoved(LabelSet),
}

impl Event {
    fn kind(self) -> HistoryType {
        match self {
            Self::Added => HistoryType::MessageAdded,
            Self::Deleted => HistoryType::MessageDeleted,
            Self::LabelsAdded(_) => HistoryType::LabelAdded,
            Self::LabelsRemoved(_) => HistoryType::LabelRemoved,
        }
    }
}

/// A message by its ids, as lists and history name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageRef {
    /// The message.
    pub id: u64,
    /// Its conversation.
    pub thread: u64,
    /// Its labels at present.
    pub labels: LabelSet,
}

/// One entry of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Its history id.
    pub id: u64,
    /// The message it is about.
    pub message: MessageRef,
    /// Its labels, where this entry names them: Google's need not.
    pub labels: Option<LabelSet>,
    /// What happened to it.
    pub event: Event,
}

/// What `history.list` is asked.
#[derive(Debug, Clone, Default)]
pub struct HistoryRequest {
    /// The reader knows everything up to here.
    pub start: u64,
    /// The kinds wanted; empty means all.
    pub types: Vec<HistoryType>,
    /// Only messages with this label.
    pub label: Option<String>,
    /// Entries looked at for a page.
    pub max: usize,
    /// Where the page before ended.
    pub page: Option<String>,
}

/// A page of history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The entries; none when nothing on this page was wanted.
    pub records: Vec<Record>,
    /// Where the mailbox stands.
    pub history_id: u64,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl State {
    /// Reads a page. The limit counts entries before they are filtered, so that a page may be empty and not the last.
    pub(crate) fn history(&self, request: &HistoryRequest) -> Result<HistoryPage, ApiError> {
        let label = request.label.as_deref().map(|id| self.labels.known(id)).transpose()?;
        let mut after = self.offset_of(request.start)?;
        if let Some(token) = &request.page {
            after = self.offset_of(Cursor::history(token)?)?;
        }
        let mut events = self.events_after(after);
        let page: Vec<_> = events.by_ref().take(request.max).collect();
        let last = page.last().map_or(after, |(at, _, _)| *at);
        let wanted = |record: &Record| {
            (request.types.is_empty() || request.types.contains(&record.event.kind()))
                && label.is_none_or(|label| record.message.labels.contains(label))
        };
        Ok(HistoryPage {
            records: page.iter().map(|event| self.entry(event)).filter(wanted).collect(),
            history_id: self.history_id(),
            next: events.next().map(|_| Cursor::History(self.base + u64::from(last)).token()),
        })
    }

    /// Writes down a change of a message.
    pub(crate) fn record(&mut self, message: u32, event: Event, chance: &Chance) {
        let at = self.next_offset(chance);
        let changes: Vec<What> = match event {
            Event::Added => Vec::new(),
            Event::Deleted => vec![What::Deleted],
            Event::LabelsAdded(labels) => labels.iter().map(What::Added).collect(),
            Event::LabelsRemoved(labels) => labels.iter().map(What::Removed).collect(),
        };
        self.changes.extend(changes.into_iter().map(|what| Change { at, message, what }));
        self.messages.set_changed(message, at);
    }

    /// Forgets everything up to now: whoever asks from an earlier point gets a 404.
    pub(crate) fn forget_history(&mut self, chance: &Chance) {
        self.changes = Vec::new();
        self.forgotten = self.next_offset(chance);
    }

    /// The offset of a history id, unless it is forgotten or has not been reached.
    fn offset_of(&self, history_id: u64) -> Result<u32, ApiError> {
        let offset = history_id.checked_sub(self.base).and_then(|offset| offset.try_into().ok());
        let known = offset.filter(|offset| (self.forgotten..=self.latest).contains(offset));
        known.ok_or_else(ApiError::not_found)
    }

    /// Every event after an offset, as offset, message and what happened; worked out as far as it is read.
    fn events_after(&self, after: u32) -> impl Iterator<Item = (u32, u32, Event)> {
        let came = self.messages.first_after(after)..self.messages.len();
        let mut came =
            came.map(|place| (self.messages.added(place), place, Event::Added)).peekable();
        let changed = self.changes.partition_point(|change| change.at <= after);
        let changed = self.changes[changed..].chunk_by(|a, b| a.at == b.at);
        let mut changed = changed.map(gather).peekable();
        iter::from_fn(move || match (came.peek(), changed.peek()) {
            (Some(arrival), Some(change)) if change.0 < arrival.0 => changed.next(),
            (Some(_), _) => came.next(),
            (None, _) => changed.next(),
        })
    }

    fn entry(&self, (at, message, event): &(u32, u32, Event)) -> Record {
        let message = self.reference(*message);
        let labels = Some(message.labels);
        Record { id: self.base + u64::from(*at), message, labels, event: *event }
    }

    /// The message at a place as it is named.
    pub(crate) fn reference(&self, place: u32) -> MessageRef {
        let messages = &self.messages;
        let (id, thread) = (messages.id(place), messages.id(messages.thread(place)));
        MessageRef { id, thread, labels: messages.labels(place) }
    }
}

/// The changes of one moment as one event.
fn gather(changes: &[Change]) -> (u32, u32, Event) {
    let (mut added, mut removed, mut deleted) = (Vec::new(), Vec::new(), false);
    for change in changes {
        match change.what {
            What::Added(label) => added.push(label),
            What::Removed(label) => removed.push(label),
            What::Deleted => deleted = true,
        }
    }
    let event = match (deleted, added.is_empty()) {
        (true, _) => Event::Deleted,
        (false, false) => Event::LabelsAdded(added.into_iter().collect()),
        (false, true) => Event::LabelsRemoved(removed.into_iter().collect()),
    };
    (changes[0].at, changes[0].message, event)
}
