//! Phrases that say what a message is about, in the languages that our mail is written in.
//!
//! All of them are looked for at once, in one pass. A phrase counts where a word starts with its start, so `order`
//! is found in `orders` and not in `border`. They stand in `phrases/`, one a line; what they are worth the rules say.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// What a phrase is a sign of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Undelivered,
    Away,
    Order,
    Code,
    Access,
    Sale,
    Issue,
    Leaving,
    Lure,
    Scam,
    Windfall,
}

/// How many topics there are.
const TOPICS: usize = 11;

/// Each topic's phrases, in lower case, one a line.
const PHRASES: [(Topic, &str); TOPICS] = [
    (Topic::Undelivered, include_str!("phrases/undelivered.txt")),
    (Topic::Away, include_str!("phrases/away.txt")),
    (Topic::Order, include_str!("phrases/order.txt")),
    (Topic::Code, include_str!("phrases/code.txt")),
    (Topic::Access, include_str!("phrases/access.txt")),
    (Topic::Sale, include_str!("phrases/sale.txt")),
    (Topic::Issue, include_str!("phrases/issue.txt")),
    (Topic::Leaving, include_str!("phrases/leaving.txt")),
    (Topic::Lure, include_str!("phrases/lure.txt")),
    (Topic::Scam, include_str!("phrases/scam.txt")),
    (Topic::Windfall, include_str!("phrases/windfall.txt")),
];

/// Characters of the text's start that are looked through, and of its end, where footers stand.
const START_BYTES: usize = 8_000;
const END_BYTES: usize = 2_000;

/// The phrases of a list, without its comments.
fn phrases(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

static LEXICON: LazyLock<Option<Lexicon>> = LazyLock::new(Lexicon::build);

struct Lexicon {
    automaton: AhoCorasick,
    topics: Vec<Topic>,
}

impl Lexicon {
    /// Too many phrases for an automaton would be a fault of the table above, which a test would see.
    fn build() -> Option<Self> {
        let rows = || {
            PHRASES
                .iter()
                .flat_map(|(topic, list)| phrases(list).map(move |phrase| (*topic, phrase)))
        };
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(rows().map(|(_, phrase)| phrase))
            .ok()?;
        Some(Self { automaton, topics: rows().map(|(topic, _)| topic).collect() })
    }
}

/// How many different phrases of each topic a text has.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Mentions([u16; TOPICS]);

impl Mentions {
    /// Looks through the start and the end of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut mentions = Self::default();
        let Some(lexicon) = &*LEXICON else { return mentions };
        let mut seen = vec![false; lexicon.topics.len()];
        let bytes = text.as_bytes();
        let end = bytes.len().saturating_sub(END_BYTES).max(START_BYTES.min(bytes.len()));
        for window in [&bytes[..bytes.len().min(START_BYTES)], &bytes[end..]] {
            for found in lexicon.automaton.find_overlapping_iter(window) {
                let phrase = found.pattern().as_usize();
                if !seen[phrase] && starts_a_word(window, found.start()) {
                    seen[phrase] = true;
                    mentions.0[lexicon.topics[phrase] as usize] += 1;
                }
            }
        }
        mentions
    }

    /// How many phrases of a topic there are.
    pub(super) fn count(&self, topic: Topic) -> u16 {
        self.0[topic as usize]
    }
}

fn starts_a_word(text: &[u8], at: usize) -> bool {
    at == 0 || !text[at - 1].is_ascii_alphanumeric() || !text[at].is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_counts_once_and_from_the_start_of_a_word() {
        let mentions = Mentions::of("YOUR ORDER has shipped. your orders, colour order");
        assert_eq!(mentions.count(Topic::Order), 2);
        assert_eq!(Mentions::of("rebooking").count(Topic::Order), 0);
    }

    #[test]
    fn topics_stand_in_the_order_of_their_numbers() {
        for (at, (topic, list)) in PHRASES.into_iter().enumerate() {
            assert_eq!(topic as usize, at);
            assert!(
                phrases(list).all(|phrase| phrase == phrase.to_lowercase().trim()),
                "{topic:?}"
            );
        }
    }

    #[test]
    fn a_footer_is_seen_however_long_the_text() {
        let long = format!("{} click to unsubscribe", "word ".repeat(100_000));
        assert_eq!(Mentions::of(&long).count(Topic::Leaving), 1);
    }
}
