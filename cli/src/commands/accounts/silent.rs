//! `fanmail accounts silent`: who has fallen silent, and why.

use std::time::Duration;

use desk::silence::{Bounds, RollCall, Silent};
use serde::Serialize;
use shared::settings::{Env, Settings};

use crate::BadUse;
use crate::backend::Backend;
use crate::print::{Out, Row};

/// Shows the mailboxes whose cursor stands still, and those without mail for so long.
pub(super) async fn show(
    backend: &Backend,
    without_mail: Duration,
    out: Out,
) -> anyhow::Result<()> {
    let poll_interval_max = match backend.poll_interval_max {
        Some(interval) => interval,
        None => settings()?.poll_interval_max,
    };
    let roll_call = RollCall {
        mailboxes: backend.mailboxes.clone(),
        letters: backend.letters.clone(),
        breaker: backend.breaker.clone(),
    };
    let bounds = Bounds::new(poll_interval_max, without_mail);
    let silent = roll_call.silent(bounds, backend.clock.now()).await?;
    let lines: Vec<Line> = silent.into_iter().map(Line::of).collect();
    out.rows(&lines, "No mailbox is silent.")
}

fn settings() -> anyhow::Result<Settings> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads what `accounts silent` is told"
    )]
    let lookup = |name: &str| std::env::var(name).ok();
    let mut env = Env::new(&lookup);
    let settings = Settings::read(&mut env);
    env.finish(settings).map_err(|bad| BadUse(bad.to_string()).into())
}

/// A silent mailbox, for both kinds of reader.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(flatten)]
    silent: Silent,
    in_words: String,
}

impl Line {
    fn of(silent: Silent) -> Self {
        Self { in_words: silent.why.in_words(&silent), silent }
    }
}

impl Row for Line {
    const HEAD: &'static [&'static str] = &["USER", "EMAIL", "SILENT SINCE", "LAST MAIL", "WHY"];

    fn cells(&self) -> Vec<String> {
        let Silent { user_id, email, since, last_mail_at, .. } = &self.silent;
        vec![
            user_id.to_string(),
            email.clone(),
            since.to_string(),
            last_mail_at.map(|at| at.to_string()).unwrap_or_default(),
            self.in_words.clone(),
        ]
    }
}
