//! What is to be announced again, and how fast.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use shared::category::Category;
use shared::clock::Timestamp;
use shared::ids::{MessageId, UserId};
use shared::mark::{MARK_LIFE, Mark, MarkState};

/// Which messages' events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Those that were announced in it.
    pub window: Window,
    /// Those of this mailbox alone.
    pub user: Option<UserId>,
    /// Those of this category alone.
    pub category: Option<Category>,
    /// Those behind this message, in the order in which a run goes.
    pub after: Option<Position>,
}

impl Asked {
    /// Whatever there is.
    pub(super) fn whatever() -> Self {
        let always = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        let window = Window { since: always.0, until: always.1 };
        Self { window, user: None, category: None, after: None }
    }
}

/// A time in which messages were announced: from `since`, and before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    since: Timestamp,
    until: Timestamp,
}

/// A time in which nothing can have been announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadWindow {
    /// It has not begun.
    #[error("the window begins at {since}, which lies in the future")]
    Future {
        /// Its beginning.
        since: Timestamp,
    },
    /// It ends before it begins, or as it begins.
    #[error("the window ends at {until}, and begins at {since}: nothing lies between")]
    Empty {
        /// Its beginning.
        since: Timestamp,
        /// Its end.
        until: Timestamp,
    },
}

impl Window {
    /// From `since` until `until`, or until `now`.
    pub fn between(
        since: Timestamp,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, BadWindow> {
        let until = until.unwrap_or(now);
        if since > now {
            return Err(BadWindow::Future { since });
        }
        if until <= since {
            return Err(BadWindow::Empty { since, until });
        }
        Ok(Self { since, until })
    }

    /// Its beginning.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Its end, which is not in it.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// From when on marks tell what was announced, where that is within the window: of what lies before nothing is known any
    /// more.
    pub fn known_since(&self, now: Timestamp) -> Option<Timestamp> {
        let known = now - MARK_LIFE;
        (self.since < known).then_some(known)
    }

    /// Whether this message was last announced within it.
    pub(super) fn has(&self, mark: &Mark) -> bool {
        let is_within = |at: Timestamp| self.since <= at && at < self.until;
        mark.state == MarkState::Done && mark.done_at.is_some_and(is_within)
    }
}

/// A message of a mailbox, as a place in a run. Outside it is `USER/MESSAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub message: MessageId,
}

/// A text that is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mailbox and a message of it, USER/MESSAGE, as a run that stopped has printed them")]
pub struct BadPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.user, self.message)
    }
}

impl FromStr for Position {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let (user, message) = text.split_once('/').ok_or(BadPosition)?;
        let (user, message) = (user.parse().ok(), message.parse().ok());
        user.zip(message).map(|(user, message)| Self { user, message }).ok_or(BadPosition)
    }
}

/// So many a second. Outside it is `100/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(NonZeroU32);

/// A text that is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a number from 1 and its unit, such as 100/s")]
pub struct BadRate;

impl Rate {
    /// As fast as it goes.
    pub(super) const UNBOUNDED: Self = Self(NonZeroU32::MAX);

    pub(super) fn get(self) -> u32 {
        self.0.get()
    }

    /// How long so many take.
    pub fn time_of(self, count: usize) -> Duration {
        let micros = (count as u64).saturating_mul(1_000_000) / u64::from(self.get());
        Duration::from_micros(micros)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl FromStr for Rate {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        let number = text.strip_suffix("/s").ok_or(BadRate)?;
        number.parse().map(Self).map_err(|_| BadRate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-05-{text}:00Z").parse().unwrap()
    }

    #[test]
    fn a_window_has_its_beginning_and_not_its_end() {
        let now = at("09T12:00");
        let window = Window::between(at("01T12:00"), Some(at("02T12:00")), now).unwrap();
        let mark = |state, done_at| Mark {
            message_id: "m1".parse().unwrap(),
            epoch: shared::ids::Epoch(1),
            state,
            generation: shared::ids::Generation(0),
            internal_date: None,
            job_id: "j1".parse().unwrap(),
            listed_at: at("01T00:00"),
            done_at,
            expires_at: None,
            forwards: shared::mark::Forwards::default(),
            pack: None,
        };
        let has = |text: &str| window.has(&mark(MarkState::Done, Some(at(text))));
        assert!(has("01T12:00") && has("02T11:59"));
        assert!(!has("01T11:59") && !has("02T12:00"));
        assert!(!window.has(&mark(MarkState::Listed, None)));
        assert!(!window.has(&mark(MarkState::Parked, Some(at("01T12:00")))));
        assert!(Asked::whatever().window.has(&mark(MarkState::Done, Some(at("01T12:00")))));
    }

    #[test]
    fn a_window_that_nothing_can_lie_in_is_none() {
        let (now, since) = (at("09T12:00"), at("01T12:00"));
        assert_eq!(Window::between(since, None, now).unwrap().until(), now);
        let future = at("09T12:01");
        assert_eq!(Window::between(future, None, now), Err(BadWindow::Future { since: future }));
        for until in [since, at("01T11:00")] {
            let empty = Window::between(since, Some(until), now);
            assert_eq!(empty, Err(BadWindow::Empty { since, until }));
        }
    }

    #[test]
    fn what_lies_before_the_life_of_a_mark_is_not_known() {
        let now = at("31T12:00");
        let known = |since| Window::between(since, None, now).unwrap().known_since(now);
        assert_eq!(known(at("01T12:00")), None);
        assert_eq!(known(at("01T11:59")), Some(at("01T12:00")));
    }

    #[test]
    fn a_position_and_a_rate_read_back_as_they_are_written() {
        let position: Position = "42/18c0ffee".parse().unwrap();
        assert_eq!(position.to_string().parse(), Ok(position));
        for bad in ["", "42", "42/", "/18c", "42/../x", "42/18c/1"] {
            assert_eq!(bad.parse::<Position>(), Err(BadPosition), "{bad}");
        }
        let rate: Rate = "250/s".parse().unwrap();
        assert_eq!(
            (rate.to_string().parse(), rate.time_of(500)),
            (Ok(rate), Duration::from_secs(2))
        );
        for bad in ["", "100", "0/s", "-1/s", "1.5/s", "100/m", "/s"] {
            assert_eq!(bad.parse::<Rate>(), Err(BadRate), "{bad}");
        }
    }
}
