//! At the desk: what failed goes round again in a lane of its own, whoever is killed, and whoever else is at it.

mod by_itself;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use desk::groups::{By, groups};
use desk::orders::{Counts, Desk, How, Order, Refused, Wanted};
use desk::plan::{Kind, Plan, Scope, Why};
use google_sim::faults::FaultKind;
use google_sim::grants::Cause as Death;
use google_sim::methods::Method;
use shared::ids::{JobId, MessageId, UserId};
use shared::jobs::{Cause, Lane, UserJobKind};
use shared::ledger::{DeadLetter, LetterFilter, LetterState, Sent, Trigger, Turn};
use shared::mark::MarkState;
use shared::reason::{PauseReason, Reason, SkipReason};
use shared::replay::Replayed;
use shared::settings::Backfill;
use simulation::hand::Strike;

use super::world::{ADA, HOUR, MINUTE, World};

const DONE: Option<MarkState> = Some(MarkState::Done);
const PARKED: Option<MarkState> = Some(MarkState::Parked);
const BOB: &str = "bob@example.com";
const RATE: u32 = 1_000;

stories!(
    three_causes_are_three_groups_and_replaying_one_leaves_the_others,
    a_plan_says_what_it_costs_and_who_is_left_out_and_changes_nothing,
    jobs_of_an_ended_life_are_never_replayed_and_give_up_nothing_of_the_next,
    an_order_that_is_killed_is_gone_on_with_and_nobody_sees_a_new_event,
    an_order_keeps_others_out_until_it_ends,
    an_order_of_a_letter_by_name_waits_for_nobody,
    an_order_that_is_paused_sends_nothing_and_one_that_is_cancelled_ends,
    a_replay_never_makes_new_mail_wait_for_more_than_a_block,
    what_dies_again_is_not_sent_round_by_the_same_order,
    what_is_discarded_is_skipped_for_good,
    a_letter_of_an_older_program_is_read_and_replayed,
    a_letter_of_a_newer_program_is_replayed_once_this_one_reads_it,
);

fn all() -> Scope {
    Scope { jobs: vec![], filter: LetterFilter::default(), ended_only: false }
}

fn of(reason: Reason) -> Scope {
    Scope { filter: LetterFilter { reason: Some(reason), ..LetterFilter::default() }, ..all() }
}

impl World {
    fn desk(&self) -> Desk {
        self.stages().desk()
    }

    async fn plan(&self, scope: &Scope) -> Plan {
        self.desk().plan(Kind::Replay, scope, RATE).await.unwrap()
    }

    async fn order(&self, kind: Kind, scope: Scope) -> Order {
        let desk = self.desk();
        let held = desk.begin(kind, scope, "ada", RATE).await.unwrap();
        let rest = desk.rest(&held).await.unwrap();
        desk.carry_out(held, rest, |_| {}).await.unwrap()
    }

    /// A message whose fetching fails so often, and in this way, that it is parked.
    async fn parked_by(&self, email: &str, user: &UserId, kind: FaultKind) -> MessageId {
        let id = self.deliver(email, &format!("{kind:?}"));
        self.fault(Method::MessagesGet, kind);
        self.ask(user, UserJobKind::Sync, Cause::Manual).await;
        self.rest().await;
        self.heal();
        assert_eq!(self.state(user, &id).await, PARKED);
        id
    }

    async fn open_letters(&self) -> usize {
        self.letters().await.iter().filter(|letter| letter.state.is_open()).count()
    }
}

