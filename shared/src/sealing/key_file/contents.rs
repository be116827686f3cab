//! What a key file says: the one place that knows its lines.
//!
//! The first line names the form, each further one a key, the oldest first: name, moment of its making (`-` where
//! nobody knows it), whether it seals or only opens, and its 64 hex digits. The form before this one was the digits
//! alone, of one key; it is read, and written again in the present one when something is to be changed.
//!
//! A name follows from its key. Where the two do not belong together, something was lost, and the file is refused.

use std::fmt::Write;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::clock::{Chance, Timestamp};
use crate::sealing::KeyName;
use crate::sealing::cipher::{Cipher, ROOT_LEN, name_of};

/// How many keys a file may hold. One is used; others wait until they are not needed any more.
pub const KEYS: usize = 16;

/// More than [`KEYS`] take.
pub(super) const LONGEST: usize = 4096;

const HEAD: &str = "fanmail keys 2";

/// A key as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name.
    pub name: KeyName,
    /// When it was made; `None` for one from before that was written down.
    pub made: Option<Timestamp>,
    /// What it is for.
    pub standing: Standing,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It seals, and opens what it has sealed. One key does.
    Seals,
    /// It opens what it has sealed.
    Opens,
}

/// A key with its secret, which stays in its place while the list around it grows, and is zeroed on drop.
struct Entry {
    info: KeyInfo,
    root: Box<Zeroizing<[u8; ROOT_LEN]>>,
}

/// Every key of a file, the oldest first.
pub(super) struct Contents(Vec<Entry>);

impl Contents {
    /// One new key, which seals.
    pub(super) fn first(now: Timestamp, chance: &Chance) -> Option<Self> {
        let mut contents = Self(Vec::new());
        let name = contents.add(now, chance)?;
        contents.turn_to(&name, now);
        Some(contents)
    }

    /// `None` for what we did not write.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let mut lines = str::from_utf8(text).ok()?.trim_end().split('\n');
        let first = lines.next()?;
        let contents = if first == HEAD {
            Self(lines.map(entry).collect::<Option<_>>()?)
        } else if lines.next().is_none() {
            Self(vec![Entry::new(first, None, Standing::Seals)?])
        } else {
            return None;
        };
        let sealing = contents.0.iter().filter(|key| key.info.standing == Standing::Seals);
        (sealing.count() == 1 && contents.0.len() <= KEYS).then_some(contents)
    }

    pub(super) fn text(&self) -> Zeroizing<String> {
        // With room for everything, so that growing does not leave copies of keys behind.
        let mut text = Zeroizing::new(String::with_capacity(LONGEST));
        text.push_str(HEAD);
        for Entry { info, root } in &self.0 {
            let made = info.made.map_or_else(|| "-".to_owned(), |made| made.to_string());
            let digits = Zeroizing::new(hex::encode(root.as_slice()));
            let (name, standing) = (&info.name, info.standing.as_str());
            // Writing into a text does not fail.
            let _ = write!(text, "\n{name} {made} {standing} {}", digits.as_str());
        }
        text.push('\n');
        text
    }

    pub(super) fn keys(&self) -> Vec<KeyInfo> {
        self.0.iter().map(|key| key.info.clone()).collect()
    }

    pub(super) fn ciphers(&self, chance: &Chance) -> Option<Vec<(Cipher, Standing)>> {
        let cipher =
            |key: &Entry| Some((Cipher::new(&key.root, chance.clone()).ok()?, key.info.standing));
        self.0.iter().map(cipher).collect()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= KEYS
    }

    /// The key that was added last, if it has not come to seal yet.
    pub(super) fn waiting(&self) -> Option<KeyName> {
        let last = self.0.last().filter(|key| key.info.standing == Standing::Opens)?;
        Some(last.info.name.clone())
    }

    /// Adds a new key, which opens. `None` if the cipher refuses it.
    pub(super) fn add(&mut self, now: Timestamp, chance: &Chance) -> Option<KeyName> {
        let root = Box::new(Zeroizing::new(chance.bytes::<ROOT_LEN>()));
        let entry = Entry::made(root, Some(now), Standing::Opens)?;
        let name = entry.info.name.clone();
        self.0.push(entry);
        Some(name)
    }

    /// The key with this name seals from now on, and no other. It counts as made `now`, however long it has waited.
    pub(super) fn turn_to(&mut self, name: &KeyName, now: Timestamp) {
        for Entry { info, .. } in &mut self.0 {
            info.standing = Standing::Opens;
            if info.name == *name {
                (info.standing, info.made) = (Standing::Seals, Some(now));
            }
        }
    }

    /// Drops the keys with these names, but never the one that seals.
    pub(super) fn drop_all(&mut self, names: &[KeyName]) {
        let stays =
            |info: &KeyInfo| info.standing == Standing::Seals || !names.contains(&info.name);
        self.0.retain(|key| stays(&key.info));
    }
}

