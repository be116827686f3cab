//! The rules, in a table: what is seen, what it speaks for, how much, and how to say so.
//!
//! A message is what most speaks for. Weights are on one scale: 100 is as good as a definition, 40 rarely wrong, 20 a
//! good reason, 10 a fair one, 5 and less a hint that counts in company. To change what a message is, change a row.

mod bulk;
mod hostile;
mod machines;
mod people;

use shared::category::Category;

use super::evidence::Evidence;

/// One reason for one category.
pub(super) struct Rule {
    pub(super) category: Category,
    pub(super) weight: u32,
    pub(super) holds: fn(&Evidence<'_>) -> bool,
    /// What was seen, in words.
    pub(super) reason: &'static str,
}

const fn rule(
    category: Category,
    weight: u32,
    reason: &'static str,
    holds: fn(&Evidence<'_>) -> bool,
) -> Rule {
    Rule { category, weight, holds, reason }
}

/// Every rule, from the surest kinds of mail to the most ordinary.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    [hostile::RULES, machines::RULES, bulk::RULES, people::RULES].into_iter().flatten()
}