async fn three_causes_are_three_groups_and_replaying_one_leaves_the_others(mut world: World) {
    world.settings.retry_base = Duration::from_secs(1);
    let (ada, bob) = (world.connect(ADA).await, world.connect(BOB).await);
    let mut tired = Vec::new();
    for _ in 0..3 {
        tired.push(world.parked_by(ADA, &ada, FaultKind::Unavailable).await);
    }
    let refused = [
        world.parked_by(ADA, &ada, FaultKind::BadRequest).await,
        world.parked_by(ADA, &ada, FaultKind::BadRequest).await,
    ];
    let spent = world.parked_by(BOB, &bob, FaultKind::DailyLimitExceeded).await;
    let letters = &*world.backend.stores.letters;
    let found = groups(letters, &LetterFilter::default(), &[By::Reason]).await.unwrap();
    let counts: Vec<_> = found.iter().map(|it| (it.letters, it.common.reason.unwrap())).collect();
    let expected = [(3, Reason::TooManyTries), (2, Reason::ClientFault), (1, Reason::Quota)];
    assert_eq!(counts, expected);
    let by = [By::Stage, By::Mailbox, By::Hour];
    let found = groups(letters, &LetterFilter::default(), &by).await.unwrap();
    assert_eq!(found[0].common.user_id, Some(Some(ada.clone())));

    let order = world.order(Kind::Replay, of(Reason::ClientFault)).await;
    assert_eq!((order.counts.letters, order.ended.unwrap().how), (2, How::Finished));
    world.rest().await;
    assert_eq!(world.states(&ada, &refused).await, [DONE; 2]);
    assert_eq!(world.states(&ada, &tired).await, [PARKED; 3]);
    assert_eq!(world.state(&bob, &spent).await, PARKED);
    for id in &refused {
        let events = world.events_about(id.as_str()).await;
        assert_eq!((events.len(), &events[0].event.data["replay"]), (1, &true.into()));
    }
}

async fn a_plan_says_what_it_costs_and_who_is_left_out_and_changes_nothing(world: World) {
    let (ada, bob) = (world.connect(ADA).await, world.connect(BOB).await);
    world.parked_by(ADA, &ada, FaultKind::BadRequest).await;
    world.parked_by(BOB, &bob, FaultKind::BadRequest).await;
    world.parked_by(BOB, &bob, FaultKind::BadRequest).await;
    let before = world.letters().await;
    let plan = world.plan(&all()).await;
    assert_eq!((plan.letters, plan.messages, plan.mailboxes, plan.units), (3, 3, 2, 60));
    assert_eq!(plan.takes, Duration::from_secs(1));
    world.google.revoke(BOB, Death::UserRevoked).unwrap();
    world.live_for(2 * HOUR).await;
    assert!(world.mailbox(&bob).await.needs_reauth.is_some());
    let epoch = world.mailbox(&ada).await.epoch;
    let paused = world.stores.mailboxes.pause(&ada, epoch, PauseReason::Operator);
    let _ = paused.await.unwrap();
    let plan = world.plan(&of(Reason::ClientFault)).await;
    assert_eq!((plan.letters, plan.left_out[&Why::NeedsReauth].letters), (0, 2));
    assert_eq!(plan.left_out[&Why::Paused].letters, 1);
    let after = world.letters().await;
    let of_messages = after.iter().filter(|letter| letter.reason == Reason::ClientFault);
    assert!(of_messages.eq(&before));
}

