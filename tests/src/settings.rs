//! How whoever runs the tests has set them. Read here and nowhere else:
//!
//! - `FANMAIL_LONG=1`: the long form of what has one, minutes where the short form takes seconds.
//! - `FANMAIL_SEED=N`: the chance of a run to replay, as that run printed it.

use shared::clock::Chance;

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// What `./test` has time for.
    Short,
    /// What finds the rarer faults.
    Long,
}

impl Length {
    /// `FANMAIL_LONG`; the short form where it is not set.
    ///
    /// # Panics
    ///
    /// When it is anything but `1`: a long run that is none would be believed.
    pub fn set() -> Self {
        match read("FANMAIL_LONG").as_deref() {
            None | Some("") => Self::Short,
            Some("1") => Self::Long,
            Some(other) => panic!("FANMAIL_LONG is {other:?}: set it to 1, or not at all"),
        }
    }

    /// The one of two sizes that belongs to it.
    pub fn of<T>(self, short: T, long: T) -> T {
        match self {
            Self::Short => short,
            Self::Long => long,
        }
    }
}

/// The chance of this run, seeded by `FANMAIL_SEED` or else by itself, and the number that replays it.
pub fn chance() -> (Chance, u64) {
    let seed = read("FANMAIL_SEED")
        .map_or_else(|| Chance::system().below(1 << 32), |seed| seed.parse().unwrap());
    (Chance::seeded(seed), seed)
}

fn read(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the tests' settings")]
    std::env::var(name).ok()
}
