//! What was announced is announced again from marks and archive: a consumer gets its time back, and Gmail is not asked.

mod destinations;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use message_processor::announce_again::{Asked, EventReplay, Outlet, Tally, Told, Window, Without};
use message_processor::reclassify::Scope;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::events::memory::MemoryEvents;
use shared::events::{Event, Events, message_event_id};
use shared::ids::{Generation, MessageId, UserId};
use shared::jobs::{Cause, UserJobKind};
use shared::mark::MARK_LIFE;
use shared::pack::PACKS;
use shared::result::result_key;
use shared::settings::ResultsFormat;
use simulation::hand::{Hand, Strike};
use simulation::watched::Watched;

use super::world::{ADA, DAY, HOUR, MINUTE, TICK, World};

const BEN: &str = "ben@example.com";

stories!(
    a_consumer_that_was_down_for_a_day_gets_its_day_back_each_event_once,
    without_a_destination_everybody_is_told_under_the_ids_from_before,
    each_pack_is_read_once_however_many_messages_it_holds,
    a_replay_that_dies_at_any_call_and_is_run_again_leaves_none_out,
    what_has_no_result_any_more_is_named_and_stops_nothing,
    what_was_judged_anew_is_announced_under_the_generation_that_stands,
    a_filter_says_what_else_there_would_have_been,
    a_plan_counts_what_a_run_announces_and_announces_nothing,
    a_mailbox_that_is_purged_is_left_out_and_one_that_is_disconnected_is_not,
    single_messages_are_announced_again_whenever_they_were,
);

/// One consumer, whom the world's hand can reach, too.
struct Consumer {
    taken: Arc<MemoryEvents>,
    door: Watched<dyn Events>,
}

impl Consumer {
    fn outlet(&self, rate: &str) -> Outlet<'_> {
        Outlet { to: &self.door, rate: rate.parse().unwrap() }
    }

    /// How often it was told of each id.
    fn told(&self) -> BTreeMap<String, usize> {
        let mut told = BTreeMap::new();
        for event in self.taken.published() {
            *told.entry(event.id).or_default() += 1;
        }
        told
    }

    fn messages(&self) -> Vec<String> {
        self.taken.published().into_iter().map(|event| event.subject).collect()
    }
}

impl World {
    fn consumer(&self) -> Consumer {
        let taken = Arc::new(MemoryEvents::new());
        let hand: Arc<dyn Hand> = Arc::new(self.effects.clone());
        Consumer { taken: taken.clone(), door: Watched { inner: taken, hand } }
    }

    fn replay(&self) -> EventReplay {
        self.stages().event_replay()
    }

    /// What was announced since.
    fn since(&self, since: Timestamp) -> Asked {
        let window = Window::between(since, None, self.now()).unwrap();
        Asked { window, user: None, category: None, after: None }
    }

    async fn replayed(&self, asked: &Asked, consumer: &Consumer) -> Tally {
        self.replay().run(asked, consumer.outlet("100/s"), |_| {}).await.unwrap()
    }

    /// Where a message's result is.
    async fn result_key(&self, user: &UserId, id: &MessageId) -> String {
        let result = self.result(user, id).await.unwrap();
        result_key(user, id, serde_json::from_value(result["internalDate"].clone()).unwrap())
    }
}

fn id_of(user: &UserId, message: &MessageId) -> String {
    message_event_id(user, message, Generation(0))
}

/// What an event says, but for what says that it comes again.
fn but_for_the_replay(event: &Event) -> Value {
    let mut event = serde_json::to_value(event).unwrap();
    let data = event["data"].as_object_mut().unwrap();
    data.remove("lane");
    data.remove("replay");
    event
}

