//! What a local queue cannot show: what is asked of SQS, and the answers that are rare.

use serde_json::{Value, json};

use super::*;
use crate::aws::scripted::{Asked, Said, Scripted, refused, said};
use crate::disposition::chain;
use crate::events::{Attributes, EventKind};

const URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/consumer";

fn event(text: &str) -> Event {
    let data = json!({ "text": text });
    let (id, at) = ("e1".to_owned(), "2026-05-01T12:00:00Z".parse().unwrap());
    Event::new("local", id, EventKind::MessageProcessed, "m1".into(), at, data)
}

fn ids(asked: &Asked) -> Vec<String> {
    let entries = asked.json()["Entries"].as_array().unwrap().clone();
    entries.iter().map(|entry| entry["Id"].as_str().unwrap().to_owned()).collect()
}

/// All but these entries succeed; of these, those that have a code say so.
fn all_but(asked: &Asked, codes: &[(&str, Option<&str>)]) -> Said {
    let (mut taken, mut failed) = (Vec::new(), Vec::new());
    for id in ids(asked) {
        match codes.iter().find(|(named, _)| *named == id) {
            None => taken.push(json!({ "Id": id, "MessageId": id, "MD5OfMessageBody": "" })),
            Some((_, Some(code))) => {
                failed.push(json!({ "Id": id, "Code": code, "SenderFault": false }));
            }
            Some((_, None)) => {}
        }
    }
    said(200, &json!({ "Successful": taken, "Failed": failed }))
}

async fn publish(scripted: &Scripted, batch: &[Event]) -> Result<Vec<usize>, StoreError> {
    SqsEvents::new(&scripted.config, URL.into()).publish(batch).await
}

#[tokio::test]
async fn each_event_that_failed_is_told_by_its_place_in_the_whole_batch() {
    let codes =
        [("3", Some("InternalError")), ("11", None), ("21", Some("ReceiptHandleIsInvalid"))];
    let scripted = Scripted::answering(move |_, asked| all_but(asked, &codes)).await;
    let failed = publish(&scripted, &vec![event("x"); 25]).await.unwrap();
    assert_eq!(failed, [3, 11, 21]);
    let sizes: Vec<_> = scripted.asked().iter().map(|asked| ids(asked).len()).collect();
    assert_eq!(sizes, [10, 10, 5]);
    assert!(scripted.bodies().iter().all(|body| body["QueueUrl"] == URL));
}

#[tokio::test]
async fn an_event_lies_in_the_queue_as_raw_delivery_lays_it_there() {
    let scripted = Scripted::answering(|_, asked| all_but(asked, &[])).await;
    let full = Attributes {
        user_id: Some("ada".parse().unwrap()),
        reference: Some("crm\u{1}-7".into()),
        category: Some("newsletter"),
        labels: vec!["finance".into(), "a\"b".into()],
        has_attachments: Some(false),
        lane: Some("replay"),
    };
    let full = Event { attributes: full, ..event("bell\u{7} last\u{ffff}") };
    assert!(publish(&scripted, &[full.clone(), event("x")]).await.unwrap().is_empty());
    let body = scripted.bodies().remove(0);
    let [first, second] = [0, 1].map(|at| body["Entries"][at].clone());
    let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let expected = json!({
        "type": text("fanmail.message.processed.v1"),
        "userId": text("ada"),
        "ref": text("crm-7"),
        "category": text("newsletter"),
        "labels": { "DataType": "String.Array", "StringValue": r#"["finance","a\"b"]"# },
        "hasAttachments": text("false"),
        "lane": text("replay"),
    });
    assert_eq!(first["MessageAttributes"], expected);
    assert_eq!(second["MessageAttributes"], json!({ "type": expected["type"] }));
    let told = first["MessageBody"].as_str().unwrap();
    assert!(told.contains(r"bell\u0007 last\uffff"), "{told}");
    let read_back: Event = serde_json::from_str(told).unwrap();
    assert_eq!((read_back.id, read_back.data), (full.id, full.data));
    assert_eq!(first["MessageGroupId"], Value::Null, "a topic names no group either");
}

#[tokio::test]
async fn a_request_is_no_larger_than_sqs_takes_and_what_is_larger_by_itself_fails_alone() {
    let scripted = Scripted::answering(|_, asked| all_but(asked, &[])).await;
    let (third, whole) = ("x".repeat(PAYLOAD / 3), "x".repeat(PAYLOAD));
    let batch = [&third, &third, "", &whole, &third, &third].map(event);
    assert_eq!(publish(&scripted, &batch).await.unwrap(), [3]);
    let sent: Vec<_> = scripted.asked().iter().map(ids).collect();
    assert_eq!(sent, [vec!["0", "1", "2"], vec!["4", "5"]]);
}

#[tokio::test]
async fn a_queue_is_found_by_its_name_in_its_owners_account() {
    let scripted = Scripted::answering(|number, asked| match number {
        0 => said(200, &json!({ "QueueUrl": URL })),
        _ => all_but(asked, &[]),
    });
    let scripted = scripted.await;
    let found = SqsEvents::named(&scripted.config, "123456789012", "consumer").await.unwrap();
    assert!(found.publish(&[event("x")]).await.unwrap().is_empty());
    let bodies = scripted.bodies();
    let asked = json!({ "QueueName": "consumer", "QueueOwnerAWSAccountId": "123456789012" });
    assert_eq!((&bodies[0], &bodies[1]["QueueUrl"]), (&asked, &json!(URL)));
    assert_eq!(scripted.actions(), ["GetQueueUrl", "SendMessageBatch"]);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_may_pass_and_one_that_forbids_is_named() {
    for code in ["AccessDeniedException", "QueueDoesNotExist", "KMS.AccessDeniedException"] {
        let scripted = Scripted::answering(move |_, _| refused(code)).await;
        let error = publish(&scripted, &[event("x")]).await.err().unwrap();
        assert!(matches!(error, StoreError::Broken { .. }), "{code}");
        assert!(chain(&error).contains(&format!("sqs:SendMessage on {URL}")), "{}", chain(&error));
        let named = SqsEvents::named(&scripted.config, "123456789012", "consumer").await;
        let error = chain(&named.err().unwrap());
        assert!(error.contains("sqs:GetQueueUrl on consumer"), "{error}");
    }
    let scripted = Scripted::answering(|_, _| refused("RequestThrottled")).await;
    let error = publish(&scripted, &[event("x")]).await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{}", chain(&error));
}
