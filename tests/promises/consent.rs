//! Connecting, the tokens, and disconnecting.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::goodbye::{DisconnectDebt, Revoked};
use shared::ids::{Epoch, Grant, HistoryId};
use shared::ledger::{Advance, Consent, Life, NewAccess};
use shared::mailbox::{AccessBy, Announcement, BackfillDebt, Mailbox, Owed, Pace, ReleaseDebt};
use shared::reason::{PauseReason, Reason};
use shared::sealing::Sealed;
use shared::store::Write::{Applied, Stale};

use super::world::{World, start, user};

const HOUR: Duration = Duration::from_hours(1);

fn access(version: u64, expiry: Timestamp) -> NewAccess {
    NewAccess { sealed: Sealed(format!("access {version}")), version, expiry, refresh_token: None }
}

fn debt(mailbox: &Mailbox, at: Timestamp) -> DisconnectDebt {
    let id = "end".to_owned();
    DisconnectDebt::new(id, mailbox.epoch, mailbox.grant, at)
}

impl World {
    async fn store_access(&self, at: Life<'_>, version: u64) -> shared::store::Write {
        let access = access(version, self.now() + HOUR);
        self.here.mailboxes.store_access(at, access).await.unwrap()
    }

    async fn connect_again(&self, change: impl FnOnce(&mut Consent)) -> Mailbox {
        let read = self.mailbox("ada").await;
        let mut consent = self.consent("ada", Some((read.epoch, read.grant)));
        change(&mut consent);
        assert_eq!(self.here.mailboxes.connect(consent).await.unwrap(), Applied);
        self.mailbox("ada").await
    }
}

async fn an_unknown_mailbox_is_none(world: World) {
    assert!(world.here.mailboxes.get(&user("nobody")).await.unwrap().is_none());
}

async fn a_mailbox_is_read_as_it_was_written(world: World) {
    let mut consent = world.consent("ada", None);
    consent.owed.backfill = Some(BackfillDebt { from: start(), to: start() + HOUR });
    consent.scopes = vec!["one".into(), "two \"quoted\"".into()];
    let owed = consent.owed.clone();
    assert_eq!(world.here.mailboxes.connect(consent).await.unwrap(), Applied);
    let mailbox = world.mailbox("ada").await;
    assert!(mailbox.owed == owed && mailbox.scopes == ["one", "two \"quoted\""]);
    assert_eq!(mailbox.email, "ada@example.com");
    assert_eq!(mailbox.reference.as_deref(), Some("crm-7"));
    assert_eq!((mailbox.epoch, mailbox.grant), (Epoch(1), Grant(1)));
    assert_eq!((mailbox.connected_at, mailbox.last_fetched_at), (start(), start()));
    assert_eq!((mailbox.history_id, mailbox.access_token_version), (None, 0));
    assert!(mailbox.is_readable());
}

async fn of_two_first_consents_one_is_stored(world: World) {
    let (one, two) = futures::join!(
        world.here.mailboxes.connect(world.consent("ada", None)),
        world.there.mailboxes.connect(world.consent("ada", None)),
    );
    let written = [one.unwrap(), two.unwrap()];
    assert!(written.contains(&Applied) && written.contains(&Stale));
}

async fn a_consent_for_another_state_of_the_row_is_not_stored(world: World) {
    world.connected("ada").await;
    let strangers = [None, Some((Epoch(2), Grant(1))), Some((Epoch(1), Grant(2)))];
    for read in strangers {
        let consent = world.consent("ada", read);
        assert_eq!(world.here.mailboxes.connect(consent).await.unwrap(), Stale);
    }
    let consent = world.consent("eve", Some((Epoch(1), Grant(1))));
    assert_eq!(world.here.mailboxes.connect(consent).await.unwrap(), Stale);
    assert_eq!(world.mailbox("ada").await.grant, Grant(1));
}

async fn consent_without_a_refresh_token_keeps_the_stored_one(world: World) {
    world.connected("ada").await;
    let mailbox = world
        .connect_again(|consent| {
            consent.refresh_token = None;
            consent.reference = None;
        })
        .await;
    assert_eq!(mailbox.refresh_token, Some(Sealed("refresh".into())));
    assert_eq!(mailbox.reference.as_deref(), Some("crm-7"));
    let mailbox = world.connect_again(|consent| consent.refresh_token = Some(Sealed("new".into())));
    assert_eq!(mailbox.await.refresh_token, Some(Sealed("new".into())));
}

async fn consent_drops_the_cached_access_token_and_its_number_counts_on(world: World) {
    let mailbox = world.connected("ada").await;
    assert_eq!(world.store_access(mailbox.life(), 1).await, Applied);
    let mailbox = world.connect_again(|_| ()).await;
    assert_eq!((mailbox.access_token.is_none(), mailbox.expiry), (true, None));
    assert_eq!(mailbox.access_token_version, 1);
    assert_eq!(world.store_access(mailbox.life(), 1).await, Stale);
    assert_eq!(world.store_access(mailbox.life(), 2).await, Applied);
}