async fn a_consumer_that_was_down_for_a_day_gets_its_day_back_each_event_once(world: World) {
    let (ada, ben) = (world.connect(ADA).await, world.connect(BEN).await);
    world.deliver(ADA, "Before");
    world.poll().await;
    world.pass(MINUTE);
    let down = world.now();
    let mut expected = BTreeSet::new();
    for number in 0..8 {
        for (email, user) in [(ADA, &ada), (BEN, &ben)] {
            let many = world.deliver_many(email, number * 5 + 1);
            expected.extend(many.iter().map(|id| id_of(user, id)));
        }
        world.live_for(3 * HOUR).await;
    }
    world.rest().await;
    let up = world.now();
    world.pass(MINUTE);
    world.deliver(ADA, "After");
    world.poll().await;

    let (asked, told) = (world.effects.count("gmail."), world.published().await);
    let (consumer, before) = (world.consumer(), world.units());
    let window = Window::between(down, Some(up), world.now()).unwrap();
    let tally = world.replayed(&Asked { window, ..world.since(down) }, &consumer).await;
    assert_eq!((tally.found, tally.events), (296, 296));
    assert_eq!((tally.mailboxes, tally.without_result), (2, 0));
    assert!(consumer.told().values().all(|times| *times == 1));
    assert_eq!(consumer.told().into_keys().collect::<BTreeSet<_>>(), expected);
    for event in consumer.taken.published() {
        let first = &told.iter().find(|seen| seen.event.id == event.id).unwrap().event;
        assert_eq!(but_for_the_replay(&event), but_for_the_replay(first));
        assert_eq!((&event.data["lane"], &event.data["replay"]), (&json!("replay"), &json!(true)));
        assert_eq!(
            (event.attributes.lane, event.attributes.category.is_some()),
            (Some("replay"), true)
        );
    }
    assert_eq!((world.effects.count("gmail."), world.units()), (asked, before), "Gmail was asked");
    assert_eq!(world.published().await.len(), told.len(), "nobody else was told");
}

async fn without_a_destination_everybody_is_told_under_the_ids_from_before(world: World) {
    let user = world.connect(ADA).await;
    let since = world.now();
    let ids = world.deliver_many(ADA, 3);
    world.poll().await;
    world.pass(MINUTE);
    let everybody = Outlet { to: &*world.stores.events, rate: "100/s".parse().unwrap() };
    world.replay().run(&world.since(since), everybody, |_| {}).await.unwrap();
    for id in &ids {
        let told = world.events_about(id.as_str()).await;
        assert!(told.len() == 2 && told.iter().all(|seen| seen.event.id == id_of(&user, id)));
        let lanes = [&told[0], &told[1]].map(|seen| seen.attributes["lane"].clone());
        assert_eq!(lanes, ["live", "replay"]);
    }
}

async fn each_pack_is_read_once_however_many_messages_it_holds(mut world: World) {
    world.settings.results_format = ResultsFormat::Packed;
    let (ada, ben) = (world.connect(ADA).await, world.connect(BEN).await);
    let since = world.now();
    let mut expected = BTreeSet::new();
    for _ in 0..3 {
        for (email, user) in [(ADA, &ada), (BEN, &ben)] {
            let many = world.deliver_many(email, 60);
            expected.extend(many.iter().map(|id| id_of(user, id)));
        }
        world.live_for(HOUR).await;
    }
    world.rest().await;
    world.pass(MINUTE);
    let packs = world.backend.stores.archive.keys(PACKS, None, 1_000).await.unwrap().len();
    let (read, consumer) = (world.effects.count("archive.get"), world.consumer());
    assert_eq!(world.replayed(&world.since(since), &consumer).await.events, 360);
    assert_eq!(world.effects.count("archive.get") - read, packs);
    assert!(packs >= 18, "{packs}");
    assert_eq!(consumer.told().into_keys().collect::<BTreeSet<_>>(), expected);
    for event in consumer.taken.published() {
        let first = &world.events_about(&event.subject).await[0].event;
        assert_eq!(event.data["result"], first.data["result"], "it leads to the same line");
    }
}

/// What a replay calls.
const REPLAY: [&str; 5] =
    ["mailboxes.scan", "marks.page", "mailboxes.get", "archive.get", "events.publish"];

