//! Deleting a mailbox: its marks, its letters, its objects, its events, and its row.

use std::time::Duration;

use shared::goodbye::{DisconnectDebt, Purged, Revoked};
use shared::ids::{Epoch, Grant, HistoryId, JobId, MessageId};
use shared::ledger::{
    Advance, DeadLetter, History, LetterFilter, LetterState, NewAccess, Segment, StageName,
};
use shared::mailbox::{Mailbox, Owed};
use shared::mark::{Listing, MarkState};
use shared::reason::Reason;
use shared::sealing::Sealed;
use shared::store::StoreError;
use shared::store::Write::{Applied, Stale};

use super::world::{World, start, user};

const MINUTES: Duration = Duration::from_mins(6);

fn debt(mailbox: &Mailbox) -> DisconnectDebt {
    DisconnectDebt::new("end".into(), mailbox.epoch, mailbox.grant, start()).with_purge()
}

fn letter(owner: &str, number: usize) -> DeadLetter {
    DeadLetter {
        user_id: Some(user(owner)),
        job_id: format!("j{number}").parse().unwrap(),
        stage: StageName::UserWorker,
        reason: Reason::Waiting,
        error: "waits".into(),
        tries: 1,
        first_seen_at: start(),
        last_seen_at: start(),
        payload: "{}".into(),
        state: LetterState::Resolved,
        retries: 0,
        retry_at: None,
        history: History::default(),
    }
}

impl World {
    async fn ended(&self, name: &str) -> Mailbox {
        let alive = self.connected(name).await;
        let ended = self.here.mailboxes.disconnect(&alive.user_id, debt(&alive)).await;
        assert_eq!(ended.unwrap(), Applied);
        self.mailbox(name).await
    }

    /// Both passes are over.
    async fn buried(&self, name: &str) -> Mailbox {
        let ended = self.ended(name).await;
        let users = &self.here.mailboxes;
        let (who, life) = (&ended.user_id, Epoch(1));
        assert_eq!(users.forget_tokens(who, life, Revoked::Yes).await.unwrap(), Applied);
        let again = users.purge_again(who, life, start() + MINUTES).await;
        assert_eq!(again.unwrap(), Applied);
        assert_eq!(users.bury(who, life, start() + MINUTES).await.unwrap(), Applied);
        self.mailbox(name).await
    }

    async fn list_all(&self, owner: &str, epoch: u32, ids: &[MessageId]) {
        let job: JobId = "j1".parse().unwrap();
        let listing = |id: &MessageId| Listing {
            message_id: id.clone(),
            job_id: job.clone(),
            state: MarkState::Listed,
        };
        let listings: Vec<_> = ids.iter().map(listing).collect();
        let marks = &self.here.marks;
        marks.list(&user(owner), Epoch(epoch), &listings, self.now()).await.unwrap();
    }
}

async fn marks_are_deleted_page_by_page_and_those_of_others_stay(world: World) {
    let ids: Vec<MessageId> = (0..7).map(|n| format!("m{n}").parse().unwrap()).collect();
    for owner in ["4", "42"] {
        world.list_all(owner, 1, &ids[..4]).await;
        world.list_all(owner, 2, &ids[4..]).await;
    }
    let mut deleted = Vec::new();
    while deleted.last() != Some(&0) {
        deleted.push(world.here.marks.forget(&user("4"), 3).await.unwrap());
    }
    assert_eq!(deleted.iter().sum::<usize>(), 7);
    assert!(deleted.iter().all(|page| *page <= 3));
    let there = async |owner| world.there.marks.get(&user(owner), &ids).await.unwrap();
    assert!(there("4").await.iter().all(Option::is_none));
    assert!(there("42").await.iter().all(Option::is_some));
}

async fn letters_are_deleted_page_by_page_and_those_of_others_stay(world: World) {
    for owner in ["4", "42"] {
        for number in 0..5 {
            world.here.letters.park(letter(owner, number)).await.unwrap();
        }
    }
    let mut deleted = Vec::new();
    while deleted.last() != Some(&0) {
        deleted.push(world.here.letters.forget(&user("4"), 2).await.unwrap());
    }
    assert_eq!(deleted.iter().sum::<usize>(), 5);
    assert!(deleted.iter().all(|page| *page <= 2));
    let left = world.there.letters.list(&LetterFilter::default(), None, 99).await.unwrap();
    assert!(left.len() == 5 && left.iter().all(|it| it.user_id == Some(user("42"))));
}

