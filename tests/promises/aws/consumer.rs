//! One consumer's queue: what is put straight into it lies there as what comes through the topic does.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::MessageAttributeValue;
use serde_json::json;
use shared::events::sqs::SqsEvents;
use shared::events::{Attributes, EventKind, Events};
use shared::store::StoreError;

use super::*;

/// What lies in a queue, by the event's id: its body, and its attributes with their types.
async fn lies_in(
    sqs: &Sqs,
    url: &str,
) -> BTreeMap<String, (String, BTreeMap<String, (String, String)>)> {
    let mut found = BTreeMap::new();
    loop {
        let asked = sqs.receive_message().queue_url(url).message_attribute_names("All");
        let received = asked.max_number_of_messages(10).send().await.unwrap();
        let messages = received.messages.unwrap_or_default();
        if messages.is_empty() {
            return found;
        }
        for message in messages {
            let body = message.body.unwrap();
            let id = serde_json::from_str::<Event>(&body).unwrap().id;
            let carried = message.message_attributes.unwrap_or_default().into_iter();
            let attribute = |(name, value): (String, MessageAttributeValue)| {
                (name, (value.data_type, value.string_value.unwrap()))
            };
            found.insert(id, (body, carried.map(attribute).collect()));
        }
    }
}

fn events() -> Vec<Event> {
    let event = |number: usize| {
        let (id, kind) = (format!("e{number}"), EventKind::MessageProcessed);
        let data = json!({ "userId": "ada", "labels": ["finance"], "odd": "last\u{ffff}" });
        let mut event = Event::new("local", id, kind, format!("m{number}"), start(), data);
        event.attributes = Attributes {
            user_id: Some("ada".parse().unwrap()),
            reference: number.is_multiple_of(2).then(|| "crm-7".to_owned()),
            category: Some("newsletter"),
            labels: vec!["finance".to_owned(); number % 3],
            has_attachments: Some(number % 2 == 1),
            lane: Some("replay"),
        };
        event
    };
    (0..25).map(event).collect()
}

#[tokio::test]
async fn an_event_in_a_consumers_queue_is_as_raw_delivery_leaves_it_there() {
    let (tag, config) = (hex::encode(Chance::system().bytes::<6>()), config().await);
    let (sqs, sns) = (Sqs::new(&config), Sns::new(&config));
    let topic = topic(&sns, &tag).await;
    let _subscriber = Subscriber::of(&config, &topic, &tag).await;
    let name = format!("consumer-{tag}");
    let direct = sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
    let events = events();
    assert!(SnsEvents::new(&config, topic).publish(&events).await.unwrap().is_empty());
    let arn = arn(&sqs, &direct).await;
    let account = arn.split(':').nth(4).unwrap();
    let consumer = SqsEvents::named(&config, account, &name).await.unwrap();
    assert!(consumer.publish(&events).await.unwrap().is_empty());
    let delivered = sqs.get_queue_url().queue_name(format!("subscriber-{tag}")).send().await;
    let delivered = lies_in(&sqs, &delivered.unwrap().queue_url.unwrap()).await;
    assert_eq!(delivered.len(), 25);
    assert_eq!(lies_in(&sqs, &direct).await, delivered);
}

#[tokio::test]
async fn a_consumers_queue_that_is_not_there_is_told_by_its_name() {
    let config = config().await;
    let none = SqsEvents::named(&config, "000000000000", "nobody").await.err().unwrap();
    assert!(matches!(none, StoreError::Broken { .. }));
    let url = format!("{}/000000000000/nobody", local::address());
    let failed = SqsEvents::new(&config, url).publish(&events()).await;
    assert!(matches!(failed, Err(StoreError::Broken { .. })));
}
