//! `demo`: mail keeps arriving, one mailbox loses its grant, and every event is shown as it is announced.

use std::time::Duration;

use shared::events::{Event, EventKind};
use shared::worker::Shutdown;

use super::mail::{Mail, Spread};
use super::tally::tally;
use super::world::World;
use crate::End;
use crate::machine::pipeline::Pipeline;
use crate::print::{Out, line, progress};

/// How often a new message arrives somewhere.
const ARRIVAL: Duration = Duration::from_millis(700);

/// After so many arrivals the grants die.
const REVOKED_AFTER: usize = 12;

/// A status line comes with every so manieth arrival.
const STATUS_EVERY: usize = 10;

/// How many events are read at once.
const PAGE: usize = 500;

/// Lets mail flow until Ctrl-C.
pub(super) async fn run(
    pipeline: &Pipeline,
    world: &World,
    mail: &Mail,
    spread: Spread,
    revoke: usize,
    out: Out,
    told: Shutdown,
) -> anyhow::Result<End> {
    let rounds = tokio::spawn(pipeline.clone().rounds(pipeline.settings.poll_interval_min, told));
    progress("Mail flows. Ctrl-C ends the demo.");
    world.deliver_all(mail, spread)?;
    tokio::select! {
        shown = show(pipeline, world, mail, revoke, out) => shown?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    rounds.abort();
    status(pipeline, world).await?;
    Ok(End::Good)
}

async fn show(
    pipeline: &Pipeline,
    world: &World,
    mail: &Mail,
    revoke: usize,
    out: Out,
) -> anyhow::Result<()> {
    let mut seq = 0;
    let mut arrivals = 0;
    loop {
        for logged in pipeline.folder.events.read_after(seq, PAGE).await? {
            seq = logged.seq;
            if out.json { out.object(&logged.event)? } else { line(&sentence(&logged.event))? }
        }
        pipeline.folder.clock.sleep(ARRIVAL).await;
        arrivals += 1;
        let person = usize::try_from(pipeline.folder.chance.below(world.people.len() as u64))?;
        world.deliver(person, mail.at(arrivals))?;
        if arrivals == REVOKED_AFTER && revoke > 0 {
            world.revoke(revoke)?;
            progress(&format!("-- {revoke} of the people took their consent back at Google --"));
        }
        if arrivals % STATUS_EVERY == 0 {
            status(pipeline, world).await?;
        }
    }
}

async fn status(pipeline: &Pipeline, world: &World) -> anyhow::Result<()> {
    let tally = tally(&pipeline.folder, world).await?;
    let (marks, waiting) = (tally.marks, tally.waiting);
    let units = world.google.counters().units;
    progress(&format!(
        "-- {} stored, {} skipped, {} parked, {waiting} waiting; {units} units of Google's quota --",
        marks.done, marks.skipped, marks.parked
    ));
    Ok(())
}

fn sentence(event: &Event) -> String {
    let text = |name: &str| event.data[name].as_str().unwrap_or_default().to_owned();
    let time = event.time.to_string();
    let user = text("userId");
    match event.kind {
        EventKind::MessageProcessed => {
            let sure = event.data["confidence"].as_f64().unwrap_or_default() * 100.0;
            format!(
                "{}  {user}  {:<13} {sure:>3.0} %  message {}",
                &time[11..19],
                text("category"),
                event.subject
            )
        }
        EventKind::ActionFinished => {
            format!("{}  {user}  {}: {}", &time[11..19], text("kind"), text("state"))
        }
        EventKind::Connected => format!("{}  {user}  connected", &time[11..19]),
        EventKind::Resumed => format!("{}  {user}  goes on from where it stopped", &time[11..19]),
        EventKind::Disconnected => format!("{}  {user}  disconnected", &time[11..19]),
        EventKind::NeedsReauth => {
            format!(
                "{}  {user}  NEEDS RE-AUTH: {} – its owner must consent again",
                &time[11..19],
                text("reason")
            )
        }
    }
}
