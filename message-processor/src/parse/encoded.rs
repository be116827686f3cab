//! Encoded words: text beyond ASCII in a header (RFC 2047).
//!
//! Neighbouring words of one charset are put together before they are turned into characters: many senders cut a text
//! between the bytes of one character, which the standard forbids. Words are also read where they touch other text or
//! stand within quotes, as mail programs do.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;

use super::decode::{Encoding, to_text};

/// One encoded word: `=?charset?encoding?text?=`.
pub(super) struct Word<'t> {
    /// Without the language of RFC 2231, section 5.
    charset: &'t str,
    encoding: Encoding,
    text: &'t str,
    /// Bytes of the whole word.
    pub(super) length: usize,
}

impl<'t> Word<'t> {
    /// The word at the start of `rest`, if one is there.
    pub(super) fn read(rest: &'t str) -> Option<Self> {
        let inner = rest.strip_prefix("=?")?;
        let (charset, after) = inner.split_once('?')?;
        let named = !charset.is_empty() && charset.bytes().all(|b| b.is_ascii_graphic());
        let encoding = match after.as_bytes().get(..2)? {
            b"B?" | b"b?" if named => Encoding::Base64,
            b"Q?" | b"q?" if named => Encoding::QuotedPrintable,
            _ => return None,
        };
        // Only as far as the next question mark: a search for `?=` would read the rest once for each `=?`.
        let (text, end) = after.get(2..)?.split_once('?')?;
        let end = end.strip_prefix('=')?;
        let charset = charset.split('*').next().unwrap_or(charset);
        Some(Self { charset, encoding, text, length: rest.len() - end.len() })
    }

    fn bytes(&self) -> Vec<u8> {
        match self.encoding {
            Encoding::QuotedPrintable => {
                self.encoding.decoded(self.text.replace('_', " ").as_bytes())
            }
            Encoding::Base64 | Encoding::Plain => self.encoding.decoded(self.text.as_bytes()),
        }
    }
}

/// The text with its encoded words decoded.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains("=?") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("=?") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        rest = if let Some((decoded, rest)) = run(after) {
            out.push_str(&decoded);
            rest
        } else {
            out.push_str("=?");
            &after[2..]
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The words that follow each other at the start of `rest`, decoded, and what follows them.
fn run(rest: &str) -> Option<(String, &str)> {
    let mut word = Word::read(rest)?;
    let mut rest = &rest[word.length..];
    let (mut out, mut bytes) = (String::new(), word.bytes());
    // Space between two words is none of the text.
    while let Some(next) = Word::read(rest.trim_ascii_start()) {
        if !next.charset.eq_ignore_ascii_case(word.charset) || has_states(word.charset) {
            out.push_str(&text(std::mem::take(&mut bytes), word.charset));
        }
        rest = &rest.trim_ascii_start()[next.length..];
        bytes.extend(next.bytes());
        word = next;
    }
    out.push_str(&text(bytes, word.charset));
    Some((out, rest))
}

/// Whether what a byte means depends on those before it. Each word then begins and ends in the first state.
fn has_states(charset: &str) -> bool {
    let starts = |name: &str| {
        charset.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    starts("iso-2022") || starts("hz") || starts("utf-7")
}

fn text(bytes: Vec<u8>, charset: &str) -> String {
    let known = charset_decoder(charset.as_bytes()).is_some();
    to_text(bytes, known.then_some(charset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded_wherever_they_stand() {
        for (given, expected) in [
            ("plain", "plain"),
            ("=?utf-8?q?caf=C3=A9_au?= =?utf-8?q?_lait?=", "café au lait"),
            ("=?utf-8?B?0LQ=?=. End", "д. End"),
            ("a=?iso-8859-1*en?Q?=E9?=b", "aéb"),
            ("=?iso-8859-2?Q?e=9E?= =?utf-8?Q?=C3=A9?=", "e\u{9e}é"),
            ("=?nonsense?Q?=C3=A9?=", "é"),
            ("=?iso-2022-jp?B?GyRCJDMbKEI=?=\r\n =?iso-2022-jp?B?GyRCJHMbKEI=?=", "こん"),
            ("=?utf-8?Q?a b?=", "a b"),
            ("=?utf-8?X?a?= =? =?=", "=?utf-8?X?a?= =? =?="),
            ("=?utf-8?Q?open", "=?utf-8?Q?open"),
            ("=?utf-8?Q??=x", "x"),
        ] {
            assert_eq!(decoded(given), expected, "{given}");
        }
    }

    #[test]
    fn a_character_that_is_cut_between_two_words_is_put_together() {
        assert_eq!(decoded("=?utf-8?B?0LTQ?= =?UTF-8?B?tdC7?="), "дел");
        assert_eq!(decoded("=?utf-8?Q?=D0?= =?utf-8?Q?=BB?="), "л");
    }
}
