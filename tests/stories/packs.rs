//! Results in packs: one object for those of a job, and in it nothing is lost, told in two ways, or left after a purge.

mod anew;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use message_processor::reclassify::{Scope, Tally};
use serde_json::{Value, json};
use shared::events::message_event_id;
use shared::ids::{Generation, MessageId, UserId};
use shared::jobs::{Cause, UserJobKind};
use shared::mark::MarkState;
use shared::pack::{Groups, PACKS, Pack, PackKey, Standing, standing};
use shared::reason::SkipReason;
use shared::settings::ResultsFormat;
use simulation::hand::{Hold, Strike};

use super::world::{ADA, DAY, HOUR, MINUTE, TICK, World};

const BEN: &str = "ben@example.com";

const DONE: Option<MarkState> = Some(MarkState::Done);

/// Longer than a reclassification may stand still.
const LEASE: Duration = Duration::from_mins(3);

const ALL: Scope = Scope { user: None, since: None, changed_only: false };

stories!(
    the_results_of_a_job_are_one_object_that_its_events_lead_into,
    a_message_whose_processing_dies_at_any_call_is_announced_in_the_same_words,
    what_a_dead_run_had_named_is_announced_and_not_fetched_again,
    a_pack_that_was_never_named_counts_for_nothing,
    of_two_runs_of_one_message_both_tell_what_the_first_named_pack_says,
    a_pack_that_is_named_and_gone_is_written_anew,
    whatever_the_setting_was_changed_to_what_was_named_stands,
    a_purge_takes_every_pack_of_one_mailbox_and_none_of_another,
);

/// What happens to the messages of a job, in order.
const PROCESS: [&str; 8] = [
    "marks.get",
    "gmail.message",
    "archive.put",
    "archive.put_new",
    "marks.name",
    "events.publish",
    "marks.finish",
    "message_jobs.delete",
];

impl World {
    fn packing(mut self) -> Self {
        self.settings.results_format = ResultsFormat::Packed;
        self
    }

    /// The next round, until a message job has come to the next call of this name, and died there.
    async fn until(&self, call: &str) {
        let before = self.effects.count(call);
        self.pass(TICK);
        self.round().await;
        while self.effects.count(call) == before {
            self.pass(MINUTE);
            self.serve_users().await;
            self.serve_messages().await;
        }
    }

    async fn packs(&self) -> Vec<PackKey> {
        let keys = self.backend.stores.archive.keys(PACKS, None, 1_000).await.unwrap();
        keys.iter().map(|key| key.parse().unwrap()).collect()
    }

    async fn pack(&self, key: &PackKey) -> Pack {
        let bytes = self.backend.stores.archive.get(key.as_str()).await.unwrap().unwrap();
        Pack::read(&bytes).unwrap()
    }

    /// The lines that count, whoever's.
    async fn standing(&self) -> Vec<Standing> {
        let stores = &self.backend.stores;
        let mut groups = Groups::of(&*stores.archive, None).await.unwrap();
        let mut all = vec![];
        while let Some(group) = groups.next().await.unwrap() {
            let (lines, unreadable) =
                standing(&*stores.archive, &*stores.marks, &group).await.unwrap();
            assert_eq!(unreadable, 0);
            all.extend(lines);
        }
        all
    }

    async fn named(&self, user: &UserId, id: &MessageId) -> Option<PackKey> {
        let marks = self.backend.stores.marks.get(user, std::slice::from_ref(id)).await.unwrap();
        marks[0].as_ref().and_then(|mark| mark.pack.clone())
    }

    /// The result that an event's data leads to, checked as a consumer would.
    async fn led_to(&self, data: &Value) -> Value {
        let at = &data["result"];
        let pack = self.pack(&at["key"].as_str().unwrap().parse().unwrap()).await;
        let line = &pack.lines()[usize::try_from(at["line"].as_u64().unwrap()).unwrap()];
        assert_eq!(at["sha256"], json!(hex::encode(digest(&SHA256, &line.bytes))));
        assert_eq!(at["bytes"], json!(line.bytes.len()));
        serde_json::from_slice(&line.bytes).unwrap()
    }

