//! The mailboxes of an address field (RFC 5322, section 3.4, and the obsolete forms of section 4.4).
//!
//! Read in one pass, whatever it is: what is no address by the book is taken as what its sender most likely meant.
//! Encoded words are decoded last, so that nothing within them is syntax: a name that decodes to `<b@example.com>` stays
//! a name.

use super::encoded::{Word, decoded};

/// A mailbox as written; both texts are decoded and neither is cut.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub(super) name: String,
    pub(super) address: String,
}

/// Hands each mailbox to `sink`, those within a group included.
pub(super) fn read(field: &str, mut sink: impl FnMut(Mailbox)) {
    let mut reader = Reader::default();
    let mut rest = field;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            ',' | ';' => {
                if c == ';' || !reader.hold() {
                    reader.end(&mut sink);
                }
                &rest[1..]
            }
            // What names a group is no mailbox. An address with a colon has been begun before it.
            ':' if !reader.bare.contains('@') && reader.angle.is_none() => {
                reader.release(&mut sink);
                reader.begin();
                &rest[1..]
            }
            '"' => reader.quoted(rest),
            '(' => reader.comment(rest),
            '<' => reader.angle(rest),
            _ => reader.word(rest),
        };
    }
    reader.end(&mut sink);
}

/// What has been read of a mailbox.
#[derive(Default)]
struct Reader {
    /// The words before an address in angle brackets, with quotes taken off.
    phrase: String,
    /// The same without spaces and with quotes: the address, where there are no angle brackets.
    bare: String,
    /// The last comment.
    note: String,
    angle: Option<String>,
    /// Whether the phrase has quotes.
    is_quoted: bool,
    /// Names without an address, of which the next mailbox may be the rest.
    held: Vec<String>,
    endless: Endless,
}

/// Marks that have no end in the rest of the field. They are not looked for again.
#[derive(Default)]
struct Endless {
    quote: bool,
    comment: bool,
    angle: bool,
}

impl Reader {
    fn begin(&mut self) {
        self.phrase.clear();
        self.bare.clear();
        self.note.clear();
        self.angle = None;
        self.is_quoted = false;
    }

    /// Keeps a name without an address for the mailbox after the comma: `Example, Sam <a@example.com>` lacks its quotes.
    fn hold(&mut self) -> bool {
        let name = self.phrase.trim().to_owned();
        let holds = self.angle.is_none() && !self.bare.contains('@') && !name.is_empty();
        if holds {
            self.held.push(name);
            self.begin();
        }
        holds
    }

    /// Hands on the names that were no beginning of another.
    fn release(&mut self, sink: &mut impl FnMut(Mailbox)) {
        for name in self.held.drain(..) {
            sink(alone(&name));
        }
    }

    fn end(&mut self, sink: &mut impl FnMut(Mailbox)) {
        if self.angle.is_some() && !self.held.is_empty() {
            self.phrase = format!("{}, {}", self.held.join(", "), self.phrase.trim_start());
            self.held.clear();
        }
        self.release(sink);
        let phrase = self.phrase.trim();
        let (name, address) = match self.angle.take() {
            Some(address) => (phrase, address),
            None => self.without_brackets(),
        };
        // The address before itself is no phrase by the book, and says nothing.
        let name = if name == address && !self.is_quoted { "" } else { name };
        // Before there were names, a comment said whose the address is; beside a name it is just a comment.
        let name = if name.is_empty() { self.note.trim() } else { name };
        let (name, address) = (decoded(name).into_owned(), plain(address));
        if !name.is_empty() || !address.is_empty() {
            sink(Mailbox { name, address });
        }
        self.begin();
    }

    /// `a@example.com`, `"a b"@example.com`, `a @ example.com`; of several words the last with an `@` is the address.
    fn without_brackets(&self) -> (&str, String) {
        let phrase = self.phrase.trim();
        if !self.bare.contains('@') {
            return if is_local(phrase) && !self.is_quoted {
                ("", phrase.to_owned())
            } else {
                (phrase, String::new())
            };
        }
        let last = phrase.rfind('@').unwrap_or_default();
        let spaced = phrase[..last].ends_with(' ') || phrase[last..].starts_with("@ ");
        if spaced || self.bare.contains("\"@") {
            return ("", self.bare.clone());
        }
        let start = phrase[..last].rfind(' ').map_or(0, |space| space + 1);
        let address = phrase[start..].split(' ').next().unwrap_or_default();
        (phrase[..start].trim(), address.to_owned())
    }

