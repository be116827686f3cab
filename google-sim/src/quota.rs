//! Quota: how many units a mailbox, and the project as a whole, may spend in any sixty seconds.
//!
//! The minute slides, by whole seconds: Google does not say which shape its minute has, and readers of it assume the
//! sliding one, which refuses more.

use std::collections::VecDeque;
use std::time::Duration;

use shared::clock::Timestamp;

use crate::methods::Prices;

/// What may be spent, and at which prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Which table of prices holds.
    pub prices: Prices,
    /// Units per mailbox in a minute.
    pub user_per_minute: u32,
    /// Units for all mailboxes together in a minute.
    pub project_per_minute: u32,
    /// Calls for one mailbox at the same time; Google's own number is not published.
    pub concurrent: u32,
}

impl Quota {
    /// Google's limits with these prices.
    pub fn google(prices: Prices) -> Self {
        let user_per_minute = match prices {
            Prices::May2026 => 6_000,
            Prices::Legacy => 15_000,
        };
        Self { prices, user_per_minute, project_per_minute: 1_200_000, concurrent: 20 }
    }
}

/// What was spent in the last sixty seconds.
#[derive(Debug, Default)]
pub(crate) struct Window {
    seconds: VecDeque<(i64, u32)>,
    spent: u32,
}

const SPAN: i64 = 60;

impl Window {
    /// Whether `units` more stay within `limit`; otherwise when they will.
    pub(crate) fn room(&mut self, now: Timestamp, units: u32, limit: u32) -> Result<(), Timestamp> {
        self.forget(now);
        let mut over = (self.spent + units).saturating_sub(limit);
        for (second, spent) in &self.seconds {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(*spent);
            if over == 0 {
                return Err(Timestamp::from_millis((second + SPAN) * 1000));
            }
        }
        if over == 0 { Ok(()) } else { Err(now + Duration::from_mins(1)) }
    }

    /// Counts what a call costs.
    pub(crate) fn spend(&mut self, now: Timestamp, units: u32) {
        match self.seconds.back_mut() {
            Some((second, spent)) if *second == now.seconds() => *spent += units,
            Some(_) | None => self.seconds.push_back((now.seconds(), units)),
        }
        self.spent += units;
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((second, spent)) = self.seconds.front().copied() {
            if second + SPAN > now.seconds() {
                return;
            }
            self.seconds.pop_front();
            self.spent -= spent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_slides_and_the_refusal_says_until_when() {
        let start = Timestamp::from_millis(1_000_000_000_500);
        let mut window = Window::default();
        for second in 0..3 {
            let now = start + Duration::from_secs(second);
            assert_eq!(window.room(now, 2_000, 6_000), Ok(()));
            window.spend(now, 2_000);
        }
        let full = start + Duration::from_secs(3);
        let until = window.room(full, 20, 6_000).unwrap_err();
        assert_eq!(until, Timestamp::from_millis(1_000_000_060_000));
        assert_eq!(window.room(until, 20, 6_000), Ok(()));
        assert!(window.room(until, 2_020, 6_000).is_err());
    }

    #[test]
    fn a_call_dearer_than_the_limit_never_fits() {
        let now = Timestamp::from_millis(0);
        assert!(Window::default().room(now, 100, 50).is_err());
    }
}