    /// Every event about a message says the same, is about the line that its mark names, and leads to it.
    async fn is_told_once_over(&self, user: &UserId, id: &MessageId, context: &str) {
        let told = self.events_about(id.as_str()).await;
        let first = &told.first().unwrap_or_else(|| panic!("{context}: not announced")).event;
        assert!(told.iter().all(|seen| seen.event == *first), "{context}: told differently");
        assert_eq!(first.id, message_event_id(user, id, Generation(0)), "{context}");
        let named = self.named(user, id).await.unwrap().to_string();
        assert_eq!(first.data["result"]["key"], json!(named), "{context}");
        assert_eq!(self.led_to(&first.data).await["messageId"], json!(id), "{context}");
    }

    async fn reclassified(&self, scope: &Scope) -> Tally {
        self.pass(LEASE);
        self.stages().reclassification().apply(scope, |_| {}).await.unwrap()
    }
}

async fn the_results_of_a_job_are_one_object_that_its_events_lead_into(world: World) {
    let world = world.packing();
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 30);
    world.poll().await;
    let keys = world.packs().await;
    assert_eq!(keys.len(), 2, "a job has 25 messages at most: {keys:?}");
    assert!(keys.iter().all(|key| key.day().folder() == "packed/dt=2026-05-01/"));
    assert!(keys.iter().all(|key| key.user() == user));
    assert_eq!(world.backend.stores.archive.keys("results/", None, 9).await.unwrap(), [""; 0]);
    assert_eq!(world.effects.count("archive.put_new"), 2);
    for id in &ids {
        assert_eq!(world.state(&user, id).await, DONE);
        world.is_told_once_over(&user, id, "at first").await;
    }
    let lines = world.standing().await;
    let found: BTreeSet<_> = lines.into_iter().filter_map(|it| it.line.result.message_id).collect();
    assert_eq!(found, ids.into_iter().collect());
}

async fn a_message_whose_processing_dies_at_any_call_is_announced_in_the_same_words(world: World) {
    let world = world.packing();
    let user = world.connect(ADA).await;
    for call in PROCESS {
        for strike in [Strike::DiesBefore, Strike::DiesAfter, Strike::Throttled, Strike::Unanswered]
        {
            let ids = world.deliver_many(ADA, 3);
            world.effects.next(call, strike);
            world.poll().await;
            assert_eq!(world.effects.outstanding(), [""; 0], "{call}");
            assert_eq!(world.states(&user, &ids).await, [DONE; 3], "{call}");
            for id in &ids {
                world.is_told_once_over(&user, id, call).await;
            }
        }
    }
    let lines = world.standing().await;
    assert_eq!(lines.len(), 3 * 4 * PROCESS.len());
    assert_eq!(world.letters().await, []);
}

async fn what_a_dead_run_had_named_is_announced_and_not_fetched_again(world: World) {
    let world = world.packing();
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 3);
    world.effects.next("events.publish", Strike::DiesBefore);
    world.poll().await;
    assert_eq!(world.states(&user, &ids).await, [DONE; 3]);
    assert_eq!(world.calls("messages.get"), 3);
    assert_eq!(world.packs().await.len(), 1);
}

/// The first run dies between its pack and the names. By the second, one of its messages is gone: the rest is another pack.
async fn a_pack_that_was_never_named_counts_for_nothing(world: World) {
    let world = world.packing();
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 3);
    world.effects.next("marks.name", Strike::DiesBefore);
    world.until("marks.name").await;
    let first = world.packs().await;
    assert_eq!((first.len(), world.pack(&first[0]).await.lines().len()), (1, 3));
    world.google.delete(ADA, &ids[0]).unwrap();
    world.rest().await;

    let gone = MarkState::Skipped(SkipReason::DeletedAtSource);
    assert_eq!(world.states(&user, &ids).await, [Some(gone), DONE, DONE]);
    assert_eq!(world.packs().await.len(), 2);
    for id in &ids[1..] {
        assert_ne!(world.named(&user, id).await.as_ref(), Some(&first[0]));
        world.is_told_once_over(&user, id, "by the second run").await;
    }
    assert!(world.events_about(ids[0].as_str()).await.is_empty());
    let of_two: Vec<_> = world.standing().await;
    let from = |id: &MessageId| {
        let mut of_it = of_two.iter().filter(|it| it.line.result.message_id.as_ref() == Some(id));
        let found = of_it.next().map(|it| it.key.clone());
        assert!(of_it.next().is_none(), "two lines of one message count");
        found
    };
    assert_eq!(from(&ids[1]), world.named(&user, &ids[1]).await);
    assert_eq!(from(&ids[2]), world.named(&user, &ids[2]).await);
}

