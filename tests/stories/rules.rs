//! The operator's rules give a message its labels, and a result says which rules they were.

use message_processor::{Book, Rules};
use serde_json::json;
use shared::events::EventKind;
use shared::mark::MarkState;
use simulation::hand::Strike;

use super::world::{ADA, World};

stories!(
    labels_stand_in_the_result_and_in_its_event,
    without_rules_there_is_no_label,
    a_result_keeps_the_labels_that_it_was_announced_with_when_the_rules_change,
);

/// Who is invited to eat gets `food`, and everybody gets a label of this name.
fn rules(name: &str) -> Rules {
    let text = format!(
        "[[rule]]\nname = 'food'\nwhen = 'headers.subject.contains(\"Lunch\")'\nlabels = ['food']\n\
         [[rule]]\nname = 'lists'\nwhen = 'list.id != null'\nlabels = ['lists']\n\
         [[rule]]\nname = 'all'\nwhen = 'true'\nlabels = ['{name}', 'food']\n"
    );
    Rules::parse(text.as_bytes()).unwrap()
}

async fn labels_stand_in_the_result_and_in_its_event(mut world: World) {
    world.rules = Book::of(rules("all"));
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.poll().await;
    let result = world.result(&user, &id).await.unwrap();
    assert_eq!(result["labels"], json!(["food", "all"]));
    assert_eq!(result["rules"], rules("all").hash());
    let events = world.events(EventKind::MessageProcessed).await;
    assert_eq!(events[0].event.data["labels"], result["labels"]);
    assert_eq!(events[0].attributes["labels"], result["labels"]);
}

async fn without_rules_there_is_no_label(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Lunch");
    world.poll().await;
    let result = world.result(&user, &id).await.unwrap();
    assert_eq!((&result["labels"], &result["rules"]), (&json!([]), &json!(null)));
}

async fn a_result_keeps_the_labels_that_it_was_announced_with_when_the_rules_change(
    mut world: World,
) {
    world.rules = Book::of(rules("before"));
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    // It is stored and announced, and this is not noted before the process dies.
    world.effects.next("events.publish", Strike::DiesAfter);
    world.pass(super::world::TICK);
    world.round().await;
    while world.effects.count("events.publish") < 2 {
        world.pass(super::world::MINUTE);
        world.serve_users().await;
        world.serve_messages().await;
    }
    world.rules = Book::of(rules("after"));
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, Some(MarkState::Done));
    let result = world.result(&user, &id).await.unwrap();
    assert_eq!(result["rules"], rules("before").hash());
    let events = world.events(EventKind::MessageProcessed).await;
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|seen| seen.event == events[0].event), "told differently");
    assert_eq!(events[0].event.data["labels"], json!(["before", "food"]));
}
