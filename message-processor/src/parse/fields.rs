//! A header, cut into its fields once.
//!
//! Everything else asks this index; nothing scans the header again. The index borrows from the message and decodes
//! nothing: most fields are never asked for.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;
use memchr::memchr;

use super::limits;

/// One field: its name as written, and its value as it stands, folds and line end included.
struct Field<'x> {
    name: &'x [u8],
    value: &'x [u8],
}

/// The fields of one header, in the order they came.
#[derive(Default)]
pub(crate) struct Fields<'x> {
    list: Vec<Field<'x>>,
    /// Lines that are no field.
    pub(crate) malformed: usize,
    /// Whether a limit left fields out.
    pub(crate) cut: bool,
}

impl<'x> Fields<'x> {
    /// Reads the header at the start of `block`; what follows it is the body.
    pub(crate) fn read(block: &'x [u8]) -> (Self, &'x [u8]) {
        let mut index = Self::default();
        let mut at = 0;
        while at < block.len() {
            let start = at;
            at = line_end(block, at);
            let line = &block[start..at];
            if is_blank(line) {
                break;
            }
            // A boundary within a header: the sender forgot the empty line.
            if line.starts_with(b"--") {
                at = start;
                break;
            }
            while at < block.len() && matches!(block[at], b' ' | b'\t') {
                at = line_end(block, at);
            }
            index.add(&block[start..at], start);
        }
        (index, &block[at..])
    }

    fn add(&mut self, field: &'x [u8], start: usize) {
        self.cut |= field.len() > limits::FIELD_BYTES;
        if self.list.len() >= limits::FIELDS || start > limits::HEADER_BYTES {
            self.cut = true;
            return;
        }
        match memchr(b':', field) {
            Some(colon) if is_name(field[..colon].trim_ascii_end()) => {
                self.list.push(Field {
                    name: field[..colon].trim_ascii_end(),
                    value: &field[colon + 1..],
                });
            }
            _ => self.malformed += 1,
        }
    }

    /// Whether there is no field at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether a field of this name is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'x [u8]> {
        self.list.iter().map(|field| field.name)
    }

    /// The values of all fields of this name, topmost first.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'x [u8]> {
        let same = move |field: &&Field<'x>| field.name.eq_ignore_ascii_case(name.as_bytes());
        self.list
            .iter()
            .filter(same)
            .map(|field| &field.value[..field.value.len().min(limits::FIELD_BYTES)])
    }

    /// The value of the topmost field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&'x [u8]> {
        self.all(name).next()
    }

    /// The topmost value as plain text: nothing decoded but bytes, nothing at its ends.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'x, str>> {
        self.get(name).map(|value| as_text(value.trim_ascii()))
    }
}

/// Bytes as text: UTF-8 where it is, otherwise the western code page that raw 8-bit headers are mostly written in.
pub(super) fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    match (std::str::from_utf8(bytes), charset_decoder(b"windows-1252")) {
        (Ok(text), _) => Cow::Borrowed(text),
        (Err(_), Some(decode)) => Cow::Owned(decode(bytes)),
        (Err(_), None) => String::from_utf8_lossy(bytes),
    }
}

/// Where the line that starts at `from` ends, its line feed included.
fn line_end(block: &[u8], from: usize) -> usize {
    memchr(b'\n', &block[from..]).map_or(block.len(), |length| from + length + 1)
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n" | b"\r")
}

fn is_name(name: &[u8]) -> bool {
    // 128: the longest registered name has 40.
    (1..=128).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_field_is_one_field() {
        let (fields, body) = Fields::read(b"Subject: one\r\n two\r\nX-A : b\r\n\r\nBody");
        assert_eq!(fields.text("subject").as_deref(), Some("one\r\n two"));
        assert_eq!(fields.text("X-a").as_deref(), Some("b"));
        assert_eq!(body, b"Body");
    }

    #[test]
    fn lines_that_are_no_field_are_counted_and_passed_over() {
        let (fields, body) = Fields::read(b"From me Mon\nSubject: x\nnonsense\nTo: y\n--b\nrest");
        assert_eq!((fields.malformed, fields.has("To")), (2, true));
        assert_eq!(body, b"--b\nrest");
    }

    #[test]
    fn a_header_of_a_million_fields_costs_a_thousand() {
        let header = b"A: b\n".repeat(1_000_000);
        let (fields, body) = Fields::read(&header);
        assert_eq!((fields.names().count(), fields.cut, body.len()), (limits::FIELDS, true, 0));
    }

    #[test]
    fn a_field_of_any_length_is_read_to_its_limit() {
        let header = [b"Subject: ".to_vec(), vec![b'x'; 1_000_000]].concat();
        let (fields, _) = Fields::read(&header);
        assert_eq!(
            (fields.get("Subject").map(<[u8]>::len), fields.cut),
            (Some(limits::FIELD_BYTES), true)
        );
    }

    #[test]
    fn raw_bytes_of_a_western_header_are_read() {
        let (fields, _) = Fields::read(b"Subject: caf\xe9\n");
        assert_eq!(fields.text("Subject").as_deref(), Some("café"));
    }
}
