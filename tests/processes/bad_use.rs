//! What is refused before anything is begun: each refusal says what, where, and what to do. Exit code 2.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::command::{Ran, fanmail, run};
use crate::service::Stage;

#[tokio::test]
async fn a_second_serve_on_the_same_folder_is_refused() {
    let stage = Stage::set(1, &[]).await;
    let first = stage.serve().await;
    let second = Ran::of(&stage.command().output().unwrap());
    second.bad_use(&["another fanmail already works on", stage.data.to_str().unwrap(), "--data"]);
    first.stop().await;
    stage.serve().await.stop().await;
}

#[test]
fn bad_settings_are_all_named_at_once_and_nothing_is_written() {
    let room = TempDir::new().unwrap();
    let data = room.path().join("data");
    let mut command = fanmail();
    command.args(["serve", "--data"]).arg(&data).env("GOOGLE_CLIENT_ID", "id");
    for (name, value) in [
        ("POLL_INTERVAL_MIN", "5"),
        ("POLL_INTERVAL_MAX", "soon"),
        ("RETRY_BASE", "-1s"),
        ("BACKFILL", "some"),
        ("KEEP_ORIGINALS", "perhaps"),
        ("EVENT_DATA", "half"),
        ("MAX_MESSAGE_BYTES", "much"),
        ("MAX_USERS_PER_INVOCATION", "0"),
        ("QUOTA_PRICES", "cheap"),
        ("OAUTH_REDIRECT_URI", "here"),
        ("GOOGLE_BASE_URL", "http://example.com"),
    ] {
        command.env(name, value);
    }
    let ran = Ran::of(&command.output().unwrap());
    ran.bad_use(&[
        "GOOGLE_CLIENT_SECRET: is not set",
        "POLL_INTERVAL_MIN: '5'",
        "POLL_INTERVAL_MAX: 'soon'",
        "RETRY_BASE: '-1s'",
        "BACKFILL: 'some'",
        "KEEP_ORIGINALS: 'perhaps'",
        "EVENT_DATA: 'half'",
        "MAX_MESSAGE_BYTES: 'much'",
        "MAX_USERS_PER_INVOCATION: '0'",
        "QUOTA_PRICES: 'cheap'",
        "OAUTH_REDIRECT_URI: 'here'",
        "GOOGLE_BASE_URL: 'http://example.com'",
    ]);
    assert_eq!(ran.err.lines().count(), 13, "{}", ran.err);
    assert!(!data.exists());
}

#[tokio::test]
async fn a_port_that_is_taken_is_refused() {
    let stage = Stage::set(1, &[]).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut serve = fanmail();
    serve
        .args(["serve", "--listen", &address, "--data"])
        .arg(&stage.data)
        .envs(stage.settings.clone());
    Ran::of(&serve.output().unwrap()).bad_use(&["cannot listen on", &address, "--listen"]);
    run(&["google-sim", "--listen", &address]).bad_use(&["cannot listen on", &address]);
    run(&["demo", "--once", "--listen", &address]).bad_use(&["cannot listen on", &address]);
}

#[tokio::test]
async fn what_is_no_data_folder_is_refused() {
    let mut stage = Stage::set(1, &[]).await;
    let (empty, file) = (stage.room.path().join("empty"), stage.room.path().join("file"));
    fs::create_dir(&empty).unwrap();
    fs::write(&file, "not a folder").unwrap();
    for folder in [&empty, &file, &stage.room.path().join("nowhere")] {
        for words in [
            vec!["accounts", "list"],
            vec!["dead-letters", "list"],
            vec!["results", "list"],
            vec!["events"],
            vec!["keys", "list"],
        ] {
            let ran = crate::command::beside(folder, &words);
            ran.bad_use(&[folder.to_str().unwrap(), "is no data folder of fanmail", "--data"]);
        }
    }
    assert!(fs::read_dir(&empty).unwrap().next().is_none(), "looking leaves no trace");
    stage.data = file;
    let ran = Ran::of(&stage.command().output().unwrap());
    ran.bad_use(&["cannot make the data folder", stage.data.to_str().unwrap(), "--data"]);
    stage.data = empty;
    fs::write(stage.data.join("fanmail.db"), "this is a text, and no database at all".repeat(9))
        .unwrap();
    let ran = Ran::of(&stage.command().output().unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    ran.says(&["opening the database", "fanmail.db"]);
}

#[tokio::test]
async fn a_key_file_that_others_can_read_or_that_is_cut_is_refused_and_kept() {
    let stage = Stage::set(1, &[]).await;
    stage.serve().await.stop().await;
    let key = stage.data.join("key");
    let whole = fs::read(&key).unwrap();
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&stage.data).unwrap().permissions().mode() & 0o777, 0o700);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = Ran::of(&stage.command().output().unwrap());
    ran.bad_use(&[key.to_str().unwrap(), "can be read by others", "chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    for cut in [
        &whole[..0],
        &whole[..20],
        b"not hex at all, but of the right length, that is sixty-four it is",
    ] {
        fs::write(&key, cut).unwrap();
        let ran = Ran::of(&stage.command().output().unwrap());
        ran.bad_use(&[
            key.to_str().unwrap(),
            "does not hold keys, each of 64 hex digits",
            "put the right file back",
        ]);
        assert_eq!(fs::read(&key).unwrap(), cut, "it is not replaced");
    }
    fs::write(&key, &whole).unwrap();
    stage.serve().await.stop().await;
}

