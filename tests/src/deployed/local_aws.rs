//! A local AWS that enforces IAM and runs functions as processes.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Client;

use crate::patience::wait_for;
use crate::process::tail;

/// Who may do everything: the key that the local AWS takes for the account's owner.
pub const OWNER: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
];

/// Starts the program that follows and ends it when standard input ends, which it does with the test process, however
/// that ends.
const WITH_US: &str = r#""$@" & aws=$!; read -r _; kill "$aws"; wait "$aws""#;

/// What is run, by ministack's Python.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/deployed/local_aws.py");

/// A running local AWS.
pub struct LocalAws {
    /// Where it answers.
    pub endpoint: String,
    /// What it and its functions say.
    pub log: PathBuf,
    process: Child,
}

impl LocalAws {
    /// Starts one that has nothing in it, and waits until it answers. Its functions reach it there, or where they are
    /// told.
    pub async fn start(room: &Path, functions_reach: Option<&str>) -> Self {
        let port = free_port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let log = room.join("local-aws.log");
        let out = File::create(&log).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", WITH_US, "sh"]).arg(super::tool("aws", "python")).arg(PROGRAM);
        command.current_dir(room).stdin(Stdio::piped());
        command.stdout(out.try_clone().unwrap()).stderr(out);
        command.envs(OWNER).env("AWS_ENDPOINT_URL", functions_reach.unwrap_or(&endpoint));
        command.env("AUTH", "true").env("GATEWAY_PORT", port.to_string()).env("LOG_LEVEL", "INFO");
        let mut process = command.spawn().unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        wait_for("the local AWS", Duration::from_mins(2), async || {
            assert!(process.try_wait().unwrap().is_none(), "it has ended: see {}", log.display());
            let answer = client.get(format!("{endpoint}/_ministack/health")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        Self { endpoint, log, process }
    }
}

impl Drop for LocalAws {
    fn drop(&mut self) {
        // Its end of the pipe tells the shell to stop it.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!(
                "== {}\n{}",
                self.log.display(),
                tail(&fs::read_to_string(&self.log).unwrap_or_default())
            );
        }
    }
}

/// A port that nobody has just now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
