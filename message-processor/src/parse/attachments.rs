//! The files that came with a message.

use aws_lc_rs::digest::{Context, SHA256};
use shared::result::Attachment;

use super::limits;
use super::mime::Part;
use super::text::is_body;

/// Parts that carry the message's own machinery: the result says what is in them elsewhere.
const MACHINERY: [&str; 6] = [
    "message/delivery-status",
    "message/global-delivery-status",
    "message/disposition-notification",
    "message/feedback-report",
    "text/rfc822-headers",
    "application/pgp-encrypted",
];

/// Every part that is a file.
pub(super) fn list(parts: &[Part<'_>]) -> Vec<Attachment> {
    parts.iter().filter(|part| is_file(part)).map(attachment).collect()
}

fn is_file(part: &Part<'_>) -> bool {
    let named = part.named || part.set_aside;
    let text = part.kind.starts_with("text/") || part.kind.starts_with("multipart/");
    !is_body(part) && !MACHINERY.contains(&&*part.kind) && (named || !text)
}

fn attachment(part: &Part<'_>) -> Attachment {
    let mut hash = Context::new(&SHA256);
    let mut size = 0;
    part.encoding.decode(part.body, |piece| {
        hash.update(piece);
        size += piece.len() as u64;
    });
    let sha256 = hash.finish().as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        text.extend(
            [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])),
        );
        text
    });
    let shown_in_text = part.inline || part.has_id && part.kind.starts_with("image/");
    Attachment {
        filename: part.filename.clone(),
        content_type: part.kind.clone(),
        size_bytes: size,
        sha256,
        inline: shown_in_text && !part.set_aside,
    }
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
    use super::super::fields::Fields;
    use super::super::mime::Tree;
    use super::*;

    #[test]
    fn a_file_is_hashed_as_decoded() {
        let message = b"Content-Type: application/pdf; name*=utf-8''caf%C3%A9.pdf\n\
            Content-Transfer-Encoding: base64\n\nYWJj\n";
        let (fields, body) = Fields::read(message);
        let files = list(&Tree::walk(&fields, body).parts);
        assert_eq!(files.len(), 1);
        assert_eq!((files[0].filename.as_deref(), files[0].size_bytes), (Some("café.pdf"), 3));
        assert_eq!(
            files[0].sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
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
