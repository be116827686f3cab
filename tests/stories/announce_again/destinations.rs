//! Where events are announced again to: what is refused is tried again, and where a replay stops it can be gone on with.

use std::time::Duration;

use message_processor::announce_again::{Asked, Outlet, Position, Stopped};
use shared::events::{Event, Events};
use shared::ids::UserId;
use shared::store::StoreError;
use simulation::hand::Strike;

use crate::stories::world::{ADA, HOUR, MINUTE, World};

use super::BEN;

stories!(
    what_a_destination_refuses_is_tried_again_and_alone,
    a_destination_that_takes_nothing_stops_the_replay_where_it_can_be_gone_on_with,
    what_no_retry_mends_is_not_retried,
    no_more_go_out_in_a_second_than_is_allowed,
);

async fn what_a_destination_refuses_is_tried_again_and_alone(world: World) {
    world.connect(ADA).await;
    let since = world.now();
    world.deliver_many(ADA, 30);
    world.live_for(HOUR).await;
    let consumer = world.consumer();
    world.effects.next("events.publish", Strike::Refuses(vec![3, 7]));
    world.effects.nth("events.publish", 2, Strike::Refuses(vec![1]));
    let tally = world.replayed(&world.since(since), &consumer).await;
    assert_eq!((tally.events, consumer.told().len()), (30, 30));
    assert!(consumer.told().values().all(|times| *times == 1));
    assert_eq!(world.effects.outstanding(), [""; 0]);
}

async fn a_destination_that_takes_nothing_stops_the_replay_where_it_can_be_gone_on_with(
    world: World,
) {
    let (ada, ben) = (world.connect(ADA).await, world.connect(BEN).await);
    let since = world.now();
    world.deliver_many(ADA, 25);
    world.deliver_many(BEN, 25);
    world.live_for(HOUR).await;
    let (consumer, asked) = (world.consumer(), world.since(since));
    // Of the second batch two are taken, and then nothing any more.
    world.effects.nth("events.publish", 2, Strike::Refuses((2..20).collect()));
    for nth in 3..=5 {
        world.effects.nth("events.publish", nth, Strike::Throttled);
    }
    let begun = world.now();
    let stopped = world.replay().run(&asked, consumer.outlet("1000/s"), |_| {}).await;
    let Err(Stopped { reached, announced, source }) = stopped else { panic!("it went on") };
    assert!(matches!(source, StoreError::Unavailable { .. }));
    assert!(world.now().since(begun) >= Duration::from_secs(20), "it was given time");
    let told = consumer.messages();
    assert_eq!((announced, told.len()), (22, 22));
    let reached = reached.unwrap();
    assert_eq!(reached.message.as_str(), told[21]);
    assert!([&ada, &ben].contains(&&reached.user));
    let reached: Position = reached.to_string().parse().unwrap();
    let rest = Asked { after: Some(reached), ..asked };
    assert_eq!(world.replayed(&rest, &consumer).await.events, 28);
    assert_eq!(consumer.told().len(), 50);
    assert!(consumer.told().values().all(|times| *times == 1));
    let nothing = Asked {
        after: Some(Position { user: ada, message: "zzz".parse().unwrap() }),
        user: Some(ben),
        ..rest
    };
    assert_eq!(world.replayed(&nothing, &consumer).await.events, 25, "another mailbox's place");
}

/// A destination that is not there.
struct Nowhere;

#[async_trait::async_trait]
impl Events for Nowhere {
    async fn publish(&self, _: &[Event]) -> Result<Vec<usize>, StoreError> {
        Err(StoreError::Broken { doing: "a story", source: "there is no such queue".into() })
    }

    async fn forget(&self, _: &UserId) -> Result<(), StoreError> {
        Ok(())
    }
}

async fn what_no_retry_mends_is_not_retried(world: World) {
    world.connect(ADA).await;
    let since = world.now();
    world.deliver(ADA, "Lunch");
    world.poll().await;
    world.pass(MINUTE);
    let (asked, begun) = (world.since(since), world.now());
    let outlet = Outlet { to: &Nowhere, rate: "100/s".parse().unwrap() };
    let stopped = world.replay().run(&asked, outlet, |_| {}).await.unwrap_err();
    assert_eq!((stopped.reached, stopped.announced), (None, 0));
    assert!(matches!(stopped.source, StoreError::Broken { .. }));
    assert_eq!(world.now(), begun);
}

async fn no_more_go_out_in_a_second_than_is_allowed(world: World) {
    world.connect(ADA).await;
    let since = world.now();
    world.deliver_many(ADA, 60);
    world.live_for(HOUR).await;
    let asked = world.since(since);
    for (rate, least) in [("1/s", 59), ("10/s", 5), ("60/s", 0)] {
        let (consumer, begun) = (world.consumer(), world.now());
        world.replay().run(&asked, consumer.outlet(rate), |_| {}).await.unwrap();
        let took = world.now().since(begun).as_secs();
        assert!((least..=least + 1).contains(&took), "{rate}: {took} s");
        assert_eq!(consumer.told().len(), 60);
    }
}
