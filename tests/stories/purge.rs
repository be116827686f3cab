//! A purge deletes everything, twice, and leaves a row without a person in it and a receipt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use google_sim::faults::FaultKind;
use google_sim::methods::Method;
use oauth_callback::after_consent::{Given, NotYet, after_consent};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::events::EventKind;
use shared::goodbye::SETTLING;
use shared::ids::{Epoch, MessageId, UserId};
use shared::jobs::{Cause, JobHeader, UserJob, UserJobKind, encode};
use shared::ledger::LetterState;
use shared::mailbox::{Mailbox, Owed};
use shared::mark::MarkState;
use shared::queue::Outgoing;
use shared::reason::Reason;
use simulation::hand::{Hold, Strike};

use super::world::{ADA, DAY, HOUR, MINUTE, World};

const BEN: &str = "ben@example.com";

const PURGE: UserJobKind = UserJobKind::Disconnect { purge: true };

stories!(
    a_purge_with_mail_in_flight_leaves_a_row_without_a_person_and_a_receipt,
    a_purge_takes_what_was_parked_and_what_is_parked_later,
    a_letter_that_is_parked_while_its_life_is_buried_is_not_kept,
    a_letter_whose_life_is_buried_while_it_is_parked_is_taken_back,
    a_purge_of_one_mailbox_takes_nothing_of_another,
    a_purge_that_dies_at_any_call_ends_all_the_same_under_one_event_id,
    a_purge_that_google_does_not_answer_ends_and_says_so,
    until_the_second_pass_a_job_does_nothing_and_nobody_connects,
    after_a_purge_the_next_life_counts_on_and_gets_its_mail,
    a_mailbox_that_was_disconnected_before_can_be_purged,
    a_purge_asked_for_while_a_disconnect_is_on_its_way_is_not_lost,
    a_purge_asked_for_twice_is_one,
    a_large_mailbox_is_purged_in_turns,
);

impl World {
    async fn purge(&self, user: &UserId) {
        self.ask(user, PURGE, Cause::Manual).await;
        self.rest().await;
    }

    /// A job of the mailbox comes to the end of its tries.
    async fn dies_in(&self, user: &UserId, epoch: Epoch) {
        let header = JobHeader::new(user.clone(), epoch, self.now(), &self.chance);
        let job = UserJob { header, kind: UserJobKind::Sync, cause: Cause::Schedule };
        let reason = BTreeMap::from([("reason".to_owned(), Reason::TooManyTries.to_string())]);
        let (body, group) = (encode(&job), Some(user.clone()));
        let out = Outgoing { body, group, delay: Duration::ZERO, attributes: reason };
        assert_eq!(self.stores.dead_user_jobs.send(vec![out]).await.unwrap(), []);
    }

    /// The receipt's event, which is the only one that is left.
    async fn receipt(&self, user: &UserId) -> Value {
        let seen = self.events_about(user.as_str()).await;
        let last = seen.last().expect("a receipt");
        assert_eq!(last.event.kind, EventKind::Disconnected);
        last.event.data.clone()
    }

    /// Everything that is kept, as text: tables, queues, files and their names.
    async fn kept(&self) -> Vec<String> {
        let mut kept = (self.backend.dump)();
        let archive = &self.backend.stores.archive;
        for key in archive.keys("", None, 10_000).await.unwrap() {
            let bytes = archive.get(&key).await.unwrap().unwrap();
            kept.push(format!("{key} {}", String::from_utf8_lossy(&bytes)));
        }
        for seen in self.published().await {
            kept.push(serde_json::to_string(&seen.event).unwrap() + &seen.attributes.to_string());
        }
        kept.extend(self.letters().await.into_iter().map(|letter| format!("{letter:?}")));
        let round = self.backend.stores.control.read("round", self.now()).await.unwrap();
        kept.extend(round.map(|item| item.value));
        kept
    }

    /// Where a text stands that should not.
    async fn finds(&self, text: &str) -> Vec<String> {
        self.kept().await.into_iter().filter(|kept| kept.contains(text)).collect()
    }

    async fn has_no_mark_of(&self, user: &UserId, ids: &[MessageId]) -> bool {
        self.states(user, ids).await.iter().all(Option::is_none)
    }
}

