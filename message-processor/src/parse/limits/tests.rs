//! Each limit at its edge: what is exactly as long is taken whole, what is one beyond is taken without the rest.

use crate::Content;

const FROM: &str = "From: Ann <ann@example.com>\nDate: Fri, 1 May 2026 14:00:00 +0200\n";

fn content(message: &str) -> Content {
    crate::understand::<&str>(message.as_bytes(), &[]).content
}

/// The defects of a message that starts with a date and an author.
fn defects(rest: &str) -> Vec<String> {
    codes(&content(&format!("{FROM}{rest}")))
}

fn codes(content: &Content) -> Vec<String> {
    content.defects.iter().map(|defect| defect.code.clone()).collect()
}

/// `message` has no defect; with one more byte, line or part it has this one, and is read all the same.
fn is_edge(code: &str, message: impl Fn(usize) -> String) {
    assert_eq!(defects(&message(0)), [""; 0], "at the limit");
    assert_eq!(defects(&message(1)), [code], "beyond the limit");
}

#[test]
fn fields() {
    let own = FROM.lines().count();
    is_edge("header_too_long", |more| "A: b\n".repeat(super::FIELDS - own + more) + "\nText");
}

#[test]
fn bytes_of_a_header() {
    // The last field begins where fields may begin at the latest, or a byte after it.
    let header = |more: usize| {
        let mut header = String::new();
        let line = format!("X: {}\n", "x".repeat(60_000));
        while FROM.len() + header.len() + line.len() < super::HEADER_BYTES - line.len() {
            header.push_str(&line);
        }
        let left = super::HEADER_BYTES + more - FROM.len() - header.len();
        for length in [left / 2, left - left / 2] {
            header.push_str("X: ");
            header.push_str(&"x".repeat(length - 4));
            header.push('\n');
        }
        header + "Subject: Hello\n\nText"
    };
    is_edge("header_too_long", header);
    let subject = |more| content(&format!("{FROM}{}", header(more))).headers.subject;
    assert_eq!((subject(0).as_deref(), subject(1)), (Some("Hello"), None));
}

#[test]
fn bytes_of_a_field() {
    let field = |more: usize| format!("X: {}\n\nText", "x".repeat(super::FIELD_BYTES - 4 + more));
    is_edge("header_too_long", field);
}

#[test]
fn bytes_of_parameters() {
    let field = |more: usize| {
        let start = " text/plain; x=";
        let value = "x".repeat(super::PARAMETER_BYTES - start.len() - 1 + more);
        format!("Content-Type:{start}{value}\n\nText")
    };
    is_edge("parameters_too_long", field);
    let kind = |more: usize| {
        let name = "n".repeat(super::PARAMETER_BYTES + more);
        content(&format!("{FROM}Content-Type: image/png; name={name}\n\n")).attachments[0].clone()
    };
    assert_eq!(kind(0).content_type, "image/png", "what comes first is known");
}

#[test]
fn characters_of_a_type_and_of_a_charset() {
    let kind = |length: usize| {
        let half = "x".repeat(length - "image/".len());
        content(&format!("{FROM}Content-Type: image/{half}\n\n")).attachments[0]
            .content_type
            .clone()
    };
    assert_eq!(kind(super::TYPE_CHARS).len(), super::TYPE_CHARS);
    assert_eq!(kind(super::TYPE_CHARS + 1), "application/octet-stream");
    let charset = "x".repeat(super::CHARSET_CHARS + 1);
    let text = content(&format!("{FROM}Content-Type: text/plain; charset={charset}\n\ncaf\u{e9}"));
    assert_eq!(text.text.map(|text| text.preview).as_deref(), Some("café"));
}

#[test]
fn depth() {
    let nested = |more: usize| {
        let mut message = String::new();
        for level in 0..super::DEPTH + more {
            let boundary = level.to_string();
            for piece in
                ["Content-Type: multipart/mixed; boundary=b", &boundary, "\n\n--b", &boundary, "\n"]
            {
                message.push_str(piece);
            }
        }
        message.push_str("\nText\n");
        for level in (0..super::DEPTH + more).rev() {
            message.extend(["--b", &level.to_string(), "--\n"]);
        }
        message
    };
    is_edge("too_deep", nested);
    let deepest = content(&format!("{FROM}{}", nested(0)));
    assert_eq!(deepest.text.map(|text| text.preview).as_deref(), Some("Text"));
}

