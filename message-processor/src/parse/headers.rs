//! The header fields of a result: who, to whom, what about, in answer to what.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;
use shared::clock::Timestamp;
use shared::result::{Address, AttachedMessage, Headers};

use super::date;
use super::defects::Defects;
use super::encoded::decoded;
use super::fields::{Fields, as_text};
use super::limits;
use super::mailboxes::{self, Mailbox};
use super::mime::charset;

/// Reads the fields of a result from the header.
pub(super) fn read(fields: &Fields<'_>, defects: &mut Defects) -> Headers {
    let references = fields.get("References").map(ids).unwrap_or_default();
    let newest = references.len().saturating_sub(limits::REFERENCES);
    let date = fields.get("Date").map(|value| date::read(&as_text(value)));
    match date {
        None => defects.note("no_date", "the header has no Date"),
        Some(None) => defects.note("bad_date", "the Date is no date"),
        Some(Some(moment)) if moment < Timestamp::default() => {
            defects.note("odd_date", "the Date lies before 1970");
        }
        Some(Some(_)) => {}
    }
    let from = addresses(fields, "From", defects);
    if from.is_empty() {
        defects.note("no_author", "the header names no author");
    }
    Headers {
        message_id: fields.get("Message-ID").and_then(first_id),
        from: from.into_iter().next(),
        to: addresses(fields, "To", defects),
        cc: addresses(fields, "Cc", defects),
        reply_to: addresses(fields, "Reply-To", defects),
        subject: subject(fields),
        date: date.flatten(),
        in_reply_to: fields.get("In-Reply-To").and_then(first_id),
        references: references.into_iter().skip(newest).collect(),
    }
}

/// What a message that is attached to another says it is.
pub(super) fn brief(fields: &Fields<'_>) -> AttachedMessage {
    AttachedMessage {
        message_id: fields.get("Message-ID").and_then(first_id),
        from: addresses(fields, "From", &mut Defects::default()).into_iter().next(),
        subject: subject(fields),
        date: fields.get("Date").and_then(|value| date::read(&as_text(value))),
    }
}

/// The addresses of all fields of this name, groups opened.
fn addresses(fields: &Fields<'_>, name: &str, defects: &mut Defects) -> Vec<Address> {
    let mut found = Vec::new();
    let mut beyond = 0_usize;
    for value in fields.all(name) {
        mailboxes::read(&in_characters(fields, value), |one| {
            // Two bytes make an address, which takes a hundred as ours: those beyond are counted and not kept.
            if found.len() < limits::ADDRESSES { found.extend(address(&one)) } else { beyond += 1 }
        });
    }
    if beyond > 0 {
        let all = found.len() + beyond;
        defects.note("too_many_addresses", format!("a field names {all} addresses"));
    }
    found
}

fn address(one: &Mailbox) -> Option<Address> {
    let name = words(&one.name, limits::WORDS_CHARS);
    let address = words(&ascii_domain(&one.address), limits::ADDRESS_CHARS);
    (name.is_some() || address.is_some()).then_some(Address { name, address })
}

/// An address whose domain is written as it is looked up: `bücher.example` is `xn--bcher-kva.example` (RFC 5890), in
/// whichever of its two forms a sender gives it.
fn ascii_domain(address: &str) -> Cow<'_, str> {
    if address.is_ascii() || address.len() > limits::ADDRESS_CHARS * 4 {
        return Cow::Borrowed(address);
    }
    let ascii = address.rsplit_once('@').and_then(|(local, domain)| {
        let domain = idna::domain_to_ascii(domain).ok().filter(|domain| !domain.is_empty())?;
        Some(format!("{local}@{domain}"))
    });
    ascii.map_or(Cow::Borrowed(address), Cow::Owned)
}

fn subject(fields: &Fields<'_>) -> Option<String> {
    let value = in_characters(fields, fields.get("Subject")?);
    words(&decoded(&value), limits::WORDS_CHARS)
}

/// The ids in a field: what stands in angle brackets, or else the bare words that look like ids.
fn ids(value: &[u8]) -> Vec<String> {
    let text = as_text(value);
    let bracketed: Vec<_> =
        text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).filter_map(id).collect();
    if bracketed.is_empty() {
        return text
            .split_whitespace()
            .filter(|word| word.contains('@'))
            .filter_map(|word| id((word, "")))
            .collect();
    }
    bracketed
}

fn id((inner, _): (&str, &str)) -> Option<String> {
    let id: String = inner
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .take(limits::ID_CHARS)
        .collect();
    (!id.is_empty()).then_some(id)
}

fn first_id(value: &[u8]) -> Option<String> {
    ids(value).into_iter().next().or_else(|| id((as_text(value).split_whitespace().next()?, "")))
}

/// Text on one line, without control characters, at most `limit` characters; nothing when nothing is left.
pub(super) fn words(text: &str, limit: usize) -> Option<String> {
    let words =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let spaced = words.enumerate().flat_map(|(at, word)| [if at == 0 { "" } else { " " }, word]);
    let line: String = spaced.flat_map(str::chars).take(limit).collect();
    (!line.is_empty()).then_some(line)
}

