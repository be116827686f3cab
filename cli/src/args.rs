//! What can be typed.

mod accounts;
mod audit;
mod dead_letters;
mod events;
mod keys;
mod reclassify;
mod results;
mod rules;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Arguments, Parser, Subcommand, ValueEnum};
use shared::ids::{MessageId, UserId};
use shared::sealing::KeyName;

pub(crate) use self::accounts::{Accounts, AccountsCommand, ConnectLink, ConnectWorkspace};
pub(crate) use self::audit::AuditArgs;
pub(crate) use self::dead_letters::{
    By, DeadLetters, DeadLettersCommand, Filter, Groups, List, Which,
};
pub(crate) use self::events::{Events, EventsCommand, ReplayEvents};
pub(crate) use self::keys::{Keys, KeysCommand};
pub(crate) use self::reclassify::Reclassify;
pub(crate) use self::results::Find;
pub(crate) use self::rules::{RulesArgs, RulesCommand};

/// A Gmail assistant for many mailboxes: every new message is fetched, classified, stored and announced.
#[derive(Parser)]
#[command(version, about, after_help = "Example: fanmail demo")]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print JSON only on standard output, one object per line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Where accounts, audit, dead-letters, events replay, keys, reclassify, results and worker find what they work on.
#[derive(Arguments, Clone)]
pub(crate) struct Place {
    /// Work on the data folder of this machine, or on a stack on AWS.
    #[arg(
        long,
        global = true,
        value_name = "local|aws",
        default_value = "local",
        hide_possible_values = true
    )]
    pub(crate) backend: Side,
    /// The stack's name, as CloudFormation knows it.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) stack: Option<String>,
}

/// On which side the stores are.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// In a data folder.
    Local,
    /// On AWS.
    Aws,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the whole pipeline at work on a simulated Google.
    Demo(Demo),
    /// Run the pipeline on this machine, for real mailboxes.
    Serve(Serve),
    /// Run the simulated Google alone.
    GoogleSim(GoogleSim),
    /// Look at mailboxes, and pause, sync or disconnect them.
    Accounts(Accounts),
    /// Look at jobs that failed for good, and send them round again.
    DeadLetters(DeadLetters),
    /// Find what is missing, and send it round again.
    Audit(AuditArgs),
    /// Look at the keys that tokens are sealed under, and rotate them.
    Keys(Keys),
    /// Look at what was stored.
    Results(Results),
    /// Judge anew what was stored, and announce what that changes.
    Reclassify(Reclassify),
    /// Read what was announced, and announce it again.
    Events(Events),
    /// Understand raw messages without a mailbox.
    Classify(Classify),
    /// Check rules, try them on mail, and compare them.
    Rules(RulesArgs),
    /// Run one stage of a stack on AWS, in a container instead of a function.
    Worker(Worker),
}

impl Command {
    /// Whether `--backend aws` means something to it.
    pub(crate) fn works_on_a_stack(&self) -> bool {
        use Command::{Accounts, Audit, DeadLetters, Keys, Reclassify, Results, Worker};
        if let Self::Events(events) = self {
            // A stack keeps no log of events; what it has announced can be announced again all the same.
            return events.command.is_some();
        }
        matches!(
            self,
            Accounts(_)
                | Audit(_)
                | DeadLetters(_)
                | Keys(_)
                | Reclassify(_)
                | Results(_)
                | Worker(_)
        )
    }
}

/// Where a command finds the data of `serve` or `demo`.
#[derive(Arguments, Clone)]
pub(crate) struct Data {
    /// The data folder.
    #[arg(long, global = true, value_name = "DIR", default_value = "./fanmail-data")]
    pub(crate) data: PathBuf,
}

/// `fanmail demo`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail demo --once --mailboxes 100 --messages 200 --quota off")]
pub(crate) struct Demo {
    /// How many people connect their mailbox.
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) mailboxes: NonZeroUsize,
    /// How many messages each mailbox gets; with --mail and without this, every file is delivered exactly once.
    #[arg(long, value_name = "M")]
    pub(crate) messages: Option<usize>,
    /// Take the mail from here: every *.eml of this folder and those below it.
    #[arg(long, value_name = "DIR")]
    pub(crate) mail: Option<PathBuf>,
    /// Stop when everything is at rest, and say whether it balances.
    #[arg(long)]
    pub(crate) once: bool,
    /// Whether the simulated Google counts quota units, and we pace ourselves by them.
    #[arg(long, value_name = "on|off", default_value = "on", hide_possible_values = true)]
    pub(crate) quota: Switch,
    /// How many people take their consent back while mail flows; 1, or with --once 0.
    #[arg(long, value_name = "N")]
    pub(crate) revoke: Option<usize>,
    /// Where our own pages answer.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Keep the data here, in a new folder; by default in one that goes when the demo ends.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// On or off.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// `fanmail serve`.