#[test]
fn what_cannot_be_typed_is_refused_with_a_hint() {
    for args in [
        vec!["demo", "--mailboxes", "0"],
        vec!["demo", "--quota", "maybe"],
        vec!["demo", "--mail", "no/such/folder", "--once"],
        vec!["serve", "--listen", "everywhere"],
        vec!["accounts", "show", "../../etc/passwd"],
        vec!["results", "show", "../../etc/passwd"],
        vec!["dead-letters", "list", "--reason", "bad_luck"],
        vec!["dead-letters", "replay"],
        vec!["dead-letters", "discard", "--all", "--reason", "waiting"],
        vec!["events", "replay"],
        vec!["events", "replay", "--announced-since", "yesterday"],
        vec!["keys", "rotate", "--since", "yesterday"],
        vec!["serve", "--without-key", "the old one"],
        vec!["rules"],
        vec!["rules", "test", "rules.toml"],
        vec!["rules", "check", "no/such/rules.toml"],
        vec!["acounts", "list"],
        vec![],
    ] {
        let ran = run(&args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "{args:?}: {}", ran.err);
    }
}

#[test]
fn every_help_text_has_an_example() {
    for words in [
        "",
        "demo",
        "serve",
        "google-sim",
        "accounts",
        "accounts list",
        "accounts show",
        "accounts silent",
        "accounts pause",
        "accounts resume",
        "accounts sync",
        "accounts disconnect",
        "dead-letters",
        "dead-letters list",
        "dead-letters show",
        "dead-letters replay",
        "dead-letters discard",
        "results",
        "results list",
        "results show",
        "events",
        "events replay",
        "classify",
        "rules",
        "rules check",
        "rules test",
        "rules diff",
        "worker",
        "worker dispatcher",
        "worker user-worker",
        "worker message-processor",
        "worker dead-letter",
    ] {
        let args: Vec<_> = words.split_whitespace().chain(["--help"]).collect();
        let ran = run(&args).good();
        let example = format!("fanmail {words}");
        let shown = ran.out.lines().find(|line| line.starts_with("Example: "));
        assert!(shown.is_some_and(|line| line.contains(example.trim())), "{words}:\n{}", ran.out);
    }
}

#[test]
fn a_stack_and_a_data_folder_are_not_mixed_up() {
    let cases = [
        ("--stack fanmail accounts list", "--stack goes with --backend aws"),
        ("--backend aws dead-letters list", "--backend aws needs the stack's name: --stack NAME"),
        ("--backend aws --stack fanmail demo", "--backend aws and --stack are for accounts"),
        ("events --backend aws --stack fanmail", "a stack's events are on its topic"),
    ];
    for (words, said) in cases {
        run(&words.split_whitespace().collect::<Vec<_>>()).bad_use(&[said]);
    }
}

#[test]
fn a_stack_without_a_region_is_refused() {
    let command = "--backend aws --stack fanmail accounts list";
    let ran = run(&command.split_whitespace().collect::<Vec<_>>());
    ran.bad_use(&["no region is set", "AWS_REGION"]);
}

#[test]
fn a_worker_without_its_stacks_names_says_which_it_lacks() {
    let mut command = fanmail();
    command.args(["worker", "user-worker"]).env("POLL_INTERVAL_MIN", "5");
    command.env("RULES_FILE", "rules.toml");
    command.envs([
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ]);
    let ran = Ran::of(&command.output().unwrap());
    ran.bad_use(&[
        "POLL_INTERVAL_MIN: '5'",
        "RULES_FILE: 'rules.toml' is a file of one machine; a stack reads its rules from s3://",
        "USER_JOBS_QUEUE: is not set",
        "USER_JOBS_DLQ: is not set",
        "GOOGLE_SECRET_ID: is not set",
        "REFRESH_KEY_ID: is not set",
        "EVENTS_TOPIC_ARN: is not set",
    ]);
}
