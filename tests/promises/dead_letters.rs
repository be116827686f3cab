//! Dead letters.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::ids::JobId;
use shared::ledger::{
    DeadLetter, HISTORY, Happening, History, LetterFilter, LetterKey, LetterState, Sent, StageName,
    Trigger, Turn,
};
use shared::reason::Reason;
use shared::store::Write;
use shared::store::Write::{Applied, Stale};

use super::world::{World, start, user};

fn letter(owner: &str, job: &str) -> DeadLetter {
    DeadLetter {
        user_id: (!owner.is_empty()).then(|| user(owner)),
        job_id: job.parse().unwrap(),
        stage: StageName::MessageProcessor,
        reason: Reason::NoVerdict,
        error: "received 10 times without a verdict".into(),
        tries: 10,
        first_seen_at: start(),
        last_seen_at: start(),
        payload: "{\"v\":1}".into(),
        state: LetterState::Parked,
        retries: 0,
        retry_at: None,
        history: History(vec![died(start(), Reason::NoVerdict)]),
    }
}

fn died(at: Timestamp, reason: Reason) -> Happening {
    let error = "received 10 times without a verdict".to_owned();
    Happening { at, what: Turn::Parked { reason, error, tries: 10 } }
}

/// The same job, dead again at this moment: its body tells one death from another.
fn again(owner: &str, job: &str, reason: Reason, at: Timestamp) -> DeadLetter {
    DeadLetter {
        reason,
        first_seen_at: at,
        last_seen_at: at,
        payload: format!("{{\"v\":1,\"firstSeenAt\":\"{at}\"}}"),
        history: History(vec![died(at, reason)]),
        ..letter(owner, job)
    }
}

fn sent(by: Trigger, order: Option<u64>) -> Turn {
    Turn::Replaying(Sent { by, order })
}

const OPEN: [LetterState; 2] = [LetterState::Parked, LetterState::Replaying];

fn key(owner: &str, job: &str) -> LetterKey {
    ((!owner.is_empty()).then(|| user(owner)), job.parse().unwrap())
}

impl World {
    async fn letter(&self, owner: &str, job: &str) -> Option<DeadLetter> {
        self.there.letters.get(&key(owner, job)).await.unwrap()
    }

    async fn turn(&self, owner: &str, job: &str, from: &[LetterState], what: Turn) -> Write {
        let turn = Happening { at: self.now(), what };
        self.here.letters.turn(&key(owner, job), from, turn).await.unwrap()
    }

    async fn jobs(
        &self,
        filter: LetterFilter,
        after: Option<LetterKey>,
        limit: usize,
    ) -> Vec<String> {
        let letters = self.there.letters.list(&filter, after.as_ref(), limit).await.unwrap();
        letters.into_iter().map(|letter| String::from(letter.job_id)).collect()
    }
}

async fn a_letter_is_read_as_it_was_parked(world: World) {
    for owner in ["ada", ""] {
        world.here.letters.park(letter(owner, "j1")).await.unwrap();
        assert_eq!(world.letter(owner, "j1").await, Some(letter(owner, "j1")));
    }
    assert_eq!(world.letter("ada", "j2").await, None);
}

async fn a_later_death_replaces_the_earlier_and_keeps_when_it_was_first_seen(world: World) {
    world.here.letters.park(letter("ada", "j1")).await.unwrap();
    let later = start() + Duration::from_mins(1);
    let dead = again("ada", "j1", Reason::GrantDead, later);
    let stands = world.here.letters.park(dead.clone()).await.unwrap();
    let history = [died(start(), Reason::NoVerdict), died(later, Reason::GrantDead)];
    let kept = DeadLetter { first_seen_at: start(), history: History(history.into()), ..dead };
    assert_eq!(stands, kept);
    assert_eq!(world.letter("ada", "j1").await, Some(kept));
    assert_eq!(world.jobs(LetterFilter::default(), None, 10).await, ["j1"]);
}

async fn the_same_death_come_again_changes_nothing(world: World) {
    world.here.letters.park(letter("ada", "j1")).await.unwrap();
    for turn in [sent(Trigger::Release, None), Turn::Resolved] {
        assert_eq!(world.turn("ada", "j1", &OPEN, turn).await, Applied);
        let before = world.letter("ada", "j1").await.unwrap();
        let later = start() + Duration::from_mins(1);
        let same = DeadLetter { last_seen_at: later, ..letter("ada", "j1") };
        assert_eq!(world.here.letters.park(same).await.unwrap(), before);
        assert_eq!(world.letter("ada", "j1").await, Some(before));
    }
}

async fn a_job_that_dies_after_it_was_resolved_is_a_new_letter_with_an_old_history(world: World) {
    world.here.letters.park(letter("ada", "j1")).await.unwrap();
    assert_eq!(world.turn("ada", "j1", &OPEN, Turn::Resolved).await, Applied);
    let later = start() + Duration::from_hours(1);
    world.here.letters.park(again("ada", "j1", Reason::Waiting, later)).await.unwrap();
    let there = world.letter("ada", "j1").await.unwrap();
    assert_eq!((there.state, there.first_seen_at), (LetterState::Parked, later));
    assert_eq!(there.history.0.len(), 3);
}

