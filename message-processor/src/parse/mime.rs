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

use super::decode::{Encoding, to_text};
use super::defects::Defects;
use super::fields::Fields;
use super::limits;

/// A leaf of the tree.
pub(crate) struct Part<'x> {
    /// `type/subtype`, in lower case.
    pub(crate) kind: String,
    pub(super) content_type: Option<ContentType<'x>>,
    pub(super) disposition: Option<ContentType<'x>>,
    pub(super) encoding: Encoding,
    pub(super) body: &'x [u8],
    /// Whether other parts refer to it by its `Content-ID`.
    pub(super) has_id: bool,
}

impl Part<'_> {
    /// The sender's name for the file.
    pub(super) fn filename(&self) -> Option<&str> {
        let named =
            self.disposition.as_ref().and_then(|disposition| disposition.attribute("filename"));
        named.or_else(|| self.content_type.as_ref().and_then(|kind| kind.attribute("name")))
    }

    /// Whether the sender asks for it to be shown beside the text.
    pub(super) fn is_set_aside(&self) -> bool {
        self.disposition.as_ref().is_some_and(ContentType::is_attachment)
    }

    /// A parameter of the content type.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.content_type.as_ref().and_then(|kind| kind.attribute(name))
    }

    /// The text of the first `limit` encoded bytes, and whether there are more.
    pub(super) fn text(&self, limit: usize) -> (String, bool) {
        let read = &self.body[..self.body.len().min(limit)];
        (
            to_text(self.encoding.decoded(read), self.parameter("charset")),
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
        let content_type = content_type(fields, "Content-Type");
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
        let encoding =
            fields.get("Content-Transfer-Encoding").map_or(Encoding::Plain, Encoding::named);
        let disposition = self::content_type(fields, "Content-Disposition");
        let has_id = fields.has("Content-ID");
        self.parts.push(Part { kind, content_type, disposition, encoding, body, has_id });
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
            let after = &block[at + self.finder.needle().len()..];
            let line = &after[..memchr::memchr(b'\n', after).map_or(after.len(), |end| end + 1)];
            let starts_a_line = at == 0 || block[at - 1] == b'\n';
            let closes = line.starts_with(b"--");
            // A longer boundary that starts like this one is another multipart's.
            if starts_a_line && (closes || line.trim_ascii().is_empty()) {
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
fn content_type<'x>(fields: &Fields<'x>, name: &str) -> Option<ContentType<'x>> {
    let parsed = MessageStream::new(fields.get(name)?).parse_content_type();
    if let HeaderValue::ContentType(kind) = parsed { Some(kind) } else { None }
}

/// The charset that a header names for its body.
pub(super) fn charset(fields: &Fields<'_>) -> Option<String> {
    content_type(fields, "Content-Type")?.attribute("charset").map(str::to_owned)
}

/// `type/subtype` in lower case. A type without its second half is not to be guessed from.
fn kind_of(content_type: &ContentType<'_>) -> String {
    let kind = content_type.ctype().to_ascii_lowercase();
    let half: Cow<'_, str> = match content_type.subtype() {
        Some(half) => half.to_ascii_lowercase().into(),
        None if kind == "text" => "plain".into(),
        None if kind == "multipart" => "mixed".into(),
        None => return "application/octet-stream".to_owned(),
    };
    format!("{kind}/{half}")
}

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
