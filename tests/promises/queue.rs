//! Queues: at least once, hidden while in flight, given up in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::queue::{Depth, MAX_DELAY, MAX_RECEIVES, Outgoing, Receipt, VISIBILITY};

use super::world::{MOMENT, World, bodies, job, start};

impl World {
    async fn depth(&self) -> Depth {
        self.there.queue.depth().await.unwrap()
    }
}

async fn what_is_sent_is_received_whole(world: World) {
    let attributes = BTreeMap::from([("reason".to_owned(), "grant_dead".to_owned())]);
    let out = Outgoing { attributes: attributes.clone(), ..job("{\"ä\":1}", "ada") };
    world.here.send(vec![out]).await;
    world.pass(Duration::from_secs(3));
    let record = world.there.take(10).await.pop().unwrap();
    assert_eq!((record.body.as_str(), record.attributes), ("{\"ä\":1}", attributes));
    assert_eq!((record.receive_count, record.sent_at), (1, start()));
    assert!(!record.id.is_empty());
}

async fn an_empty_queue_answers_when_the_wait_is_over(world: World) {
    assert!(world.here.queue.receive(10, Duration::from_secs(2)).await.unwrap().is_empty());
    assert!(world.now() >= start() + Duration::from_secs(2));
}

async fn who_waits_receives_what_becomes_visible_meanwhile(world: World) {
    let delay = Duration::from_secs(2);
    world.there.send(vec![Outgoing { delay, ..job("later", "") }]).await;
    let records = world.here.queue.receive(10, Duration::from_secs(20)).await.unwrap();
    assert_eq!(bodies(&records), ["later"]);
    assert!(world.now() < start() + Duration::from_secs(20));
}

async fn a_record_is_hidden_while_in_flight(world: World) {
    world.here.send(vec![job("a", "")]).await;
    assert_eq!(world.here.take(10).await.len(), 1);
    assert!(world.there.take(10).await.is_empty());
    world.almost(VISIBILITY);
    assert!(world.here.take(10).await.is_empty());
}

async fn a_record_that_is_not_deleted_comes_again_and_is_counted(world: World) {
    world.here.send(vec![job("a", "")]).await;
    for count in 1..=3 {
        let records = world.here.take(10).await;
        assert_eq!((records.len(), records[0].receive_count), (1, count));
        assert_eq!(records[0].sent_at, start());
        world.pass(VISIBILITY);
    }
}

async fn a_deleted_record_does_not_come_again(world: World) {
    world.here.send(vec![job("a", ""), job("b", "")]).await;
    let records = world.here.take(10).await;
    let receipts: Vec<_> = records.into_iter().map(|record| record.receipt).collect();
    world.there.queue.delete(&receipts).await.unwrap();
    world.pass(10 * VISIBILITY);
    assert!(world.here.take(10).await.is_empty());
    assert_eq!(world.depth().await, Depth::default());
}

async fn deleting_twice_is_no_failure(world: World) {
    world.here.send(vec![job("a", "")]).await;
    let receipt = world.here.take(1).await.remove(0).receipt;
    world.here.queue.delete(std::slice::from_ref(&receipt)).await.unwrap();
    world.here.queue.delete(&[receipt]).await.unwrap();
}

async fn a_receipt_that_has_run_out_deletes_and_hides_nothing(world: World) {
    world.here.send(vec![job("a", "")]).await;
    let stale = world.here.take(1).await.remove(0).receipt;
    world.pass(VISIBILITY);
    world.here.queue.delete(std::slice::from_ref(&stale)).await.unwrap();
    let fresh = world.here.take(1).await.remove(0).receipt;
    world.here.queue.delete(std::slice::from_ref(&stale)).await.unwrap();
    world.here.queue.hide(&stale, Duration::ZERO).await.unwrap();
    assert!(world.here.take(1).await.is_empty(), "still hidden for whoever holds it");
    world.here.queue.delete(&[fresh]).await.unwrap();
    assert_eq!(world.depth().await.total(), 0);
}

