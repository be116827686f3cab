//! One mailbox: its messages, their labels, and everything that ever changed.
//!
//! A mailbox is its own lock, so that two cores serve two people at once. Its messages (`messages.rs`) cost about
//! fifteen bytes each, their arrival in history included: what they say stands in [`Bodies`](crate::bodies), and a
//! history id is an offset from where the mailbox began. Only later changes are recorded one by one, in
//! [`history`](crate::history).

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::clock::{Chance, Timestamp};

use crate::errors::ApiError;
use crate::history::{Change, Event};
use crate::labels::{LabelSet, Labels};
use crate::messages::{Arrival, Messages};
use crate::quota::Window;
use crate::watch::Watch;

/// A Google account with its mailbox.
#[derive(Debug)]
pub struct Mailbox {
    /// The account's id: digits, never reused.
    pub sub: Box<str>,
    /// The address it was made with: the name that everything here goes by.
    pub email: Box<str>,
    /// Its owner's name.
    pub name: Box<str>,
    pub(crate) in_flight: AtomicU32,
    state: Mutex<State>,
    /// The address it was given since.
    new_address: Mutex<Option<Box<str>>>,
}

/// What a mailbox holds and remembers.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) messages: Messages,
    pub(crate) changes: Vec<Change>,
    pub(crate) labels: Labels,
    pub(crate) window: Window,
    pub(crate) watch: Option<Watch>,
    /// The history id the mailbox began with; offsets count from here.
    pub(crate) base: u64,
    /// The latest history offset.
    pub(crate) latest: u32,
    /// History up to this offset has been forgotten.
    pub(crate) forgotten: u32,
    pub(crate) deleted: u32,
}

/// History ids rise by one to this many at a time: a reader that counts on consecutive ids must fail here.
const HISTORY_GAP: u64 = 30;

/// Where a mailbox's history begins. One in four begins a little below a power of ten: a reader that compares history
/// ids as texts must fail here.
fn first_history_id(chance: &Chance) -> u64 {
    if chance.below(4) > 0 {
        return 1_000 + chance.below(1_000_000);
    }
    [10_000, 100_000, 1_000_000][usize::try_from(chance.below(3)).unwrap_or(0)] - chance.below(300)
}

impl Mailbox {
    pub(crate) fn new(sub: String, email: &str, name: &str, chance: &Chance) -> Self {
        let state = State {
            messages: Messages::default(),
            changes: Vec::new(),
            labels: Labels::default(),
            window: Window::default(),
            watch: None,
            base: first_history_id(chance),
            latest: 0,
            forgotten: 0,
            deleted: 0,
        };
        Self {
            sub: sub.into(),
            email: email.to_lowercase().into(),
            name: name.into(),
            in_flight: AtomicU32::new(0),
            state: Mutex::new(state),
            new_address: Mutex::default(),
        }
    }

    /// Its address now.
    pub fn address(&self) -> String {
        let new = self.new_address.lock().unwrap_or_else(PoisonError::into_inner);
        new.as_deref().unwrap_or(&self.email).to_owned()
    }

    pub(crate) fn renamed(&self, address: &str) {
        let new = address.to_lowercase().into();
        *self.new_address.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
    }

    /// The mailbox's state, to this thread alone.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts a message at the end and gives its place. `near` is the place of another message of its conversation.
    pub(crate) fn append(
        &mut self,
        (now, date): (Timestamp, Timestamp),
        body: u32,
        labels: LabelSet,
        near: Option<u32>,
        chance: &Chance,
    ) -> u32 {
        let added = self.next_offset(chance);
        let place = self.messages.push(Arrival { now, date, body, labels, near, added }, chance);
        self.notify(now, labels);
        place
    }

    /// The place of a message that is still there.
    pub(crate) fn find(&self, id: u64) -> Result<u32, ApiError> {
        let place = self.messages.find(id);
        let there = place.filter(|place| !self.messages.labels(*place).any(LabelSet::GONE));
        there.ok_or_else(ApiError::not_found)
    }

    /// How many conversations have a message that is still there.
    pub(crate) fn conversations(&self) -> u32 {
        let there = |place: u32| !self.messages.labels(place).any(LabelSet::GONE);
        let (mut joined, mut headless) = (0, BTreeSet::new());
        for (_, first) in self.messages.joined().filter(|(place, _)| there(*place)) {
            joined += 1;
            if !there(first) {
                headless.insert(first);
            }
        }
        // All others are the first of theirs.
        let firsts = self.messages.len() - self.deleted - joined;
        firsts + u32::try_from(headless.len()).unwrap_or(u32::MAX)
    }

