//! Output: tables for people, one JSON object per line for programs, and never both.

use std::io::{self, IsTerminal, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

/// How a command speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// JSON only.
    pub(crate) json: bool,
}

/// A row of a list, for both kinds of reader.
pub(crate) trait Row: Serialize {
    /// The table's head.
    const HEAD: &'static [&'static str];

    /// The cells below it.
    fn cells(&self) -> Vec<String>;
}

impl Out {
    /// A list: a table, or an object per line. An empty one says so to people.
    pub(crate) fn rows<R: Row>(self, rows: &[R], none: &str) -> anyhow::Result<()> {
        if self.json {
            return rows.iter().try_for_each(|row| self.object(row));
        }
        if rows.is_empty() {
            return line(none);
        }
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(R::HEAD);
        for row in rows {
            table.add_row(row.cells());
        }
        let text =
            table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n");
        line(&text)
    }

    /// One object: pretty for people, one line for programs.
    pub(crate) fn object<T: Serialize>(self, value: &T) -> anyhow::Result<()> {
        let text = if self.json {
            serde_json::to_string(value)
        } else {
            serde_json::to_string_pretty(value)
        };
        line(&text?)
    }

    /// A sentence for people; `value` for programs.
    pub(crate) fn said<T: Serialize>(self, sentence: &str, value: &T) -> anyhow::Result<()> {
        if self.json { self.object(value) } else { line(sentence) }
    }
}

/// One line on standard output. A reader that has gone away is not an error: `fanmail events | head` is ordinary use.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => Ok(written?),
    }
}

/// One line of progress, on standard error.
pub(crate) fn progress(text: &str) {
    // Nobody to tell is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Why a command failed, with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    let (red, plain) = if io::stderr().is_terminal() { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    progress(&format!("{red}error:{plain} {error:#}"));
}
