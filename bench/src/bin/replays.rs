//! Replaying 10,000 messages of 200 mailboxes at 500 a second, while 200 other mailboxes get new mail: how fresh that is,
//! first without the replay, then beside it.
//!
//! `cargo build --release && cargo run --release -p bench --features load --bin replays`, three minutes

use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use bench::load::Site;
use bench::load::arrivals::{Arrivals, at_once};
use bench::load::consumer::Consumer;
use bench::load::figures::{count, figure, quantile};
use bench::load::watch::watch;
use bench::{Bound, report};
use serde_json::json;
use shared::clock::Clock;
use tests::google::Google;
use tests::patience::wait_for;

const LIVE: usize = 200;
const BROKEN: usize = 200;
const EACH: usize = 50;

/// Between two messages that arrive.
const EVERY: Duration = Duration::from_millis(25);

/// How long they do: longer than the replay takes at its rate.
const LASTING: Duration = Duration::from_secs(30);

const PATIENCE: Duration = Duration::from_mins(5);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut site = Site::start(LIVE + BROKEN).await?;
    let live: Vec<_> = (1..=LIVE).map(Google::person).collect();
    let broken: Vec<_> = (LIVE + 1..=LIVE + BROKEN).map(Google::person).collect();
    for email in &broken {
        let kind = "badRequest";
        site.google.fail(json!({ "email": email, "method": "messages.get", "kind": kind })).await;
    }
    for email in &broken {
        at_once(&site, email, EACH).await?;
    }
    let all = BROKEN * EACH;
    let parked = async || {
        let accounts = site.typed(&["accounts", "list"]).ok()?;
        let parked = accounts.iter().filter_map(|account| account["messages"]["parked"].as_u64());
        (usize::try_from(parked.sum::<u64>()).ok()? == all).then_some(())
    };
    wait_for("every broken message in a dead letter", PATIENCE, parked).await;
    site.google.heal().await;
    let mut consumer = Consumer::of(&site);
    let alone = watch(&site, &Arrivals::new(&live, EVERY, LASTING), &mut consumer).await?;
    let (clock, mut order) =
        (Clock::System, site.begin(&["dead-letters", "replay", "--all", "--rate", "500/s"])?);
    let began = clock.now();
    let arrivals = Arrivals::new(&live, EVERY, LASTING);
    let replaying = async {
        while order.try_wait()?.is_none() {
            clock.sleep(Duration::from_millis(20)).await;
        }
        Ok::<_, anyhow::Error>(clock.now().since(began).as_secs_f64())
    };
    let (beside, seconds) = tokio::join!(watch(&site, &arrivals, &mut consumer), replaying);
    let (beside, seconds) = (beside?, seconds?);
    let users: Vec<String> =
        broken.iter().map(|email| site.user(email).map(str::to_owned)).collect::<Result<_, _>>()?;
    wait_for("every message that was sent round", PATIENCE, async || {
        consumer.read().await.ok();
        (consumer.told_of(&users) == all).then_some(())
    })
    .await;
    let orders = site.typed(&["dead-letters", "log"])?;
    ensure!(orders[0]["counts"]["messages"] == all, "{}", orders[0]);
    site.stop().await?;
    let open = ["dead-letters", "list", "--state", "parked"];
    let p99 = |seen: &bench::load::watch::Seen| quantile(consumer.delays(&seen.delivered), 0.99);
    let half_more = Bound::AtMost(1.5 * p99(&alone));
    Ok(report(&[
        figure(
            "messages sent round again",
            count(consumer.told_of(&users)),
            Bound::Exactly(count(all)),
        ),
        figure("messages a second", count(all) / seconds, Bound::AtLeast(450.0)),
        figure("new mail without it, p99, ms", p99(&alone), Bound::Printed),
        figure("new mail beside it, p99, ms", p99(&beside), half_more),
        figure("letters that are left", count(site.typed(&open)?.len()), Bound::Exactly(0.0)),
    ]))
}
