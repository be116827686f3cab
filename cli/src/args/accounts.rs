//! What can be typed about mailboxes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Arguments, Subcommand};
use shared::ids::{Reference, UserId};
use shared::scope::GmailScope;

use super::{Data, duration};

/// `fanmail accounts`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail accounts list")]
pub(crate) struct Accounts {
    #[command(subcommand)]
    pub(crate) command: AccountsCommand,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// What to do with mailboxes.
#[derive(Subcommand)]
pub(crate) enum AccountsCommand {
    /// One line for each mailbox.
    #[command(after_help = "Example: fanmail accounts list --json")]
    List,
    /// Everything about one mailbox, except its tokens.
    #[command(after_help = "Example: fanmail accounts show 100100000000000000000")]
    Show {
        /// The mailbox's userId.
        user: UserId,
    },
    /// The mailboxes that have fallen silent, and why.
    ///
    /// Those whose last finished listing is older than polls allow: an hour, the longest interval and half an hour; and those that
    /// used to get mail and have had none for so long.
    #[command(after_help = "Example: fanmail accounts silent --for 3d\n\n\
        POLL_INTERVAL_MAX is read as `serve` reads it; of a stack its outputs say it.")]
    Silent {
        /// How long without mail is silence.
        #[arg(long = "for", value_name = "DURATION", default_value = "7d", value_parser = duration)]
        without_mail: Duration,
    },
    /// Ask this mailbox for no more mail until it is resumed.
    #[command(after_help = "Example: fanmail accounts pause 100100000000000000000")]
    Pause {
        /// The mailbox's userId.
        user: UserId,
    },
    /// Ask this mailbox for mail again; what waited goes round again.
    #[command(after_help = "Example: fanmail accounts resume 100100000000000000000")]
    Resume {
        /// The mailbox's userId.
        user: UserId,
    },
    /// Bring this mailbox up to date now.
    #[command(after_help = "Example: fanmail accounts sync 100100000000000000000")]
    Sync {
        /// The mailbox's userId.
        user: UserId,
    },
    /// Print a signed address on which one person connects a mailbox under your own id for them, or their mailbox again.
    #[command(
        after_help = "Example: fanmail accounts connect-link --ref cust_42 --scopes gmail.send --expires 14d\n\n\
        The address begins where OAUTH_REDIRECT_URI says that people come back to; on a stack its outputs say so. \
        There it needs the right to secretsmanager:GetSecretValue on the secret in the output WebSecretId."
    )]
    ConnectLink(ConnectLink),
    /// Connect mailboxes of a Google Workspace domain whose super administrator has authorized your service account.
    ///
    /// Nobody is asked to consent. Each address has its own outcome; the exit code is 1 when one was refused.
    #[command(
        after_help = "Example: fanmail accounts connect-workspace ada@corp.example bob@corp.example\n\n\
        WORKSPACE_KEY names the service account's key file, here and for `serve`, which may be running meanwhile. On a \
        stack it needs the right to secretsmanager:GetSecretValue on the secret in the output WorkspaceKey."
    )]
    ConnectWorkspace(ConnectWorkspace),
    /// End this mailbox's connection, and with --purge delete everything that is kept of it.
    ///
    /// A consent is revoked at Google, and that reaches the whole Google project: every scope and every token that
    /// this person gave to any client of it.
    #[command(after_help = "Example: fanmail accounts disconnect 100100000000000000000 --purge")]
    Disconnect {
        /// The mailbox's userId.
        user: UserId,
        /// Delete its tokens, marks, dead letters, results and originals in all versions, at once and a second time
        /// some minutes later. A mailbox that was disconnected before can still be purged.
        #[arg(long)]
        purge: bool,
    },
}

/// `fanmail accounts connect-link`.
#[derive(Arguments)]
#[group(id = "whom", required = true, multiple = true, args = ["reference", "user"])]
pub(crate) struct ConnectLink {
    /// Your own id for the person: 1 to 128 letters, digits, - and _. It comes back in results and events, and whoever
    /// has the link can read it.
    #[arg(long = "ref", value_name = "REF")]
    pub(crate) reference: Option<Reference>,
    /// The userId of a mailbox that is to be connected again: on this link no other can be.
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<UserId>,
    /// What to ask the person for beside gmail.readonly: gmail.modify, gmail.send.
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',')]
    pub(crate) scopes: Vec<GmailScope>,
    /// For how long the link is good, such as 12h or 30d; at most 365d.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = link_life)]
    pub(crate) expires: Duration,
}

/// `fanmail accounts connect-workspace`.
#[derive(Arguments)]
pub(crate) struct ConnectWorkspace {
    /// The addresses, each an account's own and no alias.
    #[arg(value_name = "ADDRESS", required_unless_present = "file")]
    pub(crate) addresses: Vec<String>,
    /// A file with one address on each line; empty lines and those that begin with # are passed over.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Your own id for whom these mailboxes belong to: it comes back in results and events.
    #[arg(long = "ref", value_name = "REF")]
    pub(crate) reference: Option<Reference>,
}

/// The longest life of a connect link. A link is a right that nobody takes back one by one.
const LONGEST_LINK: Duration = Duration::from_hours(365 * 24);

fn link_life(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        life if life < Duration::from_secs(1) || life > LONGEST_LINK => {
            Err("a link is good for a second at least and 365 days at most".to_owned())
        }
        life => Ok(life),
    }
}
