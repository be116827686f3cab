//! The words of a message, as the model knows them.
//!
//! In lower case, letters alone. What is an address or a host is no word, nor what has a digit in it: it would tell who
//! sent or who collected a message, and when, not what it is.

use std::borrow::Cow;

use super::shape::start;

/// Bytes of the text's end that are read too: footers stand there.
const END_BYTES: usize = 1_500;

/// Bytes of a word; what is shorter says little, what is longer is rare.
const SHORTEST: usize = 3;
const LONGEST: usize = 18;

/// Gives every word of a text's start and end, as often as it is there.
pub(super) fn each(text: &str, mut take: impl FnMut(&str)) {
    let head = start(text);
    let mut from = text.len().saturating_sub(END_BYTES).max(head.len());
    while !text.is_char_boundary(from) {
        from += 1;
    }
    for chunk in head.split_whitespace().chain(text[from..].split_whitespace()) {
        if !is_address(chunk) {
            words_of(chunk, &mut take);
        }
    }
}

fn words_of(chunk: &str, take: &mut impl FnMut(&str)) {
    for word in chunk.split(|c: char| !c.is_alphanumeric() && c != '\'') {
        let word = word.trim_matches('\'');
        if (SHORTEST..=LONGEST).contains(&word.len()) && !word.bytes().any(|b| b.is_ascii_digit()) {
            take(&lower(word));
        }
    }
}

fn lower(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|b| b.is_ascii_lowercase()) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(word.to_lowercase())
    }
}

/// Whether this is an address, a host or a path rather than words.
fn is_address(chunk: &str) -> bool {
    let inner = chunk.trim_matches(|c: char| !c.is_alphanumeric());
    let has = |marks: &[u8]| inner.bytes().any(|byte| marks.contains(&byte));
    // A full stop between letters belongs to a host, or its writer forgot the space; both are passed over.
    has(b"@/_=\\<>")
        || inner.split_once('.').is_some_and(|(_, rest)| {
            rest.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        each(text, |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn words_are_letters_and_no_addresses() {
        let text = "Don't FORGET, Straße! kim@example.com http://a.example/free www.free.example \
                    host.example.org x2y 2002 end.Next";
        assert_eq!(all(text), ["don't", "forget", "straße", "end", "next"]);
    }

    #[test]
    fn the_end_of_a_long_text_is_read_too_and_once() {
        let text = format!("first {} last", "x ".repeat(20_000));
        assert_eq!(all(&text), ["first", "last"]);
        assert_eq!(all("once"), ["once"]);
    }
}
