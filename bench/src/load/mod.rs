//! The real thing under load: `fanmail serve` against a separate `fanmail google-sim`, mail that keeps arriving, and a
//! consumer of the log of events who looks at the clock.

pub mod arrivals;
pub mod consumer;
pub mod figures;
pub mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use futures::StreamExt;
use futures::stream;
use serde_json::Value;
use shared::clock::Clock;
use shared::queue::Queue;
use shared::queue::sqlite::SqliteQueue;
use shared::sqlite::Database;
use tempfile::TempDir;
use tests::browser;
use tests::google::Google;
use tests::process::Process;

/// People who consent at the same time.
const TOGETHER: usize = 8;

/// Mailboxes are asked as often as `serve` can be told to, so that a delay is the pipeline's and not a setting's.
const SETTINGS: [(&str, &str); 4] = [
    ("POLL_INTERVAL_MIN", "1s"),
    ("POLL_INTERVAL_MAX", "1s"),
    ("RETRY_BASE", "1s"),
    ("QUOTA_PRICES", "legacy"),
];

/// A message, by userId and messageId.
pub type MessageKey = (String, String);

/// A simulated Google with its people, and the `serve` that works for them.
pub struct Site {
    /// The Google. It grants without limit.
    pub google: Google,
    /// The `serve`.
    pub serve: Process,
    /// Where people begin to connect.
    pub door: String,
    /// The userId of whoever is connected, by address.
    pub users: BTreeMap<String, String>,
    queues: Vec<SqliteQueue>,
    database: Database,
    room: TempDir,
}

impl Site {
    /// Starts both processes and connects so many mailboxes.
    pub async fn start(mailboxes: usize) -> anyhow::Result<Self> {
        let mut site = Self::open(mailboxes).await?;
        let people: Vec<_> = (1..=mailboxes).map(Google::person).collect();
        let connected = stream::iter(&people).map(|email| browser::connect(&site.door, email));
        let pages: Vec<_> = connected.buffer_unordered(TOGETHER).collect().await;
        ensure!(pages.iter().all(|page| page.contains("Success")), "somebody was not connected");
        site.users = site.google.users().await;
        Ok(site)
    }

    /// Starts both processes with so many people, none of whom is connected yet.
    pub async fn open(mailboxes: usize) -> anyhow::Result<Self> {
        let room = TempDir::new()?;
        let google = Google::start(fanmail()?, room.path(), mailboxes, &["--quota", "off"]).await;
        let mut command = fanmail()?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(room.path().join("data"));
        command.envs(google.settings.iter().cloned()).envs(SETTINGS);
        let mut serve = Process::start(command, room.path(), "serve");
        let line = serve.line("/oauth2/start").await;
        let door = line.split(' ').next_back().context("where to connect")?.to_owned();
        let database = Database::open(&room.path().join("data/fanmail.db"))?;
        let mut queues = Vec::new();
        for name in ["user-jobs", "message-jobs"] {
            queues.push(SqliteQueue::open(&database, name, Clock::System).await?);
        }
        Ok(Self { google, serve, door, users: BTreeMap::new(), queues, database, room })
    }

    /// Stops `serve` politely: what it has begun it ends.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.serve.signal("TERM");
        let ended = self.serve.ended().await;
        ensure!(ended.success(), "serve ended with {ended}");
        Ok(())
    }

    /// The log of events, as another process reads it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Jobs in both queues, whatever they wait for.
    pub async fn jobs(&self) -> anyhow::Result<u64> {
        let mut jobs = 0;
        for queue in &self.queues {
            jobs += queue.depth().await?.total();
        }
        Ok(jobs)
    }

    /// The userId of an address.
    pub fn user(&self, email: &str) -> anyhow::Result<&str> {
        Ok(self.users.get(email).with_context(|| format!("{email} has no mailbox"))?)
    }

    /// What a command shows, an object a line.
    pub fn typed(&self, words: &[&str]) -> anyhow::Result<Vec<Value>> {
        let mut command = fanmail()?;
        command.args(words).args(["--json", "--data"]).arg(self.data());
        let ran = command.output()?;
        let said = String::from_utf8_lossy(&ran.stderr);
        ensure!(ran.status.success(), "fanmail {}: {said}", words.join(" "));
        let lines = ran.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).context("an object a line")).collect()
    }

    /// Begins a command that takes its time.
    pub fn begin(&self, words: &[&str]) -> anyhow::Result<Child> {
        let mut command = fanmail()?;
        command.args(words).args(["--json", "--data"]).arg(self.data());
        Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    }

    /// How many files there are below a part of the data folder.
    pub fn files(&self, part: &str) -> anyhow::Result<usize> {
        let (mut found, mut folders) = (0, vec![self.data().join(part)]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() { folders.push(entry.path()) } else { found += 1 }
            }
        }
        Ok(found)
    }

    fn data(&self) -> PathBuf {
        self.room.path().join("data")
    }
}

/// `fanmail` as it was built beside this program, in an environment without settings.
fn fanmail() -> anyhow::Result<Command> {
    let program = std::env::current_exe()?.with_file_name("fanmail");
    ensure!(program.exists(), "{} is not there: build it in the same profile", program.display());
    let mut command = Command::new(program);
    command.env_clear();
    Ok(command)
}
