//! A mailbox's messages: thirteen bytes each, in blocks, and tables beside them for what is out of the ordinary.
//!
//! A message is known by its place. Ordinary mail comes with a date near its block's, begins a conversation of its own,
//! carries one of a few sets of labels and never changes: all this is in the blocks, or follows from the place. What
//! does not fit stands in a table that only such messages fill. A full block is never moved, so that no room is kept
//! ready for doubling. That a message came is its place in history too: there is no record of it elsewhere.

use std::collections::BTreeMap;

use shared::clock::{Chance, Timestamp};

use crate::labels::LabelSet;

/// Messages in a block: few enough for a mailbox that has only one, enough for what a block costs by itself.
const BLOCK: usize = 32;

/// Each message has as many ids as this to itself and one of them is its own, so that nobody can count on the next.
const ID_GAP: u64 = 4096;

/// An id holds milliseconds above this many bits.
const TIME_BITS: u32 = 20;

/// Ids a block has room for.
const BLOCK_IDS: u64 = BLOCK as u64 * ID_GAP;

const _: () = assert!(BLOCK_IDS < 1 << TIME_BITS, "a block's ids must fit into its millisecond");

/// A distance of dates that does not fit: the date stands in the table.
const FAR: i32 = i32::MIN;

/// A set of labels that is not among the common ones: it stands in the table.
const RARE: u8 = u8::MAX;

/// Some messages that came one after the other, field by field: side by side they would be padded to sixteen bytes.
#[derive(Debug)]
struct Block {
    /// Where its ids begin.
    first_id: u64,
    /// When it was begun; dates count from here, in milliseconds.
    begun: i64,
    dates: [i32; BLOCK],
    bodies: [u32; BLOCK],
    added: [u32; BLOCK],
    labels: [u8; BLOCK],
}

const _: () = assert!(size_of::<Block>() == 16 + 13 * BLOCK, "there are very many messages");

/// What a message is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// The moment it is put here.
    pub(crate) now: Timestamp,
    /// Gmail's `internalDate`.
    pub(crate) date: Timestamp,
    /// Its place among the bodies.
    pub(crate) body: u32,
    pub(crate) labels: LabelSet,
    /// The place of another message of its conversation.
    pub(crate) near: Option<u32>,
    /// When it came, as a history offset.
    pub(crate) added: u32,
}

/// A message as a search goes through it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) place: u32,
    pub(crate) labels: LabelSet,
    /// Gmail's `internalDate`, milliseconds since 1970.
    pub(crate) date: i64,
}

/// Messages in the order they came in. A place that [`Self::push`] never gave is a defect, and panics.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    #[expect(clippy::vec_box, reason = "the list grows by doubling; the blocks must not")]
    blocks: Vec<Box<Block>>,
    len: u32,
    /// The sets of labels met first; a message names its own by one byte.
    common: Vec<LabelSet>,
    rare: BTreeMap<u32, LabelSet>,
    far: BTreeMap<u32, i64>,
    /// The first message of the conversation, of those that are not the first themselves.
    threads: BTreeMap<u32, u32>,
    /// When it last changed, of those that have changed.
    changed: BTreeMap<u32, u32>,
}

impl Messages {
    /// Puts a message at the end and gives its place.
    pub(crate) fn push(&mut self, message: Arrival, chance: &Chance) -> u32 {
        let place = self.len;
        let (at, slot) = split(place);
        if at == self.blocks.len() {
            self.begin(message.now, chance);
        }
        self.len += 1;
        let block = &mut self.blocks[at];
        block.bodies[slot] = message.body;
        block.added[slot] = message.added;
        let distance = message.date.millis().saturating_sub(block.begun);
        block.dates[slot] = i32::try_from(distance).unwrap_or(FAR);
        if block.dates[slot] == FAR {
            self.far.insert(place, message.date.millis());
        }
        if let Some(near) = message.near {
            self.threads.insert(place, self.thread(near));
        }
        self.set_labels(place, message.labels);
        place
    }

    /// How many there are, the deleted too.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// The place of the message of this id, were it deleted or not.
    pub(crate) fn find(&self, id: u64) -> Option<u32> {
        let at = self.blocks.partition_point(|block| block.first_id <= id).checked_sub(1)?;
        let slot = (id - self.blocks[at].first_id) / ID_GAP;
        let place = u32::try_from(at as u64 * BLOCK as u64 + slot).ok()?;
        (slot < BLOCK as u64 && place < self.len && self.id(place) == id).then_some(place)
    }

