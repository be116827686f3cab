//! A larger collection, where `FANMAIL_CORPUS` names its folder; the shipped mail otherwise.

use std::path::PathBuf;

use message_processor::understand;

use crate::collection::{self, Mail};
use crate::{forwarding, promise};

/// How much of the labelled good mail must get its first label, in percent.
const RIGHT_PERCENT: usize = 75;

/// How much of the good mail may be called spam or phishing, in percent.
const LOST_PERCENT: usize = 2;

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own setting: where the larger collection lies"
)]
fn folder() -> PathBuf {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/mail");
    std::env::var("FANMAIL_CORPUS").unwrap_or_else(|_| shipped.to_owned()).into()
}

/// How the first label fared over a collection.
#[derive(Debug, Default)]
struct Tally {
    tried: usize,
    /// Labelled, and neither spam nor phishing.
    good: usize,
    right: usize,
    /// Good, and taken for spam or phishing.
    lost: usize,
    hostile: usize,
    /// Spam or phishing, and taken for either.
    caught: usize,
}

impl Tally {
    #[expect(clippy::print_stdout, reason = "the mistakes are what one runs this test for")]
    fn add(&mut self, mail: &Mail) {
        self.tried += 1;
        let judgement = understand::<&str>(&mail.raw, &[]).judgement;
        let Some(label) = &mail.label else { return };
        let category = judgement.category.as_str();
        if is_hostile(label) {
            self.hostile += 1;
            self.caught += usize::from(is_hostile(category));
        } else {
            self.good += 1;
            self.right += usize::from(category == label);
            self.lost += usize::from(is_hostile(category));
        }
        if category != label {
            println!(
                "{}: {label}, taken for {category}: {}",
                mail.path,
                judgement.reasons.join("; ")
            );
        }
    }
}

fn is_hostile(label: &str) -> bool {
    matches!(label, "spam" | "phishing")
}

#[test]
#[expect(clippy::print_stdout, reason = "the measured share is what one runs this test for")]
fn three_of_four_good_messages_get_their_label_and_hardly_any_is_lost_to_spam() {
    let mut tally = Tally::default();
    for mail in collection::read(&folder()) {
        tally.add(&mail);
    }
    let percent = 100 * tally.right / tally.good.max(1);
    println!("{tally:?}: {percent} % right");
    assert!(tally.good > 0 && percent >= RIGHT_PERCENT);
    assert!(tally.lost * 100 <= tally.good * LOST_PERCENT);
}

#[test]
fn every_file_has_a_result_that_keeps_the_promise() {
    for path in collection::files(&folder()) {
        let raw = std::fs::read(&path).unwrap();
        let kept = std::panic::catch_unwind(|| {
            promise::is_kept_by(&raw);
            forwarding::is_kept_by(&raw);
        });
        assert!(kept.is_ok(), "{}", path.display());
    }
}
