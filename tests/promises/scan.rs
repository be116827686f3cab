//! Scanning all mailboxes.

use std::collections::BTreeSet;

use shared::ids::{Epoch, Grant, UserId};
use shared::ledger::{Life, Segment};
use shared::mailbox::{Notice, Owed, ReleaseDebt, Roster};
use shared::reason::{PauseReason, Reason};
use shared::store::Write::Applied;

use super::world::{World, start, user};

impl World {
    async fn populated(&self, count: u32) -> BTreeSet<UserId> {
        for number in 0..count {
            let consent = self.consent(&format!("1{number:04}"), None);
            assert_eq!(self.here.mailboxes.connect(consent).await.unwrap(), Applied);
        }
        (0..count).map(|number| user(&format!("1{number:04}"))).collect()
    }

    /// Everything in one segment, page by page.
    async fn scanned(&self, segment: Segment, limit: usize) -> Vec<Roster> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.there.mailboxes.scan(segment, after.as_ref(), limit).await.unwrap();
            assert!(page.mailboxes.len() <= limit);
            all.extend(page.mailboxes);
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    }
}

async fn pages_cover_every_mailbox_once_in_every_segmentation(world: World) {
    let all = world.populated(97).await;
    for total in [1, 2, 3, 8, 200] {
        let mut seen = Vec::new();
        for index in 0..total {
            let part = world.scanned(Segment { index, total }, 10).await;
            seen.extend(part.into_iter().map(|roster| roster.user_id));
        }
        assert_eq!(seen.len(), all.len(), "in {total} segments");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
    }
}

async fn a_scan_ends_after_a_page_that_is_exactly_full(world: World) {
    world.populated(20).await;
    assert_eq!(world.scanned(Segment { index: 0, total: 1 }, 10).await.len(), 20);
    assert_eq!(world.scanned(Segment { index: 0, total: 1 }, 20).await.len(), 20);
}

async fn there_is_nobody_in_a_segment_that_does_not_exist(world: World) {
    world.populated(20).await;
    assert_eq!(world.scanned(Segment { index: 4, total: 4 }, 10).await, []);
}

async fn a_mailbox_that_comes_during_a_scan_repeats_nobody(world: World) {
    let before = world.populated(30).await;
    let whole = Segment { index: 0, total: 1 };
    let first = world.here.mailboxes.scan(whole, None, 15).await.unwrap();
    world.connected("newcomer").await;
    let rest = world.here.mailboxes.scan(whole, first.next.as_ref(), 100).await.unwrap();
    let mut seen: Vec<_> = first.mailboxes.into_iter().chain(rest.mailboxes).collect();
    seen.retain(|roster| before.contains(&roster.user_id));
    assert_eq!(seen.len(), before.len());
}

async fn a_scan_shows_who_may_be_read_and_who_is_owed_something(world: World) {
    world.connected("read").await;
    world.connected("paused").await;
    let (paused, why) = (user("paused"), PauseReason::Operator);
    let written = world.here.mailboxes.pause(&paused, Epoch(1), why).await;
    assert_eq!(written.unwrap(), Applied);
    let mut owed = world.consent("owed", None);
    owed.owed = Owed { release: Some(ReleaseDebt { since: start() }), ..Owed::default() };
    assert_eq!(world.here.mailboxes.connect(owed).await.unwrap(), Applied);
    for roster in world.scanned(Segment { index: 0, total: 1 }, 10).await {
        let name = roster.user_id.as_str();
        assert_eq!(roster.readable, name != "paused", "{name}");
        assert_eq!(roster.owes, name == "owed", "{name}");
        assert_eq!(roster, world.mailbox(name).await.roster());
    }
}

async fn what_only_a_readable_mailbox_can_be_paid_is_not_owed_to_another(world: World) {
    let mut consent = world.consent("ada", None);
    let release = Owed { release: Some(ReleaseDebt { since: start() }), ..Owed::default() };
    consent.owed = release.clone();
    assert_eq!(world.here.mailboxes.connect(consent).await.unwrap(), Applied);
    let ada = user("ada");
    let seen = async || {
        let roster = world.scanned(Segment { index: 0, total: 1 }, 10).await.remove(0);
        assert_eq!(roster, world.mailbox("ada").await.roster());
        (roster.readable, roster.owes)
    };
    assert_eq!(seen().await, (true, true));
    let paused = world.here.mailboxes.pause(&ada, Epoch(1), PauseReason::Operator).await;
    assert_eq!((paused.unwrap(), seen().await), (Applied, (false, false)));
    let resumed = world.here.mailboxes.resume(&ada, Epoch(1), PauseReason::Operator, start()).await;
    assert_eq!((resumed.unwrap(), seen().await), (Applied, (true, true)));
    // Whose consent is dead is told so by the dead letter that found it, and left alone until the next consent.
    let at = Life { user: &ada, epoch: Epoch(1), grant: Grant(1) };
    let notice = Notice { id: "n1".into(), reason: Reason::GrantDead, at: start() };
    let set = world.here.mailboxes.need_reauth(at, notice).await;
    assert_eq!((set.unwrap(), seen().await), (Applied, (false, false)));
    let owed = world.mailbox("ada").await.owed;
    assert!(owed.release.is_some() && owed.notice.is_some() && owed.mail.is_some());
}

promises!(
    pages_cover_every_mailbox_once_in_every_segmentation,
    a_scan_ends_after_a_page_that_is_exactly_full,
    there_is_nobody_in_a_segment_that_does_not_exist,
    a_mailbox_that_comes_during_a_scan_repeats_nobody,
    a_scan_shows_who_may_be_read_and_who_is_owed_something,
    what_only_a_readable_mailbox_can_be_paid_is_not_owed_to_another,
);
