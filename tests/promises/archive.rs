//! The archive.

use std::sync::Arc;

use shared::archive::{Archive, Put};
use shared::store::{StoreError, Write};

use super::world::World;

const JSON: &str = "application/json";

const HOSTILE: [&str; 24] = [
    "",
    "/",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/..",
    "/etc/passwd",
    "a//b",
    "a/",
    "a/./b",
    ".hidden",
    "a/.hidden",
    "a\\b",
    "..\\x",
    "C:x",
    "a b",
    "a\0b",
    "a\nb",
    "ä",
    "a/%2e%2e/b",
    "~root",
    "a*",
    ".drafts/0/0",
];

impl World {
    async fn put(&self, key: &str) {
        self.here.archive.put(key, key.into(), JSON).await.unwrap();
    }

    async fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
        self.there.archive.keys(prefix, after, limit).await.unwrap()
    }
}

async fn an_object_is_read_as_it_was_stored(world: World) {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let stored = world.here.archive.put_new("raw/42/m1.eml", bytes.clone(), JSON).await;
    assert_eq!(stored.unwrap(), Put::Stored);
    assert_eq!(world.there.archive.get("raw/42/m1.eml").await.unwrap(), Some(bytes));
    for absent in ["raw/42/m2.eml", "raw/42", "raw/42/m1.eml/x", "none/at/all"] {
        assert_eq!(world.there.archive.get(absent).await.unwrap(), None, "{absent}");
    }
}

async fn an_empty_object_is_an_object(world: World) {
    assert_eq!(world.here.archive.put_new("a", Vec::new(), JSON).await.unwrap(), Put::Stored);
    assert_eq!(world.here.archive.get("a").await.unwrap(), Some(Vec::new()));
    assert_eq!(world.here.archive.put_new("a", b"x".to_vec(), JSON).await.unwrap(), Put::Exists);
}

async fn the_first_write_wins(world: World) {
    let put = |archive: &Arc<dyn Archive>, text: &'static str| {
        let archive = archive.clone();
        async move { archive.put_new("results/42/m1.json", text.into(), JSON).await.unwrap() }
    };
    assert_eq!(put(&world.here.archive, "first").await, Put::Stored);
    assert_eq!(put(&world.there.archive, "second").await, Put::Exists);
    let found = world.here.archive.get("results/42/m1.json").await.unwrap();
    assert_eq!(found.as_deref(), Some(&b"first"[..]));
}

async fn an_object_is_replaced_while_it_is_the_one_that_was_read(world: World) {
    let (here, there, key) = (&world.here.archive, &world.there.archive, "results/42/m1.json");
    world.put(key).await;
    let read = here.read(key).await.unwrap().unwrap();
    assert_eq!(read.bytes, key.as_bytes());
    let replaced = there.replace(key, b"second".to_vec(), JSON, &read.version).await.unwrap();
    assert_eq!(replaced, Write::Applied);
    let late = here.replace(key, b"third".to_vec(), JSON, &read.version).await.unwrap();
    assert_eq!(late, Write::Stale);
    let now = here.read(key).await.unwrap().unwrap();
    assert_eq!(now.bytes, b"second");
    assert!(there.remove("results/42/", 10).await.unwrap() > 0);
    let gone = here.replace(key, b"fourth".to_vec(), JSON, &now.version).await.unwrap();
    assert_eq!((gone, here.get(key).await.unwrap()), (Write::Stale, None));
    assert!(here.read(key).await.unwrap().is_none());
}

async fn of_eight_that_replace_one_object_one_does(world: World) {
    let key = "results/42/m1.json";
    world.put(key).await;
    for round in 0..5 {
        let read = world.here.archive.read(key).await.unwrap().unwrap();
        let racers = (0..8_u8).map(|racer| {
            let stores = if racer % 2 == 0 { &world.here } else { &world.there };
            let (archive, version) = (stores.archive.clone(), read.version.clone());
            let bytes = format!("{round} {racer}").into_bytes();
            async move { archive.replace(key, bytes, JSON, &version).await.unwrap() }
        });
        let ended = futures::future::join_all(racers).await;
        let won = ended.iter().filter(|end| **end == Write::Applied).count();
        assert_eq!(won, 1, "{ended:?}");
    }
}