async fn consent_again_goes_on_where_the_mailbox_stands(world: World) {
    let mailbox = world.connected("ada").await;
    let moved = Advance {
        to: HistoryId(7),
        fetched_at: start() + HOUR,
        found_mail: true,
        announcement: None,
    };
    assert_eq!(world.here.mailboxes.advance(mailbox.standing(), moved).await.unwrap(), Applied);
    let paused = world.here.mailboxes.pause(&user("ada"), Epoch(1), PauseReason::Operator).await;
    assert_eq!(paused.unwrap(), Applied);
    world.pass(2 * HOUR);
    let mailbox = world.connect_again(|_| ()).await;
    assert_eq!((mailbox.epoch, mailbox.grant), (Epoch(1), Grant(2)));
    assert_eq!((mailbox.history_id, mailbox.connected_at), (Some(HistoryId(7)), start()));
    assert_eq!(mailbox.last_fetched_at, start() + HOUR);
    assert_eq!(mailbox.paused, Some(PauseReason::Operator));
}

async fn consent_adds_debts_and_keeps_the_others(world: World) {
    let mut first = world.consent("ada", None);
    first.owed.release = Some(ReleaseDebt { since: start() });
    assert_eq!(world.here.mailboxes.connect(first).await.unwrap(), Applied);
    let backfill = BackfillDebt { from: start(), to: start() };
    let owed = Owed { backfill: Some(backfill.clone()), ..Owed::default() };
    let mailbox = world.connect_again(|consent| consent.owed = owed).await;
    assert_eq!(mailbox.owed.release, Some(ReleaseDebt { since: start() }));
    assert_eq!(mailbox.owed.backfill, Some(backfill));
}

async fn an_access_token_is_stored_only_for_the_consent_it_came_from(world: World) {
    let before = world.connected("ada").await;
    let after = world.connect_again(|_| ()).await;
    assert_eq!(world.store_access(before.life(), 1).await, Stale);
    let user = user("ada");
    let elsewhere = Life { user: &user, epoch: Epoch(2), grant: after.grant };
    assert_eq!(world.store_access(elsewhere, 1).await, Stale);
    assert_eq!(world.store_access(after.life(), 1).await, Applied);
    let mailbox = world.mailbox("ada").await;
    assert_eq!(mailbox.access_token, Some(Sealed("access 1".into())));
    assert_eq!(mailbox.expiry, Some(start() + HOUR));
    assert_eq!(mailbox.refresh_token, Some(Sealed("refresh".into())));
}

async fn two_refreshes_never_share_a_number(world: World) {
    let mailbox = world.connected("ada").await;
    let (one, two) = futures::join!(
        world.here.mailboxes.store_access(mailbox.life(), access(1, start())),
        world.there.mailboxes.store_access(mailbox.life(), access(1, start())),
    );
    let written = [one.unwrap(), two.unwrap()];
    assert!(written.contains(&Applied) && written.contains(&Stale));
}

async fn a_refresh_token_that_google_replaced_is_stored_with_the_access_token(world: World) {
    let mailbox = world.connected("ada").await;
    let refresh_token = Some(Sealed("rotated".into()));
    let access = NewAccess { refresh_token, ..access(1, start()) };
    assert_eq!(world.here.mailboxes.store_access(mailbox.life(), access).await.unwrap(), Applied);
    assert_eq!(world.mailbox("ada").await.refresh_token, Some(Sealed("rotated".into())));
}

async fn one_worker_at_a_time_refreshes(world: World) {
    let mailbox = world.connected("ada").await;
    let until = start() + HOUR;
    let lease = |version, now, until| {
        world.there.mailboxes.lease_refresh(mailbox.life(), version, now, until)
    };
    assert_eq!(lease(0, start(), until).await.unwrap(), Applied);
    assert_eq!(lease(0, start(), until + HOUR).await.unwrap(), Stale);
    assert_eq!(lease(0, until, until + HOUR).await.unwrap(), Applied);
    world.here.mailboxes.release_refresh(&user("ada")).await.unwrap();
    assert_eq!(lease(0, start(), until).await.unwrap(), Applied);
    assert_eq!(world.store_access(mailbox.life(), 1).await, Applied);
    assert_eq!(
        lease(0, start(), until).await.unwrap(),
        Stale,
        "it was refreshed since it was read"
    );
    assert_eq!(lease(1, start(), until).await.unwrap(), Applied);
}

async fn a_lease_is_not_given_for_a_consent_that_is_over(world: World) {
    let before = world.connected("ada").await;
    world.connect_again(|_| ()).await;
    let lease = world.here.mailboxes.lease_refresh(before.life(), 0, start(), start() + HOUR);
    assert_eq!(lease.await.unwrap(), Stale);
}

