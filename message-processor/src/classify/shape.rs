//! What the text looks like, whatever it says: counted once, in one pass over its start.

use crate::parse::host_of;

/// Bytes of the text that are looked at.
const START_BYTES: usize = 8_000;

/// Hosts that are kept.
const HOSTS: usize = 20;

/// Counts over the start of a text.
#[derive(Debug, Default, Clone)]
pub(super) struct Shape {
    pub(super) letters: usize,
    pub(super) capitals: usize,
    pub(super) exclamations: usize,
    /// Signs of a currency.
    pub(super) money: usize,
    /// Lines that quote another message.
    pub(super) quoted_lines: usize,
    pub(super) lines: usize,
    /// Addresses of the web, written out.
    pub(super) addresses: usize,
    /// Whether a line of two hyphens begins a signature.
    pub(super) signed: bool,
    /// Whether somebody's words are introduced.
    pub(super) attributes: bool,
    pub(super) bytes: usize,
    /// The hosts of those addresses, each once.
    pub(super) hosts: Vec<String>,
}

impl Shape {
    pub(super) fn of(text: &str) -> Self {
        let mut shape = Self { bytes: text.len(), ..Self::default() };
        for line in start(text).lines() {
            shape.add(line);
        }
        shape
    }

    fn add(&mut self, line: &str) {
        self.lines += 1;
        self.quoted_lines += usize::from(line.starts_with('>'));
        self.signed |= line.trim_end() == "--";
        self.attributes |= line.ends_with("wrote:") || line.ends_with("schrieb:");
        let bytes = line.as_bytes();
        for at in memchr::memmem::find_iter(bytes, b"http") {
            self.addresses += 1;
            let host = line.get(at..).and_then(host_of);
            self.hosts
                .extend(host.filter(|host| self.hosts.len() < HOSTS && !self.hosts.contains(host)));
        }
        for c in line.chars() {
            match c {
                '!' => self.exclamations += 1,
                '$' | '€' | '£' => self.money += 1,
                'A'..='Z' => {
                    self.capitals += 1;
                    self.letters += 1;
                }
                c if c.is_alphabetic() => self.letters += 1,
                _ => {}
            }
        }
    }

    /// Whether more than a fourth of the letters are capitals.
    pub(super) fn shouts(&self) -> bool {
        self.letters > 100 && self.capitals * 4 > self.letters
    }
}

/// As much of the text as is looked at, cut between characters.
pub(super) fn start(text: &str) -> &str {
    let mut end = text.len().min(START_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_counted_as_it_looks() {
        let shape = Shape::of("> a\nKim wrote:\nBUY! $5 http://a/x http://b\n-- \nAnn");
        assert_eq!((shape.quoted_lines, shape.lines, shape.addresses), (1, 5, 2));
        assert_eq!((shape.money, shape.exclamations), (1, 1));
        assert_eq!(shape.hosts, ["a", "b"]);
        assert!(shape.signed && shape.attributes && !shape.shouts());
        assert!(Shape::of(&"BUY NOW ".repeat(50)).shouts());
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(start(&"é".repeat(10_000)).len(), START_BYTES);
        assert_eq!(start(&format!("a{}", "é".repeat(10_000))).len(), START_BYTES - 1);
    }
}