async fn what_is_known_to_pass_goes_round_by_itself_three_times(world: World) {
    let hours = |number| start() + Duration::from_hours(number);
    let dies = async |at| {
        let dead = again("ada", "j1", Reason::TooManyTries, at);
        world.here.letters.park(dead).await.unwrap().retry_at
    };
    assert_eq!(dies(start()).await, Some(hours(1)));
    for (at, next) in [(hours(1), Some(hours(7))), (hours(7), Some(hours(31))), (hours(31), None)] {
        assert_eq!(world.turn("ada", "j1", &OPEN, sent(Trigger::Retry, None)).await, Applied);
        assert_eq!(world.letter("ada", "j1").await.unwrap().retry_at, None);
        assert_eq!(dies(at).await, next);
    }
    assert_eq!(world.turn("ada", "j1", &OPEN, sent(Trigger::Order, Some(7))).await, Applied);
    let there = world.letter("ada", "j1").await.unwrap();
    assert!(there.was_sent_by(7) && !there.was_sent_by(8));
    assert_eq!(dies(hours(40)).await, Some(hours(41)), "a person's replay counts anew");
    let sync = again("ada", "sync", Reason::TooManyTries, start());
    assert_eq!(world.here.letters.park(sync).await.unwrap().retry_at, None);
}

async fn a_long_history_keeps_its_beginning_and_its_end(world: World) {
    world.here.letters.park(letter("ada", "j1")).await.unwrap();
    for order in 0..HISTORY as u64 + 9 {
        let turn = sent(Trigger::Order, Some(order));
        assert_eq!(world.turn("ada", "j1", &OPEN, turn).await, Applied);
    }
    let there = world.letter("ada", "j1").await.unwrap();
    assert_eq!(there.history.0.len(), HISTORY + 1);
    assert_eq!(there.history.0[0], died(start(), Reason::NoVerdict));
    assert_eq!(there.last_sent().unwrap().order, Some(HISTORY as u64 + 8));
}

async fn a_letter_moves_only_from_where_it_was_thought_to_stand(world: World) {
    use LetterState::{Parked, Replaying, Resolved};
    world.here.letters.park(letter("ada", "j1")).await.unwrap();
    let turn = |from: &'static [LetterState], to| world.turn("ada", "j1", from, to);
    assert_eq!(turn(&[Replaying], Turn::Resolved).await, Stale);
    assert_eq!(turn(&[], Turn::Resolved).await, Stale);
    assert_eq!(turn(&[Parked], sent(Trigger::Release, None)).await, Applied);
    assert_eq!(turn(&[Parked], Turn::Discarded { order: Some(1) }).await, Stale);
    assert_eq!(turn(&[Parked, Replaying], Turn::Resolved).await, Applied);
    assert_eq!(world.letter("ada", "j1").await.unwrap().state, Resolved);
    assert_eq!(world.turn("bob", "j1", &[Parked], Turn::Resolved).await, Stale);
}

async fn of_two_people_who_replay_a_letter_one_does(world: World) {
    world.here.letters.park(letter("ada", "j1")).await.unwrap();
    let job = key("ada", "j1");
    let turn = |order| Happening { at: start(), what: sent(Trigger::Order, Some(order)) };
    let (one, two) = futures::join!(
        world.here.letters.turn(&job, &[LetterState::Parked], turn(1)),
        world.there.letters.turn(&job, &[LetterState::Parked], turn(2)),
    );
    let written = [one.unwrap(), two.unwrap()];
    assert!(written.contains(&Applied) && written.contains(&Stale));
}

async fn pages_of_every_size_show_the_same_letters_in_the_same_order(world: World) {
    for (owner, job) in [("bob", "j4"), ("", "j1"), ("ada", "j3"), ("ada", "j2"), ("0z", "j9")] {
        world.here.letters.park(letter(owner, job)).await.unwrap();
    }
    let all = LetterFilter::default();
    let order = world.jobs(all.clone(), None, 10).await;
    assert_eq!(sorted(order.clone()), ["j1", "j2", "j3", "j4", "j9"]);
    for size in 1..=5 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = world.there.letters.list(&all, after.as_ref(), size).await.unwrap();
            assert!(page.len() <= size);
            let Some(last) = page.last() else { break };
            after = Some((last.user_id.clone(), last.job_id.clone()));
            seen.extend(page.into_iter().map(|letter| String::from(letter.job_id)));
        }
        assert_eq!(seen, order, "in pages of {size}");
    }
}

async fn letters_of_a_mailbox_are_listed_in_the_order_of_their_jobs(world: World) {
    for (owner, job) in [("ada", "j3"), ("bob", "j2"), ("ada", "j1"), ("ada", "j4")] {
        world.here.letters.park(letter(owner, job)).await.unwrap();
    }
    let ada = LetterFilter { user_id: Some(user("ada")), ..LetterFilter::default() };
    assert_eq!(world.jobs(ada.clone(), None, 2).await, ["j1", "j3"]);
    assert_eq!(world.jobs(ada.clone(), Some(key("ada", "j3")), 2).await, ["j4"]);
    assert!(world.jobs(ada, Some(key("ada", "j4")), 2).await.is_empty());
}

