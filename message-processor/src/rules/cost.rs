//! What a condition may cost.
//!
//! A condition always ends, but loops over lists within loops over lists take their time, and a stranger chooses how
//! long a message's lists are. So the cost of a condition is known when it is read, as a function of how much there is
//! in the fields that it looks at, and a message has a budget for all its rules.

use std::ops::{Add, Mul};

/// Steps that all rules together may take for one message. A step is what looking at a field takes, some ten
/// nanoseconds, and costs are counted high: the dearest rules that a test could make take a tenth of a second.
const STEPS: u64 = 10_000_000;

/// The weight of a small message: a condition that there is no budget for even then would hardly ever run.
const SMALL: u64 = 100;

/// Looking through a text once.
pub(super) const TEXT: Cost = Cost([8, 0, 0, 0]);

/// A polynomial: the factor of each power of the weight. Above the third power nothing is counted, because two loops
/// do not reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost([u64; 4]);

impl Cost {
    pub(super) const NOTHING: Self = Self([0; 4]);
    pub(super) const STEP: Self = Self([1, 0, 0, 0]);
    /// Going through everything there is.
    pub(super) const ALL: Self = Self([0, 1, 0, 0]);
    /// Copying it.
    pub(super) const COPY: Self = Self([0, 4, 0, 0]);

    pub(super) fn steps(count: usize) -> Self {
        Self([count as u64, 0, 0, 0])
    }

    /// The steps for a message of this weight.
    pub(super) fn of(self, weight: u64) -> u64 {
        let add = |sum: u64, factor: &u64| sum.saturating_mul(weight).saturating_add(*factor);
        self.0.iter().rev().fold(0, add)
    }

    /// Whether there is no budget for it, however small the message.
    pub(super) fn is_too_much(self) -> bool {
        self.of(SMALL) > STEPS
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|power| self.0[power].saturating_add(other.0[power])))
    }
}

impl Mul for Cost {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let [none, one, two, three] = other.0;
        let times = |factor: u64, by: [u64; 4]| Self(by.map(|by| factor.saturating_mul(by)));
        times(self.0[0], other.0)
            + times(self.0[1], [0, none, one, two.saturating_add(three)])
            + times(self.0[2], [0, 0, none, one.saturating_add(two).saturating_add(three)])
            + times(self.0[3], [0, 0, 0, other.of(1)])
    }
}

/// The steps that are left for a message.
#[derive(Debug)]
pub(super) struct Budget(u64);

impl Budget {
    pub(super) fn of_a_message() -> Self {
        Self(STEPS)
    }

    /// Takes what a condition costs at most, if there is as much.
    pub(super) fn pays(&mut self, cost: Cost, weight: u64) -> bool {
        let left = self.0.checked_sub(cost.of(weight));
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_costs_its_body_for_each_element() {
        let body = Cost::steps(5) + Cost::STEP;
        let once = Cost::ALL * body;
        let twice = Cost::ALL * (once + Cost::STEP);
        assert_eq!((body.of(100), once.of(100), twice.of(100)), (6, 600, 60_100));
        assert_eq!((twice * twice).of(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_budget_is_spent_once() {
        let mut budget = Budget::of_a_message();
        assert!(budget.pays(Cost::ALL, STEPS));
        assert!(!budget.pays(Cost::STEP, 1));
        assert!(budget.pays(Cost::NOTHING, 1));
    }
}
