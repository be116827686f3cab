//! Why a message is what it is said to be, in words. Nothing of the message is repeated but single words that the model
//! knows anyway.

use shared::category::Category;

use super::features::{Seen, Spoken};
use super::leanings::Leanings;
use super::model::{CLASSES, HOSTILE};
use super::rules::Points;

/// Reasons that are told; more would not be read.
const REASONS: usize = 5;

/// Words that are told in the one reason that names words.
const WORDS: usize = 4;

/// The rules that spoke for a category.
pub(super) fn of_rules(points: &Points, category: Category) -> Vec<String> {
    points.rules_for(category).take(REASONS).map(|rule| rule.reason.to_owned()).collect()
}

/// What spoke for a category and against its rival: rules first, then leanings, then what the model has learned.
pub(super) fn of_model(
    points: &Points,
    leanings: &Leanings,
    seen: &Seen<'_>,
    category: Category,
    (class, rival): (usize, usize),
) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    let also = (class == HOSTILE).then_some([Category::Spam, Category::Phishing]);
    let categories = also.unwrap_or([category, category]);
    let rules = categories.into_iter().flat_map(|category| points.rules_for(category));
    let said =
        rules.take(3).map(|rule| rule.reason).chain(leanings.towards(CLASSES[class]).take(2));
    for reason in said {
        if !reasons.iter().any(|other| other == reason) {
            reasons.push(reason.to_owned());
        }
    }
    reasons.truncate(REASONS - 1);
    let mut learned = seen.for_class(class, rival);
    learned.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let words: Vec<_> = learned.iter().filter_map(|(_, spoken)| word(spoken)).take(WORDS).collect();
    if !words.is_empty() {
        reasons.push(format!("Words of such mail: {}", words.join(", ")));
    }
    let signs = learned.iter().filter_map(|(_, spoken)| match spoken {
        Spoken::Sign(says) => Some(*says),
        Spoken::Word(_) => None,
    });
    for says in signs {
        if reasons.len() < REASONS && !reasons.iter().any(|other| other == says) {
            reasons.push(says.to_owned());
        }
    }
    if reasons.is_empty() {
        reasons.push("Nothing speaks for any other kind".to_owned());
    }
    reasons
}

fn word(spoken: &Spoken<'_>) -> Option<String> {
    match spoken {
        Spoken::Word(word) => Some(format!("\u{201c}{word}\u{201d}")),
        Spoken::Sign(_) => None,
    }
}