    /// `"Example, Sam"`; gives what follows.
    fn quoted<'t>(&mut self, rest: &'t str) -> &'t str {
        let Some(end) = self.quote_end(rest) else { return &rest[1..] };
        let (text, after) = (&rest[..end], &rest[end..]);
        // It is a word of its own even where it touches another.
        self.space();
        self.phrase.push_str(&unescaped(&text[1..text.len() - 1]));
        if !after.starts_with('@') {
            self.space();
        }
        self.bare.push_str(text);
        self.is_quoted = true;
        after
    }

    fn quote_end(&mut self, rest: &str) -> Option<usize> {
        if self.endless.quote {
            return None;
        }
        let end = closing(rest, '"');
        self.endless.quote = end.is_none();
        end
    }

    /// `(Sam (his account))`; gives what follows.
    fn comment<'t>(&mut self, rest: &'t str) -> &'t str {
        let end = if self.endless.comment { None } else { comment_end(rest) };
        let Some(end) = end else {
            self.endless.comment = true;
            self.phrase.push('(');
            return &rest[1..];
        };
        self.note = unescaped(&rest[1..end - 1]);
        self.space();
        &rest[end..]
    }

    /// `<a@example.com>`, and with the route of the old days `<@relay.example:a@example.com>`; gives what follows.
    fn angle<'t>(&mut self, rest: &'t str) -> &'t str {
        let end = if self.endless.angle { None } else { closing(rest, '>') };
        self.endless.angle |= end.is_none();
        // Without an end it ends with the mailbox.
        let end = end.unwrap_or_else(|| rest.find([',', ';']).unwrap_or(rest.len()));
        let inner = rest[1..end].trim_end_matches('>');
        let inner = without_comments(inner);
        let address = match inner.strip_prefix('@').and_then(|route| route.rsplit_once(':')) {
            Some((_, address)) => address.to_owned(),
            None => inner,
        };
        // Of two the last that holds something is meant.
        if !address.is_empty() || self.angle.is_none() {
            self.angle = Some(address);
        }
        &rest[end..]
    }

    /// An encoded word or a character; gives what follows.
    fn word<'t>(&mut self, rest: &'t str) -> &'t str {
        let length = match Word::read(rest) {
            Some(word) => word.length,
            None => rest.chars().next().map_or(rest.len(), char::len_utf8),
        };
        let (word, after) = rest.split_at(length);
        if word.trim().is_empty() {
            self.space();
        } else if word != "\\" {
            self.phrase.push_str(word);
            self.bare.push_str(word);
        }
        after
    }

    fn space(&mut self) {
        if !self.phrase.is_empty() && !self.phrase.ends_with(' ') {
            self.phrase.push(' ');
        }
    }
}

/// A mailbox of a name, or of the local user of the old days, who has no domain.
fn alone(name: &str) -> Mailbox {
    let (name, address) = if is_local(name) { ("", name) } else { (name, "") };
    Mailbox { name: decoded(name).into_owned(), address: plain(address.to_owned()) }
}

fn is_local(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()) && !name.contains("=?")
}

/// Where what starts with one character ends, behind the next `close` that is neither escaped nor quoted.
fn closing(rest: &str, close: char) -> Option<usize> {
    let (mut escaped, mut quoted) = (false, false);
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == close && !quoted => return Some(at + c.len_utf8()),
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    // A lone quote hides no end.
    if quoted { rest.find(close).map(|at| at + close.len_utf8()) } else { None }
}

fn comment_end(rest: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at + 1),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Without backslashes, each of which makes the next character an ordinary one.
fn unescaped(text: &str) -> String {
    let mut escaped = false;
    let kept = |c: &char| {
        escaped = *c == '\\' && !escaped;
        !escaped
    };
    text.chars().filter(kept).collect()
}

