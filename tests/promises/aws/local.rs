//! The local AWS: one for the whole test process, begun by the first test that needs it, ended with the process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

/// Where `./test` puts ministack.
const SET_UP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/aws/bin/ministack");

/// What is run, by ministack's Python.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/promises/aws/local_aws.py");

/// A running local AWS. It ends when its standard input does, that is with us.
struct Running {
    address: String,
    _process: Child,
    _input: ChildStdin,
}

/// Its address, such as `http://127.0.0.1:41234`. It is not skipped: where it cannot be started, the test has failed.
pub(super) fn address() -> &'static str {
    static LOCAL: OnceLock<Result<Running, String>> = OnceLock::new();
    match LOCAL.get_or_init(start) {
        Ok(running) => &running.address,
        Err(cause) => panic!(
            "the local AWS cannot be started: {cause}. Run ./test, which sets it up, or name a ministack 1.5.33 in \
             FANMAIL_MINISTACK"
        ),
    }
}

fn start() -> Result<Running, String> {
    let python = python();
    let failed = |what: &str| format!("{} {PROGRAM}: {what}", python.display());
    let mut process = Command::new(&python)
        .arg(PROGRAM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error.to_string()))?;
    let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
    let mut address = String::new();
    BufReader::new(output).read_line(&mut address).map_err(|error| failed(&error.to_string()))?;
    if address.is_empty() {
        let ended = process.wait().map_err(|error| failed(&error.to_string()))?;
        return Err(failed(&format!("it ended before it was ready, with {ended}")));
    }
    Ok(Running { address: address.trim().to_owned(), _process: process, _input: input })
}

/// The Python beside ministack's program, in which its packages are.
#[expect(
    clippy::disallowed_methods,
    reason = "where ministack is, is said to the test process alone"
)]
fn python() -> PathBuf {
    let program = std::env::var("FANMAIL_MINISTACK").unwrap_or_else(|_| SET_UP.to_owned());
    PathBuf::from(program).with_file_name("python")
}