async fn of_eight_that_write_at_once_one_wins_and_everybody_reads_it(world: World) {
    for round in 0..20 {
        let key = format!("results/{round}/m.json");
        let racers = (0..8_u8).map(|racer| {
            let stores = if racer % 2 == 0 { world.here.clone() } else { world.there.clone() };
            let key = key.clone();
            tokio::spawn(async move {
                let put = stores.archive.put_new(&key, vec![racer; 50_000], JSON).await.unwrap();
                (racer, put, stores.archive.get(&key).await.unwrap().unwrap())
            })
        });
        let ran = futures::future::join_all(racers).await;
        let ran: Vec<_> = ran.into_iter().map(Result::unwrap).collect();
        let won: Vec<_> = ran.iter().filter(|(_, put, _)| *put == Put::Stored).collect();
        assert_eq!(won.len(), 1);
        assert!(ran.iter().all(|(_, _, read)| *read == vec![won[0].0; 50_000]));
    }
}

async fn replacing_replaces_whatever_is_there(world: World) {
    for text in ["first, and longer", "second"] {
        world.here.archive.put("a/b", text.into(), JSON).await.unwrap();
        let read = world.there.archive.get("a/b").await.unwrap();
        assert_eq!(read.as_deref(), Some(text.as_bytes()));
    }
    assert_eq!(world.here.archive.put_new("a/b", Vec::new(), JSON).await.unwrap(), Put::Exists);
}

async fn keys_come_in_order_and_page_by_page(world: World) {
    let mut all: Vec<String> =
        ["a/1", "a-b/1", "a.b", "a/2/x", "a0", "b/1", "a/10", "Z/1", "a/2.x"]
            .map(str::to_owned)
            .to_vec();
    for key in &all {
        world.put(key).await;
    }
    all.sort();
    assert_eq!(world.keys("", None, 100).await, all);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = world.keys("", after.as_deref(), 2).await;
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        seen.extend(page);
    }
    assert_eq!(seen, all);
}

async fn a_prefix_is_a_beginning_of_the_key_and_not_only_a_folder(world: World) {
    for key in ["results/42/a", "results/42/b", "results/421/a", "raw/42/a", "results/4"] {
        world.put(key).await;
    }
    assert_eq!(world.keys("results/42/", None, 9).await, ["results/42/a", "results/42/b"]);
    let wide = world.keys("results/42", None, 9).await;
    assert_eq!(wide, ["results/42/a", "results/42/b", "results/421/a"]);
    assert_eq!(world.keys("results/42/", Some("results/42/a"), 9).await, ["results/42/b"]);
    assert_eq!(world.keys("results/42/", Some("a"), 9).await.len(), 2);
    assert!(world.keys("results/42/", Some("results/43"), 9).await.is_empty());
    assert!(world.keys("none/", None, 9).await.is_empty());
    assert!(world.keys("", None, 0).await.is_empty());
}

async fn a_hostile_key_is_refused_and_nothing_is_written(world: World) {
    let long = "x".repeat(2000);
    for key in HOSTILE.into_iter().chain([long.as_str()]) {
        let put_new = world.here.archive.put_new(key, b"x".to_vec(), JSON).await.map(drop);
        let put = world.here.archive.put(key, b"x".to_vec(), JSON).await;
        let get = world.here.archive.get(key).await.map(drop);
        for refused in [put_new, put, get] {
            assert!(matches!(refused, Err(StoreError::Broken { .. })), "{key:?}");
        }
    }
    assert!(world.keys("", None, 9).await.is_empty());
}

async fn a_hostile_prefix_is_refused(world: World) {
    for prefix in ["../", "/", "a/../", "..", ".drafts/", "a//"] {
        let keys = world.here.archive.keys(prefix, None, 9).await;
        assert!(matches!(keys, Err(StoreError::Broken { .. })), "{prefix:?}");
    }
}

promises!(
    an_object_is_read_as_it_was_stored,
    an_empty_object_is_an_object,
    the_first_write_wins,
    an_object_is_replaced_while_it_is_the_one_that_was_read,
    of_eight_that_replace_one_object_one_does,
    of_eight_that_write_at_once_one_wins_and_everybody_reads_it,
    replacing_replaces_whatever_is_there,
    keys_come_in_order_and_page_by_page,
    a_prefix_is_a_beginning_of_the_key_and_not_only_a_folder,
    a_hostile_key_is_refused_and_nothing_is_written,
    a_hostile_prefix_is_refused,
);
