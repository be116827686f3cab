//! What Gmail sees in a message's bytes: headers, a tree of parts, the first words, the words a search finds.
//!
//! All of it is derived on demand. A mailbox that is only listed and fetched raw never has its mail parsed.

use std::borrow::Cow;
use std::panic::catch_unwind;

use bytes::Bytes;
use mail_parser::decoders::html::html_to_text;
use mail_parser::{HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use shared::clock::Chance;

/// Parts inside parts that are followed; what is deeper is left out.
const MAX_DEPTH: usize = 20;

/// Characters of a snippet.
const SNIPPET: usize = 200;

/// A header as it is shown: unfolded, and decoded where it is plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name, as written.
    pub name: String,
    /// Its value on one line.
    pub value: String,
}

/// One part of a message, or the whole as the root.
#[derive(Debug)]
pub struct Part {
    /// Where it stands: empty for the root, then `0`, `1`, `1.0`.
    pub id: String,
    /// Its media type.
    pub mime_type: String,
    /// Its file name; empty when it has none.
    pub filename: String,
    /// Its headers.
    pub headers: Vec<Header>,
    /// Its decoded content; empty for a multipart.
    pub data: Vec<u8>,
    /// Whether the content is fetched by itself.
    pub attached: bool,
    /// The parts inside it.
    pub parts: Vec<Part>,
}

/// What `from:`, `subject:` and bare words look at.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) cc: String,
    pub(crate) subject: String,
    pub(crate) message_id: String,
    pub(crate) text: String,
    pub(crate) has_attachment: bool,
}

/// The message's own headers.
pub fn headers(bytes: &[u8]) -> Vec<Header> {
    let message = parse_headers(bytes);
    message.map(|message| part_headers(&message, message.root_part())).unwrap_or_default()
}

/// The media type of the message as a whole.
pub(crate) fn media_type(bytes: &[u8]) -> String {
    let message = parse_headers(bytes);
    message.map_or_else(|| "text/plain".to_owned(), |message| mime_type(message.root_part()))
}

/// The message as a tree.
pub fn tree(bytes: &[u8]) -> Part {
    match parse(bytes) {
        Some(message) => part(&message, 0, String::new(), 0),
        None => Part { headers: headers(bytes), ..unreadable(bytes) },
    }
}

/// The part that stands at `id`.
pub fn part_at(bytes: &[u8], id: &str) -> Option<Part> {
    fn find(part: Part, id: &str) -> Option<Part> {
        if part.id == id { Some(part) } else { part.parts.into_iter().find_map(|p| find(p, id)) }
    }
    find(tree(bytes), id)
}

/// The first words of the text, on one line.
pub(crate) fn snippet(bytes: &[u8]) -> String {
    let message = parse(bytes);
    let text = message.as_ref().and_then(|message| message.body_text(0)).unwrap_or_default();
    let mut snippet = String::with_capacity(SNIPPET);
    for word in text.split_whitespace() {
        if snippet.chars().count() + word.chars().count() >= SNIPPET {
            break;
        }
        snippet.push_str(if snippet.is_empty() { "" } else { " " });
        snippet.push_str(word);
    }
    snippet
}

/// What a search looks at.
pub(crate) fn facts(bytes: &[u8]) -> Facts {
    let Some(message) = parse(bytes) else {
        return Facts { text: String::from_utf8_lossy(bytes).into_owned(), ..Facts::default() };
    };
    let texts = message.parts.iter().filter_map(|part| match &part.body {
        PartType::Text(text) => Some(text.to_string()),
        PartType::Html(html) => Some(html_to_text(html)),
        PartType::Binary(_)
        | PartType::InlineBinary(_)
        | PartType::Message(_)
        | PartType::Multipart(_) => None,
    });
    Facts {
        from: addresses(message.from()),
        to: addresses(message.to()),
        cc: addresses(message.cc()),
        subject: message.subject().unwrap_or_default().to_owned(),
        message_id: message.message_id().unwrap_or_default().to_owned(),
        text: texts.collect::<Vec<_>>().join("\n"),
        has_attachment: message.parts.iter().any(|part| !filename(part).is_empty()),
    }
}

