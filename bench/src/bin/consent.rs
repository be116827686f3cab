//! How long a person waits for the last page: from the browser's request to the callback until the page is there, which is
//! after the code was exchanged, the ID token verified and the mailbox stored. The simulated Google answers at once, from a
//! process of its own; `serve` begins the first sync of each mailbox meanwhile.
//!
//! `cargo build --release && cargo run --release -p bench --features load --bin consent`, some seconds.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::ensure;
use bench::load::Site;
use bench::load::figures::{count, figure, quantile};
use bench::{Bound, report};
use reqwest::Client;
use tests::browser::consent_through;
use tests::google::Google;

const PEOPLE: usize = 500;

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "the time that a person waits is real")]
async fn main() -> anyhow::Result<ExitCode> {
    let mut site = Site::open(PEOPLE).await?;
    let mut millis = Vec::new();
    for email in (1..=PEOPLE).map(Google::person) {
        let back = consent_through(Client::get, &site.door, &email).await;
        let asked = Instant::now();
        let page = back.send().await?.text().await?;
        millis.push(asked.elapsed().as_secs_f64() * 1e3);
        ensure!(page.contains("Success"), "{email} was not connected: {page}");
    }
    let connected = site.typed(&["accounts", "list"])?.len();
    site.stop().await?;
    Ok(report(&[
        figure("callback to stored, p50, ms", quantile(millis.clone(), 0.5), Bound::AtMost(5.0)),
        figure("callback to stored, p99, ms", quantile(millis, 0.99), Bound::Printed),
        figure("mailboxes connected", count(connected), Bound::Exactly(count(PEOPLE))),
    ]))
}
