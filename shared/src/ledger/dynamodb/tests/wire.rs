//! What is asked of DynamoDB, and what is made of its answers.

use serde_json::{Value, json};

use super::scripted::{Answer, Scripted, error, refused};
use crate::clock::Timestamp;
use crate::disposition::chain;
use crate::ids::{Epoch, MessageId, UserId};
use crate::ledger::{Control, Mailboxes, Marks, Segment};
use crate::mark::{Listing, MarkState};
use crate::reason::PauseReason;
use crate::store::StoreError;
use crate::store::Write::{Applied, Stale};

const WHOLE: Segment = Segment { index: 0, total: 1 };

fn ada() -> UserId {
    "ada".parse().unwrap()
}

fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

/// The round, in version 3, as the write `rev` left it.
fn round(version: u32, rev: &Value) -> Value {
    json!({
        "name": { "S": "round" }, "value": { "S": "{}" }, "version": { "N": version.to_string() }, "rev": rev
    })
}

fn found(_: &Value) -> (u16, Value) {
    (200, json!({ "Item": round(3, &json!({ "S": "earlier" })) }))
}

fn done(_: &Value) -> (u16, Value) {
    (200, json!({}))
}

fn lost(_: &Value) -> (u16, Value) {
    (500, error("InternalServerError"))
}

/// The repetition finds the row as the first request made it.
fn done_before(asked: &Value) -> (u16, Value) {
    refused(&round(4, &asked["ExpressionAttributeValues"][":rev"]))
}

fn done_by_another(_: &Value) -> (u16, Value) {
    refused(&round(4, &json!({ "S": "another" })))
}

async fn write_round(scripted: &Scripted) -> Result<crate::store::Write, StoreError> {
    scripted.ledger.write("round", Some(3), "{}".into(), None, now()).await
}

#[tokio::test]
async fn a_write_that_was_done_but_not_answered_is_known_for_our_own() {
    let scripted = Scripted::answering([found, lost, done_before]).await;
    assert_eq!(write_round(&scripted).await.unwrap(), Applied);
    assert_eq!(scripted.actions(), ["GetItem", "UpdateItem", "UpdateItem"]);
}

