//! The cursor, and the quota that is reserved beside it.

use std::time::Duration;

use shared::events::EventKind;
use shared::goodbye::DisconnectDebt;
use shared::ids::{Epoch, HistoryId};
use shared::ledger::Advance;
use shared::mailbox::{Announcement, GapReport, Mailbox, Notice, Pace};
use shared::reason::{PauseReason, Reason};
use shared::store::StoreError;
use shared::store::Write::{self, Applied, Stale};

use super::world::{Stores, World, start, user};

const MINUTE: Duration = Duration::from_mins(1);

fn to(cursor: u64) -> Advance {
    Advance { to: HistoryId(cursor), fetched_at: start(), found_mail: false, announcement: None }
}

impl World {
    async fn advance(&self, from: &Mailbox, moved: Advance) -> Write {
        self.here.mailboxes.advance(from.standing(), moved).await.unwrap()
    }

    /// One process or the other.
    fn side(&self, number: u64) -> &Stores {
        if number.is_multiple_of(2) { &self.here } else { &self.there }
    }

    /// A mailbox whose cursor is at `cursor`.
    async fn at(&self, cursor: u64) -> Mailbox {
        let mailbox = self.connected("ada").await;
        assert_eq!(self.advance(&mailbox, to(cursor)).await, Applied);
        self.mailbox("ada").await
    }
}

async fn a_cursor_moves_forward_as_a_number(world: World) {
    let at = world.at(9).await;
    assert_eq!(world.advance(&at, to(10)).await, Applied);
    let at = world.mailbox("ada").await;
    assert_eq!(at.history_id, Some(HistoryId(10)));
    assert_eq!(world.advance(&at, to(9)).await, Stale);
    assert_eq!(world.mailbox("ada").await.history_id, Some(HistoryId(10)));
}

async fn a_cursor_may_be_any_number_of_64_bits(world: World) {
    let at = world.at(i64::MAX.unsigned_abs()).await;
    assert_eq!(world.advance(&at, to(u64::MAX - 1)).await, Applied);
    let at = world.mailbox("ada").await;
    assert_eq!(world.advance(&at, to(i64::MAX.unsigned_abs() + 1)).await, Stale);
    assert_eq!(world.advance(&at, to(u64::MAX)).await, Applied);
    assert_eq!(world.mailbox("ada").await.history_id, Some(HistoryId(u64::MAX)));
}

async fn of_two_workers_that_read_the_same_cursor_one_moves_it(world: World) {
    let at = world.at(5).await;
    let (one, two) = futures::join!(
        world.here.mailboxes.advance(at.standing(), to(6)),
        world.there.mailboxes.advance(at.standing(), to(8)),
    );
    let written = [one.unwrap(), two.unwrap()];
    assert!(written.contains(&Applied) && written.contains(&Stale));
}

async fn of_many_workers_that_read_the_same_row_one_writes_it(world: World) {
    let at = world.at(5).await;
    for round in 1..=3 {
        let at = world.mailbox(at.user_id.as_str()).await;
        let here =
            (0..20).map(|n| world.side(n).mailboxes.advance(at.standing(), to(round * 10 + n)));
        let moved = futures::future::join_all(here).await;
        assert_eq!(applied(moved), 1, "of all who move the cursor");
        let until = u32::try_from(round).unwrap();
        let taken = (0..20).map(|n| {
            let new = pace(until, u32::try_from(n).unwrap() + 1);
            world.side(n).mailboxes.reserve(&at.user_id, at.pace, new)
        });
        assert_eq!(applied(futures::future::join_all(taken).await), 1, "of all who reserve quota");
    }
}

async fn those_who_write_different_things_at_once_all_do(world: World) {
    let at = world.at(5).await;
    let (user, life) = (&at.user_id, at.life());
    let notice = Notice { id: "n".into(), reason: Reason::GrantDead, at: start() };
    let users = &world.here.mailboxes;
    let (moved, reserved, leased, noted, paused) = futures::join!(
        world.there.mailboxes.advance(at.standing(), to(6)),
        users.reserve(user, at.pace, pace(1, 25)),
        world.there.mailboxes.lease_refresh(life, 0, start(), start() + MINUTE),
        users.need_reauth(life, notice.clone()),
        world.there.mailboxes.pause(user, at.epoch, PauseReason::Operator),
    );
    assert_eq!(applied(vec![moved, reserved, leased, noted, paused]), 5);
    let after = world.mailbox("ada").await;
    assert_eq!((after.history_id, after.pace), (Some(HistoryId(6)), pace(1, 25)));
    assert_eq!((after.refresh_lease, after.owed.notice), (Some(start() + MINUTE), Some(notice)));
    assert_eq!(after.paused, Some(PauseReason::Operator));
}

