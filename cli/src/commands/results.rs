//! `fanmail results`: what was stored about messages.

use anyhow::{Context, anyhow};
use serde::Serialize;
use shared::category::Category;
use shared::clock::Timestamp;
use shared::ids::{MessageId, UserId};
use shared::result::MessageResult;

use crate::End;
use crate::args::{Place, Results, ResultsCommand};
use crate::backend::Backend;
use crate::print::{Out, Row};

/// How many keys are read at once.
pub(super) const PAGE: usize = 1_000;

/// Carries out one command on results.
pub(crate) async fn run(args: Results, place: &Place, out: Out) -> anyhow::Result<End> {
    let backend = Backend::open(place, &args.data).await?;
    match args.command {
        ResultsCommand::List { user, limit } => {
            let keys = backend.archive.keys(&prefix(user.as_ref()), None, limit).await?;
            let mut rows = Vec::with_capacity(keys.len());
            for key in keys {
                rows.push(Summary::of(read(&backend, &key).await?, key));
            }
            out.rows(&rows, "No result yet.")?;
        }
        ResultsCommand::Show { message, user } => {
            let key = find(&backend, &message, user.as_ref()).await?;
            out.object(&read(&backend, &key).await?)?;
        }
    }
    Ok(End::Good)
}

fn prefix(user: Option<&UserId>) -> String {
    user.map_or_else(|| "results/".to_owned(), |user| format!("results/{user}/"))
}

async fn find(
    backend: &Backend,
    message: &MessageId,
    user: Option<&UserId>,
) -> anyhow::Result<String> {
    let (prefix, name) = (prefix(user), format!("/{message}.json"));
    let mut after: Option<String> = None;
    loop {
        let keys = backend.archive.keys(&prefix, after.as_deref(), PAGE).await?;
        if let Some(key) = keys.iter().find(|key| key.ends_with(&name)) {
            return Ok(key.clone());
        }
        after = keys.last().cloned();
        if after.is_none() {
            return Err(anyhow!(
                "no result of a message {message}; `fanmail results list` shows those there are"
            ));
        }
    }
}

pub(super) async fn read(backend: &Backend, key: &str) -> anyhow::Result<MessageResult> {
    let bytes = backend
        .archive
        .get(key)
        .await?
        .ok_or_else(|| anyhow!("{key} went away while it was read"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{key} is not a result"))
}

/// A result in one line. No subject and no address: `results show` has them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    key: String,
    user_id: Option<UserId>,
    message_id: Option<MessageId>,
    internal_date: Option<Timestamp>,
    category: Category,
    confidence: f64,
    attachments: usize,
    why: Option<String>,
}

impl Summary {
    fn of(result: MessageResult, key: String) -> Self {
        Self {
            key,
            user_id: result.user_id,
            message_id: result.message_id,
            internal_date: result.internal_date,
            category: result.category,
            confidence: result.confidence,
            attachments: result.attachments.len(),
            why: result.reasons.into_iter().next(),
        }
    }
}

impl Row for Summary {
    const HEAD: &'static [&'static str] = &["USER", "MESSAGE", "DATE", "CATEGORY", "SURE", "WHY"];

    fn cells(&self) -> Vec<String> {
        let text = |part: Option<String>| part.unwrap_or_default();
        vec![
            text(self.user_id.as_ref().map(ToString::to_string)),
            text(self.message_id.as_ref().map(ToString::to_string)),
            text(self.internal_date.map(|at| at.to_string())),
            self.category.to_string(),
            format!("{:.0} %", self.confidence * 100.0),
            text(self.why.clone()),
        ]
    }
}
