//! Mailboxes of a Workspace domain under `serve`, with a Google in another process; and key files that are not used.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::command::{Ran, fanmail};
use crate::service::Stage;
use tests::google::{Google, letter};

/// As the README has it.
const SCOPES: &str =
    "https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/gmail.readonly";

impl Stage {
    /// Writes the key file, for its owner alone.
    fn key_file(&self, text: &str) -> PathBuf {
        let file = self.room.path().join("workspace.json");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// `fanmail --json accounts connect-workspace WORDS`, with the settings of `serve`.
    fn connect_workspace(&self, words: &[&str]) -> Ran {
        let mut command = fanmail();
        command.args(["--json", "accounts", "connect-workspace", "--data"]).arg(&self.data);
        command.args(words).envs(self.settings.iter().cloned());
        Ran::of(&command.output().unwrap())
    }
}

fn with_setting(stage: &mut Stage, file: &Path) {
    stage.setting("WORKSPACE_KEY", file.to_str().unwrap());
}

#[tokio::test]
async fn mailboxes_of_a_domain_are_connected_by_address_while_serve_runs() {
    let mut stage = Stage::set(2, &[]).await;
    let key = stage.google.service_account(SCOPES).await;
    let file = stage.key_file(&key.to_string());
    with_setting(&mut stage, &file);
    let service = stage.serve().await;
    let (ann, bob) = (Google::person(1), Google::person(2));
    let list = stage.room.path().join("addresses");
    fs::write(&list, format!("# everybody\n\n{bob}\nnobody@example.com\n")).unwrap();
    let words = [&*ann, "--ref", "corp", "--file", list.to_str().unwrap()];
    let ran = stage.connect_workspace(&words);
    assert_eq!(ran.code, Some(1), "one was refused: {}", ran.err);
    let outcomes: Vec<Value> = ran.objects();
    let words: Vec<_> = outcomes.iter().map(|told| told["outcome"].as_str().unwrap()).collect();
    assert_eq!(words, ["connected", "connected", "refused"]);
    assert!(outcomes[2]["reason"].as_str().unwrap().contains("no account by this address"));
    for email in [&ann, &bob] {
        stage.google.deliver(email, &letter(1)).await;
    }
    stage.done(2).await;
    assert_eq!(stage.account(&ann).unwrap()["access"], "delegation");
    let again = stage.connect_workspace(&[&ann]).good();
    assert_eq!(again.objects()[0]["outcome"], "already");
    stage.setting("FEATURES", "labels");
    let without = stage.connect_workspace(&[&ann]).good().objects().remove(0);
    assert_eq!((&without["outcome"], &without["without"]), (&json!("already"), &json!(["labels"])));
    assert!(without["reason"].as_str().unwrap().contains("auth/gmail.modify"), "{without}");
    let user = without["userId"].as_str().unwrap();
    let link = ["accounts", "connect-link", "--user", user, "--data"];
    let ran = Ran::of(&fanmail().args(link).arg(&stage.data).output().unwrap());
    ran.bad_use(&["is read by delegation", "accounts connect-workspace"]);
    let log = service.process.err();
    assert!(!log.contains("example.com") && !log.contains("BEGIN"), "{log}");
    service.stop().await;
}

#[tokio::test]
async fn a_key_file_that_is_none_is_named_at_the_start_and_not_quoted() {
    let mut stage = Stage::set(1, &[]).await;
    let marker = "bWFya2Vy";
    let file = stage.key_file(&format!(r#"{{"type":"service_account","private_key":"{marker}"}}"#));
    with_setting(&mut stage, &file);
    let ran = Ran::of(&stage.command().output().unwrap());
    ran.bad_use(&["WORKSPACE_KEY: ", file.to_str().unwrap(), "it has no client_email"]);
    assert!(!ran.err.contains(marker), "{}", ran.err);
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let ran = Ran::of(&stage.command().output().unwrap());
    ran.bad_use(&["WORKSPACE_KEY: ", "can be read by others", "chmod 600"]);
    fs::remove_file(&file).unwrap();
    let ran = Ran::of(&stage.command().output().unwrap());
    ran.bad_use(&["WORKSPACE_KEY: cannot read", file.to_str().unwrap()]);
}

#[tokio::test]
async fn a_domain_without_a_service_account_or_an_address_is_bad_use() {
    let stage = Stage::set(1, &[]).await;
    stage.serve().await.stop().await;
    stage.connect_workspace(&["ada@corp.example"]).bad_use(&["WORKSPACE_KEY is not set"]);
    stage.connect_workspace(&["ada"]).bad_use(&["'ada' is no address"]);
    stage.connect_workspace(&["--file", "/nowhere"]).bad_use(&["cannot read /nowhere"]);
    stage.connect_workspace(&[]).bad_use(&["ADDRESS"]);
}
