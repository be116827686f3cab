//! The ledger in DynamoDB: five tables, each written one row at a time.
//!
//! A change is decided here, by `mailbox_changes` and `mark_changes` as on every backend, on a row that was read
//! consistently; one `UpdateItem` then writes the attributes that differ, on condition that the row still is the one
//! that was read. How that is known, and how our own write is told from another's, stands in `table`.

mod control;
mod dead_letters;
mod index;
mod mailbox_items;
mod mailboxes;
mod mark_items;
mod marks;
mod pages;
mod table;
mod update;
mod values;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;

use self::table::Table;
use crate::clock::Chance;
use crate::settings::Env;

pub use self::mailbox_items::ROSTER_ATTRIBUTES;

/// All five tables. That of the index need not be there where nobody asks it.
#[derive(Clone)]
pub struct DynamoLedger {
    mailboxes: Table,
    marks: Table,
    dead_letters: Table,
    control: Table,
    index: Table,
}

/// What the tables are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// `DYNAMO_TABLE_NAME`: key `userId`.
    pub user_tokens: String,
    /// `MARKS_TABLE`: key `userId` and `messageId`.
    pub marks: String,
    /// `DEAD_LETTERS_TABLE`: key `userId` and `jobId`.
    pub dead_letters: String,
    /// `CONTROL_TABLE`: key `name`.
    pub control: String,
    /// `RESULTS_INDEX_TABLE`: key `userId` and `messageId`.
    pub results_index: String,
}

impl Tables {
    /// Reads the names; problems are left in `env`.
    pub fn read(env: &mut Env<'_>) -> Self {
        Self {
            user_tokens: env.parsed("DYNAMO_TABLE_NAME", "UserTokens".to_owned(), table_name),
            marks: env.parsed("MARKS_TABLE", "MessageMarks".to_owned(), table_name),
            dead_letters: env.parsed("DEAD_LETTERS_TABLE", "DeadLetters".to_owned(), table_name),
            control: env.parsed("CONTROL_TABLE", "Control".to_owned(), table_name),
            results_index: env.parsed("RESULTS_INDEX_TABLE", "ResultsIndex".to_owned(), table_name),
        }
    }
}

/// AWS's own rule (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>).
fn table_name(text: &str) -> Result<String, String> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if (3..=255).contains(&text.len()) && text.chars().all(safe) {
        Ok(text.to_owned())
    } else {
        Err("is no table's name: 3 to 255 letters, digits, _, - and .".to_owned())
    }
}

impl DynamoLedger {
    /// The ledger in these tables, which must be there.
    pub fn new(config: &SdkConfig, tables: Tables) -> Self {
        let client = Client::new(config);
        // It names writes. Nothing is decided by it but whose a write was.
        let chance = Chance::system();
        let table = |name, key| Table::new(client.clone(), name, key, chance.clone());
        Self {
            mailboxes: table(tables.user_tokens, &["userId"]),
            marks: table(tables.marks, &["userId", "messageId"]),
            dead_letters: table(tables.dead_letters, &["userId", "jobId"]),
            control: table(tables.control, &["name"]),
            index: table(tables.results_index, &["userId", "messageId"]),
        }
    }
}

#[cfg(test)]
mod tests;
