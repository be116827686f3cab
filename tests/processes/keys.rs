//! `fanmail keys`: rotated beside a running `serve`, killed in the middle, lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;
use shared::clock::{Chance, Clock, Timestamp};
use shared::ids::{Epoch, Grant, UserId};
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{Consent, Life, Mailboxes, NewAccess};
use shared::mailbox::{AccessBy, Owed};
use shared::sealing::key_file::{KeyFileSealing, keys};
use shared::sealing::{KeyName, SealedFor, Sealing, TokenKind};
use shared::sqlite::Database;
use tempfile::TempDir;

use crate::command::{Ran, beside, fanmail, list, one};
use crate::service::Stage;
use tests::google::{Google, letter};
use tests::process::Process;
use tests::settings::{Length, chance};

const KILLS: u64 = 8;
const LIFE: Epoch = Epoch(1);

#[tokio::test]
async fn a_serve_that_runs_through_a_rotation_goes_on_fetching_mail_and_takes_to_the_new_key() {
    let stage = Stage::set(4, &[]).await;
    let service = stage.serve().await;
    for number in 1..=3 {
        service.connect(&Google::person(number)).await;
    }
    stage.announced("mailbox.connected", 3).await;
    let old = the_key(&stage);
    let since = ["keys", "rotate", "--since", "2026-05-01T12:00:00Z"];
    beside(&stage.data, &since).bad_use(&["--since goes with --backend aws"]);
    stage.google.deliver(&Google::person(1), &letter(1)).await;
    let rotated = one(&stage.data, &["keys", "rotate"]);
    assert_eq!((&rotated["resealed"], &rotated["mailboxes"]), (&3.into(), &3.into()), "{rotated}");
    assert_eq!(rotated["notNeeded"], Value::from(vec![old.clone()]));
    let new = rotated["key"].as_str().unwrap().to_owned();
    stage.done(1).await;
    // The fourth is sealed by the serve that was there all the time.
    service.connect(&Google::person(4)).await;
    for number in 1..=4 {
        stage.google.deliver(&Google::person(number), &letter(10 + number)).await;
    }
    stage.done(5).await;
    let listed = list(&stage.data, &["keys", "list"]);
    let shown = listed.iter().map(|row| (&row["key"], &row["state"], &row["refreshTokens"]));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            (&Value::from(old.clone()), &"opens".into(), &0.into()),
            (&Value::from(new.clone()), &"seals".into(), &4.into()),
        ]
    );
    let early = beside(&stage.data, &["keys", "retire"]);
    assert_eq!(early.code, Some(1), "{early:?}");
    early.says(&["nothing was dropped", "try again from"]);
    grow_older(&stage.data);
    let retired = one(&stage.data, &["keys", "retire"]);
    assert_eq!(retired["dropped"], Value::from(vec![old]));
    assert_eq!(the_key(&stage), new);
    stage.google.deliver(&Google::person(1), &letter(20)).await;
    stage.done(6).await;
    assert_eq!(stage.counts(["parked"]), [0]);
    assert!(!service.process.err().contains("ERROR"), "{}", service.process.err());
    service.stop().await;
    stage.serve().await.stop().await;
}

/// The one key that there is.
fn the_key(stage: &Stage) -> String {
    one(&stage.data, &["keys", "list"])["key"].as_str().unwrap().to_owned()
}

/// Every key was made an hour earlier.
fn grow_older(data: &Path) {
    let file = data.join("key");
    let mut text = fs::read_to_string(&file).unwrap();
    for made in keys(&file).unwrap().into_iter().filter_map(|key| key.made) {
        let earlier = made - Duration::from_hours(1);
        text = text.replace(&made.to_string(), &earlier.to_string());
    }
    fs::write(&file, text).unwrap();
}

