use std::collections::BTreeSet;

use shared::ids::Generation;

use super::*;
use crate::understand::{Circumstances, understand};

const MAIL: &str = "From: =?utf-8?q?J=C3=BCrgen?= <bob@example.org>\r\nTo: ada@example.com\r\n\
    Subject: =?utf-8?q?Rechnung_f=C3=BCr_Mai?=\r\nMessage-ID: <m1@example.org>\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n\
    --b\r\nContent-Type: application/pdf; name=bill.pdf\r\nContent-Disposition: attachment; filename=bill.pdf\r\n\
    \r\nPDF\r\n--b--\r\n";

fn action() -> JobId {
    "0123456789abcdef0123456789abcdef".parse().unwrap()
}

/// The forward of this message, and what our own reader makes of it.
fn forwarded(raw: &[u8], carried: CarriedAs) -> (Vec<u8>, MessageResult) {
    let read = |raw: &[u8]| understand::<&str>(raw, &[]).into_result(Circumstances::default());
    let action = action();
    let forward = Forward {
        action: &action,
        from: "ada@example.com",
        to: "books@example.net",
        carried,
        hop: "00112233aabbccdd",
        at: "2026-05-01T12:00:00Z".parse().unwrap(),
    };
    let written = forward.write(raw, &read(raw)).unwrap();
    let result = read(&written);
    (written, result)
}

/// The names of the fields that a message has.
fn names(raw: &[u8]) -> BTreeSet<String> {
    let (fields, _) = Fields::read(raw);
    assert_eq!(fields.malformed, 0);
    fields.names().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

#[test]
fn an_attached_message_is_whole_and_the_header_is_ours() {
    let (written, result) = forwarded(MAIL.as_bytes(), CarriedAs::Attached);
    let headers = &result.headers;
    assert_eq!(headers.from.as_ref().unwrap().address.as_deref(), Some("ada@example.com"));
    assert_eq!(headers.to[0].address.as_deref(), Some("books@example.net"));
    assert_eq!(headers.subject.as_deref(), Some("Fwd: Rechnung für Mai"));
    assert_eq!(headers.reply_to[0].name.as_deref(), Some("Jürgen"));
    assert_eq!(headers.reply_to[0].address.as_deref(), Some("bob@example.org"));
    let id = format!("{}.fanmail@example.com", action());
    assert_eq!(headers.message_id.as_deref(), Some(id.as_str()));
    assert_eq!(headers.references, ["m1@example.org"]);
    let [attached] = result.attachments.as_slice() else { panic!("{:?}", result.attachments) };
    assert_eq!(attached.content_type, "message/rfc822");
    assert_eq!(attached.size_bytes, MAIL.len() as u64, "not a byte more or less");
    let text = result.text.unwrap().preview;
    assert!(text.contains("From: Jürgen <bob@example.org>"), "{text}");
    assert_eq!(result.generation, Generation(0));
    let wanted = [
        "Auto-Submitted",
        "Content-Transfer-Encoding",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "References",
        "Reply-To",
        "Subject",
        "To",
        ACTION,
        HOPS,
    ];
    assert_eq!(names(&written), wanted.into_iter().map(str::to_owned).collect());
    assert!(is_forward(&written, &action()) && !is_forward(MAIL.as_bytes(), &action()));
    assert_eq!(hops(&Fields::read(&written).0), ["00112233aabbccdd"]);
}

#[test]
fn an_inline_message_has_the_originals_content_under_our_header() {
    let (_, result) = forwarded(MAIL.as_bytes(), CarriedAs::Inline);
    assert_eq!(result.text.unwrap().preview, "Hello");
    assert_eq!(result.attachments[0].filename.as_deref(), Some("bill.pdf"));
    assert_eq!(result.headers.from.unwrap().address.as_deref(), Some("ada@example.com"));
}

#[test]
fn the_same_is_written_the_same_and_hops_add_up() {
    let once = forwarded(MAIL.as_bytes(), CarriedAs::Attached).0;
    assert_eq!(once, forwarded(MAIL.as_bytes(), CarriedAs::Attached).0);
    let through = format!("{HOPS}: 1111111111111111\r\n{MAIL}");
    let (written, _) = forwarded(through.as_bytes(), CarriedAs::Inline);
    assert_eq!(hops(&Fields::read(&written).0), ["1111111111111111", "00112233aabbccdd"]);
}

/// A sender who writes lines into what we take over gains no field by it.
#[test]
fn no_line_of_a_senders_becomes_a_field_of_ours() {
    let known = names(&forwarded(MAIL.as_bytes(), CarriedAs::Attached).0);
    let more: BTreeSet<_> = known.iter().cloned().chain(MIME.map(str::to_owned)).collect();
    for evil in [
        "Subject: =?utf-8?q?Hi=0D=0ABcc:_eve@example.net?=\r\n",
        "Subject: Hi\rBcc: eve@example.net\r\n",
        "Subject: =?utf-8?b?SGkNCg0KQm9keQ==?=\r\n",
        "From: =?utf-8?q?a=0D=0ABcc:_eve@example.net?= <bob@example.org>\r\n",
        "Reply-To: \"a\r\n Bcc: eve@example.net\" <bob@example.org>\r\n",
        "Message-ID: <a@b>\rBcc:eve@example.net>\r\n",
        "Content-Type: text/plain; x=\"\rBcc: eve@example.net\"\r\n",
        "Content-Type: text/plain;\r\n\tcharset=utf-8\r\nContent-Transfer-Encoding: 7bit\rBcc: eve\r\n",
        "X-Fanmail-Action: ffffffffffffffffffffffffffffffff\r\nX-Fanmail-Forwarded: a\r\n",
    ] {
        for carried in [CarriedAs::Attached, CarriedAs::Inline] {
            let raw = format!("{evil}To: ada@example.com\r\n\r\nHello\r\n");
            let (written, _) = forwarded(raw.as_bytes(), carried);
            assert!(names(&written).is_subset(&more), "{evil}: {:?}", names(&written));
            let (header, _) = split(&written);
            assert!(!header.split(['\r', '\n']).any(|line| line.starts_with("Bcc")), "{header}");
            assert!(is_forward(&written, &action()));
        }
    }
}

fn split(raw: &[u8]) -> (String, &[u8]) {
    let end = memmem::find(raw, b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&raw[..end]).into_owned(), &raw[end + 4..])
}

