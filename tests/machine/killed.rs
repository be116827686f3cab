//! A process that is killed at any moment: whatever it acknowledged is there, and nothing half-written.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use shared::archive::Put;
use shared::clock::{Chance, Clock};
use shared::events::sqlite::SqliteEvents;
use shared::events::{Event, EventKind};
use shared::ids::{Epoch, JobId};
use shared::mark::{Listing, MarkState};
use shared::sqlite::Database;

use super::archive_folder::files;
use super::victim::{self, said, say, start};
use crate::promises::world::{Stores, job, stores, user};

const KILLS: u64 = 20;

/// What the victim does when nobody kills it.
const ENOUGH: usize = 5000;

const LIFE: Epoch = Epoch(1);

fn content(name: &str) -> Vec<u8> {
    name.repeat(2000).into_bytes()
}

/// Works until it is killed.
async fn victim() {
    let chance = Chance::system();
    let stores = stores(Path::new("."), &Clock::System, chance.clone()).await;
    let workers = (0..4).map(|_| {
        let (stores, chance) = (stores.clone(), chance.clone());
        tokio::spawn(async move {
            for _ in 0..ENOUGH {
                work(&stores, &String::from(JobId::random(&chance))).await;
            }
        })
    });
    futures::future::join_all(workers).await;
}

async fn work(stores: &Stores, name: &str) {
    let (message_id, job_id) = (name.parse().unwrap(), name.parse().unwrap());
    let listing = Listing { message_id, job_id, state: MarkState::Listed };
    let now = Clock::System.now();
    let listed = stores.marks.list(&user("ada"), LIFE, &[listing], now).await.unwrap();
    assert_eq!(listed, [MarkState::Listed]);
    say(&format!("mark {name}"));
    stores.send(vec![job(name, "ada")]).await;
    say(&format!("job {name}"));
    let key = format!("results/{}/{name}", &name[..2]);
    let put = stores.archive.put_new(&key, content(name), "text/plain").await.unwrap();
    assert_eq!(put, Put::Stored);
    say(&format!("object {key}"));
    let kind = EventKind::MessageProcessed;
    let event = Event::new("local", name.into(), kind, name.into(), now, json!({}));
    assert!(stores.events.publish(&[event]).await.unwrap().is_empty());
    say(&format!("event {name}"));
}

#[tokio::test]
async fn whenever_a_process_is_killed_what_it_acknowledged_is_there() {
    if victim::is_this() {
        return victim().await;
    }
    let seed = Chance::system().below(1 << 32);
    let chance = Chance::seeded(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for kill in 1..=KILLS {
        let victim = "machine::killed::whenever_a_process_is_killed_what_it_acknowledged_is_there";
        let mut victim = start(victim, folder.path(), "");
        let mut said = said(&mut victim);
        let lived = usize::try_from(chance.below(300)).unwrap();
        acknowledged.extend(said.by_ref().take(lived));
        victim.kill().unwrap();
        acknowledged.extend(said);
        victim.wait().unwrap();
        missing(folder.path(), &acknowledged, kill).await;
    }
    assert!(acknowledged.len() > 200, "seed {seed}: the victims did nothing");
}

/// Fails when something acknowledged is not there, or something is there in part.
async fn missing(folder: &Path, acknowledged: &BTreeSet<String>, kill: u64) {
    // A later hour each time: what was received by the look before is visible again.
    let clock = Clock::System;
    let clock = Clock::manual(clock.now() + Duration::from_hours(kill));
    let stores = stores(folder, &clock, Chance::seeded(1)).await;
    let mut there = BTreeSet::new();
    // What ten looks have received is given up: it lies in the other queue.
    for queue in [&stores.queue, &stores.dead_queue] {
        loop {
            let records = queue.receive(1000, Duration::ZERO).await.unwrap();
            if records.is_empty() {
                break;
            }
            there.extend(records.into_iter().map(|record| format!("job {}", record.body)));
        }
    }
    let log = SqliteEvents::new(Database::open(&folder.join("fanmail.db")).unwrap());
    for logged in log.read_after(0, 1_000_000).await.unwrap() {
        there.insert(format!("event {}", logged.event.id));
    }
    let keys = stores.archive.keys("results/", None, usize::MAX).await.unwrap();
    for key in &keys {
        let name = key.rsplit_once('/').unwrap().1;
        assert!(stores.archive.get(key).await.unwrap() == Some(content(name)), "{key} is cut");
        there.insert(format!("object {key}"));
    }
    assert_eq!(files(&folder.join("archive")).len(), keys.len(), "drafts are left");
    for line in acknowledged {
        if let Some(name) = line.strip_prefix("mark ") {
            let marks = stores.marks.get(&user("ada"), &[name.parse().unwrap()]).await.unwrap();
            assert!(marks[0].is_some(), "{line} is missing");
        } else {
            assert!(there.contains(line), "{line} is missing");
        }
    }
}