async fn a_replay_that_dies_at_any_call_and_is_run_again_leaves_none_out(world: World) {
    let user = world.connect(ADA).await;
    let since = world.now();
    let ids = world.deliver_many(ADA, 50);
    world.live_for(HOUR).await;
    let expected: BTreeSet<_> = ids.iter().map(|id| id_of(&user, id)).collect();
    let asked = world.since(since);
    for call in REPLAY {
        for strike in [Strike::DiesBefore, Strike::DiesAfter] {
            let consumer = world.consumer();
            // The first of everything, and what comes between.
            let nth = if call == "archive.get" || call == "events.publish" { 2 } else { 1 };
            world.effects.nth(call, nth, strike);
            let run = world.replay();
            let run = run.run(&asked, consumer.outlet("100/s"), |_| {});
            assert!(world.effects.alive(run).await.is_none(), "{call}");
            world.replayed(&asked, &consumer).await;
            let told = consumer.told();
            assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), expected, "{call}");
            assert!(told.values().all(|times| *times <= 2), "{call}");
        }
    }
    assert_eq!(world.effects.outstanding(), [""; 0]);
    let states = world.states(&user, &ids).await;
    assert!(states.iter().all(|state| state.is_some_and(|state| state.as_str() == "done")));
}

async fn what_has_no_result_any_more_is_named_and_stops_nothing(world: World) {
    let user = world.connect(ADA).await;
    let since = world.now();
    let ids = world.deliver_many(ADA, 4);
    world.poll().await;
    world.pass(MINUTE);
    let archive = &world.backend.stores.archive;
    let [gone, spoilt] = [&ids[0], &ids[2]];
    let key = world.result_key(&user, spoilt).await;
    archive.put(&key, b"{}".to_vec(), "application/json").await.unwrap();
    let kept = [&ids[1], &ids[3]].map(Clone::clone);
    let mut whole = vec![];
    for id in &kept {
        whole.push((
            world.result_key(&user, id).await,
            world.result_bytes(&user, id).await.unwrap(),
        ));
    }
    let spoilt_bytes = (key, b"{}".to_vec());
    archive.remove(&format!("results/{user}/"), 100).await.unwrap();
    for (key, bytes) in whole.into_iter().chain([spoilt_bytes]) {
        archive.put(&key, bytes, "application/json").await.unwrap();
    }
    let (consumer, mut named) = (world.consumer(), BTreeMap::new());
    let tell = |told: &Told<'_>| {
        if let Told::Without { message, why, .. } = told {
            named.insert((*message).clone(), *why);
        }
    };
    let asked = world.since(since);
    let tally = world.replay().run(&asked, consumer.outlet("100/s"), tell).await.unwrap();
    assert_eq!((tally.found, tally.events, tally.without_result), (4, 2, 2));
    let expected = [(gone.clone(), Without::Result), (spoilt.clone(), Without::Readable)];
    assert_eq!(named, BTreeMap::from(expected));
    assert_eq!(consumer.messages(), kept.map(String::from));
}

async fn what_was_judged_anew_is_announced_under_the_generation_that_stands(world: World) {
    let user = world.connect(ADA).await;
    let since = world.now();
    let id = world.deliver(ADA, "Lunch");
    world.poll().await;
    world.pass(HOUR);
    let again = world.now();
    let scope = Scope { user: None, since: None, changed_only: false };
    world.stages().reclassification().apply(&scope, |_| {}).await.unwrap();
    world.pass(MINUTE);
    let consumer = world.consumer();
    // It was announced last by the reclassification, and before that as something that does not stand any more.
    let window = Window::between(since, Some(again), world.now()).unwrap();
    let before = Asked { window, ..world.since(since) };
    let tally = world.replayed(&before, &consumer).await;
    assert_eq!((tally.found, tally.first_after.is_some()), (0, true));
    assert_eq!(world.replayed(&world.since(again), &consumer).await.events, 1);
    let [event] = &consumer.taken.published()[..] else { panic!("one event") };
    assert_eq!(event.id, message_event_id(&user, &id, Generation(1)));
    assert_eq!((&event.data["generation"], &event.data["replay"]), (&json!(1), &json!(true)));
}