/// What whoever forwards a message writes anew from what was read.
const REWRITTEN: [&str; 3] = ["Subject", "From", "Reply-To"];

/// The field in which a sender hides a line: one that it holds where nothing is folded, or within an encoded word. Whoever
/// copies the decoded text into a header of their own would write a field of the sender's choice.
pub(crate) fn hides_line(fields: &Fields<'_>) -> Option<&'static str> {
    let hides = |value: &[u8]| {
        let value = in_characters(fields, value);
        let unfolded = value.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
        decoded(&unfolded).trim().contains(['\r', '\n'])
    };
    REWRITTEN.into_iter().find(|name| fields.all(name).any(hides))
}

/// A value as characters. Whoever writes raw bytes into a header writes them in the charset of the body.
fn in_characters<'v>(fields: &Fields<'_>, value: &'v [u8]) -> Cow<'v, str> {
    if let Ok(text) = std::str::from_utf8(value) {
        return Cow::Borrowed(text);
    }
    match charset(fields).and_then(|name| charset_decoder(name.as_bytes())) {
        Some(decode) => Cow::Owned(decode(value)),
        None => as_text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(header: &str) -> Headers {
        read(&Fields::read(header.as_bytes()).0, &mut Defects::default())
    }

    fn shown(list: &[Address]) -> Vec<String> {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        list.iter().map(|one| format!("{} <{}>", part(&one.name), part(&one.address))).collect()
    }

    #[test]
    fn names_are_decoded_and_groups_opened() {
        let headers = headers(
            "From: =?utf-8?B?SsO8cmdlbg==?= <j@example.com>\nTo: Team: a@example.com, \"B, C\" <b@example.com>;\n\
             Cc: undisclosed-recipients:;\nSubject: =?iso-8859-1?q?caf=E9?=\n =?utf-8?q?_au_lait?=\n",
        );
        assert_eq!(headers.from.map(|from| from.name), Some(Some("Jürgen".to_owned())));
        assert_eq!(shown(&headers.to), [" <a@example.com>", "B, C <b@example.com>"]);
        assert_eq!(headers.cc, []);
        assert_eq!(headers.subject.as_deref(), Some("café au lait"));
    }

    #[test]
    fn raw_bytes_are_read_in_the_charset_of_the_body() {
        let header = b"Subject: \xd4\xc5\xd3\xd4\nContent-Type: text/plain; charset=koi8-r\n";
        let headers = read(&Fields::read(header).0, &mut Defects::default());
        assert_eq!(headers.subject.as_deref(), Some("тест"));
    }

    #[test]
    fn ids_stand_without_brackets_and_dates_in_utc() {
        let headers = headers(
            "Message-Id: <a@x> (comment)\nIn-Reply-To: message of Monday <b@x>\nReferences: <c@x>\n <d\n @x>\n\
             Date: Fri, 1 May 2026 14:00:00 +0200\n",
        );
        assert_eq!(headers.message_id.as_deref(), Some("a@x"));
        assert_eq!(headers.in_reply_to.as_deref(), Some("b@x"));
        assert_eq!(headers.references, ["c@x", "d@x"]);
        assert_eq!(
            headers.date.map(|date| date.to_string()).as_deref(),
            Some("2026-05-01T12:00:00.000Z")
        );
    }

    #[test]
    fn a_domain_of_any_alphabet_is_written_as_it_is_looked_up() {
        let headers = headers(
            "From: a@b\u{fc}cher.example\nTo: a@xn--bcher-kva.example, \u{fc}@Example.COM, a@\u{fc}..\u{1}\n",
        );
        assert_eq!(headers.from.unwrap().address.as_deref(), Some("a@xn--bcher-kva.example"));
        assert_eq!(
            shown(&headers.to)[..2],
            [" <a@xn--bcher-kva.example>", " <\u{fc}@example.com>"]
        );
        assert_eq!(headers.to.len(), 3);
    }

    #[test]
    fn what_is_missing_or_wrong_is_a_defect() {
        let mut defects = Defects::default();
        let headers = read(&Fields::read(b"Date: tomorrow\nMessage-ID: bare\n").0, &mut defects);
        let codes: Vec<_> = defects.into_list().into_iter().map(|defect| defect.code).collect();
        assert_eq!(codes, ["bad_date", "no_author"]);
        assert_eq!(headers.message_id.as_deref(), Some("bare"));
    }

    #[test]
    fn a_text_of_a_header_is_one_bounded_line() {
        assert_eq!(words(" a\r\n\tb\0c ", 10).as_deref(), Some("a b c"));
        assert_eq!(words("abc def", 5).as_deref(), Some("abc d"));
        assert_eq!(words(&"x".repeat(50), 5).as_deref(), Some("xxxxx"));
        assert_eq!(words(" \r\n", 5), None);
    }
}
