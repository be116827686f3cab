//! The file that holds the sealing key.

use std::error::Error;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use shared::clock::Chance;
use shared::ids::{Epoch, UserId};
use shared::sealing::key_file::KeyFileSealing;
use shared::sealing::{SealedFor, Sealing, TokenKind};
use shared::store::StoreError;
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    (folder, key)
}

/// What a person is told when the file is refused.
fn refusal(key: &Path) -> String {
    match KeyFileSealing::open(key, Chance::seeded(9)) {
        Err(StoreError::Broken { source, .. }) => source.to_string(),
        Err(other) => panic!("{other}: {:?}", other.source()),
        Ok(_) => panic!("the file was accepted"),
    }
}

#[test]
fn the_key_is_made_on_first_use_for_its_owner_alone() {
    let (folder, key) = folder();
    KeyFileSealing::open(&key, Chance::seeded(1)).unwrap();
    let made = fs::metadata(&key).unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&key).unwrap().trim_end().len(), 64);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_key_is_never_replaced() {
    let (_folder, key) = folder();
    KeyFileSealing::open(&key, Chance::seeded(1)).unwrap();
    let made = fs::read(&key).unwrap();
    KeyFileSealing::open(&key, Chance::seeded(2)).unwrap();
    assert_eq!(fs::read(&key).unwrap(), made);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let (_folder, key) = folder();
    KeyFileSealing::open(&key, Chance::seeded(1)).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o666] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let told = refusal(&key);
        assert!(told.contains("chmod 600") && told.contains(&*key.to_string_lossy()), "{told}");
    }
}

#[test]
fn a_file_that_is_no_key_is_refused_and_stays() {
    let (_folder, key) = folder();
    let short = "ab".repeat(31);
    let long = "ab".repeat(33);
    let other = "xy".repeat(32);
    for text in ["", "\n", &short, &long, &other, &"ab".repeat(5000)] {
        fs::write(&key, text).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        let told = refusal(&key);
        assert!(told.contains("64 hex digits") && told.contains(&*key.to_string_lossy()), "{told}");
        assert_eq!(fs::read_to_string(&key).unwrap(), text);
    }
}

#[tokio::test]
async fn programs_that_start_at_once_agree_on_one_key() {
    let (folder, key) = folder();
    let start = Barrier::new(8);
    let all: Vec<_> = thread::scope(|scope| {
        let starters = (0..8).map(|seed| {
            let (start, key) = (&start, &key);
            scope.spawn(move || {
                start.wait();
                KeyFileSealing::open(key, Chance::seeded(seed)).unwrap()
            })
        });
        let starters: Vec<_> = starters.collect();
        starters.into_iter().map(|starter| starter.join().unwrap()).collect()
    });
    let user: UserId = "42".parse().unwrap();
    let at = SealedFor { user: &user, epoch: Epoch(1), kind: TokenKind::Refresh };
    let sealed = all[0].seal(at, "token").await.unwrap();
    for one in &all {
        assert_eq!(one.open(at, &sealed).await.unwrap(), "token");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