#[tokio::test]
async fn a_rotation_that_is_killed_at_any_moment_is_finished_by_the_next() {
    let mailboxes = Length::set().of(1_500, 10_000);
    let (chance, seed) = chance();
    println!("{KILLS} kills, {mailboxes} mailboxes; replay with FANMAIL_SEED={seed}");
    let room = TempDir::new().unwrap();
    let data = room.path().join("data");
    let folder = Sealed::fill(&data, mailboxes).await;
    let began = Clock::System.now();
    let whole = one(&data, &["keys", "rotate"]);
    let took = Clock::System.now().since(began);
    assert_eq!(whole["resealed"], mailboxes);
    let (mut cut, mut finished) = (0, 0);
    for _ in 0..KILLS {
        let mut rotate = fanmail();
        rotate.args(["--json", "keys", "rotate", "--data"]).arg(&data);
        let mut rotate = Process::start(rotate, room.path(), "rotate");
        let moment = chance.below(u64::try_from(took.as_millis()).unwrap() + 1);
        Clock::System.sleep(Duration::from_millis(moment)).await;
        if rotate.lives() {
            rotate.kill();
        }
        let under = folder.all_open().await;
        cut += usize::from(under.len() > 1);
        if under.len() > 1 {
            // Some are sealed anew and some not: this one is finished, and no further key is made.
            let known = keys(&data.join("key")).unwrap().len();
            let again = one(&data, &["keys", "rotate"]);
            assert_eq!(again["finishedAnEarlierOne"], true, "{again}");
            assert_eq!(keys(&data.join("key")).unwrap().len(), known);
            assert_eq!(folder.all_open().await.len(), 1);
            finished += 1;
        }
    }
    println!("{cut} were cut in the middle, and {finished} finished; a whole one took {took:?}");
    one(&data, &["keys", "rotate"]);
    grow_older(&data);
    one(&data, &["keys", "retire"]);
    let [last] = &keys(&data.join("key")).unwrap()[..] else { panic!("old keys are left") };
    assert_eq!(folder.all_open().await, BTreeSet::from([last.name.clone()]));
    let left: Vec<_> = fs::read_dir(&data).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "key.draft"), "{left:?}");
}

/// A data folder full of sealed tokens, as whoever looks into it sees it.
struct Sealed {
    data: std::path::PathBuf,
    users: Vec<UserId>,
}

impl Sealed {
    async fn fill(data: &Path, mailboxes: usize) -> Self {
        fs::create_dir(data).unwrap();
        let ledger = SqliteLedger::new(Database::open(&data.join("fanmail.db")).unwrap());
        let now = Clock::System.now();
        let sealing = KeyFileSealing::open(&data.join("key"), now, Chance::system()).unwrap();
        let users: Vec<UserId> = (0..mailboxes).map(|n| format!("u{n}").parse().unwrap()).collect();
        for some in users.chunks(200) {
            let connect = some.iter().map(|user| connect(&ledger, &sealing, user, now));
            futures::future::join_all(connect).await;
        }
        Self { data: data.to_owned(), users }
    }

    /// Opens every token with what is in the key file now; the keys that they are sealed under.
    async fn all_open(&self) -> BTreeSet<KeyName> {
        let ledger = SqliteLedger::new(Database::open(&self.data.join("fanmail.db")).unwrap());
        let (file, now) = (self.data.join("key"), Clock::System.now());
        let sealing = KeyFileSealing::open(&file, now, Chance::system()).unwrap();
        let mut under = BTreeSet::new();
        for user in &self.users {
            let tokens = ledger.get(user).await.unwrap().unwrap().tokens();
            for (kind, sealed) in
                [(TokenKind::Refresh, tokens.refresh), (TokenKind::Access, tokens.access)]
            {
                let (at, sealed) = (SealedFor { user, epoch: LIFE, kind }, sealed.unwrap());
                let token = sealing.open(at, &sealed).await.unwrap();
                assert_eq!(token, format!("{} of {user}", kind.as_str()));
                under.insert(sealed.key_name().unwrap());
            }
        }
        under
    }
}

async fn connect(ledger: &SqliteLedger, sealing: &KeyFileSealing, user: &UserId, now: Timestamp) {
    let seal = async |kind: TokenKind| {
        let token = format!("{} of {user}", kind.as_str());
        sealing.seal(SealedFor { user, epoch: LIFE, kind }, &token).await.unwrap()
    };
    let consent = Consent {
        user_id: user.clone(),
        read: None,
        epoch: LIFE,
        grant: Grant(1),
        new_life: true,
        email: "somebody@example.com".to_owned(),
        access: AccessBy::Consent,
        refresh_token: Some(seal(TokenKind::Refresh).await),
        scopes: Vec::new(),
        at: now,
        reference: None,
        owed: Owed::default(),
    };
    let _ = ledger.connect(consent).await.unwrap();
    let (sealed, expiry) = (seal(TokenKind::Access).await, now + Duration::from_hours(1));
    let access = NewAccess { sealed, version: 1, expiry, refresh_token: None };
    let at = Life { user, epoch: LIFE, grant: Grant(1) };
    let _ = ledger.store_access(at, access).await.unwrap();
}

