//! Fields of the shape `value; name=value` (RFC 2045, section 5.1), with values that are continued or encoded (RFC 2231).

use mail_parser::decoders::charsets::map::charset_decoder;

use super::decode::to_text;
use super::encoded::decoded;
use super::fields::as_text;

/// A field, taken apart. Values stand as written but for their quotes: they are decoded when they are asked for.
pub(super) struct Parameters {
    /// What comes first, in lower case.
    pub(super) value: String,
    list: Vec<Parameter>,
}

/// One `name*number*=value`.
struct Parameter {
    name: String,
    /// Its place among those that it continues, where it has a number.
    section: Option<u16>,
    /// Whether it is percent-encoded; the first one begins with charset and language.
    extended: bool,
    value: Vec<u8>,
}

/// Continuations of one value that are read; a name of 255 bytes, each of them encoded, takes 13.
const SECTIONS: u16 = 100;

impl Parameters {
    /// Takes a field apart.
    pub(super) fn read(field: &[u8]) -> Self {
        let field = field.trim_ascii_start();
        // Some senders leave the first semicolon out.
        let ends = |byte: &u8| matches!(byte, b';' | b'(') || byte.is_ascii_whitespace();
        let start = field.iter().position(ends).unwrap_or(field.len());
        let value = as_text(&field[..start]).to_ascii_lowercase();
        let mut list = Vec::new();
        let mut rest = &field[start..];
        while let Some((parameter, after)) = Parameter::next(rest) {
            list.extend(parameter);
            rest = after;
        }
        Self { value, list }
    }

    /// A parameter's value as text, its parts put together.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let mut parts: Vec<_> =
            self.list.iter().filter(|part| part.name.eq_ignore_ascii_case(name)).collect();
        // A plain value beside one in parts, or an encoded one, is for programs that can read neither.
        if parts.iter().any(|part| !part.is_plain()) {
            parts.retain(|part| !part.is_plain());
        }
        parts.sort_by_key(|part| part.section);
        // Of two with one place the first counts.
        parts.dedup_by_key(|part| part.section);
        let first = parts.first()?;
        if !parts.iter().any(|part| part.extended) {
            let whole = parts.iter().flat_map(|part| &part.value).copied().collect::<Vec<_>>();
            return Some(decoded(&as_text(&whole)).into_owned());
        }
        let (charset, start) = if first.extended { charset(&first.value) } else { (None, 0) };
        let mut bytes = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let value = part.value.get(if at == 0 { start } else { 0 }..).unwrap_or_default();
            if part.extended { percent_decoded(value, &mut bytes) } else { bytes.extend(value) }
        }
        let known = charset.filter(|name| charset_decoder(name.as_bytes()).is_some());
        Some(to_text(bytes, known.as_deref()))
    }
}

impl Parameter {
    fn is_plain(&self) -> bool {
        self.section.is_none() && !self.extended
    }

    /// The parameter that follows the semicolon at the start of `rest`, if it is one, and what follows it.
    fn next(rest: &[u8]) -> Option<(Option<Self>, &[u8])> {
        let at = rest.iter().position(|&byte| byte != b';' && !byte.is_ascii_whitespace())?;
        let rest = &rest[at..];
        let end = rest.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let Some(value) = after.strip_prefix(b"=") else { return Some((None, after)) };
        let (value, after) = value_of(value);
        Some((Self::named(name.trim_ascii(), value), after))
    }

    fn named(name: &[u8], value: Vec<u8>) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?;
        let (name, extended) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
        let (name, section) = match name.split_once('*') {
            Some((name, number)) => (name, Some(number.parse().ok().filter(|at| *at < SECTIONS)?)),
            None => (name, None),
        };
        Some(Self { name: name.to_owned(), section, extended, value })
    }
}

