//! MIME bodies with several parts, as batches and uploads send them.

use bytes::Bytes;

/// One part.
#[derive(Debug)]
pub(super) struct Part {
    /// Its headers, names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// What follows them.
    pub(super) content: Bytes,
}

/// The parts of a body, if its type says that it has any.
pub(super) fn parts(content_type: &str, body: &Bytes) -> Option<Vec<Part>> {
    if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let boundary = content_type.split_once("boundary=")?.1.split(';').next()?;
    let mark = format!("--{}", boundary.trim().trim_matches('"')).into_bytes();
    let (mut parts, mut start) = (Vec::new(), None);
    for (line, end) in lines(body) {
        let text = body[line..end].trim_ascii_end();
        if text.strip_prefix(mark.as_slice()).is_some_and(|rest| rest.is_empty() || rest == b"--") {
            if let Some(start) = start {
                parts.push(part(&body.slice(start..before_break(body, start, line))));
            }
            start = Some(end);
        }
    }
    Some(parts)
}

/// Splits headers from what follows the first empty line.
pub(super) fn part(bytes: &Bytes) -> Part {
    let mut headers = Vec::new();
    for (start, end) in lines(bytes) {
        let line = String::from_utf8_lossy(&bytes[start..end]);
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None if line.trim().is_empty() => return Part { headers, content: bytes.slice(end..) },
            None => {}
        }
    }
    Part { headers, content: Bytes::new() }
}

/// Where each line starts, and where the next does.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    bytes.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let from = start;
        start += line.len();
        (from, start)
    })
}

/// The line break before a boundary belongs to the boundary.
fn before_break(body: &[u8], start: usize, line: usize) -> usize {
    let text = &body[start..line];
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    start + text.strip_suffix(b"\r").unwrap_or(text).len()
}

impl Part {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_split_at_their_boundary_and_nowhere_else() {
        let body = "preface\r\n--b\r\nA: 1\r\n\r\none\r\n--bb\r\n--b\n\ntwo\n--b--\r\nafter";
        let parts = parts("multipart/mixed; boundary=\"b\"", &Bytes::from(body)).unwrap();
        let contents: Vec<_> = parts.iter().map(|part| part.content.as_ref()).collect();
        assert_eq!(contents, [&b"one\r\n--bb"[..], b"two"]);
        assert_eq!(parts[0].header("a"), Some("1"));
    }

    #[test]
    fn what_is_not_multipart_has_no_parts() {
        assert!(parts("message/rfc822", &Bytes::from("--b\n")).is_none());
        assert!(parts("multipart/mixed", &Bytes::from("--b\n")).is_none());
    }
}