#[tokio::test]
async fn a_write_that_another_came_before_is_decided_again_on_what_is_there() {
    let scripted = Scripted::answering([found, done_by_another]).await;
    assert_eq!(write_round(&scripted).await.unwrap(), Stale);
    assert_eq!(scripted.actions(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn a_row_that_never_bore_a_name_is_changed_while_it_bears_none() {
    let by_hand: Answer = |_| {
        let item = json!({
            "userId": { "S": "ada" }, "email": { "S": "ada@example.com" }, "epoch": { "N": "1" },
            "grant": { "N": "1" }, "connectedAt": { "S": "2026-05-01T12:00:00Z" },
            "lastFetchedAt": { "S": "2026-05-01T12:00:00Z" }, "note": { "S": "an operator's own" }
        });
        (200, json!({ "Item": item }))
    };
    let scripted = Scripted::answering([by_hand, done]).await;
    let paused = scripted.ledger.pause(&ada(), Epoch(1), PauseReason::Operator).await;
    assert_eq!(paused.unwrap(), Applied);
    let asked = scripted.request(1);
    let condition = "attribute_exists(#userId) AND attribute_not_exists(#rev)";
    assert_eq!(asked["ConditionExpression"], condition);
    assert!(!asked["UpdateExpression"].as_str().unwrap().contains("note"));
}

#[tokio::test]
async fn a_batch_costs_one_read_and_a_write_for_each_mark_that_changes() {
    let none_or_done: Answer = |_| (200, json!({ "Responses": { "MessageMarks": [] } }));
    let scripted = Scripted::answering([none_or_done]).await;
    let listing = |number| Listing {
        message_id: format!("m{number}").parse().unwrap(),
        job_id: "j1".parse().unwrap(),
        state: MarkState::Listed,
    };
    let listings: Vec<_> = (0..25).map(listing).collect();
    let states = Marks::list(&scripted.ledger, &ada(), Epoch(1), &listings, now()).await.unwrap();
    assert_eq!(states, [MarkState::Listed; 25]);
    let actions = scripted.actions();
    assert_eq!((actions[0].as_str(), actions.len()), ("BatchGetItem", 26));
    assert!(actions[1..].iter().all(|action| action == "UpdateItem"));
    let ids: Vec<_> = listings.into_iter().map(|listing| listing.message_id).collect();
    let job = "j2".parse().unwrap();
    Marks::park(&scripted.ledger, &ada(), Epoch(1), &ids, &job).await.unwrap();
    assert_eq!(scripted.actions()[26..], ["BatchGetItem"]);
}

#[tokio::test]
async fn keys_that_were_left_over_are_asked_for_again() {
    let half: Answer = |asked| {
        let keys = asked["RequestItems"]["MessageMarks"]["Keys"].as_array().unwrap();
        let left = json!({ "MessageMarks": { "Keys": [keys[0]], "ConsistentRead": true } });
        (200, json!({ "Responses": { "MessageMarks": [] }, "UnprocessedKeys": left }))
    };
    let none: Answer = |_| (200, json!({ "Responses": { "MessageMarks": [] } }));
    let ids: [MessageId; 3] = ["m1", "m2", "m1"].map(|id| id.parse().unwrap());
    let scripted = Scripted::answering([half, none]).await;
    assert_eq!(Marks::get(&scripted.ledger, &ada(), &ids).await.unwrap(), [None, None, None]);
    let keys = |index| {
        scripted.request(index)["RequestItems"]["MessageMarks"]["Keys"].as_array().unwrap().len()
    };
    assert_eq!((keys(0), keys(1)), (2, 1));

    let scripted = Scripted::answering([half]).await;
    let error = Marks::get(&scripted.ledger, &ada(), &ids).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{}", chain(&error));
}

#[tokio::test]
async fn counting_goes_on_until_no_page_is_left() {
    let page: Answer = |asked| {
        let item = json!({
            "userId": { "S": "ada" }, "messageId": { "S": "m1" }, "epoch": { "N": "1" }, "state": { "S": "listed" },
            "generation": { "N": "0" }, "jobId": { "S": "j1" }, "listedAt": { "S": "2026-05-01T12:00:00Z" }
        });
        let last = asked["ExclusiveStartKey"].is_object();
        let next = if last {
            Value::Null
        } else {
            json!({ "userId": { "S": "ada" }, "messageId": { "S": "m1" } })
        };
        (200, json!({ "Items": [item], "LastEvaluatedKey": next }))
    };
    let scripted = Scripted::answering([page]).await;
    assert_eq!(scripted.ledger.count(&ada(), Epoch(1), now()).await.unwrap().listed, 2);
}

#[tokio::test]
async fn a_throttle_may_pass_and_what_is_missing_or_forbidden_is_named() {
    let throttled: Answer = |_| (400, error("ProvisionedThroughputExceededException"));
    let limited: Answer = |_| (400, error("RequestLimitExceeded"));
    for answer in [throttled, limited, lost] {
        let scripted = Scripted::answering([answer]).await;
        let error = Mailboxes::get(&scripted.ledger, &ada()).await.err().unwrap();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{}", chain(&error));
    }
    let missing: Answer = |_| (400, error("ResourceNotFoundException"));
    let forbidden: Answer = |_| (400, error("AccessDeniedException"));
    for answer in [missing, forbidden] {
        let scripted = Scripted::answering([answer]).await;
        let error = Mailboxes::get(&scripted.ledger, &ada()).await.err().unwrap();
        assert!(matches!(error, StoreError::Broken { .. }));
        assert!(chain(&error).contains("dynamodb:GetItem on UserTokens"), "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named_and_not_quoted() {
    let spoilt: Answer =
        |_| (200, json!({ "Item": { "userId": { "S": "ada" }, "email": { "N": "12345" } } }));
    let scripted = Scripted::answering([spoilt]).await;
    let error = chain(&Mailboxes::get(&scripted.ledger, &ada()).await.err().unwrap());
    assert!(error.contains("ada") && error.contains("UserTokens"), "{error}");
    assert!(error.contains("attribute email") && !error.contains("12345"), "{error}");
}

#[tokio::test]
async fn a_spoilt_row_costs_its_own_mailbox_the_round_and_nobody_elses() {
    let page: Answer = |_| {
        let row = |user: &str, epoch: &str| {
            json!({
                "userId": { "S": user }, "epoch": { "N": epoch }, "connectedAt": { "S": "2026-05-01T12:00:00Z" },
                "lastFetchedAt": { "S": "2026-05-01T12:00:00Z" }
            })
        };
        (200, json!({ "Items": [row("ada", "1"), row("eve", "x"), row("zoe", "2")] }))
    };
    let scripted = Scripted::answering([page]).await;
    let page = scripted.ledger.scan(WHOLE, None, 10).await.unwrap();
    let seen: Vec<_> = page.mailboxes.iter().map(|roster| roster.user_id.as_str()).collect();
    assert_eq!((seen, page.next), (vec!["ada", "zoe"], None));
}

#[tokio::test]
async fn a_scan_goes_on_behind_a_row_that_is_none_of_ours() {
    let page: Answer = |asked| {
        let row = match asked["ExclusiveStartKey"]["userId"]["S"].as_str() {
            None => "eve@example.com",
            Some("eve@example.com") => "zoe",
            Some(other) => panic!("nobody goes on from {other}"),
        };
        let item = json!({
            "userId": { "S": row }, "epoch": { "N": "1" }, "connectedAt": { "S": "2026-05-01T12:00:00Z" },
            "lastFetchedAt": { "S": "2026-05-01T12:00:00Z" }
        });
        (200, json!({ "Items": [item], "LastEvaluatedKey": { "userId": { "S": row } } }))
    };
    let scripted = Scripted::answering([page]).await;
    let page = scripted.ledger.scan(WHOLE, None, 2).await.unwrap();
    assert_eq!((page.mailboxes.len(), page.next), (1, Some("zoe".parse().unwrap())));
    assert_eq!(scripted.request(1)["Limit"], 1);
}
