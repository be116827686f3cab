//! Gmail's search syntax, read into a tree.
//!
//! Pure: text and the present moment in, a [`Query`] or a complaint out. It is stricter than Gmail, which ignores what
//! it does not understand: an operator nobody knows is an error here, because a typing mistake that finds everything
//! is the mistake a test should see.

use shared::clock::Timestamp;

use crate::dates;
use crate::labels::LabelId;

/// What a message must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Every one of these; of none, always.
    All(Vec<Query>),
    /// At least one of these.
    Any(Vec<Query>),
    /// Not this.
    Not(Box<Query>),
    /// One test.
    Is(Test),
}

/// A test of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It has this system label.
    Has(LabelId),
    /// It has a label of this name.
    Label(String),
    /// It is anywhere, spam and trash included.
    Anywhere,
    /// These words stand in the sender.
    From(String),
    /// These words stand among the recipients.
    To(String),
    /// These words stand among those who get a copy.
    Cc(String),
    /// These words stand in the subject.
    Subject(String),
    /// These words stand somewhere.
    Words(String),
    /// Something is attached.
    Attachment,
    /// Its `Message-ID` is this.
    MessageId(String),
    /// It came at this moment, in milliseconds, or later.
    After(i64),
    /// It came before this moment, in milliseconds.
    Before(i64),
    /// It has at least this many bytes.
    Larger(u64),
    /// It has fewer bytes than this.
    Smaller(u64),
}

/// A search that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum QueryError {
    #[error("Unknown search operator: {0}")]
    UnknownOperator(String),
    #[error("Invalid value for search operator {0}")]
    BadValue(String),
    #[error("Unbalanced brackets or quotes in search")]
    Unbalanced,
    #[error("Search is nested too deeply")]
    TooDeep,
}

/// Brackets inside brackets that are followed.
const MAX_DEPTH: usize = 20;

impl Query {
    /// Reads a search. `now` is what `newer_than:` and `older_than:` count from.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, QueryError> {
        let mut parser = Parser { rest: text, now, field: None, depth: 0 };
        let query = parser.sequence(None)?;
        if parser.rest.is_empty() { Ok(query) } else { Err(QueryError::Unbalanced) }
    }

    /// Whether it asks for spam or trash by name, which an ordinary search leaves out.
    pub fn asks_for_hidden(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_for_hidden),
            Self::Not(_) => false,
            Self::Is(Test::Label(name)) => {
                ["spam", "trash"].contains(&name.to_lowercase().as_str())
            }
            Self::Is(test) => {
                [Test::Anywhere, Test::Has(LabelId::SPAM), Test::Has(LabelId::TRASH)].contains(test)
            }
        }
    }
}

struct Parser<'t> {
    rest: &'t str,
    now: Timestamp,
    /// The operator in front of the brackets that are being read.
    field: Option<&'t str>,
    depth: usize,
}

impl<'t> Parser<'t> {
    /// Terms up to a closing bracket; each may be a chain of alternatives.
    fn sequence(&mut self, close: Option<char>) -> Result<Query, QueryError> {
        let mut terms = Vec::new();
        loop {
            self.skip_blanks();
            if self.rest.is_empty() || self.rest.starts_with([')', '}']) {
                break;
            }
            if !self.keyword("AND") {
                terms.push(self.alternatives()?);
            }
        }
        if close.is_some_and(|close| !self.eat(close)) {
            return Err(QueryError::Unbalanced);
        }
        let all = close != Some('}');
        Ok(match terms.len() {
            1 => terms.remove(0),
            _ if all => Query::All(terms),
            _ => Query::Any(terms),
        })
    }

    /// `a OR b OR c`, which binds closer than standing side by side.
    fn alternatives(&mut self) -> Result<Query, QueryError> {
        let mut terms = vec![self.term()?];
        loop {
            self.skip_blanks();
            if !self.keyword("OR") {
                break;
            }
            self.skip_blanks();
            terms.push(self.term()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Query::Any(terms) })
    }

    fn term(&mut self) -> Result<Query, QueryError> {
        if self.eat('-') {
            return Ok(Query::Not(Box::new(self.term()?)));
        }
        if self.rest.starts_with(['(', '{', '"']) {
            return self.value(self.field);
        }
        let word = self.word(|c| c == ':');
        let named = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && word.starts_with(|c: char| c.is_ascii_alphabetic());
        if self.rest.starts_with(':') && named && self.field.is_none() {
            self.eat(':');
            return self.value(Some(word));
        }
        let tail = self.word(|_| false);
        let whole = format!("{word}{tail}");
        if whole.is_empty() { Err(QueryError::Unbalanced) } else { self.test(self.field, &whole) }
    }

