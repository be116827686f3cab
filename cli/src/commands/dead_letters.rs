//! `fanmail dead-letters`: what failed for good, why, and what becomes of it.

use anyhow::{Context, anyhow};
use shared::ledger::{DeadLetter, LetterFilter, LetterState};
use shared::replay::{Replayed, discard};
use shared::store::Write;

use crate::End;
use crate::args::{DeadLetters, DeadLettersCommand, Place, Which};
use crate::backend::Backend;
use crate::print::{Out, Row};

/// How many letters are read at once.
const PAGE: usize = 500;

/// Carries out one command on dead letters.
pub(crate) async fn run(args: DeadLetters, place: &Place, out: Out) -> anyhow::Result<End> {
    let backend = Backend::open(place, &args.data).await?;
    match args.command {
        DeadLettersCommand::List { reason, state } => {
            let letters = matching(&backend, LetterFilter { user_id: None, reason, state }).await?;
            out.rows(&letters, "No dead letter.")?;
        }
        DeadLettersCommand::Show { job } => {
            let letters = matching(&backend, LetterFilter::default()).await?;
            let letters: Vec<_> =
                letters.into_iter().filter(|letter| letter.job_id == job).collect();
            anyhow::ensure!(
                !letters.is_empty(),
                "no dead letter with the jobId {job}; `dead-letters list` shows them"
            );
            letters.iter().try_for_each(|letter| out.object(letter))?;
        }
        DeadLettersCommand::Replay(which) => replay(&backend, which, out).await?,
        DeadLettersCommand::Discard(which) => give_up(&backend, which, out).await?,
    }
    Ok(End::Good)
}

async fn matching(backend: &Backend, filter: LetterFilter) -> anyhow::Result<Vec<DeadLetter>> {
    let mut found: Vec<DeadLetter> = Vec::new();
    loop {
        let after = found.last().map(|last| (last.user_id.clone(), last.job_id.clone()));
        let page = backend
            .letters
            .list(&filter, after.as_ref(), PAGE)
            .await
            .context("reading the dead letters")?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}

/// The parked letters that are meant; none at all is an error that says what there is.
async fn meant(backend: &Backend, which: Which) -> anyhow::Result<Vec<DeadLetter>> {
    let parked = LetterFilter { state: Some(LetterState::Parked), ..LetterFilter::default() };
    let all = matching(backend, parked).await?;
    let there = all.len();
    let is_meant = |letter: &DeadLetter| match (&which.job, which.reason) {
        (Some(job), _) => letter.job_id == *job,
        (None, Some(reason)) => letter.reason == reason,
        (None, None) => which.all,
    };
    let meant: Vec<_> = all.into_iter().filter(is_meant).collect();
    if meant.is_empty() {
        return Err(anyhow!(
            "none of the {there} parked dead letters is meant; `dead-letters list` shows them"
        ));
    }
    Ok(meant)
}

async fn replay(backend: &Backend, which: Which, out: Out) -> anyhow::Result<()> {
    for letter in meant(backend, which).await? {
        let said = match backend.replay.send(&letter, backend.clock.now()).await? {
            Replayed::Sent => "goes round again".to_owned(),
            Replayed::NotParked => "was not parked any more".to_owned(),
            Replayed::Unreadable(cause) => {
                format!("cannot be read as a job ({cause}); it can only be discarded")
            }
        };
        tell(&letter, &said, out)?;
    }
    Ok(())
}

async fn give_up(backend: &Backend, which: Which, out: Out) -> anyhow::Result<()> {
    for letter in meant(backend, which).await? {
        let said = match discard(&*backend.marks, &*backend.letters, &letter, backend.clock.now())
            .await?
        {
            Write::Applied => "is discarded",
            Write::Stale => "was not parked any more",
        };
        tell(&letter, said, out)?;
    }
    Ok(())
}

fn tell(letter: &DeadLetter, said: &str, out: Out) -> anyhow::Result<()> {
    let value =
        serde_json::json!({ "userId": letter.user_id, "jobId": letter.job_id, "outcome": said });
    out.said(&format!("{} {said}.", letter.job_id), &value)
}

impl Row for DeadLetter {
    const HEAD: &'static [&'static str] =
        &["JOB", "USER", "STAGE", "REASON", "STATE", "TRIES", "LAST SEEN", "ERROR"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.job_id.to_string(),
            self.user_id.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            self.stage.to_string(),
            self.reason.to_string(),
            self.state.to_string(),
            self.tries.to_string(),
            self.last_seen_at.to_string(),
            self.error.chars().take(60).collect(),
        ]
    }
}
