//! `demo --once`: deliver, run until everything is at rest, and say whether it balances.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use shared::clock::Timestamp;

use super::mail::{Mail, Spread};
use super::tally::{Subscriber, Summary, Tally, at_rest, results, tally};
use super::world::World;
use crate::End;
use crate::machine::pipeline::Pipeline;
use crate::print::{Out, line};

/// How often we look whether all is at rest.
const LOOK: Duration = Duration::from_millis(50);

/// After so many rounds at rest without a change, what is still waiting will not move by itself.
const HOPELESS: usize = 10;

/// Runs one delivery from beginning to end.
pub(super) async fn run(
    pipeline: &Pipeline,
    world: &World,
    mail: &Mail,
    spread: Spread,
    revoke: usize,
    out: Out,
) -> anyhow::Result<End> {
    let mut subscriber = Subscriber::default();
    rest(pipeline, &mut subscriber, &ProgressBar::hidden()).await?;
    world.deliver_all(mail, spread)?;
    world.revoke(revoke)?;
    let bar = bar(world.google.counters().messages);
    let began = pipeline.folder.clock.now();
    let (tally, ended) = account_for_all(pipeline, world, &mut subscriber, &bar).await?;
    bar.finish_and_clear();
    subscriber.catch_up(&pipeline.folder).await?;
    if subscriber.announced != tally.marks.done {
        subscriber = Subscriber::that_drops_repeated_ids();
        subscriber.catch_up(&pipeline.folder).await?;
    }
    let results = results(&pipeline.folder).await?;
    let seconds = ended.since(began).as_secs_f64();
    let counters = world.google.counters();
    let summary = Summary {
        mailboxes: world.people.len(),
        messages: counters.messages,
        done: tally.marks.done,
        skipped: tally.marks.skipped,
        parked: tally.marks.parked,
        waiting: tally.waiting,
        quota_units: counters.units,
        seconds,
        messages_per_second: rate(counters.messages, seconds),
        categories: subscriber.categories.clone(),
    };
    let balances = summary.balances(subscriber.announced, results);
    if out.json {
        out.object(&summary)?;
    } else {
        tell(&summary, balances)?;
    }
    Ok(if balances { End::Good } else { End::Bad })
}

/// Rounds and rest, in turn, until nothing waits.
async fn account_for_all(
    pipeline: &Pipeline,
    world: &World,
    subscriber: &mut Subscriber,
    bar: &ProgressBar,
) -> anyhow::Result<(Tally, Timestamp)> {
    let clock = &pipeline.folder.clock;
    let mut last = Tally::default();
    let mut unchanged = 0;
    loop {
        pipeline.round().await?;
        rest(pipeline, subscriber, bar).await?;
        let ended = clock.now();
        let now = tally(&pipeline.folder, world).await?;
        unchanged = if now == last { unchanged + 1 } else { 0 };
        if now.waiting == 0 || unchanged >= HOPELESS {
            return Ok((now, ended));
        }
        last = now;
        clock.sleep(pipeline.settings.poll_interval_min).await;
    }
}

async fn rest(
    pipeline: &Pipeline,
    subscriber: &mut Subscriber,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    while !at_rest(&pipeline.folder).await? {
        subscriber.catch_up(&pipeline.folder).await?;
        bar.set_position(subscriber.announced);
        pipeline.folder.clock.sleep(LOOK).await;
    }
    Ok(())
}

fn bar(messages: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {pos}/{len} announced, {per_sec}, {elapsed}");
    let bar = ProgressBar::new(messages);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
fn rate(messages: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { messages as f64 / seconds } else { 0.0 }
}

fn tell(summary: &Summary, balances: bool) -> anyhow::Result<()> {
    let Summary { mailboxes, messages, done, skipped, parked, waiting, .. } = summary;
    line(&format!(
        "{messages} messages to {mailboxes} mailboxes: {done} stored and announced, {skipped} skipped, {parked} parked, {waiting} waiting"
    ))?;
    let (seconds, rate, units) =
        (summary.seconds, summary.messages_per_second, summary.quota_units);
    line(&format!("{seconds:.1} s, {rate:.0} messages/s, {units} units of Google's quota"))?;
    for (category, count) in &summary.categories {
        line(&format!("  {category:<14} {count}"))?;
    }
    line(if balances {
        "It balances: every message is accounted for."
    } else {
        "It does NOT balance."
    })
}
