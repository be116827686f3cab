//! The operator's rules give a message its labels, and a result says which rules they were.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use message_processor::{Book, Rules, RulesContent, RulesSource};
use serde_json::json;
use shared::events::EventKind;
use shared::mark::MarkState;
use simulation::hand::Strike;

use super::world::{ADA, HOUR, World};

stories!(
    labels_stand_in_the_result_and_in_its_event,
    without_rules_there_is_no_label,
    a_result_keeps_the_labels_that_it_was_announced_with_when_the_rules_change,
    mail_waits_for_rules_that_cannot_be_read_and_goes_on_under_the_last_good_ones,
);

/// A file in S3, such as it is: its text, or why it cannot be read.
struct Bucket(Mutex<Result<String, String>>);

#[async_trait]
impl RulesSource for Bucket {
    fn name(&self) -> String {
        "s3://ours/rules.toml".to_owned()
    }

    async fn read(&self, known: Option<&str>) -> Result<Option<RulesContent>, String> {
        let text = self.0.lock().unwrap().clone()?;
        let content = RulesContent { bytes: text.clone().into_bytes(), version: text };
        Ok((known != Some(content.version.as_str())).then_some(content))
    }
}

impl World {
    /// From now on the stages are functions that have just begun, and know nothing of this file.
    fn rules_lie_in(&mut self, bucket: &Arc<Bucket>) {
        let (archive, clock) = (self.stores.archive.clone(), self.clock.clone());
        self.rules = Book::on_use(bucket.clone(), archive, clock, self.chance.clone());
    }
}

/// Who is invited to eat gets `food`, and everybody gets a label of this name.
fn rules(name: &str) -> Rules {
    Rules::parse(file(name).as_bytes()).unwrap()
}

fn file(name: &str) -> String {
    format!(
        "[[rule]]\nname = 'food'\nwhen = 'headers.subject.contains(\"Lunch\")'\nlabels = ['food']\n\
         [[rule]]\nname = 'lists'\nwhen = 'list.id != null'\nlabels = ['lists']\n\
         [[rule]]\nname = 'all'\nwhen = 'true'\nlabels = ['{name}', 'food']\n"
    )
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

async fn mail_waits_for_rules_that_cannot_be_read_and_goes_on_under_the_last_good_ones(
    mut world: World,
) {
    let user = world.connect(ADA).await;
    let bucket = Arc::new(Bucket(Mutex::new(Err("forbidden".to_owned()))));
    world.rules_lie_in(&bucket);
    let waiting = world.deliver(ADA, "Lunch");
    // Longer than five tries take.
    world.live_for(2 * HOUR).await;
    assert_eq!(world.state(&user, &waiting).await, Some(MarkState::Listed));
    assert_eq!(world.result(&user, &waiting).await, None, "nothing is judged without its rules");

    *bucket.0.lock().unwrap() = Ok(file("good"));
    world.live_for(HOUR).await;
    let result = world.result(&user, &waiting).await.unwrap();
    assert_eq!(result["labels"], json!(["food", "good"]));

    *bucket.0.lock().unwrap() = Ok(file("bad").replace("'true'", "'tru'"));
    world.rules_lie_in(&bucket);
    let id = world.deliver(ADA, "Hello");
    world.live_for(HOUR).await;
    let result = world.result(&user, &id).await.unwrap();
    assert_eq!(
        (&result["labels"], &result["rules"]),
        (&json!(["good", "food"]), &json!(rules("good").hash()))
    );
}