    /// The place of the first message that came after a history offset.
    pub(crate) fn first_after(&self, offset: u32) -> u32 {
        let later = self.blocks.partition_point(|block| block.added[0] <= offset);
        let Some(at) = later.checked_sub(1) else { return 0 };
        let begin = u32::try_from(at * BLOCK).unwrap_or(u32::MAX);
        let used = &self.blocks[at].added[..BLOCK.min((self.len - begin) as usize)];
        begin + u32::try_from(used.partition_point(|added| *added <= offset)).unwrap_or(0)
    }

    /// Its id: higher than that of every message before it.
    pub(crate) fn id(&self, place: u32) -> u64 {
        let (at, slot) = split(place);
        let own = self.blocks[at].first_id + slot as u64 * ID_GAP;
        // Mixed by a multiplication, whose upper bits look like chance: one of as many as there are in the gap.
        own + (own.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - ID_GAP.ilog2()))
    }

    /// Gmail's `internalDate`, milliseconds since 1970.
    pub(crate) fn date(&self, place: u32) -> i64 {
        let (at, slot) = split(place);
        self.moment(place, self.blocks[at].begun, self.blocks[at].dates[slot])
    }

    pub(crate) fn labels(&self, place: u32) -> LabelSet {
        let (at, slot) = split(place);
        self.set(place, self.blocks[at].labels[slot])
    }

    /// Every message with what a search compares first, in order; block by block, which is much quicker than by place.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        let blocks = (0..self.len).step_by(BLOCK).zip(&self.blocks);
        blocks.flat_map(|(begin, block)| {
            let fields = (begin..self.len).zip(&block.labels).zip(&block.dates);
            fields.map(|((place, set), distance)| Entry {
                place,
                labels: self.set(place, *set),
                date: self.moment(place, block.begun, *distance),
            })
        })
    }

    /// Its place among the bodies.
    pub(crate) fn body(&self, place: u32) -> u32 {
        let (at, slot) = split(place);
        self.blocks[at].bodies[slot]
    }

    /// The place of the first message of its conversation.
    pub(crate) fn thread(&self, place: u32) -> u32 {
        self.threads.get(&place).copied().unwrap_or(place)
    }

    /// The messages that are not the first of their conversation, each with the first.
    pub(crate) fn joined(&self) -> impl Iterator<Item = (u32, u32)> {
        self.threads.iter().map(|(place, first)| (*place, *first))
    }

    /// When it came, as a history offset.
    pub(crate) fn added(&self, place: u32) -> u32 {
        let (at, slot) = split(place);
        self.blocks[at].added[slot]
    }

    /// When it last changed, as a history offset.
    pub(crate) fn changed(&self, place: u32) -> u32 {
        self.changed.get(&place).copied().unwrap_or_else(|| self.added(place))
    }

    pub(crate) fn set_changed(&mut self, place: u32, offset: u32) {
        self.changed.insert(place, offset);
    }

    pub(crate) fn set_labels(&mut self, place: u32, labels: LabelSet) {
        let known = self.common.iter().position(|set| *set == labels);
        let index = known.unwrap_or(self.common.len()).try_into().unwrap_or(RARE);
        if index == RARE {
            self.rare.insert(place, labels);
        } else {
            self.rare.remove(&place);
            if known.is_none() {
                self.common.push(labels);
            }
        }
        let (at, slot) = split(place);
        self.blocks[at].labels[slot] = index;
    }

    /// The set of labels that a message's byte stands for.
    fn set(&self, place: u32, index: u8) -> LabelSet {
        match index {
            RARE => self.rare[&place],
            common => self.common[usize::from(common)],
        }
    }

    /// The date that is so far from when a message's block was begun.
    fn moment(&self, place: u32, begun: i64, distance: i32) -> i64 {
        match distance {
            FAR => self.far[&place],
            near => begun + i64::from(near),
        }
    }

    /// Begins a block. As with Gmail, an id holds the time it was made at in its upper bits: here, its block's time.
    fn begin(&mut self, now: Timestamp, chance: &Chance) {
        let by_time = u64::try_from(now.millis()).unwrap_or(0) << TIME_BITS;
        let by_time = by_time + chance.below((1 << TIME_BITS) - BLOCK_IDS);
        let above = self.blocks.last().map_or(0, |last| last.first_id + BLOCK_IDS);
        self.blocks.push(Box::new(Block {
            first_id: by_time.max(above),
            begun: now.millis(),
            dates: [0; BLOCK],
            bodies: [0; BLOCK],
            added: [0; BLOCK],
            labels: [0; BLOCK],
        }));
    }

    /// The bytes taken by messages that are in no table, with all the room that is not used yet.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.len() * size_of::<Block>()
            + self.blocks.capacity() * size_of::<Box<Block>>()
            + self.common.capacity() * size_of::<LabelSet>()
    }
}

