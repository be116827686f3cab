//! `fanmail`: the whole pipeline on one machine, and the commands beside it.

mod args;
mod backend;
mod commands;
mod demo;
mod log;
mod machine;
mod print;

use std::panic;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use crate::args::{Args, Command};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What a command came to: good, or finished without being good (a demo that does not balance).
pub(crate) enum End {
    /// Exit code 0.
    Good,
    /// Exit code 1, after the command itself has said why.
    Bad,
}

/// A failure that is the caller's: bad use or bad settings. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadUse(pub(crate) String);

fn main() -> ExitCode {
    tell_where_it_panics();
    let args = Args::parse();
    match runtime().and_then(|runtime| runtime.block_on(run(args))) {
        Ok(End::Good) => ExitCode::SUCCESS,
        Ok(End::Bad) => ExitCode::from(1),
        Err(error) => {
            print::error(&error);
            ExitCode::from(if error.is::<BadUse>() { 2 } else { 1 })
        }
    }
}

/// A panic's message may quote what it choked on, and that may be mail: only the place is told.
fn tell_where_it_panics() {
    panic::set_hook(Box::new(|panicked| {
        let place =
            panicked.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        print::progress(&format!("panicked at {place}"));
    }));
}

/// Threads that wait for the disk. More than these only take memory: a disk does not get faster by being asked at once.
const DISK_THREADS: usize = 16;

fn runtime() -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    Ok(builder.enable_all().max_blocking_threads(DISK_THREADS).build()?)
}

async fn run(args: Args) -> anyhow::Result<End> {
    let (out, place) = (print::Out { json: args.json }, args.place);
    if !args.command.works_on_a_stack() {
        place.refuse_a_stack()?;
    }
    match args.command {
        Command::Demo(demo) => demo::run(demo, out).await,
        Command::Serve(serve) => commands::serve::run(serve).await,
        Command::GoogleSim(sim) => commands::google_sim::run(sim).await,
        Command::Accounts(accounts) => commands::accounts::run(accounts, &place, out).await,
        Command::Audit(asked) => commands::audit::run(asked, &place, out).await,
        Command::DeadLetters(letters) => commands::dead_letters::run(letters, &place, out).await,
        Command::Keys(keys) => commands::keys::run(keys, &place, out).await,
        Command::Reclassify(asked) => commands::reclassify::run(asked, &place, out).await,
        Command::Results(results) => commands::results::run(results, &place, out).await,
        Command::Events(events) => commands::events::run(events, &place, out).await,
        Command::Classify(classify) => commands::classify::run(&classify, out),
        Command::Rules(rules) => commands::rules::run(rules, &place, out).await,
        Command::Worker(worker) => backend::stack::work(worker, &place).await,
    }
}
