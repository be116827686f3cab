//! `fanmail results`: what was stored about messages.

mod indexed;
mod stored;

use serde::Serialize;
use shared::category::Category;
use shared::clock::Timestamp;
use shared::ids::{MessageId, UserId};
use shared::result::MessageResult;

use self::indexed::found;
pub(super) use self::stored::Stored;
use self::stored::find;
use crate::End;
use crate::args::{Place, Results, ResultsCommand};
use crate::backend::Backend;
use crate::print::{Out, Row};

/// Carries out one command on results.
pub(crate) async fn run(args: Results, place: &Place, out: Out) -> anyhow::Result<End> {
    let backend = Backend::open(place, &args.data).await?;
    match args.command {
        ResultsCommand::List { user, limit } => {
            let (mut rows, mut stored) = (Vec::new(), Stored::of(&backend, user));
            while rows.len() < limit
                && let Some((key, result)) = stored.next().await?
            {
                rows.push(Summary::of(result, key));
            }
            out.rows(&rows, "No result yet.")?;
        }
        ResultsCommand::Find(asked) => {
            let found = found(&backend, &asked).await?;
            out.rows(&found, "The index has no such result.")?;
        }
        ResultsCommand::Show { message, user } => {
            out.object(&find(&backend, &message, user).await?)?;
        }
    }
    Ok(End::Good)
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
