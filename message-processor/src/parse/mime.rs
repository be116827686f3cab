//! The tree of a message's parts, walked once, within limits.
//!
//! The walk is ours rather than `mail_parser`'s, which decodes every part and recurses into attached messages without
//! a bound: a stranger's nesting would end in a stack overflow, and that no `catch_unwind` stops. What a part *is* –
//! its type, its parameters in all their encodings – `mail_parser` says. An attached message is a leaf: it is somebody
//! else's mail.

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, HeaderValue};
use memchr::memmem;

use super::attachments::filename;
use super::decode::{Encoding, to_text};
use super::defects::Defects;
use super::fields::Fields;
use super::headers::words;
use super::limits;

/// A leaf of the tree. What its header says is kept only as far as it is asked for: a message has hundreds of parts,
/// and all that `mail_parser` makes of their parameters would be many times the message.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the part's own header")]
pub(crate) struct Part<'x> {
    /// `type/subtype`, in lower case.
    pub(crate) kind: String,
    pub(super) charset: Option<String>,
    /// The `method` of an invitation.
    pub(super) method: Option<String>,
    /// Whether the sender names a file, and the name as far as it is one.
    pub(super) named: bool,
    pub(super) filename: Option<String>,
    /// Whether the sender asks for it to be shown beside the text, or in it.
    pub(super) set_aside: bool,
    pub(super) inline: bool,
    pub(super) encoding: Encoding,
    pub(super) body: &'x [u8],
    /// Whether other parts refer to it by its `Content-ID`.
    pub(super) has_id: bool,
}

impl<'x> Part<'x> {
    fn new(
        kind: String,
        own: Option<&ContentType<'_>>,
        fields: &Fields<'_>,
        body: &'x [u8],
        defects: &mut Defects,
    ) -> Self {
        let disposition = content_type(fields, "Content-Disposition", defects);
        let disposition = disposition.as_ref();
        let parameter = |name| own.and_then(|own| own.attribute(name));
        let name = disposition.and_then(|disposition| disposition.attribute("filename"));
        let name = name.or_else(|| parameter("name"));
        Self {
            kind,
            charset: parameter("charset").and_then(|name| words(name, limits::CHARSET_CHARS)),
            method: parameter("method").and_then(|name| words(name, limits::WORDS_CHARS)),
            named: name.is_some(),
            filename: name.and_then(filename),
            set_aside: disposition.is_some_and(ContentType::is_attachment),
            inline: disposition.is_some_and(ContentType::is_inline),
            encoding: fields
                .get("Content-Transfer-Encoding")
                .map_or(Encoding::Plain, Encoding::named),
            body,
            has_id: fields.has("Content-ID"),
        }
    }

    /// The text of the first `limit` encoded bytes, and whether there are more.
    pub(super) fn text(&self, limit: usize) -> (String, bool) {
        let read = &self.body[..self.body.len().min(limit)];
        (
            to_text(self.encoding.decoded(read), self.charset.as_deref()),
            read.len() < self.body.len(),
        )
    }
}

/// All leaves, in their order, and what was wrong on the way.
#[derive(Default)]
pub(crate) struct Tree<'x> {
    pub(crate) parts: Vec<Part<'x>>,
    /// `type/subtype` of the message itself.
    pub(crate) kind: String,
    /// The `report-type` of a multipart/report, in lower case.
    pub(crate) report_type: Option<String>,
    pub(super) defects: Defects,
    seen: usize,
}

impl<'x> Tree<'x> {
    /// Walks the message whose header is `fields`.
    pub(super) fn walk(fields: &Fields<'x>, body: &'x [u8]) -> Self {
        let mut tree = Self::default();
        tree.visit(fields, body, 0, "text/plain");
        tree
    }

    fn visit(&mut self, fields: &Fields<'x>, body: &'x [u8], depth: usize, default: &str) {
        self.seen += 1;
        let content_type = content_type(fields, "Content-Type", &mut self.defects);
        let kind = content_type.as_ref().map_or_else(|| default.to_owned(), kind_of);
        if depth == 0 {
            self.kind.clone_from(&kind);
            let report = content_type.as_ref().and_then(|kind| kind.attribute("report-type"));
            self.report_type = report.map(str::to_ascii_lowercase);
        }
        if kind.starts_with("multipart/") && self.divide(content_type.as_ref(), &kind, body, depth)
        {
            return;
        }
        let part = Part::new(kind, content_type.as_ref(), fields, body, &mut self.defects);
        self.parts.push(part);
    }

