//! Finding messages: the tree of a search held against a mailbox.
//!
//! Labels and dates are compared as bits and numbers; only a search for words parses mail, and only of the messages
//! that everything cheaper has left.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::bodies::Body;
use crate::errors::ApiError;
use crate::history::MessageRef;
use crate::labels::{LabelId, LabelSet};
use crate::mail::{self, Facts};
use crate::mailbox::State;
use crate::messages::Entry;
use crate::pages::Cursor;
use crate::query::{Query, Test};

/// What `messages.list` is asked.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// Gmail's search syntax.
    pub q: Option<String>,
    /// Labels a message must have, all of them.
    pub labels: Vec<String>,
    /// Whether spam and trash are listed too.
    pub include_spam_trash: bool,
    /// Messages on a page.
    pub max: usize,
    /// Where the page before ended.
    pub page: Option<String>,
}

/// A page of messages, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// The messages, by their ids.
    pub messages: Vec<MessageRef>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// How many there are on all pages.
    pub estimate: u32,
}

/// Looks a body up by its place.
pub(crate) type BodyAt<'a> = &'a dyn Fn(u32) -> Arc<Body>;

impl State {
    /// Reads a page of the messages that the request describes.
    pub(crate) fn list(
        &self,
        request: &ListRequest,
        query: &Query,
        body_at: BodyAt<'_>,
    ) -> Result<MessagePage, ApiError> {
        let labels: LabelSet =
            request.labels.iter().map(|id| self.labels.known(id)).collect::<Result<_, _>>()?;
        let hidden = if request.include_spam_trash || query.asks_for_hidden() {
            LabelSet::GONE
        } else {
            LabelSet::HIDDEN.without(labels).with(LabelSet::GONE)
        };
        let query = cheap_first(query.clone());
        let wanted = |entry: &Entry| {
            !entry.labels.any(hidden)
                && entry.labels.contains_all(labels)
                && self.matches(&query, &Candidate::new(self, *entry, body_at))
        };
        // Ids rise with places, so that date and place give the same order as date and id.
        let mut found: Vec<(i64, u32)> = Vec::new();
        // In one closure, and not by `collect`, which asks for one message at a time and takes three times as long.
        let entries = self.messages.entries().filter(wanted);
        entries.for_each(|entry| found.push((entry.date, entry.place)));
        let estimate = u32::try_from(found.len()).unwrap_or(u32::MAX);
        found.sort_unstable_by_key(|key| std::cmp::Reverse(*key));
        let key = |(date, place): &(i64, u32)| (*date, self.messages.id(*place));
        if let Some(token) = &request.page {
            let after = Cursor::messages(token)?;
            found.drain(..found.partition_point(|message| key(message) >= after));
        }
        let more = found.len() > request.max;
        found.truncate(request.max);
        let last = found.last().filter(|_| more).map(key);
        Ok(MessagePage {
            next: last.map(|(date, id)| Cursor::Messages { date, id }.token()),
            messages: found.into_iter().map(|(_, place)| self.reference(place)).collect(),
            estimate,
        })
    }

    fn matches(&self, query: &Query, candidate: &Candidate<'_>) -> bool {
        match query {
            Query::All(parts) => parts.iter().all(|part| self.matches(part, candidate)),
            Query::Any(parts) => parts.iter().any(|part| self.matches(part, candidate)),
            Query::Not(part) => !self.matches(part, candidate),
            Query::Is(test) => self.passes(test, candidate),
        }
    }

    fn passes(&self, asked: &Test, candidate: &Candidate<'_>) -> bool {
        let entry = candidate.entry;
        let size = || u64::try_from(candidate.body().bytes.len()).unwrap_or(u64::MAX);
        let has = |label: LabelId| entry.labels.contains(label);
        match asked {
            Test::Has(label) => has(*label),
            Test::Label(name) => self.labels.named(name).is_some_and(has),
            Test::Anywhere => true,
            Test::After(at) => entry.date >= *at,
            Test::Before(at) => entry.date < *at,
            Test::Larger(bytes) => size() >= *bytes,
            Test::Smaller(bytes) => size() < *bytes,
            Test::From(text) => contains(&candidate.facts().from, text),
            Test::To(text) => contains(&candidate.facts().to, text),
            Test::Cc(text) => contains(&candidate.facts().cc, text),
            Test::Subject(text) => contains(&candidate.facts().subject, text),
            Test::Attachment => candidate.facts().has_attachment,
            Test::MessageId(id) => candidate.facts().message_id == *id,
            Test::Words(text) => {
                let facts = candidate.facts();
                let places = [&facts.subject, &facts.text, &facts.from, &facts.to, &facts.cc];
                places.into_iter().any(|place| contains(place, text))
            }
        }
    }
}

/// A message that is being looked at, parsed at most once.
struct Candidate<'a> {
    state: &'a State,
    entry: Entry,
    body_at: BodyAt<'a>,
    facts: OnceCell<Facts>,
}

impl<'a> Candidate<'a> {
    fn new(state: &'a State, entry: Entry, body_at: BodyAt<'a>) -> Self {
        Self { state, entry, body_at, facts: OnceCell::new() }
    }

    fn body(&self) -> Arc<Body> {
        (self.body_at)(self.state.messages.body(self.entry.place))
    }

    fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| mail::facts(&self.body().bytes))
    }
}

/// Puts what needs no parsing in front, so that the rest is rarely reached.
fn cheap_first(query: Query) -> Query {
    let sorted = |parts: Vec<Query>| {
        let mut parts: Vec<Query> = parts.into_iter().map(cheap_first).collect();
        parts.sort_by_key(needs_body);
        parts
    };
    match query {
        Query::All(parts) => Query::All(sorted(parts)),
        Query::Any(parts) => Query::Any(sorted(parts)),
        other @ (Query::Not(_) | Query::Is(_)) => other,
    }
}

fn needs_body(query: &Query) -> bool {
    match query {
        Query::All(parts) | Query::Any(parts) => parts.iter().any(needs_body),
        Query::Not(part) => needs_body(part),
        Query::Is(test) => !matches!(
            test,
            Test::Has(_) | Test::Label(_) | Test::Anywhere | Test::After(_) | Test::Before(_)
        ),
    }
}

/// Whether the words of `phrase` stand in `text`, whole and one after the other.
fn contains(text: &str, phrase: &str) -> bool {
    let phrase = words(phrase);
    phrase.trim().is_empty() || words(text).contains(&phrase)
}

/// The words of a text, lower case, each between two blanks.
fn words(text: &str) -> String {
    let mut words = String::from(" ");
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        words.extend(word.chars().flat_map(char::to_lowercase));
        words.push(' ');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_and_in_order() {
        assert!(contains("Amy Pond <amy@example.com>", "amy@example.com"));
        assert!(contains("Dinner, and a MOVIE!", "dinner and"));
        assert!(!contains("movies", "movie"));
        assert!(!contains("a movie and dinner", "dinner movie"));
        assert!(contains("Grüße aus Köln", "KÖLN"));
    }
}