fn is_tombstone(row: &Mailbox) -> bool {
    row.email.is_empty()
        && row.scopes.is_empty()
        && row.refresh_token.is_none()
        && row.access_token.is_none()
        && row.history_id.is_none()
        && row.owed == Owed::default()
        && row.purged.is_some_and(|purged| purged.epoch.next() == row.epoch)
}

async fn a_purge_with_mail_in_flight_leaves_a_row_without_a_person_and_a_receipt(world: World) {
    let user = world.connect(ADA).await;
    let mut ids = world.deliver_many(ADA, 3);
    ids.push(world.deliver(ADA, "Marker-4711"));
    world.poll().await;
    assert!(!world.finds("Marker-4711").await.is_empty() && !world.finds("lunch").await.is_empty());
    ids.push(world.deliver(ADA, "In flight"));
    world.ask(&user, UserJobKind::Sync, Cause::Manual).await;
    world.serve_users().await;
    // Fetched, and not yet stored, when the purge comes: it writes after the first pass.
    let hold = Arc::new(Hold::default());
    world.effects.next("gmail.message", Strike::Holds(hold.clone()));
    let purge = async {
        hold.reached.notified().await;
        world.ask(&user, PURGE, Cause::Manual).await;
        world.serve_users().await;
        assert_eq!(world.keys_of(&user).await, [""; 0], "the first pass is made at once");
        hold.release.notify_one();
    };
    futures::join!(world.serve_messages(), purge);
    assert_ne!(world.keys_of(&user).await, [""; 0], "this is what the second pass is for");
    world.rest().await;
    world.live_for(HOUR).await;

    let row = world.mailbox(&user).await;
    assert!(is_tombstone(&row) && row.epoch == Epoch(2));
    assert!(world.has_no_mark_of(&user, &ids).await);
    let receipt = world.receipt(&user).await;
    assert_eq!(receipt["revokedAtGoogle"], json!(true));
    let places: Vec<_> = receipt["purge"]["remains"].as_array().unwrap().iter().collect();
    assert_eq!(places.len(), 3);
    let until: Timestamp = places[0]["until"].as_str().unwrap().parse().unwrap();
    assert_eq!(until.since(row.purged.unwrap().at), 35 * DAY);
    for text in ["Marker-4711", "In flight", "lunch", ADA, "Number 1", ids[0].as_str()] {
        assert_eq!(world.finds(text).await, [""; 0], "{text}");
    }
    let named = world.finds(&format!("\"{user}\"")).await;
    let only_ours = |kept: &&String| kept.contains("mailbox.disconnected") || kept.contains("row:");
    assert!(named.iter().all(|kept| only_ours(&kept)), "{named:#?}");
}

impl World {
    async fn keys_of(&self, user: &UserId) -> Vec<String> {
        let archive = &self.backend.stores.archive;
        let keys = archive.keys("", None, 10_000).await.unwrap();
        keys.into_iter().filter(|key| key.contains(&format!("/{user}/"))).collect()
    }
}

async fn a_purge_takes_what_was_parked_and_what_is_parked_later(world: World) {
    let user = world.connect(ADA).await;
    world.deliver(ADA, "Hello");
    world.fault(Method::MessagesGet, FaultKind::Unavailable);
    world.poll().await;
    world.live_for(2 * HOUR).await;
    assert_eq!(world.only_letter().await.state, LetterState::Parked);
    world.purge(&user).await;
    assert!(world.letters().await.is_empty());
    // A job of the life that ended, which lay in its dead-letter queue all the while; and one of the void after it.
    for epoch in [Epoch(1), Epoch(2)] {
        world.dies_in(&user, epoch).await;
    }
    world.rest().await;
    assert!(world.letters().await.is_empty());
}

async fn a_letter_that_is_parked_while_its_life_is_buried_is_not_kept(world: World) {
    let user = world.connect(ADA).await;
    world.ask(&user, PURGE, Cause::Manual).await;
    world.serve_users().await;
    world.pass(SETTLING);
    // It is parked, and its mailbox looked at, after the last letters were deleted and before the row is a void.
    let hold = Arc::new(Hold::default());
    world.effects.next("events.forget", Strike::Holds(hold.clone()));
    let park = async {
        hold.reached.notified().await;
        world.dies_in(&user, Epoch(1)).await;
        world.serve_desk().await;
        assert_eq!(world.only_letter().await.state, LetterState::Discarded);
        hold.release.notify_one();
    };
    futures::join!(world.serve_users(), park);
    assert!(is_tombstone(&world.mailbox(&user).await));
    assert!(world.letters().await.is_empty());
}

