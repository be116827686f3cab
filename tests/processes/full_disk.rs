//! A full disk: workers stop and say so, nothing half-written is left, no try is spent, and when there is room again
//! everything goes on by itself.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use shared::clock::Clock;

use crate::command::list;
use crate::service::{PATIENCE, Service, Stage};
use tests::google::{Google, letter};
use tests::patience::wait_for;
use tests::process::Process;

/// What arrives while there is no room: about 6 MiB.
const MESSAGES: usize = 60;
const BYTES: usize = 100 << 10;

/// Room for some of it, where a whole file system is small.
const ROOM: u64 = 2 << 20;

/// Room for some of it in the database's log, where every file is.
const LOG_ROOM: u64 = 512 << 10;

/// How long the disk stays full after the workers have said so: several times what a worker rests.
const FULL: Duration = Duration::from_secs(8);

/// How long a fetch takes during which the disk becomes full.
const SLOW_MS: u64 = 3_000;

/// Longer than a stage takes to end that has nothing in its hands.
const WAITING: Duration = Duration::from_secs(3);

/// What keeps the folder from growing.
enum Limit {
    /// A small file system, and the file that fills it.
    FileSystem { mounted: PathBuf },
    /// A limit on the size of every file that the process writes.
    FileSize,
}

impl Limit {
    /// A small file system where we may mount one, otherwise a limit on files; one of them there must be.
    fn found(stage: &mut Stage) -> Self {
        let mounted = stage.room.path().join("small");
        fs::create_dir(&mounted).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(&mounted)
            .output();
        if mount.is_ok_and(|mount| mount.status.success()) {
            stage.data = mounted.join("data");
            return Self::FileSystem { mounted };
        }
        Self::of_files()
    }

    fn of_files() -> Self {
        let prlimit = Command::new("prlimit").arg("--version").output();
        let found = prlimit.is_ok_and(|ran| ran.status.success());
        assert!(found, "neither a tmpfs can be mounted nor is there a prlimit: no disk to fill");
        Self::FileSize
    }

    /// `serve` under this limit. A process that ignores SIGXFSZ, as an unlimited disk's would never see it, gets an
    /// error for what is too much.
    fn command(&self, stage: &Stage) -> Command {
        let plain = stage.command();
        if let Self::FileSystem { .. } = self {
            return plain;
        }
        let mut limited = Command::new("sh");
        limited.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(plain.get_program());
        limited.args(plain.get_args()).env_clear().envs(stage.settings.clone());
        limited
    }

    /// Leaves little room.
    fn close(&self, serve: &Process, stage: &Stage) {
        match self {
            Self::FileSystem { mounted } => {
                let mut ballast = File::create(mounted.join("ballast")).unwrap();
                // As much as goes in, less the room that some of the mail is to find.
                while ballast.write_all(&[0; 16 << 10]).is_ok() {}
                ballast.set_len(ballast.metadata().unwrap().len() - ROOM).unwrap();
            }
            Self::FileSize => {
                limit_files(serve, &format!("{}:unlimited", log_of(stage) + LOG_ROOM));
            }
        }
    }

    /// Makes room again.
    fn open(&self, serve: &Process) {
        match self {
            Self::FileSystem { mounted } => fs::remove_file(mounted.join("ballast")).unwrap(),
            Self::FileSize => limit_files(serve, "unlimited:unlimited"),
        }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        if let Self::FileSystem { mounted } = self {
            // Lazily: a test that failed may have left something open in it.
            let _ = Command::new("umount").arg("-l").arg(mounted).status();
        }
    }
}

/// How long the database's log is: the one file to which every write of its goes, and longer than what is said on
/// standard error.
fn log_of(stage: &Stage) -> u64 {
    stage.data.join("fanmail.db-wal").metadata().unwrap().len()
}

fn limit_files(serve: &Process, limits: &str) {
    let mut prlimit = Command::new("prlimit");
    prlimit.arg(format!("--pid={}", serve.id())).arg(format!("--fsize={limits}"));
    assert!(prlimit.status().unwrap().success());
}

#[tokio::test]
async fn a_full_disk_stops_the_workers_and_room_sets_them_going_again() {
    let mut stage = Stage::set(3, &[]).await;
    let limit = Limit::found(&mut stage);
    without_room(&stage, &limit).await;
}

#[tokio::test]
async fn a_limit_on_the_size_of_files_is_a_full_disk_too() {
    let stage = Stage::set(3, &[]).await;
    without_room(&stage, &Limit::of_files()).await;
}