/// The block of a place, and where in it.
fn split(place: u32) -> (usize, usize) {
    (place as usize / BLOCK, place as usize % BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::LabelId;

    const NOW: i64 = 1_777_636_800_000;

    fn arrival(now: i64, added: u32) -> Arrival {
        let now = Timestamp::from_millis(now);
        Arrival { now, date: now, body: 7, labels: LabelSet::NEW_MAIL, near: None, added }
    }

    #[test]
    fn ids_rise_hold_the_time_and_lead_back_to_their_place() {
        let (mut messages, chance) = (Messages::default(), Chance::seeded(1));
        for n in 0..1_000 {
            // The clock stands at first, and goes on later.
            messages.push(arrival(NOW + i64::from(n / 500) * 60_000, n), &chance);
        }
        let ids: Vec<u64> = (0..1_000).map(|place| messages.id(place)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(ids[0] >> TIME_BITS, NOW.unsigned_abs());
        let late = (ids[999] >> TIME_BITS) - (NOW.unsigned_abs() + 60_000);
        assert!(late < 10, "ids run ahead of a clock that stands, but not far: {late} ms");
        assert!((0..1_000).zip(&ids).all(|(place, id)| messages.find(*id) == Some(place)));
        assert!(
            ids.iter().all(|id| messages.find(id - 1).is_none() && messages.find(id + 1).is_none())
        );
        assert_eq!((messages.find(0), messages.find(u64::MAX)), (None, None));
        let next = messages.id(999) - messages.id(998);
        assert_ne!(next, messages.id(998) - messages.id(997), "nobody can count on the next id");
    }

    #[test]
    fn every_date_is_kept_however_far() {
        let (mut messages, chance) = (Messages::default(), Chance::seeded(1));
        let near = [0, 1, -1, i64::from(i32::MAX), -i64::from(i32::MAX)].map(|off| NOW + off);
        let far = [NOW + i64::from(i32::MIN), NOW + (1 << 31), 0, -5, i64::MIN, i64::MAX]
            .map(|date| Timestamp::from_millis(date).millis());
        for date in near.into_iter().chain(far) {
            let date = Timestamp::from_millis(date);
            messages.push(Arrival { date, ..arrival(NOW, 1) }, &chance);
        }
        let kept: Vec<i64> = (0..messages.len()).map(|place| messages.date(place)).collect();
        assert_eq!(kept, [near.as_slice(), &far].concat());
        assert_eq!(messages.far.len(), far.len(), "only these are out of the ordinary");
    }

    #[test]
    fn every_set_of_labels_is_kept_however_many_there_are() {
        let (mut messages, chance) = (Messages::default(), Chance::seeded(1));
        let set = |n: u32| -> LabelSet {
            let wanted = (1..=10).filter(|bit| n >> (bit - 1) & 1 == 1);
            wanted.map(|bit| format!("Label_{bit}").parse::<LabelId>().unwrap()).collect()
        };
        for n in 0..600 {
            messages.push(Arrival { labels: set(n), ..arrival(NOW, n) }, &chance);
        }
        assert!((0..600).all(|place| messages.labels(place) == set(place)));
        messages.set_labels(599, set(0));
        messages.set_labels(0, set(598));
        assert_eq!((messages.labels(599), messages.labels(0)), (set(0), set(598)));
        assert_eq!(messages.rare.len(), 600 - usize::from(RARE), "one left the table and one came");
    }

    #[test]
    fn the_first_after_an_offset_is_found_in_every_block() {
        let (mut messages, chance) = (Messages::default(), Chance::seeded(1));
        assert_eq!(messages.first_after(0), 0);
        for n in 0..100 {
            messages.push(arrival(NOW, 10 + n * 10), &chance);
        }
        for n in 0..100 {
            assert_eq!(
                (messages.first_after(9 + n * 10), messages.first_after(10 + n * 10)),
                (n, n + 1)
            );
        }
        assert_eq!((messages.first_after(0), messages.first_after(u32::MAX)), (0, 100));
    }
}
