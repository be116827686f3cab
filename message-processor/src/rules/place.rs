//! Where something stands in a rules file.

use std::fmt;

/// Something that is wrong with a rules file, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}

impl Problem {
    /// A problem at a byte of `text`. It is told on one line, whatever it quotes.
    pub(super) fn at(text: &str, offset: usize, what: &str) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.chars().fold(String::new(), |mut line, c| {
                if c.is_control() {
                    line.extend(c.escape_default());
                } else {
                    line.push(c);
                }
                line
            }),
        }
    }
}

/// Where the byte `wanted` of a TOML string's content stands in `raw`, the string as it is written, in its quotes.
pub(super) fn within_string(raw: &str, wanted: usize) -> usize {
    let quote = if raw.starts_with('\'') { '\'' } else { '"' };
    let long = raw.starts_with("'''") || raw.starts_with("\"\"\"");
    let mut at = if long { 3 } else { 1 };
    if long {
        // TOML leaves out a line end right after the opening quotes.
        at += ["\r\n", "\n"].iter().find(|end| raw[at..].starts_with(**end)).map_or(0, |e| e.len());
    }
    let mut read = 0;
    while read < wanted {
        let rest = raw.get(at..).unwrap_or_default();
        let (written, meant) = match rest.chars().next() {
            None => break,
            Some('\\') if quote == '"' => escape(rest),
            Some(char) => (char.len_utf8(), char.len_utf8()),
        };
        at += written;
        read += meant;
    }
    // A line end that is escaped right before what is wanted belongs to neither.
    let rest = raw.get(at..).unwrap_or_default();
    if quote == '"' && rest.starts_with('\\') && escape(rest).1 == 0 {
        at + escape(rest).0
    } else {
        at
    }
}

/// How many bytes the escape at the beginning of `rest` takes, and how many it stands for.
fn escape(rest: &str) -> (usize, usize) {
    let code = |digits: usize| {
        let number = rest.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        (2 + digits, number.and_then(char::from_u32).map_or(1, char::len_utf8))
    };
    match rest.as_bytes().get(1) {
        Some(b'x') => code(2),
        Some(b'u') => code(4),
        Some(b'U') => code(8),
        Some(b' ' | b'\t' | b'\r' | b'\n') => {
            let next = rest[1..].trim_start_matches([' ', '\t', '\r', '\n']);
            (rest.len() - next.len(), 0)
        }
        _ => (2, 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toml::de::DeTable;

    use super::*;

    /// Each character of the string's content that is written as itself is found where it is written.
    fn is_found(literal: &str) {
        let text = format!("key = {literal}");
        let table = DeTable::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let value = table.get_ref().values().next().unwrap();
        let (raw, content) = (&text[value.span()], value.get_ref().as_str().unwrap());
        for (offset, char) in content.char_indices() {
            let found = &raw[within_string(raw, offset)..];
            assert!(found.starts_with(char) || found.starts_with('\\'), "{char:?} at {found:?}");
        }
    }

    #[test]
    fn a_place_in_a_condition_is_a_place_in_the_file() {
        for literal in [
            r#""a\tb\u00e9c\U0001F600dé""#,
            r"'C:\new'",
            "'''\nfirst\nsecond'''",
            "'''\r\nfirst\r\nsecond'''",
            "\"\"\"\nfirst \\\n   second\\\"\"\"\"",
            "\"\"\"\\\n   first\"\"\"",
        ] {
            is_found(literal);
        }
        let raw = "\"\"\"\nab \\\n  cd\"\"\"";
        assert_eq!(&raw[within_string(raw, 3)..within_string(raw, 3) + 2], "cd");
    }

    #[test]
    fn lines_and_columns_are_counted_as_editors_do() {
        let at = |offset| {
            let problem = Problem::at("é = 1\nzwei\n", offset, "");
            (problem.line, problem.column)
        };
        assert_eq!([at(0), at(3), at(7), at(12), at(99)], [(1, 1), (1, 3), (2, 1), (3, 1), (3, 1)]);
    }

    proptest! {
        #[test]
        fn whatever_a_string_holds_its_characters_are_found(content in any::<String>()) {
            let escaped: String = content.chars().map(|c| match c {
                '"' | '\\' => format!("\\{c}"),
                c if c.is_control() => format!("\\U{:08X}", u32::from(c)),
                c => c.to_string(),
            }).collect();
            is_found(&format!("\"{escaped}\""));
            is_found(&format!("\"\"\"\n{escaped}\"\"\""));
        }
    }
}
