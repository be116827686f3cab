//! The index of results.

use shared::category::Category;
use shared::ids::{Generation, MessageId};
use shared::index::Entry;

use super::world::{World, start, user};

fn id(name: &str) -> MessageId {
    name.parse().unwrap()
}

fn entry(name: &str, generation: u32) -> Entry {
    Entry {
        message_id: id(name),
        key: format!("packed/dt=2026-05-01/42-{generation:016x}.ndjson.gz"),
        line: Some(generation),
        generation: Generation(generation),
        internal_date: Some(start()),
        category: Category::AutoReply,
        labels: vec!["finance".to_owned(), "it's \"kept\"".to_owned()],
        has_attachments: true,
    }
}

impl World {
    async fn note(&self, owner: &str, entries: &[Entry]) {
        self.here.index.note(&user(owner), entries).await.unwrap();
    }

    async fn indexed(&self, owner: &str) -> Vec<Entry> {
        self.there.index.entries(&user(owner), None, 1_000).await.unwrap()
    }
}

async fn an_entry_reads_back_as_it_was_noted(world: World) {
    let plain = Entry {
        key: "results/42/2026/05/01/m2.json".to_owned(),
        line: None,
        internal_date: None,
        labels: vec![],
        has_attachments: false,
        ..entry("m2", 0)
    };
    let both = [entry("m1", 3), plain];
    world.note("42", &both).await;
    assert_eq!(world.indexed("42").await, both);
    world.note("42", &both).await;
    assert_eq!(world.indexed("42").await, both);
    assert_eq!(world.indexed("4").await, []);
}

async fn a_judgement_goes_forward_only(world: World) {
    world.note("42", &[entry("m1", 1)]).await;
    world.note("42", &[entry("m1", 0), entry("m2", 0)]).await;
    assert_eq!(world.indexed("42").await, [entry("m1", 1), entry("m2", 0)]);
    world.note("42", &[entry("m1", 2)]).await;
    assert_eq!(world.indexed("42").await, [entry("m1", 2), entry("m2", 0)]);
    // Where a pack was gone and written anew, the same judgement is elsewhere.
    let elsewhere = Entry { line: Some(9), ..entry("m2", 0) };
    world.note("42", std::slice::from_ref(&elsewhere)).await;
    assert_eq!(world.indexed("42").await, [entry("m1", 2), elsewhere]);
}

async fn of_those_who_note_at_once_the_latest_judgement_stands(world: World) {
    let notes = (0..20).map(|generation| {
        let stores = if generation % 2 == 0 { &world.here } else { &world.there };
        let (index, entry) = (stores.index.clone(), [entry("m1", generation)]);
        async move { index.note(&user("42"), &entry).await.unwrap() }
    });
    futures::future::join_all(notes).await;
    assert_eq!(world.indexed("42").await, [entry("m1", 19)]);
}

async fn entries_come_in_order_and_page_by_page(world: World) {
    let all: Vec<Entry> = (0..250).map(|number| entry(&format!("m{number:03}"), 0)).collect();
    world.note("42", &all).await;
    world.note("421", &[entry("m000", 7)]).await;
    let (mut found, mut after) = (vec![], None);
    loop {
        let page = world.there.index.entries(&user("42"), after.as_ref(), 100).await.unwrap();
        after = page.last().map(|entry| entry.message_id.clone());
        let is_last = page.len() < 100;
        found.extend(page);
        if is_last {
            break;
        }
    }
    assert_eq!(found, all);
}

async fn entries_are_deleted_page_by_page_and_those_of_others_stay(world: World) {
    let entries: Vec<Entry> = (0..7).map(|number| entry(&format!("m{number}"), 0)).collect();
    for owner in ["4", "42"] {
        world.note(owner, &entries).await;
    }
    let mut deleted = Vec::new();
    while deleted.last() != Some(&0) {
        deleted.push(world.here.index.forget(&user("4"), 3).await.unwrap());
    }
    assert_eq!(deleted.iter().sum::<usize>(), 7);
    assert!(deleted.iter().all(|page| *page <= 3));
    assert_eq!((world.indexed("4").await, world.indexed("42").await), (vec![], entries));
}

promises!(
    an_entry_reads_back_as_it_was_noted,
    a_judgement_goes_forward_only,
    of_those_who_note_at_once_the_latest_judgement_stands,
    entries_come_in_order_and_page_by_page,
    entries_are_deleted_page_by_page_and_those_of_others_stay,
);