async fn a_letter_whose_life_is_buried_while_it_is_parked_is_taken_back(world: World) {
    for dies in [false, true] {
        let user = world.connect(if dies { ADA } else { BEN }).await;
        world.ask(&user, PURGE, Cause::Manual).await;
        world.serve_users().await;
        world.pass(SETTLING);
        world.dies_in(&user, Epoch(1)).await;
        // The desk has seen the row as it was, and the rest happens before it goes on.
        let hold = Arc::new(Hold::default());
        world.effects.next("mailboxes.get", Strike::Holds(hold.clone()));
        if dies {
            world.effects.next("letters.park", Strike::DiesAfter);
        }
        let bury = async {
            hold.reached.notified().await;
            world.serve_users().await;
            hold.release.notify_one();
        };
        futures::join!(world.serve_desk(), bury);
        assert!(is_tombstone(&world.mailbox(&user).await));
        assert_eq!(world.letters().await.len(), usize::from(dies), "who died has not looked again");
        world.rest().await;
        assert!(world.letters().await.is_empty());
    }
}

async fn a_purge_of_one_mailbox_takes_nothing_of_another(world: World) {
    let (ada, ben) = (world.connect(ADA).await, world.connect(BEN).await);
    let hers = world.deliver(ADA, "Hers");
    let his = world.deliver(BEN, "His");
    world.poll().await;
    let before = world.mailbox(&ben).await;
    world.purge(&ada).await;
    assert!(world.has_no_mark_of(&ada, &[hers]).await);
    assert_eq!(world.state(&ben, &his).await, Some(MarkState::Done));
    assert!(world.result(&ben, &his).await.is_some() && world.original(&ben, &his).await.is_some());
    assert!(world.mailbox(&ben).await == before);
    assert_eq!(world.events_about(his.as_str()).await.len(), 1);
    assert_eq!(world.events_about(ben.as_str()).await.len(), 1);
}

async fn a_purge_that_dies_at_any_call_ends_all_the_same_under_one_event_id(world: World) {
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 3);
    world.poll().await;
    for call in [
        "mailboxes.disconnect",
        "oauth.revoke",
        "mailboxes.forget_tokens",
        "archive.remove",
        "index.forget",
        "letters.forget",
        "marks.forget",
        "events.forget",
        "mailboxes.purge_again",
        "mailboxes.bury",
        "events.publish",
        "mailboxes.settle",
    ] {
        world.effects.next(call, Strike::DiesBefore);
        world.effects.next(call, Strike::DiesAfter);
    }
    world.purge(&user).await;
    for _ in 0..30 {
        world.poll().await;
    }
    assert_eq!(world.effects.outstanding(), [""; 0]);
    let row = world.mailbox(&user).await;
    assert!(is_tombstone(&row) && row.epoch == Epoch(2));
    assert!(world.has_no_mark_of(&user, &ids).await && world.keys_of(&user).await.is_empty());
    let told = world.events(EventKind::Disconnected).await;
    assert!(told.iter().all(|seen| seen.event.id == told[0].event.id));
    assert!(told.iter().all(|seen| seen.event.data == told[0].event.data), "in the same words");
    assert_eq!(told[0].event.data["revokedAtGoogle"], json!(true));
}

async fn a_purge_that_google_does_not_answer_ends_and_says_so(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.poll().await;
    world.fault(Method::Revoke, FaultKind::Unavailable);
    world.purge(&user).await;
    world.live_for(2 * HOUR).await;
    assert!(is_tombstone(&world.mailbox(&user).await));
    assert!(world.has_no_mark_of(&user, &[id]).await);
    assert_eq!(world.receipt(&user).await["revokedAtGoogle"], json!(false));
    let asked = world.calls("revoke");
    assert!((5..20).contains(&asked), "Google was asked {asked} times");
}

