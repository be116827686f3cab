//! Whether a message is signed or encrypted, as its types say: S/MIME (RFC 8551), PGP/MIME (RFC 3156), PGP within the
//! text. No signature is checked and nothing is decrypted.

use memchr::memmem;
use shared::result::{Protection, ProtectionFormat};

use super::mime::Part;

/// What the protocol of a multipart/signed or multipart/encrypted says.
pub(super) fn of_multipart(
    kind: &str,
    protocol: impl Fn() -> Option<String>,
) -> Option<Protection> {
    let signed = kind == "multipart/signed";
    if !signed && kind != "multipart/encrypted" {
        return None;
    }
    let protocol = protocol().unwrap_or_default().to_ascii_lowercase();
    let format = if protocol.contains("pkcs7") {
        ProtectionFormat::Smime
    } else if protocol.contains("pgp") {
        ProtectionFormat::Pgp
    } else {
        return None;
    };
    Some(Protection { format, signed, encrypted: !signed })
}

/// What a part or the text says that is not within such a multipart.
pub(super) fn of_parts(parts: &[Part<'_>], text: &str) -> Option<Protection> {
    parts.iter().find_map(enveloped).or_else(|| within_text(text))
}

/// Bytes of an envelope that tell its content, and encoded ones that surely have them.
const HEAD: usize = 32;
const ENCODED_HEAD: usize = 128;

/// A whole message in one CMS envelope. What is in it the envelope says itself, by an object identifier right at its
/// start (RFC 5652, section 3); the parameter `smime-type` is often left out.
fn enveloped(part: &Part<'_>) -> Option<Protection> {
    if !matches!(&*part.kind, "application/pkcs7-mime" | "application/x-pkcs7-mime") {
        return None;
    }
    let head = part.start(ENCODED_HEAD);
    let head = &head[..head.len().min(HEAD)];
    let is = |content: u8| memmem::find(head, &[CMS, &[content]].concat()).is_some();
    let authenticated = memmem::find(head, AUTHENTICATED).is_some();
    let (signed, encrypted) = (is(2), is(3) || authenticated);
    let format = ProtectionFormat::Smime;
    (signed || encrypted).then_some(Protection { format, signed, encrypted })
}

/// 1.2.840.113549.1.7, of which 2 is signed data and 3 enveloped data.
const CMS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];

/// 1.2.840.113549.1.9.16.1.23, authenticated enveloped data (RFC 5083).
const AUTHENTICATED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17];

/// The armour of RFC 9580, section 6.2, at the start of a line.
fn within_text(text: &str) -> Option<Protection> {
    let has = |armour: &str| text.lines().any(|line| line.trim_end() == armour);
    let signed = has("-----BEGIN PGP SIGNED MESSAGE-----");
    let encrypted = has("-----BEGIN PGP MESSAGE-----");
    let format = ProtectionFormat::Pgp;
    (signed || encrypted).then_some(Protection { format, signed, encrypted })
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn told(message: &str) -> Option<(ProtectionFormat, bool, bool)> {
        let content = parse(message.as_bytes()).ok()?.content;
        content.protection.map(|found| (found.format, found.signed, found.encrypted))
    }

    #[test]
    fn a_protected_multipart_is_known_by_its_protocol() {
        for (kind, protocol, expected) in [
            ("signed", "application/pkcs7-signature", Some((ProtectionFormat::Smime, true, false))),
            (
                "signed",
                "application/x-pkcs7-signature",
                Some((ProtectionFormat::Smime, true, false)),
            ),
            ("signed", "application/pgp-signature", Some((ProtectionFormat::Pgp, true, false))),
            ("encrypted", "application/pgp-encrypted", Some((ProtectionFormat::Pgp, false, true))),
            ("signed", "application/x-other", None),
            ("mixed", "application/pgp-signature", None),
        ] {
            let message = format!(
                "From: a@example.com\nContent-Type: multipart/{kind}; protocol=\"{protocol}\"; boundary=b\n\n--b\n\nx\n--b--\n"
            );
            assert_eq!(told(&message), expected, "{kind} {protocol}");
        }
    }

    #[test]
    fn an_envelope_says_what_it_holds() {
        let part = |base64: &str| {
            format!(
                "From: a@example.com\nContent-Type: application/pkcs7-mime; name=smime.p7m\n\
                 Content-Transfer-Encoding: base64\n\n{base64}\n"
            )
        };
        let smime = ProtectionFormat::Smime;
        assert_eq!(told(&part("MIIBxAYJKoZIhvcNAQcDoIIBtTCC")), Some((smime, false, true)));
        assert_eq!(told(&part("MIAGCSqGSIb3DQEHAqCAMIACAQEx")), Some((smime, true, false)));
        assert_eq!(told(&part("bm8gZW52ZWxvcGU=")), None);
    }

    #[test]
    fn armour_within_the_text_is_seen_where_it_is_no_quote() {
        let pgp = ProtectionFormat::Pgp;
        let message = |text: &str| told(&format!("From: a@example.com\n\n{text}\n"));
        assert_eq!(message("-----BEGIN PGP MESSAGE-----\n\nhQEM"), Some((pgp, false, true)));
        assert_eq!(
            message("-----BEGIN PGP SIGNED MESSAGE-----\nHash: x"),
            Some((pgp, true, false))
        );
        assert_eq!(message("> -----BEGIN PGP MESSAGE-----"), None);
    }
}
