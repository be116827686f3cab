//! The dispatcher over a million mailboxes in SQLite, all due: seconds until each has one durable job, and peak memory
//! of the process that dispatches. The mailboxes are made by another process before.
//!
//! `cargo run --release -p bench --bin rounds`

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use anyhow::{Context, ensure};
use bench::{Bound, Figure, peak_memory, report};
use dispatcher::{Dispatcher, RunState};
use shared::clock::{Chance, Clock};
use shared::ids::{Epoch, Grant};
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{Consent, Mailboxes};
use shared::mailbox::{AccessBy, Owed};
use shared::queue::sqlite::SqliteQueue;
use shared::queue::{Queue, RUN_LIMIT};
use shared::sealing::Sealed;
use shared::settings::{Env, Settings};
use shared::sqlite::Database;

const MAILBOXES: u32 = 1_000_000;

/// Mailboxes that are written at the same time, so that they share transactions.
const TOGETHER: u32 = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    if let Some(file) = std::env::args().nth(1) {
        fill(Path::new(&file)).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("fanmail.db");
    let filled = Command::new(std::env::current_exe()?)
        .arg(&file)
        .status()
        .context("making the mailboxes")?;
    ensure!(filled.success(), "the mailboxes were not made");
    dispatch(&file).await
}

async fn dispatch(file: &Path) -> anyhow::Result<ExitCode> {
    let (clock, chance) = (Clock::System, Chance::system());
    let database = Database::open(file)?;
    let ledger = Arc::new(SqliteLedger::new(database.clone()));
    let user_jobs = Arc::new(SqliteQueue::open(&database, "user-jobs", clock.clone()).await?);
    let settings = Settings::read(&mut Env::new(&|_| None));
    let dispatcher = Dispatcher {
        mailboxes: ledger.clone(),
        control: ledger,
        user_jobs: user_jobs.clone(),
        settings,
        clock: clock.clone(),
        chance,
        segments: 1,
    };
    let began = clock.now();
    let mut runs = 0;
    while dispatcher.run(clock.now() + RUN_LIMIT).await?.state != RunState::Finished {
        runs += 1;
    }
    let seconds = clock.now().since(began).as_secs_f64();
    let jobs = user_jobs.depth().await?.total();
    Ok(report(&[
        Figure {
            name: "seconds to dispatch 1,000,000 due mailboxes".into(),
            value: seconds,
            bound: Bound::AtMost(20.0),
        },
        Figure {
            name: "durable jobs".into(),
            value: f64::from(u32::try_from(jobs)?),
            bound: Bound::Exactly(1e6),
        },
        Figure {
            name: "peak memory, MB".into(),
            value: peak_memory("self")?,
            bound: Bound::AtMost(64.0),
        },
        Figure {
            name: "runs that the round took".into(),
            value: f64::from(runs + 1),
            bound: Bound::Printed,
        },
    ]))
}

async fn fill(file: &Path) -> anyhow::Result<()> {
    let ledger = SqliteLedger::new(Database::open(file)?);
    let at = Clock::System.now();
    for start in (0..MAILBOXES).step_by(usize::try_from(TOGETHER)?) {
        let connected = (start..start + TOGETHER).map(|number| ledger.connect(consent(number, at)));
        for written in futures::future::join_all(connected).await {
            ensure!(written? == shared::store::Write::Applied, "a mailbox was there before");
        }
    }
    Ok(())
}

fn consent(number: u32, at: shared::clock::Timestamp) -> Consent {
    let user_id =
        format!("1{number:020}").parse().unwrap_or_else(|_| unreachable!("digits are a userId"));
    Consent {
        user_id,
        read: None,
        epoch: Epoch(1),
        grant: Grant(1),
        new_life: true,
        email: format!("person{number}@example.com"),
        access: AccessBy::Consent,
        refresh_token: Some(Sealed("v1.bench.".to_owned() + &"x".repeat(180))),
        scopes: vec!["https://www.googleapis.com/auth/gmail.readonly".to_owned()],
        at,
        reference: None,
        owed: Owed::default(),
    }
}
