//! The tree of a message's parts, walked once, within limits.
//!
//! The walk is ours rather than `mail_parser`'s, which decodes every part and recurses into attached messages without
//! a bound: a stranger's nesting would end in a stack overflow, and that no `catch_unwind` stops. An attached message is
//! a leaf: it is somebody else's mail.

use std::borrow::Cow;

use memchr::memmem;
use shared::result::Protection;

use super::attachments::filename;
use super::decode::{Encoding, to_text};
use super::defects::Defects;
use super::fields::Fields;
use super::headers::words;
use super::limits;
use super::parameters::Parameters;
use super::protection;

/// A leaf of the tree. What its header says is kept only as far as it is asked for: a message has hundreds of parts.
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
        own: Option<&Parameters>,
        fields: &Fields<'_>,
        body: &'x [u8],
        defects: &mut Defects,
    ) -> Self {
        let disposition = parameters(fields, "Content-Disposition", defects);
        let parameter = |name| own.and_then(|own| own.get(name));
        let name = disposition.as_ref().and_then(|disposition| disposition.get("filename"));
        let name = name.or_else(|| parameter("name"));
        let charset = parameter("charset").and_then(|name| words(&name, limits::CHARSET_CHARS));
        if let Some(name) = charset.as_deref().filter(|_| kind.starts_with("text/")) {
            defects.note_charset(name);
        }
        let encoding = fields.get("Content-Transfer-Encoding");
        if encoding.is_some_and(|name| !Encoding::is_known(name)) {
            defects.note("unknown_encoding", "a part is in an encoding that is not known");
        }
        let is = |value| disposition.as_ref().is_some_and(|disposition| disposition.value == value);
        Self {
            kind,
            charset,
            method: parameter("method").and_then(|name| words(&name, limits::WORDS_CHARS)),
            named: name.is_some(),
            filename: name.as_deref().and_then(filename),
            set_aside: is("attachment"),
            inline: is("inline"),
            encoding: encoding.map_or(Encoding::Plain, Encoding::named),
            body,
            has_id: fields.has("Content-ID"),
        }
    }

    /// The text of the first `limit` encoded bytes, and whether there are more.
    pub(super) fn text(&self, limit: usize) -> (String, bool) {
        let start = self.start(limit).into_owned();
        (to_text(start, self.charset.as_deref()), self.body.len() > limit)
    }

    /// The first `limit` encoded bytes, decoded.
    pub(super) fn start(&self, limit: usize) -> Cow<'x, [u8]> {
        self.decoded(&self.body[..self.body.len().min(limit)])
    }

    /// All of it, decoded.
    pub(super) fn whole(&self) -> Cow<'x, [u8]> {
        self.decoded(self.body)
    }

    fn decoded(&self, bytes: &'x [u8]) -> Cow<'x, [u8]> {
        match self.encoding {
            Encoding::Plain => Cow::Borrowed(bytes),
            Encoding::Base64 | Encoding::QuotedPrintable => {
                Cow::Owned(self.encoding.decoded(bytes))
            }
        }
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
    /// How the message, or the outermost part that is so, is signed or encrypted.
    pub(super) protection: Option<Protection>,
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
        let own = parameters(fields, "Content-Type", &mut self.defects);
        let own = own.filter(|own| !own.value.is_empty());
        let kind = own.as_ref().map_or_else(|| default.to_owned(), |own| kind_of(&own.value));
        if own.as_ref().is_some_and(|own| own.value != kind) {
            self.defects.note("bad_type", "a part's type is not of the form type/subtype");
        }
        if depth == 0 {
            self.kind.clone_from(&kind);
            let report = own.as_ref().and_then(|own| own.get("report-type"));
            self.report_type = report.map(|report| report.to_ascii_lowercase());
        }
        let protocol = || own.as_ref().and_then(|own| own.get("protocol"));
        self.protection = self.protection.or_else(|| protection::of_multipart(&kind, protocol));
        if kind.starts_with("multipart/") && self.divide(own.as_ref(), &kind, body, depth) {
            return;
        }
        let part = Part::new(kind, own.as_ref(), fields, body, &mut self.defects);
        self.parts.push(part);
    }

    /// Visits the sections of a multipart. False when it has none, and is to be shown as it stands.
    fn divide(
        &mut self,
        own: Option<&Parameters>,
        kind: &str,
        body: &'x [u8],
        depth: usize,
    ) -> bool {
        let Some(boundary) =
            own.and_then(|own| own.get("boundary")).filter(|boundary| !boundary.is_empty())
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
        let mut sections = Sections::new(body, &boundary);
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

/// A field of the shape `value; name=value`, as far as it is read.
fn parameters(fields: &Fields<'_>, name: &str, defects: &mut Defects) -> Option<Parameters> {
    let value = fields.get(name)?;
    if value.len() > limits::PARAMETER_BYTES {
        defects.note("parameters_too_long", "a part's type or disposition is longer than is read");
    }
    Some(Parameters::read(&value[..value.len().min(limits::PARAMETER_BYTES)]))
}

/// The charset that a header names for its body.
pub(super) fn charset(fields: &Fields<'_>) -> Option<String> {
    let value = fields.get("Content-Type")?;
    let own = Parameters::read(&value[..value.len().min(limits::PARAMETER_BYTES)]);
    own.get("charset").and_then(|name| words(&name, limits::CHARSET_CHARS))
}

/// The whole type by what a part says of it, in lower case. A type without its second half is not to be guessed from,
/// nor one that is too long or steers a terminal.
fn kind_of(value: &str) -> String {
    let whole = match value.split_once('/') {
        Some((kind, half)) if !kind.is_empty() && !half.is_empty() => value,
        None if value == "text" => "text/plain",
        None if value == "multipart" => "multipart/mixed",
        _ => UNKNOWN,
    };
    let fits = whole.chars().count() <= limits::TYPE_CHARS && !whole.contains(char::is_control);
    if fits { whole.to_owned() } else { UNKNOWN.to_owned() }
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
