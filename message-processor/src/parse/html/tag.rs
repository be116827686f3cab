//! One tag: its name, its attributes, and where it ends.

use memchr::memchr;

/// A tag as it is written.
pub(super) struct Tag<'t> {
    pub(super) name: &'t str,
    attributes: &'t str,
    pub(super) closes: bool,
    pub(super) length: usize,
}

impl<'t> Tag<'t> {
    /// The tag at the start of `rest`, if one is there.
    pub(super) fn read(rest: &'t str) -> Option<Self> {
        let inner = &rest[1..];
        let closes = inner.starts_with('/');
        let inner = inner.strip_prefix('/').unwrap_or(inner);
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?')) {
            return None;
        }
        let end = memchr(b'>', inner.as_bytes()).unwrap_or(inner.len());
        let (inside, length) =
            (&inner[..end], rest.len() - inner.len() + (end + 1).min(inner.len()));
        let name_end =
            inside.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(inside.len());
        Some(Self { name: &inside[..name_end], attributes: &inside[name_end..], closes, length })
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Names and values, one after the other; the value is empty where there is none.
    pub(super) fn attributes(&self) -> Attributes<'t> {
        Attributes(self.attributes)
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&'t str> {
        self.attributes()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// What is left of a tag's attributes.
pub(super) struct Attributes<'t>(&'t str);

impl<'t> Iterator for Attributes<'t> {
    type Item = (&'t str, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/'))
            .unwrap_or(rest.len());
        // A sign of equality without a name before it is passed over.
        let end = if end == 0 { rest.chars().next()?.len_utf8() } else { end };
        let (name, after) = rest.split_at(end);
        let Some(value) = after.trim_ascii_start().strip_prefix('=') else {
            self.0 = after;
            return Some((name, ""));
        };
        let value = value.trim_ascii_start();
        let (value, after) = match value.as_bytes().first() {
            Some(&quote @ (b'"' | b'\'')) => {
                let inner = &value[1..];
                let end = memchr(quote, inner.as_bytes()).unwrap_or(inner.len());
                (&inner[..end], inner.get(end + 1..).unwrap_or_default())
            }
            _ => {
                value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len()))
            }
        };
        self.0 = after;
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_however_they_are_written() {
        let tag = Tag::read("<a  HREF = 'x y' b c=d/e = \"f\" =g h=\"unclosed>rest").unwrap();
        let all: Vec<_> = tag.attributes().collect();
        let told = [("HREF", "x y"), ("b", ""), ("c", "d/e"), ("=", ""), ("f", "")];
        assert_eq!(all[..3], told[..3], "{all:?}");
        assert_eq!(tag.attribute("href"), Some("x y"));
        assert_eq!(tag.attribute("h"), Some("unclosed"));
        assert_eq!(tag.attribute("ref"), None);
    }

    #[test]
    fn what_is_no_tag_is_none() {
        for text in ["<", "< a", "<3", "</"] {
            assert!(Tag::read(text).is_none(), "{text}");
        }
        assert_eq!(Tag::read("<br/>x").map(|tag| (tag.name, tag.length)), Some(("br", 5)));
    }
}
