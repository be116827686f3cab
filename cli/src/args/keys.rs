//! What can be typed about keys.

use clap::{Args as Arguments, Subcommand};
use shared::clock::Timestamp;

use super::Data;

/// `fanmail keys`.
#[derive(Arguments)]
#[command(after_help = "Example: fanmail keys rotate\n\n\
    Tokens are sealed under keys in DIR/key. Whoever has that file and the database can open every mailbox; without it \
    nobody can. Keep a copy of it apart from copies of the database. `rotate` and `retire` work beside a running \
    `fanmail serve`, which takes to the new key by itself.")]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// What to do with keys.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// One line for each key: how old it is, and how many tokens are sealed under it.
    #[command(after_help = "Example: fanmail keys list\n\n\
        With --backend aws, one line for each data key: KMS tells nothing about a token's key to who may not use it.")]
    List,
    /// Make a new key, and seal every stored token under it.
    #[command(after_help = "Example: fanmail keys rotate\n\n\
        Everything goes on meanwhile. A rotation that was cut short is finished by the next, which then makes no new \
        key. At the end it says which keys are not needed any more.\n\n\
        With --backend aws --stack NAME: KMS renews the key by itself every year (EnableKeyRotation), and at once with \
        `aws kms rotate-key-on-demand`; its id stays, and it opens what it has ever sealed. This seals every refresh \
        token under new data keys, made after the moment it was started, or --since. It is done with your own \
        credentials, which must allow kms:Decrypt and kms:GenerateDataKey with the stack's RefreshKeyId, and \
        dynamodb:Scan, GetItem and UpdateItem on its table. Access tokens end within the hour, and so do their data \
        keys.")]
    Rotate {
        /// On AWS: leave alone what was sealed after this moment, such as 2026-05-01T12:00:00Z. An interrupted run goes
        /// on with the moment that it has told.
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
    },
    /// Drop the keys that no token needs any more, for good.
    #[command(after_help = "Example: fanmail keys retire\n\n\
        Looks at every mailbox first; a token that is still under an old key is sealed anew. A copy of the database \
        from before the rotation opens with a copy of the key file from then.")]
    Retire,
}
