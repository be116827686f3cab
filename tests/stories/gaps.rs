//! When Gmail has forgotten the cursor, the gap is listed again, and how it was closed is announced.

use std::sync::Arc;

use google_sim::Delivery;
use serde_json::json;
use shared::events::EventKind;
use shared::ids::UserId;
use shared::jobs::{Cause, UserJobKind};
use shared::mark::MarkState;

use super::world::{ADA, DAY, HOUR, World, mail};
use simulation::hand::{Hold, Strike};

const DONE: Option<MarkState> = Some(MarkState::Done);

stories!(
    a_gap_after_a_forgotten_cursor_is_closed_and_announced,
    mail_imported_with_an_older_date_than_the_gap_is_not_covered,
    a_gap_lists_what_lies_in_spam_and_trash_and_skips_it,
    mail_that_arrives_while_a_gap_is_closed_is_not_missed,
    a_cursor_never_moves_back,
    a_connection_not_yet_announced_is_announced_before_a_gap,
);

async fn a_gap_after_a_forgotten_cursor_is_closed_and_announced(world: World) {
    let user = world.connect(ADA).await;
    let had = world.deliver(ADA, "Had before");
    world.poll().await;
    let fetched = world.mailbox(&user).await.last_fetched_at;
    let missed = world.deliver_many(ADA, 3);
    world.google.expire_history(ADA).unwrap();
    world.poll().await;

    assert_eq!(world.states(&user, &missed).await, [DONE; 3]);
    assert_eq!(world.events_about(had.as_str()).await.len(), 1, "not announced again");
    assert_eq!(world.cursor(&user).await, Some(world.history_id(ADA).await));
    let resumed = world.events(EventKind::Resumed).await;
    assert_eq!(resumed.len(), 1);
    let from = fetched - world.settings.gap_overlap;
    let to = world.mailbox(&user).await.last_fetched_at;
    let gap = json!({ "from": from, "to": to, "found": 4, "alreadyHad": 1 });
    assert_eq!(resumed[0].event.data["gap"], gap);

    world.poll().await;
    assert_eq!(world.events(EventKind::Resumed).await.len(), 1, "announced once");
}

async fn mail_imported_with_an_older_date_than_the_gap_is_not_covered(world: World) {
    let user = world.connect(ADA).await;
    let import = |age| {
        let how = Delivery { labels: Some(&["INBOX"]), date: Some(world.now() - age) };
        world.google.deliver_as(ADA, mail("Imported"), how).unwrap()
    };
    let by_history = import(DAY);
    world.poll().await;
    let in_the_gap = import(DAY);
    world.google.expire_history(ADA).unwrap();
    world.poll().await;
    assert_eq!(world.states(&user, &[by_history, in_the_gap]).await, [DONE, None]);
    let gap = &world.events(EventKind::Resumed).await[0].event.data["gap"];
    assert_eq!(gap["found"], 0);
}

async fn a_gap_lists_what_lies_in_spam_and_trash_and_skips_it(world: World) {
    let user = world.connect(ADA).await;
    let ids = [world.deliver_labelled(ADA, &["SPAM"]), world.deliver_labelled(ADA, &["TRASH"])];
    world.google.expire_history(ADA).unwrap();
    world.poll().await;
    let states = world.states(&user, &ids).await;
    assert!(states.iter().all(|state| matches!(state, Some(MarkState::Skipped(_)))), "{states:?}");
}

async fn mail_that_arrives_while_a_gap_is_closed_is_not_missed(world: World) {
    let user = world.connect(ADA).await;
    world.google.expire_history(ADA).unwrap();
    world.meanwhile("gmail.profile", |google| drop(google.deliver(ADA, mail("Early"))));
    world.meanwhile("gmail.list", |google| drop(google.deliver(ADA, mail("Late"))));
    world.poll().await;
    world.poll().await;
    assert_eq!(world.counts(&user).await.done, 2);
    assert_eq!(world.events(EventKind::MessageProcessed).await.len(), 2);
}

impl World {
    /// One worker has listed, and before it writes another lists more and is first.
    async fn be_overtaken(&self, user: &UserId) {
        let hold = Arc::new(Hold::default());
        self.effects.next("gmail.history", Strike::Holds(hold.clone()));
        self.ask(user, UserJobKind::Sync, Cause::Manual).await;
        let other = async {
            hold.reached.notified().await;
            self.deliver(ADA, "Between");
            self.ask(user, UserJobKind::Sync, Cause::Manual).await;
            self.serve_users().await;
            hold.release.notify_one();
        };
        futures::join!(self.serve_users(), other);
    }
}

async fn a_cursor_never_moves_back(world: World) {
    let user = world.connect(ADA).await;
    let mut last = world.cursor(&user).await;
    for round in 0..6 {
        world.deliver(ADA, "One more");
        match round % 3 {
            // One worker is overtaken by another that has listed more than it.
            0 => world.be_overtaken(&user).await,
            1 => world.google.expire_history(ADA).unwrap(),
            _ => world.pass(HOUR),
        }
        world.poll().await;
        let cursor = world.cursor(&user).await;
        assert!(cursor >= last, "{cursor:?} after {last:?}");
        last = cursor;
    }
    assert_eq!(world.counts(&user).await.done, 6 + 2);
}

async fn a_connection_not_yet_announced_is_announced_before_a_gap(world: World) {
    let user = world.consent(ADA).await;
    world.effects.next("events.publish", Strike::DiesBefore);
    world.serve_users().await;
    assert_eq!(world.effects.outstanding(), [""; 0]);
    assert!(world.cursor(&user).await.is_some(), "the first sync got as far as the cursor");
    world.google.expire_history(ADA).unwrap();
    world.poll().await;
    assert_eq!(world.events(EventKind::Connected).await.len(), 1);
    assert_eq!(world.events(EventKind::Resumed).await.len(), 1);
}
