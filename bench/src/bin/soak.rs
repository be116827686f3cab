//! A soak: 1,000 mailboxes, 200 messages a second, and one call to Gmail in twenty fails or is slow. Nothing is lost, no
//! queue grows, memory stays where it was.
//!
//! `cargo build --release && cargo run --release -p bench --features load --bin soak`, a minute;
//! with `FANMAIL_LONG=1`, ten.

use std::process::ExitCode;
use std::time::Duration;

use bench::load::Site;
use bench::load::arrivals::Arrivals;
use bench::load::consumer::Consumer;
use bench::load::figures::{count, figure, nothing_is_lost, quantile};
use bench::load::watch::{Sample, Seen, watch};
use bench::{Bound, Figure, report};
use serde_json::json;
use tests::google::Google;
use tests::settings::Length;

const MAILBOXES: usize = 1_000;

/// 200 messages a second.
const EVERY: Duration = Duration::from_millis(5);

/// Before the soak 20,000 messages arrive, 2,000 a second: they fill the database's cache, which is 16 MB and no leak.
const WARM_UP: [Duration; 2] = [Duration::from_micros(500), Duration::from_secs(10)];

const SHORT: Duration = Duration::from_mins(1);
const LONG: Duration = Duration::from_mins(10);

/// By how much what does not grow may be more at one time than at another. Jobs: a round of them, which comes when the
/// last is nearly done. Messages: what half a second brings; a pipeline that is slower than the mail by one part in fifty
/// is that far behind after half of the short run.
const ROUND: f64 = 1_000.0;
const HALF_A_SECOND: f64 = 100.0;

/// What happens to calls of Gmail, with how many of a hundred, and for how many milliseconds: 5 in all.
const FAULTS: [(&str, f64, u64); 4] =
    [("503", 2.0, 0), ("dropped", 1.0, 0), ("truncated", 1.0, 0), ("latency", 1.0, 500)];

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let lasting = Length::set().of(SHORT, LONG);
    let mut site = Site::start(MAILBOXES).await?;
    let people: Vec<_> = (1..=MAILBOXES).map(Google::person).collect();
    let mut consumer = Consumer::of(&site);
    let [every, filling] = WARM_UP;
    let before = watch(&site, &Arrivals::new(&people, every, filling), &mut consumer).await?;
    for method in ["history.list", "messages.get"] {
        for (kind, percent, latency) in FAULTS {
            let rate = percent / 100.0;
            let fault = json!({"kind": kind, "rate": rate, "latencyMs": latency, "method": method});
            site.google.fail(fault).await;
        }
    }
    let seen = watch(&site, &Arrivals::new(&people, EVERY, lasting), &mut consumer).await?;
    site.stop().await?;
    let mut figures = of_speed(&seen, &consumer);
    let delivered = before.delivered.union(&seen.delivered).cloned().collect();
    figures.extend(nothing_is_lost(&site, &consumer, &delivered)?);
    Ok(report(&figures))
}

/// What the soak is for: what must not grow, beside how fast it was.
fn of_speed(seen: &Seen, consumer: &Consumer) -> Vec<Figure> {
    let rate = count(seen.delivered.len()) / seen.seconds;
    let memory = |sample: &Sample| sample.memory_mb;
    let early = seen.middle(0.2, 0.25, memory);
    let mut figures = vec![
        figure("messages/s that arrived", rate, Bound::AtLeast(199.0)),
        figure("memory after a fifth, MB", early, Bound::Printed),
        figure("memory at the end, MB", seen.middle(0.95, 1.0, memory), Bound::AtMost(early * 1.1)),
    ];
    figures.extend(not_growing("jobs queued", seen, |sample| sample.jobs, ROUND));
    figures.extend(not_growing("messages waiting", seen, |sample| sample.waiting, HALF_A_SECOND));
    let delay = |share| quantile(consumer.delays(&seen.delivered), share);
    figures.push(figure("arrival to event, p50, ms", delay(0.5), Bound::Printed));
    figures.push(figure("arrival to event, p99, ms", delay(0.99), Bound::Printed));
    figures.push(figure("arrival to event, the last, ms", delay(1.0), Bound::Printed));
    figures
}

/// The middle of the second fifth beside that of the last.
fn not_growing(name: &str, seen: &Seen, what: fn(&Sample) -> f64, swing: f64) -> [Figure; 2] {
    let (early, late) = (seen.middle(0.2, 0.4, what), seen.middle(0.8, 1.0, what));
    let bound = Bound::AtMost(early * 1.25 + swing);
    [
        figure(&format!("{name}, second fifth"), early, Bound::Printed),
        figure(&format!("{name}, last fifth"), late, bound),
    ]
}
