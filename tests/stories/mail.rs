//! New mail is listed, fetched once, stored, announced and marked.

use aws_lc_rs::digest::{SHA256, digest};
use google_sim::labels::LabelId;
use google_sim::methods::Method;
use serde_json::json;
use shared::events::{EventKind, message_event_id};
use shared::ids::Generation;
use shared::mark::MarkState;
use shared::reason::SkipReason;
use shared::result::{original_key, result_key};

use super::world::{ADA, HOUR, TICK, World, mail};

const DONE: Option<MarkState> = Some(MarkState::Done);

stories!(
    new_mail_is_stored_announced_and_marked,
    a_message_costs_twenty_units_and_a_poll_two,
    what_was_not_received_is_skipped_with_its_reason_and_never_fetched,
    mail_to_oneself_is_kept,
    mail_that_is_thrown_away_before_it_is_fetched_is_skipped,
    mail_that_arrives_between_two_pages_of_history_is_not_missed,
    an_empty_poll_writes_at_most_once_an_hour,
    a_mailbox_with_a_query_is_polled_by_that_query_alone,
    mail_of_one_mailbox_is_nothing_to_another,
);

async fn new_mail_is_stored_announced_and_marked(world: World) {
    let user = world.connect(ADA).await;
    let (id, received) = (world.deliver(ADA, "Lunch"), world.now());
    world.poll().await;

    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.original(&user, &id).await.unwrap(), mail("Lunch").into_bytes());
    let result = world.result(&user, &id).await.unwrap();
    assert_eq!(result["schema"], "fanmail.result.v1");
    assert_eq!((&result["userId"], &result["messageId"]), (&json!(user), &json!(id)));
    assert_eq!(result["internalDate"], json!(received));
    assert_eq!(result["headers"]["subject"], "Lunch");
    assert_eq!(result["headers"]["from"]["address"], "bob@example.org");
    assert_eq!(result["original"], original_key(&user, &id));

    let events = world.events(EventKind::MessageProcessed).await;
    assert_eq!(events.len(), 1);
    let (event, attributes) = (&events[0].event, &events[0].attributes);
    assert_eq!(event.id, message_event_id(&user, &id, Generation(0)));
    assert_eq!(event.subject, id.as_str());
    assert_eq!(event.source, "/fanmail/local");
    let bytes = world.result_bytes(&user, &id).await.unwrap();
    let sha256 = hex::encode(digest(&SHA256, &bytes));
    let key = result_key(&user, &id, received);
    let kept = json!({ "key": key, "sha256": sha256, "bytes": bytes.len() });
    assert_eq!(event.data["result"], kept);
    assert_eq!(event.data["category"], result["category"]);
    assert_eq!(attributes["type"], "fanmail.message.processed.v1");
    assert_eq!(attributes["userId"], json!(user));
    assert_eq!(attributes["category"], result["category"]);
    assert_eq!(
        (&attributes["hasAttachments"], &attributes["lane"]),
        (&json!("false"), &json!("live"))
    );
}

async fn a_message_costs_twenty_units_and_a_poll_two(world: World) {
    world.connect(ADA).await;
    let before = world.units();
    world.poll().await;
    assert_eq!(world.units() - before, 2);
    world.deliver_many(ADA, 30);
    world.poll().await;
    assert_eq!(world.units() - before, 2 + 2 + 30 * 20);
}

async fn what_was_not_received_is_skipped_with_its_reason_and_never_fetched(world: World) {
    let user = world.connect(ADA).await;
    let ids = [&["DRAFT"], &["SENT"], &["SPAM"], &["TRASH"]]
        .map(|labels| world.deliver_labelled(ADA, labels));
    world.poll().await;
    let reasons = [SkipReason::Draft, SkipReason::SentOnly, SkipReason::Spam, SkipReason::Trash];
    let skipped = reasons.map(|reason| Some(MarkState::Skipped(reason)));
    assert_eq!(world.states(&user, &ids).await, skipped);
    assert_eq!(world.calls("messages.get"), 0);
    assert!(world.events(EventKind::MessageProcessed).await.is_empty());
}

async fn mail_to_oneself_is_kept(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver_labelled(ADA, &["SENT", "INBOX"]);
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
}

async fn mail_that_is_thrown_away_before_it_is_fetched_is_skipped(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Junk");
    let thrown = id.clone();
    world.meanwhile("gmail.history", move |google| {
        google.relabel(ADA, &thrown, &[LabelId::TRASH], &[LabelId::INBOX]).unwrap();
    });
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, Some(MarkState::Skipped(SkipReason::Trash)));
    assert!(world.result(&user, &id).await.is_none());
}

async fn mail_that_arrives_between_two_pages_of_history_is_not_missed(world: World) {
    let user = world.connect(ADA).await;
    // Drafts, because they are skipped unfetched: more of them than a page holds.
    (0..700).for_each(|_| drop(world.deliver_labelled(ADA, &["DRAFT"])));
    let early = world.deliver(ADA, "Early");
    let first_page = world.history_id(ADA).await;
    world.meanwhile("gmail.history", |google| drop(google.deliver(ADA, mail("Between"))));
    world.poll().await;
    assert_eq!(world.cursor(&user).await, Some(first_page));
    world.poll().await;
    assert_eq!(world.state(&user, &early).await, DONE);
    let counts = world.counts(&user).await;
    assert_eq!((counts.done, counts.skipped), (2, 700));
    assert_eq!(world.events(EventKind::MessageProcessed).await.len(), 2);
}

async fn an_empty_poll_writes_at_most_once_an_hour(world: World) {
    let user = world.connect(ADA).await;
    let fetched = world.mailbox(&user).await.last_fetched_at;
    let (writes, polls) = (world.effects.count("mailboxes.advance"), world.calls("history.list"));
    let hour = HOUR.as_secs() / TICK.as_secs();
    for _ in 0..hour - 1 {
        world.poll().await;
    }
    assert_eq!(world.calls("history.list") - polls, hour - 1);
    assert_eq!(world.effects.count("mailboxes.advance"), writes);
    assert_eq!(world.mailbox(&user).await.last_fetched_at, fetched);
    for _ in 0..hour {
        world.poll().await;
    }
    assert_eq!(world.effects.count("mailboxes.advance"), writes + 1);
}

async fn a_mailbox_with_a_query_is_polled_by_that_query_alone(mut world: World) {
    world.settings.fetch_query = Some("is:unread".to_owned());
    let user = world.connect(ADA).await;
    let unread = world.deliver(ADA, "Unread");
    let read = world.deliver_labelled(ADA, &["INBOX"]);
    let before = world.units();
    world.poll().await;
    assert_eq!(world.units() - before, 5 + 20);
    world.poll().await;
    assert_eq!(world.states(&user, &[unread, read]).await, [DONE, None]);
    assert_eq!((world.calls("history.list"), world.calls(Method::MessagesGet.name())), (0, 1));
}

async fn mail_of_one_mailbox_is_nothing_to_another(world: World) {
    let (ada, bob) = (world.connect(ADA).await, world.connect("bob@example.com").await);
    let id = world.deliver(ADA, "For Ada");
    world.poll().await;
    assert_eq!(world.state(&ada, &id).await, DONE);
    assert_eq!(world.state(&bob, &id).await, None);
    let events = world.events(EventKind::MessageProcessed).await;
    assert!(events.iter().all(|seen| seen.attributes["userId"] == json!(ada)));
}
