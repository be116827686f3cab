//! The dead-letter desk over 100,000 letters of 1,000 mailboxes in SQLite: grouping them all, the pages of a list, with
//! and without a filter that admits few, and the plan of replaying them all.
//!
//! `cargo run --release -p bench --bin letters`

use std::process::ExitCode;

use anyhow::ensure;
use bench::{Bound, Figure, report};
use desk::groups::{By, groups};
use desk::plan::{Kind, Scope, Terms, plan};
use futures::future::try_join_all;
use shared::clock::{Chance, Clock, Timestamp};
use shared::ids::{Epoch, Generation, Grant, JobId, UserId};
use shared::jobs::{JobHeader, Lane, Listed, MessageJob, encode};
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{
    Consent, DeadLetter, DeadLetters, Happening, History, LetterFilter, LetterState, Mailboxes,
    StageName, Turn,
};
use shared::mailbox::{AccessBy, Owed};
use shared::pacing::Pacing;
use shared::reason::Reason;
use shared::sqlite::Database;
use shared::store::Write;

const MAILBOXES: u32 = 1_000;
const LETTERS_EACH: u32 = 100;
const MESSAGES_EACH: u32 = 5;

/// Letters that are parked at the same time, so that they share transactions.
const TOGETHER: usize = 500;

/// What a page of the list shows.
const PAGE: usize = 50;

/// One letter in so many died of something rare.
const RARE: u32 = 10_000;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let (clock, folder) = (Clock::System, tempfile::tempdir()?);
    let ledger = SqliteLedger::new(Database::open(&folder.path().join("fanmail.db"))?);
    fill(&ledger, clock.now()).await?;
    let all = LetterFilter::default();

    let began = clock.now();
    let found = groups(&ledger, &all, &[By::Reason, By::Stage]).await?;
    let grouping = millis(&clock, began);
    let letters: u64 = found.iter().map(|group| group.letters).sum();
    ensure!(letters == u64::from(MAILBOXES * LETTERS_EACH), "{letters} letters were grouped");

    let rare = LetterFilter { reason: Some(Reason::NoVerdict), ..all.clone() };
    let slowest = slowest_page(&ledger, &all, &clock).await?;
    let slowest_rare = slowest_page(&ledger, &rare, &clock).await?;

    let scope = Scope { jobs: vec![], filter: all, ended_only: false };
    let now = clock.now();
    let terms = Terms {
        kind: Kind::Replay,
        ended_only: false,
        order: None,
        rate: 500,
        pacing: Pacing::MAY_2026,
        now,
    };
    let planned = plan(&ledger, &ledger, &scope, &terms).await?;
    let planning = millis(&clock, now);
    ensure!(planned.letters == letters && planned.mailboxes == u64::from(MAILBOXES), "{planned:?}");

    let figure = |name: &str, value, bound| Figure { name: name.to_owned(), value, bound };
    let (second, tenth) = (Bound::AtMost(1_000.0), Bound::AtMost(100.0));
    Ok(report(&[
        figure("100,000 letters grouped by reason and stage, ms", grouping, second),
        figure("the slowest of 20 pages of a list, ms", slowest, tenth),
        figure("the slowest page where ten letters are meant, ms", slowest_rare, tenth),
        figure("replaying them all, planned, ms", planning, Bound::Printed),
    ]))
}

fn millis(clock: &Clock, since: Timestamp) -> f64 {
    clock.now().since(since).as_secs_f64() * 1e3
}

/// Turns twenty pages of a list, or as many as there are, and answers how long the slowest took.
async fn slowest_page(
    ledger: &SqliteLedger,
    filter: &LetterFilter,
    clock: &Clock,
) -> anyhow::Result<f64> {
    let (mut slowest, mut after) = (0.0_f64, None);
    for _ in 0..20 {
        let began = clock.now();
        let page = ledger.list(filter, after.as_ref(), PAGE).await?;
        slowest = slowest.max(millis(clock, began));
        let Some(last) = page.last() else { break };
        after = Some(last.key());
    }
    Ok(slowest)
}

async fn fill(ledger: &SqliteLedger, now: Timestamp) -> anyhow::Result<()> {
    let chance = Chance::seeded(1);
    for mailbox in 0..MAILBOXES {
        let user: UserId =
            format!("{}", 100_000_000_000_000_000_000_u128 + u128::from(mailbox)).parse()?;
        ensure!(ledger.connect(consent(&user, now)).await? == Write::Applied, "{user}");
        let letters: Vec<_> = (0..LETTERS_EACH)
            .map(|number| letter(&user, mailbox * LETTERS_EACH + number, now, &chance))
            .collect();
        for batch in letters.chunks(TOGETHER) {
            try_join_all(batch.iter().map(|letter| ledger.park(letter.clone()))).await?;
        }
    }
    Ok(())
}

fn letter(user: &UserId, number: u32, now: Timestamp, chance: &Chance) -> DeadLetter {
    let header = JobHeader::new(user.clone(), Epoch(1), now, chance);
    let id = |place| format!("{:016x}", u64::from(number) << 8 | place);
    let listed = (0..u64::from(MESSAGES_EACH))
        .filter_map(|place| Some(Listed { id: id(place).parse().ok()?, listed_at: now }));
    let job = MessageJob {
        messages: listed.collect(),
        header,
        lane: Lane::Live,
        generation: Generation(0),
        refused: None,
    };
    let reason = match number % RARE {
        0 => Reason::NoVerdict,
        number if number % 3 == 0 => Reason::ClientFault,
        _ => Reason::TooManyTries,
    };
    let error = "Gmail failed with status 503: backendError".to_owned();
    let what = Turn::Parked { reason, error: error.clone(), tries: 5 };
    DeadLetter {
        user_id: Some(user.clone()),
        job_id: JobId::random(chance),
        stage: StageName::MessageProcessor,
        reason,
        error,
        tries: 5,
        first_seen_at: now,
        last_seen_at: now,
        payload: encode(&job),
        state: LetterState::Parked,
        retries: 0,
        retry_at: None,
        history: History(vec![Happening { at: now, what }]),
    }
}

fn consent(user: &UserId, at: Timestamp) -> Consent {
    Consent {
        user_id: user.clone(),
        read: None,
        epoch: Epoch(1),
        grant: Grant(1),
        new_life: true,
        email: format!("{user}@example.com"),
        access: AccessBy::Consent,
        refresh_token: None,
        scopes: vec![],
        at,
        reference: None,
        owed: Owed::default(),
    }
}
