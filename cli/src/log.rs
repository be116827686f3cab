//! The log, on standard error: JSON lines for `serve`, plain ones for the demo. `RUST_LOG` sets the level.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

/// One JSON object per line, from `info` on.
pub(crate) fn in_json() {
    shared::log::in_json(levels().as_deref());
}

/// Lines for people, and none unless asked for.
pub(crate) fn in_words() {
    let lines = fmt::layer().with_writer(std::io::stderr);
    let levels = shared::log::asked(levels().as_deref(), LevelFilter::OFF);
    registry().with(lines).with(levels).init();
}

#[expect(
    clippy::disallowed_methods,
    reason = "the log is set up before there are settings to read it from"
)]
fn levels() -> Option<String> {
    std::env::var("RUST_LOG").ok()
}