async fn of_two_runs_of_one_message_both_tell_what_the_first_named_pack_says(world: World) {
    let world = world.packing();
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 2);
    world.pass(TICK);
    world.round().await;
    while world.calls("history.list") < 1 {
        world.pass(MINUTE);
        world.serve_users().await;
    }
    // The first run has written its pack, and stands still. Meanwhile its job is seen again, with one message less.
    let hold = Arc::new(Hold::default());
    world.effects.next("archive.put_new", Strike::Holds(hold.clone()));
    let second = async {
        hold.reached.notified().await;
        world.google.delete(ADA, &ids[0]).unwrap();
        world.pass(shared::queue::VISIBILITY);
        world.serve_messages().await;
        assert_eq!(world.events_about(ids[1].as_str()).await.len(), 1);
        hold.release.notify_one();
    };
    futures::join!(world.serve_messages(), second);
    world.rest().await;
    assert_eq!(world.packs().await.len(), 2);
    assert_eq!(world.events_about(ids[1].as_str()).await.len(), 2);
    world.is_told_once_over(&user, &ids[1], "by both").await;
}

async fn a_pack_that_is_named_and_gone_is_written_anew(world: World) {
    let world = world.packing();
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.effects.next("events.publish", Strike::DiesBefore);
    world.until("events.publish").await;
    let [key] = &world.packs().await[..] else { panic!("one pack") };
    let removed = world.backend.stores.archive.remove(&key.day().packs_of(&user), 9).await;
    assert_eq!(removed.unwrap(), 1);
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    world.is_told_once_over(&user, &id, "anew").await;
}

async fn whatever_the_setting_was_changed_to_what_was_named_stands(world: World) {
    let mut world = world.packing();
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.effects.next("events.publish", Strike::DiesBefore);
    world.until("events.publish").await;
    world.settings.results_format = ResultsFormat::Json;
    world.rest().await;
    world.is_told_once_over(&user, &id, "as it was").await;
    let other = world.deliver(ADA, "Dinner");
    world.poll().await;
    assert_eq!(world.named(&user, &other).await, None);
    assert!(world.result(&user, &other).await.is_some());
    assert_eq!(world.packs().await.len(), 1);
}

async fn a_purge_takes_every_pack_of_one_mailbox_and_none_of_another(world: World) {
    let world = world.packing();
    let (ada, ben) = (world.connect(ADA).await, world.connect(BEN).await);
    for day in 0..3 {
        world.deliver_many(ADA, 2);
        world.deliver(BEN, "Hello");
        if day == 1 {
            // A pack that no mark ever names.
            world.effects.next("marks.name", Strike::DiesBefore);
        }
        world.poll().await;
        world.live_for(DAY).await;
    }
    world.reclassified(&ALL).await;
    let theirs = async |user: &UserId| world.packs_of(user).await;
    let bens = theirs(&ben).await;
    assert!(theirs(&ada).await.len() > 3 && bens.len() > 3);
    let days: BTreeSet<_> = bens.iter().map(PackKey::day).collect();
    assert!(days.len() > 1, "{days:?}");
    // The purge dies while it deletes, and what was under way writes after its first pass.
    world.deliver(ADA, "In flight");
    world.ask(&ada, UserJobKind::Sync, Cause::Manual).await;
    world.serve_users().await;
    world.effects.nth("archive.folders", 1, Strike::DiesAfter);
    let hold = Arc::new(Hold::default());
    world.effects.next("gmail.message", Strike::Holds(hold.clone()));
    let purge = async {
        hold.reached.notified().await;
        world.ask(&ada, UserJobKind::Disconnect { purge: true }, Cause::Manual).await;
        for _ in 0..20 {
            world.serve_users().await;
            world.pass(MINUTE / 4);
        }
        hold.release.notify_one();
    };
    futures::join!(world.serve_messages(), purge);
    world.rest().await;
    world.live_for(HOUR).await;
    assert_eq!(world.effects.outstanding(), [""; 0]);
    assert_eq!(theirs(&ada).await, []);
    assert_eq!(theirs(&ben).await, bens);
}

impl World {
    async fn packs_of(&self, user: &UserId) -> Vec<PackKey> {
        let mut keys = self.packs().await;
        keys.retain(|key| key.user() == *user);
        keys
    }
}
