//! What kind of message a message is, and why.
//!
//! A pure function of what was read and of Gmail's labels. Every rule that holds adds its weight to a category; the
//! heaviest wins, its rules are the reasons, and how far it is ahead is the confidence.

mod evidence;
mod lexicon;
mod rules;

use std::cmp::Reverse;

use shared::category::Category;

use self::evidence::Evidence;
use crate::parse::Parsed;

/// A category, how sure we are of it, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub category: Category,
    /// 0 to 1, in hundredths.
    pub confidence: f64,
    /// The weightiest first.
    pub reasons: Vec<String>,
}

/// Reasons that are told; more would not be read.
const REASONS: usize = 5;

/// Judges a message.
pub(crate) fn classify<'e>(parsed: &'e Parsed<'e>, labels: Vec<&'e str>) -> Judgement {
    let evidence = Evidence::of(parsed, labels);
    let mut held: Vec<_> = rules::all().filter(|rule| (rule.holds)(&evidence)).collect();
    let weight = |category| {
        held.iter().filter(|rule| rule.category == category).map(|rule| rule.weight).sum::<u32>()
    };
    let mut ranked: Vec<_> =
        Category::ALL.iter().map(|category| (weight(*category), *category)).collect();
    // Stable: where nothing speaks for anything the first stands, and what is not known to be otherwise people wrote.
    ranked.sort_by_key(|(weight, _)| Reverse(*weight));
    let ((first, category), (second, _)) = (ranked[0], ranked[1]);
    held.retain(|rule| rule.category == category);
    held.sort_by_key(|rule| Reverse(rule.weight));
    let mut reasons: Vec<_> =
        held.iter().take(REASONS).map(|rule| rule.reason.to_owned()).collect();
    if reasons.is_empty() {
        reasons.push("Nothing speaks for any other kind".to_owned());
    }
    Judgement { category, confidence: confidence(first, second), reasons }
}

/// How far the first is ahead of the second, a little less when both have little to say.
fn confidence(first: u32, second: u32) -> f64 {
    let (first, second) = (f64::from(first.max(1)), f64::from(second));
    let ahead = first / (first + second);
    let said = first / (first + 2.0);
    (ahead * said * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The category of a message, by its name.
    pub(super) fn category(message: &str, labels: &[&str]) -> &'static str {
        let understood = crate::understand(message.as_bytes(), labels);
        understood.judgement.category.as_str()
    }

    #[test]
    fn confidence_grows_with_the_lead_and_stays_below_one() {
        assert!(confidence(100, 0) > confidence(100, 50));
        assert!(confidence(100, 50) > confidence(10, 5));
        for (first, second) in [(0, 0), (1, 1), (1_000_000, 0)] {
            assert!((0.0..=1.0).contains(&confidence(first, second)));
        }
    }

    #[test]
    fn there_always_is_a_reason() {
        let judgement = crate::understand::<&str>(b"Precedence: x\n\n", &[]).judgement;
        assert_eq!((judgement.category, judgement.reasons.len()), (Category::Personal, 1));
        assert!(judgement.confidence > 0.0);
    }

    #[test]
    fn reasons_are_those_of_the_category_the_weightiest_first() {
        let message =
            "Auto-Submitted: auto-replied\nSubject: Out of office\nFrom: a@example.com\n\nAway.";
        let judgement = crate::understand(message.as_bytes(), &[] as &[&str]).judgement;
        assert_eq!(judgement.category, Category::AutoReply);
        assert_eq!(judgement.reasons[0], "Auto-Submitted: auto-replied (RFC 3834)");
    }
}