async fn a_receipt_that_nobody_gave_out_does_nothing(world: World) {
    world.here.send(vec![job("a", "")]).await;
    let real = world.here.take(1).await.remove(0).receipt;
    let forged = ["", "-", "x-1", "1-x", "999-1", "-1-1"].map(|text| Receipt(text.to_owned()));
    world.here.queue.delete(&forged).await.unwrap();
    for receipt in &forged {
        world.here.queue.hide(receipt, Duration::ZERO).await.unwrap();
    }
    assert_eq!(world.depth().await.in_flight, 1);
    world.here.queue.delete(&[real]).await.unwrap();
    assert_eq!(world.depth().await.total(), 0);
}

async fn a_hidden_record_comes_when_it_was_told_to(world: World) {
    world.here.send(vec![job("a", "")]).await;
    let receipt = world.here.take(1).await.remove(0).receipt;
    world.here.queue.hide(&receipt, Duration::from_secs(30)).await.unwrap();
    world.almost(Duration::from_secs(30));
    assert!(world.here.take(1).await.is_empty());
    world.pass(MOMENT);
    assert_eq!(world.here.take(1).await[0].receive_count, 2);
}

async fn hiding_may_be_longer_than_visibility(world: World) {
    world.here.send(vec![job("a", "")]).await;
    let receipt = world.here.take(1).await.remove(0).receipt;
    world.here.queue.hide(&receipt, 2 * VISIBILITY).await.unwrap();
    world.pass(VISIBILITY);
    assert!(world.here.take(1).await.is_empty());
    world.here.queue.delete(&[receipt]).await.unwrap();
    assert_eq!(world.depth().await.total(), 0);
}

async fn a_delayed_record_comes_when_its_delay_is_over(world: World) {
    world.here.send(vec![Outgoing { delay: MAX_DELAY, ..job("a", "") }]).await;
    world.almost(MAX_DELAY);
    assert!(world.here.take(1).await.is_empty());
    world.pass(MOMENT);
    let record = world.here.take(1).await.remove(0);
    assert_eq!((record.sent_at, record.receive_count), (start(), 1));
}

async fn an_entry_that_cannot_be_sent_fails_alone(world: World) {
    let long = Outgoing { delay: MAX_DELAY + MOMENT, ..job("b", "") };
    let failures = world.here.queue.send(vec![job("a", ""), long, job("c", "")]).await.unwrap();
    assert_eq!(failures.iter().map(|failure| failure.index).collect::<Vec<_>>(), [1]);
    let records = world.here.take(10).await;
    let received: BTreeSet<_> = bodies(&records).into_iter().collect();
    assert_eq!(received, BTreeSet::from(["a", "c"]));
}

async fn no_more_is_received_than_was_asked_for(world: World) {
    world.here.send((0..25).map(|n| job(&n.to_string(), "")).collect()).await;
    assert_eq!(world.here.take(10).await.len(), 10);
    assert!(world.here.take(0).await.is_empty());
    assert_eq!(world.here.take(100).await.len(), 15);
}

async fn depth_tells_what_is_where(world: World) {
    world.here.send((0..5).map(|n| job(&n.to_string(), "")).collect()).await;
    world.here.send(vec![Outgoing { delay: MAX_DELAY, ..job("later", "") }]).await;
    let receipt = world.here.take(2).await.remove(0).receipt;
    assert_eq!(world.depth().await, Depth { visible: 3, in_flight: 2, delayed: 1 });
    world.here.queue.hide(&receipt, MAX_DELAY).await.unwrap();
    world.pass(VISIBILITY);
    assert_eq!(world.depth().await, Depth { visible: 4, in_flight: 1, delayed: 1 });
    world.pass(MAX_DELAY);
    assert_eq!(world.depth().await, Depth { visible: 6, in_flight: 0, delayed: 0 });
}