async fn a_filter_says_what_else_there_would_have_been(world: World) {
    let (ada, ben) = (world.connect(ADA).await, world.connect(BEN).await);
    let since = world.now();
    world.deliver_many(ADA, 3);
    world.deliver(BEN, "Lunch");
    world.poll().await;
    world.pass(MINUTE);
    let (consumer, all) = (world.consumer(), world.since(since));
    let of = |user: &UserId| Asked { user: Some(user.clone()), ..all.clone() };
    assert_eq!(world.replayed(&of(&ben), &consumer).await.events, 1);
    let nobody = of(&"42".parse().unwrap());
    assert_eq!(world.replayed(&nobody, &consumer).await, Tally::default());
    assert_eq!(world.replay().announced_in(&all.window).await.unwrap(), (4, 2));

    let category = consumer.taken.published()[0].attributes.category.unwrap();
    let other = if category == "bounce" { "spam" } else { "bounce" };
    let of = |category: &str| Asked { category: Some(category.parse().unwrap()), ..of(&ada) };
    let tally = world.replayed(&of(other), &consumer).await;
    assert_eq!((tally.found, tally.events, tally.mailboxes), (3, 0, 0));
    assert_eq!(tally.other_categories.into_iter().collect::<Vec<_>>(), [(category, 3)]);
    assert_eq!(world.replayed(&of(category), &consumer).await.events, 3);

    let done = world.now();
    world.pass(DAY);
    let tally = world.replayed(&world.since(done), &consumer).await;
    assert_eq!((tally.found, tally.events), (0, 0));
    assert!(tally.last_before.is_some_and(|at| since <= at && at < done), "{tally:?}");
    world.pass(MARK_LIFE);
    assert_eq!(all.window.known_since(world.now()), Some(world.now() - MARK_LIFE));
}

async fn a_plan_counts_what_a_run_announces_and_announces_nothing(world: World) {
    world.connect(ADA).await;
    world.connect(BEN).await;
    let since = world.now();
    world.deliver_many(ADA, 30);
    world.deliver_many(BEN, 2);
    world.live_for(HOUR).await;
    let (told, asked) = (world.published().await.len(), world.since(since));
    let plan = world.replay().plan(&asked, |_| {}).await.unwrap();
    assert_eq!((plan.events, plan.mailboxes), (32, 2));
    assert_eq!(world.published().await.len(), told);
    let consumer = world.consumer();
    assert_eq!(world.replayed(&asked, &consumer).await, plan);
    let text = |event: &Event| serde_json::to_vec(event).unwrap().len() as u64;
    assert_eq!(plan.bytes, consumer.taken.published().iter().map(text).sum::<u64>());
}

async fn a_mailbox_that_is_purged_is_left_out_and_one_that_is_disconnected_is_not(world: World) {
    let (ada, ben) = (world.connect(ADA).await, world.connect(BEN).await);
    let since = world.now();
    world.deliver_many(ADA, 2);
    world.deliver_many(BEN, 3);
    world.poll().await;
    world.pass(MINUTE);
    world.ask(&ben, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
    world.rest().await;
    // Its purge is owed, and has deleted nothing yet.
    world.effects.next("marks.forget", Strike::DiesBefore);
    world.ask(&ada, UserJobKind::Disconnect { purge: true }, Cause::Manual).await;
    for _ in 0..4 {
        world.serve_users().await;
    }
    let (consumer, asked) = (world.consumer(), world.since(since - TICK));
    let tally = world.replayed(&asked, &consumer).await;
    assert_eq!((tally.purged, tally.events, tally.mailboxes), (2, 3, 1));
    assert_eq!(world.effects.outstanding(), [""; 0]);
    world.rest().await;
    world.live_for(HOUR).await;
    let tally = world.replayed(&asked, &consumer).await;
    assert_eq!((tally.found, tally.purged, tally.events), (3, 0, 3));
}

async fn single_messages_are_announced_again_whenever_they_were(world: World) {
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 3);
    let draft = world.deliver_labelled(ADA, &["DRAFT"]);
    world.poll().await;
    world.pass(DAY);
    let consumer = world.consumer();
    let unknown: MessageId = "unknown".parse().unwrap();
    let some = [ids[0].clone(), draft.clone(), ids[2].clone(), unknown.clone()];
    let left = world.replay().these(&user, &some, &consumer.door).await.unwrap();
    assert_eq!(left, [draft, unknown]);
    assert_eq!(consumer.told(), [&ids[0], &ids[2]].map(|id| (id_of(&user, id), 1)).into());
}