async fn jobs_of_an_ended_life_are_never_replayed_and_give_up_nothing_of_the_next(
    mut world: World,
) {
    world.settings.backfill = Backfill::None;
    let user = world.connect(ADA).await;
    let id = world.parked_by(ADA, &user, FaultKind::BadRequest).await;
    world.ask(&user, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
    world.rest().await;
    // So long that the first listing of the next life does not reach back to it.
    world.pass(2 * HOUR);
    world.connect(ADA).await;
    let plan = world.plan(&all()).await;
    assert_eq!((plan.letters, plan.left_out[&Why::EndedLife].letters), (0, 1));
    let alive = world.parked_by(ADA, &user, FaultKind::BadRequest).await;
    let order = world.order(Kind::Discard, Scope { ended_only: true, ..all() }).await;
    assert_eq!((order.counts.letters, order.counts.left_out), (1, 1));
    let states = world.letters().await.into_iter().map(|letter| letter.state);
    assert_eq!(states.filter(|state| *state == LetterState::Discarded).count(), 1);
    assert_eq!(world.state(&user, &alive).await, PARKED, "of this life, and another's letter");
    assert_eq!(world.state(&user, &id).await, PARKED, "of a life that counts for nothing");
}

async fn an_order_that_is_killed_is_gone_on_with_and_nobody_sees_a_new_event(world: World) {
    let user = world.connect(ADA).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(world.parked_by(ADA, &user, FaultKind::BadRequest).await);
    }
    // Alive again after each death, a minute later, as an operator is.
    for call in ["letters.turn", "marks.unpark", "message_jobs.send", "control.write"] {
        world.effects.next(call, Strike::DiesAfter);
    }
    let mut deaths = 0;
    loop {
        let desk = world.desk();
        let order = async {
            let held = match desk.current().await.unwrap() {
                Some(_) => desk.resume().await.unwrap().1.expect("nobody is at it"),
                None => desk.begin(Kind::Replay, all(), "ada", RATE).await.unwrap(),
            };
            let rest = desk.rest(&held).await.unwrap();
            desk.carry_out(held, rest, |_| {}).await.unwrap()
        };
        match world.effects.alive(order).await {
            Some(order) => {
                assert_eq!(order.ended.unwrap().how, How::Finished);
                break;
            }
            None => deaths += 1,
        }
        world.pass(2 * MINUTE);
    }
    assert_eq!((deaths, world.effects.outstanding()), (4, vec![]));
    world.rest().await;
    assert_eq!(world.states(&user, &ids).await, [DONE; 4]);
    assert_eq!(world.open_letters().await, 0);
    for id in &ids {
        let events = world.events_about(id.as_str()).await;
        assert!(events.iter().all(|seen| seen.event.id == events[0].event.id));
    }
    let log = world.desk().log(10).await.unwrap();
    assert!(log.iter().all(|order| order.by == "ada" && order.kind == Kind::Replay));
    let last = world.letters().await.remove(0);
    assert!(log.iter().any(|order| last.was_touched_by(order.number)));
}

async fn an_order_keeps_others_out_until_it_ends(world: World) {
    let user = world.connect(ADA).await;
    world.parked_by(ADA, &user, FaultKind::BadRequest).await;
    let desk = world.desk();
    let held = desk.begin(Kind::Replay, all(), "ada", RATE).await.unwrap();
    let second = desk.begin(Kind::Discard, of(Reason::ClientFault), "bob", RATE).await;
    let Err(Refused::Busy(order)) = second else { panic!("two at once") };
    assert_eq!((order.number, order.by.as_str()), (1, "ada"));
    assert!(order.in_words().contains("ada") && order.in_words().contains("cancel"));
    assert!(desk.resume().await.unwrap().1.is_none(), "its process lives");
    let rest = desk.rest(&held).await.unwrap();
    desk.carry_out(held, rest, |_| {}).await.unwrap();
    assert!(matches!(desk.pause().await, Err(Refused::Idle)));
    assert_eq!(world.order(Kind::Replay, all()).await.number, 2);
}

async fn an_order_of_a_letter_by_name_waits_for_nobody(world: World) {
    let user = world.connect(ADA).await;
    let id = world.parked_by(ADA, &user, FaultKind::BadRequest).await;
    let desk = world.desk();
    let _held = desk.begin(Kind::Replay, of(Reason::Quota), "ada", RATE).await.unwrap();
    let jobs = vec![world.only_letter().await.job_id];
    let order = world.order(Kind::Replay, Scope { jobs, ..all() }).await;
    assert_eq!((order.number, order.counts.letters), (2, 1));
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(desk.current().await.unwrap().unwrap().number, 1);
}

