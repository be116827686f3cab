//! Fairness between the groups of a queue.

use std::time::Duration;

use shared::queue::{MAX_DELAY, Outgoing, Record, VISIBILITY};

use super::world::{World, job};

const CROWD: usize = 3000;

impl World {
    async fn crowd(&self, delay: Duration) {
        let one = Outgoing { delay, ..job("crowd", "crowd") };
        self.here.send(vec![one; CROWD]).await;
    }

    /// How many records are received before the one with this body, itself included.
    async fn place_of(&self, body: &str) -> usize {
        let mut received = 0;
        loop {
            let records: Vec<Record> = self.here.take(10).await;
            assert!(!records.is_empty(), "{body} never came");
            if let Some(at) = records.iter().position(|record| record.body == body) {
                return received + at + 1;
            }
            received += records.len();
        }
    }
}

async fn a_newcomer_does_not_wait_for_a_crowd(world: World) {
    world.crowd(Duration::ZERO).await;
    world.here.send(vec![job("newcomer", "ada")]).await;
    assert!(world.place_of("newcomer").await <= 10);
}

async fn a_newcomer_does_not_wait_for_a_crowd_that_is_half_served(world: World) {
    world.crowd(Duration::ZERO).await;
    assert_eq!(world.here.take(500).await.len(), 500);
    world.here.send(vec![job("newcomer", "ada")]).await;
    assert!(world.place_of("newcomer").await <= 10);
}

async fn a_newcomer_does_not_wait_for_a_crowd_that_was_delayed_to_one_moment(world: World) {
    world.crowd(MAX_DELAY).await;
    world.pass(MAX_DELAY + Duration::from_secs(1));
    world.here.send(vec![job("newcomer", "ada")]).await;
    assert!(world.place_of("newcomer").await <= 10);
}

async fn a_crowd_that_comes_back_from_flight_waits_behind_newcomers(world: World) {
    world.crowd(Duration::ZERO).await;
    assert_eq!(world.here.take(CROWD).await.len(), CROWD);
    world.pass(VISIBILITY);
    world.here.send(vec![job("newcomer", "ada")]).await;
    assert!(world.place_of("newcomer").await <= 10);
}

async fn records_without_a_group_do_not_hold_up_groups(world: World) {
    world.here.send(vec![job("crowd", ""); CROWD]).await;
    world.here.send(vec![job("newcomer", "ada")]).await;
    assert!(world.place_of("newcomer").await <= 10);
}

async fn a_crowd_is_not_starved_by_newcomers(world: World) {
    world.here.send(vec![job("crowd", "crowd"), job("last", "crowd")]).await;
    for number in 0..50 {
        let group = format!("u{number}");
        world.here.send(vec![job("newcomer", &group)]).await;
    }
    assert!(world.place_of("last").await <= 52);
    for number in 50..60 {
        let group = format!("u{number}");
        world.here.send(vec![job("newcomer", &group)]).await;
        assert_eq!(world.here.take(1).await.len(), 1);
    }
}

async fn groups_take_turns(world: World) {
    for group in ["a", "b", "c"] {
        world.here.send(vec![job(group, group); 20]).await;
    }
    let records = world.here.take(30).await;
    for group in ["a", "b", "c"] {
        let turns = records.iter().filter(|record| record.body == group).count();
        assert_eq!(turns, 10, "{group}");
    }
}

promises!(
    a_newcomer_does_not_wait_for_a_crowd,
    a_newcomer_does_not_wait_for_a_crowd_that_is_half_served,
    a_newcomer_does_not_wait_for_a_crowd_that_was_delayed_to_one_moment,
    a_crowd_that_comes_back_from_flight_waits_behind_newcomers,
    records_without_a_group_do_not_hold_up_groups,
    a_crowd_is_not_starved_by_newcomers,
    groups_take_turns,
);