async fn the_few_that_a_filter_admits_are_found_among_many(world: World) {
    for number in 0..250 {
        let of = if number % 2 == 0 { "ada" } else { "bob" };
        world.here.letters.park(letter(of, &format!("j{number:03}"))).await.unwrap();
    }
    for job in ["j017", "j248"] {
        world.here.letters.park(again("ada", job, Reason::GrantDead, start())).await.unwrap();
    }
    let grant = LetterFilter { reason: Some(Reason::GrantDead), ..LetterFilter::default() };
    assert_eq!(sorted(world.jobs(grant.clone(), None, 10).await), ["j017", "j248"]);
    let adas = LetterFilter { user_id: Some(user("ada")), ..grant };
    assert_eq!(world.jobs(adas, None, 10).await, ["j017", "j248"]);
}

async fn letters_with_large_bodies_are_all_listed(world: World) {
    let payload = "x".repeat(200_000);
    for number in 0..12 {
        let large =
            DeadLetter { payload: payload.clone(), ..letter("ada", &format!("j{number:02}")) };
        world.here.letters.park(large).await.unwrap();
    }
    let ada = LetterFilter { user_id: Some(user("ada")), ..LetterFilter::default() };
    for filter in [LetterFilter::default(), ada] {
        assert_eq!(world.jobs(filter, None, 20).await.len(), 12);
    }
}

fn sorted(mut jobs: Vec<String>) -> Vec<String> {
    jobs.sort();
    jobs
}

async fn a_filter_admits_what_it_names(world: World) {
    let dead = DeadLetter { reason: Reason::GrantDead, ..letter("ada", "j2") };
    let resolved = DeadLetter { state: LetterState::Resolved, ..letter("bob", "j3") };
    for letter in [letter("ada", "j1"), dead, resolved, letter("", "j4")] {
        world.here.letters.park(letter).await.unwrap();
    }
    let ada = LetterFilter { user_id: Some(user("ada")), ..LetterFilter::default() };
    assert_eq!(world.jobs(ada.clone(), None, 10).await, ["j1", "j2"]);
    assert_eq!(world.jobs(ada.clone(), Some(key("", "j9")), 10).await, ["j1", "j2"]);
    assert_eq!(world.jobs(ada.clone(), Some(key("ada", "j1")), 10).await, ["j2"]);
    assert!(world.jobs(ada.clone(), Some(key("bob", "j1")), 10).await.is_empty());
    let grant = LetterFilter { reason: Some(Reason::GrantDead), ..ada };
    assert_eq!(world.jobs(grant, None, 10).await, ["j2"]);
    let parked = LetterFilter { state: Some(LetterState::Parked), ..LetterFilter::default() };
    assert_eq!(sorted(world.jobs(parked, None, 10).await), ["j1", "j2", "j4"]);
    let later = start() + Duration::from_mins(1);
    let users =
        DeadLetter { stage: StageName::UserWorker, ..again("bob", "j5", Reason::NoVerdict, later) };
    world.here.letters.park(users).await.unwrap();
    let stage = Some(StageName::UserWorker);
    let of_stage = LetterFilter { stage, ..LetterFilter::default() };
    let since = LetterFilter { since: Some(later), ..LetterFilter::default() };
    let until = LetterFilter { until: Some(later), ..LetterFilter::default() };
    assert_eq!(world.jobs(of_stage, None, 10).await, ["j5"]);
    assert_eq!(world.jobs(since, None, 10).await, ["j5"]);
    assert_eq!(sorted(world.jobs(until, None, 10).await), ["j1", "j2", "j3", "j4"]);
}

async fn a_mailbox_has_one_dead_sync(world: World) {
    let sync = || DeadLetter { job_id: JobId::dead_sync(), ..letter("ada", "any") };
    world.here.letters.park(sync()).await.unwrap();
    world.here.letters.park(sync()).await.unwrap();
    assert_eq!(world.jobs(LetterFilter::default(), None, 10).await, ["sync"]);
}

promises!(
    a_letter_is_read_as_it_was_parked,
    a_later_death_replaces_the_earlier_and_keeps_when_it_was_first_seen,
    the_same_death_come_again_changes_nothing,
    a_job_that_dies_after_it_was_resolved_is_a_new_letter_with_an_old_history,
    what_is_known_to_pass_goes_round_by_itself_three_times,
    a_long_history_keeps_its_beginning_and_its_end,
    a_letter_moves_only_from_where_it_was_thought_to_stand,
    of_two_people_who_replay_a_letter_one_does,
    pages_of_every_size_show_the_same_letters_in_the_same_order,
    letters_of_a_mailbox_are_listed_in_the_order_of_their_jobs,
    the_few_that_a_filter_admits_are_found_among_many,
    letters_with_large_bodies_are_all_listed,
    a_filter_admits_what_it_names,
    a_mailbox_has_one_dead_sync,
);