/// Everyone a message is addressed to, lower case.
pub(crate) fn recipients(bytes: &[u8]) -> Vec<String> {
    let Some(message) = parse_headers(bytes) else { return Vec::new() };
    let fields = [message.to(), message.cc(), message.bcc()];
    let people = fields.into_iter().flatten().flat_map(mail_parser::Address::iter);
    people.filter_map(|person| person.address()).map(str::to_lowercase).collect()
}

/// When the message says it was written, in milliseconds since 1970.
pub(crate) fn date(bytes: &[u8]) -> Option<i64> {
    let message = parse_headers(bytes)?;
    message.date().map(|date| date.to_timestamp().saturating_mul(1000))
}

/// Reads a message. Some mail makes the parser panic; a Google that falls over a message is of no use, so that such mail
/// only has no parts.
fn parse(bytes: &[u8]) -> Option<Message<'_>> {
    catch_unwind(|| MessageParser::default().parse(bytes)).ok().flatten()
}

fn parse_headers(bytes: &[u8]) -> Option<Message<'_>> {
    catch_unwind(|| MessageParser::default().parse_headers(bytes)).ok().flatten()
}

fn part(message: &Message<'_>, place: u32, id: String, depth: usize) -> Part {
    let Some(part) = message.part(place) else { return unreadable(&[]) };
    let parts = if depth < MAX_DEPTH { children(message, part, &id, depth) } else { Vec::new() };
    let filename = filename(part);
    let is_text = matches!(part.body, PartType::Text(_) | PartType::Html(_));
    let is_multipart = matches!(part.body, PartType::Multipart(_));
    Part {
        attached: !is_multipart && (!filename.is_empty() || !is_text),
        mime_type: mime_type(part),
        headers: part_headers(message, part),
        data: if is_multipart { Vec::new() } else { part.contents().to_vec() },
        id,
        filename,
        parts,
    }
}

fn children(message: &Message<'_>, outer: &MessagePart<'_>, id: &str, depth: usize) -> Vec<Part> {
    let child = |n: usize| if id.is_empty() { n.to_string() } else { format!("{id}.{n}") };
    if let PartType::Message(inner) = &outer.body {
        return vec![part(inner, 0, child(0), depth + 1)];
    }
    let places = outer.sub_parts().unwrap_or_default().iter().enumerate();
    places.map(|(n, place)| part(message, *place, child(n), depth + 1)).collect()
}

/// A part that could not be read as mail.
fn unreadable(bytes: &[u8]) -> Part {
    Part {
        id: String::new(),
        mime_type: "text/plain".to_owned(),
        filename: String::new(),
        headers: Vec::new(),
        data: bytes.to_vec(),
        attached: false,
        parts: Vec::new(),
    }
}

fn mime_type(part: &MessagePart<'_>) -> String {
    let declared = part.content_type().map(|declared| {
        format!("{}/{}", declared.ctype(), declared.subtype().unwrap_or("octet-stream"))
    });
    let assumed = || match part.body {
        PartType::Html(_) => "text/html",
        PartType::Text(_) => "text/plain",
        PartType::Message(_) => "message/rfc822",
        PartType::Multipart(_) => "multipart/mixed",
        PartType::Binary(_) | PartType::InlineBinary(_) => "application/octet-stream",
    };
    declared.map_or_else(|| assumed().to_owned(), |declared| declared.to_lowercase())
}

fn filename(part: &MessagePart<'_>) -> String {
    let unnamed = if matches!(part.body, PartType::Message(_)) { "noname.eml" } else { "" };
    part.attachment_name().unwrap_or(unnamed).to_owned()
}

