//! What can be typed about rules.

use std::path::PathBuf;

use clap::{Args as Arguments, Subcommand};

use super::Data;

/// `fanmail rules`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail rules check rules.toml\n\n\
    A rule gives labels to the messages that its condition holds for:\n\n    \
    [[rule]]\n    \
    name = \"bills\"\n    \
    when = '''category == \"transactional\" && attachments.exists(a, a.filename.endsWith(\".pdf\"))'''\n    \
    labels = [\"finance\"]\n\n\
    `serve` reads the file that RULES_FILE names, a stack the object that its parameter RulesFile does.")]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

/// What to do with rules.
#[derive(Subcommand)]
pub(crate) enum RulesCommand {
    /// Say all that is wrong with a file of rules, or list them.
    #[command(after_help = "Example: fanmail rules check rules.toml\n\n\
        Exit code 2 where anything is wrong; each problem stands on a line of its own, FILE:LINE:COLUMN: what.")]
    Check {
        /// The rules.
        file: PathBuf,
    },
    /// Ask rules about mail: which hit, and why the others do not.
    #[command(after_help = "Example: fanmail rules test rules.toml --mail tests/mail\n\n\
        Of a rule that does not hit, the smallest part of its condition is shown that is false, or that fails because \
        something is null.")]
    Test {
        /// The rules.
        file: PathBuf,
        /// Every *.eml of this folder and those below it.
        #[arg(long, value_name = "DIR")]
        mail: PathBuf,
    },
    /// Say which stored results would get other labels; nothing is written.
    #[command(
        after_help = "Example: fanmail rules diff rules.toml new-rules.toml --data ./fanmail-data"
    )]
    Diff {
        /// The rules as they are.
        old: PathBuf,
        /// The rules as they might be.
        new: PathBuf,
        #[command(flatten)]
        data: Data,
    },
}
