//! The file that holds the sealing keys.

use std::error::Error;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use shared::clock::{Chance, Timestamp};
use shared::ids::{Epoch, UserId};
use shared::sealing::key_file::{KEYS, KeyFile, KeyFileSealing, keys};
use shared::sealing::{KeyName, Sealed, SealedFor, Sealing, SealingError, TokenKind};
use shared::store::StoreError;
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    (folder, key)
}

fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

fn open(key: &Path, seed: u64) -> KeyFileSealing {
    KeyFileSealing::open(key, now(), Chance::seeded(seed)).unwrap()
}

/// Makes a new key, as `fanmail keys rotate` does.
/// The file, held. Another test may be starting a process: until that has begun its own program it has our lock, too.
fn hold(key: &Path) -> KeyFile {
    let tried = std::iter::repeat_with(|| {
        std::thread::yield_now();
        KeyFile::hold(key)
    });
    tried.take(50_000).find_map(Result::ok).unwrap_or_else(|| KeyFile::hold(key).unwrap())
}

fn turn(key: &Path, seed: u64) -> KeyName {
    hold(key).turn(now(), &Chance::seeded(seed)).unwrap()
}

/// What a person is told of a broken store.
fn told<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Broken { source, .. }) => source.to_string(),
        Err(other) => panic!("{other}: {:?}", other.source()),
        Ok(_) => panic!("the file was accepted"),
    }
}

/// What a person is told when the file is refused.
fn refusal(key: &Path) -> String {
    told(KeyFileSealing::open(key, now(), Chance::seeded(9)))
}

async fn seal(sealing: &KeyFileSealing) -> Result<Sealed, SealingError> {
    let user: UserId = "42".parse().unwrap();
    let at = SealedFor { user: &user, epoch: Epoch(1), kind: TokenKind::Refresh };
    sealing.seal(at, "token").await
}

async fn opens(sealing: &KeyFileSealing, sealed: &Sealed) -> bool {
    let user: UserId = "42".parse().unwrap();
    let at = SealedFor { user: &user, epoch: Epoch(1), kind: TokenKind::Refresh };
    match sealing.open(at, sealed).await {
        Ok(token) => token == "token",
        Err(SealingError::DoesNotOpen { user, .. }) => user.as_str() != "42",
        Err(SealingError::Keys(error)) => panic!("{error}"),
    }
}

