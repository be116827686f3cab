//! One command, run to its end.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The command under test, in an environment without settings.
pub(crate) fn fanmail() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanmail"));
    command.env_clear().stdin(Stdio::null());
    command
}

/// Runs `fanmail` with these arguments.
pub(crate) fn run<S: AsRef<OsStr>>(args: &[S]) -> Ran {
    Ran::of(&fanmail().args(args).output().unwrap())
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The objects on standard output, which holds nothing else.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let object = |line| {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            assert!(value.is_object(), "{line}");
            value
        };
        self.out.lines().map(object).collect()
    }

    /// Exit code 0.
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// Exit code 2, nothing on standard output, and a message that says all of `words`.
    pub(crate) fn bad_use(&self, words: &[&str]) {
        assert_eq!(self.code, Some(2), "{}\n{}", self.out, self.err);
        assert_eq!(self.out, "");
        self.says(words);
    }

    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.err.contains(word), "{word} in:\n{}", self.err);
        }
    }
}

/// What a list beside a pipeline shows: `fanmail --json WORDS --data FOLDER`.
pub(crate) fn list(folder: &Path, words: &[&str]) -> Vec<Value> {
    beside(folder, words).good().objects()
}

/// The one object that a command beside a pipeline answers.
pub(crate) fn one(folder: &Path, words: &[&str]) -> Value {
    let mut objects = list(folder, words);
    assert_eq!(objects.len(), 1, "{words:?}: {objects:?}");
    objects.remove(0)
}

/// A command beside a pipeline, with `--json`.
pub(crate) fn beside(folder: &Path, words: &[&str]) -> Ran {
    let mut args: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    args.extend([OsStr::new("--json"), OsStr::new("--data"), folder.as_os_str()]);
    run(&args)
}
