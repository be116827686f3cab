//! Control items.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::store::Write::{self, Applied, Stale};

use super::world::{World, start};

const MINUTE: Duration = Duration::from_mins(1);

impl World {
    async fn write(&self, read: Option<u64>, value: &str, expires: Option<Timestamp>) -> Write {
        let written = self.here.control.write("round", read, value.into(), expires, self.now());
        written.await.unwrap()
    }

    async fn item(&self) -> Option<(String, u64)> {
        let item = self.there.control.read("round", self.now()).await.unwrap();
        item.map(|item| (item.value, item.version))
    }
}

async fn an_item_is_written_by_who_read_it_last(world: World) {
    assert_eq!(world.item().await, None);
    assert_eq!(world.write(Some(1), "early", None).await, Stale);
    assert_eq!(world.write(None, "one", None).await, Applied);
    let (value, version) = world.item().await.unwrap();
    assert_eq!(value, "one");
    assert_eq!(world.write(None, "again", None).await, Stale);
    assert_eq!(world.write(Some(version), "two", None).await, Applied);
    assert_eq!(world.write(Some(version), "late", None).await, Stale);
    assert_eq!(world.item().await.unwrap().0, "two");
}

async fn of_two_who_write_at_once_one_does(world: World) {
    let write = |stores: &super::world::Stores| {
        let control = stores.control.clone();
        async move { control.write("state", None, "used".into(), None, start()).await.unwrap() }
    };
    let (one, two) = futures::join!(write(&world.here), write(&world.there));
    assert!([one, two].contains(&Applied) && [one, two].contains(&Stale));
}

async fn an_expired_item_is_absent(world: World) {
    assert_eq!(world.write(None, "used", Some(start() + MINUTE)).await, Applied);
    let (_, version) = world.item().await.unwrap();
    world.pass(MINUTE);
    assert_eq!(world.item().await, None);
    assert_eq!(world.write(Some(version), "late", None).await, Stale);
    assert_eq!(world.write(None, "new", None).await, Applied);
}

async fn who_read_an_expired_item_does_not_write_over_its_successor(world: World) {
    assert_eq!(world.write(None, "old", Some(start() + MINUTE)).await, Applied);
    let (_, version) = world.item().await.unwrap();
    world.pass(MINUTE);
    assert_eq!(world.write(None, "new", None).await, Applied);
    assert_eq!(world.write(Some(version), "late", None).await, Stale);
    assert_eq!(world.item().await.unwrap().0, "new");
}

promises!(
    an_item_is_written_by_who_read_it_last,
    of_two_who_write_at_once_one_does,
    an_expired_item_is_absent,
    who_read_an_expired_item_does_not_write_over_its_successor,
);
