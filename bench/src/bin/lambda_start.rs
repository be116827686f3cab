//! How our functions start, beside one that does nothing: milliseconds from the start of the process to its first
//! request for an event, what it then holds in memory, and what it weighs zipped.
//!
//! `infra/build && cargo build --profile dist -p bench --features lambda && target/dist/lambda_start`

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bench::{Bound, Figure, report, resident_memory};

/// By the names of their folders in `target/lambda`.
const FUNCTIONS: [&str; 5] =
    ["dispatcher", "user-worker", "message-processor", "dead-letter", "oauth-callback"];

/// How often each is started. They take turns, so that a noisy moment meets them all.
const STARTS: usize = 31;

/// How long a start may take before we give up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that a function of ours asks of its environment; nothing of it is used before the first event.
const ENVIRONMENT: [(&str, &str); 24] = [
    ("AWS_ACCESS_KEY_ID", "key"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_SESSION_TOKEN", "token"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_LAMBDA_FUNCTION_NAME", "fanmail"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "log"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "log"),
    ("DYNAMO_TABLE_NAME", "UserTokens"),
    ("MARKS_TABLE", "MessageMarks"),
    ("DEAD_LETTERS_TABLE", "DeadLetters"),
    ("CONTROL_TABLE", "Control"),
    ("USER_JOBS_QUEUE", "https://sqs.us-east-1.amazonaws.com/1/user-jobs"),
    ("MESSAGE_JOBS_QUEUE", "https://sqs.us-east-1.amazonaws.com/1/message-jobs"),
    ("USER_JOBS_DLQ", "https://sqs.us-east-1.amazonaws.com/1/user-jobs-dlq"),
    ("MESSAGE_JOBS_DLQ", "https://sqs.us-east-1.amazonaws.com/1/message-jobs-dlq"),
    ("RESULTS_BUCKET", "results"),
    ("EVENTS_TOPIC_ARN", "arn:aws:sns:us-east-1:1:events"),
    ("REFRESH_KEY_ID", "refresh"),
    ("ACCESS_KEY_ID", "access"),
    ("GOOGLE_SECRET_ID", "gmail/oauth"),
    ("WEB_SECRET_ID", "web"),
    ("OAUTH_REDIRECT_URI", "https://example.com/oauth2callback"),
];

fn main() -> anyhow::Result<ExitCode> {
    let empty = std::env::current_exe()?.with_file_name("empty_function");
    let ours = FUNCTIONS.map(|name| PathBuf::from(format!("target/lambda/{name}/bootstrap")));
    for program in ours.iter().chain([&empty]) {
        ensure!(
            program.exists(),
            "{} is not there: the first lines of this program say how it is built",
            program.display()
        );
    }
    let mut starts = vec![Vec::new(); ours.len() + 1];
    for _ in 0..STARTS {
        for (program, starts) in [&empty].into_iter().chain(&ours).zip(&mut starts) {
            starts.push(start(program)?);
        }
    }
    let mut figures = Vec::new();
    let nothing = middle(&starts[0], |start| start.millis);
    figures.push(figure("empty function: start, ms".into(), nothing, Bound::Printed));
    let held = middle(&starts[0], |start| start.megabytes);
    figures.push(figure("empty function: resident, MB".into(), held, Bound::Printed));
    for ((name, program), starts) in FUNCTIONS.iter().zip(&ours).zip(&starts[1..]) {
        let above = middle(starts, |start| start.millis) - nothing;
        figures.push(figure(
            format!("{name}: start above the empty one, ms"),
            above,
            Bound::AtMost(15.0),
        ));
        let held = middle(starts, |start| start.megabytes);
        figures.push(figure(format!("{name}: resident, MB"), held, Bound::AtMost(20.0)));
        figures.push(figure(format!("{name}: zipped, MB"), zipped(program)?, Bound::AtMost(6.0)));
    }
    Ok(report(&figures))
}

fn figure(name: String, value: f64, bound: Bound) -> Figure {
    Figure { name, value, bound }
}

/// How a process started.
#[derive(Clone, Copy)]
struct Start {
    millis: f64,
    megabytes: f64,
}

/// Starts a function under a runtime interface that never has an event.
fn start(program: &Path) -> anyhow::Result<Start> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    #[expect(clippy::disallowed_methods, reason = "milliseconds are too coarse for a start")]
    let began = Instant::now();
    let mut child =
        command(program, address).spawn().with_context(|| program.display().to_string())?;
    let asked = asked(&listener, &mut child);
    let millis = began.elapsed().as_secs_f64() * 1e3;
    let megabytes = resident_memory(&child.id().to_string());
    child.kill()?;
    child.wait()?;
    drop(asked.with_context(|| format!("{} asked for no event", program.display()))?);
    Ok(Start { millis, megabytes: megabytes? })
}

fn command(program: &Path, runtime: SocketAddr) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(ENVIRONMENT).env("AWS_LAMBDA_RUNTIME_API", runtime.to_string());
    command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::null());
    command
}

/// Waits for the first request, which must be for an event. Its connection is handed on: a function whose runtime is gone
/// ends.
fn asked(listener: &TcpListener, child: &mut Child) -> anyhow::Result<TcpStream> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let listener = listener.try_clone()?;
    std::thread::spawn(move || {
        let first = listener.accept().and_then(|(stream, _)| {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).map(|_| (line, stream))
        });
        // Nobody waits any more only when the start was given up.
        let _ = sender.send(first);
    });
    let (line, stream) =
        receiver.recv_timeout(PATIENCE).with_context(|| match child.try_wait() {
            Ok(Some(status)) => format!("it ended with {status}"),
            Ok(None) | Err(_) => format!("not within {PATIENCE:?}"),
        })??;
    ensure!(
        line.starts_with("GET /2018-06-01/runtime/invocation/next "),
        "its first request was {line:?}"
    );
    Ok(stream)
}

fn middle(starts: &[Start], of: impl Fn(&Start) -> f64) -> f64 {
    let mut values: Vec<f64> = starts.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// As `sam deploy` packs it: Python's `zipfile`.
fn zipped(program: &Path) -> anyhow::Result<f64> {
    let room = tempfile::tempdir()?;
    let zip = room.path().join("function.zip");
    let packed = Command::new("python3")
        .args(["-m", "zipfile", "-c"])
        .arg(&zip)
        .arg(program)
        .status()
        .context("python3 -m zipfile")?;
    ensure!(packed.success(), "python3 -m zipfile: {packed}");
    let bytes = u32::try_from(zip.metadata()?.len()).context("the size of a zip")?;
    Ok(f64::from(bytes) / 1e6)
}