    /// Visits the sections of a multipart. False when it has none, and is to be shown as it stands.
    fn divide(
        &mut self,
        own: Option<&ContentType<'_>>,
        kind: &str,
        body: &'x [u8],
        depth: usize,
    ) -> bool {
        let Some(boundary) =
            own.and_then(|own| own.attribute("boundary")).filter(|boundary| !boundary.is_empty())
        else {
            self.defects.note("boundary_missing", "a multipart names no boundary");
            return false;
        };
        if depth >= limits::DEPTH {
            self.defects
                .note("too_deep", format!("parts below {} levels are not read", limits::DEPTH));
            return false;
        }
        let default = if kind == "multipart/digest" { "message/rfc822" } else { "text/plain" };
        let mut sections = Sections::new(body, boundary);
        let before = self.seen;
        for section in &mut sections {
            if self.seen >= limits::PARTS {
                self.defects.note(
                    "too_many_parts",
                    format!("parts after the first {} are not read", limits::PARTS),
                );
                return true;
            }
            let (fields, body) = Fields::read(section);
            self.visit(&fields, body, depth + 1, default);
        }
        if sections.unclosed {
            self.defects.note("boundary_unclosed", "a multipart has no end");
        }
        if self.seen == before {
            self.defects.note("boundary_unused", "a multipart has no parts");
        }
        self.seen > before
    }
}

/// The sections between the delimiter lines of a multipart.
struct Sections<'x, 'b> {
    /// What follows the delimiter last seen; none after the closing one.
    rest: Option<&'x [u8]>,
    finder: memmem::Finder<'b>,
    unclosed: bool,
}

impl<'x> Sections<'x, '_> {
    fn new(body: &'x [u8], boundary: &str) -> Self {
        let finder = memmem::Finder::new(&format!("--{boundary}")).into_owned();
        let mut sections = Self { rest: None, finder, unclosed: false };
        sections.rest = sections.delimiter(body).and_then(|found| found.rest);
        sections
    }

    /// The next delimiter line: where the section before it ends, and what follows.
    fn delimiter(&self, block: &'x [u8]) -> Option<Delimiter<'x>> {
        for at in self.finder.find_iter(block) {
            // Asked before the line is looked at: otherwise whoever repeats a delimiter within one endless line would
            // have the rest of the message read for each.
            if at > 0 && block[at - 1] != b'\n' {
                continue;
            }
            let after = &block[at + self.finder.needle().len()..];
            let line = &after[..memchr::memchr(b'\n', after).map_or(after.len(), |end| end + 1)];
            let closes = line.starts_with(b"--");
            // A longer boundary that starts like this one is another multipart's.
            if closes || line.trim_ascii().is_empty() {
                let end = at.saturating_sub(if block[..at].ends_with(b"\r\n") { 2 } else { 1 });
                return Some(Delimiter { end, rest: (!closes).then(|| &after[line.len()..]) });
            }
        }
        None
    }
}

struct Delimiter<'x> {
    end: usize,
    rest: Option<&'x [u8]>,
}

impl<'x> Iterator for &mut Sections<'x, '_> {
    type Item = &'x [u8];

    fn next(&mut self) -> Option<&'x [u8]> {
        let block = self.rest.take()?;
        let Some(found) = self.delimiter(block) else {
            self.unclosed = true;
            return (!block.trim_ascii().is_empty()).then_some(block);
        };
        self.rest = found.rest;
        Some(&block[..found.end])
    }
}

/// A field of the shape `value; name=value`.
fn content_type<'x>(
    fields: &Fields<'x>,
    name: &str,
    defects: &mut Defects,
) -> Option<ContentType<'x>> {
    let value = fields.get(name)?;
    if value.len() > limits::PARAMETER_BYTES {
        defects.note("parameters_too_long", "a part's type or disposition is longer than is read");
    }
    parameters(value)
}

