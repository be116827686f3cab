//! The fleet breaker: when Google refuses many at once nobody is told to consent again, until it has been asked again.

use std::collections::BTreeSet;
use std::time::Duration;

use google_sim::faults::{Fault, FaultKind};
use google_sim::grants::Cause as Death;
use google_sim::methods::Method;
use shared::breaker::{Breaker, Cause};
use shared::ids::UserId;
use shared::mark::MarkState;

use super::world::World;

const DONE: Option<MarkState> = Some(MarkState::Done);
const HOUR: Duration = Duration::from_hours(1);

stories!(
    a_wrong_client_secret_marks_nobody_and_asks_google_once_a_minute,
    an_outage_of_a_third_of_all_refreshes_marks_nobody,
    a_google_that_calls_everybody_dead_is_not_believed,
    who_is_really_dead_among_the_healthy_is_told_and_nobody_else,
    what_was_asked_for_by_a_person_waits_for_the_breaker,
);

fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("p{number}@example.com")).collect()
}

impl World {
    async fn connect_all(&self, emails: &[String]) -> Vec<UserId> {
        let mut users = Vec::new();
        for email in emails {
            users.push(self.consent(email).await);
        }
        self.rest().await;
        users
    }

    async fn marked(&self, users: &[UserId]) -> usize {
        let mut marked = 0;
        for user in users {
            marked += usize::from(self.mailbox(user).await.needs_reauth.is_some());
        }
        marked
    }

    /// How many people were told: what is announced more than once has one id.
    async fn people_told(&self) -> usize {
        self.notices().await.into_iter().collect::<BTreeSet<_>>().len()
    }

    async fn breaker(&self) -> Option<Cause> {
        let breaker = Breaker::new(self.backend.stores.control.clone());
        breaker.standing(self.now()).await.unwrap().map(|(cause, _)| cause)
    }

    /// One message each, which all of them get in the end.
    async fn all_get_mail(&self, emails: &[String], users: &[UserId]) {
        let ids: Vec<_> = emails.iter().map(|email| self.deliver(email, "Hello")).collect();
        self.live_for(HOUR).await;
        self.rest().await;
        for (user, id) in users.iter().zip(&ids) {
            assert_eq!(self.state(user, id).await, DONE, "{user}");
        }
    }
}

async fn a_wrong_client_secret_marks_nobody_and_asks_google_once_a_minute(world: World) {
    let emails = addresses(30);
    let users = world.connect_all(&emails).await;
    world.fault(Method::Token, FaultKind::InvalidClient);
    let before = world.calls("token");
    // Their tokens last for an hour; then nobody has one.
    world.live_for(4 * HOUR).await;
    assert_eq!(world.breaker().await, Some(Cause::ClientFault));
    let probes = world.calls("token") - before;
    assert!((30..=200).contains(&probes), "{probes} in three hours");
    assert_eq!((world.marked(&users).await, world.letters().await.len()), (0, 0));
    world.heal();
    world.all_get_mail(&emails, &users).await;
    assert_eq!((world.breaker().await, world.people_told().await), (None, 0));
}

async fn an_outage_of_a_third_of_all_refreshes_marks_nobody(world: World) {
    let emails = addresses(30);
    let users = world.connect_all(&emails).await;
    let (method, kind) = (Some(Method::Token), FaultKind::Unavailable);
    let latency = Duration::ZERO;
    world.google.set_fault(Fault { email: None, method, kind, rate: 0.3, count: None, latency });
    world.live_for(3 * HOUR).await;
    world.all_get_mail(&emails, &users).await;
    assert_eq!((world.marked(&users).await, world.breaker().await), (0, None));
}

async fn a_google_that_calls_everybody_dead_is_not_believed(world: World) {
    let emails = addresses(60);
    let users = world.connect_all(&emails).await;
    world.fault(Method::Token, FaultKind::InvalidGrant);
    // All their tokens run out within the same minutes; half an hour later Google comes to its senses.
    world.live_for(HOUR + HOUR / 2).await;
    assert_eq!(world.breaker().await, Some(Cause::ManyDeaths));
    assert_eq!(world.marked(&users).await, 19, "as many as die on a bad day are believed");
    world.heal();
    world.live_for(2 * HOUR).await;
    world.rest().await;
    assert_eq!((world.marked(&users).await, world.breaker().await), (19, None));
    assert_eq!(world.people_told().await, 19);
}

async fn who_is_really_dead_among_the_healthy_is_told_and_nobody_else(world: World) {
    let emails = addresses(150);
    let users = world.connect_all(&emails).await;
    for email in &emails[..50] {
        world.google.revoke(email, Death::UserRevoked).unwrap();
    }
    let before = world.calls("token");
    world.live_for(6 * HOUR).await;
    world.rest().await;
    assert_eq!(world.marked(&users[..50]).await, 50);
    assert_eq!(world.marked(&users[50..]).await, 0);
    assert_eq!((world.people_told().await, world.breaker().await), (50, None));
    // The healthy refresh about once an hour; a dead grant is asked once, or twice where it was in doubt.
    let refreshes = world.calls("token") - before;
    assert!(refreshes <= 100 * 7 + 50 * 2, "{refreshes}");
}

async fn what_was_asked_for_by_a_person_waits_for_the_breaker(world: World) {
    let emails = addresses(2);
    let first = world.consent(&emails[0]).await;
    world.fault(Method::Token, FaultKind::DeletedClient);
    let second = world.consent(&emails[1]).await;
    let id = world.deliver(&emails[1], "Hello");
    world.live_for(HOUR).await;
    world.heal();
    world.live_for(HOUR / 4).await;
    world.rest().await;
    assert_eq!(world.state(&second, &id).await, DONE);
    assert_eq!((world.marked(&[first, second]).await, world.letters().await.len()), (0, 0));
}
