//! The one file within a small archive, up to a limit.
//!
//! Reports come as gzip or zip. A few kilobytes can unpack to gigabytes: no more is unpacked than is read, and what is
//! beyond is not looked at. Of a zip the first file is taken, by the header that stands before it (APPNOTE.TXT, section
//! 4.3.7): whoever sends a report sends one file, and the directory at the archive's end could only disagree.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder};

/// The unpacked bytes, at most `limit` of them, and whether there are more; bytes that are no archive as they are.
pub(super) fn unpacked(bytes: &[u8], limit: usize) -> (Vec<u8>, bool) {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return read(MultiGzDecoder::new(bytes), limit);
    }
    match zipped(bytes) {
        Some((8, file)) => read(DeflateDecoder::new(file), limit),
        Some((_, file)) => read(file, limit),
        None => read(bytes, limit),
    }
}

/// The method and the bytes of a zip's first file.
fn zipped(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let rest = bytes.strip_prefix(b"PK\x03\x04")?;
    let number = |at: usize| Some(u16::from_le_bytes(rest.get(at..at + 2)?.try_into().ok()?));
    let method = number(4)?;
    // Names and extra fields, whose lengths end the fixed part of the header.
    let file = rest.get(26 + usize::from(number(22)?) + usize::from(number(24)?)..)?;
    let kept = u32::from_le_bytes(rest.get(14..18)?.try_into().ok()?);
    let stored = method == 0 && kept > 0;
    let length = if stored { usize::try_from(kept).ok()?.min(file.len()) } else { file.len() };
    file.get(..length).map(|file| (method, file))
}

/// What can be read before the limit, or before something is broken.
fn read(source: impl Read, limit: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let beyond = limit.saturating_add(1);
    // A stream that breaks gives what came before: most of a report is better than none.
    let _broken = source.take(beyond as u64).read_to_end(&mut out);
    let more = out.len() > limit;
    out.truncate(limit);
    (out, more)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(bytes: &[u8], method: u16) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        let packed = if method == 8 { encoder.finish().unwrap() } else { bytes.to_vec() };
        let size = u32::try_from(packed.len()).unwrap().to_le_bytes();
        let lengths = [5, 0, 2, 0];
        let head =
            [b"PK\x03\x04\x14\0\0\0", &method.to_le_bytes()[..], &[0; 8], &size, &[0; 4], &lengths];
        [&head.concat()[..], b"a.xmlEX", &packed, b"PK\x01\x02 and so on"].concat()
    }

    #[test]
    fn a_file_is_unpacked_whatever_it_is_packed_in() {
        let text = b"<feedback/>".repeat(99);
        for packed in [gzip(&text), zip(&text, 8), zip(&text, 0), text.clone()] {
            assert_eq!(unpacked(&packed, 9_999), (text.clone(), false));
        }
    }

    #[test]
    fn a_bomb_is_unpacked_to_the_limit_and_no_further() {
        let bomb = vec![0; 64 << 20];
        for packed in [gzip(&bomb), zip(&bomb, 8)] {
            assert!(packed.len() < 100_000);
            let (out, more) = unpacked(&packed, 1_000);
            assert!(out.len() == 1_000 && out.capacity() < 10_000 && more, "{}", out.capacity());
        }
    }

    #[test]
    fn a_packed_file_that_is_cut_gives_what_came_before() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        let packed = gzip(&text);
        let (out, more) = unpacked(&packed[..packed.len() / 2], 1 << 20);
        assert!(!out.is_empty() && text.starts_with(&out) && !more);
        assert_eq!(unpacked(b"PK\x03\x04", 9).0, b"PK\x03\x04");
    }
}