async fn an_order_that_is_paused_sends_nothing_and_one_that_is_cancelled_ends(world: World) {
    let user = world.connect(ADA).await;
    world.parked_by(ADA, &user, FaultKind::BadRequest).await;
    let desk = world.desk();
    let held = desk.begin(Kind::Replay, all(), "ada", RATE).await.unwrap();
    assert_eq!(desk.pause().await.unwrap().wanted, Wanted::Pause);
    let rest = desk.rest(&held).await.unwrap();
    // It says so three times, sends nothing, and dies.
    let beats = AtomicUsize::new(0);
    // Its first word is written twice: the pause came before it.
    world.effects.nth("control.write", 5, Strike::DiesBefore);
    let paused = desk.carry_out(held, rest, |order| {
        assert_eq!((order.wanted, order.counts.letters), (Wanted::Pause, 0));
        beats.fetch_add(1, Ordering::Relaxed);
    });
    assert!(world.effects.alive(paused).await.is_none());
    assert_eq!(beats.load(Ordering::Relaxed), 3);
    world.pass(2 * MINUTE);
    // Somebody goes on with it, and somebody else ends it.
    let held = desk.resume().await.unwrap().1.unwrap();
    let cancelled = desk.cancel().await.unwrap();
    assert_eq!((cancelled.wanted, cancelled.ended), (Wanted::Cancel, None));
    let rest = desk.rest(&held).await.unwrap();
    let order = desk.carry_out(held, rest, |_| {}).await.unwrap();
    assert_eq!(order.ended.unwrap().how, How::Cancelled);
    assert_eq!(world.only_letter().await.state, LetterState::Parked);
    assert!(matches!(desk.resume().await, Err(Refused::Idle)));

    // One whose process is gone is ended by whoever cancels it.
    desk.begin(Kind::Replay, all(), "bob", RATE).await.unwrap();
    world.pass(2 * MINUTE);
    let cancelled = desk.cancel().await.unwrap();
    assert_eq!((cancelled.number, cancelled.ended.unwrap().how), (2, How::Cancelled));
}

async fn a_replay_never_makes_new_mail_wait_for_more_than_a_block(world: World) {
    let user = world.connect(ADA).await;
    world.deliver_many(ADA, 500);
    world.fault(Method::MessagesGet, FaultKind::BadRequest);
    world.ask(&user, UserJobKind::Sync, Cause::Manual).await;
    world.rest().await;
    world.heal();
    assert_eq!(world.counts(&user).await.parked, 500);
    world.pass(5 * MINUTE);
    let calls = world.calls("messages.get");
    let plan = world.plan(&all()).await;
    assert_eq!((plan.messages, plan.takes), (500, MINUTE), "two blocks, a minute apart");
    let mut letters = world.letters().await.into_iter().peekable();
    let sent = Sent { by: Trigger::Order, order: Some(1) };
    let replay = world.stages().replay();
    let mut news = Vec::new();
    while let Some(letter) = letters.peek() {
        match replay.send(letter, sent, world.now()).await.unwrap() {
            Replayed::Sent => drop(letters.next()),
            Replayed::NoRoom(until) => {
                // The minute is full of what goes round again, and now something arrives.
                news.push((world.now(), world.deliver(ADA, "New")));
                world.ask(&user, UserJobKind::Sync, Cause::Manual).await;
                world.rest().await;
                world.pass(until.since(world.now()));
            }
            other @ (Replayed::NotParked | Replayed::Unreadable(_)) => panic!("{other:?}"),
        }
    }
    world.rest().await;
    assert!(!news.is_empty());
    for (arrived, id) in &news {
        assert_eq!(world.state(&user, id).await, DONE);
        let event = &world.events_about(id.as_str()).await[0].event;
        assert!(event.time.since(*arrived) <= MINUTE, "{}", event.time);
        assert_eq!(event.data["lane"], Lane::Live.as_str());
    }
    let refused = world.calls("messages.get") - calls - 500 - news.len() as u64;
    assert_eq!(refused, 0);
    assert_eq!(world.counts(&user).await.done, 500 + news.len() as u64);
}

