//! What keys cost on one machine: opening and sealing one token under a key file that holds two keys, and a rotation over
//! 10,000 mailboxes in SQLite, each with a refresh token and a cached access token, to the end of the pass that finds
//! nothing any more.
//!
//! `cargo run --release -p bench --bin keys`

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use bench::{Bound, Figure, report};
use futures::future::try_join_all;
use shared::clock::{Chance, Clock, Timestamp};
use shared::ids::{Epoch, Grant, UserId};
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{Consent, Life, Mailboxes, NewAccess};
use shared::mailbox::{AccessBy, Owed};
use shared::rotation::{Rotation, not_under};
use shared::sealing::key_file::{KeyFile, KeyFileSealing};
use shared::sealing::{Sealed, SealedFor, Sealing, TokenKind};
use shared::sqlite::Database;
use shared::store::Write;

const MAILBOXES: u32 = 10_000;

/// Mailboxes that are written at the same time, so that they share transactions.
const TOGETHER: u32 = 500;

/// How often one token is opened and sealed.
const TIMES: u32 = 200_000;

/// As long as Google's refresh tokens may be, and its access tokens mostly are not.
const TOKEN_LEN: usize = 512;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let (clock, chance, folder) = (Clock::System, Chance::system(), tempfile::tempdir()?);
    let file = folder.path().join("key");
    let sealing = Arc::new(KeyFileSealing::open(&file, clock.now(), chance.clone())?);
    let ledger = SqliteLedger::new(Database::open(&folder.path().join("fanmail.db"))?);
    fill(&ledger, &sealing, clock.now()).await?;
    let (seconds, resealed) = rotate(&ledger, sealing.clone(), &file, &clock).await?;
    let (opening, sealed) = one(&sealing, &clock).await?;
    Ok(report(&[
        Figure {
            name: "µs to open a sealed token".into(),
            value: opening,
            bound: Bound::AtMost(20.0),
        },
        Figure { name: "µs to seal one".into(), value: sealed, bound: Bound::Printed },
        Figure {
            name: "seconds to rotate the keys of 10,000 mailboxes".into(),
            value: seconds,
            bound: Bound::AtMost(10.0),
        },
        Figure {
            name: "mailboxes sealed anew".into(),
            value: resealed,
            bound: Bound::Exactly(f64::from(MAILBOXES)),
        },
    ]))
}

/// Seconds that a rotation took, and how many mailboxes it sealed anew.
async fn rotate(
    ledger: &SqliteLedger,
    sealing: Arc<KeyFileSealing>,
    file: &Path,
    clock: &Clock,
) -> anyhow::Result<(f64, f64)> {
    let began = clock.now();
    let key = KeyFile::hold(file)?.turn(clock.now(), &Chance::system())?;
    let mailboxes = Arc::new(ledger.clone());
    let rotation = Rotation { mailboxes, sealing, is_old: not_under(key) };
    let (pass, resealed) = rotation.run().await?;
    ensure!(pass.found_nothing() && pass.unopened.is_empty(), "something is left: {pass:?}");
    Ok((clock.now().since(began).as_secs_f64(), f64::from(u32::try_from(resealed)?)))
}

/// Microseconds to open one token, and to seal one.
async fn one(sealing: &KeyFileSealing, clock: &Clock) -> anyhow::Result<(f64, f64)> {
    let user = user(1)?;
    let at = SealedFor { user: &user, epoch: Epoch(1), kind: TokenKind::Refresh };
    let token = "x".repeat(TOKEN_LEN);
    let began = clock.now();
    for _ in 0..TIMES {
        sealing.seal(at, &token).await?;
    }
    let sealed_at = clock.now();
    let sealed = sealing.seal(at, &token).await?;
    for _ in 0..TIMES {
        ensure!(sealing.open(at, &sealed).await?.len() == TOKEN_LEN);
    }
    let each =
        |from: Timestamp, to: Timestamp| to.since(from).as_secs_f64() * 1e6 / f64::from(TIMES);
    Ok((each(sealed_at, clock.now()), each(began, sealed_at)))
}

async fn fill(
    ledger: &SqliteLedger,
    sealing: &KeyFileSealing,
    now: Timestamp,
) -> anyhow::Result<()> {
    for start in (0..MAILBOXES).step_by(usize::try_from(TOGETHER)?) {
        let connected = (start..start + TOGETHER).map(|n| connect(ledger, sealing, n, now));
        try_join_all(connected).await?;
    }
    Ok(())
}

async fn connect(
    ledger: &SqliteLedger,
    sealing: &KeyFileSealing,
    number: u32,
    at: Timestamp,
) -> anyhow::Result<()> {
    let user = user(number)?;
    let consent = Consent {
        user_id: user.clone(),
        read: None,
        epoch: Epoch(1),
        grant: Grant(1),
        new_life: true,
        email: format!("person{number}@example.com"),
        access: AccessBy::Consent,
        refresh_token: Some(seal(sealing, &user, TokenKind::Refresh).await?),
        scopes: vec!["https://www.googleapis.com/auth/gmail.readonly".to_owned()],
        at,
        reference: None,
        owed: Owed::default(),
    };
    ensure!(ledger.connect(consent).await? == Write::Applied, "a mailbox was there before");
    let sealed = seal(sealing, &user, TokenKind::Access).await?;
    let access = NewAccess { sealed, version: 1, expiry: at, refresh_token: None };
    let life = Life { user: &user, epoch: Epoch(1), grant: Grant(1) };
    ensure!(ledger.store_access(life, access).await? == Write::Applied, "no token was stored");
    Ok(())
}

async fn seal(sealing: &KeyFileSealing, user: &UserId, kind: TokenKind) -> anyhow::Result<Sealed> {
    let at = SealedFor { user, epoch: Epoch(1), kind };
    Ok(sealing.seal(at, &"x".repeat(TOKEN_LEN)).await?)
}

fn user(number: u32) -> anyhow::Result<UserId> {
    format!("1{number:020}").parse().context("digits are a userId")
}
