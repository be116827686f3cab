//! What was stored is judged anew from the archive: Gmail is not asked, and nothing is replaced without its event.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use message_processor::reclassify::{Scope, Stopped, Tally};
use message_processor::{Book, Rules};
use serde_json::{Value, json};
use shared::events::{EventKind, message_event_id};
use shared::ids::{Generation, MessageId, UserId};
use shared::jobs::{Cause, UserJobKind};
use shared::result::result_key;
use simulation::hand::{Hold, Strike};

use super::world::{ADA, DAY, HOUR, MINUTE, World};

stories!(
    what_is_judged_otherwise_now_is_replaced_announced_and_marked,
    what_is_judged_as_before_is_announced_again_unless_that_is_not_wanted,
    a_plan_says_what_would_change_and_writes_nothing,
    a_reclassification_that_dies_at_any_call_replaces_each_result_once_and_announces_it,
    what_another_run_had_in_hand_is_announced_whatever_is_asked_for_next,
    two_at_once_are_one_too_many,
    a_run_that_stood_still_writes_over_nothing,
    only_what_was_received_since_is_judged_anew,
    a_mailbox_that_is_not_connected_is_left_as_it_is,
    without_an_original_a_result_stays,
    rules_that_changed_give_their_labels_to_what_is_stored,
);

/// Longer than a run may stand still.
const LEASE: Duration = Duration::from_mins(3);

const ALL: Scope = Scope { user: None, since: None, changed_only: false };
const CHANGED: Scope = Scope { user: None, since: None, changed_only: true };

/// What a run does, in order.
const RUN: [&str; 8] = [
    "control.write",
    "archive.keys",
    "mailboxes.get",
    "archive.read",
    "archive.replace",
    "events.publish",
    "marks.get",
    "marks.finish",
];

impl World {
    async fn reclassify(&self, scope: &Scope) -> Tally {
        self.pass(LEASE);
        self.stages().reclassification().apply(scope, |_| {}).await.unwrap()
    }

    /// As if an older Fanmail had judged it otherwise.
    async fn was_judged_spam(&self, user: &UserId, id: &MessageId) {
        let mut result = self.result(user, id).await.unwrap();
        result["category"] = json!("spam");
        let date = serde_json::from_value(result["internalDate"].clone()).unwrap();
        let bytes = result.to_string().into_bytes();
        let key = result_key(user, id, date);
        self.backend.stores.archive.put(&key, bytes, "application/json").await.unwrap();
    }

    /// The generations that were announced of a message, each with the hash of its result.
    async fn announced(&self, id: &MessageId) -> BTreeMap<u64, Value> {
        let events = self.events_about(id.as_str()).await.into_iter();
        let one =
            |data: &Value| (data["generation"].as_u64().unwrap(), data["result"]["sha256"].clone());
        events.map(|seen| one(&seen.event.data)).collect()
    }

    async fn generation(&self, user: &UserId, id: &MessageId) -> Generation {
        let marks = self.backend.stores.marks.get(user, std::slice::from_ref(id)).await.unwrap();
        marks[0].as_ref().unwrap().generation
    }
}

async fn what_is_judged_otherwise_now_is_replaced_announced_and_marked(world: World) {
    let user = world.connect(ADA).await;
    let (id, other) = (world.deliver(ADA, "Lunch"), world.deliver(ADA, "Dinner"));
    world.poll().await;
    let before = world.result(&user, &id).await.unwrap();
    world.was_judged_spam(&user, &id).await;
    let asked = world.effects.count("gmail.");
    let tally = world.reclassify(&CHANGED).await;
    assert_eq!((tally.looked, tally.changed, tally.announced), (2, 1, 1));
    assert_eq!(world.effects.count("gmail."), asked, "Gmail was asked");

    let after = world.result(&user, &id).await.unwrap();
    assert_eq!((&after["category"], &after["generation"]), (&before["category"], &json!(1)));
    assert_eq!(after["labelIds"], before["labelIds"]);
    let told = world.events_about(id.as_str()).await;
    let last = &told.last().unwrap().event;
    assert_eq!(last.id, message_event_id(&user, &id, Generation(1)));
    assert_eq!((&last.data["lane"], &last.data["replay"]), (&json!("reclassify"), &json!(false)));
    assert_eq!(world.generation(&user, &id).await, Generation(1));
    assert_eq!(world.generation(&user, &other).await, Generation(0));
    assert_eq!(world.reclassify(&CHANGED).await.announced, 0, "nothing is left to change");
}

async fn what_is_judged_as_before_is_announced_again_unless_that_is_not_wanted(world: World) {
    world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 60);
    world.poll().await;
    assert_eq!(world.reclassify(&CHANGED).await.announced, 0);
    assert_eq!(world.reclassify(&ALL).await.announced, 60);
    for id in &ids {
        assert_eq!(world.announced(id).await.len(), 2);
    }
}

async fn a_plan_says_what_would_change_and_writes_nothing(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.poll().await;
    world.was_judged_spam(&user, &id).await;
    let (before, told) = (world.result(&user, &id).await, world.published().await.len());
    let mut changes = vec![];
    let tell = |change: &message_processor::reclassify::Change| changes.push(change.clone());
    let tally = world.stages().reclassification().plan(&CHANGED, tell).await.unwrap();
    assert_eq!((tally.changed, tally.announced, changes.len()), (1, 0, 1));
    assert_eq!(changes[0].message_id.as_ref(), Some(&id));
    assert_eq!((changes[0].from.category.as_str(), changes[0].content), ("spam", false));
    assert_eq!((world.result(&user, &id).await, world.published().await.len()), (before, told));
}