#[test]
fn parts() {
    // The container is one of them.
    let wide = |more: usize| {
        let parts = "--a\n\nText\n".repeat(super::PARTS - 1 + more);
        format!("Content-Type: multipart/mixed; boundary=a\n\n{parts}--a--\n")
    };
    is_edge("too_many_parts", wide);
}

#[test]
fn bytes_of_a_text() {
    for kind in ["plain", "html"] {
        let truncated = |more: usize| {
            // What is left out is seen, although it is nothing but spaces.
            let text = format!("Text{}", " ".repeat(super::TEXT_BYTES - 4 + more));
            let message = format!("{FROM}Content-Type: text/{kind}\n\n{text}");
            content(&message).text.unwrap().truncated
        };
        assert_eq!((truncated(0), truncated(1)), (false, true), "{kind}");
    }
}

#[test]
fn bytes_of_a_machines_part() {
    for kind in ["message/delivery-status", "message/feedback-report", "text/calendar"] {
        let part = |more: usize| {
            let body = format!("A: {}\n", "x".repeat(super::MACHINE_BYTES - 4 + more));
            format!("Content-Type: {kind}\n\n{body}")
        };
        is_edge("machine_part_too_long", part);
    }
}

#[test]
fn characters_of_a_preview() {
    let text = |more: usize| {
        content(&format!("{FROM}\n{}", "é".repeat(super::PREVIEW_CHARS + more))).text.unwrap()
    };
    assert!(!text(0).truncated && text(1).truncated);
    assert_eq!(text(1).preview, text(0).preview);
}

#[test]
fn characters_of_words_addresses_ids_and_filenames() {
    let headers = |more: usize| {
        let words = "w".repeat(super::WORDS_CHARS + more);
        let address = "a".repeat(super::ADDRESS_CHARS - "@b.example".len() + more) + "@b.example";
        let id = "i".repeat(super::ID_CHARS + more);
        let name = "n".repeat(super::FILENAME_CHARS + more);
        content(&format!(
            "{FROM}Subject: {words}\nTo: {address}\nMessage-ID: <{id}>\n\
             Content-Type: image/png; name={name}\n\n"
        ))
    };
    for more in [0, 1] {
        let content = headers(more);
        assert_eq!(content.headers.subject.unwrap().len(), super::WORDS_CHARS);
        let address = content.headers.to[0].address.clone().unwrap();
        assert_eq!(address.len(), super::ADDRESS_CHARS);
        assert_eq!(address.ends_with("@b.example"), more == 0);
        assert_eq!(content.headers.message_id.unwrap().len(), super::ID_CHARS);
        let name = content.attachments[0].filename.clone().unwrap();
        assert_eq!(name.len(), super::FILENAME_CHARS);
        assert!(content.defects.is_empty());
    }
}

#[test]
fn addresses() {
    let to = |more: usize| {
        let list = vec!["a@b.example"; super::ADDRESSES + more].join(", ");
        format!("To: {list}\n\nText")
    };
    is_edge("too_many_addresses", to);
    assert_eq!(content(&format!("{FROM}{}", to(9))).headers.to.len(), super::ADDRESSES);
}

#[test]
fn references() {
    let kept = |more: usize| {
        let ids: Vec<_> = (0..super::REFERENCES + more).map(|at| format!("<{at}@x>")).collect();
        content(&format!("{FROM}References: {}\n\n", ids.join(" "))).headers.references
    };
    assert_eq!(kept(0)[0], "0@x");
    let newest = kept(1);
    assert_eq!((newest.len(), &*newest[0]), (super::REFERENCES, "1@x"));
}

#[test]
fn ways_to_unsubscribe() {
    let kept = |more: usize| {
        let ways = vec!["<https://example.com/u>"; super::UNSUBSCRIBE + more].join(", ");
        content(&format!("{FROM}List-Unsubscribe: {ways}\n\n")).list.unwrap().unsubscribe.len()
    };
    assert_eq!((kept(0), kept(1)), (super::UNSUBSCRIBE, super::UNSUBSCRIBE));
}

