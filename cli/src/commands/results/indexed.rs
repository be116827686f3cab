//! `fanmail results find`: the index asked.

use shared::ids::MessageId;
use shared::index::{Entry, Wanted};

use crate::BadUse;
use crate::args::Find;
use crate::backend::Backend;
use crate::print::Row;

/// Entries that are read at once.
const PAGE: usize = 1_000;

/// The first entries that are what was asked for.
pub(super) async fn found(backend: &Backend, asked: &Find) -> anyhow::Result<Vec<Entry>> {
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
    let (mut found, mut after): (Vec<Entry>, Option<MessageId>) = (vec![], None);
    loop {
        let page = index.entries(&asked.user, after.as_ref(), PAGE).await?;
        let (is_last, last) = (page.len() < PAGE, page.last().map(|it| it.message_id.clone()));
        let left = asked.limit - found.len();
        found.extend(page.into_iter().filter(|it| wanted.admits(it)).take(left));
        if is_last || found.len() >= asked.limit {
            return Ok(found);
        }
        after = last;
    }
}

impl Row for Entry {
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