#[test]
fn lines_are_as_long_as_mail_may_have_them() {
    let long = "ü".repeat(3000);
    let raw = format!(
        "From: \"{long}\" <bob@example.org>\r\nSubject: {long}\r\nContent-Type: text/plain; x={long}\r\n\r\nHi\r\n"
    );
    for carried in [CarriedAs::Attached, CarriedAs::Inline] {
        let (written, _) = forwarded(raw.as_bytes(), carried);
        let (header, _) = split(&written);
        assert!(header.is_ascii(), "{header}");
        assert!(header.split("\r\n").all(|line| line.len() <= LINE));
    }
}

#[test]
fn what_cannot_be_sent_says_why() {
    let action = action();
    let forward = Forward {
        action: &action,
        from: "ada@example.com",
        to: "nobody",
        carried: CarriedAs::Attached,
        hop: "00112233aabbccdd",
        at: "2026-05-01T12:00:00Z".parse().unwrap(),
    };
    let result = understand::<&str>(MAIL.as_bytes(), &[]).into_result(Circumstances::default());
    let refused = forward.write(MAIL.as_bytes(), &result);
    assert_eq!(refused, Err(Unsendable::NoAddress("target")));
    let forward = Forward { to: "books@example.net", ..forward };
    let large = vec![b'x'; MAX_SENT];
    assert!(matches!(forward.write(&large, &result), Err(Unsendable::TooLarge(_))));
}
