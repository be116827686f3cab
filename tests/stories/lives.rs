//! A disconnect ends a mailbox's life: nothing new is begun, and the next life begins from its own baseline.

use std::sync::Arc;

use google_sim::faults::FaultKind;
use google_sim::methods::Method;
use serde_json::json;
use shared::events::EventKind;
use shared::ids::{Epoch, Grant, UserId};
use shared::intake;
use shared::jobs::{Cause, JobHeader, UserJob, UserJobKind};
use shared::mailbox::Owed;
use shared::mark::MarkState;

use super::world::{ADA, HOUR, World};
use simulation::hand::{Hold, Strike};

const DONE: Option<MarkState> = Some(MarkState::Done);
const LISTED: Option<MarkState> = Some(MarkState::Listed);

stories!(
    a_disconnect_revokes_forgets_announces_and_counts_the_life_up,
    after_a_disconnect_nothing_new_is_begun,
    what_had_begun_at_a_disconnect_ends,
    a_disconnect_that_dies_at_any_call_ends_all_the_same_under_one_event_id,
    a_disconnect_of_a_dead_grant_ends_all_the_same,
    a_disconnect_that_google_does_not_answer_ends_and_says_so,
    a_disconnect_asked_for_twice_ends_one_life,
    a_next_life_begins_from_its_own_baseline_and_does_nothing_again,
    jobs_of_an_ended_life_do_nothing_in_the_next,
    a_disconnect_of_an_ended_life_does_not_end_the_next,
    mail_that_was_on_its_way_at_a_disconnect_is_not_lost_to_the_next_life,
);

impl World {
    pub(crate) async fn disconnect(&self, user: &UserId) {
        self.ask(user, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
        self.rest().await;
    }

    /// Lists what there is, and leaves its jobs in the queue.
    async fn list_only(&self, user: &UserId) {
        self.ask(user, UserJobKind::Sync, Cause::Manual).await;
        self.serve_users().await;
    }
}

async fn a_disconnect_revokes_forgets_announces_and_counts_the_life_up(world: World) {
    let user = world.connect(ADA).await;
    let cursor = world.cursor(&user).await;
    world.disconnect(&user).await;
    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.epoch, mailbox.history_id), (Epoch(2), None));
    assert_eq!(mailbox.disconnected_at, Some(world.now()));
    assert!(mailbox.refresh_token.is_none() && mailbox.access_token.is_none());
    assert!(mailbox.owed == Owed::default());
    assert_eq!(world.calls("revoke"), 1);
    let ended = world.events(EventKind::Disconnected).await;
    assert_eq!(ended.len(), 1);
    let kind = EventKind::Disconnected;
    let id = shared::events::mailbox_event_id(kind, &user, Epoch(1), Grant(1), cursor);
    assert_eq!(ended[0].event.id, id);
    assert_eq!(ended[0].event.data["revokedAtGoogle"], json!(true));
    assert_eq!(ended[0].event.data["epoch"], json!(1));
}

async fn after_a_disconnect_nothing_new_is_begun(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Listed before");
    world.list_only(&user).await;
    world.disconnect(&user).await;
    world.deliver(ADA, "Came after");
    let calls = world.google.counters().calls;
    for _ in 0..6 {
        world.poll().await;
    }
    assert_eq!(world.google.counters().calls, calls);
    assert_eq!(world.calls("messages.get"), 0);
    assert_eq!(world.state(&user, &id).await, LISTED);
    assert!(world.result(&user, &id).await.is_none());
}

async fn what_had_begun_at_a_disconnect_ends(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Fetched before");
    world.list_only(&user).await;
    let hold = Arc::new(Hold::default());
    world.effects.next("gmail.message", Strike::Holds(hold.clone()));
    let disconnect = async {
        hold.reached.notified().await;
        world.ask(&user, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
        world.serve_users().await;
        hold.release.notify_one();
    };
    futures::join!(world.serve_messages(), disconnect);
    assert_eq!(world.mailbox(&user).await.epoch, Epoch(2));
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.events_about(id.as_str()).await.len(), 1);
    world.rest().await;
}