    /// What follows an operator: brackets, a quotation or a word.
    fn value(&mut self, field: Option<&'t str>) -> Result<Query, QueryError> {
        if self.eat('(') {
            return self.group(field, ')');
        }
        if self.eat('{') {
            return self.group(field, '}');
        }
        if self.eat('"') {
            let (quoted, rest) = self.rest.split_once('"').ok_or(QueryError::Unbalanced)?;
            self.rest = rest;
            return self.test(field, quoted);
        }
        let word = self.word(|_| false);
        self.test(field, word)
    }

    fn group(&mut self, field: Option<&'t str>, close: char) -> Result<Query, QueryError> {
        if self.depth == MAX_DEPTH {
            return Err(QueryError::TooDeep);
        }
        let outer = std::mem::replace(&mut self.field, field);
        self.depth += 1;
        let group = self.sequence(Some(close));
        self.depth -= 1;
        self.field = outer;
        group
    }

    fn test(&self, field: Option<&str>, value: &str) -> Result<Query, QueryError> {
        match field {
            None => Ok(Query::Is(Test::Words(value.to_owned()))),
            Some(field) => operator(&field.to_ascii_lowercase(), value, self.now),
        }
    }

    /// Everything up to a blank, a bracket, a quotation mark or `also`.
    fn word(&mut self, also: impl Fn(char) -> bool) -> &'t str {
        let ends = |c: char| c.is_whitespace() || "(){}\"".contains(c) || also(c);
        let (word, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn keyword(&mut self, word: &str) -> bool {
        let rest = self.rest.strip_prefix(word);
        let ends = |rest: &&str| rest.is_empty() || rest.starts_with([' ', '\t', '(', '{', '"']);
        rest.filter(ends).map(|rest| self.rest = rest).is_some()
    }

    fn eat(&mut self, c: char) -> bool {
        self.rest.strip_prefix(c).map(|rest| self.rest = rest).is_some()
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

/// The test that an operator and its value stand for.
fn operator(name: &str, value: &str, now: Timestamp) -> Result<Query, QueryError> {
    let bad = || QueryError::BadValue(name.to_owned());
    if value.is_empty() {
        return Err(bad());
    }
    let words = value.to_owned();
    let test = match name {
        "is" => return state(value).ok_or_else(bad),
        "in" => place(value).ok_or_else(bad)?,
        "label" => Test::Label(words),
        // What the page calls the primary tab is the category of personal mail.
        "category" if value.eq_ignore_ascii_case("primary") => {
            Test::Label("category_personal".to_owned())
        }
        "category" => Test::Label(format!("category_{value}")),
        "from" => Test::From(words),
        "to" => Test::To(words),
        "cc" => Test::Cc(words),
        "subject" => Test::Subject(words),
        "has" if value.eq_ignore_ascii_case("attachment") => Test::Attachment,
        "has" => return Err(bad()),
        "rfc822msgid" => Test::MessageId(value.trim_matches(['<', '>']).to_owned()),
        "after" | "newer" => Test::After(dates::point(value).ok_or_else(bad)?),
        "before" | "older" => Test::Before(dates::point(value).ok_or_else(bad)?),
        "newer_than" => Test::After(now.millis() - dates::span(value).ok_or_else(bad)?),
        "older_than" => Test::Before(now.millis() - dates::span(value).ok_or_else(bad)?),
        "larger" | "size" => Test::Larger(size(value).ok_or_else(bad)?),
        "smaller" => Test::Smaller(size(value).ok_or_else(bad)?),
        _ => return Err(QueryError::UnknownOperator(name.to_owned())),
    };
    Ok(Query::Is(test))
}

fn state(value: &str) -> Option<Query> {
    Some(match value.to_ascii_lowercase().as_str() {
        "unread" => Query::Is(Test::Has(LabelId::UNREAD)),
        "read" => Query::Not(Box::new(Query::Is(Test::Has(LabelId::UNREAD)))),
        "starred" => Query::Is(Test::Has(LabelId::STARRED)),
        "important" => Query::Is(Test::Has(LabelId::IMPORTANT)),
        _ => return None,
    })
}

fn place(value: &str) -> Option<Test> {
    Some(match value.to_ascii_lowercase().as_str() {
        "inbox" => Test::Has(LabelId::INBOX),
        "sent" => Test::Has(LabelId::SENT),
        "spam" => Test::Has(LabelId::SPAM),
        "trash" => Test::Has(LabelId::TRASH),
        "draft" | "drafts" => Test::Has(LabelId::DRAFT),
        "anywhere" => Test::Anywhere,
        _ => return None,
    })
}

/// Bytes, with `K` or `M` for thousands and millions of them.
fn size(value: &str) -> Option<u64> {
    let upper = value.to_ascii_uppercase();
    let (digits, factor) = match upper.strip_suffix(['K', 'M']) {
        Some(digits) => (digits, if upper.ends_with('K') { 1 << 10 } else { 1 << 20 }),
        None => (upper.as_str(), 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