fn part_headers(message: &Message<'_>, part: &MessagePart<'_>) -> Vec<Header> {
    let raw = message.raw_message.as_ref();
    let shown = part.headers.iter().map(|header| {
        let value = match &header.value {
            HeaderValue::Text(text) => Cow::from(text.as_ref()),
            HeaderValue::Address(_)
            | HeaderValue::TextList(_)
            | HeaderValue::DateTime(_)
            | HeaderValue::ContentType(_)
            | HeaderValue::Received(_)
            | HeaderValue::Empty => {
                let written = raw.get(header.offset_start as usize..header.offset_end as usize);
                String::from_utf8_lossy(written.unwrap_or_default())
            }
        };
        Header { name: header.name().to_owned(), value: unfold(&value) }
    });
    shown.collect()
}

/// A folded header on one line.
fn unfold(value: &str) -> String {
    value.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn addresses(field: Option<&mail_parser::Address<'_>>) -> String {
    let people = field.into_iter().flat_map(mail_parser::Address::iter);
    let shown = people.map(|p| [p.name().unwrap_or(""), p.address().unwrap_or("")].join(" "));
    shown.collect::<Vec<_>>().join(", ")
}

/// The message under a Message-ID of Google's making.
pub(crate) fn renamed(raw: &Bytes, chance: &Chance) -> Bytes {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(raw.len());
    let (head, body) = raw.split_at(end);
    let head = String::from_utf8_lossy(head);
    let is_id = |line: &&str| line.to_ascii_lowercase().starts_with("message-id:");
    let kept = head.split("\r\n").filter(|line| !is_id(line));
    let id = format!("Message-ID: <CA{}@mail.gmail.com>", chance.below(u64::MAX));
    let head: Vec<&str> = std::iter::once(id.as_str()).chain(kept).collect();
    [head.join("\r\n").as_bytes(), body].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NESTED: &[u8] = b"From: Ann <ann@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
        References: <a@b>\r\n <c@d>\r\n\
        Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nHello  there\r\n\
        --x\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nInside\r\n\
        --x\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--x--\r\n";

    #[test]
    fn a_tree_names_every_part_by_its_place() {
        let root = tree(NESTED);
        assert_eq!((root.mime_type.as_str(), root.id.as_str()), ("multipart/mixed", ""));
        let ids: Vec<_> = root.parts.iter().map(|part| part.id.as_str()).collect();
        assert_eq!(ids, ["0", "1", "2"]);
        assert_eq!(root.parts[1].parts[0].id, "1.0");
        assert_eq!(root.parts[1].parts[0].headers[0].value, "inner");
        let pdf = part_at(NESTED, "2").unwrap();
        assert_eq!((pdf.filename.as_str(), pdf.data.as_slice()), ("a.pdf", &[0, 1, 2][..]));
        assert!(pdf.attached && !root.parts[0].attached);
    }

    #[test]
    fn headers_are_unfolded_and_decoded() {
        let headers = headers(NESTED);
        let value = |name: &str| headers.iter().find(|h| h.name == name).unwrap().value.as_str();
        assert_eq!(value("Subject"), "Grüße");
        assert_eq!(value("References"), "<a@b> <c@d>");
        assert_eq!(value("From"), "Ann <ann@example.com>");
    }

    #[test]
    fn the_snippet_is_the_first_words_on_one_line() {
        assert_eq!(snippet(NESTED), "Hello there");
        assert_eq!(snippet(b""), "");
    }

    #[test]
    fn bytes_that_are_no_mail_are_still_shown() {
        for odd in [&b""[..], b"\0\xff", b"no headers at all", b"\r\n\r\n"] {
            assert!(tree(odd).parts.is_empty());
            assert!(facts(odd).message_id.is_empty());
            assert!(headers(odd).len() <= 1);
        }
    }

    #[test]
    fn mail_that_makes_the_parser_panic_keeps_its_headers() {
        let twice_wrapped = b"Subject: odd\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\
            Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n\n--b--";
        let root = tree(twice_wrapped);
        assert_eq!((root.headers[0].value.as_str(), root.parts.len()), ("odd", 0));
        assert_eq!(root.data, twice_wrapped);
        assert_eq!(snippet(twice_wrapped), "");
    }
}
