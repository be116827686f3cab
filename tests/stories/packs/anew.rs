//! Results in packs, judged anew: what changes is the line of another pack, which takes the first one's place.

use message_processor::reclassify::Scope;
use message_processor::{Book, Rules};
use serde_json::json;
use shared::events::{EventKind, message_event_id};
use shared::ids::{Generation, MessageId, UserId};
use simulation::hand::Strike;

use super::{ALL, DONE, LEASE};
use crate::stories::backend::Seen;
use crate::stories::world::{ADA, World};

const CHANGED: Scope = Scope { changed_only: true, ..ALL };

stories!(
    what_is_judged_otherwise_is_the_line_of_another_pack_beside_the_first,
    a_reclassification_that_dies_at_any_call_writes_each_line_once_and_announces_it,
    without_marks_the_newest_line_counts,
    a_reclassification_leaves_alone_what_is_on_its_way,
);

/// What a reclassification does, in order.
const RECLASSIFY: [&str; 9] = [
    "archive.folders",
    "archive.keys",
    "archive.get",
    "mailboxes.get",
    "control.write",
    "archive.put_new",
    "marks.name",
    "events.publish",
    "marks.finish",
];

fn labelling(label: &str) -> Book {
    let file = format!("[[rule]]\nname = 'all'\nwhen = 'true'\nlabels = ['{label}']\n");
    Book::of(Rules::parse(file.as_bytes()).unwrap())
}

async fn what_is_judged_otherwise_is_the_line_of_another_pack_beside_the_first(world: World) {
    let mut world = world.packing();
    world.rules = labelling("before");
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 3);
    world.poll().await;
    assert_eq!(world.reclassified(&CHANGED).await.announced, 0);
    world.rules = labelling("after");
    let mut planned = 0;
    let plan = world.stages().reclassification();
    let tally = plan.plan(&CHANGED, |_| planned += 1).await.unwrap();
    assert_eq!((tally.looked, tally.changed, planned, world.packs().await.len()), (3, 3, 3, 1));
    let asked = world.effects.count("gmail.");
    let tally = world.reclassified(&CHANGED).await;
    assert_eq!((tally.looked, tally.changed, tally.announced), (3, 3, 3));
    assert_eq!(world.effects.count("gmail."), asked, "Gmail was asked");

    let keys = world.packs().await;
    assert_eq!((keys.len(), keys[0].day()), (2, keys[1].day()));
    for id in &ids {
        let result = world.result(&user, id).await.unwrap();
        assert_eq!((&result["labels"], &result["generation"]), (&json!(["after"]), &json!(1)));
        let told = world.events_about(id.as_str()).await;
        assert_eq!(told.len(), 2);
        let last = &told[1].event;
        assert_eq!(last.id, message_event_id(&user, id, Generation(1)));
        assert_eq!(last.data["lane"], "reclassify");
        assert_eq!(world.led_to(&last.data).await, result);
        // Whoever comes late to the first event still finds what it announced.
        assert_eq!(world.led_to(&told[0].event.data).await["labels"], json!(["before"]));
        assert_eq!(world.state(&user, id).await, DONE);
    }
    assert_eq!(world.standing().await.len(), 3);
    assert_eq!(world.reclassified(&CHANGED).await.looked, 3, "the old lines are not looked at");
    assert_eq!(world.packs().await.len(), 2);
}

async fn a_reclassification_that_dies_at_any_call_writes_each_line_once_and_announces_it(
    world: World,
) {
    let world = world.packing();
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.poll().await;
    let mut generation = 0;
    for call in RECLASSIFY {
        for strike in [Strike::DiesBefore, Strike::DiesAfter] {
            world.pass(LEASE);
            world.effects.next(call, strike);
            let run = world.stages().reclassification();
            assert!(world.effects.alive(run.apply(&ALL, |_| {})).await.is_none(), "{call}");
            world.reclassified(&ALL).await;
            generation += 1;
            let result = world.result(&user, &id).await.unwrap();
            assert_eq!(result["generation"], json!(generation), "{call}");
            let told = world.events_about(id.as_str()).await;
            let of_it = |seen: &&Seen| {
                seen.event.id == message_event_id(&user, &id, Generation(generation))
            };
            let told: Vec<_> = told.iter().filter(of_it).collect();
            assert!(!told.is_empty(), "{call}: not announced");
            for seen in told {
                assert_eq!(world.led_to(&seen.event.data).await, result, "{call}");
            }
            let marks = marks(&world, &user, &id).await;
            assert_eq!(marks.generation, Generation(generation), "{call}");
        }
    }
    assert_eq!(world.effects.outstanding(), [""; 0]);
    assert_eq!(world.standing().await.len(), 1);
    assert_eq!(world.packs().await.len(), 1 + 2 * RECLASSIFY.len());
}

async fn marks(world: &World, user: &UserId, id: &MessageId) -> shared::mark::Mark {
    let marks = world.backend.stores.marks.get(user, std::slice::from_ref(id)).await.unwrap();
    marks.into_iter().next().flatten().unwrap()
}

/// Marks last a month; packs stay.
async fn without_marks_the_newest_line_counts(world: World) {
    let world = world.packing();
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 2);
    world.poll().await;
    assert!(world.backend.stores.marks.forget(&user, 100).await.unwrap() >= 2);
    assert_eq!(world.reclassified(&ALL).await.announced, 2);
    let lines = world.standing().await;
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|it| it.mark.is_none() && it.line.result.generation.0 == 1));
    assert_eq!(world.reclassified(&ALL).await.announced, 2);
    for id in &ids {
        let told = world.events_about(id.as_str()).await;
        assert_eq!(told.last().unwrap().event.data["generation"], 2);
    }
    let newest = world.standing().await;
    assert!(newest.iter().all(|it| it.line.result.generation.0 == 2));
    assert_eq!(world.packs().await.len(), 3);
}

async fn a_reclassification_leaves_alone_what_is_on_its_way(world: World) {
    let world = world.packing();
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.effects.next("events.publish", Strike::DiesBefore);
    world.until("events.publish").await;
    let tally = world.reclassified(&ALL).await;
    assert_eq!((tally.looked, tally.announced), (1, 0));
    world.rest().await;
    world.is_told_once_over(&user, &id, "by whoever had it").await;
    assert_eq!(world.reclassified(&ALL).await.announced, 1);
    assert_eq!(world.events(EventKind::MessageProcessed).await.len(), 2);
}
