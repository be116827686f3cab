//! What counts as silence, and which reason is told.

use shared::ids::{Epoch, Grant};
use shared::ledger::{History, StageName};
use shared::mailbox::{Notice, Owed, Pace};

use super::*;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// With the usual intervals a listing is overdue after two hours and ten minutes.
const BOUND: Duration = Duration::from_mins(130);
const OVERDUE: Duration = Duration::from_mins(131);

fn now() -> Timestamp {
    "2026-05-31T12:00:00Z".parse().unwrap()
}

fn bounds() -> Bounds {
    Bounds::new(Duration::from_mins(40), 7 * DAY)
}

/// Listed a minute ago, with mail an hour ago.
fn mailbox() -> Mailbox {
    Mailbox {
        user_id: "ada".parse().unwrap(),
        email: "ada@example.com".to_owned(),
        access: AccessBy::Consent,
        refresh_token: None,
        access_token: None,
        access_token_version: 0,
        expiry: None,
        scopes: Vec::new(),
        history_id: None,
        last_fetched_at: now() - MINUTE,
        last_mail_at: Some(now() - 60 * MINUTE),
        connected_at: now() - 20 * DAY,
        epoch: Epoch(1),
        grant: Grant(1),
        disconnected_at: None,
        needs_reauth: None,
        paused: None,
        pace: Pace::default(),
        refresh_lease: None,
        owed: Owed::default(),
        reference: None,
        purged: None,
        last_gap: None,
    }
}

fn letter() -> DeadLetter {
    DeadLetter {
        user_id: Some("ada".parse().unwrap()),
        job_id: JobId::dead_sync(),
        stage: StageName::UserWorker,
        reason: Reason::TooManyTries,
        error: "Gmail answered 503".to_owned(),
        tries: 5,
        first_seen_at: now() - DAY,
        last_seen_at: now() - DAY,
        payload: "{}".to_owned(),
        state: LetterState::Parked,
        retries: 0,
        retry_at: None,
        history: History::default(),
    }
}

fn judged(mailbox: &Mailbox, known: Known<'_>) -> Option<Silent> {
    judge(mailbox, known, bounds(), now())
}

fn why(mailbox: &Mailbox, known: Known<'_>) -> Why {
    judged(mailbox, known).unwrap().why
}

#[test]
fn a_mailbox_is_silent_when_its_listings_or_its_mail_are_overdue_and_not_before() {
    let nothing = Known::default();
    assert!(judged(&mailbox(), nothing).is_none());
    let listed = |ago: Duration| Mailbox { last_fetched_at: now() - ago, ..mailbox() };
    assert!(judged(&listed(BOUND), nothing).is_none());
    let silent = judged(&listed(OVERDUE), nothing).unwrap();
    assert_eq!((silent.since, silent.why), (now() - OVERDUE, Why::NotAsked));
    let heard =
        |at: Option<Duration>| Mailbox { last_mail_at: at.map(|ago| now() - ago), ..mailbox() };
    assert!(judged(&heard(Some(6 * DAY)), nothing).is_none());
    let silent = judged(&heard(Some(7 * DAY)), nothing).unwrap();
    assert_eq!((silent.since, silent.why), (now() - 7 * DAY, Why::NothingNew));
    assert!(judged(&heard(None), nothing).is_none(), "it never got any mail");
}

#[test]
fn the_reason_nearest_at_hand_is_told_and_each_hides_those_behind_it() {
    let letter = letter();
    let since = now() - DAY;
    let mut known = Known { breaker: Some(("many died", since)), dead_sync: Some(&letter) };
    let mut row = mailbox();
    row.last_fetched_at = now() - OVERDUE;
    row.needs_reauth = Some(Reason::GrantDead);
    row.paused = Some(PauseReason::Operator);
    row.pace = Pace { until: now() + MINUTE, used: u32::MAX };
    let notice = Notice { id: "n".to_owned(), reason: Reason::GrantDead, at: since };
    row.owed.mail = Some(notice);
    let reauth = |known_at| Why::NeedsReauth { reason: Reason::GrantDead, known_at };
    assert_eq!(why(&row, known), reauth(Some(since)));
    row.owed = Owed::default();
    assert_eq!(why(&row, known), reauth(None));
    row.needs_reauth = None;
    assert_eq!(why(&row, known), Why::Paused { reason: PauseReason::Operator });
    row.paused = None;
    assert_eq!(why(&row, known), Why::BreakerOpen { cause: "many died", open_since: since });
    known.breaker = None;
    assert_eq!(why(&row, known), Why::HeldBack { until: now() + MINUTE });
    // A block that is merely full is no patience that Gmail has asked for.
    row.pace.used = 280;
    let dead =
        Why::DeadSync { reason: Reason::TooManyTries, error: "Gmail answered 503".to_owned() };
    assert_eq!(why(&row, known), dead);
    known.dead_sync = None;
    assert_eq!(why(&row, known), Why::NotAsked);
    row.disconnected_at = Some(now());
    assert!(judged(&row, known).is_none());
}

#[test]
fn where_polls_work_nothing_that_stops_them_is_blamed() {
    let mut row = mailbox();
    row.last_mail_at = Some(now() - 8 * DAY);
    let letter = letter();
    let known = Known { breaker: Some(("many died", now())), dead_sync: Some(&letter) };
    assert_eq!(why(&row, known), Why::NothingNew);
    row.paused = Some(PauseReason::DomainPolicy);
    assert_eq!(why(&row, known), Why::Paused { reason: PauseReason::DomainPolicy });
}

#[test]
fn each_reason_is_one_phrase_with_what_is_to_be_done() {
    let mut row = mailbox();
    row.last_fetched_at = now() - OVERDUE;
    let letter = letter();
    let said = |known| {
        let silent = judged(&row, known).unwrap();
        silent.why.in_words(&silent)
    };
    let known = Known { dead_sync: Some(&letter), ..Known::default() };
    assert_eq!(
        said(known),
        "its sync is a dead letter (too_many_tries: Gmail answered 503): `fanmail dead-letters explain too_many_tries`"
    );
    let not_asked = "not asked since 2026-05-31T09:49:00.000Z: the dispatcher or the user-worker does not run, or is behind";
    assert_eq!(said(Known::default()), not_asked);
    let silent = judged(&row, Known::default()).unwrap();
    let json = serde_json::to_value(&silent).unwrap();
    assert_eq!((&json["why"], &json["userId"]), (&"not_asked".into(), &"ada".into()));
}
