//! From raw bytes to everything that a result says about them.
//!
//! The header is indexed once, the tree of parts is walked once, and each part is decoded at most once. Nothing here
//! judges; the classifier reads what is found here.

mod aggregate;
mod attachments;
mod authentication;
mod bounce;
mod bounce_text;
mod calendar;
mod date;
mod decode;
mod defects;
mod encoded;
pub(crate) mod fields;
mod headers;
mod html;
mod limits;
mod list;
mod mailboxes;
mod marks;
pub(crate) mod mime;
mod parameters;
mod protection;
mod report;
mod text;
mod tnef;
mod unpack;

use std::borrow::Cow;

use shared::result::{
    Attachment, Authentication, Bounce, Calendar, Defect, Headers, ListInfo, Protection, Report,
    Text,
};

pub(crate) use self::fields::Fields;
pub(crate) use self::headers::hides_line;
pub(crate) use self::html::{Page, host_of, registered};
use self::mime::Tree;
use self::text::Readable;

/// What the bytes of a message say: the part of a result that needs no mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Size of the message as received.
    pub size_bytes: u64,
    pub headers: Headers,
    pub text: Option<Text>,
    pub attachments: Vec<Attachment>,
    pub authentication: Authentication,
    pub list: Option<ListInfo>,
    pub defects: Vec<Defect>,
    pub bounce: Option<Bounce>,
    pub report: Option<Report>,
    pub calendar: Option<Calendar>,
    pub protection: Option<Protection>,
}

/// What was read, and what it was read from, for the classifier.
pub(crate) struct Parsed<'x> {
    pub(crate) content: Content,
    pub(crate) fields: Fields<'x>,
    /// `type/subtype` of the message, and the `report-type` it names.
    pub(crate) kind: String,
    pub(crate) report_type: Option<String>,
    /// `type/subtype` of each leaf.
    pub(crate) kinds: Vec<String>,
    pub(crate) text: String,
    pub(crate) page: Option<Page>,
}

/// Why no message can be read from the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Empty,
    NoHeader,
}

impl Unreadable {
    /// The defect that says so.
    pub(crate) fn defect(self) -> Defect {
        let (code, detail) = match self {
            Self::Empty => ("empty", "there are no bytes"),
            Self::NoHeader => ("no_header", "the bytes do not begin with a header"),
        };
        Defect { code: code.to_owned(), detail: detail.to_owned() }
    }
}

/// Bytes that lines can be told in: a message of carriage returns alone gets line feeds.
pub(crate) fn with_line_feeds(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', raw).is_some() || memchr::memchr(b'\r', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(raw.iter().map(|&byte| if byte == b'\r' { b'\n' } else { byte }).collect())
}

/// Reads a message whose lines end in line feeds.
pub(crate) fn parse(raw: &[u8]) -> Result<Parsed<'_>, Unreadable> {
    let start = raw.trim_ascii_start();
    if start.is_empty() {
        return Err(Unreadable::Empty);
    }
    let (fields, body) = Fields::read(start);
    if fields.is_empty() {
        return Err(Unreadable::NoHeader);
    }
    let mut tree = Tree::walk(&fields, body);
    tree.defects.note_header(&fields);
    tree.defects.note_machine_parts(&tree.parts);
    let headers = headers::read(&fields, &mut tree.defects);
    tree.defects.note_words(&headers);
    let readable = Readable::of(&tree.parts, &mut tree.defects);
    let report = report::read(&fields, headers.subject.as_deref(), &mut tree);
    let content = Content {
        size_bytes: raw.len() as u64,
        text: readable.preview(),
        attachments: attachments::list(&tree.parts, &mut tree.defects),
        authentication: authentication::read(&fields),
        list: list::read(&fields),
        bounce: bounce::read(&fields, &headers, &tree, &readable.text),
        report,
        calendar: calendar::read(&tree),
        protection: tree.protection.or_else(|| protection::of_parts(&tree.parts, &readable.text)),
        headers,
        defects: tree.defects.into_list(),
    };
    let kinds = tree.parts.into_iter().map(|part| part.kind).collect();
    let (text, page) = (readable.text, readable.page);
    Ok(Parsed {
        content,
        fields,
        kind: tree.kind,
        report_type: tree.report_type,
        kinds,
        text,
        page,
    })
}
