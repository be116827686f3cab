//! What can be typed at the dead-letter desk.

use clap::{Args as Arguments, Subcommand, ValueEnum};
use shared::ids::{JobId, UserId};
use shared::ledger::{LetterState, StageName};
use shared::reason::Reason;

use super::Data;
use super::reclassify::{Since, since};

/// `fanmail dead-letters`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail dead-letters replay --reason too_many_tries --dry-run")]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    pub(crate) command: DeadLettersCommand,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// What to do with dead letters.
#[derive(Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// One line for each, a page at a time.
    #[command(after_help = "Example: fanmail dead-letters list --reason too_many_tries --since 2h")]
    List(List),
    /// What failed, counted by what it has in common.
    #[command(after_help = "Example: fanmail dead-letters groups --by reason,hour --since 1d")]
    Groups(Groups),
    /// Everything about one: its tries, what became of it, its payload.
    #[command(after_help = "Example: fanmail dead-letters show 452d69110a9a366c93e8e94039a798e1")]
    Show {
        /// Its jobId.
        job: JobId,
        /// The mailbox it is of, where every mailbox has one of that name.
        #[arg(long)]
        user: Option<UserId>,
    },
    /// What a reason means, what usually fixes it, and what to type.
    #[command(after_help = "Example: fanmail dead-letters explain too_many_tries")]
    Explain {
        /// A reason, or a jobId.
        #[arg(value_name = "REASON|JOB")]
        what: String,
    },
    /// Send jobs round again.
    ///
    /// In a lane of their own: new mail comes first, and no mailbox gets more than Gmail grants it. Whoever is killed goes
    /// on with `resume`.
    #[command(
        after_help = "Example: fanmail dead-letters replay --reason too_many_tries --since 2h --rate 100/s"
    )]
    Replay {
        #[command(flatten)]
        which: Which,
        /// Messages in a second; a job without any counts as one.
        #[arg(long, value_name = "N/s", default_value = "100/s", value_parser = rate)]
        rate: u32,
    },
    /// Give jobs up: their messages are marked skipped, discarded.
    #[command(after_help = "Example: fanmail dead-letters discard --reason too_large --dry-run")]
    Discard {
        #[command(flatten)]
        which: Which,
        /// Only those that belong to a connection of their mailbox that has ended.
        #[arg(long)]
        ended: bool,
    },
    /// Have the order that is at work stand still.
    #[command(after_help = "Example: fanmail dead-letters pause")]
    Pause,
    /// Have it go on; where its process is gone, this one carries it out.
    #[command(after_help = "Example: fanmail dead-letters resume")]
    Resume,
    /// End it. What it has sent stays sent.
    #[command(after_help = "Example: fanmail dead-letters cancel")]
    Cancel,
    /// Who replayed or discarded what, when, and how it ended.
    #[command(after_help = "Example: fanmail dead-letters log 12")]
    Log {
        /// Only this order, and what has become of its letters.
        order: Option<u64>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u64,
    },
}

/// What letters have in common.
#[derive(Arguments, Clone, Default)]
pub(crate) struct Filter {
    /// Only with this reason.
    #[arg(long)]
    pub(crate) reason: Option<Reason>,
    /// Only of this mailbox.
    #[arg(long)]
    pub(crate) user: Option<UserId>,
    /// Only those that died in this stage.
    #[arg(long)]
    pub(crate) stage: Option<StageName>,
    /// Only those that last died since: 2026-05-01, 2026-05-01T12:00:00Z, or so long ago, such as 2h.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) since: Option<Since>,
    /// Only those that last died before.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) until: Option<Since>,
}

/// `fanmail dead-letters list`.
#[derive(Arguments)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Only in this state.
    #[arg(long)]
    pub(crate) state: Option<LetterState>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    /// Those after this one, as the last page named it.
    #[arg(long, value_name = "USER/JOB")]
    pub(crate) after: Option<String>,
}

/// `fanmail dead-letters groups`.
#[derive(Arguments)]
pub(crate) struct Groups {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Only in this state.
    #[arg(long, default_value = "parked")]
    pub(crate) state: LetterState,
    /// By what.
    #[arg(long, value_delimiter = ',', default_value = "reason")]
    pub(crate) by: Vec<By>,
}

/// What letters are grouped by.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Why they died.
    Reason,
    /// Where.
    Stage,
    /// Whose they are.
    Mailbox,
    /// When, by the hour.
    Hour,
}

/// Which dead letters.
#[derive(Arguments)]
pub(crate) struct Which {
    /// Those with these jobIds.
    #[arg(value_name = "JOB")]
    pub(crate) jobs: Vec<JobId>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// All of them.
    #[arg(long, conflicts_with = "jobs")]
    pub(crate) all: bool,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Who you are, for the log; by default what USER says.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

fn rate(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    match number.parse() {
        Ok(rate) if rate > 0 => Ok(rate),
        Ok(_) | Err(_) => Err("a rate is messages in a second, such as 100/s".to_owned()),
    }
}
