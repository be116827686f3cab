//! `kill -9` at any moment: everything arrives, results once. 20 kills, in the long form 100.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use shared::clock::{Chance, Clock};

use crate::command::list;
use crate::service::Stage;
use tests::google::{Google, letter};
use tests::patience::wait_for;
use tests::settings::{Length, chance};

/// A run lasts at most this long, from the moment it is told to start.
const LONGEST_MS: u64 = 1_500;

/// How much is tried. No mailbox gets more than Google lets through in a minute: a kill is waited for, not a quota.
struct Size {
    kills: usize,
    mailboxes: usize,
    messages: usize,
}

const SHORT: Size = Size { kills: 20, mailboxes: 20, messages: 2_000 };
const LONG: Size = Size { kills: 100, mailboxes: 100, messages: 20_000 };

#[tokio::test]
async fn whenever_serve_is_killed_everything_arrives_and_results_are_there_once() {
    let Size { kills, mailboxes, messages } = Length::set().of(SHORT, LONG);
    let (chance, seed) = chance();
    println!("{kills} kills, {messages} messages; replay with FANMAIL_SEED={seed}");
    let stage = Stage::set(mailboxes, &["--quota", "off"]).await;
    let users = connect_all(&stage, mailboxes).await;
    let arrivals = messages / kills;
    let mut delivered = BTreeSet::new();
    for kill in 0..kills {
        let mut serve = stage.serve_at_once();
        let moment = Duration::from_millis(chance.below(LONGEST_MS));
        let arriving = async {
            for arrival in 0..arrivals {
                let (email, user) = &users[below(&chance, mailboxes)];
                let id = stage.google.deliver(email, &letter(kill * arrivals + arrival)).await;
                delivered.insert((user.clone(), id));
            }
        };
        let killing = async {
            Clock::System.sleep(moment).await;
            serve.kill();
        };
        tokio::join!(arriving, killing);
    }
    let service = stage.serve().await;
    stage.done_within(delivered.len() as u64, Duration::from_mins(5)).await;
    assert_all_arrived_once(&stage, &delivered).await;
    service.stop().await;
    assert!(stage.drafts().is_empty(), "{:?}", stage.drafts());
}

fn below(chance: &Chance, count: usize) -> usize {
    usize::try_from(chance.below(count as u64)).unwrap()
}

/// Connects everybody; addresses and userIds.
async fn connect_all(stage: &Stage, mailboxes: usize) -> Vec<(String, String)> {
    let service = stage.serve().await;
    let mut users = Vec::new();
    for number in 1..=mailboxes {
        let email = Google::person(number);
        service.connect(&email).await;
        users.push((email.clone(), stage.google.user(&email).await));
    }
    service.stop().await;
    users
}

async fn assert_all_arrived_once(stage: &Stage, delivered: &BTreeSet<(String, String)>) {
    let results: Vec<_> = stage.files("results").iter().map(|key| named(key, ".json")).collect();
    assert_eq!(results.len(), delivered.len());
    assert_eq!(&BTreeSet::from_iter(results), delivered, "one result each");
    let originals: Vec<_> = stage.files("raw").iter().map(|key| named(key, ".eml")).collect();
    assert_eq!(originals.len(), delivered.len());
    assert_eq!(&BTreeSet::from_iter(originals), delivered, "one original each");
    let announced = wait_for("the events", Duration::from_secs(10), async || {
        let announced = announced(&stage.events("message.processed"));
        (announced.len() >= delivered.len()).then_some(announced)
    })
    .await;
    assert_eq!(&announced.keys().cloned().collect::<BTreeSet<_>>(), delivered, "announced");
    let ids: BTreeSet<_> = announced.values().flatten().collect();
    assert_eq!(ids.len(), delivered.len(), "however often announced, under one id each");
    for account in list(&stage.data, &["accounts", "list"]) {
        assert_eq!(account["state"], "connected", "{account}");
        assert_eq!(account["messages"]["parked"], 0, "{account}");
    }
    let letters = list(&stage.data, &["dead-letters", "list"]);
    let open: Vec<_> = letters.iter().filter(|letter| letter["state"] != "resolved").collect();
    assert!(open.is_empty(), "{open:?}");
}

/// Whose message a key is: `results/USER/…/MESSAGE.json`.
fn named(key: &str, end: &str) -> (String, String) {
    let (user, name) = (key.split('/').nth(1).unwrap(), key.rsplit('/').next().unwrap());
    (user.to_owned(), name.strip_suffix(end).unwrap_or_else(|| panic!("{key}")).to_owned())
}

/// The ids under which each message was announced.
fn announced(events: &[Value]) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut announced: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for event in events {
        let message = (text(&event["data"]["userId"]), text(&event["subject"]));
        announced.entry(message).or_default().insert(text(&event["id"]));
    }
    announced
}
