//! What is odd about a message, told once each.

use mail_parser::decoders::charsets::map::charset_decoder;
use shared::result::{Defect, Headers};

use super::fields::Fields;
use super::limits;
use super::mime::Part;

/// The defects found so far.
#[derive(Default)]
pub(crate) struct Defects(Vec<Defect>);

/// Fields that a header may have once (RFC 5322, section 3.6; RFC 2045, section 3). The author and the subject have
/// codes of their own, because people are deceived with them.
const SINGLE: [&str; 12] = [
    "Date",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
];

/// Fields whose words are shown.
const SHOWN: [&str; 5] = ["Subject", "From", "To", "Cc", "Reply-To"];

/// Types that are read for what a program says in them.
const MACHINE_PARTS: [&str; 5] = [
    "message/delivery-status",
    "message/global-delivery-status",
    "message/feedback-report",
    "text/calendar",
    "application/ics",
];

impl Defects {
    /// Adds a defect, unless it is known. `detail` is in words and numbers of ours: it goes where logs go.
    pub(super) fn note(&mut self, code: &str, detail: impl Into<String>) {
        if self.0.len() < limits::DEFECTS && self.0.iter().all(|known| known.code != code) {
            self.0.push(Defect { code: code.to_owned(), detail: detail.into() });
        }
    }

    /// What is wrong with a header as such.
    pub(super) fn note_header(&mut self, fields: &Fields<'_>) {
        if fields.cut {
            self.note("header_too_long", "the header is longer than is read");
        }
        if fields.malformed > 0 {
            let lines = format!("{} lines of the header are no field", fields.malformed);
            self.note("malformed_header", lines);
        }
        if fields.all("Subject").nth(1).is_some() {
            self.note("repeated_subject", "the header has more than one Subject");
        }
        if fields.all("From").nth(1).is_some() {
            self.note("repeated_author", "the header has more than one From");
        }
        if let Some(name) = SINGLE.iter().find(|name| fields.all(name).nth(1).is_some()) {
            self.note("repeated_field", format!("the header has more than one {name}"));
        }
        let raw = |name: &&str| fields.all(name).any(|value| std::str::from_utf8(value).is_err());
        if let Some(name) = SHOWN.iter().find(|name| raw(name)) {
            self.note(
                "raw_header",
                format!("the {name} has bytes of a charset that nothing names"),
            );
        }
    }

    /// What is wrong with what the header says.
    pub(super) fn note_words(&mut self, headers: &Headers) {
        let people =
            headers.from.iter().chain(&headers.to).chain(&headers.cc).chain(&headers.reply_to);
        let words = people.filter_map(|one| one.name.as_deref()).chain(headers.subject.as_deref());
        if words.into_iter().any(|words| words.contains(char::REPLACEMENT_CHARACTER)) {
            self.note("undecodable_header", "a name or the subject cannot be decoded");
        }
        let author = headers.from.as_ref();
        if author.is_some_and(|from| from.address.as_ref().is_none_or(|text| !text.contains('@'))) {
            self.note("author_without_address", "the author has no whole address");
        }
    }

    /// Of what a program says only the beginning was read.
    pub(super) fn note_machine_parts(&mut self, parts: &[Part<'_>]) {
        let cut = |part: &Part<'_>| {
            part.body.len() > limits::MACHINE_BYTES && MACHINE_PARTS.contains(&&*part.kind)
        };
        if parts.iter().any(cut) {
            self.note(
                "machine_part_too_long",
                "a delivery status, report or invitation is longer than is read",
            );
        }
    }

    /// `strange` bytes of a part do not belong to its transfer encoding.
    pub(super) fn note_encoding(&mut self, strange: usize) {
        if strange > 0 {
            self.note(
                "bad_encoding",
                format!("{strange} bytes do not belong to a part's encoding"),
            );
        }
    }

    /// A part names a charset.
    pub(super) fn note_charset(&mut self, name: &str) {
        let plain = ["us-ascii", "ascii", "utf-8", "utf8", "unknown-8bit", "binary", "default"];
        let known = plain.iter().any(|known| name.eq_ignore_ascii_case(known));
        if !known && charset_decoder(name.trim().as_bytes()).is_none() {
            self.note("unknown_charset", "a part is in a charset that is not known");
        }
    }

    pub(super) fn into_list(self) -> Vec<Defect> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    fn defects(message: &[u8]) -> Vec<String> {
        let content = parse(message).ok().unwrap().content;
        content.defects.into_iter().map(|defect| defect.code).collect()
    }

    #[test]
    fn each_oddity_has_its_name() {
        let good = b"From: Ann <ann@example.com>\nDate: Fri, 1 May 2026 14:00:00 +0200\n".to_vec();
        for (rest, code) in [
            (&b"Subject: Hi\n\nText"[..], None),
            (b"Subject: a\nSubject: b\n\n", Some("repeated_subject")),
            (b"From: b@example.com\n\n", Some("repeated_author")),
            (b"To: a@example.com\nTo: b@example.com\n\n", Some("repeated_field")),
            (b"Subject: caf\xe9\n\n", Some("raw_header")),
            (b"Subject: =?utf-8?Q?caf=E9?=\n\n", None),
            (b"Subject: =?iso-2022-jp?B?GyRC/w==?=\n\n", Some("undecodable_header")),
            (b"Content-Transfer-Encoding: base64\n\nSGVs*bG8=", Some("bad_encoding")),
            (b"Content-Transfer-Encoding: quoted-printable\n\n1=2", Some("bad_encoding")),
            (b"Content-Transfer-Encoding: quoted-printable\n\n1=3D2=\n.=", None),
            (
                b"Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nA",
                Some("bad_encoding"),
            ),
            (b"Content-Type: text/plain; charset=x-none\n\nHi", Some("unknown_charset")),
            (
                b"Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B\xff",
                Some("undecodable_text"),
            ),
            (b"Content-Transfer-Encoding: x-uuencode\n\nHi", Some("unknown_encoding")),
            (b"Content-Type: text; charset=utf-8\n\nHi", Some("bad_type")),
            (b"nonsense\n\n", Some("malformed_header")),
        ] {
            let found = defects(&[&good, rest].concat());
            let text = String::from_utf8_lossy(rest);
            assert_eq!(found.first().map(String::as_str), code, "{text}");
            assert!(found.len() <= 1, "{text}: {found:?}");
        }
        assert_eq!(
            defects(b"Date: Fri, 1 May 2026 14:00:00 +0200\nFrom: Ann E\n\n"),
            ["author_without_address"]
        );
    }
}
