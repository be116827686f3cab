//! What packs need: a mark that names one, folders by day, and a place in them that is one mailbox's.

use shared::ids::{Epoch, Generation, JobId, MessageId};
use shared::mark::{Ending, Listing, MARK_LIFE, Mark, MarkState, Naming};
use shared::pack::PackKey;

use super::world::{World, user};

fn pack(number: u8) -> PackKey {
    format!("packed/dt=2026-05-01/42-{number:016x}.ndjson.gz").parse().unwrap()
}

fn id(name: &str) -> MessageId {
    name.parse().unwrap()
}

fn naming(name: &str, number: u8, over: Option<u8>) -> Naming {
    Naming { message_id: id(name), pack: pack(number), over: over.map(pack) }
}

impl World {
    async fn listed(&self, epoch: u32, names: &[&str]) {
        let job: JobId = "j1".parse().unwrap();
        let listing = |name: &&str| Listing {
            message_id: id(name),
            job_id: job.clone(),
            state: MarkState::Listed,
        };
        let listings: Vec<_> = names.iter().map(listing).collect();
        let marks = &self.here.marks;
        marks.list(&user("42"), Epoch(epoch), &listings, self.now()).await.unwrap();
    }

    async fn name(&self, namings: &[Naming]) -> Vec<Option<PackKey>> {
        self.here.marks.name(&user("42"), namings).await.unwrap()
    }

    async fn marked(&self, name: &str) -> Mark {
        let marks = self.there.marks.get(&user("42"), &[id(name)]).await.unwrap();
        marks.into_iter().next().flatten().unwrap()
    }

    async fn done(&self, name: &str, generation: u32) {
        let (message_id, state) = (id(name), MarkState::Done);
        let generation = Generation(generation);
        let ending = Ending { message_id, state, generation, internal_date: None };
        self.here.marks.finish(&user("42"), Epoch(1), &[ending], self.now()).await.unwrap();
    }
}

async fn the_first_pack_that_is_named_stands_until_somebody_names_another_over_it(world: World) {
    world.listed(1, &["m1", "m2"]).await;
    assert_eq!(world.marked("m1").await.pack, None);
    let first = world.name(&[naming("m2", 1, None), naming("m1", 1, None)]).await;
    assert_eq!(first, [Some(pack(1)), Some(pack(1))]);
    let late = world.name(&[naming("m1", 2, None), naming("none", 2, None)]).await;
    assert_eq!(late, [Some(pack(1)), None]);
    // Whoever names it again hears that it stands.
    assert_eq!(world.name(&[naming("m1", 1, None)]).await, [Some(pack(1))]);
    assert_eq!(world.name(&[naming("m1", 3, Some(1))]).await, [Some(pack(3))]);
    assert_eq!(world.name(&[naming("m1", 4, Some(1))]).await, [Some(pack(3))]);
    assert_eq!(world.marked("m1").await.pack, Some(pack(3)));
    assert_eq!(world.marked("m2").await.pack, Some(pack(1)));
    let marks = world.there.marks.get(&user("42"), &[id("none")]).await.unwrap();
    assert_eq!(marks, [None], "naming makes no mark");
}

async fn of_those_who_name_packs_at_once_all_hear_of_the_same(world: World) {
    for round in 0..5 {
        let name = format!("m{round}");
        world.listed(1, &[&name]).await;
        let racers = (0..8_u8).map(|racer| {
            let stores = if racer % 2 == 0 { &world.here } else { &world.there };
            let (marks, naming) = (stores.marks.clone(), [naming(&name, racer, None)]);
            async move { marks.name(&user("42"), &naming).await.unwrap().pop().flatten().unwrap() }
        });
        let heard = futures::future::join_all(racers).await;
        assert!(heard.iter().all(|pack| *pack == heard[0]), "{heard:?}");
        assert_eq!(world.marked(&name).await.pack.as_ref(), Some(&heard[0]));
    }
}