/// The value at the start of `rest`, quoted or not, and what follows it.
fn value_of(rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let rest = rest.trim_ascii_start();
    if let Some(inner) = rest.strip_prefix(b"\"") {
        let (mut value, mut escaped) = (Vec::new(), false);
        for (at, &byte) in inner.iter().enumerate() {
            match byte {
                _ if escaped => {
                    // Only these two need it. A path of Windows' keeps its backslashes.
                    if !matches!(byte, b'"' | b'\\') {
                        value.push(b'\\');
                    }
                    value.push(byte);
                    escaped = false;
                }
                b'\\' => escaped = true,
                b'"' => return (value, after_value(&inner[at + 1..])),
                b'\r' | b'\n' => {}
                _ => value.push(byte),
            }
        }
        // Without its end it is read as if it had never begun.
    }
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    let end = rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len());
    let (value, after) = rest.split_at(end);
    let value = match value.iter().position(|byte| *byte == b'(') {
        Some(comment) if comment > 0 && value[comment - 1].is_ascii_whitespace() => {
            &value[..comment]
        }
        _ => value,
    };
    (
        value.trim_ascii().iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect(),
        after,
    )
}

/// What follows a quoted value: some senders leave the semicolon out.
fn after_value(rest: &[u8]) -> &[u8] {
    let start = rest.iter().position(|&byte| byte == b';' || byte.is_ascii_whitespace());
    start.map_or(&[], |start| &rest[start..])
}

/// The charset that an extended value begins with, and where the value itself does: `utf-8'en'value`.
fn charset(value: &[u8]) -> (Option<String>, usize) {
    let mut marks = value.iter().enumerate().filter(|(_, byte)| **byte == b'\'').map(|(at, _)| at);
    match (marks.next(), marks.next()) {
        (Some(first), Some(second)) => {
            (Some(String::from_utf8_lossy(&value[..first]).into_owned()), second + 1)
        }
        _ => (None, 0),
    }
}

fn percent_decoded(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| byte == b'%');
        let hex =
            pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        out.push(hex.unwrap_or(byte));
        rest = if hex.is_some() { &after[2..] } else { after };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(field: &str, name: &str) -> Option<String> {
        Parameters::read(field.as_bytes()).get(name)
    }

    #[test]
    fn a_value_is_read_however_it_is_written() {
        for (field, value) in [
            ("a/b; name=c.txt", "c.txt"),
            ("a/b;NAME = \"c d.txt\" ; x=y", "c d.txt"),
            ("a/b; name=c d.txt; x=y", "c d.txt"),
            ("a/b; x=\"name=no\"; name=\"a\\\"b;\"", "a\"b;"),
            ("a/b; name=\"C:\\dir\\a.txt\"", "C:\\dir\\a.txt"),
            ("a/b; x=\"y\" name=c", "c"),
            ("a/b; name=\"open; x=y", "open"),
            ("a/b; name=c (d)", "c"),
            ("a/b; name=\r\n\t\"=?utf-8?B?0LTQ?=\r\n =?utf-8?B?tdC7?=\"", "дел"),
            ("a/b; name*=utf-8'en'caf%C3%A9", "café"),
            ("a/b; name=cafe; name*=utf-8''caf%C3%A9", "café"),
            ("a/b; name*1=b; name*0=a", "ab"),
            ("a/b; name=x; name*0=a; name*1=b", "ab"),
            ("a/b; name*0*=iso-8859-1''%E9; name*1*=%E8; name*2=%41", "éè%41"),
            ("a/b; name*0=\"a%20b\"; name*1*=%20c", "a%20b c"),
            ("a/b; name*=%zz%4", "%zz%4"),
            ("a/b name=c", "c"),
            ("a/b; name=first; name=second", "first"),
        ] {
            assert_eq!(get(field, "name").as_deref(), Some(value), "{field}");
        }
        assert_eq!(get("a/b; name", "name"), None);
        assert_eq!(get("a/b; filename=c", "name"), None);
        let raw = Parameters::read(b"Text/Plain (text); name=\"caf\xe9\"");
        assert_eq!((&*raw.value, raw.get("name").as_deref()), ("text/plain", Some("café")));
    }

    #[test]
    fn any_number_of_pieces_is_read_in_bounded_time() {
        for unit in [";a*1=b", ";a=\"", "=\"", ";;;", "\\\"", "=?", ";a*=x'y'%"] {
            let field = format!("a/b{}", unit.repeat(4_096 / unit.len()));
            let _value = get(&field, "a");
        }
    }
}
