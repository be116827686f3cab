//! SIGKILL for functions at any moment, while mail arrives: each message is in the bucket once, and announced.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use shared::clock::{Chance, Clock};
use shared::events::message_event_id;
use shared::ids::Generation;
use tests::deployed::functions::processes;
use tests::deployed::{NAME, PATIENCE};
use tests::google::{Google, letter};
use tests::patience::wait_for;
use tests::settings::{Length, chance};

use super::Story;

const FUNCTIONS: [&str; 4] = ["dispatcher", "user-worker", "message-processor", "dead-letter"];

/// From one kill to the next at most.
const LONGEST_MS: u64 = 4_000;

/// Messages that arrive from one kill to the next, and how slow Gmail is, so that functions are at work most of the time.
const ARRIVALS: usize = 20;
const SLOW_MS: u64 = 150;

/// Those whose mailboxes are connected.
const PEOPLE: [usize; 4] = [1, 2, 3, 4];

/// What has come out of the stack so far.
struct Outcome {
    ids: BTreeSet<String>,
    originals: usize,
    results: usize,
    letters: usize,
}

impl Story {
    /// 3 kills, in the long form 20. What a killed function held comes back when its visibility ends.
    pub(super) async fn whenever_functions_are_killed_everything_arrives_once(&self) {
        let kills = Length::set().of(3, 20);
        let (chance, seed) = chance();
        println!("  {kills} functions are killed; replay with FANMAIL_SEED={seed}");
        let before = self.outcome().await;
        self.visibility("10").await;
        self.stack.google.fail(json!({"kind": "latency", "latencyMs": SLOW_MS})).await;
        let mut delivered = BTreeSet::new();
        for kill in 0..kills {
            let moment = Duration::from_millis(chance.below(LONGEST_MS));
            let (arrived, ()) = tokio::join!(self.mail_arrives(kill), async {
                Clock::System.sleep(moment).await;
                self.one_is_killed(&chance).await;
            });
            delivered.extend(arrived);
        }
        self.stack.google.heal().await;
        self.everybody_is_asked().await;
        let messages: Vec<_> = delivered.iter().map(|(_, message)| message.clone()).collect();
        self.arrived(&messages).await;
        self.visibility("360").await;
        self.came_out_once(&before, &delivered).await;
        println!("  {kills} functions were killed, and {} messages came out once", messages.len());
    }

    /// Mail for everybody, found at once and not by the schedule: by userId and messageId.
    async fn mail_arrives(&self, round: usize) -> Vec<(String, String)> {
        let users = self.stack.google.users().await;
        let mut delivered = Vec::new();
        for arrival in 0..ARRIVALS {
            let email = Google::person(PEOPLE[arrival % PEOPLE.len()]);
            let number = 1_000 + round * ARRIVALS + arrival;
            let id = self.stack.google.deliver(&email, &letter(number)).await;
            delivered.push((users[&email].clone(), id));
        }
        self.everybody_is_asked().await;
        delivered
    }

    async fn everybody_is_asked(&self) {
        let users = self.stack.google.users().await;
        for number in PEOPLE {
            self.typed(&format!("accounts sync {}", users[&Google::person(number)]));
        }
    }

    /// One process of one function, whichever they are.
    async fn one_is_killed(&self, chance: &Chance) {
        let pick = |count: usize| usize::try_from(chance.below(count as u64)).unwrap();
        let killed = wait_for("a function's process", PATIENCE, async || {
            let function = FUNCTIONS[pick(FUNCTIONS.len())];
            let running = processes(&format!("{NAME}-{function}"), &self.stack.aws.endpoint);
            let of = running.len();
            (of > 0 && running[pick(of)].kill()).then_some(function)
        })
        .await;
        println!("    {killed}");
    }

    async fn outcome(&self) -> Outcome {
        let told = self.mail.told().await;
        let keys = |prefix| self.stack.keys(prefix);
        Outcome {
            ids: told.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect(),
            originals: keys("raw/").await.len(),
            results: keys("results/").await.len(),
            letters: self.open_letters().await,
        }
    }

    async fn open_letters(&self) -> usize {
        let letters = self.stack.dead_letters().await;
        letters.iter().filter(|row| row["state"].as_s().unwrap() != "resolved").count()
    }

    /// One original, one result and one event id more for each message, and nothing else.
    async fn came_out_once(&self, before: &Outcome, delivered: &BTreeSet<(String, String)>) {
        let after = self.outcome().await;
        let id = |(user, message): &(String, String)| {
            let (user, message) = (user.parse().unwrap(), message.parse().unwrap());
            message_event_id(&user, &message, Generation::default())
        };
        let expected: BTreeSet<_> = delivered.iter().map(id).collect();
        let new: BTreeSet<_> = after.ids.difference(&before.ids).cloned().collect();
        assert_eq!(new, expected, "announced under the ids that they have, and no others");
        assert_eq!(after.originals - before.originals, delivered.len());
        assert_eq!(after.results - before.results, delivered.len());
        assert_eq!(after.letters, before.letters, "nothing is parked");
    }
}
