//! `demo --once`: every message is accounted for, whatever the mail and whoever revokes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::command::{Ran, list, one, run};

const KEYS: [&str; 10] = [
    "mailboxes",
    "messages",
    "done",
    "skipped",
    "parked",
    "waiting",
    "quotaUnits",
    "seconds",
    "messagesPerSecond",
    "categories",
];

/// Runs `demo --once --json` with `more`; its summary.
fn once(more: &[&str]) -> Map<String, Value> {
    let mut args = vec!["demo", "--once", "--json"];
    args.extend(more);
    summary(&run(&args).good())
}

fn summary(ran: &Ran) -> Map<String, Value> {
    let objects = ran.objects();
    let [Value::Object(summary)] = objects.as_slice() else { panic!("one object: {objects:?}") };
    let keys: BTreeSet<_> = summary.keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(KEYS));
    let ended = count(summary, "done") + count(summary, "skipped") + count(summary, "parked");
    assert_eq!(ended, count(summary, "messages"), "{summary:?}");
    assert_eq!(count(summary, "waiting"), 0);
    let categories = summary["categories"].as_object().unwrap();
    let announced: u64 = categories.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(announced, count(summary, "done"), "{summary:?}");
    summary.clone()
}

fn count(summary: &Map<String, Value>, key: &str) -> u64 {
    summary[key].as_u64().unwrap()
}

/// What Google charges: 20 per message; 1, and 5 for each of two lists, per connection; 2 per poll, of which there are few.
fn assert_units(summary: &Map<String, Value>) {
    let [mailboxes, done] = ["mailboxes", "done"].map(|key| count(summary, key));
    let units = count(summary, "quotaUnits");
    let fetched = 20 * done + 11 * mailboxes;
    let polls = units.checked_sub(fetched).unwrap_or_else(|| panic!("too few: {summary:?}"));
    assert!(polls % 2 == 0, "only polls are left: {summary:?}");
    assert!((2 * mailboxes..=20 * mailboxes).contains(&polls), "{polls} units: {summary:?}");
}

#[test]
fn the_demo_balances_and_costs_what_google_charges() {
    let summary = once(&[]);
    assert_eq!(count(&summary, "mailboxes"), 5);
    assert!(count(&summary, "messages") >= 60);
    assert_eq!(count(&summary, "done"), count(&summary, "messages"));
    assert_units(&summary);
}

#[test]
fn each_of_seven_mailboxes_gets_its_thirteen_messages() {
    let summary = once(&["--mailboxes", "7", "--messages", "13"]);
    assert_eq!(count(&summary, "mailboxes"), 7);
    assert_eq!(count(&summary, "done"), 91);
    assert_units(&summary);
}

#[test]
fn without_quota_it_balances_too() {
    let summary = once(&["--quota", "off", "--mailboxes", "3", "--messages", "300"]);
    assert_eq!(count(&summary, "done"), 900);
    assert_units(&summary);
}

