//! The files that came with a message.

use aws_lc_rs::digest::{Context, SHA256};
use shared::result::{AttachedMessage, Attachment};

use super::defects::Defects;
use super::fields::Fields;
use super::headers::{self, words};
use super::limits;
use super::mime::Part;
use super::text::is_body;
use super::tnef;

/// Parts that carry the message's own machinery: the result says what is in them elsewhere. One that its sender names
/// is a file nevertheless, and mail programs show it as one.
const MACHINERY: [&str; 6] = [
    "message/delivery-status",
    "message/global-delivery-status",
    "message/disposition-notification",
    "message/feedback-report",
    "text/rfc822-headers",
    "application/pgp-encrypted",
];

/// Every part that is a file.
pub(super) fn list(parts: &[Part<'_>], defects: &mut Defects) -> Vec<Attachment> {
    parts.iter().filter(|part| is_file(part)).map(|part| attachment(part, defects)).collect()
}

fn is_file(part: &Part<'_>) -> bool {
    let named = part.named || part.set_aside;
    let text = part.kind.starts_with("text/") || part.kind.starts_with("multipart/");
    !is_body(part) && (named || !text && !MACHINERY.contains(&&*part.kind))
}

fn attachment(part: &Part<'_>, defects: &mut Defects) -> Attachment {
    let mut hash = Context::new(&SHA256);
    let mut size = 0;
    let strange = part.encoding.decode(part.body, |piece| {
        hash.update(piece);
        size += piece.len() as u64;
    });
    defects.note_encoding(strange);
    let shown_in_text = part.inline || part.has_id && part.kind.starts_with("image/");
    Attachment {
        filename: part.filename.clone(),
        content_type: part.kind.clone(),
        size_bytes: size,
        sha256: in_hexadecimal(hash),
        inline: shown_in_text && !part.set_aside,
        contents: if is_winmail(part) { within(part) } else { Vec::new() },
        message: is_message(part).then(|| message(part)),
    }
}

fn in_hexadecimal(hash: Context) -> String {
    hash.finish().as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        text.extend(
            [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])),
        );
        text
    })
}

fn is_winmail(part: &Part<'_>) -> bool {
    matches!(&*part.kind, "application/ms-tnef" | "application/vnd.ms-tnef")
        || part.filename.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("winmail.dat"))
}

/// The files within a `winmail.dat`.
fn within(part: &Part<'_>) -> Vec<Attachment> {
    let bytes = part.whole();
    let files = tnef::files(&bytes).unwrap_or_default();
    files.iter().map(unwrapped).collect()
}

fn unwrapped(file: &tnef::File<'_>) -> Attachment {
    let mut hash = Context::new(&SHA256);
    hash.update(file.bytes);
    let kind = file.kind.as_deref().and_then(|kind| words(kind, limits::TYPE_CHARS));
    Attachment {
        filename: file.name.as_deref().and_then(filename),
        content_type: kind.unwrap_or_else(|| "application/octet-stream".to_owned()),
        size_bytes: file.bytes.len() as u64,
        sha256: in_hexadecimal(hash),
        inline: file.has_id,
        contents: Vec::new(),
        message: None,
    }
}

fn is_message(part: &Part<'_>) -> bool {
    matches!(&*part.kind, "message/rfc822" | "message/global")
}

/// What an attached message is, by the start of it.
fn message(part: &Part<'_>) -> AttachedMessage {
    let start = part.start(limits::FIELD_BYTES);
    headers::brief(&Fields::read(start.trim_ascii_start()).0)
}

/// The last part of a name, without what a file system or a terminal would act on.
pub(super) fn filename(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    // Overrides of the writing direction make `exe.gpj` read as `jpg.exe`.
    let harmless = |c: &char| {
        !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let name: String = last.chars().filter(harmless).take(limits::FILENAME_CHARS).collect();
    let name = name.trim();
    (!name.is_empty() && name != "." && name != "..").then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::mime::Tree;
    use super::*;

    #[test]
    fn a_file_is_hashed_as_decoded() {
        let message = b"Content-Type: application/pdf; name*=utf-8''caf%C3%A9.pdf\n\
            Content-Transfer-Encoding: base64\n\nYWJj\n";
        let (fields, body) = Fields::read(message);
        let files = list(&Tree::walk(&fields, body).parts, &mut Defects::default());
        assert_eq!(files.len(), 1);
        assert_eq!((files[0].filename.as_deref(), files[0].size_bytes), (Some("café.pdf"), 3));
        assert_eq!(
            files[0].sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn the_files_within_a_winmail_are_told_with_it() {
        let text = "From: a@example.com\nContent-Type: application/ms-tnef; name=winmail.dat\n\n";
        let attribute = |id: u32, value: &[u8]| {
            let length = u32::try_from(value.len()).unwrap().to_le_bytes();
            [&[2][..], &id.to_le_bytes(), &length, value, &[0, 0]].concat()
        };
        let parts = [
            text.as_bytes(),
            &[0x78, 0x9f, 0x3e, 0x22, 1, 0],
            &attribute(0x0006_9002, &[0; 14]),
            &attribute(0x0001_8010, b"..\\minutes.txt\0"),
            &attribute(0x0006_800f, b"abc"),
        ];
        let message = parts.concat();
        let (fields, body) = Fields::read(&message);
        let files = list(&Tree::walk(&fields, body).parts, &mut Defects::default());
        assert_eq!(files[0].filename.as_deref(), Some("winmail.dat"));
        let within = &files[0].contents[0];
        assert_eq!((within.filename.as_deref(), within.size_bytes), (Some("minutes.txt"), 3));
        assert_eq!(
            within.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn an_attached_message_says_what_it_is() {
        let message = b"Content-Type: multipart/digest; boundary=a\n\n--a\n\nFrom: Kim <kim@example.org>\n\
            Subject: =?utf-8?q?caf=C3=A9?=\nDate: Fri, 1 May 2026 14:00:00 +0200\nMessage-ID: <1@x>\n\nHi\n--a\n\
            Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogSGkKCkhp\n--a--\n";
        let (fields, body) = Fields::read(message);
        let files = list(&Tree::walk(&fields, body).parts, &mut Defects::default());
        let first = files[0].message.clone().unwrap();
        assert_eq!(first.subject.as_deref(), Some("café"));
        assert_eq!(first.from.unwrap().address.as_deref(), Some("kim@example.org"));
        assert_eq!((first.message_id.as_deref(), first.date.is_some()), (Some("1@x"), true));
        assert_eq!(files[1].message.clone().unwrap().subject.as_deref(), Some("Hi"));
    }

    #[test]
    fn a_filename_is_a_name_and_nothing_else() {
        for (given, kept) in [
            ("../../etc/passwd", Some("passwd")),
            ("C:\\x\\a.exe", Some("a.exe")),
            ("a\0\r\nb", Some("ab")),
            ("photo\u{202e}gpj.exe", Some("photogpj.exe")),
            ("..", None),
            ("a/", None),
        ] {
            assert_eq!(filename(given).as_deref(), kept, "{given:?}");
        }
        assert_eq!(
            filename(&"x".repeat(9_999)).map(|name| name.len()),
            Some(limits::FILENAME_CHARS)
        );
    }
}
