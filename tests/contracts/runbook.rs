//! `docs/runbook.md`: what a person on call looks up is there, word for word. The alarms are held against the template by
//! `infra/checks`.

use std::collections::BTreeMap;

use shared::reason::{PauseReason, Reason};
use tests::runbook::{Section, sections};

/// The sections of one part, by the word in their heading.
fn told(part: &str) -> BTreeMap<String, String> {
    let of_part = sections().into_iter().filter(|section| section.part == part);
    let word = |section: Section| {
        let word = section.heading.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        let word = word.unwrap_or_else(|| panic!("{} is no word in backticks", section.heading));
        (word.to_owned(), section.body)
    };
    of_part.map(word).collect()
}

/// Each of these has its section, with all of `parts` in it, and no other thing has one.
fn holds<T: ToString>(part: &str, all: &[T], parts: &[&str]) {
    let told = told(part);
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    for word in &words {
        let body = told.get(word).unwrap_or_else(|| panic!("{part}: `{word}` has no section"));
        for part in parts {
            assert!(body.contains(part), "`{word}` does not say: {part}");
        }
        assert!(body.contains("`fanmail "), "`{word}` names no command");
    }
    let nothing: Vec<&String> = told.keys().filter(|word| !words.contains(word)).collect();
    assert!(nothing.is_empty(), "{part}: there is no {nothing:?}");
}

#[test]
fn every_reason_of_a_dead_letter_says_what_mends_it_and_whether_it_goes_round_by_itself() {
    holds("Reasons of dead letters", Reason::ALL, &["**Mends it:**", "**By itself:**"]);
}

#[test]
fn every_reason_of_a_pause_says_what_ends_it() {
    holds("Reasons of a pause", PauseReason::ALL, &["**Ends with:**"]);
}
