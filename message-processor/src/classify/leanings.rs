//! What the model leans to beyond what it has learned: proof of the sender, borrowed names, Gmail's own view.
//!
//! Mail that may be learned from and is labelled is mostly older than proofs of the sender, so nothing can be learned of
//! them there; what they are worth is set here, by hand. A leaning is added to what speaks for its class, in hundredths
//! on the scale of the weights: 100 makes a class nearly three times as likely against each other.

mod gmail;
mod sender;

use shared::category::Category;

use super::evidence::Evidence;
use super::model::{CLASSES, PerClass};

/// One leaning towards a class, or away from it.
#[derive(Debug)]
pub(super) struct Leaning {
    class: Category,
    hundredths: i16,
    holds: fn(&Evidence<'_>) -> bool,
    /// What was seen, in words.
    pub(super) reason: &'static str,
}

const fn leaning(
    class: Category,
    hundredths: i16,
    reason: &'static str,
    holds: fn(&Evidence<'_>) -> bool,
) -> Leaning {
    Leaning { class, hundredths, holds, reason }
}

/// The leanings of a message.
pub(super) struct Leanings {
    held: Vec<&'static Leaning>,
}

impl Leanings {
    pub(super) fn of(evidence: &Evidence<'_>) -> Self {
        let all = sender::LEANINGS.iter().chain(gmail::LEANINGS);
        Self { held: all.filter(|leaning| (leaning.holds)(evidence)).collect() }
    }

    /// What is added for each class.
    pub(super) fn for_classes(&self) -> PerClass<f64> {
        CLASSES.map(|class| {
            let towards = self.held.iter().filter(|leaning| leaning.class == class);
            towards.map(|leaning| f64::from(leaning.hundredths) / 100.0).sum()
        })
    }

    /// The reasons that lean towards a class, in the order of the tables.
    pub(super) fn towards(&self, class: Category) -> impl Iterator<Item = &'static str> {
        let held = self.held.iter().filter(move |leaning| leaning.class == class);
        held.filter(|leaning| leaning.hundredths > 0).map(|leaning| leaning.reason)
    }

    /// Whether somebody's name is borrowed, which tells phishing from spam.
    pub(super) fn deceives(&self) -> bool {
        self.held.iter().any(|leaning| sender::DECEIT.contains(&leaning.reason))
    }
}
