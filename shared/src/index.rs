//! The index: a row for each result, by which results are found without being read.
//!
//! A row says where the result is and what is often asked for; no address, no subject. It is written once the result is
//! stored and before it is announced, so that whoever hears of a message finds it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::category::Category;
use crate::clock::Timestamp;
use crate::events::{Event, EventKind};
use crate::ids::{Generation, MessageId, UserId};
use crate::store::StoreError;

/// What the index knows of a result.
#[derive(Serialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Gmail's id.
    pub message_id: MessageId,
    /// The object that is the result, or the pack that it is in.
    pub key: String,
    /// Which line of the pack, from 0; `None` where the object itself is the result.
    pub line: Option<u32>,
    /// Which judgement this is.
    pub generation: Generation,
    /// When Gmail received it.
    pub internal_date: Option<Timestamp>,
    /// What it was judged to be.
    pub category: Category,
    /// The rules' labels.
    pub labels: Vec<String>,
    /// Whether anything is attached.
    pub has_attachments: bool,
}

/// What an event says of a result; the index says nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Announced {
    message_id: MessageId,
    internal_date: Option<Timestamp>,
    category: Category,
    labels: Vec<String>,
    has_attachments: bool,
    generation: Generation,
    result: Place,
}

/// Where it says that the result is.
#[derive(Deserialize)]
struct Place {
    key: String,
    line: Option<u32>,
}

impl Entry {
    /// The entry of the result that an event announces; `None` where it announces something else.
    pub fn announced(event: &Event) -> Option<Self> {
        if event.kind != EventKind::MessageProcessed {
            return None;
        }
        let said = Announced::deserialize(&event.data).ok()?;
        Some(Self {
            message_id: said.message_id,
            key: said.result.key,
            line: said.result.line,
            generation: said.generation,
            internal_date: said.internal_date,
            category: said.category,
            labels: said.labels,
            has_attachments: said.has_attachments,
        })
    }

    /// Whether this may take the place of the one that is there: a judgement never goes back.
    pub(crate) fn follows(&self, there: Option<&Self>) -> bool {
        there.is_none_or(|there| self.generation >= there.generation)
    }
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this category.
    pub category: Option<Category>,
    /// With this label of the rules.
    pub label: Option<String>,
    /// Received from this moment on.
    pub since: Option<Timestamp>,
    /// With something attached.
    pub attachments: bool,
}

impl Wanted {
    /// Whether this entry is one of them.
    pub fn admits(&self, entry: &Entry) -> bool {
        self.category.is_none_or(|category| entry.category == category)
            && self.label.as_ref().is_none_or(|label| entry.labels.contains(label))
            && self.since.is_none_or(|since| entry.internal_date.is_some_and(|at| at >= since))
            && (!self.attachments || entry.has_attachments)
    }
}

/// `ResultsIndex`: where each result is, and what it was judged to be.
#[async_trait]
pub trait Index: Send + Sync {
    /// Notes results of a mailbox, each unless a later judgement is noted already. To do it again changes nothing.
    async fn note(&self, user: &UserId, entries: &[Entry]) -> Result<(), StoreError>;

    /// At most `limit` entries of a mailbox after `after`, in the order of their messages' ids. Fewer than `limit` are all
    /// there are.
    async fn entries(
        &self,
        user: &UserId,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Deletes at most `limit` entries of a mailbox, and answers how many; 0 when none is left.
    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            message_id: "m1".parse().unwrap(),
            key: "results/42/2026/05/01/m1.json".to_owned(),
            line: None,
            generation: Generation(1),
            internal_date: Some("2026-05-01T12:00:00Z".parse().unwrap()),
            category: Category::Report,
            labels: vec!["finance".to_owned(), "keep".to_owned()],
            has_attachments: false,
        }
    }

    #[test]
    fn what_is_wanted_must_be_so_in_every_way() {
        let at = |text: &str| Some(text.parse().unwrap());
        let all = Wanted {
            category: Some(Category::Report),
            label: Some("keep".to_owned()),
            since: at("2026-05-01T12:00:00Z"),
            attachments: false,
        };
        assert!(Wanted::default().admits(&entry()) && all.admits(&entry()));
        for other in [
            Wanted { category: Some(Category::List), ..all.clone() },
            Wanted { label: Some("Keep".to_owned()), ..all.clone() },
            Wanted { since: at("2026-05-01T12:00:01Z"), ..all.clone() },
            Wanted { attachments: true, ..all.clone() },
        ] {
            assert!(!other.admits(&entry()), "{other:?}");
        }
        let undated = Entry { internal_date: None, ..entry() };
        assert!(!all.admits(&undated) && Wanted::default().admits(&undated));
    }

    #[test]
    fn a_judgement_is_followed_by_itself_and_later_ones() {
        let of = |generation| Entry { generation: Generation(generation), ..entry() };
        assert!(of(0).follows(None) && of(1).follows(Some(&of(1))) && of(2).follows(Some(&of(1))));
        assert!(!of(0).follows(Some(&of(1))));
    }
}