#[test]
fn every_file_of_a_folder_is_delivered_once_however_odd() {
    let room = TempDir::new().unwrap();
    let mail = room.path().join("mail");
    fs::create_dir_all(mail.join("a/b/c")).unwrap();
    let large =
        [b"Subject: large\r\n\r\n".as_slice(), &b"0123456789abcde\n".repeat(196_608)].concat();
    let binary: Vec<u8> =
        (0..20_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    for (name, content) in [
        ("plain.eml", b"Subject: plain\r\n\r\nHello\r\n".as_slice()),
        ("a/empty.eml", b""),
        ("a/b/binary.EML", &binary),
        ("a/b/c/large.eml", &large),
        ("a/b/c/no mail.txt", b"not mail"),
    ] {
        fs::write(mail.join(name), content).unwrap();
    }
    let data = room.path().join("data");
    let summary = once(&[
        "--mail",
        mail.to_str().unwrap(),
        "--mailboxes",
        "3",
        "--data",
        data.to_str().unwrap(),
    ]);
    assert_eq!(count(&summary, "messages"), 4);
    assert_eq!(count(&summary, "done"), 4);
    let mut stored = originals(&data);
    let mut sent = [b"Subject: plain\r\n\r\nHello\r\n".to_vec(), Vec::new(), binary, large];
    stored.sort();
    sent.sort();
    assert!(stored == sent, "the originals are not the files, byte for byte");
}

fn originals(data: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for user in fs::read_dir(data.join("raw")).unwrap() {
        for file in fs::read_dir(user.unwrap().path()).unwrap() {
            found.push(fs::read(file.unwrap().path()).unwrap());
        }
    }
    found
}

#[test]
fn mail_behind_a_dead_grant_is_parked_and_its_mailbox_says_why() {
    let room = TempDir::new().unwrap();
    let data = room.path().join("data");
    let summary = once(&["--revoke", "2", "--messages", "10", "--data", data.to_str().unwrap()]);
    assert_eq!(count(&summary, "parked"), 20);
    assert_eq!(count(&summary, "done"), 30);
    let accounts = list(&data, &["accounts", "list"]);
    let dead: Vec<_> =
        accounts.iter().filter(|shown| shown["needsReauth"] == "grant_dead").collect();
    assert_eq!(dead.len(), 2, "{accounts:?}");
    assert!(dead.iter().all(|shown| shown["state"] == "needs re-auth (grant_dead)"));
    let letters = list(&data, &["dead-letters", "list"]);
    assert!(letters.iter().all(|letter| letter["reason"] == "grant_dead"), "{letters:?}");
    let events = list(&data, &["events"]);
    let notices = events.iter().filter(|event| event["type"] == "fanmail.mailbox.needs_reauth.v1");
    assert_eq!(notices.count(), 2);
}

#[test]
fn kept_data_is_readable_by_the_other_commands() {
    let room = TempDir::new().unwrap();
    let data = room.path().join("data");
    let ran = run(&["demo", "--once", "--json", "--data", data.to_str().unwrap()]).good();
    assert!(
        ran.err.contains("5 people connected"),
        "progress is told on standard error: {}",
        ran.err
    );
    let messages = count(&summary(&ran), "messages");
    let accounts = list(&data, &["accounts", "list"]);
    assert_eq!(accounts.len(), 5);
    let user = accounts[0]["userId"].as_str().unwrap();
    assert_eq!(one(&data, &["accounts", "show", user])["email"], accounts[0]["email"]);
    let results = list(&data, &["results", "list", "--limit", "1000"]);
    assert_eq!(results.len() as u64, messages);
    let [message, owner] = ["messageId", "userId"].map(|key| results[0][key].as_str().unwrap());
    let result = one(&data, &["results", "show", message, "--user", owner]);
    assert_eq!(result["schema"], "fanmail.result.v1");
    assert_eq!(result["messageId"], message);
    assert_eq!(list(&data, &["results", "list", "--user", user, "--limit", "3"]).len(), 3);
    let events = list(&data, &["events"]);
    assert_eq!(events.len() as u64, messages + 5);
    assert!(events.iter().all(|event| event["specversion"] == "1.0"));
    assert_eq!(list(&data, &["dead-letters", "list"]).len(), 0);
    let (tables, code) = (run(&["accounts", "list", "--data", data.to_str().unwrap()]), Some(0));
    assert_eq!((tables.out.lines().count(), tables.code), (6, code), "a head and five mailboxes");
}

#[test]
fn a_demo_does_not_touch_a_folder_that_holds_data() {
    let room = TempDir::new().unwrap();
    let data = room.path().join("data");
    let demo = ["demo", "--once", "--messages", "1", "--json", "--data", data.to_str().unwrap()];
    summary(&run(&demo).good());
    run(&demo).bad_use(&["already holds the data of a pipeline", "--data"]);
}