async fn a_reclassification_that_dies_at_any_call_replaces_each_result_once_and_announces_it(
    world: World,
) {
    let user = world.connect(ADA).await;
    let mut expected = 0;
    for call in RUN {
        for strike in [Strike::DiesBefore, Strike::DiesAfter] {
            let id = world.deliver(ADA, &format!("Call {call}"));
            world.poll().await;
            world.pass(LEASE);
            world.effects.next(call, strike);
            let run = world.stages().reclassification();
            assert!(world.effects.alive(run.apply(&ALL, |_| {})).await.is_none(), "{call}");
            world.reclassify(&ALL).await;
            expected += 1;
            let result = world.result(&user, &id).await.unwrap();
            assert_eq!(result["generation"], json!(1), "{call}");
            let bytes = world.result_bytes(&user, &id).await.unwrap();
            let hash = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes));
            assert_eq!(world.announced(&id).await.get(&1), Some(&json!(hash)), "{call}");
            assert_eq!(world.generation(&user, &id).await, Generation(1), "{call}");
            // So that the next run has this one's alone.
            world.backend.stores.archive.remove(&format!("results/{user}/"), 1000).await.unwrap();
        }
    }
    assert_eq!(world.effects.outstanding(), [""; 0]);
    let told = world.events(EventKind::MessageProcessed).await;
    assert!(told.len() >= 2 * expected);
}

async fn what_another_run_had_in_hand_is_announced_whatever_is_asked_for_next(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.poll().await;
    world.pass(MINUTE);
    world.effects.next("events.publish", Strike::DiesBefore);
    let run = world.stages().reclassification();
    assert!(world.effects.alive(run.apply(&ALL, |_| {})).await.is_none());
    assert_eq!(world.announced(&id).await.len(), 1);
    let of_nobody = Scope { user: Some("nobody".parse().unwrap()), ..ALL };
    assert_eq!(world.reclassify(&of_nobody).await.looked, 0);
    assert_eq!(world.announced(&id).await.len(), 2);
    assert_eq!(world.generation(&user, &id).await, Generation(1));
}

async fn two_at_once_are_one_too_many(world: World) {
    world.connect(ADA).await;
    world.deliver(ADA, "Lunch");
    world.poll().await;
    world.pass(MINUTE);
    world.effects.next("archive.replace", Strike::DiesBefore);
    let run = world.stages().reclassification();
    assert!(world.effects.alive(run.apply(&ALL, |_| {})).await.is_none());
    let second = world.stages().reclassification().apply(&ALL, |_| {}).await;
    assert!(matches!(second, Err(Stopped::Busy { .. })), "{second:?}");
    assert_eq!(world.reclassify(&ALL).await.announced, 1);
}

async fn a_run_that_stood_still_writes_over_nothing(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.poll().await;
    world.pass(MINUTE);
    // Once it has noted what it has in hand, and before it replaces that.
    let hold = Arc::new(Hold::default());
    world.effects.nth("control.write", 2, Strike::Holds(hold.clone()));
    let slow = world.stages().reclassification();
    let overtaking = async {
        hold.reached.notified().await;
        let tally = world.reclassify(&ALL).await;
        hold.release.notify_one();
        tally
    };
    let (slow, tally) = futures::join!(slow.apply(&ALL, |_| {}), overtaking);
    assert!(matches!(slow, Err(Stopped::Overtaken)), "{slow:?}");
    assert_eq!(tally.announced, 1);
    assert_eq!(world.result(&user, &id).await.unwrap()["generation"], json!(1));
    assert_eq!(world.events_about(id.as_str()).await.len(), 2);
}

async fn only_what_was_received_since_is_judged_anew(world: World) {
    let user = world.connect(ADA).await;
    let old = world.deliver(ADA, "Old");
    world.poll().await;
    world.live_for(DAY).await;
    let since = world.now() - MINUTE;
    let new = world.deliver(ADA, "New");
    // After a silent day it is not asked at each tick.
    world.live_for(HOUR).await;
    let scope = Scope { since: Some(since), user: Some(user.clone()), changed_only: false };
    assert_eq!(world.reclassify(&scope).await.announced, 1);
    let generations = (world.generation(&user, &old).await, world.generation(&user, &new).await);
    assert_eq!(generations, (Generation(0), Generation(1)));
}

async fn a_mailbox_that_is_not_connected_is_left_as_it_is(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.poll().await;
    world.ask(&user, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
    world.rest().await;
    let before = world.result(&user, &id).await;
    let tally = world.reclassify(&ALL).await;
    assert_eq!((tally.ended, tally.announced), (1, 0));
    assert_eq!(world.result(&user, &id).await, before);
}

async fn without_an_original_a_result_stays(mut world: World) {
    world.settings.keep_originals = false;
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.poll().await;
    let before = world.result(&user, &id).await;
    let tally = world.reclassify(&ALL).await;
    assert_eq!((tally.without_original, tally.announced), (1, 0));
    assert_eq!(world.result(&user, &id).await, before);
}

async fn rules_that_changed_give_their_labels_to_what_is_stored(mut world: World) {
    let labelling = |label: &str| {
        let file = format!("[[rule]]\nname = 'all'\nwhen = 'true'\nlabels = ['{label}']\n");
        Book::of(Rules::parse(file.as_bytes()).unwrap())
    };
    world.rules = labelling("before");
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.poll().await;
    assert_eq!(world.reclassify(&CHANGED).await.announced, 0);
    world.rules = labelling("after");
    assert_eq!(world.reclassify(&CHANGED).await.announced, 1);
    let result = world.result(&user, &id).await.unwrap();
    assert_eq!((&result["labels"], &result["generation"]), (&json!(["after"]), &json!(1)));
    let told = world.events_about(id.as_str()).await;
    assert_eq!(told.last().unwrap().attributes["labels"], json!(["after"]));
}