async fn what_ends_or_is_listed_in_a_next_life_still_names_its_pack(world: World) {
    world.listed(1, &["m1", "m2", "m3"]).await;
    let names = ["m1", "m2", "m3"].map(|name| naming(name, 7, None));
    world.name(&names).await;
    world.done("m1", 0).await;
    world.done("m3", 0).await;
    let mark = world.marked("m1").await;
    assert_eq!((mark.state, mark.pack), (MarkState::Done, Some(pack(7))));
    // One that had not ended when its life did, and one whose mark has expired, are listed anew.
    world.listed(2, &["m2"]).await;
    world.pass(MARK_LIFE);
    world.listed(2, &["m3"]).await;
    for name in ["m2", "m3"] {
        let mark = world.marked(name).await;
        assert_eq!((mark.epoch, mark.state), (Epoch(2), MarkState::Listed), "{name}");
        assert_eq!(mark.pack, Some(pack(7)), "{name}");
    }
}

async fn folders_are_told_from_what_is_in_them(world: World) {
    let days = ["packed/dt=2026-04-30/", "packed/dt=2026-05-01/", "packed/dt=2026-05-02/"];
    for (number, day) in days.iter().enumerate() {
        for user in ["4", "42"] {
            let key = format!("{day}{user}-{number:016x}.ndjson.gz");
            world.here.archive.put(&key, b"x".to_vec(), "application/gzip").await.unwrap();
        }
    }
    for other in ["packed/dt=2026-05-03", "packed/a/b/c", "results/42/a.json", "packed.json"] {
        world.here.archive.put(other, b"x".to_vec(), "text/plain").await.unwrap();
    }
    let folders = world.there.archive.folders("packed/").await.unwrap();
    assert_eq!(folders, [&["packed/a/"][..], &days].concat());
    assert_eq!(world.there.archive.folders("results/").await.unwrap(), ["results/42/"]);
    assert_eq!(world.there.archive.folders("none/").await.unwrap(), [""; 0]);
    for bad in ["", "/", "packed", "../", ".drafts/"] {
        assert!(world.here.archive.folders(bad).await.is_err(), "{bad:?}");
    }
}

async fn more_folders_than_a_page_holds_are_all_told(world: World) {
    let day = |number: u32| format!("packed/dt={number:04}-05-01/");
    let put = |number| {
        let (archive, key) = (&world.here.archive, format!("{}4-a.gz", day(number)));
        async move { archive.put(&key, Vec::new(), "application/gzip").await.unwrap() }
    };
    for number in (0..1_010).step_by(10) {
        futures::future::join_all((number..number + 10).map(put)).await;
    }
    let folders = world.there.archive.folders("packed/").await.unwrap();
    assert_eq!((folders.len(), folders.last()), (1_010, Some(&day(1_009))));
    assert!(folders.is_sorted());
}

async fn the_packs_of_4_are_neither_those_of_42_nor_those_of_4_2(world: World) {
    let day = "packed/dt=2026-05-01/";
    let of = |user: &str| {
        let hashes = ["0a", "22", "ff"];
        hashes.map(|hash| format!("{day}{user}-{hash}23456789abcdef.ndjson.gz"))
    };
    let others = [of("42"), of("4-2"), of("4_2"), of("14")].concat();
    for key in of("4").iter().chain(&others) {
        world.here.archive.put(key, b"x".to_vec(), "application/gzip").await.unwrap();
    }
    let mut deleted = Vec::new();
    while deleted.last() != Some(&0) {
        deleted.push(world.here.archive.remove(&format!("{day}4-"), 2).await.unwrap());
    }
    assert!(deleted.iter().sum::<usize>() >= 3 && deleted.iter().all(|page| *page <= 2));
    let mut left = world.there.archive.keys("", None, 99).await.unwrap();
    left.sort();
    let mut kept = others.clone();
    kept.sort();
    assert_eq!(left, kept);
    assert_eq!(world.here.archive.remove("packed/dt=2026-05-02/4-", 9).await.unwrap(), 0);
    for bad in ["-", "/-", "packed/-", "packed/dt=2026-05-01/4", "../4-"] {
        assert!(world.here.archive.remove(bad, 9).await.is_err(), "{bad:?}");
    }
}

promises!(
    the_first_pack_that_is_named_stands_until_somebody_names_another_over_it,
    of_those_who_name_packs_at_once_all_hear_of_the_same,
    what_ends_or_is_listed_in_a_next_life_still_names_its_pack,
    folders_are_told_from_what_is_in_them,
    more_folders_than_a_page_holds_are_all_told,
    the_packs_of_4_are_neither_those_of_42_nor_those_of_4_2,
);
