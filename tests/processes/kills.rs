//! `kill -9` at any moment: everything arrives, results once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use shared::clock::{Chance, Clock};

use crate::command::list;
use crate::service::Stage;
use tests::google::{Google, letter};
use tests::patience::wait_for;

const KILLS: usize = 20;
const MAILBOXES: usize = 20;
const MESSAGES: usize = 2_000;

/// A run lasts at most this long, from the moment it is told to start.
const LONGEST_MS: u64 = 1_500;

/// Messages that arrive between two kills.
const ARRIVALS: usize = MESSAGES / KILLS;

#[tokio::test]
async fn whenever_serve_is_killed_everything_arrives_and_results_are_there_once() {
    let seed = seed();
    println!("replay with FANMAIL_SEED={seed}");
    let chance = Chance::seeded(seed);
    let stage = Stage::set(MAILBOXES, &["--quota", "off"]).await;
    let users = connect_all(&stage).await;
    let mut delivered = BTreeSet::new();
    for kill in 0..KILLS {
        let mut serve = stage.serve_at_once();
        let moment = Duration::from_millis(chance.below(LONGEST_MS));
        let arriving = async {
            for arrival in 0..ARRIVALS {
                let (email, user) = &users[below(&chance, MAILBOXES)];
                let id = stage.google.deliver(email, &letter(kill * ARRIVALS + arrival)).await;
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
    stage.done_within(delivered.len() as u64, Duration::from_mins(2)).await;
    assert_all_arrived_once(&stage, &delivered).await;
    service.stop().await;
    assert!(stage.drafts().is_empty(), "{:?}", stage.drafts());
}

fn below(chance: &Chance, count: usize) -> usize {
    usize::try_from(chance.below(count as u64)).unwrap()
}

fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a seed to replay is a setting of the tests")]
    let chosen = std::env::var("FANMAIL_SEED").ok();
    chosen.map_or_else(|| Chance::system().below(1 << 32), |seed| seed.parse().unwrap())
}

/// Connects everybody; addresses and userIds.
async fn connect_all(stage: &Stage) -> Vec<(String, String)> {
    let service = stage.serve().await;
    let mut users = Vec::new();
    for number in 1..=MAILBOXES {
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
