//! What the rules ask about a message, worked out once.

use std::borrow::Cow;

use super::lexicon::{Mentions, Topic};
use super::shape::Shape;
use crate::parse::{Page, Parsed};

/// A message, as the rules see it.
pub(super) struct Evidence<'e> {
    parsed: &'e Parsed<'e>,
    labels: Vec<&'e str>,
    /// The readable text, and the page's too where it says more.
    text: Cow<'e, str>,
    /// The author's address in two halves and the name, in lower case.
    pub(super) local: String,
    pub(super) domain: String,
    pub(super) name: String,
    pub(super) subject: String,
    subject_mentions: Mentions,
    text_mentions: Mentions,
    pub(super) shape: Shape,
}

impl<'e> Evidence<'e> {
    pub(super) fn of(parsed: &'e Parsed<'e>, labels: Vec<&'e str>) -> Self {
        let headers = &parsed.content.headers;
        let from = headers.from.clone().unwrap_or_default();
        let address = from.address.unwrap_or_default().to_ascii_lowercase();
        let (local, domain) = address.rsplit_once('@').unwrap_or((&address, ""));
        let text = all_text(parsed);
        let subject = headers.subject.as_deref().unwrap_or_default().to_lowercase();
        Self {
            parsed,
            labels,
            local: local.to_owned(),
            domain: domain.to_owned(),
            name: from.name.unwrap_or_default().to_lowercase(),
            subject_mentions: Mentions::of(&subject),
            text_mentions: Mentions::of(&text),
            shape: Shape::of(&text),
            text,
            subject,
        }
    }

    pub(super) fn content(&self) -> &crate::Content {
        &self.parsed.content
    }

    /// Whether Gmail has put this label on the message.
    pub(super) fn labelled(&self, label: &str) -> bool {
        self.labels.contains(&label)
    }

    /// Whether the header has this field.
    pub(super) fn has(&self, field: &str) -> bool {
        self.parsed.fields.has(field)
    }

    /// Whether a field's name starts so.
    pub(super) fn has_field_like(&self, start: &str) -> bool {
        let like = |name: &[u8]| {
            name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
        };
        self.parsed.fields.names().any(like)
    }

    /// Whether a field's value contains a text, in any case.
    pub(super) fn field_says(&self, field: &str, text: &str) -> bool {
        self.field(field).contains(text)
    }

    /// A field's value in lower case; empty when it is not there.
    pub(super) fn field(&self, field: &str) -> String {
        self.parsed.fields.text(field).map(|value| value.to_ascii_lowercase()).unwrap_or_default()
    }

    /// Whether the message itself is of this type.
    pub(super) fn is_kind(&self, kind: &str) -> bool {
        self.parsed.kind == kind
    }

    /// Whether the message is a multipart/report of this type.
    pub(super) fn is_report_of(&self, kind: &str) -> bool {
        self.parsed.report_type.as_deref() == Some(kind)
    }

    /// Whether some part is of this type.
    pub(super) fn has_part(&self, kind: &str) -> bool {
        self.parsed.kinds.iter().any(|part| part == kind)
    }

    /// How many phrases of a topic the subject has.
    pub(super) fn in_subject(&self, topic: Topic) -> u16 {
        self.subject_mentions.count(topic)
    }

    /// How many phrases of a topic the text has.
    pub(super) fn in_text(&self, topic: Topic) -> u16 {
        self.text_mentions.count(topic)
    }

    /// How many phrases of a topic there are in all.
    pub(super) fn mentions(&self, topic: Topic) -> u16 {
        self.in_subject(topic) + self.in_text(topic)
    }

    /// The readable text, as written, and the page's too where it says more.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Gmail's labels.
    pub(super) fn labels(&self) -> &[&'e str] {
        &self.labels
    }

    /// The HTML part.
    pub(super) fn page(&self) -> Option<&Page> {
        self.parsed.page.as_ref()
    }

    /// The hosts that the page's links and the addresses in the text lead to.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        let linked = self.page().into_iter().flat_map(|page| &page.hosts);
        linked.chain(&self.shape.hosts).map(String::as_str)
    }

    /// Whether the author's address has one of these before its `@`.
    pub(super) fn author_is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.local.contains(name))
    }

    /// Whether the message goes through a discussion list.
    pub(super) fn is_list(&self) -> bool {
        ["List-Post", "X-Mailman-Version", "X-BeenThere", "Mailing-List", "X-Mailing-List"]
            .iter()
            .any(|name| self.has(name))
    }

    /// Whether the message says how to leave, or that it goes to many.
    pub(super) fn is_bulk(&self) -> bool {
        self.has("List-Unsubscribe")
            || self.has("List-Id")
            || self.has("Precedence")
            || self.has("Feedback-ID")
            || self.in_text(Topic::Leaving) > 0
    }
}

/// A plain part shorter than this may only say that the message is in its HTML part.
const A_FEW_WORDS: usize = 500;

/// The text that is judged: the readable text, and the page's too where it says more.
fn all_text<'e>(parsed: &'e Parsed<'_>) -> Cow<'e, str> {
    match &parsed.page {
        Some(page) if parsed.text.len() < A_FEW_WORDS && page.text.len() > parsed.text.len() => {
            Cow::Owned(format!("{}\n{}", parsed.text, page.text))
        }
        _ => Cow::Borrowed(&parsed.text),
    }
}
