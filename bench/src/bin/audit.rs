//! An audit over a thousand mailboxes of a thousand messages each in SQLite: seconds until every mark is counted and what
//! is stale is named, and peak memory of the process that audits. The marks are made by another process before.
//!
//! `cargo run --release -p bench --bin audit`

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bench::{Bound, Figure, peak_memory, report};
use desk::audit::{Audit, STALE_AFTER, Scope};
use futures::{StreamExt, TryStreamExt, stream};
use shared::clock::{Clock, Timestamp};
use shared::ids::{Epoch, Generation, Grant, MessageId, UserId};
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{Consent, Mailboxes, Marks};
use shared::mailbox::{AccessBy, Owed};
use shared::mark::{Ending, Listing, MarkState};
use shared::reason::SkipReason;
use shared::sealing::Sealed;
use shared::sqlite::Database;
use shared::store::Write;

const MAILBOXES: u32 = 1_000;

/// In each mailbox.
const MESSAGES: u32 = 1_000;

/// Of each mailbox are left listed, and stale.
const STALE: u32 = 3;

/// Mailboxes that are written at the same time, so that they share transactions.
const TOGETHER: usize = 16;

/// The days that a mailbox's messages are spread over.
const DAYS: u32 = 20;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    if let Some(file) = std::env::args().nth(1) {
        fill(Path::new(&file)).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("fanmail.db");
    let filled =
        Command::new(std::env::current_exe()?).arg(&file).status().context("making the marks")?;
    ensure!(filled.success(), "the marks were not made");
    audit(&file).await
}

async fn audit(file: &Path) -> anyhow::Result<ExitCode> {
    let clock = Clock::System;
    let ledger = Arc::new(SqliteLedger::new(Database::open(file)?));
    let audit = Audit {
        mailboxes: ledger.clone(),
        marks: ledger.clone(),
        letters: ledger,
        clock: clock.clone(),
    };
    let scope = Scope { user: None, since: None, stale_after: STALE_AFTER };
    let (mut mailboxes, mut messages, mut days, mut findings) = (0, 0, 0, 0);
    let began = clock.now();
    audit
        .run(&scope, |audit| {
            mailboxes += 1;
            days += audit.days.len();
            findings += audit.findings.len();
            let counts = audit.days.values().map(|day| day.counts);
            messages += counts.map(|it| it.listed + it.done + it.skipped + it.parked).sum::<u64>();
        })
        .await?;
    let seconds = clock.now().since(began).as_secs_f64();
    let number = |count: usize| u32::try_from(count).map(f64::from);
    Ok(report(&[
        Figure {
            name: "seconds to audit 1,000 mailboxes of 1,000 messages".into(),
            value: seconds,
            bound: Bound::AtMost(10.0),
        },
        Figure {
            name: "messages counted".into(),
            value: f64::from(u32::try_from(messages)?),
            bound: Bound::Exactly(f64::from(MAILBOXES) * f64::from(MESSAGES)),
        },
        Figure {
            name: "stale messages named".into(),
            value: number(findings)?,
            bound: Bound::Exactly(f64::from(MAILBOXES) * f64::from(STALE)),
        },
        Figure {
            name: "mailboxes".into(),
            value: f64::from(mailboxes),
            bound: Bound::Exactly(f64::from(MAILBOXES)),
        },
        Figure { name: "rows of the table".into(), value: number(days)?, bound: Bound::Printed },
        Figure {
            name: "peak memory, MB".into(),
            value: peak_memory("self")?,
            bound: Bound::AtMost(128.0),
        },
    ]))
}

async fn fill(file: &Path) -> anyhow::Result<()> {
    let ledger = SqliteLedger::new(Database::open(file)?);
    let now = Clock::System.now();
    let filled = (0..MAILBOXES).map(|number| fill_one(&ledger, number, now));
    stream::iter(filled).buffer_unordered(TOGETHER).try_collect::<()>().await
}

/// A mailbox whose messages came day by day, and are done but for some that were skipped and some that were lost.
async fn fill_one(ledger: &SqliteLedger, number: u32, now: Timestamp) -> anyhow::Result<()> {
    let user: UserId = format!("1{number:020}").parse()?;
    let begun = now - Duration::from_hours(24) * DAYS;
    let connected = ledger.connect(consent(user.clone(), begun)).await?;
    ensure!(connected == Write::Applied, "a mailbox was there before");
    for day in 0..DAYS {
        let at = begun + Duration::from_hours(24) * day;
        let ids = (0..MESSAGES).filter(|message| message % DAYS == day);
        let ids: Vec<MessageId> =
            ids.map(|message| format!("19{message:014x}").parse()).collect::<Result<_, _>>()?;
        let listing = |id: &MessageId| -> anyhow::Result<Listing> {
            let job_id = format!("{number:016x}{day:016x}").parse()?;
            Ok(Listing { message_id: id.clone(), job_id, state: MarkState::Listed })
        };
        let listings: Vec<Listing> = ids.iter().map(listing).collect::<Result<_, _>>()?;
        ledger.list(&user, Epoch(1), &listings, at).await?;
        let lost = if day == 0 { STALE as usize } else { 0 };
        let ending = |(place, id): (usize, &MessageId)| Ending {
            message_id: id.clone(),
            state: if place % 10 == 9 {
                MarkState::Skipped(SkipReason::Spam)
            } else {
                MarkState::Done
            },
            generation: Generation(0),
            internal_date: Some(at),
        };
        let endings: Vec<Ending> = ids.iter().enumerate().skip(lost).map(ending).collect();
        ledger.finish(&user, Epoch(1), &endings, at).await?;
    }
    Ok(())
}

fn consent(user_id: UserId, at: Timestamp) -> Consent {
    Consent {
        user_id,
        read: None,
        epoch: Epoch(1),
        grant: Grant(1),
        new_life: true,
        email: "somebody@example.com".to_owned(),
        access: AccessBy::Consent,
        refresh_token: Some(Sealed("v1.bench.".to_owned() + &"x".repeat(180))),
        scopes: vec!["https://www.googleapis.com/auth/gmail.readonly".to_owned()],
        at,
        reference: None,
        owed: Owed::default(),
    }
}
