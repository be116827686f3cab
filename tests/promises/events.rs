//! Events.

use serde_json::json;
use shared::events::{Event, EventKind, message_event_id};
use shared::ids::Generation;

use super::world::{World, start, user};

fn event(message: &str) -> Event {
    let id = message_event_id(&user("ada"), &message.parse().unwrap(), Generation(0));
    let kind = EventKind::MessageProcessed;
    Event::new("local", id, kind, message.into(), start(), json!({ "messageId": message }))
}

async fn what_is_published_is_announced_in_order(world: World) {
    let batch = [event("m2"), event("m1")];
    assert!(world.here.events.publish(&batch).await.unwrap().is_empty());
    assert!(world.there.events.publish(&[event("m3")]).await.unwrap().is_empty());
    let ids = ["m2", "m1", "m3"].map(|message| event(message).id);
    assert_eq!(world.published().await, ids);
}

async fn an_event_announced_again_keeps_its_id(world: World) {
    for _ in 0..2 {
        assert!(world.here.events.publish(&[event("m1")]).await.unwrap().is_empty());
    }
    assert_eq!(world.published().await, [event("m1").id, event("m1").id]);
}

async fn an_empty_batch_announces_nothing(world: World) {
    assert!(world.here.events.publish(&[]).await.unwrap().is_empty());
    assert!(world.published().await.is_empty());
}

promises!(
    what_is_published_is_announced_in_order,
    an_event_announced_again_keeps_its_id,
    an_empty_batch_announces_nothing,
);
