//! Dead letters.

use std::time::Duration;

use shared::ids::JobId;
use shared::ledger::{DeadLetter, LetterFilter, LetterKey, LetterState, StageName};
use shared::reason::Reason;
use shared::store::Write::{Applied, Stale};

use super::world::{World, start, user};

fn letter(owner: &str, job: &str) -> DeadLetter {
    DeadLetter {
        user_id: (!owner.is_empty()).then(|| user(owner)),
        job_id: job.parse().unwrap(),
        stage: StageName::MessageProcessor,
        reason: Reason::TooManyTries,
        error: "Gmail failed with status 503".into(),
        tries: 5,
        first_seen_at: start(),
        last_seen_at: start(),
        payload: "{\"v\":1}".into(),
        state: LetterState::Parked,
    }
}

fn key(owner: &str, job: &str) -> LetterKey {
    ((!owner.is_empty()).then(|| user(owner)), job.parse().unwrap())
}

impl World {
    async fn letter(&self, owner: &str, job: &str) -> Option<DeadLetter> {
        self.there.letters.get(&key(owner, job)).await.unwrap()
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
    let again = DeadLetter {
        reason: Reason::GrantDead,
        tries: 1,
        first_seen_at: later,
        last_seen_at: later,
        ..letter("ada", "j1")
    };
    world.here.letters.park(again.clone()).await.unwrap();
    let kept = DeadLetter { first_seen_at: start(), ..again };
    assert_eq!(world.letter("ada", "j1").await, Some(kept));
    assert_eq!(world.jobs(LetterFilter::default(), None, 10).await, ["j1"]);
}

async fn a_letter_moves_only_from_where_it_was_thought_to_stand(world: World) {
    use LetterState::{Discarded, Parked, Replaying, Resolved};
    world.here.letters.park(letter("ada", "j1")).await.unwrap();
    let job = key("ada", "j1");
    let shift = |from: &'static [LetterState], to| world.here.letters.shift(&job, from, to);
    assert_eq!(shift(&[Replaying], Resolved).await.unwrap(), Stale);
    assert_eq!(shift(&[], Resolved).await.unwrap(), Stale);
    assert_eq!(shift(&[Parked], Replaying).await.unwrap(), Applied);
    assert_eq!(shift(&[Parked], Discarded).await.unwrap(), Stale);
    assert_eq!(shift(&[Parked, Replaying], Resolved).await.unwrap(), Applied);
    assert_eq!(world.letter("ada", "j1").await.unwrap().state, Resolved);
    let nobody = key("bob", "j1");
    let written = world.here.letters.shift(&nobody, &[Parked], Resolved).await;
    assert_eq!(written.unwrap(), Stale);
}

async fn of_two_people_who_replay_a_letter_one_does(world: World) {
    use LetterState::{Parked, Replaying};
    world.here.letters.park(letter("ada", "j1")).await.unwrap();
    let job = key("ada", "j1");
    let (one, two) = futures::join!(
        world.here.letters.shift(&job, &[Parked], Replaying),
        world.there.letters.shift(&job, &[Parked], Replaying),
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
        let dead = DeadLetter { reason: Reason::GrantDead, ..letter("ada", job) };
        world.here.letters.park(dead).await.unwrap();
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
    a_letter_moves_only_from_where_it_was_thought_to_stand,
    of_two_people_who_replay_a_letter_one_does,
    pages_of_every_size_show_the_same_letters_in_the_same_order,
    letters_of_a_mailbox_are_listed_in_the_order_of_their_jobs,
    the_few_that_a_filter_admits_are_found_among_many,
    letters_with_large_bodies_are_all_listed,
    a_filter_admits_what_it_names,
    a_mailbox_has_one_dead_sync,
);