#[tokio::test]
async fn on_a_full_disk_serve_ends_when_it_is_told_twice() {
    let stage = Stage::set(1, &[]).await;
    let mut service = stage.serve_by(Limit::of_files().command(&stage)).await;
    let email = Google::person(1);
    service.connect(&email).await;
    stage.google.deliver(&email, &letter(1)).await;
    stage.done(1).await;
    // A worker has a job in its hands, and only then is there no room to write down what becomes of it.
    let fetched = stage.google.calls("messages.get").await;
    let slow =
        json!({"method": "messages.get", "kind": "latency", "latencyMs": SLOW_MS, "count": 1});
    stage.google.fail(slow).await;
    stage.google.deliver(&email, &letter(2)).await;
    wait_for("the slow fetch", PATIENCE, async || {
        (stage.google.calls("messages.get").await > fetched).then_some(())
    })
    .await;
    limit_files(&service.process, &format!("{}:unlimited", log_of(&stage)));
    wait_for("the worker's word", PATIENCE, async || {
        let waits = |line: &&str| line.contains("this worker waits for some");
        let of_its_job = |line: &str| line.contains("message-processor") && line.contains("jobId");
        service.process.err().lines().filter(waits).find(|line| of_its_job(line)).map(drop)
    })
    .await;
    service.process.signal("TERM");
    wait_for("the first answer", PATIENCE, async || {
        service.process.err().contains("Stopping").then_some(())
    })
    .await;
    Clock::System.sleep(WAITING).await;
    assert!(service.process.lives(), "what has begun is waited for");
    service.process.signal("TERM");
    let ended = service.process.ended().await;
    assert!(ended.success(), "{ended}");
}

/// A running `serve` that has just said that there is no room.
async fn filled(stage: &Stage, limit: &Limit) -> Service {
    let service = stage.serve_by(limit.command(stage)).await;
    let people: Vec<_> = (1..=3).map(Google::person).collect();
    for email in &people {
        service.connect(email).await;
        stage.google.deliver(email, &letter(1)).await;
    }
    stage.done(3).await;
    limit.close(&service.process, stage);
    for number in 0..MESSAGES {
        stage.google.deliver(&people[number % people.len()], &large(number)).await;
    }
    // Of whoever writes first: a worker, or the dispatcher when its turn was before any job.
    wait_for("a word about the disk", PATIENCE, async || {
        service.process.err().to_lowercase().contains("no room is left").then_some(())
    })
    .await;
    service
}

async fn without_room(stage: &Stage, limit: &Limit) {
    let service = filled(stage, limit).await;
    let fetched = stage.google.calls("messages.get").await;
    Clock::System.sleep(FULL).await;
    let more = stage.google.calls("messages.get").await - fetched;
    assert!(more <= 50, "{more} messages were fetched for nothing in {FULL:?}");
    assert_whole(stage);
    assert_no_try_is_spent(&stage.data);
    assert_eq!(list(&stage.data, &["accounts", "list"]).len(), 3, "a full disk can be looked at");
    limit.open(&service.process);
    stage.done(3 + MESSAGES as u64).await;
    assert_whole(stage);
    assert_eq!(stage.files("results").len(), 3 + MESSAGES);
    assert_eq!(stage.files("raw").len(), 3 + MESSAGES);
    assert!(list(&stage.data, &["dead-letters", "list"]).is_empty());
    service.stop().await;
    assert!(stage.drafts().is_empty(), "{:?}", stage.drafts());
}

fn large(number: usize) -> Vec<u8> {
    [letter(100 + number), "All work and no play.\r\n".repeat(BYTES / 23).into_bytes()].concat()
}

/// What is in place is whole.
fn assert_whole(stage: &Stage) {
    for key in stage.files("results") {
        let text = fs::read(stage.data.join(&key)).unwrap();
        let result: Value = serde_json::from_slice(&text).unwrap_or_else(|_| panic!("{key}"));
        let original = stage.data.join(result["original"].as_str().unwrap());
        assert_eq!(original.metadata().unwrap().len(), result["sizeBytes"].as_u64().unwrap());
    }
    for key in stage.files("raw") {
        let length = fs::read(stage.data.join(&key)).unwrap().len();
        assert!(!(1_000..BYTES - 1_000).contains(&length), "{key} has {length} bytes");
    }
}

/// Nothing in a queue has been tried more than this once.
fn assert_no_try_is_spent(data: &Path) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = Connection::open_with_flags(data.join("fanmail.db"), flags).unwrap();
    let mut records = database.prepare("SELECT body, receives FROM queue_records").unwrap();
    let rows = records.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    for row in rows {
        let (body, receives): (String, u64) = row.unwrap();
        let job: Value = serde_json::from_str(&body).unwrap();
        let tries = job["tries"].as_u64().unwrap() + receives;
        assert!(tries <= 1, "{tries} tries: {job}");
    }
}