#[test]
fn the_key_is_made_on_first_use_for_its_owner_alone() {
    let (folder, key) = folder();
    open(&key, 1);
    let made = fs::metadata(&key).unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o600);
    let [only] = &keys(&key).unwrap()[..] else { panic!() };
    assert_eq!(only.made, Some(now()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_key_is_never_replaced() {
    let (_folder, key) = folder();
    open(&key, 1);
    let made = fs::read(&key).unwrap();
    open(&key, 2);
    assert_eq!(fs::read(&key).unwrap(), made);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let (_folder, key) = folder();
    open(&key, 1);
    for mode in [0o640, 0o604, 0o660, 0o666] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let told = refusal(&key);
        assert!(told.contains("chmod 600") && told.contains(&*key.to_string_lossy()), "{told}");
    }
}

#[test]
fn a_file_that_holds_no_keys_is_refused_and_stays() {
    let (_folder, key) = folder();
    open(&key, 1);
    let good = fs::read_to_string(&key).unwrap();
    let short = "ab".repeat(31);
    let long = "ab".repeat(33);
    let other = "xy".repeat(32);
    let twice = format!("{good}{}\n", good.lines().last().unwrap());
    let headless = good.lines().last().unwrap();
    let idle = good.replace("seals", "opens");
    let bare = good.lines().next().unwrap();
    for text in ["", "\n", &short, &long, &other, &"ab".repeat(5000), &twice, headless, &idle, bare]
    {
        fs::write(&key, text).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        let told = refusal(&key);
        assert!(told.contains("64 hex digits") && told.contains(&*key.to_string_lossy()), "{told}");
        assert_eq!(fs::read_to_string(&key).unwrap(), text);
        let digits = good.lines().last().unwrap().rsplit(' ').next().unwrap();
        assert!(!told.contains(digits) && !told.contains(&short), "what it holds is not told");
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
                open(key, seed)
            })
        });
        let starters: Vec<_> = starters.collect();
        starters.into_iter().map(|starter| starter.join().unwrap()).collect()
    });
    let sealed = seal(&all[0]).await.unwrap();
    for one in &all {
        assert!(opens(one, &sealed).await);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_was_sealed_before_keys_had_names_in_the_file_still_opens() {
    let (_folder, key) = folder();
    fs::write(&key, format!("{}\n", "5e".repeat(32))).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let sealed = seal(&open(&key, 1)).await.unwrap();
    let new = turn(&key, 2);
    let later = open(&key, 3);
    assert!(opens(&later, &sealed).await);
    assert_eq!(seal(&later).await.unwrap().key_name(), Some(new));
    let [old, _] = &keys(&key).unwrap()[..] else { panic!() };
    assert_eq!((old.made, Some(&old.name)), (None, sealed.key_name().as_ref()));
}

#[tokio::test]
async fn who_runs_on_takes_to_a_new_key_without_a_restart() {
    let (_folder, key) = folder();
    let (sealer, opener) = (open(&key, 1), open(&key, 2));
    let before = seal(&sealer).await.unwrap();
    let new = turn(&key, 3);
    let after = seal(&sealer).await.unwrap();
    assert_eq!(after.key_name(), Some(new.clone()));
    assert!(opens(&opener, &after).await, "its key was not known before");
    assert!(opens(&opener, &before).await && opens(&sealer, &before).await);
    let old = before.key_name().unwrap();
    hold(&key).retire(&[old.clone(), new.clone()]).unwrap();
    assert_eq!(keys(&key).unwrap().iter().map(|key| &key.name).collect::<Vec<_>>(), [&new]);
    assert!(opens(&sealer, &seal(&sealer).await.unwrap()).await);
    assert!(!opens(&sealer, &before).await, "the key was dropped");
}

#[tokio::test]
async fn nothing_is_sealed_under_a_key_that_is_in_no_file_any_more() {
    let (_folder, key) = folder();
    let sealing = open(&key, 1);
    let before = seal(&sealing).await.unwrap();
    let away = key.with_extension("away");
    fs::rename(&key, &away).unwrap();
    let Err(SealingError::Keys(error)) = seal(&sealing).await else { panic!("it was sealed") };
    let told = told::<()>(Err(error));
    assert!(told.contains("is gone") && told.contains(&*key.to_string_lossy()), "{told}");
    assert!(opens(&sealing, &before).await, "what is known opens");
    fs::rename(&away, &key).unwrap();
    assert!(opens(&sealing, &seal(&sealing).await.unwrap()).await);
}

#[test]
fn one_at_a_time_changes_the_file() {
    let (_folder, key) = folder();
    open(&key, 1);
    let held = hold(&key);
    assert!(told(KeyFile::hold(&key)).contains("another `fanmail keys` is at work"));
    drop(held);
    turn(&key, 2);
}

#[test]
fn whoever_dies_between_making_a_key_and_turning_to_it_goes_on_with_the_same_key() {
    let (folder, key) = folder();
    open(&key, 1);
    let before = fs::read_to_string(&key).unwrap();
    let name = turn(&key, 2);
    // As it stood between the two: the new key opens, and the old one still seals.
    let turned = fs::read_to_string(&key).unwrap();
    let last = turned.lines().last().unwrap().replace("seals", "opens");
    fs::write(&key, format!("{before}{last}\n")).unwrap();
    fs::write(folder.path().join("key.draft"), "what a dead one left").unwrap();
    assert_eq!(turn(&key, 3), name);
    assert_eq!(fs::read_to_string(&key).unwrap(), turned);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!folder.path().join("key.draft").exists());
}

#[test]
fn a_file_that_is_full_takes_no_more_keys_and_says_what_to_do() {
    let (_folder, key) = folder();
    open(&key, 1);
    for seed in 2..=KEYS as u64 {
        turn(&key, seed);
    }
    let full = hold(&key).turn(now(), &Chance::seeded(99));
    assert!(told(full).contains("fanmail keys retire"));
    assert_eq!(keys(&key).unwrap().len(), KEYS);
}