#[tokio::test]
async fn a_serve_whose_key_is_lost_says_so_at_its_start_and_makes_no_other() {
    let stage = Stage::set(2, &[]).await;
    let service = stage.serve().await;
    service.connect(&Google::person(1)).await;
    service.connect(&Google::person(2)).await;
    stage.announced("mailbox.connected", 2).await;
    service.stop().await;
    let (file, lost) = (stage.data.join("key"), the_key(&stage));
    let away = stage.room.path().join("away");
    fs::rename(&file, &away).unwrap();
    let refused = |file: &Path| {
        let ran = Ran::of(&stage.command().output().unwrap());
        let without = format!("--without-key {lost}");
        ran.bad_use(&[file.to_str().unwrap(), &lost, "2 mailboxes", "put the file", &without]);
    };
    refused(&file);
    assert!(!file.exists(), "a key in its place would hide the loss");
    let listed = list(&stage.data, &["keys", "list"]);
    assert_eq!((&listed[0]["state"], &listed[0]["refreshTokens"]), (&"missing".into(), &2.into()));
    beside(&stage.data, &["keys", "rotate"]).bad_use(&[file.to_str().unwrap(), "is not there"]);
    // Another folder's key does not help either.
    let other = Stage::set(1, &[]).await;
    other.serve().await.stop().await;
    fs::copy(other.data.join("key"), &file).unwrap();
    refused(&file);
    // It was really lost: who says so gets on, and people connect again.
    let mut command = stage.command();
    command.args(["--without-key", &lost]);
    let service = stage.serve_by(command).await;
    service.connect(&Google::person(1)).await;
    stage.google.deliver(&Google::person(1), &letter(1)).await;
    stage.done(1).await;
    service.stop().await;
}

#[tokio::test]
async fn a_token_that_was_moved_or_cut_costs_its_own_mailbox_alone() {
    let stage = Stage::set(4, &[]).await;
    let service = stage.serve().await;
    for number in 1..=4 {
        service.connect(&Google::person(number)).await;
    }
    stage.announced("mailbox.connected", 4).await;
    service.stop().await;
    let users = stage.google.users().await;
    let user = |number: usize| &users[&Google::person(number)];
    let database = Connection::open(stage.data.join("fanmail.db")).unwrap();
    let change = |number: usize, to: &str| {
        let change = format!(
            "UPDATE mailboxes SET access_token = NULL, refresh_token = {to} WHERE user_id = ?1"
        );
        assert_eq!(database.execute(&change, [user(number)]).unwrap(), 1);
    };
    change(2, "'v1.0badc0de.' || substr(refresh_token, 13)");
    change(3, "substr(refresh_token, 1, 40)");
    change(4, &format!("(SELECT refresh_token FROM mailboxes WHERE user_id = '{}')", user(1)));
    let service = stage.serve().await;
    stage.google.deliver(&Google::person(1), &letter(1)).await;
    stage.done(1).await;
    let log = service.process.err();
    let named = log.lines().find(|line| line.contains("0badc0de")).expect("said at the start");
    assert!(named.contains(user(2)) && named.contains("connect it again"), "{named}");
    let ran = beside(&stage.data, &["keys", "rotate"]).good();
    for number in 2..=4 {
        ran.says(&[&format!("The refresh token of {} opens under no key", user(number))]);
    }
    assert!(!ran.err.contains(user(1)), "{}", ran.err);
    // A new consent mends it.
    service.connect(&Google::person(3)).await;
    stage.google.deliver(&Google::person(3), &letter(2)).await;
    stage.google.deliver(&Google::person(1), &letter(3)).await;
    stage.done(3).await;
    service.stop().await;
}
