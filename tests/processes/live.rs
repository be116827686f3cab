//! The demo that goes on until it is stopped.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::command::fanmail;
use crate::service::PATIENCE;
use tests::patience::wait_for;
use tests::process::Process;

#[tokio::test]
async fn the_live_demo_shows_every_kind_of_event_and_ends_well_on_ctrl_c() {
    let room = TempDir::new().unwrap();
    let mut command = fanmail();
    command.args(["demo", "--json", "--messages", "2"]).env("TMPDIR", room.path());
    let mut demo = Process::start(command, room.path(), "demo");
    for kind in ["mailbox.connected", "message.processed", "mailbox.needs_reauth"] {
        let kind = format!("fanmail.{kind}.v1");
        wait_for(&kind, PATIENCE, async || demo.out().contains(&kind).then_some(())).await;
    }
    demo.signal("INT");
    let ended = demo.ended().await;
    assert!(ended.success(), "{ended}");
    for line in demo.out().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("{line}"));
    }
    assert_no_folder_is_left(room.path());
}

#[tokio::test]
async fn a_demo_that_is_interrupted_says_so_and_leaves_nothing_behind() {
    let room = TempDir::new().unwrap();
    let mut command = fanmail();
    command.args(["demo", "--once", "--json", "--messages", "5000"]).env("TMPDIR", room.path());
    let mut demo = Process::start(command, room.path(), "demo");
    let connected = "5 people connected";
    wait_for(connected, PATIENCE, async || demo.err().contains(connected).then_some(())).await;
    demo.signal("INT");
    let ended = demo.ended().await;
    assert_eq!(ended.code(), Some(1), "{ended}");
    assert_eq!(demo.out(), "");
    assert!(demo.err().contains("before everything was at rest"), "{}", demo.err());
    assert_no_folder_is_left(room.path());
}

fn assert_no_folder_is_left(room: &Path) {
    let left = fs::read_dir(room).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_str().unwrap().starts_with(".tmp")).collect();
    assert!(left.is_empty(), "its folder goes with it: {left:?}");
}
