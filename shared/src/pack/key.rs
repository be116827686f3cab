//! Where a pack is kept.

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::ids::UserId;

/// The folder of all packs, with a folder for each day in it.
pub const PACKS: &str = "packed/";

const ENDING: &str = ".ndjson.gz";

/// How much of the hash stands in the name: of a mailbox's packs of one day no two have the same.
const HASH: usize = 16;

/// A day's folder, such as `packed/dt=2026-05-01/`: the way in which analysts' programs find a partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(String);

impl Day {
    /// The day of a moment, UTC.
    pub fn of(at: Timestamp) -> Self {
        let date = at.date();
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        Self(format!("{PACKS}dt={year:04}-{month:02}-{day:02}/"))
    }

    /// `None` for what is no day's folder.
    pub fn read(folder: &str) -> Option<Self> {
        let date = folder.strip_prefix(PACKS)?.strip_prefix("dt=")?.strip_suffix('/')?;
        let is_digit = |(at, byte): (usize, u8)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        };
        let is_date = date.len() == "2026-05-01".len() && date.bytes().enumerate().all(is_digit);
        is_date.then(|| Self(folder.to_owned()))
    }

    /// The folder.
    pub fn folder(&self) -> &str {
        &self.0
    }

    /// What the keys of a mailbox's packs of this day begin with. It is closed by its `-`, behind which no other may come:
    /// 4 is the beginning of neither 42 nor 4-2.
    pub fn packs_of(&self, user: &UserId) -> String {
        format!("{}{user}-", self.0)
    }
}

/// A pack's key, such as `packed/dt=2026-05-01/42-b82a5b7a3e0f601f.ndjson.gz`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackKey(Box<str>);

/// A text that is no pack's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the key of a pack")]
pub struct BadPackKey;

impl PackKey {
    pub(super) fn new(user: &UserId, day: &Day, hash: &str) -> Self {
        let hash = hash.get(..HASH).unwrap_or(hash);
        Self(format!("{}{hash}{ENDING}", day.packs_of(user)).into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The day's folder and the mailbox.
    fn parts(text: &str) -> Option<(Day, UserId)> {
        let (folder, name) = text.split_at_checked(text.rfind('/')? + 1)?;
        let (user, hash) = name.strip_suffix(ENDING)?.rsplit_once('-')?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_hash = hash.len() == HASH && hash.bytes().all(is_hex);
        is_hash.then_some(())?;
        Some((Day::read(folder)?, user.parse().ok()?))
    }

    /// Whose results it holds.
    pub fn user(&self) -> UserId {
        self.place().1
    }

    /// The day's folder that it is in.
    pub fn day(&self) -> Day {
        self.place().0
    }

    fn place(&self) -> (Day, UserId) {
        Self::parts(&self.0).unwrap_or_else(|| unreachable!("a key that exists is one"))
    }
}

impl FromStr for PackKey {
    type Err = BadPackKey;

    fn from_str(text: &str) -> Result<Self, BadPackKey> {
        Self::parts(text).map(|_| Self(text.into())).ok_or(BadPackKey)
    }
}

impl fmt::Display for PackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_day_and_its_mailbox() {
        for user in ["42", "4-2", "4_2-"] {
            let user: UserId = user.parse().unwrap();
            let day = Day::of("2026-05-01T23:59:59Z".parse().unwrap());
            let key = PackKey::new(&user, &day, "b82a5b7a3e0f601f0000");
            assert_eq!(key.to_string().parse(), Ok(key.clone()));
            assert_eq!((key.user(), key.day().folder()), (user, "packed/dt=2026-05-01/"));
        }
    }

    #[test]
    fn what_is_no_key_of_a_pack_is_refused() {
        let good = "packed/dt=2026-05-01/42-b82a5b7a3e0f601f.ndjson.gz";
        assert!(good.parse::<PackKey>().is_ok());
        for (from, to) in [
            ("packed/", "results/"),
            ("packed/", "packed/packed/"),
            ("dt=", ""),
            ("2026-05-01", "2026-5-1"),
            ("2026-05-01", "é026-05-1"),
            ("42-", "-"),
            ("42-", ""),
            ("b82a", "B82A"),
            ("b82a", ""),
            (".gz", ""),
        ] {
            let bad = good.replace(from, to);
            assert_eq!(bad.parse::<PackKey>(), Err(BadPackKey), "{bad}");
        }
    }
}