#[test]
fn recipients_and_attendees() {
    for more in [0, 1] {
        let groups = "Final-Recipient: rfc822; a@example.com\n\n".repeat(super::NAMED + more);
        let status = format!("{FROM}Content-Type: message/delivery-status\n\nA: b\n\n{groups}");
        assert_eq!(content(&status).bounce.unwrap().recipients.len(), super::NAMED);
        let failed = vec!["a@example.com"; super::NAMED + more].join(",");
        let failed = content(&format!("{FROM}X-Failed-Recipients: {failed}\n\n"));
        assert_eq!(failed.bounce.unwrap().recipients.len(), super::NAMED);
        let attendees = "ATTENDEE:mailto:a@example.com\n".repeat(super::NAMED + more);
        let invitation = format!(
            "{FROM}Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nBEGIN:VEVENT\n{attendees}"
        );
        assert_eq!(content(&invitation).calendar.unwrap().attendees.len(), super::NAMED);
    }
}

#[test]
fn defects_told() {
    let mut defects = super::super::defects::Defects::default();
    for number in 0..=super::DEFECTS {
        defects.note(&number.to_string(), "odd");
    }
    assert_eq!(defects.into_list().len(), super::DEFECTS);
}

#[test]
fn links_compared() {
    let page = |before: usize| {
        let honest = "<a href=https://a.example>here</a>".repeat(before);
        let page = honest + "<a href=https://evil.example>https://bank.example</a>";
        super::super::html::Page::read(&page).deceptive_links
    };
    assert_eq!((page(super::LINKS - 1), page(super::LINKS)), (1, 0));
}

#[test]
fn elements_within_each_other() {
    let text = |around: usize| {
        let page = "<div>".repeat(around) + "<span hidden>no</span>";
        super::super::html::Page::read(&page).text
    };
    assert_eq!((&*text(super::ELEMENTS - 1), &*text(super::ELEMENTS)), ("", "no"));
}

#[test]
fn files_within_a_winmail() {
    let attribute = |id: u32, value: &[u8]| {
        let length = u32::try_from(value.len()).unwrap().to_le_bytes();
        [&[2][..], &id.to_le_bytes(), &length, value, &[0, 0]].concat()
    };
    for more in [0, 1] {
        let files = attribute(0x0006_9002, &[0; 14]).repeat(super::WITHIN + more);
        let stream = [&[0x78, 0x9f, 0x3e, 0x22, 1, 0][..], &files].concat();
        let found = super::super::tnef::files(&stream).unwrap();
        assert_eq!(found.len(), super::WITHIN);
    }
}

#[test]
fn stretches_marked() {
    for more in [0, 1] {
        let text = "> a\nb\n".repeat(super::MARKS + more);
        assert_eq!(super::super::marks::of(&text).len(), super::MARKS);
    }
}

/// A DMARC report of one row and as much space as fills it up to so many bytes.
fn report(bytes: usize) -> String {
    let row = "<feedback><record><row><count>1</count></row></record>";
    format!("{row}{}</feedback>", " ".repeat(bytes - row.len() - "</feedback>".len()))
}

#[test]
fn bytes_of_a_report() {
    let message = |bytes: usize| {
        format!(
            "Subject: Report domain: a Report-ID: b\nContent-Type: text/xml\n\n{}",
            report(bytes)
        )
    };
    is_edge("report_too_long", |more| message(super::PACKED_BYTES + more));
    let total = |more| content(&message(super::PACKED_BYTES + more)).report.unwrap().total;
    assert_eq!((total(0), total(1)), (Some(1), None));
}

#[test]
fn bytes_of_a_report_once_it_is_unpacked() {
    use std::io::Write;
    let message = |more: usize| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(report(super::REPORT_BYTES + more).as_bytes()).unwrap();
        let header = format!(
            "{FROM}Subject: Report domain: a Report-ID: b\nContent-Type: application/gzip\n\n"
        );
        let raw = [header.into_bytes(), packed.finish().unwrap()].concat();
        crate::understand::<&str>(&raw, &[]).content
    };
    assert_eq!(codes(&message(0)), [""; 0]);
    assert_eq!(codes(&message(1)), ["report_too_long"]);
    assert_eq!(message(1).report.unwrap().total, None);
}