impl Entry {
    fn new(digits: &str, made: Option<Timestamp>, standing: Standing) -> Option<Self> {
        let mut root = Box::new(Zeroizing::new([0; ROOT_LEN]));
        hex::decode_to_slice(digits, root.as_mut_slice()).ok()?;
        Self::made(root, made, standing)
    }

    fn made(
        root: Box<Zeroizing<[u8; ROOT_LEN]>>,
        made: Option<Timestamp>,
        standing: Standing,
    ) -> Option<Self> {
        let name = name_of(&root)?;
        Some(Self { info: KeyInfo { name, made, standing }, root })
    }
}

impl Standing {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seals => "seals",
            Self::Opens => "opens",
        }
    }
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    let (name, made) = (words.next()?, words.next()?);
    let (standing, digits) = (words.next()?, words.next()?);
    let made = if made == "-" { None } else { Some(made.parse().ok()?) };
    let standings = [Standing::Seals, Standing::Opens];
    let standing = standings.into_iter().find(|known| known.as_str() == standing)?;
    let entry = Entry::new(digits, made, standing)?;
    (entry.info.name.as_str() == name && words.next().is_none()).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chance() -> Chance {
        Chance::seeded(1)
    }

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn two() -> Contents {
        let mut two = Contents::first(now(), &chance()).unwrap();
        let second = two.add(now(), &Chance::seeded(2)).unwrap();
        two.turn_to(&second, now());
        two
    }

    #[test]
    fn what_was_written_is_read_back() {
        let two = two();
        let read = Contents::of(two.text().as_bytes()).unwrap();
        assert_eq!((read.keys(), read.text()), (two.keys(), two.text()));
        let standings = two.keys().iter().map(|key| key.standing).collect::<Vec<_>>();
        assert_eq!(standings, [Standing::Opens, Standing::Seals]);
    }

    #[test]
    fn the_form_before_is_one_key_of_unknown_age() {
        for end in ["", "\n"] {
            let read = Contents::of(format!("{}{end}", "ab".repeat(32)).as_bytes());
            let [key] = &read.unwrap().keys()[..] else { panic!() };
            assert_eq!((key.made, key.standing), (None, Standing::Seals));
            assert_eq!(key.name.as_str().len(), 8);
        }
    }

    #[test]
    fn a_file_of_many_keys_is_not_longer_than_what_is_read() {
        let mut many = two();
        while !many.is_full() {
            many.add(now(), &Chance::system()).unwrap();
        }
        assert!(many.text().len() < LONGEST);
        assert_eq!(Contents::of(many.text().as_bytes()).unwrap().keys(), many.keys());
    }

    #[test]
    fn what_was_changed_by_a_single_character_is_refused() {
        let text = two().text();
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            let made = |text: &[u8]| Contents::of(text).map(|read| read.keys());
            // A moment is no secret and has no check; any other character counts.
            let moment = made(&bytes).is_some_and(|keys| {
                keys.iter().zip(two().keys()).all(|(key, was)| key.name == was.name)
            });
            let line = text[..at].rsplit('\n').next().unwrap();
            assert!(!moment || line.split(' ').count() == 2, "{at}: {line}");
        }
    }
}
