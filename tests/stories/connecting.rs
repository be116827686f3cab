//! A mailbox is connected: a baseline is taken, and then the mail from before it.

use std::time::Duration;

use google_sim::Delivery;
use serde_json::Value;
use shared::events::EventKind;
use shared::ids::MessageId;
use shared::mark::MarkState;
use shared::settings::Backfill;

use super::world::{ADA, DAY, World, mail};

stories!(
    a_first_connect_takes_a_baseline_and_announces_the_mailbox_once,
    connecting_costs_one_unit_and_five_per_page,
    the_unread_mail_from_before_is_fetched,
    none_of_the_mail_from_before_is_fetched_when_set_so,
    all_of_the_mail_from_before_is_fetched_when_set_so,
    mail_since_a_day_is_fetched_when_set_so,
    mail_that_arrives_while_the_baseline_is_taken_is_not_missed,
);

impl World {
    /// Mail that came before the connection: read long ago, unread long ago, unread yesterday.
    fn history(&self) -> [MessageId; 3] {
        self.google.add_mailbox(ADA, "Ada");
        let old = |labels: &[&str], age: Duration| {
            let date = Some(self.now() - age);
            let how = Delivery { labels: Some(labels), date };
            self.google.deliver_as(ADA, mail(&format!("{age:?}")), how).unwrap()
        };
        [
            old(&["INBOX"], 300 * DAY),
            old(&["INBOX", "UNREAD"], 200 * DAY),
            old(&["INBOX", "UNREAD"], DAY),
        ]
    }
}

const DONE: Option<MarkState> = Some(MarkState::Done);

async fn a_first_connect_takes_a_baseline_and_announces_the_mailbox_once(world: World) {
    let user = world.connect(ADA).await;
    world.poll().await;
    assert!(world.cursor(&user).await.is_some());
    let connected = world.published().await;
    assert_eq!(connected.len(), 1);
    assert_eq!(connected[0].event.kind, EventKind::Connected);
    assert_eq!(connected[0].event.subject, user.as_str());
    assert_eq!(connected[0].event.data["userId"], user.as_str());
    assert_eq!(connected[0].event.data["gap"], Value::Null);
    assert!(world.mailbox(&user).await.owed == shared::mailbox::Owed::default());
}

async fn connecting_costs_one_unit_and_five_per_page(mut world: World) {
    world.settings.backfill = Backfill::None;
    world.connect(ADA).await;
    assert_eq!(world.units(), 1 + 5);
}

async fn the_unread_mail_from_before_is_fetched(world: World) {
    let ids = world.history();
    let user = world.connect(ADA).await;
    assert_eq!(world.states(&user, &ids).await, [None, DONE, DONE]);
    let lanes: Vec<Value> = world
        .events(EventKind::MessageProcessed)
        .await
        .into_iter()
        .map(|seen| seen.attributes["lane"].clone())
        .collect();
    assert_eq!(lanes, ["backfill", "backfill"]);
}

async fn none_of_the_mail_from_before_is_fetched_when_set_so(mut world: World) {
    world.settings.backfill = Backfill::None;
    let ids = world.history();
    let user = world.connect(ADA).await;
    assert_eq!(world.states(&user, &ids).await, [None, None, None]);
}

async fn all_of_the_mail_from_before_is_fetched_when_set_so(mut world: World) {
    world.settings.backfill = Backfill::All;
    let ids = world.history();
    let user = world.connect(ADA).await;
    assert_eq!(world.states(&user, &ids).await, [DONE, DONE, DONE]);
}

async fn mail_since_a_day_is_fetched_when_set_so(mut world: World) {
    world.settings.backfill = Backfill::Since(world.now() - 250 * DAY);
    let ids = world.history();
    let user = world.connect(ADA).await;
    assert_eq!(world.states(&user, &ids).await, [None, DONE, DONE]);
}

async fn mail_that_arrives_while_the_baseline_is_taken_is_not_missed(mut world: World) {
    world.settings.backfill = Backfill::None;
    world.meanwhile("gmail.profile", |google| drop(google.deliver(ADA, mail("Early"))));
    world.meanwhile("gmail.list", |google| drop(google.deliver(ADA, mail("Late"))));
    let user = world.connect(ADA).await;
    world.poll().await;
    assert_eq!(world.counts(&user).await.done, 2);
}
