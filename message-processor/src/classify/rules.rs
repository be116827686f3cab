//! The rules, in a table: what is seen, what it speaks for, how much, and how to say so.
//!
//! A message is what most speaks for. Weights are on one scale: 100 is as good as a definition, 40 rarely wrong, 20 a
//! good reason, 10 a fair one, 5 and less a hint that counts in company. To change what a message is, change a row.

mod bulk;
mod hostile;
mod machines;
mod people;

use std::cmp::Reverse;

use shared::category::Category;

pub(super) use self::machines::written_by_a_machine;
use super::evidence::Evidence;
use super::model::{CLASSES, PerClass};

/// One reason for one category.
#[derive(Debug)]
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

/// From so many points on the rules decide alone, if what they speak for is a machine's mail: its forms are defined.
const DECISIVE: u32 = 35;

/// From so many points on the rules decide alone whatever they speak for: Gmail or a test said so.
const CERTAIN: u32 = 900;

/// What the rules say of a message.
pub(super) struct Points {
    /// Those that hold, the weightiest first.
    held: Vec<&'static Rule>,
}

impl Points {
    pub(super) fn of(evidence: &Evidence<'_>) -> Self {
        let mut held: Vec<_> = all().filter(|rule| (rule.holds)(evidence)).collect();
        held.sort_by_key(|rule| Reverse(rule.weight));
        Self { held }
    }

    /// How much speaks for a category.
    pub(super) fn for_category(&self, category: Category) -> u32 {
        self.rules_for(category).map(|rule| rule.weight).sum()
    }

    /// How much speaks for each class of the model.
    pub(super) fn for_classes(&self) -> PerClass<u32> {
        CLASSES.map(|class| {
            let points = self.for_category(class);
            if class == Category::Spam {
                points.max(self.for_category(Category::Phishing))
            } else {
                points
            }
        })
    }

    /// The rules that hold for a category, the weightiest first.
    pub(super) fn rules_for(&self, category: Category) -> impl Iterator<Item = &'static Rule> {
        self.held.iter().copied().filter(move |rule| rule.category == category)
    }

    /// The category, where the rules decide alone.
    pub(super) fn decide(&self) -> Option<Category> {
        let ranked = Category::ALL.iter().map(|category| (self.for_category(*category), *category));
        // Of equals the first stands.
        let (points, category) =
            ranked.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        let machines = matches!(
            category,
            Category::Bounce | Category::Report | Category::AutoReply | Category::Calendar
        );
        (points >= CERTAIN || machines && points >= DECISIVE).then_some(category)
    }
}

/// Every rule, from the surest kinds of mail to the most ordinary.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    [hostile::RULES, machines::RULES, bulk::RULES, people::RULES].into_iter().flatten()
}
