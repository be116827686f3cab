//! `fanmail results find`: the index asked.

use serde::Serialize;
use shared::category::Category;
use shared::clock::Timestamp;
use shared::ids::{Generation, MessageId};
use shared::index::{Entry, Wanted};

use crate::BadUse;
use crate::args::Find;
use crate::backend::Backend;
use crate::print::Row;

/// Entries that are read at once.
const PAGE: usize = 1_000;

/// The first entries that are what was asked for.
pub(super) async fn found(backend: &Backend, asked: &Find) -> anyhow::Result<Vec<Found>> {
    let Some(index) = &backend.index else {
        let none = "the stack keeps no index of results; deploy it with ResultsIndex=on";
        return Err(BadUse(none.to_owned()).into());
    };
    let wanted = Wanted {
        category: asked.category,
        label: asked.label.clone(),
        since: asked.since.map(|since| since.moment(backend.clock.now())),
        attachments: asked.attachments,
    };
    let (mut found, mut after): (Vec<Found>, Option<MessageId>) = (vec![], None);
    loop {
        let page = index.entries(&asked.user, after.as_ref(), PAGE).await?;
        let (is_last, last) = (page.len() < PAGE, page.last().map(|it| it.message_id.clone()));
        let left = asked.limit - found.len();
        found.extend(page.into_iter().filter(|it| wanted.admits(it)).take(left).map(Found::of));
        if is_last || found.len() >= asked.limit {
            return Ok(found);
        }
        after = last;
    }
}

/// An entry of the index in one line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found {
    message_id: MessageId,
    internal_date: Option<Timestamp>,
    category: Category,
    labels: Vec<String>,
    has_attachments: bool,
    generation: Generation,
    key: String,
    /// Of the pack; null where the object is the result.
    line: Option<u32>,
}

impl Found {
    fn of(entry: Entry) -> Self {
        let Entry {
            message_id,
            key,
            line,
            generation,
            internal_date,
            category,
            labels,
            has_attachments,
        } = entry;
        Self { message_id, internal_date, category, labels, has_attachments, generation, key, line }
    }
}

impl Row for Found {
    const HEAD: &'static [&'static str] = &["MESSAGE", "DATE", "CATEGORY", "LABELS", "KEY"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.message_id.to_string(),
            self.internal_date.map(|at| at.to_string()).unwrap_or_default(),
            self.category.to_string(),
            self.labels.join(", "),
            self.key.clone(),
        ]
    }
}
