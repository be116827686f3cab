//! `fanmail dead-letters`: what failed for good, why, and what becomes of it.

mod look;
mod order;

use desk::orders::Desk;
use shared::ledger::LetterFilter;

use crate::End;
use crate::args::{DeadLetters, DeadLettersCommand, Filter, Place};
use crate::backend::Backend;
use crate::print::Out;

/// Carries out one command on dead letters.
pub(crate) async fn run(args: DeadLetters, place: &Place, out: Out) -> anyhow::Result<End> {
    use DeadLettersCommand::{
        Cancel, Discard, Explain, Groups, List, Log, Pause, Replay, Resume, Show,
    };

    let backend = Backend::open(place, &args.data).await?;
    match args.command {
        List(asked) => look::list(&backend, asked, out).await?,
        Groups(asked) => look::groups(&backend, &asked, out).await?,
        Show { job, user } => look::show(&backend, &job, user, out).await?,
        Explain { what } => look::explain(&backend, &what, out).await?,
        Replay { which, rate } => return order::replay(&backend, which, rate, out).await,
        Discard { which, ended } => return order::give_up(&backend, which, ended, out).await,
        Pause => order::pause(&backend, out).await?,
        Resume => return order::resume(&backend, out).await,
        Cancel => order::cancel(&backend, out).await?,
        Log { order: Some(number), .. } => order::outcome(&backend, number, out).await?,
        Log { order: None, limit } => order::log(&backend, limit, out).await?,
    }
    Ok(End::Good)
}

impl Backend {
    fn desk(&self) -> Desk {
        Desk {
            mailboxes: self.mailboxes.clone(),
            marks: self.marks.clone(),
            letters: self.letters.clone(),
            control: self.control.clone(),
            replay: self.replay.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
        }
    }
}

impl Filter {
    fn is_empty(&self) -> bool {
        let Self { reason, user, stage, since, until } = self;
        reason.is_none() && user.is_none() && stage.is_none() && since.is_none() && until.is_none()
    }

    fn at(&self, backend: &Backend) -> LetterFilter {
        let now = backend.clock.now();
        LetterFilter {
            user_id: self.user.clone(),
            reason: self.reason,
            stage: self.stage,
            state: None,
            since: self.since.map(|since| since.exactly(now)),
            until: self.until.map(|until| until.exactly(now)),
        }
    }
}
