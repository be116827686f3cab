//! How a process that runs stages ends: politely, with what it has begun.

use anyhow::{Context, bail};
use shared::clock::Clock;
use shared::queue::RUN_LIMIT;
use shared::worker::Stop;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// Waits for Ctrl-C or a polite kill, then for what has begun; a second one ends the wait. A stage that ends unasked is
/// an error: whoever started this process should start it again.
pub(crate) async fn until_stopped(
    stop: Stop,
    stages: &mut JoinSet<()>,
    clock: &Clock,
) -> anyhow::Result<()> {
    tokio::select! {
        stopped = stopped() => stopped?,
        _ended = stages.join_next() => bail!("a stage ended by itself; what it had begun comes again"),
    }
    tracing::info!("Stopping: what has begun is finished, nothing new is taken");
    stop.stop();
    tokio::select! {
        () = ended(stages) => {}
        () = clock.sleep(RUN_LIMIT) => tracing::warn!("Stopped without waiting longer; what had begun comes again"),
        again = stopped() => again?,
    }
    Ok(())
}

async fn ended(stages: &mut JoinSet<()>) {
    while stages.join_next().await.is_some() {}
}

/// Waits for Ctrl-C or a polite kill.
async fn stopped() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped.context("listening for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}
