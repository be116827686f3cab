//! The log, on standard error: JSON lines for `serve`, plain ones for the demo. `RUST_LOG` sets the level.

use std::panic;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

/// One JSON object per line, from `info` on.
pub(crate) fn in_json() {
    let lines = fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
    registry().with(lines).with(levels(LevelFilter::INFO)).init();
    panics_are_lines_too();
}

/// Lines for people, and none unless asked for.
pub(crate) fn in_words() {
    let lines = fmt::layer().with_writer(std::io::stderr);
    registry().with(lines).with(levels(LevelFilter::OFF)).init();
}

#[expect(
    clippy::disallowed_methods,
    reason = "the log is set up before there are settings to read it from"
)]
fn levels(default: LevelFilter) -> Targets {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or_else(|| Targets::new().with_default(default))
}

/// As in `main`, only the place of a panic is told.
fn panics_are_lines_too() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "A panic was caught; it cost its own job one try");
    }));
}
