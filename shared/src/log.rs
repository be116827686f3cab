//! The log: one JSON object per line, its fields at top level beside `level` and `message`.

use std::io;
use std::panic;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

/// Writes everything from `info` on, or what `levels` says, to standard error. A panic is a line too.
pub fn in_json(levels: Option<&str>) {
    let lines = fmt::layer().json().flatten_event(true).with_writer(io::stderr);
    registry().with(lines).with(asked(levels, LevelFilter::INFO)).init();
    panics_are_lines_too();
}

/// Levels by target, such as `info,dispatcher=debug`; what cannot be read counts as unset.
pub fn asked(levels: Option<&str>, default: LevelFilter) -> Targets {
    let asked = levels.and_then(|text| text.parse().ok());
    asked.unwrap_or_else(|| Targets::new().with_default(default))
}

/// A panic's message may quote what it choked on, and that may be mail: only the place is told.
fn panics_are_lines_too() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "A panic was caught; it cost its own job one try");
    }));
}
