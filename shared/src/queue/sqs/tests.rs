//! What a local queue cannot show: what is asked of SQS, and the answers that are rare.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::aws::scripted::{Asked, Said, Scripted, hasty, refused, said};

const URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/jobs";

fn job(body: &str) -> Outgoing {
    let group = Some("ada".parse().unwrap());
    Outgoing { body: body.into(), group, delay: Duration::ZERO, attributes: BTreeMap::new() }
}

fn queue(scripted: &Scripted) -> SqsQueue {
    SqsQueue::new(&scripted.config, URL.into(), Clock::System)
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

fn entry(scripted: &Scripted, id: &str) -> Value {
    let entries = scripted
        .bodies()
        .into_iter()
        .flat_map(|body| body["Entries"].as_array().cloned().unwrap_or_default());
    entries.into_iter().find(|entry| entry["Id"] == id).unwrap()
}

#[tokio::test]
async fn each_entry_that_failed_is_told_by_its_place_in_the_whole_batch() {
    let codes =
        [("3", Some("InternalError")), ("11", None), ("21", Some("InvalidMessageContents"))];
    let scripted = Scripted::answering(move |_, asked| all_but(asked, &codes)).await;
    let failures = queue(&scripted).send(vec![job("x"); 25]).await.unwrap();
    let told: Vec<_> = failures.iter().map(|it| (it.index, it.cause.as_str())).collect();
    assert_eq!(
        told,
        [
            (3, "InternalError: no message"),
            (11, "SQS did not say"),
            (21, "InvalidMessageContents: no message")
        ]
    );
    assert_eq!(scripted.asked().iter().map(|asked| ids(asked).len()).max(), Some(10));
    assert_eq!(scripted.asked().len(), 3);
}

#[tokio::test]
async fn an_entry_carries_its_group_its_attributes_and_its_delay_rounded_up() {
    let scripted = Scripted::answering(|_, asked| all_but(asked, &[])).await;
    let attributes = [("reason", "quota"), ("empty", ""), ("error", "a\u{b}b\u{ffff}c")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let out = Outgoing { delay: Duration::from_millis(1001), attributes, ..job("{}") };
    assert_eq!(queue(&scripted).send(vec![out]).await.unwrap(), []);
    let entry = entry(&scripted, "0");
    assert_eq!((&entry["MessageGroupId"], &entry["DelaySeconds"]), (&json!("ada"), &json!(2)));
    let carried = &entry["MessageAttributes"];
    assert_eq!(carried["reason"]["StringValue"], "quota");
    assert_eq!(
        (&carried["error"]["StringValue"], &carried["empty"]),
        (&json!("abc"), &Value::Null)
    );
}

#[tokio::test]
async fn a_group_with_a_long_name_has_a_short_one_of_its_own() {
    let scripted = Scripted::answering(|_, asked| all_but(asked, &[])).await;
    let groups = ["a".repeat(128), "a".repeat(129), "a".repeat(130)];
    let named = |name: &String| Outgoing { group: Some(name.parse().unwrap()), ..job("x") };
    let batch = groups.iter().map(named).collect();
    assert_eq!(queue(&scripted).send(batch).await.unwrap(), []);
    let sent = ["0", "1", "2"].map(|id| entry(&scripted, id)["MessageGroupId"].clone());
    assert_eq!(sent[0], groups[0]);
    assert_ne!(sent[1], sent[2]);
    assert!(sent.iter().all(|name| name.as_str().unwrap().len() <= 128));
}

#[tokio::test]
async fn what_sqs_would_not_take_fails_alone_and_is_not_sent() {
    let scripted = Scripted::answering(|_, asked| all_but(asked, &[])).await;
    let large = "x".repeat(1024 * 1024 + 1);
    let bodies = ["a", "b\u{1}", "c\u{fffe}", "", &large, "tab\tand\nline", "😀"];
    let failures = queue(&scripted).send(bodies.map(job).to_vec()).await.unwrap();
    let told: Vec<_> = failures.iter().map(|failure| failure.index).collect();
    assert_eq!(told, [1, 2, 3, 4]);
    assert_eq!(scripted.asked().iter().map(ids).collect::<Vec<_>>(), [["0", "5", "6"]]);
}

#[tokio::test]
async fn a_request_is_no_larger_than_sqs_takes() {
    let scripted = Scripted::answering(|_, asked| all_but(asked, &[])).await;
    let half = "x".repeat(512 * 1024);
    let attributes = BTreeMap::from([("reason".to_owned(), "quota".to_owned())]);
    let batch = vec![job(&half), job(&half), Outgoing { attributes, ..job(&half) }, job(&half)];
    assert_eq!(queue(&scripted).send(batch).await.unwrap(), []);
    let mut sent: Vec<_> = scripted.asked().iter().map(ids).collect();
    sent.sort();
    assert_eq!(sent, [vec!["0", "1"], vec!["2"], vec!["3"]]);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_may_pass_and_one_that_forbids_is_named() {
    let mute =
        Scripted::answering(|_, _| Said { after: Duration::from_secs(9), ..said(200, "{}") });
    let mute = mute.await;
    let queue_in_haste = SqsQueue::new(&hasty(&mute.config), URL.into(), Clock::System);
    let error = queue_in_haste.send(vec![job("x")]).await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{}", chain(&error));
    for code in ["AccessDeniedException", "QueueDoesNotExist", "KMS.AccessDeniedException"] {
        let scripted = Scripted::answering(move |_, _| refused(code)).await;
        let error = queue(&scripted).send(vec![job("x")]).await.err().unwrap();
        assert!(matches!(error, StoreError::Broken { .. }), "{code}");
        assert!(chain(&error).contains(&format!("sqs:SendMessage on {URL}")), "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_long_poll_is_no_slow_answer() {
    let late = Duration::from_millis(300);
    let answer = json!({ "Messages": [{ "MessageId": "m", "ReceiptHandle": "h", "Body": "b" }] });
    let scripted =
        Scripted::answering(move |_, _| Said { after: late, ..said(200, &answer) }).await;
    let queue = SqsQueue::new(&hasty(&scripted.config), URL.into(), Clock::System);
    let records = queue.receive(10, Duration::from_millis(900)).await.unwrap();
    assert_eq!(records.len(), 1);
    let asked = scripted.bodies().remove(0);
    assert_eq!((&asked["WaitTimeSeconds"], &asked["VisibilityTimeout"]), (&json!(1), &json!(360)));
    assert_eq!(scripted.asked().len(), 1);
}

#[tokio::test]
async fn what_was_received_is_served_even_if_no_more_can_be() {
    let message = json!({ "MessageId": "m", "ReceiptHandle": "h", "Body": "b" });
    let full = json!({ "Messages": vec![message; 10] });
    let answer = move |number, _: &Asked| {
        if number == 0 { said(200, &full) } else { refused("AccessDeniedException") }
    };
    let scripted = Scripted::answering(answer).await;
    assert_eq!(queue(&scripted).receive(25, Duration::ZERO).await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_receipt_that_sqs_no_longer_knows_is_no_failure_and_any_other_is() {
    let receipts = ["a", "b"].map(|handle| Receipt(handle.to_owned()));
    let gone = [("0", Some("ReceiptHandleIsInvalid"))];
    let scripted = Scripted::answering(move |_, asked| all_but(asked, &gone)).await;
    queue(&scripted).delete(&receipts).await.unwrap();
    let failed = [("1", Some("InternalError"))];
    let scripted = Scripted::answering(move |_, asked| all_but(asked, &failed)).await;
    let error = queue(&scripted).delete(&receipts).await.err().unwrap();
    assert!(chain(&error).contains("1 records were not deleted, the first for InternalError"));
    for code in ["ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"] {
        let scripted = Scripted::answering(move |_, _| refused(code)).await;
        queue(&scripted).hide(&receipts[0], Duration::ZERO).await.unwrap();
    }
}

#[tokio::test]
async fn hiding_is_rounded_up_and_no_flight_lasts_longer_than_twelve_hours() {
    let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
    let scripted = Scripted::answering(|_, _| said(200, "{}")).await;
    let queue = SqsQueue::new(&scripted.config, URL.into(), clock.clone());
    let receipt = receipts::receipt("handle", clock.now());
    let hour = Duration::from_hours(1);
    queue.hide(&receipt, Duration::from_millis(1)).await.unwrap();
    queue.hide(&receipt, 2 * hour).await.unwrap();
    clock.advance(hour + Duration::from_millis(1));
    queue.hide(&receipt, 24 * hour).await.unwrap();
    let told = scripted.bodies().into_iter().map(|body| body["VisibilityTimeout"].clone());
    assert_eq!(told.collect::<Vec<_>>(), [1, 7200, 39_599]);
    clock.advance(12 * hour);
    queue.hide(&receipt, hour).await.unwrap();
    queue.delete(&[receipt]).await.unwrap();
    assert_eq!(scripted.asked().len(), 3, "it has run out");
}

#[tokio::test]
async fn a_receipt_of_lambdas_is_the_handle_itself() {
    let scripted = Scripted::answering(|_, asked| all_but(asked, &[])).await;
    queue(&scripted).delete(&[Receipt("AQEBwJ/+==".into())]).await.unwrap();
    assert_eq!(entry(&scripted, "0")["ReceiptHandle"], "AQEBwJ/+==");
}
