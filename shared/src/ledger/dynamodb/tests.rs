//! What the promises do not show: the attributes themselves, and an answer that gets lost on its way.

mod scripted;
mod wire;

use super::control::NamedItem;
use super::index::OwnEntry;
use super::mailbox_items::{ROSTER_ATTRIBUTES, roster};
use super::mark_items::OwnMark;
use super::table::Row;
use super::update::Update;
use super::values::{Malformed, Value};
use super::{DynamoLedger, Tables};
use crate::category::Category;
use crate::clock::Timestamp;
use crate::events::EventKind;
use crate::goodbye::{Purged, Revoked};
use crate::ids::{Epoch, Generation, Grant, HistoryId};
use crate::index::Entry;
use crate::ledger::{DeadLetter, Happening, History, LetterState, StageName, Turn};
use crate::mailbox::{AccessBy, Announcement, GapReceipt, GapReport, Mailbox, Owed, Pace};
use crate::mark::{Forward, Forwards, Mark, MarkState};
use crate::reason::{PauseReason, Reason, SkipReason};
use crate::sealing::Sealed;
use crate::settings::Env;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_777_000_000_250 + second * 1000)
}

/// No field as it is by default, no two alike.
fn mailbox() -> Mailbox {
    let gap = GapReport { from: at(20), to: at(21), found: 5, already_had: 2 };
    let announcement = Announcement {
        id: "a1".into(),
        kind: EventKind::Resumed,
        at: at(22),
        gap: Some(gap.clone()),
    };
    Mailbox {
        user_id: "ada".parse().unwrap(),
        email: "ada@example.com".into(),
        access: AccessBy::Delegation,
        refresh_token: Some(Sealed("refresh".into())),
        access_token: Some(Sealed("access".into())),
        access_token_version: u64::MAX,
        expiry: Some(at(1)),
        scopes: vec!["one".into(), "two".into()],
        history_id: Some(HistoryId(u64::MAX - 1)),
        last_fetched_at: at(2),
        last_mail_at: Some(at(3)),
        connected_at: at(4),
        epoch: Epoch(7),
        grant: Grant(8),
        disconnected_at: Some(at(5)),
        needs_reauth: Some(Reason::GrantDead),
        paused: Some(PauseReason::NoMailbox),
        pace: Pace { until: at(6), used: 9 },
        refresh_lease: Some(at(7)),
        owed: Owed { announcement: Some(announcement), ..Owed::default() },
        reference: Some("crm-7".into()),
        purged: Some(Purged { epoch: Epoch(6), at: at(8), revoked: Revoked::Before }),
        last_gap: Some(GapReceipt { at: at(9), report: gap }),
    }
}

fn mark() -> OwnMark {
    let mark = Mark {
        message_id: "m1".parse().unwrap(),
        epoch: Epoch(2),
        state: MarkState::Skipped(SkipReason::Spam),
        generation: Generation(3),
        internal_date: Some(at(1)),
        job_id: "j1".parse().unwrap(),
        listed_at: at(2),
        done_at: Some(at(3)),
        expires_at: Some(at(4)),
        forwards: Forwards(
            [("a1".parse().unwrap(), Forward { intended_at: at(5), is_sent: true })].into(),
        ),
        pack: Some("packed/dt=2026-05-01/42-b82a5b7a3e0f601f.ndjson.gz".parse().unwrap()),
    };
    OwnMark { user_id: "ada".parse().unwrap(), mark }
}

fn entry() -> OwnEntry {
    let entry = Entry {
        message_id: "m1".parse().unwrap(),
        key: "packed/dt=2026-05-01/42-b82a5b7a3e0f601f.ndjson.gz".into(),
        line: Some(3),
        generation: Generation(2),
        internal_date: Some(at(1)),
        category: Category::AutoReply,
        labels: vec!["finance".into(), "keep".into()],
        has_attachments: true,
    };
    OwnEntry { user_id: "ada".parse().unwrap(), entry }
}

fn letter() -> DeadLetter {
    DeadLetter {
        user_id: Some("ada".parse().unwrap()),
        job_id: "j1".parse().unwrap(),
        stage: StageName::MessageProcessor,
        reason: Reason::TooLarge,
        error: "too large".into(),
        tries: 5,
        first_seen_at: at(1),
        last_seen_at: at(2),
        payload: "{}".into(),
        state: LetterState::Replaying,
        retries: 2,
        retry_at: Some(at(3)),
        history: History(vec![Happening { at: at(2), what: Turn::Resolved }]),
    }
}