/// Without comments and space.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut endless = false;
    while let Some(c) = rest.chars().next() {
        let comment = if c == '(' && !endless { comment_end(rest) } else { None };
        endless |= c == '(' && comment.is_none();
        let quoted = if c == '"' { closing(rest, '"') } else { None };
        let length = comment.or(quoted).unwrap_or(c.len_utf8());
        let (piece, after) = rest.split_at(length);
        if comment.is_none() && (quoted.is_some() || !c.is_whitespace()) {
            out.push_str(piece);
        }
        rest = after;
    }
    out
}

/// An address is never encoded. Where a sender has done so all the same, it is read if it then is an address and nothing
/// else: otherwise it would name somebody whom the header does not.
fn plain(address: String) -> String {
    if !address.contains("=?") {
        return address;
    }
    let text = decoded(&address).into_owned();
    let simple = text.matches('@').count() == 1
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c));
    if simple { text } else { address }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(field: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        read(field, |one| found.push((one.name, one.address)));
        found
    }

    #[test]
    fn a_mailbox_is_read_in_every_form() {
        for (field, name, address) in [
            ("a@example.com", "", "a@example.com"),
            ("Sam <a@example.com>", "Sam", "a@example.com"),
            ("\"Example, Sam\" <a@example.com>", "Example, Sam", "a@example.com"),
            ("\"Sam \\\"S\\\" E\"\r\n <a@example.com>", "Sam \"S\" E", "a@example.com"),
            ("First \"M.\"Last <a@example.com>", "First M. Last", "a@example.com"),
            ("a@example.com (Sam E)", "Sam E", "a@example.com"),
            ("Sam (at home) <a@example.com>", "Sam", "a@example.com"),
            (
                "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
                "Pete",
                "pete@silly.test",
            ),
            ("<@a.example,@b.example:c@d.example>", "", "c@d.example"),
            ("a@example.com <a@example.com>", "", "a@example.com"),
            ("\"a@example.com\" <a@example.com>", "a@example.com", "a@example.com"),
            ("Example, Sam <a@example.com>", "Example, Sam", "a@example.com"),
            ("\"a b\"@example.com", "", "\"a b\"@example.com"),
            ("<\"a b\"@example.com>", "", "\"a b\"@example.com"),
            ("a @ example.com", "", "a@example.com"),
            ("Sam a@example.com", "Sam", "a@example.com"),
            ("Sam <a@example.com", "Sam", "a@example.com"),
            ("\"Sam <a@example.com>", "Sam", "a@example.com"),
            ("Sam", "", "Sam"),
            ("Sam Example", "Sam Example", ""),
            ("Sam <>", "Sam", ""),
            ("=?utf-8?Q?Example,_Sam?= <a@example.com>", "Example, Sam", "a@example.com"),
            ("=?utf-8?Q?=3Cb=40x=3E?= <a@example.com>", "<b@x>", "a@example.com"),
            ("=?utf-8?B?MTIx?=@example.com", "", "121@example.com"),
            ("=?utf-8?Q?a=40b=2C?=@example.com", "", "=?utf-8?Q?a=40b=2C?=@example.com"),
        ] {
            assert_eq!(all(field), [(name.to_owned(), address.to_owned())], "{field}");
        }
    }

    #[test]
    fn groups_are_opened_and_what_is_empty_is_nobody() {
        let found = all("Team: a@x, \"B: C\" <b@x>;, undisclosed-recipients:;, ,c@x;d@x");
        let addresses: Vec<_> = found.iter().map(|(_, address)| &**address).collect();
        assert_eq!(addresses, ["a@x", "b@x", "c@x", "d@x"]);
        assert_eq!(found[1].0, "B: C");
        assert_eq!(all("Sam, Kim, a@x").len(), 3);
        let before_a_group = all("Sam E, Team: Kim <k@x>;");
        assert_eq!(before_a_group[1], ("Kim".to_owned(), "k@x".to_owned()));
        assert_eq!(all("mailto:a@x"), [(String::new(), "a@x".to_owned())]);
    }

    #[test]
    fn marks_without_end_cost_no_more_than_their_number() {
        for mark in ["(", "\"", "<", "\\", "=?", "=?a?Q?", "<\"", "<(", "a@ "] {
            let mut count = 0_usize;
            read(&mark.repeat(65_536 / mark.len()), |_| count += 1);
            assert!(count <= 1, "{mark}");
        }
    }
}
