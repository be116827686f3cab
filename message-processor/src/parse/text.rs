//! The readable text of a message, and the page it was taken from.

use shared::result::Text;

use super::defects::Defects;
use super::html::Page;
use super::limits;
use super::marks;
use super::mime::Part;

/// What there is to read.
#[derive(Debug, Default)]
pub(crate) struct Readable {
    /// The text, bounded, with plain line ends.
    pub(crate) text: String,
    /// The HTML part, if there is one.
    pub(crate) page: Option<Page>,
    /// Whether a limit cut the text.
    cut: bool,
}

impl Readable {
    /// Takes the first plain part that says something, or else the HTML turned into text.
    pub(super) fn of(parts: &[Part<'_>], defects: &mut Defects) -> Self {
        let shown = |kind: &'static str| {
            parts.iter().filter(move |part| part.kind == kind && is_body(part))
        };
        for part in shown("text/html").take(1).chain(shown("text/plain").take(1)) {
            let read = &part.body[..part.body.len().min(limits::TEXT_BYTES)];
            // A text that is cut may be cut within an escape.
            if read.len() == part.body.len() {
                defects.note_encoding(part.encoding.decode(read, |_| {}));
            }
        }
        let page = shown("text/html").next().map(|part| {
            let (html, cut) = part.text(limits::TEXT_BYTES);
            (Page::read(&html), cut)
        });
        let plain = shown("text/plain").map(|part| part.text(limits::TEXT_BYTES));
        let plain = plain.into_iter().find(|(text, _)| !text.trim().is_empty());
        let (text, cut) = match (plain, &page) {
            (Some((text, cut)), _) => (text, cut),
            (None, Some((page, cut))) => (page.text.clone(), *cut),
            (None, None) => other_text(parts),
        };
        if text.contains(char::REPLACEMENT_CHARACTER) {
            defects.note("undecodable_text", "the text has characters that its charset does not");
        }
        Self { text: tidy(&text), page: page.map(|(page, _)| page), cut }
    }

    /// The start of the text, as the result shows it; null when there is nothing to read.
    pub(super) fn preview(&self) -> Option<Text> {
        let end = self.text.char_indices().nth(limits::PREVIEW_CHARS).map(|(at, _)| at);
        let preview = self.text[..end.unwrap_or(self.text.len())].to_owned();
        let truncated = end.is_some() || self.cut;
        let marks = marks::of(&preview);
        (!preview.is_empty()).then_some(Text { preview, language: None, truncated, marks })
    }
}

/// Whether a text part is the message's own words rather than a file.
pub(super) fn is_body(part: &Part<'_>) -> bool {
    matches!(&*part.kind, "text/plain" | "text/html") && !part.set_aside && !part.named
}

/// Enriched and other text that has no better form beside it, and a body whose multipart is broken.
fn other_text(parts: &[Part<'_>]) -> (String, bool) {
    let readable = |part: &&Part<'_>| {
        let own_words =
            matches!(&*part.kind, "text/enriched" | "text/richtext" | "text/x-amp-html");
        own_words || part.kind.starts_with("multipart/")
    };
    parts.iter().find(readable).map(|part| part.text(limits::TEXT_BYTES)).unwrap_or_default()
}

/// Plain line ends, no control characters, at most one empty line in a row.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    for line in text.trim().lines() {
        let line = line.trim_end();
        if line.is_empty() && tidy.ends_with("\n\n") {
            continue;
        }
        tidy.extend(line.chars().filter(|c| !c.is_control() || *c == '\t'));
        tidy.push('\n');
    }
    tidy.truncate(tidy.trim_end().len());
    tidy
}

#[cfg(test)]
mod tests {
    use super::super::fields::Fields;
    use super::super::mime::Tree;
    use super::*;

    fn readable(message: &str) -> Readable {
        let (fields, body) = Fields::read(message.as_bytes());
        Readable::of(&Tree::walk(&fields, body).parts, &mut Defects::default())
    }

    #[test]
    fn an_empty_plain_part_does_not_hide_the_page() {
        let message = "Content-Type: multipart/alternative; boundary=a\n\n--a\n\n \n--a\n\
            Content-Type: text/html\n\n<p>Hello<p>you\n--a--";
        assert_eq!(readable(message).text, "Hello\nyou");
    }

    #[test]
    fn the_preview_has_two_thousand_characters_and_says_when_there_are_more() {
        let long = readable(&format!("A: b\n\n{}", "é".repeat(2_001))).preview().unwrap();
        assert_eq!((long.preview.chars().count(), long.truncated), (2_000, true));
        let whole = readable(&format!("A: b\n\n{}", "é".repeat(2_000))).preview().unwrap();
        assert!(!whole.truncated);
        assert_eq!(readable("A: b\n\n \r\n").preview(), None);
    }

    #[test]
    fn a_text_file_is_not_the_message() {
        let message =
            "Content-Type: text/plain; name=notes.txt\nContent-Disposition: attachment\n\nsecret";
        assert_eq!(readable(message).text, "");
    }
}
