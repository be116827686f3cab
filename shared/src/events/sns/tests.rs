//! What a local topic cannot show: what is asked of SNS, and the answers that are rare.

use serde_json::json;

use super::entry::PAYLOAD;
use super::*;
use crate::aws::scripted::{Asked, Said, Scripted, refused_by_sns, said};
use crate::disposition::chain;
use crate::events::{Attributes, EventKind};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:events";

fn event(text: &str) -> Event {
    let data = json!({ "text": text });
    let (id, at) = ("e1".to_owned(), "2026-05-01T12:00:00Z".parse().unwrap());
    Event::new("local", id, EventKind::MessageProcessed, "m1".into(), at, data)
}

fn ids(asked: &Asked) -> Vec<String> {
    let form = asked.form().into_iter();
    form.filter(|(name, _)| name.ends_with(".Id")).map(|(_, id)| id).collect()
}

/// All but these succeed; of these, the first says why.
fn all_but(asked: &Asked, failing: &[&str]) -> Said {
    let member = |id: &String| match failing.iter().position(|named| named == id) {
        None => (format!("<member><Id>{id}</Id><MessageId>x</MessageId></member>"), String::new()),
        Some(0) => {
            let failed = "<Code>InternalError</Code><SenderFault>false</SenderFault>";
            (String::new(), format!("<member><Id>{id}</Id>{failed}</member>"))
        }
        Some(_) => Default::default(),
    };
    let (taken, failed): (Vec<_>, Vec<_>) = ids(asked).iter().map(member).unzip();
    let (taken, failed) = (taken.concat(), failed.concat());
    let result = format!("<Successful>{taken}</Successful><Failed>{failed}</Failed>");
    let result = format!("<PublishBatchResult>{result}</PublishBatchResult>");
    said(200, &format!("<PublishBatchResponse>{result}</PublishBatchResponse>"))
}

async fn publish(scripted: &Scripted, batch: &[Event]) -> Result<Vec<usize>, StoreError> {
    SnsEvents::new(&scripted.config, TOPIC.into()).publish(batch).await
}

#[tokio::test]
async fn each_event_that_failed_is_told_by_its_place_in_the_whole_batch() {
    let scripted = Scripted::answering(|_, asked| all_but(asked, &["3", "21"])).await;
    let failed = publish(&scripted, &vec![event("x"); 25]).await.unwrap();
    assert_eq!(failed, [3, 21]);
    let sizes: Vec<_> = scripted.asked().iter().map(|asked| ids(asked).len()).collect();
    assert_eq!(sizes, [10, 10, 5]);
}

#[tokio::test]
async fn an_event_that_is_too_large_fails_alone_and_large_ones_travel_apart() {
    let scripted = Scripted::answering(|_, asked| all_but(asked, &[])).await;
    let (third, whole) = ("x".repeat(PAYLOAD / 3), "x".repeat(PAYLOAD));
    let batch = [&third, &third, "", &whole, &third, &third].map(event);
    assert_eq!(publish(&scripted, &batch).await.unwrap(), [3]);
    let sent: Vec<_> = scripted.asked().iter().map(ids).collect();
    assert_eq!(sent, [vec!["0", "1", "2"], vec!["4", "5"]]);
}

#[tokio::test]
async fn attributes_are_those_that_subscribers_filter_on() {
    let scripted = Scripted::answering(|_, asked| all_but(asked, &[])).await;
    let full = Attributes {
        user_id: Some("ada".parse().unwrap()),
        reference: Some("crm\u{1}-7".into()),
        category: Some("newsletter"),
        labels: vec!["finance".into(), "a\"b".into()],
        has_attachments: Some(false),
        lane: Some("live"),
    };
    let full = Event { attributes: full, ..event("bell\u{7} last\u{ffff}") };
    assert!(publish(&scripted, &[full, event("x")]).await.unwrap().is_empty());
    let form = scripted.asked()[0].form();
    let read = |entry: usize| {
        let member = format!("PublishBatchRequestEntries.member.{entry}.MessageAttributes.entry.");
        let of = |number: u32, what: &str| form.get(&format!("{member}{number}.{what}")).cloned();
        let attribute = |number| {
            let (name, kind) = (of(number, "Name")?, of(number, "Value.DataType")?);
            Some((name, kind, of(number, "Value.StringValue")?))
        };
        let mut all: Vec<_> = (1..=10).map_while(attribute).collect();
        all.sort();
        all
    };
    let text = |name: &str, value: &str| (name.to_owned(), "String".to_owned(), value.to_owned());
    let labels = ("labels".to_owned(), "String.Array".to_owned(), r#"["finance","a\"b"]"#.into());
    let kind = text("type", "fanmail.message.processed.v1");
    assert_eq!(
        read(1),
        [
            text("category", "newsletter"),
            text("hasAttachments", "false"),
            labels,
            text("lane", "live"),
            text("ref", "crm-7"),
            kind.clone(),
            text("userId", "ada"),
        ]
    );
    assert_eq!(read(2), [kind], "an empty attribute is none");
    let message = &form["PublishBatchRequestEntries.member.1.Message"];
    assert!(message.contains(r"bell\u0007 last\uffff"), "{message}");
    let read_back: Event = serde_json::from_str(message).unwrap();
    assert_eq!(read_back.data["text"], "bell\u{7} last\u{ffff}");
}

#[tokio::test]
async fn a_topic_that_fails_may_pass_and_one_that_forbids_is_named() {
    for code in ["AuthorizationError", "NotFound", "KMSAccessDenied"] {
        let scripted = Scripted::answering(move |_, _| refused_by_sns(code)).await;
        let error = publish(&scripted, &[event("x")]).await.err().unwrap();
        assert!(matches!(error, StoreError::Broken { .. }), "{code}");
        assert!(chain(&error).contains(&format!("sns:Publish on {TOPIC}")), "{}", chain(&error));
    }
    let scripted = Scripted::answering(|_, _| refused_by_sns("Throttling")).await;
    let error = publish(&scripted, &[event("x")]).await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{}", chain(&error));
}
