//! `fanmail google-sim` in a process of its own, and the hand that steers it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use reqwest::Client;
use serde_json::{Value, json};

use crate::process::Process;

/// A simulated Google.
pub struct Google {
    process: Process,
    client: Client,
    /// Where it answers.
    pub origin: String,
    /// The settings that lead to it, as it printed them.
    pub settings: Vec<(String, String)>,
}

impl Google {
    /// Starts one with so many empty mailboxes, and `more` arguments.
    pub async fn start(mut fanmail: Command, logs: &Path, mailboxes: usize, more: &[&str]) -> Self {
        fanmail.args(["google-sim", "--listen", "127.0.0.1:0", "--messages", "0", "--mailboxes"]);
        fanmail.arg(mailboxes.to_string()).args(more);
        let mut process = Process::start(fanmail, logs, "google-sim");
        process.line("GOOGLE_CLIENT_SECRET").await;
        let settings = exported(&process.out());
        let origin = settings.iter().find(|(name, _)| name == "GOOGLE_BASE_URL").unwrap().1.clone();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { process, client, origin, settings }
    }

    /// The address of its `number`th person.
    pub fn person(number: usize) -> String {
        format!("person{number}@example.com")
    }

    /// Delivers a message; its id.
    pub async fn deliver(&self, email: &str, raw: &[u8]) -> String {
        let raw = URL_SAFE.encode(raw);
        let delivered = self.post("deliver", json!({"email": email, "raw": raw})).await;
        delivered["id"].as_str().unwrap().to_owned()
    }

    /// The userId of `email`.
    pub async fn user(&self, email: &str) -> String {
        self.users().await.remove(email).unwrap()
    }

    /// The userIds of everybody, by address.
    pub async fn users(&self) -> BTreeMap<String, String> {
        let all = self.get("mailboxes").await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pair = |mailbox: &Value| (text(&mailbox["email"]), text(&mailbox["sub"]));
        all["mailboxes"].as_array().unwrap().iter().map(pair).collect()
    }

    /// How often `method` has been called.
    pub async fn calls(&self, method: &str) -> u64 {
        self.get("counters").await["calls"][method].as_u64().unwrap_or_default()
    }

    /// Makes something fail.
    pub async fn fail(&self, fault: Value) {
        self.post("faults", fault).await;
    }

    /// Nothing fails any more.
    pub async fn heal(&self) {
        let answer = self.client.delete(self.address("faults")).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// A new service account, which the domain of its people has authorized for `scopes`: its key file.
    pub async fn service_account(&self, scopes: &str) -> Value {
        let made = self.post("service-accounts", json!({"name": "fan"})).await;
        let domain =
            json!({"domain": "example.com", "clientId": made["clientId"], "scopes": scopes});
        self.post("domains", domain).await;
        made["key"].clone()
    }

    /// Its person takes the consent back.
    pub async fn revoke(&self, email: &str) {
        self.post("revoke", json!({"email": email})).await;
    }

    /// The token that it would post when this has happened to an account.
    pub async fn security_event(&self, email: &str, event: &str) -> String {
        let answer = self.post("risc", json!({"email": email, "event": event})).await;
        answer["token"].as_str().unwrap().to_owned()
    }

    async fn get(&self, what: &str) -> Value {
        let answer = self.client.get(self.address(what)).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    async fn post(&self, what: &str, body: Value) -> Value {
        let request = self.client.post(self.address(what)).body(body.to_string());
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status(), answer.bytes().await.unwrap());
        assert!(status.is_success(), "{what}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    fn address(&self, what: &str) -> String {
        assert!(!self.process.out().is_empty());
        format!("{}/admin/{what}", self.origin)
    }
}

/// What a shell would take from these lines.
fn exported(lines: &str) -> Vec<(String, String)> {
    let exports = lines.lines().filter_map(|line| line.strip_prefix("export "));
    let pairs = exports.map(|export| export.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A small message that is unlike any other with another `number`.
pub fn letter(number: usize) -> Vec<u8> {
    format!(
        "From: Ann <ann@example.org>\r\nTo: you@example.com\r\nSubject: Letter {number}\r\n\
         Message-ID: <{number}@example.org>\r\nDate: Mon, 01 Jun 2026 10:00:00 +0000\r\n\r\n\
         This is letter {number}. Shall we meet on Friday?\r\n"
    )
    .into_bytes()
}