/// What is written is read back; and each attribute says something, but for `silent`, which is DynamoDB's own.
fn reads_back<T: Row + PartialEq>(row: &T, silent: &str) {
    let item = row.item();
    assert!(T::read(&item).is_ok_and(|back| back == *row));
    for name in item.keys().filter(|name| *name != silent) {
        let mut less = item.clone();
        less.remove(name);
        assert!(!T::read(&less).is_ok_and(|back| back == *row), "{name} says nothing");
    }
}

#[test]
fn every_field_is_read_as_it_was_written() {
    reads_back(&mailbox(), "");
    reads_back(&mark(), "ttl");
    reads_back(&letter(), "");
    reads_back(&entry(), "");
    let (name, value) = ("round".to_owned(), "{}".to_owned());
    reads_back(&NamedItem { name, value, version: 3, expires_at: Some(at(1)) }, "ttl");
}

#[test]
fn a_row_may_be_swept_only_a_day_after_it_expired() {
    let expires = at(4).seconds();
    let ttl: i64 = mark().item()["ttl"].as_n().unwrap().parse().unwrap();
    assert_eq!(ttl, expires + 24 * 60 * 60);
    let mut lasting = mark();
    lasting.mark.expires_at = None;
    assert!(!lasting.item().contains_key("ttl"));
}

#[test]
fn the_attributes_of_a_scan_say_who_may_be_read_and_who_is_owed_something() {
    assert!(ROSTER_ATTRIBUTES.iter().all(|name| !name.contains("Token") && *name != "email"));
    let free = Mailbox { disconnected_at: None, needs_reauth: None, paused: None, ..mailbox() };
    let shown = [
        mailbox(),
        free.clone(),
        Mailbox { disconnected_at: Some(at(1)), ..free.clone() },
        Mailbox { needs_reauth: Some(Reason::GrantDead), ..free.clone() },
        Mailbox { paused: Some(PauseReason::Operator), ..free.clone() },
        Mailbox { owed: Owed::default(), last_mail_at: None, ..free },
    ];
    for mailbox in shown {
        let mut item = mailbox.item();
        item.retain(|name, _| ROSTER_ATTRIBUTES.contains(&name.as_str()));
        assert_eq!(roster(&item), Ok(mailbox.roster()));
    }
}

#[test]
fn a_row_may_lack_what_it_had_no_need_of() {
    let mut item = mailbox().item();
    let kept = ["userId", "email", "lastFetchedAt", "connectedAt", "epoch", "grant"];
    item.retain(|name, _| kept.contains(&name.as_str()));
    let read = Mailbox::read(&item).unwrap_or_else(|error| panic!("{error}"));
    assert!(read.is_readable() && read.owed == Owed::default() && read.pace == Pace::default());
}

#[test]
fn a_flag_without_its_reason_is_an_error_and_not_a_guess() {
    let mut item = mailbox().item();
    item.remove("reauthReason");
    assert_eq!(Mailbox::read(&item).err(), Some(Malformed("reauthReason")));
}

#[test]
fn a_write_touches_what_changed_and_nothing_else() {
    let before = mailbox();
    let after = Mailbox { pace: Pace { used: 10, ..before.pace }, expiry: None, ..before.clone() };
    let mut update = Update::default();
    update.set("pacedUsed", 10_u32.write());
    update.remove("expiry");
    assert_eq!(Update::between(&before.item(), &after.item()), update);
    assert!(Update::between(&before.item(), &before.item()).is_empty());
}

#[test]
fn a_table_is_named_as_aws_allows() {
    let read = |name: &str| {
        let lookup = |key: &str| (key == "MARKS_TABLE").then(|| name.to_owned());
        let mut env = Env::new(&lookup);
        let tables = Tables::read(&mut env);
        env.finish(tables)
    };
    let tables = read("my.marks").unwrap();
    assert_eq!((tables.marks.as_str(), tables.user_tokens.as_str()), ("my.marks", "UserTokens"));
    for bad in ["my marks", "ab", "arn:aws:dynamodb"] {
        assert!(read(bad).unwrap_err().to_string().contains("MARKS_TABLE"), "{bad}");
    }
}
