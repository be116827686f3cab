//! `fanmail serve` on a folder of its own, and what the other commands show beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::command::{fanmail, list};
use tests::browser;
use tests::google::Google;
use tests::patience::wait_for;
use tests::process::Process;

/// Long enough for whatever takes seconds on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A simulated Google, and the folder of a pipeline that is pointed at it.
pub(crate) struct Stage {
    pub(crate) google: Google,
    pub(crate) data: PathBuf,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) room: TempDir,
}

impl Stage {
    /// An empty folder, and a Google with so many mailboxes.
    pub(crate) async fn set(mailboxes: usize, google: &[&str]) -> Self {
        let room = TempDir::new().unwrap();
        let google = Google::start(fanmail(), room.path(), mailboxes, google).await;
        let quick =
            [("POLL_INTERVAL_MIN", "1s"), ("POLL_INTERVAL_MAX", "1s"), ("RETRY_BASE", "1s")];
        let quick = quick.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = google.settings.iter().cloned().chain(quick).collect();
        Self { google, data: room.path().join("data"), settings, room }
    }

    /// Changes a setting.
    pub(crate) fn setting(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// `fanmail serve` as it would be started here.
    pub(crate) fn command(&self) -> Command {
        let mut command = fanmail();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&self.data);
        command.envs(self.settings.iter().cloned());
        command
    }

    /// Starts `serve`, and waits until it has.
    pub(crate) async fn serve(&self) -> Service {
        self.serve_by(self.command()).await
    }

    /// Starts `serve`, and waits for nothing.
    pub(crate) fn serve_at_once(&self) -> Process {
        Process::start(self.command(), self.room.path(), "serve")
    }

    /// Starts `serve` by a command of one's own.
    pub(crate) async fn serve_by(&self, command: Command) -> Service {
        let mut process = Process::start(command, self.room.path(), "serve");
        let line = process.line("/oauth2/start").await;
        let start = line.split(' ').next_back().unwrap().to_owned();
        Service { process, start }
    }

    /// The mailbox of `email` as `accounts list` shows it.
    pub(crate) fn account(&self, email: &str) -> Option<Value> {
        list(&self.data, &["accounts", "list"]).into_iter().find(|shown| shown["email"] == email)
    }

    /// Waits until the mailbox of `email` is in the state that begins with `state`.
    pub(crate) async fn state(&self, email: &str, state: &str) -> Value {
        wait_for(&format!("{email} being {state}"), PATIENCE, async || {
            let account = self.account(email)?;
            account["state"].as_str().unwrap().starts_with(state).then_some(account)
        })
        .await
    }

    /// Waits until the counts of all mailboxes' messages are so many `done`, and nothing is under way.
    pub(crate) async fn done(&self, done: u64) {
        self.done_within(done, PATIENCE).await;
    }

    /// The same, with as much time as it takes.
    pub(crate) async fn done_within(&self, done: u64, limit: Duration) {
        wait_for(&format!("{done} messages done"), limit, async || {
            let [ended, listed] = self.counts(["done", "listed"]);
            assert!(ended <= done, "{ended} messages were done, and only {done} delivered");
            (ended == done && listed == 0).then_some(())
        })
        .await;
    }

    /// How many messages of all mailboxes are in each of these states.
    pub(crate) fn counts<const N: usize>(&self, states: [&str; N]) -> [u64; N] {
        let accounts = list(&self.data, &["accounts", "list"]);
        let count = |account: &Value, state| account["messages"][state].as_u64().unwrap();
        states.map(|state| accounts.iter().map(|account| count(account, state)).sum())
    }

    /// The files below a part of the data folder, as keys.
    pub(crate) fn files(&self, part: &str) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.data.join(part), &mut found);
        let mut keys: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(&self.data).unwrap().to_str().unwrap().to_owned())
            .collect();
        keys.sort();
        keys
    }

    /// What was announced, with this type.
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let kind = format!("fanmail.{kind}.v1");
        list(&self.data, &["events"]).into_iter().filter(|event| event["type"] == kind).collect()
    }

    /// Waits until exactly so many events of this type have been announced.
    pub(crate) async fn announced(&self, kind: &str, count: usize) {
        wait_for(&format!("{count} {kind}"), PATIENCE, async || {
            let announced = self.events(kind).len();
            assert!(announced <= count, "{announced} {kind} instead of {count}");
            (announced == count).then_some(())
        })
        .await;
    }

    /// Drafts that nobody is at work on any more, or that never became anything.
    pub(crate) fn drafts(&self) -> Vec<String> {
        let mut drafts = self.files(".drafts");
        drafts.retain(|key| !key.ends_with("/door") && !key.ends_with("/owner"));
        drafts
    }
}

/// A running `serve`.
pub(crate) struct Service {
    pub(crate) process: Process,
    start: String,
}

impl Service {
    /// Connects the mailbox of `email`, as its owner would.
    pub(crate) async fn connect(&self, email: &str) {
        let page = self.tries_to_connect(email).await;
        // Who is connected already is told so, and that is as good.
        assert!(page.contains("you may close this window"), "{page}");
    }

    /// The page that a person is shown in the end.
    pub(crate) async fn tries_to_connect(&self, email: &str) -> String {
        browser::connect(&self.start, email).await
    }

    /// What it answers to a security event that is posted to it.
    pub(crate) async fn heeds(&self, token: String) -> u16 {
        let address = self.start.replace("/oauth2/start", "/google/risc");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(address).header("content-type", "application/secevent+jwt");
        request.body(token).send().await.unwrap().status().as_u16()
    }

    /// Stops it politely.
    pub(crate) async fn stop(mut self) {
        self.process.signal("TERM");
        let ended = self.process.ended().await;
        assert!(ended.success(), "{ended}");
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}