async fn a_disconnect_that_dies_at_any_call_ends_all_the_same_under_one_event_id(world: World) {
    let user = world.connect(ADA).await;
    for call in [
        "mailboxes.disconnect",
        "oauth.revoke",
        "mailboxes.forget_tokens",
        "events.publish",
        "mailboxes.settle",
    ] {
        world.effects.next(call, Strike::DiesBefore);
        world.effects.next(call, Strike::DiesAfter);
    }
    world.disconnect(&user).await;
    for _ in 0..12 {
        world.poll().await;
    }
    assert_eq!(world.effects.outstanding(), [""; 0]);
    assert!(world.mailbox(&user).await.owed == Owed::default());
    assert_eq!(world.mailbox(&user).await.epoch, Epoch(2));
    let ended = world.events(EventKind::Disconnected).await;
    assert!(ended.len() > 1 && ended.iter().all(|seen| seen.event.id == ended[0].event.id));
}

async fn a_disconnect_of_a_dead_grant_ends_all_the_same(world: World) {
    let user = world.connect(ADA).await;
    world.google.revoke(ADA, google_sim::grants::Cause::UserRevoked).unwrap();
    world.poll().await;
    world.disconnect(&user).await;
    let ended = world.events(EventKind::Disconnected).await;
    assert_eq!((ended.len(), &ended[0].event.data["revokedAtGoogle"]), (1, &json!(true)));
    assert!(world.mailbox(&user).await.owed == Owed::default());
}

async fn a_disconnect_that_google_does_not_answer_ends_and_says_so(world: World) {
    let user = world.connect(ADA).await;
    world.fault(Method::Revoke, FaultKind::Unavailable);
    world.disconnect(&user).await;
    world.live_for(2 * HOUR).await;
    let ended = world.events(EventKind::Disconnected).await;
    assert_eq!((ended.len(), &ended[0].event.data["revokedAtGoogle"]), (1, &json!(false)));
    assert!(world.calls("revoke") >= 5, "Google was asked {} times", world.calls("revoke"));
    assert!(world.mailbox(&user).await.refresh_token.is_none());
}

async fn a_disconnect_asked_for_twice_ends_one_life(world: World) {
    let user = world.connect(ADA).await;
    world.ask(&user, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
    world.disconnect(&user).await;
    world.disconnect(&user).await;
    assert_eq!(world.mailbox(&user).await.epoch, Epoch(2));
    let mut ids: Vec<_> = world.events(EventKind::Disconnected).await;
    ids.dedup_by_key(|seen| seen.event.id.clone());
    assert_eq!(ids.len(), 1);
}

async fn a_next_life_begins_from_its_own_baseline_and_does_nothing_again(world: World) {
    let user = world.connect(ADA).await;
    let first = world.deliver_many(ADA, 3);
    world.poll().await;
    world.disconnect(&user).await;
    world.pass(HOUR);
    let between = world.deliver_labelled(ADA, &["INBOX"]);
    world.pass(HOUR);
    assert_eq!(world.connect(ADA).await, user);
    let after = world.deliver(ADA, "In the next life");
    world.poll().await;

    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.epoch, mailbox.grant), (Epoch(2), Grant(1)));
    assert_eq!(world.states(&user, &first).await, [DONE; 3], "unread, hence listed again");
    assert_eq!(world.states(&user, &[between, after]).await, [None, DONE]);
    assert_eq!(world.calls("messages.get"), 3 + 1);
    let connected = world.events(EventKind::Connected).await;
    assert_eq!(connected.len(), 2);
    assert_ne!(connected[0].event.id, connected[1].event.id);
}

async fn jobs_of_an_ended_life_do_nothing_in_the_next(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver_labelled(ADA, &["INBOX"]);
    world.list_only(&user).await;
    world.ask(&user, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
    world.serve_users().await;
    world.pass(HOUR);
    world.connect(ADA).await;
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, LISTED);
    assert_eq!(world.calls("messages.get"), 0);
}

async fn a_disconnect_of_an_ended_life_does_not_end_the_next(world: World) {
    let user = world.connect(ADA).await;
    world.disconnect(&user).await;
    world.connect(ADA).await;
    let header = JobHeader::new(user.clone(), Epoch(1), world.now(), &world.chance);
    let late =
        UserJob { header, kind: UserJobKind::Disconnect { purge: false }, cause: Cause::Manual };
    intake::send(&*world.stores.user_jobs, &[late], world.now()).await.unwrap();
    world.rest().await;
    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.epoch, mailbox.disconnected_at), (Epoch(2), None));
    assert!(mailbox.is_readable());
}

async fn mail_that_was_on_its_way_at_a_disconnect_is_not_lost_to_the_next_life(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Unread, listed, and never fetched");
    world.list_only(&user).await;
    world.disconnect(&user).await;
    world.pass(HOUR);
    world.connect(ADA).await;
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
}