async fn a_letter_is_withdrawn_and_what_was_parked_in_its_place_stays(world: World) {
    let letters = &world.here.letters;
    let (first, other) = (letter("4", 1), letter("4", 2));
    for parked in [&first, &other] {
        letters.park(parked.clone()).await.unwrap();
    }
    letters.withdraw(&first).await.unwrap();
    letters.withdraw(&first).await.unwrap();
    let next = DeadLetter { payload: r#"{"epoch":3}"#.into(), ..first.clone() };
    letters.park(next.clone()).await.unwrap();
    letters.withdraw(&first).await.unwrap();
    let left = world.there.letters.list(&LetterFilter::default(), None, 99).await.unwrap();
    assert_eq!(left.len(), 2);
    assert!(left[0].payload == next.payload && left[1].payload == other.payload);
}

async fn a_folder_of_objects_is_deleted_page_by_page_and_what_only_begins_so_stays(world: World) {
    let archive = &world.here.archive;
    let doomed = ["results/4/2026/05/01/a.json", "results/4/2026/05/02/b.json", "results/4/c"];
    let kept = ["raw/4/a.eml", "results/4.json", "results/42/2026/05/01/a.json", "results/5/a"];
    for key in doomed.iter().chain(&kept) {
        archive.put(key, key.as_bytes().into(), "text/plain").await.unwrap();
    }
    let mut deleted = Vec::new();
    while deleted.last() != Some(&0) {
        deleted.push(archive.remove("results/4/", 2).await.unwrap());
    }
    assert!(deleted.iter().sum::<usize>() >= 3 && deleted.iter().all(|page| *page <= 2));
    let mut left = world.there.archive.keys("", None, 99).await.unwrap();
    left.sort();
    assert_eq!(left, kept);
    // Nothing stands in the way of its coming back.
    archive.put_new(doomed[0], b"again".to_vec(), "text/plain").await.map(drop).unwrap();
    assert_eq!(world.there.archive.keys("results/4/", None, 9).await.unwrap(), [doomed[0]]);
}

async fn what_is_no_folder_is_not_deleted(world: World) {
    world.here.archive.put("results/42/a", b"x".to_vec(), "text/plain").await.unwrap();
    for bad in ["", "/", "results/4", "results", "../", "results/../", "results//", ".drafts/"] {
        let removed = world.here.archive.remove(bad, 9).await;
        assert!(matches!(removed, Err(StoreError::Broken { .. })), "{bad:?}");
    }
    assert_eq!(world.here.archive.remove("results/4/", 9).await.unwrap(), 0);
    assert_eq!(world.keys_everywhere().await, ["results/42/a"]);
}

impl World {
    async fn keys_everywhere(&self) -> Vec<String> {
        self.there.archive.keys("", None, 99).await.unwrap()
    }
}

async fn a_purge_ends_with_a_row_of_id_epoch_and_times(world: World) {
    let ended = world.ended("ada").await;
    let users = &world.here.mailboxes;
    let (who, life, soon) = (&ended.user_id, Epoch(1), start() + MINUTES);
    let bury = |at| users.bury(who, life, at);
    assert_eq!(users.purge_again(who, Epoch(2), soon).await.unwrap(), Stale);
    assert_eq!(bury(soon).await.unwrap(), Stale, "the first pass is not over");
    assert_eq!(users.forget_tokens(who, life, Revoked::No).await.unwrap(), Applied);
    assert_eq!(users.forget_tokens(who, life, Revoked::Yes).await.unwrap(), Applied);
    assert_eq!(users.purge_again(who, life, soon).await.unwrap(), Applied);
    assert_eq!(users.purge_again(who, life, soon + MINUTES).await.unwrap(), Stale);
    assert_eq!(bury(soon - Duration::from_millis(1)).await.unwrap(), Stale, "too early");
    assert_eq!(bury(soon).await.unwrap(), Applied);
    assert_eq!(bury(soon + MINUTES).await.unwrap(), Stale);
    let left = world.mailbox("ada").await;
    assert_eq!((left.email.as_str(), left.reference.as_deref()), ("", None));
    assert!(left.scopes.is_empty() && left.refresh_token.is_none());
    assert_eq!((left.epoch, left.grant), (Epoch(2), Grant(0)));
    assert_eq!((left.connected_at, left.disconnected_at), (start(), Some(start())));
    let purged = Purged { epoch: life, at: soon, revoked: Revoked::No };
    assert_eq!(left.purged, Some(purged), "the first answer of Google's stands");
    let debt = left.owed.disconnect.clone().unwrap();
    assert_eq!(debt.purge.clone().unwrap().reference.as_deref(), Some("crm-7"));
    users.settle(who, Owed { disconnect: Some(debt), ..Owed::default() }).await.unwrap();
    assert_eq!(world.mailbox("ada").await.owed, Owed::default());
}

async fn a_life_that_has_ended_can_be_purged_later_and_once(world: World) {
    let alive = world.connected("ada").await;
    let users = &world.here.mailboxes;
    let plain = DisconnectDebt { purge: None, ..debt(&alive) };
    let ended = users.disconnect(&alive.user_id, plain.clone()).await;
    assert_eq!(ended.unwrap(), Applied);
    let paid = Owed { disconnect: Some(plain.clone()), ..Owed::default() };
    users.settle(&alive.user_id, paid).await.unwrap();
    let late = DisconnectDebt { id: "late".into(), ..debt(&alive) };
    let purge = |debt: &DisconnectDebt| users.disconnect(&alive.user_id, debt.clone());
    assert_eq!(purge(&plain).await.unwrap(), Stale);
    let other = DisconnectDebt { epoch: Epoch(2), ..late.clone() };
    assert_eq!(purge(&other).await.unwrap(), Stale);
    assert_eq!(purge(&late).await.unwrap(), Applied);
    assert_eq!(purge(&late).await.unwrap(), Stale);
    let owed = world.mailbox("ada").await.owed.disconnect.unwrap();
    assert_eq!((owed.id.as_str(), owed.revoked), ("late", Some(Revoked::Before)));
}

async fn nobody_connects_while_a_purge_is_owed(world: World) {
    let ended = world.ended("ada").await;
    let mut consent = world.consent("ada", Some((ended.epoch, ended.grant)));
    consent.new_life = true;
    assert_eq!(world.here.mailboxes.connect(consent).await.unwrap(), Stale);
}

async fn what_was_under_way_writes_nothing_into_a_row_that_is_purged(world: World) {
    let alive = world.connected("4").await;
    let void = world.buried("42").await;
    let users = &world.here.mailboxes;
    let life = shared::ledger::Life { user: &void.user_id, ..alive.life() };
    let sealed = Sealed("late".into());
    let access =
        NewAccess { sealed, version: 9, expiry: start(), refresh_token: Some(Sealed("r".into())) };
    assert_eq!(users.store_access(life, access).await.unwrap(), Stale);
    let moved =
        Advance { to: HistoryId(9), fetched_at: start(), found_mail: true, announcement: None };
    assert_eq!(users.advance(void.standing(), moved).await.unwrap(), Stale);
    assert_eq!(
        users.pause(life.user, Epoch(2), shared::reason::PauseReason::Operator).await.unwrap(),
        Stale
    );
    assert!(world.mailbox("42").await == void);
    let page = world.there.mailboxes.scan(Segment { index: 0, total: 1 }, None, 9).await.unwrap();
    let void = page.mailboxes.iter().find(|it| it.user_id == void.user_id).unwrap();
    assert!(!void.readable && void.owes);
}

async fn a_life_after_a_purge_begins_at_the_next_epoch_and_remembers_it(world: World) {
    let void = world.buried("ada").await;
    let owed = Owed { disconnect: void.owed.disconnect.clone(), ..Owed::default() };
    world.here.mailboxes.settle(&void.user_id, owed).await.unwrap();
    let mut consent = world.consent("ada", Some((void.epoch, void.grant)));
    consent.new_life = true;
    assert_eq!(world.here.mailboxes.connect(consent).await.unwrap(), Applied);
    let born = world.mailbox("ada").await;
    assert!(born.is_readable() && born.epoch == Epoch(2));
    assert!(born.has_forgotten(Epoch(1)) && !born.has_forgotten(Epoch(2)));
}

async fn events_about_a_mailbox_are_deleted_where_they_are_kept(world: World) {
    use shared::events::{Attributes, Event, EventKind};
    let about = |owner: &str| {
        let (kind, data) = (EventKind::Connected, serde_json::json!({}));
        let mut event = Event::new("local", owner.into(), kind, owner.into(), start(), data);
        event.attributes = Attributes { user_id: Some(user(owner)), ..Attributes::default() };
        event
    };
    let batch = [about("4"), about("42"), about("4")];
    assert_eq!(world.here.events.publish(&batch).await.unwrap(), [0; 0]);
    world.here.events.forget(&user("4")).await.unwrap();
    world.here.events.forget(&user("nobody")).await.unwrap();
    if world.keeps_events() {
        assert_eq!(world.published().await, ["42"]);
    }
}

promises!(
    marks_are_deleted_page_by_page_and_those_of_others_stay,
    letters_are_deleted_page_by_page_and_those_of_others_stay,
    a_letter_is_withdrawn_and_what_was_parked_in_its_place_stays,
    a_folder_of_objects_is_deleted_page_by_page_and_what_only_begins_so_stays,
    what_is_no_folder_is_not_deleted,
    a_purge_ends_with_a_row_of_id_epoch_and_times,
    a_life_that_has_ended_can_be_purged_later_and_once,
    nobody_connects_while_a_purge_is_owed,
    what_was_under_way_writes_nothing_into_a_row_that_is_purged,
    a_life_after_a_purge_begins_at_the_next_epoch_and_remembers_it,
    events_about_a_mailbox_are_deleted_where_they_are_kept,
);
