//! Needing re-auth, pausing, and debts.

use std::time::Duration;

use shared::ids::{Epoch, Grant};
use shared::ledger::Life;
use shared::mailbox::{AccessBy, BackfillDebt, Notice, Owed, ReleaseDebt};
use shared::reason::{PauseReason, Reason};
use shared::store::Write::{self, Applied, Stale};

use super::world::{World, start, user};

fn notice(id: &str) -> Notice {
    Notice { id: id.into(), reason: Reason::GrantDead, at: start() }
}

impl World {
    async fn need_reauth(&self, epoch: u32, grant: u32) -> Write {
        let user = user("ada");
        let at = Life { user: &user, epoch: Epoch(epoch), grant: Grant(grant) };
        self.here.mailboxes.need_reauth(at, notice("n1")).await.unwrap()
    }

    async fn pause(&self, epoch: u32, reason: PauseReason) -> Write {
        self.here.mailboxes.pause(&user("ada"), Epoch(epoch), reason).await.unwrap()
    }

    async fn resume(&self, epoch: u32) -> Write {
        self.resume_from(epoch, PauseReason::Operator).await
    }

    async fn resume_from(&self, epoch: u32, reason: PauseReason) -> Write {
        let ada = user("ada");
        self.here.mailboxes.resume(&ada, Epoch(epoch), reason, self.now()).await.unwrap()
    }
}

async fn only_the_consent_that_failed_needs_reauth(world: World) {
    world.connected("ada").await;
    assert_eq!(world.need_reauth(1, 2).await, Stale);
    assert_eq!(world.need_reauth(2, 1).await, Stale);
    assert_eq!(world.need_reauth(1, 1).await, Applied);
    let mailbox = world.mailbox("ada").await;
    assert_eq!(mailbox.needs_reauth, Some(Reason::GrantDead));
    let (owed, due) = (mailbox.owed.clone(), Some(notice("n1")));
    assert_eq!((&owed.notice, &owed.mail), (&due, &due));
    assert!(!mailbox.is_readable());
}

async fn needing_reauth_is_learnt_once(world: World) {
    world.connected("ada").await;
    assert_eq!(world.need_reauth(1, 1).await, Applied);
    let paid = Owed { notice: Some(notice("n1")), ..Owed::default() };
    world.here.mailboxes.settle(&user("ada"), paid).await.unwrap();
    assert_eq!(world.need_reauth(1, 1).await, Stale);
    let left = Owed { mail: Some(notice("n1")), ..Owed::default() };
    assert_eq!(world.mailbox("ada").await.owed, left);
    world.here.mailboxes.settle(&user("ada"), left).await.unwrap();
    assert_eq!(world.mailbox("ada").await.owed, Owed::default());
}

async fn a_mailbox_that_is_read_by_delegation_never_needs_reauth(world: World) {
    let mut delegated = world.consent("ada", None);
    delegated.access = AccessBy::Delegation;
    assert_eq!(world.here.mailboxes.connect(delegated).await.unwrap(), Applied);
    assert_eq!(world.need_reauth(1, 1).await, Stale);
    assert!(world.mailbox("ada").await.is_readable());
}

async fn a_new_consent_ends_the_need(world: World) {
    world.connected("ada").await;
    assert_eq!(world.need_reauth(1, 1).await, Applied);
    let consent = world.consent("ada", Some((Epoch(1), Grant(1))));
    assert_eq!(world.here.mailboxes.connect(consent).await.unwrap(), Applied);
    let mailbox = world.mailbox("ada").await;
    assert!(mailbox.is_readable());
    // That the old grant died is told all the same, and nobody is written to about it.
    assert_eq!((mailbox.owed.notice, mailbox.owed.mail), (Some(notice("n1")), None));
    assert_eq!(world.need_reauth(1, 1).await, Stale);
    assert!(world.mailbox("ada").await.is_readable());
}

async fn a_pause_keeps_its_first_reason(world: World) {
    world.connected("ada").await;
    assert_eq!(world.pause(2, PauseReason::Operator).await, Stale);
    assert_eq!(world.pause(1, PauseReason::Operator).await, Applied);
    assert_eq!(world.pause(1, PauseReason::DomainPolicy).await, Stale);
    assert_eq!(world.mailbox("ada").await.paused, Some(PauseReason::Operator));
}

async fn resuming_owes_the_release_of_what_waited(world: World) {
    world.connected("ada").await;
    assert_eq!(world.resume(1).await, Stale);
    assert_eq!(world.pause(1, PauseReason::Operator).await, Applied);
    world.pass(Duration::from_secs(9));
    assert_eq!(world.resume(2).await, Stale);
    assert_eq!(world.resume_from(1, PauseReason::AccountDisabled).await, Stale);
    assert_eq!(world.resume(1).await, Applied);
    let mailbox = world.mailbox("ada").await;
    assert!(mailbox.is_readable());
    assert_eq!(mailbox.owed.release, Some(ReleaseDebt { since: world.now() }));
}

async fn settling_clears_what_is_owed_exactly_so(world: World) {
    let mut consent = world.consent("ada", None);
    let backfill = BackfillDebt { from: start(), to: start() };
    let release = ReleaseDebt { since: start() };
    consent.owed.backfill = Some(backfill.clone());
    consent.owed.release = Some(release.clone());
    assert_eq!(world.here.mailboxes.connect(consent).await.unwrap(), Applied);
    let later = start() + Duration::from_secs(1);
    let paid = Owed {
        backfill: Some(BackfillDebt { from: start(), to: later }),
        release: Some(release),
        notice: Some(notice("never owed")),
        ..Owed::default()
    };
    world.here.mailboxes.settle(&user("ada"), paid).await.unwrap();
    let left = Owed { backfill: Some(backfill), ..Owed::default() };
    assert_eq!(world.mailbox("ada").await.owed, left);
}

async fn nothing_is_made_of_a_mailbox_that_is_not_there(world: World) {
    assert_eq!(world.need_reauth(1, 1).await, Stale);
    assert_eq!(world.pause(1, PauseReason::Operator).await, Stale);
    world.here.mailboxes.settle(&user("ada"), Owed::default()).await.unwrap();
    world.here.mailboxes.release_refresh(&user("ada")).await.unwrap();
    assert!(world.there.mailboxes.get(&user("ada")).await.unwrap().is_none());
}

promises!(
    only_the_consent_that_failed_needs_reauth,
    needing_reauth_is_learnt_once,
    a_mailbox_that_is_read_by_delegation_never_needs_reauth,
    a_new_consent_ends_the_need,
    a_pause_keeps_its_first_reason,
    resuming_owes_the_release_of_what_waited,
    settling_clears_what_is_owed_exactly_so,
    nothing_is_made_of_a_mailbox_that_is_not_there,
);
