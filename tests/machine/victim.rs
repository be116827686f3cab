//! A process of our own that is treated badly: this test binary again, with one test that is the victim there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Says what was acknowledged, one line each.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(super) fn say(line: &str) {
    println!("{SAID}{line}");
}

/// Begins every line of ours, so that the harness's own are told apart.
const SAID: &str = "said: ";

/// Tells the binary that it is the victim.
const VICTIM: &str = "FANMAIL_VICTIM";

/// Whether this process is the victim: the same test then does the victim's work.
#[expect(clippy::disallowed_methods, reason = "the parent says so through the environment")]
pub(super) fn is_this() -> bool {
    std::env::var(VICTIM).is_ok()
}

/// Starts the test `name` as a victim in `folder`, through a shell that first does `before`.
pub(super) fn start(name: &str, folder: &Path, before: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new("sh")
        .args(["-c", &format!("{before} exec \"$0\" \"$@\"")])
        .arg(program)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(VICTIM, "1")
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the child says, line by line; a line that was cut by its end is left out.
pub(super) fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    std::iter::from_fn(move || {
        loop {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some((_, said)) = line.split_once(SAID)
                && let Some(whole) = said.strip_suffix('\n')
            {
                return Some(whole.to_owned());
            }
        }
    })
}