async fn the_first_cursor_is_set_once(world: World) {
    let new = world.connected("ada").await;
    assert_eq!(world.advance(&new, to(3)).await, Applied);
    assert_eq!(world.advance(&new, to(4)).await, Stale);
}

async fn an_empty_poll_may_note_that_it_looked(world: World) {
    let at = world.at(5).await;
    let looked = Advance { fetched_at: start() + MINUTE, ..to(5) };
    assert_eq!(world.advance(&at, looked).await, Applied);
    let at = world.mailbox("ada").await;
    assert_eq!((at.last_fetched_at, at.last_mail_at), (start() + MINUTE, None));
}

async fn moving_the_cursor_notes_mail_and_what_is_owed(world: World) {
    let at = world.at(5).await;
    let gap = GapReport { from: start(), to: start() + MINUTE, found: 3, already_had: 1 };
    let said = Announcement {
        id: "resumed".into(),
        kind: EventKind::Resumed,
        at: start(),
        gap: Some(gap),
    };
    let moved = Advance { found_mail: true, announcement: Some(said.clone()), ..to(6) };
    assert_eq!(world.advance(&at, moved).await, Applied);
    let at = world.mailbox("ada").await;
    assert_eq!((at.last_mail_at, &at.owed.announcement), (Some(start()), &Some(said.clone())));
    assert_eq!(world.advance(&at, to(7)).await, Applied);
    let at = world.mailbox("ada").await;
    assert_eq!((at.last_mail_at, at.owed.announcement), (Some(start()), Some(said)));
}

async fn the_cursor_of_a_life_that_is_over_does_not_move(world: World) {
    let at = world.at(5).await;
    let (id, at_time) = ("end".to_owned(), start());
    let debt = DisconnectDebt::new(id, at.epoch, at.grant, at_time);
    assert_eq!(world.here.mailboxes.disconnect(&at.user_id, debt).await.unwrap(), Applied);
    assert_eq!(world.advance(&at, to(6)).await, Stale);
    let over = world.mailbox("ada").await;
    assert_eq!((over.epoch, over.history_id), (Epoch(2), None));
    assert_eq!(world.advance(&over, to(6)).await, Stale);
}

async fn quota_is_reserved_once_for_what_was_read(world: World) {
    let mailbox = world.connected("ada").await;
    let (one, two) = (pace(1, 25), pace(1, 50));
    let reserve = |read, new| world.here.mailboxes.reserve(&mailbox.user_id, read, new);
    assert_eq!(reserve(mailbox.pace, one).await.unwrap(), Applied);
    assert_eq!(reserve(mailbox.pace, two).await.unwrap(), Stale);
    assert_eq!(world.mailbox("ada").await.pace, one);
    assert_eq!(reserve(one, two).await.unwrap(), Applied);
    let nobody = user("nobody");
    let written = world.here.mailboxes.reserve(&nobody, Pace::default(), one).await;
    assert_eq!(written.unwrap(), Stale);
}

fn applied(written: Vec<Result<Write, StoreError>>) -> usize {
    written.into_iter().filter(|write| *write.as_ref().unwrap() == Applied).count()
}

fn pace(minutes: u32, used: u32) -> Pace {
    Pace { until: start() + minutes * MINUTE, used }
}

promises!(
    a_cursor_moves_forward_as_a_number,
    a_cursor_may_be_any_number_of_64_bits,
    of_two_workers_that_read_the_same_cursor_one_moves_it,
    of_many_workers_that_read_the_same_row_one_writes_it,
    those_who_write_different_things_at_once_all_do,
    the_first_cursor_is_set_once,
    an_empty_poll_may_note_that_it_looked,
    moving_the_cursor_notes_mail_and_what_is_owed,
    the_cursor_of_a_life_that_is_over_does_not_move,
    quota_is_reserved_once_for_what_was_read,
);
