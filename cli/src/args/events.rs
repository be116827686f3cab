//! `fanmail events`.

use clap::{Args as Arguments, Subcommand};
use message_processor::announce_again::{Position, Rate};
use shared::category::Category;
use shared::ids::UserId;

use super::Data;
use super::reclassify::{Since, since};

/// `fanmail events`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail events --follow --json")]
pub(crate) struct Events {
    #[command(subcommand)]
    pub(crate) command: Option<EventsCommand>,
    /// Go on with what is announced from now on.
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// What to do with events, beside reading them.
#[derive(Subcommand)]
pub(crate) enum EventsCommand {
    /// Announce messages again that were announced before, to everybody or to one consumer.
    ///
    /// Everything comes from the marks and the archive: Gmail is not asked. Each event has the id and the generation that
    /// it had, and says `"replay": true` and the lane replay. Only messages are announced again: what became of mailboxes
    /// (connected, to be connected anew, resumed, disconnected) and of actions is not kept.
    #[command(
        after_help = "Example: fanmail events replay --announced-since 1d --to https://example.com/hooks/mail --dry-run\n\n\
        Marks tell for 30 days when a message was announced. Without --to it goes to everybody: to the log that \
        `fanmail events` reads, or to the stack's topic. --to takes the address of a webhook, which is signed under \
        WEBHOOK_SECRET as actions are and leads into no private network that WEBHOOK_NETWORKS does not name; with --backend \
        aws also the URL or the ARN of an SQS queue, where events lie as raw delivery lays them. EVENT_DATA and STACK_NAME are \
        read as `serve` reads them. It may be killed and run again: ids stay, and consumers drop what they have seen."
    )]
    Replay(ReplayEvents),
}

/// `fanmail events replay`.
#[derive(Arguments)]
pub(crate) struct ReplayEvents {
    /// What was announced since: 2026-05-01, 2026-05-01T12:00:00Z, or so long ago, such as 24h.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) announced_since: Since,
    /// … and before this; by default now.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) until: Option<Since>,
    /// Only of this mailbox.
    #[arg(long)]
    pub(crate) user: Option<UserId>,
    /// Only of this category, such as bounce.
    #[arg(long)]
    pub(crate) category: Option<Category>,
    /// One consumer instead of everybody: the address of a webhook, or on a stack the URL or ARN of an SQS queue.
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) to: Option<String>,
    /// So many events at most.
    #[arg(long, value_name = "N/s", default_value = "100/s")]
    pub(crate) rate: Rate,
    /// Go on behind this message, which a run that stopped has printed.
    #[arg(long, value_name = "USER/MESSAGE")]
    pub(crate) after: Option<Position>,
    /// Say what would be announced, and announce nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
