//! A noisy neighbour: 200 quiet mailboxes get a message every five seconds, first by themselves, then beside one in
//! which 20,000 messages are found at once. The quiet ones hardly notice.
//!
//! `cargo build --release && cargo run --release -p bench --features load --bin noisy`, a minute and a half; with
//! `FANMAIL_LONG=1`, ten minutes, in which the noisy mailbox comes to its end.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use bench::load::arrivals::{Arrivals, at_once};
use bench::load::consumer::Consumer;
use bench::load::figures::{count, figure, nothing_is_lost, quantile};
use bench::load::watch::{Seen, watch};
use bench::load::{MessageKey, Site};
use bench::{Bound, report};
use tests::google::Google;
use tests::patience::wait_for;
use tests::settings::Length;

const QUIET: usize = 200;

/// Each quiet mailbox gets a message every five seconds.
const EVERY: Duration = Duration::from_millis(25);

const NOISE: usize = 20_000;

const SHORT: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_mins(3);

/// How long the noisy mailbox may take after that: Google lets 2,800 of its messages through in a minute.
const ITS_END: Duration = Duration::from_mins(10);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let lasting = Length::set().of(SHORT, LONG);
    let mut site = Site::start(QUIET + 1).await?;
    let quiet: Vec<_> = (1..=QUIET).map(Google::person).collect();
    let noisy = Google::person(QUIET + 1);
    let mut consumer = Consumer::of(&site);
    let alone = watch(&site, &Arrivals::new(&quiet, EVERY, lasting), &mut consumer).await?;
    let user = site.user(&noisy)?.to_owned();
    site.typed(&["accounts", "pause", &user])?;
    let flood = at_once(&site, &noisy, NOISE).await?;
    site.typed(&["accounts", "resume", &user])?;
    let beside = watch(&site, &Arrivals::new(&quiet, EVERY, lasting), &mut consumer).await?;
    let noise_meanwhile = consumer.told_of(std::slice::from_ref(&user));
    if Length::set() == Length::Long {
        wait_for("the end of the noise", ITS_END, async || {
            consumer.read().await.ok();
            (consumer.told_of(std::slice::from_ref(&user)) == NOISE).then_some(())
        })
        .await;
    }
    site.stop().await?;
    consumer.read().await?;
    let p99 = |seen: &Seen| quantile(consumer.delays(&seen.delivered), 0.99);
    let twice = Bound::AtMost(2.0 * p99(&alone));
    let mut figures = vec![
        figure("quiet alone, p99, ms", p99(&alone), Bound::Printed),
        figure("quiet beside a noisy one, p99, ms", p99(&beside), twice),
        figure(
            "messages of the noisy one meanwhile",
            count(noise_meanwhile),
            Bound::AtLeast(1_000.0),
        ),
    ];
    let delivered = [alone.delivered, beside.delivered, flood];
    let delivered: BTreeSet<MessageKey> = delivered.into_iter().flatten().collect();
    figures.extend(nothing_is_lost(&site, &consumer, &delivered)?);
    Ok(report(&figures))
}
