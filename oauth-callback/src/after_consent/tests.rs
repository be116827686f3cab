//! Every state a mailbox can be in when its owner consents.

use super::*;
use shared::goodbye::DisconnectDebt;
use shared::mailbox::Pace;
use shared::sealing::Sealed;

fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

fn user() -> UserId {
    "42".parse().unwrap()
}

/// In its second life, under its third consent, and well.
fn row() -> Mailbox {
    Mailbox {
        user_id: user(),
        email: String::new(),
        access: shared::mailbox::AccessBy::Consent,
        refresh_token: Some(Sealed("sealed".into())),
        access_token: None,
        access_token_version: 7,
        expiry: None,
        scopes: Vec::new(),
        history_id: Some("1000".parse().unwrap()),
        last_fetched_at: now(),
        last_mail_at: None,
        connected_at: now(),
        epoch: Epoch(2),
        grant: Grant(3),
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

fn changed(change: impl FnOnce(&mut Mailbox)) -> Mailbox {
    let mut row = row();
    change(&mut row);
    row
}

fn given(row: Option<&Mailbox>, given: Given) -> Result<Next, NotYet> {
    after_consent(row, &user(), None, given, &Backfill::Unread, now())
}

fn next(row: Option<&Mailbox>) -> Next {
    given(row, Given::RefreshToken).unwrap()
}

#[test]
fn a_first_consent_begins_the_first_life_and_owes_its_announcement() {
    let next = next(None);
    assert_eq!(
        (next.read, next.epoch, next.grant, next.new_life),
        (None, Epoch(1), Grant(1), true)
    );
    assert_eq!(next.owed.announcement.unwrap().kind, EventKind::Connected);
    assert_eq!(next.owed.release, None);
}

#[test]
fn after_a_disconnect_a_new_life_begins_under_the_epoch_that_was_counted_up_then() {
    let next = next(Some(&changed(|row| row.disconnected_at = Some(now()))));
    let read = Some((Epoch(2), Grant(3)));
    assert_eq!(
        (next.read, next.epoch, next.grant, next.new_life),
        (read, Epoch(2), Grant(1), true)
    );
    assert_eq!(next.owed.announcement.unwrap().kind, EventKind::Connected);
}

#[test]
fn a_consent_to_a_healthy_mailbox_counts_the_grant_and_owes_the_release_only() {
    for row in [row(), changed(|row| row.paused = Some(PauseReason::Operator))] {
        let next = next(Some(&row));
        assert_eq!((next.epoch, next.grant, next.new_life), (Epoch(2), Grant(4), false));
        let release = Some(ReleaseDebt { since: now() });
        assert_eq!(next.owed, Owed { release, ..Owed::default() });
        assert_eq!(next.found, Found::Well);
    }
}

#[test]
fn a_consent_that_heals_owes_the_resumed_event_too_under_an_id_of_the_old_cursor() {
    let sick: [fn(&mut Mailbox); 5] = [
        |row| row.needs_reauth = Some(Reason::GrantDead),
        |row| row.needs_reauth = Some(Reason::ScopeMissing),
        |row| row.paused = Some(PauseReason::DomainPolicy),
        |row| row.paused = Some(PauseReason::NoMailbox),
        |row| row.paused = Some(PauseReason::AccountDisabled),
    ];
    for sick in sick {
        let next = next(Some(&changed(sick)));
        let resumed = next.owed.announcement.unwrap();
        let cursor = Some("1000".parse().unwrap());
        let kind = EventKind::Resumed;
        let id = mailbox_event_id(kind, &user(), Epoch(2), Grant(4), cursor);
        assert_eq!((resumed.kind, resumed.id, next.found), (kind, id, Found::Stopped));
        assert!(next.owed.release.is_some() && next.owed.backfill.is_none() && !next.new_life);
    }
}

#[test]
fn a_connection_whose_first_grant_died_unannounced_is_announced_as_one() {
    let first =
        after_consent(None, &user(), None, Given::RefreshToken, &Backfill::None, now()).unwrap();
    let row = changed(|row| {
        row.owed = first.owed.clone();
        row.needs_reauth = Some(Reason::GrantDead);
    });
    let next = given(Some(&row), Given::RefreshToken).unwrap();
    assert_eq!(next.owed.announcement, None, "the one that is owed stays");
}

#[test]
fn while_a_disconnect_is_owed_nobody_connects() {
    let (id, at) = (String::new(), now());
    let debt = DisconnectDebt::new(id, Epoch(1), Grant(1), at);
    let row = changed(|row| {
        row.disconnected_at = Some(now());
        row.owed.disconnect = Some(debt);
    });
    assert_eq!(given(Some(&row), Given::RefreshToken), Err(NotYet::StillDisconnecting(None)));
}

#[test]
fn a_connected_mailbox_keeps_its_ref_against_any_other_and_an_ended_one_does_not() {
    let as_ref = |row: Option<&Mailbox>, text: &str| {
        let reference = text.parse().unwrap();
        let given = Given::RefreshToken;
        after_consent(row, &user(), Some(&reference), given, &Backfill::None, now()).map(|_| ())
    };
    let known = |change: fn(&mut Mailbox)| {
        let mut row = changed(|row| row.reference = Some("cust_42".into()));
        change(&mut row);
        row
    };
    let sick: [fn(&mut Mailbox); 3] = [
        |_| {},
        |row| row.needs_reauth = Some(Reason::GrantDead),
        |row| row.paused = Some(PauseReason::Operator),
    ];
    for sick in sick {
        assert_eq!(as_ref(Some(&known(sick)), "cust_43"), Err(NotYet::OtherReference));
        assert_eq!(as_ref(Some(&known(sick)), "cust_42"), Ok(()));
        assert!(given(Some(&known(sick)), Given::RefreshToken).is_ok(), "no link, no question");
    }
    assert_eq!(as_ref(Some(&known(|row| row.disconnected_at = Some(now()))), "cust_43"), Ok(()));
    assert_eq!(as_ref(Some(&row()), "cust_43"), Ok(()), "it had none");
    assert_eq!(as_ref(None, "cust_43"), Ok(()));
}

#[test]
fn without_a_refresh_token_only_a_mailbox_that_has_a_live_one_goes_on() {
    assert_eq!(given(Some(&row()), Given::Nothing).unwrap().grant, Grant(4));
    let missing_scope = changed(|row| row.needs_reauth = Some(Reason::ScopeMissing));
    assert!(given(Some(&missing_scope), Given::Nothing).is_ok());
    let none: [fn(&mut Mailbox); 3] = [
        |row| row.refresh_token = None,
        |row| row.disconnected_at = Some(now()),
        |row| row.needs_reauth = Some(Reason::GrantDead),
    ];
    for none in none {
        assert_eq!(given(Some(&changed(none)), Given::Nothing), Err(NotYet::NoRefreshToken));
    }
    assert_eq!(given(None, Given::Nothing), Err(NotYet::NoRefreshToken));
}

#[test]
fn how_much_old_mail_a_new_life_owes_is_as_set() {
    let (beginning, day) = (Timestamp::from_millis(0), now() - std::time::Duration::from_hours(48));
    for (set, from) in [
        (Backfill::None, None),
        (Backfill::Unread, Some(beginning)),
        (Backfill::All, Some(beginning)),
        (Backfill::Since(day), Some(day)),
        (Backfill::Since(now()), None),
    ] {
        let next = after_consent(None, &user(), None, Given::RefreshToken, &set, now()).unwrap();
        let owed = from.map(|from| BackfillDebt { from, to: now() });
        assert_eq!(next.owed.backfill, owed, "{set:?}");
    }
}
