//! Time and chance, as arguments.
//!
//! Handlers are given a [`Clock`] and a [`Chance`], read the clock once and pass `now` down. The real ones stand here
//! and nowhere else; `clippy.toml` bans them everywhere outside this file.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment, UTC, to the millisecond, which is as fine as Gmail's `internalDate`. Outside it is RFC 3339.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time such as 2026-05-01T12:00:00Z")]
pub struct BadTimestamp;

/// The last moment that RFC 3339 can write, 9999-12-31T23:59:59.999Z.
const LAST_MILLIS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// `millis` milliseconds since 1970, kept within the years 0 to 9999 that RFC 3339 can write.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(-62_167_219_200_000, LAST_MILLIS))
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down: what `after:` of Gmail's search takes.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long after 1970 this is; zero when it is before.
    pub fn since_1970(self) -> Duration {
        self.since(Self(0))
    }

    /// How long after `earlier` this is; zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Year, month and day, UTC.
    pub fn date(self) -> time::Date {
        self.utc().date()
    }

    fn utc(self) -> OffsetDateTime {
        let nanos = i128::from(self.0) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| BadTimestamp)?;
        i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000))
            .map(Self::from_millis)
            .map_err(|_| BadTimestamp)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = BadTimestamp;

    fn try_from(text: String) -> Result<Self, BadTimestamp> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> Self {
        at.to_string()
    }
}

impl fmt::Display for Timestamp {
    /// Always with three digits of milliseconds, so that texts sort as times do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.utc();
        let (date, (hour, minute, second, milli)) = (at.date(), at.time().as_hms_milli());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// Where `now` comes from, and where waiting is done.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's own.
    System,
    /// One that a test moves by hand, in milliseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at` until a test moves it.
    pub fn manual(at: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.millis())))
    }

    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the real clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let nanos = OffsetDateTime::now_utc().unix_timestamp_nanos();
                Timestamp::from_millis(
                    i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(LAST_MILLIS),
                )
            }
            Self::Manual(millis) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// Waits `length` of this clock's time. A manual clock moves on by itself and waits for nobody.
    #[expect(clippy::disallowed_methods, reason = "the one place that waits")]
    pub async fn sleep(&self, length: Duration) {
        match self {
            Self::System => tokio::time::sleep(length).await,
            Self::Manual(_) => {
                self.advance(length);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Moves a manual clock on; the system's cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(millis) = self {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(0), Ordering::SeqCst);
        }
    }
}

/// Where random numbers come from: the operating system's, or a seed's.
#[derive(Clone)]
pub struct Chance(Arc<Mutex<StdRng>>);

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}

impl Chance {
    /// Fit for secrets: a cipher's stream, keyed by the operating system.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that draws from the operating system"
    )]
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// The same numbers for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// A number in `0..below`; 0 when `below` is 0.
    pub fn below(&self, below: u64) -> u64 {
        if below == 0 {
            0
        } else {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..below)
        }
    }

    /// Between half of `length` and all of it, so that those who failed together do not come back together.
    pub fn jitter(&self, length: Duration) -> Duration {
        let half = length / 2;
        half + Duration::from_millis(self.below(u64::try_from(half.as_millis()).unwrap_or(0) + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_as_rfc_3339() {
        let at: Timestamp = "2026-05-01T12:00:00.25+02:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-05-01T10:00:00.250Z");
        assert_eq!(at.to_string().parse(), Ok(at));
        assert_eq!("yesterday".parse::<Timestamp>(), Err(BadTimestamp));
        for extreme in [i64::MIN, i64::MAX] {
            let at = Timestamp::from_millis(extreme);
            assert_eq!(at.to_string().parse(), Ok(at));
        }
    }

    #[test]
    fn jitter_stays_between_half_and_all() {
        let chance = Chance::seeded(1);
        for _ in 0..1000 {
            let wait = chance.jitter(Duration::from_secs(30));
            assert!((Duration::from_secs(15)..=Duration::from_secs(30)).contains(&wait));
        }
    }
}