async fn what_dies_again_is_not_sent_round_by_the_same_order(world: World) {
    let user = world.connect(ADA).await;
    world.parked_by(ADA, &user, FaultKind::BadRequest).await;
    let desk = world.desk();
    let held = desk.begin(Kind::Replay, all(), "ada", RATE).await.unwrap();
    let rest = desk.rest(&held).await.unwrap();
    // It sends, and its process dies before it says so.
    world.effects.nth("control.write", 2, Strike::DiesBefore);
    let died = world.effects.alive(desk.carry_out(held, rest, |_| {})).await;
    assert!(died.is_none());
    world.fault(Method::MessagesGet, FaultKind::BadRequest);
    world.rest().await;
    world.pass(2 * MINUTE);
    let held = desk.resume().await.unwrap().1.unwrap();
    let rest = desk.rest(&held).await.unwrap();
    assert_eq!((rest.letters, rest.left_out[&Why::DiedAgain].letters), (0, 1));
    let order = desk.carry_out(held, rest, |_| {}).await.unwrap();
    assert_eq!(order.ended.unwrap().how, How::Finished);
    let letter = world.only_letter().await;
    assert!(letter.was_sent_by(order.number));
    let happened: Vec<_> = letter.history.0.iter().map(|it| it.what.state()).collect();
    assert_eq!(happened, [LetterState::Parked, LetterState::Replaying, LetterState::Parked]);
}

async fn what_is_discarded_is_skipped_for_good(world: World) {
    let user = world.connect(ADA).await;
    let id = world.parked_by(ADA, &user, FaultKind::BadRequest).await;
    let order = world.order(Kind::Discard, of(Reason::ClientFault)).await;
    assert_eq!(order.counts, Counts { planned: 1, letters: 1, messages: 1, ..Counts::default() });
    let discarded = Some(MarkState::Skipped(SkipReason::Discarded));
    assert_eq!(world.state(&user, &id).await, discarded);
    let letter = world.only_letter().await;
    assert_eq!(letter.state, LetterState::Discarded);
    assert_eq!(letter.history.0.last().unwrap().what, Turn::Discarded { order: Some(1) });
    world.live_for(2 * HOUR).await;
    assert_eq!(world.state(&user, &id).await, discarded);
    assert!(world.events_about(id.as_str()).await.is_empty());
}

async fn a_letter_of_an_older_program_is_read_and_replayed(world: World) {
    let user = world.connect(ADA).await;
    let id = world.parked_by(ADA, &user, FaultKind::BadRequest).await;
    let mut letter = world.only_letter().await;
    let mut job: serde_json::Value = serde_json::from_str(&letter.payload).unwrap();
    // As the first version wrote it: without what came later.
    for field in ["inDoubt", "generation", "refused", "replayOf", "notBefore"] {
        job.as_object_mut().unwrap().remove(field);
    }
    job["v"] = 1.into();
    letter.payload = job.to_string();
    world.backend.stores.letters.park(letter).await.unwrap();
    assert_eq!(world.order(Kind::Replay, all()).await.counts.letters, 1);
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
}

async fn a_letter_of_a_newer_program_is_replayed_once_this_one_reads_it(world: World) {
    let user = world.connect(ADA).await;
    let id = world.parked_by(ADA, &user, FaultKind::BadRequest).await;
    let letter = world.only_letter().await;
    let letters = &world.backend.stores.letters;
    letters.withdraw(&letter).await.unwrap();
    // As a program parked it that could not read it.
    let (reason, job_id) = (Reason::NewerSchema, JobId::of_body(&letter.payload));
    let unread = DeadLetter { user_id: None, reason, job_id, ..letter };
    letters.park(unread).await.unwrap();
    assert_eq!(world.order(Kind::Replay, of(Reason::NewerSchema)).await.counts.letters, 1);
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    let letter = world.only_letter().await;
    assert_eq!((letter.user_id, letter.state), (Some(user), LetterState::Resolved));
}