    /// Adds and takes away labels; what is already so leaves no trace in history.
    pub(crate) fn relabel(
        &mut self,
        place: u32,
        add: LabelSet,
        remove: LabelSet,
        now: Timestamp,
        chance: &Chance,
    ) {
        let before = self.messages.labels(place);
        for (labels, event) in [
            (add.without(before), Event::LabelsAdded as fn(LabelSet) -> Event),
            (remove.without(remove.without(before)), Event::LabelsRemoved),
        ] {
            if !labels.is_empty() {
                self.record(place, event(labels), chance);
            }
        }
        let after = before.with(add).without(remove);
        self.messages.set_labels(place, after);
        self.notify(now, after);
    }

    /// Deletes a message for good.
    pub(crate) fn delete(&mut self, place: u32, now: Timestamp, chance: &Chance) {
        self.record(place, Event::Deleted, chance);
        let labels = self.messages.labels(place);
        self.messages.set_labels(place, labels.with(LabelSet::GONE));
        self.deleted += 1;
        self.notify(now, labels);
    }

    /// The mailbox's present history id.
    pub(crate) fn history_id(&self) -> u64 {
        self.base + u64::from(self.latest)
    }

    pub(crate) fn next_offset(&mut self, chance: &Chance) -> u32 {
        self.latest += 1 + u32::try_from(chance.below(HISTORY_GAP)).unwrap_or(0);
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(messages: usize) -> Mailbox {
        let chance = Chance::seeded(1);
        let now = Timestamp::from_millis(1_777_636_800_000);
        let mailbox = Mailbox::new("1".to_owned(), "a@example.com", "A", &chance);
        for _ in 0..messages {
            mailbox.state().append((now, now), 0, LabelSet::NEW_MAIL, None, &chance);
        }
        mailbox
    }

    #[test]
    fn two_hundred_thousand_messages_take_less_than_eighteen_bytes_each() {
        let bytes = |mailbox: &Mailbox| {
            let state = mailbox.state();
            state.messages.bytes() + state.changes.capacity() * size_of::<Change>()
        };
        assert!(bytes(&filled(200_000)) < 200_000 * 18);
        assert!(bytes(&filled(2_000)) < 2_000 * 18, "however they are spread over mailboxes");
        assert!(bytes(&filled(200)) < 200 * 18);
        assert!(bytes(&filled(1)) < 512, "a mailbox of few messages must stay small too");
        assert!(size_of::<Mailbox>() < 512, "an empty mailbox must stay small too");
    }

    #[test]
    fn ids_rise_while_the_clock_stands_and_history_leaves_gaps() {
        let mailbox = filled(100);
        let messages = &mailbox.state().messages;
        let rises = |place| messages.id(place) < messages.id(place + 1);
        assert!((0..99).all(rises));
        let gap = |place| messages.added(place + 1).saturating_sub(messages.added(place));
        assert!((0..99).all(|place| gap(place) > 0) && (0..99).any(|place| gap(place) > 1));
        assert_eq!(crate::world::hex_id(messages.id(0)).len(), 16);
    }

    #[test]
    fn a_conversation_lasts_until_its_last_message_is_deleted() {
        let (mailbox, chance) = (filled(2), Chance::seeded(2));
        let (mut state, now) = (mailbox.state(), Timestamp::from_millis(0));
        let second = state.append((now, now), 0, LabelSet::NEW_MAIL, Some(0), &chance);
        let third = state.append((now, now), 0, LabelSet::NEW_MAIL, Some(second), &chance);
        assert_eq!(state.reference(third).thread, state.messages.id(0));
        assert_eq!(state.conversations(), 2);
        for (place, left) in [(0, 2), (second, 2), (third, 1), (1, 0)] {
            state.delete(place, now, &chance);
            assert_eq!(state.conversations(), left, "after {place}");
        }
    }

    #[test]
    fn a_label_that_is_there_already_leaves_no_trace() {
        let (mailbox, chance) = (filled(1), Chance::seeded(2));
        let mut state = mailbox.state();
        let before = state.history_id();
        let now = Timestamp::from_millis(0);
        let sent = LabelSet::from_iter([crate::labels::LabelId::SENT]);
        state.relabel(0, LabelSet::NEW_MAIL, sent, now, &chance);
        assert_eq!(state.history_id(), before);
        state.relabel(0, sent, LabelSet::NEW_MAIL, now, &chance);
        assert_eq!((state.messages.labels(0), state.changes.len()), (sent, 3));
    }

    #[test]
    fn what_is_deleted_is_not_found_and_history_still_names_it() {
        let (mailbox, chance) = (filled(2), Chance::seeded(2));
        let mut state = mailbox.state();
        let (id, start) = (state.messages.id(0), state.base);
        state.delete(0, Timestamp::from_millis(0), &chance);
        assert_eq!(state.find(id), Err(ApiError::not_found()));
        let request = crate::history::HistoryRequest { start, max: 10, ..Default::default() };
        let events: Vec<_> = state.history(&request).unwrap().records;
        let of_it: Vec<_> = events.iter().filter(|r| r.message.id == id).map(|r| r.event).collect();
        assert_eq!(of_it, [Event::Added, Event::Deleted]);
    }
}
