//! Whose turn it is: a function of the mailbox and the round's window, of nothing else.
//!
//! Nothing about turns is stored. A mailbox's interval follows from how long it has been silent, its phase from a hash
//! of its userId, and it is due in a round if its phase has a point in the round's window. So an idle mailbox costs no
//! write, a page read late gives the same answer as one read at once, and because intervals double, the points of a
//! longer interval are points of the shorter one too: a mailbox that falls silent never waits longer than its new
//! interval.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::mailbox::Roster;
use shared::queue::MAX_DELAY;
use shared::settings::Settings;

/// A mailbox is asked about this many times in the span that it has been silent for: with the default 5 minutes, the
/// interval first doubles after two silent hours.
const LOOKS_PER_SILENCE: u32 = 12;

/// The stretch of time that a round is about: after `from`, up to and including `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Where the last finished round ended; excluded.
    pub from: Timestamp,
    /// When this round began; included.
    pub to: Timestamp,
}

/// Between what bounds mailboxes are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tempo {
    /// `POLL_INTERVAL_MIN`.
    pub shortest: Duration,
    /// `POLL_INTERVAL_MAX`.
    pub longest: Duration,
}

impl Tempo {
    /// As it is set.
    pub fn of(settings: &Settings) -> Self {
        Self { shortest: settings.poll_interval_min, longest: settings.poll_interval_max }
    }

    /// How long after being looked at this mailbox is to be synchronised; `None` when it is not its turn.
    ///
    /// A debt that can be paid is paid at once: that may be what the mailbox's state ends with.
    pub fn turn(self, mailbox: &Roster, window: Window) -> Option<Duration> {
        if mailbox.owes {
            return Some(Duration::ZERO);
        }
        if !mailbox.readable {
            return None;
        }
        let heard = mailbox.last_mail_at.unwrap_or(mailbox.connected_at);
        // The window's end is the present, however late the page is read: a repeated page must give the same answer.
        let interval = self.interval(window.to.since(heard));
        let point = first_point(window, phase(&mailbox.user_id, interval), interval)?;
        let span = interval.min(window.to.since(window.from));
        Some(self.delay(point.since(window.from), span))
    }

    /// The largest doubling of the shortest interval that silence and setting allow.
    fn interval(self, silence: Duration) -> Duration {
        let limit = self.longest.min(silence / LOOKS_PER_SILENCE);
        let mut interval = self.shortest;
        while interval * 2 <= limit {
            interval *= 2;
        }
        interval
    }

    /// Spreads a round's jobs as their first points lie in `span`. A span longer than a delay may be, which an outage
    /// leaves behind, is squeezed rather than cut: cut, most of its jobs would come at the same moment.
    fn delay(self, offset: Duration, span: Duration) -> Duration {
        let most = self.shortest.min(MAX_DELAY);
        if span <= most { offset } else { most.mul_f64(offset.as_secs_f64() / span.as_secs_f64()) }
    }
}

/// Where in its interval a mailbox has its points.
fn phase(user: &UserId, interval: Duration) -> i64 {
    let hash = digest(&SHA256, user.as_str().as_bytes());
    let first = hash.as_ref().iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    i64::try_from(first % millis(interval).unsigned_abs()).unwrap_or(0)
}

/// The first moment in the window that lies `phase` after a multiple of the interval.
fn first_point(window: Window, phase: i64, interval: Duration) -> Option<Timestamp> {
    let earliest = window.from.millis() + 1;
    let wait = (phase - earliest).rem_euclid(millis(interval));
    let point = Timestamp::from_millis(earliest + wait);
    (point <= window.to).then_some(point)
}

/// At least one, because it divides.
fn millis(interval: Duration) -> i64 {
    i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests;
