//! What kind of message a message is, and why.
//!
//! A pure function of what was read and of Gmail's labels. Rules come first, for they can be explained: where a form is
//! defined (a bounce, a report, an invitation) they decide alone. Everything else a small linear model decides, to which
//! the rules' points are features among others (`docs/classes.md`).

mod calibration;
mod evidence;
mod exp;
mod features;
mod identity;
mod leanings;
mod lexicon;
mod model;
mod reasons;
mod rules;
mod shape;
mod signs;
#[cfg(feature = "training")]
pub mod training;
mod words;

use shared::category::Category;

use self::evidence::Evidence;
use self::features::Seen;
use self::leanings::Leanings;
use self::model::{CLASSES, HOSTILE, Model, PerClass};
use self::rules::Points;
use crate::parse::Parsed;

/// A category, how sure we are of it, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub category: Category,
    /// How often a judgement like this is right: 0 to 1, in hundredths.
    pub confidence: f64,
    /// The weightiest first.
    pub reasons: Vec<String>,
}

/// How likely it must be that a message is spam or phishing until it is called so. A letter lost to a spam folder costs
/// more than a spam read.
const HOSTILE_FROM: f64 = 0.75;

/// How often the rules are right where they decide alone: 7 of 1,000 of the corpus are not.
const RULES_ARE_RIGHT: f64 = 0.99;

/// Judges a message.
pub(crate) fn classify<'e>(parsed: &'e Parsed<'e>, labels: Vec<&'e str>) -> Judgement {
    judge(&Evidence::of(parsed, labels), Model::shipped())
}

fn judge(evidence: &Evidence<'_>, model: &Model) -> Judgement {
    let points = Points::of(evidence);
    if let Some(category) = points.decide() {
        let reasons = reasons::of_rules(&points, category);
        return Judgement { category, confidence: RULES_ARE_RIGHT, reasons };
    }
    let leanings = Leanings::of(evidence);
    let seen = Seen::of(evidence, &points, model);
    let likely = seen.likelihoods(&leanings.for_classes());
    let (class, rival) = ranked(&likely);
    let category = if class == HOSTILE { hostile_kind(&points, &leanings) } else { CLASSES[class] };
    let reasons = reasons::of_model(&points, &leanings, &seen, category, (class, rival));
    let confidence = model.calibration.confidence(likely[class]);
    Judgement { category, confidence: hundredths(confidence), reasons }
}

/// The class that a message is put into, and the likeliest other one.
fn ranked(likely: &PerClass<f64>) -> (usize, usize) {
    let likeliest = |but: &[usize]| {
        let classes = (0..likely.len()).filter(|class| !but.contains(class));
        // Of equals the first stands: what is not known to be otherwise people wrote.
        classes.reduce(|best, next| if likely[next] > likely[best] { next } else { best })
    };
    let good = likeliest(&[HOSTILE]).unwrap_or_default();
    let class = if likely[HOSTILE] >= HOSTILE_FROM { HOSTILE } else { good };
    (class, likeliest(&[class]).unwrap_or_default())
}

/// Phishing is made to steal, spam to sell.
fn hostile_kind(points: &Points, leanings: &Leanings) -> Category {
    let [phishing, spam] =
        [Category::Phishing, Category::Spam].map(|kind| points.for_category(kind));
    if phishing > spam || leanings.deceives() { Category::Phishing } else { Category::Spam }
}

fn hundredths(share: f64) -> f64 {
    (share * 100.0).round() / 100.0
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
    fn spam_must_be_likely_and_not_merely_likeliest() {
        let mut likely = [0.0; CLASSES.len()];
        (likely[0], likely[HOSTILE]) = (0.4, 0.6);
        assert_eq!(ranked(&likely), (0, HOSTILE));
        (likely[0], likely[HOSTILE]) = (0.2, 0.8);
        assert_eq!(ranked(&likely), (HOSTILE, 0));
    }

    #[test]
    fn there_always_is_a_reason() {
        let judgement = crate::understand::<&str>(b"Precedence: x\n\n", &[]).judgement;
        assert_eq!(judgement.category, Category::Personal);
        assert!(judgement.confidence > 0.0 && !judgement.reasons.is_empty());
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
