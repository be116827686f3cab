//! A process that runs on while a test acts on it. It never outlives its test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use crate::patience::wait_for;

/// A running `fanmail`, and what it has said so far.
pub struct Process {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    /// Starts `command`; what it says goes to files in `logs`, named `name`.
    pub fn start(mut command: Command, logs: &Path, name: &str) -> Self {
        let (out, err) = (logs.join(format!("{name}.out")), logs.join(format!("{name}.err")));
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        Self { child: command.spawn().unwrap(), out, err }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on standard output.
    pub fn out(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    /// What it has said on standard error.
    pub fn err(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    /// Whether it still runs.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The first line on standard output that has `part` in it.
    pub async fn line(&mut self, part: &str) -> String {
        let what = format!("a line with {part:?}");
        wait_for(&what, Duration::from_secs(20), async || {
            let out = self.out();
            // Only whole lines: it may be writing one just now.
            let whole = out.rfind('\n').map_or("", |end| &out[..end]);
            let found = whole.lines().find(|line| line.contains(part)).map(str::to_owned);
            assert!(found.is_some() || self.lives(), "it has ended:\n{}", self.err());
            found
        })
        .await
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        wait_for("the process's end", Duration::from_secs(30), async || {
            self.child.try_wait().unwrap()
        })
        .await
    }

    /// Kills it as only SIGKILL can. It must not have ended by itself.
    pub fn kill(&mut self) {
        assert!(self.lives(), "it has ended:\n{}", self.err());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("== {}\n{}", self.err.display(), tail(&self.err()));
        }
    }
}

/// The end of a long text.
pub(crate) fn tail(text: &str) -> &str {
    const SHOWN: usize = 6_000;
    let from = text.len().saturating_sub(SHOWN);
    (from..text.len()).find_map(|at| text.get(at..)).unwrap_or_default()
}