#[derive(Arguments)]
#[command(
    after_help = "Example: GOOGLE_CLIENT_ID=… GOOGLE_CLIENT_SECRET=… fanmail serve --data ./fanmail-data"
)]
pub(crate) struct Serve {
    /// Where the pages for connecting answer.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Start although this key is lost. What is sealed under it never opens again: its mailboxes must be connected
    /// anew.
    #[arg(long, value_name = "KEY")]
    pub(crate) without_key: Vec<KeyName>,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// `fanmail google-sim`.
#[derive(Arguments)]
#[command(
    after_help = "Example: fanmail google-sim --listen 127.0.0.1:8090 --mailboxes 3 --messages 20"
)]
pub(crate) struct GoogleSim {
    /// Where it answers.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub(crate) listen: SocketAddr,
    /// Take the mail from here: every *.eml of this folder and those below it.
    #[arg(long, value_name = "DIR")]
    pub(crate) mail: Option<PathBuf>,
    /// How many mailboxes there are.
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) mailboxes: NonZeroUsize,
    /// How many messages each mailbox holds from the start.
    #[arg(long, value_name = "M", default_value_t = 20)]
    pub(crate) messages: usize,
    /// Whether it counts quota units, and refuses whoever spends more than Google grants.
    #[arg(long, value_name = "on|off", default_value = "on", hide_possible_values = true)]
    pub(crate) quota: Switch,
}

/// `fanmail results`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail results list --limit 20")]
pub(crate) struct Results {
    #[command(subcommand)]
    pub(crate) command: ResultsCommand,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// What to do with results.
#[derive(Subcommand)]
pub(crate) enum ResultsCommand {
    /// One line for each, by mailbox and day.
    #[command(after_help = "Example: fanmail results list --user 100100000000000000000 --limit 20")]
    List {
        /// Only of this mailbox.
        #[arg(long)]
        user: Option<UserId>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Look into the index of a mailbox's results, where one is kept.
    #[command(
        after_help = "Example: fanmail results find --user 100100000000000000000 --category bounce --since 30d"
    )]
    Find(Find),
    /// One result, whole.
    #[command(after_help = "Example: fanmail results show 19a2f0c4d1e2b3a4 --json")]
    Show {
        /// The message's id.
        message: MessageId,
        /// The mailbox it is in.
        #[arg(long)]
        user: Option<UserId>,
    },
}

/// `fanmail classify`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail classify tests/mail")]
pub(crate) struct Classify {
    /// Raw messages, or folders with *.eml files.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Ask these rules, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
}

/// `fanmail worker`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail worker message-processor --stack fanmail\n\n\
    What the stack's functions read from their environment is read from it here too; with --stack, the names of its \
    resources come from the stack's outputs.")]
pub(crate) struct Worker {
    #[command(subcommand)]
    pub(crate) stage: Stage,
}

/// A stage that runs by itself.
#[derive(Subcommand, Clone, Copy)]
pub(crate) enum Stage {
    /// Find the mailboxes whose turn it is, and send each a job.
    #[command(after_help = "Example: fanmail worker dispatcher --stack fanmail --every 5m")]
    Dispatcher {
        /// How often a round begins.
        #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
        every: Duration,
    },
    /// Bring mailboxes up to date.
    #[command(after_help = "Example: fanmail worker user-worker --stack fanmail")]
    UserWorker(Consumers),
    /// Fetch, classify, store and announce messages.
    #[command(after_help = "Example: fanmail worker message-processor --stack fanmail")]
    MessageProcessor(Consumers),
    /// Drain both dead-letter queues.
    #[command(after_help = "Example: fanmail worker dead-letter --stack fanmail")]
    DeadLetter,
}

/// How many jobs are worked on at once.
#[derive(Arguments, Clone, Copy)]
pub(crate) struct Consumers {
    /// How many consumers this process runs side by side.
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) consumers: NonZeroUsize,
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(length) if !length.is_zero() => Ok(length),
        Ok(_) | Err(_) => Err("a duration has its unit, such as 30s, 5m or 2h".to_owned()),
    }
}