fn parameters(value: &[u8]) -> Option<ContentType<'_>> {
    let read = &value[..value.len().min(limits::PARAMETER_BYTES)];
    let parsed = if read.ends_with(b"\n") {
        MessageStream::new(read).parse_content_type()
    } else {
        // Without a line end `mail_parser` takes the field for one that has not begun.
        MessageStream::new(&[read, b"\n"].concat()).parse_content_type().into_owned()
    };
    if let HeaderValue::ContentType(kind) = parsed { Some(kind) } else { None }
}

/// The charset that a header names for its body.
pub(super) fn charset(fields: &Fields<'_>) -> Option<String> {
    let kind = parameters(fields.get("Content-Type")?)?;
    kind.attribute("charset").and_then(|name| words(name, limits::CHARSET_CHARS))
}

/// `type/subtype` in lower case. A type without its second half is not to be guessed from, nor one that is too long or
/// steers a terminal.
fn kind_of(content_type: &ContentType<'_>) -> String {
    let kind = content_type.ctype().to_ascii_lowercase();
    let half: Cow<'_, str> = match content_type.subtype() {
        Some(half) => half.to_ascii_lowercase().into(),
        None if kind == "text" => "plain".into(),
        None if kind == "multipart" => "mixed".into(),
        None => return UNKNOWN.to_owned(),
    };
    let whole = format!("{kind}/{half}");
    let fits = whole.chars().count() <= limits::TYPE_CHARS && !whole.contains(char::is_control);
    if fits { whole } else { UNKNOWN.to_owned() }
}

/// Bytes of which nothing is known.
const UNKNOWN: &str = "application/octet-stream";

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(message: &[u8]) -> (Vec<String>, Vec<String>) {
        let (fields, body) = Fields::read(message);
        let tree = Tree::walk(&fields, body);
        let defects = tree.defects.into_list().into_iter().map(|defect| defect.code).collect();
        (tree.parts.into_iter().map(|part| part.kind).collect(), defects)
    }

    #[test]
    fn leaves_come_in_their_order() {
        let message = b"Content-Type: multipart/mixed; boundary=a\n\npreamble\n--a\n\
            Content-Type: multipart/alternative; boundary=ab\n\n--ab\n\nplain\n--ab\nContent-Type: text/html\n\nhtml\n\
            --ab--\n--a\nContent-Type: message/rfc822\n\nSubject: x\n\n--a--\nepilogue";
        assert_eq!(kinds(message).0, ["text/plain", "text/html", "message/rfc822"]);
        assert!(kinds(message).1.is_empty());
    }

    #[test]
    fn a_broken_multipart_is_shown_as_far_as_it_goes() {
        let unclosed =
            b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: image/png\n\nx";
        assert_eq!(
            kinds(unclosed),
            (vec!["image/png".to_owned()], vec!["boundary_unclosed".to_owned()])
        );
        let (parts, defects) = kinds(b"Content-Type: multipart/mixed; boundary=a\n\ntext");
        assert_eq!((parts.len(), &*defects[0]), (1, "boundary_unused"));
    }

    #[test]
    fn a_delimiter_that_fills_a_line_does_not_have_it_read_over_and_over() {
        let mut message = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\n".to_vec();
        // Read once for each, these would be some 10^13 bytes.
        message.extend_from_slice(&b"x--a".repeat(2_000_000));
        assert_eq!(kinds(&message).1, ["boundary_unclosed"]);
    }

    #[test]
    fn neither_depth_nor_number_of_parts_is_the_senders_choice() {
        let mut deep = Vec::new();
        for level in 0..10_000 {
            let line = format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n");
            deep.extend_from_slice(line.as_bytes());
        }
        assert!(kinds(&deep).1.contains(&"too_deep".to_owned()));
        let mut wide = b"Content-Type: multipart/mixed; boundary=a\n\n".to_vec();
        wide.extend_from_slice(&b"--a\n\nx\n".repeat(100_000));
        let (parts, defects) = kinds(&wide);
        assert_eq!((parts.len(), &*defects[0]), (limits::PARTS - 1, "too_many_parts"));
    }
}
