//! Messages of any size: what fills mailboxes, and what a stranger would send to fill a memory.

/// A kind of message, by its name, and how one of about so many bytes is made.
type Shape = (&'static str, fn(usize) -> Vec<u8>);

pub(crate) const ALL: [Shape; 29] = [
    ("base64 attachment", attachment),
    ("text", text),
    ("text in a legacy charset", legacy_text),
    ("quoted-printable", quoted_printable),
    ("carriage returns only", carriage_returns),
    ("html", html),
    ("html of links", links),
    ("html of open tags", open_tags),
    ("deep nesting", nested),
    ("many parts", parts),
    ("parts of long types", long_types),
    ("parts of long names", long_names),
    ("parts of many parameters", many_parameters),
    ("parts of many continued parameters", many_continuations),
    ("one field", one_field),
    ("many fields", fields),
    ("addresses", addresses),
    ("delivery status", delivery_status),
    ("invitation", invitation),
    ("winmail.dat of one file", winmail),
    ("winmail.dat of many files", winmail_of_many),
    ("winmail.dat of a long name", winmail_of_a_name),
    ("attached messages", messages),
    ("packed report", packed_report),
    ("report of rows", report_of_rows),
    ("TLS report of policies", tls_report),
    ("html of hidden elements", hidden_elements),
    ("delimiters within a line", delimiters),
    ("no header", no_header),
];

/// A header and then `unit`, again and again.
fn of(header: &str, unit: &str, size: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(size);
    message.extend_from_slice(header.as_bytes());
    while message.len() + unit.len() <= size {
        message.extend_from_slice(unit.as_bytes());
    }
    message
}

const FROM: &str = "From: Ann <ann@example.com>\r\nTo: Kim <kim@example.org>\r\nSubject: Hello\r\n";

fn attachment(size: usize) -> Vec<u8> {
    let header = format!(
        "{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n--b\r\n\
         Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    of(
        &header,
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA\r\n",
        size,
    )
}

pub(crate) fn text(size: usize) -> Vec<u8> {
    of(&format!("{FROM}\r\n"), "They came by post. Row 7! Your order is on its way.\r\n", size)
}

fn legacy_text(size: usize) -> Vec<u8> {
    let header = format!("{FROM}Content-Type: text/plain; charset=utf-7\r\n\r\n");
    of(&header, "+MFMwkzBrMGEwbw- and +AOk-\r\n", size)
}

fn quoted_printable(size: usize) -> Vec<u8> {
    let header = format!("{FROM}Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    of(&header, "Gr=C3=BC=C3=9Fe aus M=C3=BCnchen=\r\n", size)
}

fn carriage_returns(size: usize) -> Vec<u8> {
    of("Subject: Hello\r\r", "It still boots.\r", size)
}

fn html(size: usize) -> Vec<u8> {
    let header = format!("{FROM}Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>");
    of(
        &header,
        "<table><tr><td><p style=\"color:red\">Caf&eacute; &amp; tea</p></td></tr></table>\r\n",
        size,
    )
}

fn links(size: usize) -> Vec<u8> {
    let header = format!("{FROM}Content-Type: text/html\r\n\r\n");
    of(&header, "<a href=http://a.example/>", size)
}

fn open_tags(size: usize) -> Vec<u8> {
    of(&format!("{FROM}Content-Type: text/html\r\n\r\n"), "<script><style></x <!- &", size)
}

fn nested(size: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(size);
    message.extend_from_slice(FROM.as_bytes());
    for level in 0.. {
        let line =
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        if message.len() + line.len() > size {
            break;
        }
        message.extend_from_slice(line.as_bytes());
    }
    message
}

fn parts(size: usize) -> Vec<u8> {
    of(
        &format!("{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\n"),
        "--b\r\n\r\nx\r\n",
        size,
    )
}

/// Parts whose one field is as long as a field may be.
fn long_fields(start: &str, unit: &str, size: usize) -> Vec<u8> {
    let part = format!("--b\r\n{start}{}\r\n\r\nx\r\n", unit.repeat(64_000 / unit.len()));
    of(&format!("{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\n"), &part, size)
}

fn long_types(size: usize) -> Vec<u8> {
    long_fields("Content-Type: application/", "X", size)
}

fn long_names(size: usize) -> Vec<u8> {
    long_fields("Content-Disposition: attachment; filename*=iso-8859-1''", "\u{e9}", size)
}

fn many_parameters(size: usize) -> Vec<u8> {
    long_fields("Content-Type: image/png", ";a=b", size)
}

fn many_continuations(size: usize) -> Vec<u8> {
    long_fields("Content-Type: image/png", ";a*1=b", size)
}

fn one_field(size: usize) -> Vec<u8> {
    of("Subject: ", "=?utf-8?B?SsO8cmdlbg==?= ", size)
}

fn fields(size: usize) -> Vec<u8> {
    of(FROM, "X-Field: a; b\r\n", size)
}

fn addresses(size: usize) -> Vec<u8> {
    of("To: Kim <kim@example.org>", ",\r\n \"B, C\" <b@example.com>", size)
}

fn delivery_status(size: usize) -> Vec<u8> {
    let header = format!(
        "{FROM}Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n"
    );
    of(
        &header,
        "Final-Recipient: rfc822; a@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n",
        size,
    )
}

fn invitation(size: usize) -> Vec<u8> {
    let header =
        format!("{FROM}Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n");
    of(&header, "ATTENDEE:mailto:kim@example.org\r\n", size)
}

/// A `winmail.dat` in base64 that is about as long as the message.
fn winmail_with(attributes: &[u8]) -> Vec<u8> {
    let header = format!(
        "{FROM}Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    let stream = [&[0x78, 0x9f, 0x3e, 0x22, 1, 0], attributes].concat();
    [header.into_bytes(), base64(&stream)].concat()
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = three.iter().fold(0, |bits, &byte| bits << 8 | usize::from(byte));
        [18, 12, 6, 0].map(|shift| alphabet[bits >> shift & 63])
    };
    bytes.chunks_exact(3).flat_map(group).collect()
}

fn attribute(id: u32, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_le_bytes();
    [&[2][..], &id.to_le_bytes(), &length, value, &[0, 0]].concat()
}

fn winmail(size: usize) -> Vec<u8> {
    let file = attribute(0x0006_800f, &vec![b'x'; size * 3 / 4]);
    winmail_with(&[attribute(0x0006_9002, &[0; 14]), file].concat())
}

fn winmail_of_many(size: usize) -> Vec<u8> {
    let file = [attribute(0x0006_9002, &[0; 14]), attribute(0x0001_8010, b"a.txt\0")].concat();
    winmail_with(&file.repeat(size * 3 / 4 / file.len()))
}

fn winmail_of_a_name(size: usize) -> Vec<u8> {
    let name = vec![0x4e; size * 3 / 4];
    let length = u32::try_from(name.len()).unwrap().to_le_bytes();
    let properties = [&[1, 0, 0, 0, 0x1f, 0, 7, 0x37, 1, 0, 0, 0][..], &length, &name].concat();
    winmail_with(&[attribute(0x0006_9002, &[0; 14]), attribute(0x0006_9005, &properties)].concat())
}

fn messages(size: usize) -> Vec<u8> {
    let header = format!("{FROM}Content-Type: multipart/digest; boundary=a\r\n\r\n");
    let to = "Kim <kim@example.org>, ".repeat(2_500);
    of(&header, &format!("--a\r\n\r\n{FROM}Message-ID: <1@x>\r\nCc: {to}\r\n\r\nHello\r\n"), size)
}

fn report(kind: &str) -> String {
    format!("{FROM}Content-Type: application/{kind}; name=a!b!1!2.xml.gz\r\n")
}

/// Empty stored blocks, each of which the next follows: what unpacks to nothing is read to its limit too.
fn packed_report(size: usize) -> Vec<u8> {
    let header = report("gzip") + "\r\n";
    let mut message = header.into_bytes();
    message.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    while message.len() + 5 <= size {
        message.extend_from_slice(&[0, 0, 0, 0xff, 0xff]);
    }
    message
}

fn report_of_rows(size: usize) -> Vec<u8> {
    of(
        &(report("xml") + "\r\n<feedback>"),
        "<record><row><count>1</count></row></record><a>&amp;&#x1;",
        size,
    )
}

fn tls_report(size: usize) -> Vec<u8> {
    let header = report("tlsrpt+json") + "\r\n{\"policies\":[{}";
    let mut message = of(&header, ",{\"a\":[1,[2]]}", size.saturating_sub(2));
    message.extend_from_slice(b"]}");
    message
}

fn hidden_elements(size: usize) -> Vec<u8> {
    let header = format!("{FROM}Content-Type: text/html\r\n\r\n");
    of(&header, "<div style='color:#fff;display:none'><blockquote type=cite><p hidden>x</b>", size)
}

/// A delimiter at every third byte of one line.
fn delimiters(size: usize) -> Vec<u8> {
    of("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx", "--a", size)
}

fn no_header(size: usize) -> Vec<u8> {
    of("", "nothing of this is a header\n", size)
}

/// What a header is made of that is nothing but beginnings.
pub(crate) const BEGINNINGS: [&str; 14] = [
    "=?",
    "=?a?b?",
    "=?utf-8?Q?a",
    "=?utf-8?Q?=41?=",
    "(",
    "\"",
    "<",
    "a,",
    ":",
    ";a*1=b",
    "\\",
    "=?utf-8?B?",
    "<a@b>",
    "\r\n a;",
];

/// A header whose fields all are `unit`, again and again, as long as fields are read.
pub(crate) fn beginnings(unit: &str) -> Vec<u8> {
    let value = unit.repeat((64 << 10) / unit.len() - 50);
    let names = [
        "From",
        "To",
        "To",
        "To",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "References",
        "List-Unsubscribe",
        "Authentication-Results",
    ];
    let fields = names.map(|name| format!("{name}: {value}\r\n"));
    fields.concat().into_bytes()
}
