//! From a part's transfer encoding and charset to bytes and text.
//!
//! Decoding never fails: what does not belong is passed over, as mail programs do. It gives its output in pieces, so
//! that an attachment is hashed without being held in memory a second time.

use mail_parser::decoders::charsets::map::charset_decoder;

use super::fields::as_text;

/// How a part's body is wrapped for transport.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    #[default]
    Plain,
    Base64,
    QuotedPrintable,
}

/// How many bytes are collected before they are handed on.
const PIECE: usize = 8 * 1024;

impl Encoding {
    /// The encoding by its name; an unknown one leaves the bytes as they are.
    pub(super) fn named(name: &[u8]) -> Self {
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"base64") {
            Self::Base64
        } else if name.eq_ignore_ascii_case(b"quoted-printable") {
            Self::QuotedPrintable
        } else {
            Self::Plain
        }
    }

    /// Whether an encoding is one of RFC 2045, section 6.1. A value in capitals or with a comment is.
    pub(super) fn is_known(name: &[u8]) -> bool {
        let end = name.trim_ascii().iter().position(|b| b.is_ascii_whitespace() || *b == b';');
        let name = name.trim_ascii();
        let name = &name[..end.unwrap_or(name.len())];
        ["7bit", "8bit", "binary", "base64", "quoted-printable"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    }

    /// Hands the decoded bytes to `sink`, piece by piece. Tells how many of the encoded ones had to be passed over, or
    /// taken as they are, because they do not belong.
    pub(super) fn decode(self, bytes: &[u8], sink: impl FnMut(&[u8])) -> usize {
        let mut out = Pieces { buffer: Vec::with_capacity(PIECE.min(bytes.len())), sink };
        let strange = match self {
            Self::Plain => {
                (out.sink)(bytes);
                0
            }
            Self::Base64 => base64(bytes, &mut out),
            Self::QuotedPrintable => quoted_printable(bytes, &mut out),
        };
        out.flush();
        strange
    }

    /// The decoded bytes in one piece, for a part whose length is bounded.
    pub(super) fn decoded(self, bytes: &[u8]) -> Vec<u8> {
        let mut whole = Vec::with_capacity(bytes.len());
        self.decode(bytes, |piece| whole.extend_from_slice(piece));
        whole
    }
}

/// Text in `charset`, or in UTF-8, or in the code page that 8-bit text without a charset mostly is.
pub(super) fn to_text(bytes: Vec<u8>, charset: Option<&str>) -> String {
    let named = charset.and_then(|name| charset_decoder(name.trim().as_bytes()));
    match String::from_utf8(bytes) {
        // Nothing above ASCII reads the same in almost every charset, and escapes tell the ones where it does not.
        Ok(text)
            if named.is_none() || (text.is_ascii() && !text.contains(['\u{1b}', '+', '~'])) =>
        {
            text
        }
        Ok(text) => named.map_or_else(String::new, |decode| decode(text.as_bytes())),
        Err(error) => named.map_or_else(
            || as_text(error.as_bytes()).into_owned(),
            |decode| decode(error.as_bytes()),
        ),
    }
}

struct Pieces<F> {
    buffer: Vec<u8>,
    sink: F,
}

impl<F: FnMut(&[u8])> Pieces<F> {
    fn push(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > PIECE {
            self.flush();
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            (self.sink)(&self.buffer);
            self.buffer.clear();
        }
    }
}

/// The value of each byte in base64; 64 for a pad, 65 for what does not belong.
const BASE64: [u8; 256] = {
    let mut table = [65; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0_u8;
    while value < 64 {
        table[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    table[b'=' as usize] = 64;
    table
};

fn base64(bytes: &[u8], out: &mut Pieces<impl FnMut(&[u8])>) -> usize {
    let (mut bits, mut count, mut strange) = (0_u32, 0, 0);
    for &byte in bytes {
        match BASE64[usize::from(byte)] {
            65 => strange += usize::from(!byte.is_ascii_whitespace()),
            // A pad ends a group; senders that glue two encoded texts together go on after it.
            64 => {
                finish_base64(bits, count, out);
                (bits, count) = (0, 0);
            }
            value => {
                bits = bits << 6 | u32::from(value);
                count += 1;
                if count == 4 {
                    out.push(&bits.to_be_bytes()[1..]);
                    (bits, count) = (0, 0);
                }
            }
        }
    }
    finish_base64(bits, count, out);
    // A character of its own holds no whole byte.
    strange + usize::from(count == 1)
}

/// The one or two bytes that a group of two or three characters holds.
fn finish_base64(bits: u32, count: usize, out: &mut Pieces<impl FnMut(&[u8])>) {
    match count {
        2 => out.push(&(bits << 12).to_be_bytes()[1..2]),
        3 => out.push(&(bits << 6).to_be_bytes()[1..3]),
        _ => {}
    }
}

fn quoted_printable(bytes: &[u8], out: &mut Pieces<impl FnMut(&[u8])>) -> usize {
    let (mut rest, mut strange) = (bytes, 0);
    while let Some(at) = memchr::memchr(b'=', rest) {
        for piece in rest[..at].chunks(PIECE) {
            out.push(piece);
        }
        rest = match &rest[at + 1..] {
            [b'\r', b'\n', after @ ..] | [b'\n', after @ ..] => after,
            [high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(&[hex(*high) << 4 | hex(*low)]);
                after
            }
            after => {
                // At the very end it is a soft line break whose line end was cut off.
                strange += usize::from(!after.is_empty());
                out.push(b"=");
                after
            }
        };
    }
    for piece in rest.chunks(PIECE) {
        out.push(piece);
    }
    strange
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_whatever_stands_between() {
        for (text, bytes) in [
            ("SGVsbG8=", &b"Hello"[..]),
            ("SGVs\r\nbG8", b"Hello"),
            ("SGk=SGk=", b"HiHi"),
            ("S-G-V-s", b"Hel"),
            ("", b""),
            ("A", b""),
        ] {
            assert_eq!(Encoding::Base64.decoded(text.as_bytes()), bytes, "{text}");
        }
    }

    #[test]
    fn quoted_printable_is_read_however_it_is_broken() {
        for (text, bytes) in [
            ("caf=C3=A9", "café"),
            ("a=\r\nb=\nc", "abc"),
            ("1=2", "1=2"),
            ("=c3=a9=", "é="),
            ("=\u{e9}", "=é"),
        ] {
            assert_eq!(
                Encoding::QuotedPrintable.decoded(text.as_bytes()),
                bytes.as_bytes(),
                "{text}"
            );
        }
    }

    #[test]
    fn pieces_join_to_the_whole() {
        let long = "QUJD".repeat(10_000);
        let mut pieces = Vec::new();
        Encoding::Base64.decode(long.as_bytes(), |piece| pieces.push(piece.len()));
        assert!(pieces.len() > 1 && pieces.iter().all(|&length| length <= PIECE));
        assert_eq!(pieces.iter().sum::<usize>(), 30_000);
    }

    #[test]
    fn text_is_read_in_its_charset_or_the_likeliest() {
        assert_eq!(to_text(b"caf\xe9".to_vec(), Some("ISO-8859-1")), "café");
        assert_eq!(to_text("café".into(), None), "café");
        assert_eq!(to_text(b"caf\xe9".to_vec(), Some("nonsense")), "café");
        assert_eq!(to_text(b"\x1b$B$3$s\x1b(B".to_vec(), Some("iso-2022-jp")), "こん");
    }
}
