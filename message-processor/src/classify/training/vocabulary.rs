//! Which features are learned, and where each stands.

use std::collections::{BTreeMap, BTreeSet};

use super::Example;
use crate::classify::features::{IN_SUBJECT, IN_TEXT, RULES, rule_names};
use crate::classify::signs;

/// What holds for every message.
pub(super) const BIAS: &str = "bias";

/// Messages that must have a word.
const MESSAGES: usize = 3;

/// Sources that must have a word: one that a single source has may be its collector's trace.
const SOURCES: usize = 2;

/// What a word counts beside a sign. There are many of them, and each is to say little.
const WORD: f64 = 0.4;

/// Words that hold sentences together. They tell the language, and how much is written in it.
const GLUE: [&str; 44] = [
    "the", "and", "for", "that", "with", "this", "you", "are", "was", "not", "but", "have", "has",
    "had", "from", "they", "them", "their", "its", "it's", "can", "will", "would", "there",
    "which", "what", "when", "who", "how", "all", "any", "than", "then", "into", "about", "been",
    "were", "der", "die", "das", "und", "les", "des", "que",
];

/// Names of times, which tell when mail was collected.
const TIMES: [&str; 38] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
];

/// The names of the features, sorted.
pub(super) struct Vocabulary {
    pub(super) names: Vec<String>,
}

impl Vocabulary {
    pub(super) fn of(examples: &[&Example]) -> Self {
        let mut words: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
        for example in examples {
            for name in example.names.iter().filter(|name| is_word(name)) {
                let (messages, sources) = words.entry(name).or_default();
                *messages += 1;
                sources.insert(source_of(&example.collection));
            }
        }
        let learned = |(name, (messages, sources)): (&str, (usize, BTreeSet<&str>))| {
            let enough = messages >= MESSAGES && sources.len() >= SOURCES;
            (enough && !is_told(name)).then(|| name.to_owned())
        };
        let mut names: Vec<_> = words.into_iter().filter_map(learned).collect();
        names.extend(signs::all().map(|sign| sign.name.to_owned()));
        names.extend(rule_names());
        names.push(BIAS.to_owned());
        names.sort_unstable();
        Self { names }
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }
}

/// The value of a feature that is there. The rules' points have one of their own.
pub(super) fn value(name: &str) -> f64 {
    if is_word(name) { WORD } else { 1.0 }
}

fn is_word(name: &str) -> bool {
    name.starts_with(IN_TEXT) || name.starts_with(IN_SUBJECT)
}

/// Whether a word tells something else than what the message is.
fn is_told(name: &str) -> bool {
    let word = name.rsplit(':').next().unwrap_or(name);
    TIMES.contains(&word) || GLUE.contains(&word)
}

/// What a collection was made from: those whose names begin alike are parts of one.
pub(super) fn source_of(collection: &str) -> &str {
    let start = collection.split('-').next().unwrap_or(collection);
    debug_assert!(!start.starts_with(RULES));
    start
}