async fn a_record_that_nobody_survives_becomes_a_dead_letter(world: World) {
    let attributes = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    world.here.send(vec![Outgoing { attributes: attributes.clone(), ..job("a", "ada") }]).await;
    for _ in 0..MAX_RECEIVES {
        assert_eq!(world.here.take(1).await.len(), 1);
        world.pass(VISIBILITY);
    }
    assert!(world.here.take(1).await.is_empty());
    assert_eq!(world.depth().await.total(), 0);
    let dead = world.there.dead_queue.receive(10, Duration::ZERO).await.unwrap();
    assert_eq!((dead.len(), bodies(&dead)), (1, vec!["a"]));
    // How often it was received is not promised: SQS counts on.
    assert_eq!(dead[0].attributes, attributes);
    world.there.dead_queue.delete(&[dead[0].receipt.clone()]).await.unwrap();
    assert_eq!(world.there.dead_queue.depth().await.unwrap().total(), 0);
}

async fn giving_one_record_up_does_not_keep_others_back(world: World) {
    world.here.send(vec![job("poison", "ada")]).await;
    for _ in 0..MAX_RECEIVES {
        assert_eq!(world.here.take(1).await.len(), 1);
        world.pass(VISIBILITY);
    }
    world.here.send(vec![job("b", "ada"), job("c", "ada")]).await;
    let records = world.here.take(2).await;
    assert_eq!(bodies(&records).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["b", "c"]));
}

async fn a_dead_letter_queue_keeps_what_it_has(world: World) {
    world.here.dead_queue.send(vec![job("a", "")]).await.unwrap();
    for count in 1..=MAX_RECEIVES + 2 {
        let records = world.here.dead_queue.receive(1, Duration::ZERO).await.unwrap();
        assert_eq!(records[0].receive_count, count);
        world.pass(VISIBILITY);
    }
}

async fn two_queues_do_not_share_records(world: World) {
    world.here.send(vec![job("a", "")]).await;
    assert!(world.here.dead_queue.receive(1, Duration::ZERO).await.unwrap().is_empty());
    let receipt = world.here.take(1).await.remove(0).receipt;
    world.here.dead_queue.delete(&[receipt]).await.unwrap();
    assert_eq!(world.depth().await.in_flight, 1);
}

async fn consumers_never_hold_the_same_record_at_once(world: World) {
    world.here.send((0..300).map(|n| job(&n.to_string(), "")).collect()).await;
    let consumers = (0..6).map(|n| {
        let stores = if n % 2 == 0 { world.here.clone() } else { world.there.clone() };
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let records = stores.take(7).await;
                if records.is_empty() {
                    return mine;
                }
                mine.extend(records.into_iter().map(|record| record.body));
            }
        })
    });
    let all = futures::future::join_all(consumers).await;
    let held: Vec<_> = all.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(held.len(), 300);
    assert_eq!(held.into_iter().collect::<BTreeSet<_>>().len(), 300);
}

promises!(
    what_is_sent_is_received_whole,
    an_empty_queue_answers_when_the_wait_is_over,
    who_waits_receives_what_becomes_visible_meanwhile,
    a_record_is_hidden_while_in_flight,
    a_record_that_is_not_deleted_comes_again_and_is_counted,
    a_deleted_record_does_not_come_again,
    deleting_twice_is_no_failure,
    a_receipt_that_has_run_out_deletes_and_hides_nothing,
    a_receipt_that_nobody_gave_out_does_nothing,
    a_hidden_record_comes_when_it_was_told_to,
    hiding_may_be_longer_than_visibility,
    a_delayed_record_comes_when_its_delay_is_over,
    an_entry_that_cannot_be_sent_fails_alone,
    no_more_is_received_than_was_asked_for,
    depth_tells_what_is_where,
    a_record_that_nobody_survives_becomes_a_dead_letter,
    giving_one_record_up_does_not_keep_others_back,
    a_dead_letter_queue_keeps_what_it_has,
    two_queues_do_not_share_records,
    consumers_never_hold_the_same_record_at_once,
);
