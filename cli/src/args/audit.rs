//! What can be typed about what is missing.

use std::time::Duration;

use clap::Args as Arguments;
use shared::ids::UserId;

use super::reclassify::{Since, since};
use super::{Data, duration};

/// `fanmail audit`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail audit --fix\n\n\
    Without --deep every mark is read, counted by the day (UTC) on which its message was listed, and named where nothing can \
    stand behind it: it is listed for longer than any job takes, or parked without an open dead letter. With --deep one \
    mailbox is compared with what Gmail has, with the archive and, on one machine, with the log of events; a running \
    `fanmail serve`, or the stack's user-worker, asks Gmail. The exit code is 1 when something is missing and was not sent \
    round again.")]
pub(crate) struct AuditArgs {
    /// Only this mailbox.
    #[arg(long)]
    pub(crate) user: Option<UserId>,
    /// Compare this mailbox with Gmail, the archive and the log of events.
    #[arg(long, value_name = "USER", conflicts_with = "user")]
    pub(crate) deep: Option<UserId>,
    /// Only messages that were listed since, with --deep that Gmail received since: 2026-05-01, 2026-05-01T12:00:00Z, or the
    /// day so long ago, such as 30d. With --deep it is 7d.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) since: Option<Since>,
    /// For how long a message may be listed before its job is taken for lost. A job may wait for a day.
    #[arg(long, value_name = "DURATION", default_value = "25h", value_parser = duration)]
    pub(crate) stale_after: Duration,
    /// Send what is missing round again: only that is fetched.
    #[arg(long)]
    pub(crate) fix: bool,
    #[command(flatten)]
    pub(crate) data: Data,
}
