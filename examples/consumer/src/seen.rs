//! Which events were seen: at least once is what is promised, and an id is the same each time.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;

/// The ids of all events so far, in memory and in a file. A consumer with a database keeps them there, and notes an id in
/// the transaction that does the work.
pub(crate) struct Seen {
    ids: HashSet<String>,
    file: File,
}

impl Seen {
    /// Reads what was seen before.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let opened = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = opened.with_context(|| format!("opening {}", path.display()))?;
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self { ids: text.lines().map(str::to_owned).collect(), file })
    }

    pub(crate) fn count(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn holds(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Notes an id for good.
    pub(crate) fn note(&mut self, id: &str) -> anyhow::Result<()> {
        writeln!(self.file, "{id}")
            .and_then(|()| self.file.sync_data())
            .context("noting an event")?;
        self.ids.insert(id.to_owned());
        Ok(())
    }
}
