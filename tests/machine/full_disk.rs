//! A disk without room: the stores say so, leave nothing half-written, and go on once there is room.

use std::path::Path;

use shared::archive::Put;
use shared::clock::{Chance, Clock};
use shared::ids::Epoch;
use shared::mark::{Listing, MarkState};
use shared::store::StoreError;

use super::archive_folder::files;
use super::victim::{self, said, say, start};
use crate::promises::world::{Stores, stores, user};

/// No file may grow beyond 2,048 blocks, a megabyte or two; the signal that comes with it is ignored.
const NO_ROOM: &str = "trap '' XFSZ; ulimit -f 2048;";

const MORE_THAN_FITS: usize = 4 << 20;

/// Fills what room there is, and is told when there is none.
async fn victim() {
    let stores = stores(Path::new("."), &Clock::System, Chance::system()).await;
    let put = stores.archive.put_new("big", vec![1; MORE_THAN_FITS], "text/plain").await;
    assert!(matches!(put, Err(StoreError::Full { .. })));
    let put = stores.archive.put("big", vec![1; MORE_THAN_FITS], "text/plain").await;
    assert!(matches!(put, Err(StoreError::Full { .. })));
    assert_eq!(files(Path::new("archive")), Vec::<String>::new());
    let put = stores.archive.put_new("small", vec![1; 9], "text/plain").await;
    assert_eq!(put.unwrap(), Put::Stored);
    say("the archive is full");
    let mut name = 0;
    while list(&stores, name).await.is_ok() {
        say(&format!("mark {name}"));
        name += 1;
    }
    assert!(matches!(list(&stores, name).await, Err(StoreError::Full { .. })));
    let read = stores.marks.get(&user("ada"), &["m0".parse().unwrap()]).await;
    assert!(read.unwrap()[0].is_some(), "reading needs no room");
    say("the database is full");
}

/// Lists many messages at once, all or none of them.
async fn list(stores: &Stores, name: u32) -> Result<Vec<MarkState>, StoreError> {
    let job_id: shared::ids::JobId = "j".repeat(60).parse().unwrap();
    let ids = (0..100).map(|n| format!("m{}", name * 100 + n).parse().unwrap());
    let listing = |message_id| {
        let job_id = job_id.clone();
        Listing { message_id, job_id, state: MarkState::Listed }
    };
    let batch: Vec<_> = ids.map(listing).collect();
    let now = Clock::System.now();
    stores.marks.list(&user("ada"), Epoch(1), &batch, now).await
}

#[tokio::test]
async fn without_room_the_stores_say_so_and_go_on_when_there_is_room() {
    if victim::is_this() {
        return victim().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "machine::full_disk::without_room_the_stores_say_so_and_go_on_when_there_is_room";
    let mut child = start(test, folder.path(), NO_ROOM);
    let said: Vec<_> = said(&mut child).collect();
    assert!(child.wait().unwrap().success(), "{:?}", said.last());
    assert_eq!(said.first().map(String::as_str), Some("the archive is full"));
    assert_eq!(said.last().map(String::as_str), Some("the database is full"));
    let stores = stores(folder.path(), &Clock::System, Chance::seeded(1)).await;
    let now = Clock::System.now();
    let counts = stores.marks.count(&user("ada"), Epoch(1), now).await.unwrap();
    let acknowledged = said.len() - 2;
    assert_eq!(counts.listed, acknowledged as u64 * 100, "all that was acknowledged, nothing else");
    let name = u32::try_from(acknowledged).unwrap();
    assert_eq!(list(&stores, name).await.unwrap().len(), 100);
    let put = stores.archive.put_new("big", vec![1; MORE_THAN_FITS], "text/plain").await;
    assert_eq!(put.unwrap(), Put::Stored);
    assert_eq!(files(&folder.path().join("archive")).len(), 2);
}
