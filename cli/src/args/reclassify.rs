//! `fanmail reclassify`.

use std::time::Duration;

use clap::Args as Arguments;
use shared::clock::Timestamp;
use shared::ids::UserId;

use super::Data;

/// `fanmail reclassify`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail reclassify --since 30d --changed-only --dry-run\n\n\
    Everything comes from the archive: Gmail is not asked. A result that is replaced is announced again under a new id, \
    with its generation one higher. RULES_FILE, EVENT_DATA and STACK_NAME are read as `serve` reads them; a stack's \
    rules are those that it was deployed with. Without rules labels stay as they are. It may be killed and run \
    again: with the same options it goes on, and replaces nothing twice.")]
pub(crate) struct Reclassify {
    /// Only messages that Gmail received since: 2026-05-01, 2026-05-01T12:00:00Z, or the day so long ago, such as 30d.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) since: Option<Since>,
    /// Only of this mailbox.
    #[arg(long)]
    pub(crate) user: Option<UserId>,
    /// Leave those that are judged as before; without, each is announced again.
    #[arg(long)]
    pub(crate) changed_only: bool,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) data: Data,
}

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A moment, or the beginning of the day, UTC, so long before now: the same one all day, so that a run that was killed can
/// be gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    At(Timestamp),
    Ago(Duration),
}

impl Since {
    /// The moment itself, seen from `now`, and not its day's beginning.
    pub(crate) fn exactly(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(time) => now - time,
        }
    }

    /// The moment, seen from `now`.
    pub(crate) fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(time) => {
                let millis = (now - time).millis();
                Timestamp::from_millis(millis - millis.rem_euclid(DAY_MILLIS))
            }
        }
    }
}

pub(super) fn since(text: &str) -> Result<Since, String> {
    let at = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
    if let Ok(at) = at {
        return Ok(Since::At(at));
    }
    humantime::parse_duration(text).map(Since::Ago).map_err(|_| {
        "give a day, 2026-05-01, a time, 2026-05-01T12:00:00Z, or how long ago, 30d".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_a_time_or_so_long_ago() {
        let day: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        assert_eq!(since("2026-05-01"), Ok(Since::At(day)));
        assert_eq!(since("2026-05-01T00:00:00Z"), Ok(Since::At(day)));
        let noon = day + Duration::from_hours(12);
        assert_eq!(since("1d").unwrap().moment(noon).to_string(), "2026-04-30T00:00:00.000Z");
        assert_eq!(since("1d").unwrap().exactly(noon).to_string(), "2026-04-30T12:00:00.000Z");
        assert_eq!(Since::At(day).exactly(noon), day);
        for bad in ["", "yesterday", "2026-13-01", "30"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }
}
