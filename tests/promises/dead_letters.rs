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

async fn letters_are_listed_in_the_order_of_their_keys_page_by_page(world: World) {
    for (owner, job) in [("bob", "j4"), ("", "j1"), ("ada", "j3"), ("ada", "j2"), ("0z", "j9")] {
        world.here.letters.park(letter(owner, job)).await.unwrap();
    }
    let all = LetterFilter::default();
    assert_eq!(world.jobs(all.clone(), None, 3).await, ["j1", "j9", "j2"]);
    assert_eq!(world.jobs(all.clone(), Some(key("ada", "j2")), 3).await, ["j3", "j4"]);
    assert!(world.jobs(all, Some(key("bob", "j4")), 3).await.is_empty());
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
    assert_eq!(world.jobs(parked, None, 10).await, ["j4", "j1", "j2"]);
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
    letters_are_listed_in_the_order_of_their_keys_page_by_page,
    a_filter_admits_what_it_names,
    a_mailbox_has_one_dead_sync,
);