async fn until_the_second_pass_a_job_does_nothing_and_nobody_connects(world: World) {
    let user = world.connect(ADA).await;
    world.ask(&user, PURGE, Cause::Manual).await;
    world.serve_users().await;
    let first_pass = world.now();
    let calls = || {
        ["archive.", "marks.", "letters.", "events.", "oauth.", "gmail."]
            .map(|it| world.effects.count(it))
    };
    let before = calls();
    world.pass(MINUTE);
    world.round().await;
    world.serve_users().await;
    assert_eq!(calls(), before);
    let row = world.mailbox(&user).await;
    let (given, backfill) = (Given::RefreshToken, &world.settings.backfill);
    let tried = after_consent(Some(&row), &user, None, given, backfill, world.now());
    let over_by = first_pass + SETTLING + MINUTE;
    assert_eq!(tried, Err(NotYet::StillDisconnecting(Some(over_by))));
    world.rest().await;
    let row = world.mailbox(&user).await;
    assert!(is_tombstone(&row));
    assert!(row.purged.unwrap().at <= over_by, "what the page says is true");
    assert!(after_consent(Some(&row), &user, None, given, backfill, over_by).is_ok());
}

async fn after_a_purge_the_next_life_counts_on_and_gets_its_mail(world: World) {
    let user = world.connect(ADA).await;
    let first = world.deliver(ADA, "Of the first life");
    world.poll().await;
    world.purge(&user).await;
    world.pass(HOUR);
    assert_eq!(world.connect(ADA).await, user);
    let second = world.deliver(ADA, "Of the second");
    world.poll().await;
    let row = world.mailbox(&user).await;
    assert!(row.is_readable() && row.email == ADA && row.epoch == Epoch(2));
    assert_eq!(world.state(&user, &second).await, Some(MarkState::Done));
    // It is still unread, and Gmail has it: whoever connects anew gets it anew.
    assert_eq!(world.state(&user, &first).await, Some(MarkState::Done));
    assert!(world.result(&user, &first).await.is_some());
    world.purge(&user).await;
    let row = world.mailbox(&user).await;
    assert!(is_tombstone(&row) && row.epoch == Epoch(3));
    assert!(world.has_no_mark_of(&user, &[first, second]).await);
}

async fn a_mailbox_that_was_disconnected_before_can_be_purged(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.poll().await;
    world.ask(&user, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
    world.rest().await;
    let plain = world.events(EventKind::Disconnected).await;
    assert!(world.original(&user, &id).await.is_some());
    world.pass(DAY);
    world.purge(&user).await;
    assert!(is_tombstone(&world.mailbox(&user).await));
    assert!(world.original(&user, &id).await.is_none());
    let told = world.events(EventKind::Disconnected).await;
    assert_ne!(told[0].event.id, plain[0].event.id, "consumers would drop a repetition");
    assert_eq!(told[0].event.data["revokedAtGoogle"], Value::Null, "that was told before");
    assert_eq!(world.calls("revoke"), 1);
}

async fn a_purge_asked_for_while_a_disconnect_is_on_its_way_is_not_lost(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.poll().await;
    world.ask(&user, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
    world.purge(&user).await;
    assert!(is_tombstone(&world.mailbox(&user).await));
    assert!(world.original(&user, &id).await.is_none());
}

async fn a_purge_asked_for_twice_is_one(world: World) {
    let user = world.connect(ADA).await;
    world.ask(&user, PURGE, Cause::Manual).await;
    world.purge(&user).await;
    let row = world.mailbox(&user).await;
    world.pass(HOUR);
    world.purge(&user).await;
    assert!(world.mailbox(&user).await == row && row.epoch == Epoch(2));
}

async fn a_large_mailbox_is_purged_in_turns(world: World) {
    let user = world.connect(ADA).await;
    let archive = &world.backend.stores.archive;
    for number in 0..6_000 {
        let key = format!("raw/{user}/m{number}.eml");
        archive.put(&key, Vec::new(), "message/rfc822").await.unwrap();
    }
    world.ask(&user, PURGE, Cause::Manual).await;
    world.serve_users().await;
    let left = world.keys_of(&user).await.len();
    assert!(left > 0 && left < 6_000, "one run of a function has its limit");
    world.rest().await;
    assert!(world.keys_of(&user).await.is_empty());
    assert!(is_tombstone(&world.mailbox(&user).await));
}