async fn disconnecting_ends_the_life_in_one_write(world: World) {
    let mut consent = world.consent("ada", None);
    consent.owed.backfill = Some(BackfillDebt { from: start(), to: start() });
    consent.owed.release = Some(ReleaseDebt { since: start() });
    let said = Announcement {
        id: "hello".into(),
        kind: shared::events::EventKind::Connected,
        at: start(),
        gap: None,
    };
    consent.owed.announcement = Some(said.clone());
    assert_eq!(world.here.mailboxes.connect(consent).await.unwrap(), Applied);
    let alive = world.mailbox("ada").await;
    let debt = debt(&alive, start() + HOUR);
    let end = || world.here.mailboxes.disconnect(&alive.user_id, debt.clone());
    assert_eq!(end().await.unwrap(), Applied);
    assert_eq!(end().await.unwrap(), Stale);
    let over = world.mailbox("ada").await;
    assert_eq!((over.epoch, over.history_id), (Epoch(2), None));
    assert_eq!(over.disconnected_at, Some(start() + HOUR));
    assert!(!over.is_readable() && over.refresh_token.is_some());
    let owed = Owed { disconnect: Some(debt), announcement: Some(said), ..Owed::default() };
    assert!(over.owed == owed, "what was to be done for the life dies with it");
    assert_eq!(world.store_access(alive.life(), 1).await, Stale);
}

async fn tokens_are_forgotten_only_while_the_life_stays_over(world: World) {
    let alive = world.connected("ada").await;
    let forget = || world.here.mailboxes.forget_tokens(&alive.user_id, alive.epoch, Revoked::Yes);
    assert_eq!(forget().await.unwrap(), Stale);
    let debt = debt(&alive, start());
    let ended = world.here.mailboxes.disconnect(&alive.user_id, debt).await.unwrap();
    assert_eq!((ended, forget().await.unwrap()), (Applied, Applied));
    let over = world.mailbox("ada").await;
    assert!(over.refresh_token.is_none() && over.access_token.is_none());
    assert!(over.owed.disconnect.is_some(), "the debt stays until it is settled");
    world.connect_again(|consent| consent.new_life = true).await;
    assert_eq!(forget().await.unwrap(), Stale);
    assert!(world.mailbox("ada").await.refresh_token.is_some());
}

async fn a_new_life_begins_from_a_new_baseline(world: World) {
    let alive = world.connected("ada").await;
    let pace = Pace { until: start() + HOUR, used: 7 };
    let users = &world.here.mailboxes;
    assert_eq!(users.reserve(&alive.user_id, alive.pace, pace).await.unwrap(), Applied);
    let notice = shared::mailbox::Notice { id: "n".into(), reason: Reason::GrantDead, at: start() };
    assert_eq!(users.need_reauth(alive.life(), notice).await.unwrap(), Applied);
    let paused = users.pause(&alive.user_id, alive.epoch, PauseReason::NoMailbox);
    assert_eq!(paused.await.unwrap(), Applied);
    let ended = users.disconnect(&alive.user_id, debt(&alive, start()));
    assert_eq!(ended.await.unwrap(), Applied);
    world.pass(HOUR);
    let born = world.connect_again(|consent| consent.new_life = true).await;
    assert!(born.is_readable() && born.history_id.is_none() && born.last_mail_at.is_none());
    assert_eq!((born.connected_at, born.last_fetched_at), (world.now(), world.now()));
    assert_eq!(born.pace, pace, "the quota is the account's");
    assert!(born.owed.disconnect.is_some(), "the old life is still to be cleared away");
}

async fn a_mailbox_is_read_by_the_permission_that_came_last(world: World) {
    let mut delegated = world.consent("ada", None);
    (delegated.access, delegated.refresh_token) = (AccessBy::Delegation, None);
    assert_eq!(world.here.mailboxes.connect(delegated).await.unwrap(), Applied);
    let mailbox = world.mailbox("ada").await;
    assert_eq!((mailbox.access, mailbox.refresh_token), (AccessBy::Delegation, None));
    let consented = world.connect_again(|_| ()).await;
    assert_eq!(consented.access, AccessBy::Consent);
    let delegated = world.connect_again(|again| {
        (again.access, again.refresh_token) = (AccessBy::Delegation, None);
    });
    let delegated = delegated.await;
    assert_eq!(delegated.access, AccessBy::Delegation);
    assert_eq!(delegated.refresh_token, consented.refresh_token, "to be revoked in the end");
}

promises!(
    an_unknown_mailbox_is_none,
    a_mailbox_is_read_as_it_was_written,
    of_two_first_consents_one_is_stored,
    a_consent_for_another_state_of_the_row_is_not_stored,
    consent_without_a_refresh_token_keeps_the_stored_one,
    consent_drops_the_cached_access_token_and_its_number_counts_on,
    consent_again_goes_on_where_the_mailbox_stands,
    consent_adds_debts_and_keeps_the_others,
    an_access_token_is_stored_only_for_the_consent_it_came_from,
    two_refreshes_never_share_a_number,
    a_refresh_token_that_google_replaced_is_stored_with_the_access_token,
    one_worker_at_a_time_refreshes,
    a_lease_is_not_given_for_a_consent_that_is_over,
    disconnecting_ends_the_life_in_one_write,
    tokens_are_forgotten_only_while_the_life_stays_over,
    a_new_life_begins_from_a_new_baseline,
    a_mailbox_is_read_by_the_permission_that_came_last,
);
