use super::*;
use crate::ledger::memory::MemoryLedger;

const MINUTE: Duration = Duration::from_mins(1);

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(1_777_636_800_000 + minute * 60_000)
}

fn breaker() -> Breaker {
    Breaker::new(Arc::new(MemoryLedger::new()))
}

/// As the dispatcher leaves it.
async fn fleet_of(breaker: &Breaker, mailboxes: u64) {
    let round = format!(r#"{{"number":7,"mailboxes":{mailboxes}}}"#);
    let set = breaker.control.write(ROUND, None, round, None, at(0)).await.unwrap();
    assert_eq!(set, Write::Applied);
}

async fn believed(breaker: &Breaker, deaths: usize, now: Timestamp) -> usize {
    let mut believed = 0;
    for _ in 0..deaths {
        believed += usize::from(breaker.died(now).await.unwrap() == Word::Believed);
    }
    believed
}

#[tokio::test]
async fn the_twentieth_death_within_ten_minutes_is_doubted() {
    let breaker = breaker();
    assert_eq!(believed(&breaker, 10, at(0)).await, 10);
    assert_eq!(believed(&breaker, 15, at(9)).await, 9);
    assert_eq!(breaker.standing(at(9)).await.unwrap(), Some((Cause::ManyDeaths, at(9))));
}

#[tokio::test]
async fn deaths_that_come_one_by_one_are_believed() {
    let breaker = breaker();
    for minute in 0..200 {
        assert_eq!(believed(&breaker, 1, at(minute)).await, 1, "{minute}");
    }
}

#[tokio::test]
async fn of_many_mailboxes_one_in_a_hundred_must_die() {
    let breaker = breaker();
    fleet_of(&breaker, 5_000).await;
    assert_eq!(believed(&breaker, 60, at(0)).await, 49);
}

#[tokio::test]
async fn while_it_is_open_one_a_minute_is_asked_and_life_closes_it() {
    let breaker = breaker();
    believed(&breaker, 20, at(0)).await;
    assert_eq!(breaker.ask(false, at(0)).await.unwrap(), Permit::Held(at(1)));
    assert_eq!(breaker.ask(false, at(1)).await.unwrap(), Permit::Probe);
    assert_eq!(breaker.ask(false, at(1)).await.unwrap(), Permit::Held(at(2)));
    breaker.probed(Shown::Death, at(1)).await.unwrap();
    breaker.probed(Shown::Nothing, at(1)).await.unwrap();
    assert_eq!(breaker.ask(false, at(2)).await.unwrap(), Permit::Probe);
    breaker.probed(Shown::Life, at(2)).await.unwrap();
    assert_eq!(breaker.ask(true, at(2)).await.unwrap(), Permit::Granted);
    assert_eq!(believed(&breaker, 19, at(2)).await, 19, "counted anew");
}

#[tokio::test]
async fn who_is_in_doubt_does_not_probe() {
    let breaker = breaker();
    believed(&breaker, 20, at(0)).await;
    assert_eq!(breaker.ask(true, at(5)).await.unwrap(), Permit::Held(at(5) + MINUTE / 2));
}

#[tokio::test]
async fn a_client_that_is_not_taken_opens_it_until_google_takes_it() {
    let breaker = breaker();
    breaker.client_fault(at(0)).await.unwrap();
    breaker.client_fault(at(3)).await.unwrap();
    assert_eq!(breaker.standing(at(600)).await.unwrap(), Some((Cause::ClientFault, at(0))));
    assert_eq!(breaker.ask(false, at(600)).await.unwrap(), Permit::Probe);
    // Whoever is told that a grant is dead was taken for a client.
    breaker.probed(Shown::Death, at(600)).await.unwrap();
    assert_eq!(breaker.standing(at(600)).await.unwrap(), None);
}

#[tokio::test]
async fn after_an_hour_of_deaths_they_are_believed() {
    let breaker = breaker();
    believed(&breaker, 20, at(0)).await;
    assert_eq!(believed(&breaker, 3, at(59)).await, 0);
    assert_eq!(believed(&breaker, 3, at(60)).await, 3);
}

#[tokio::test]
async fn a_thousand_that_die_at_once_are_all_counted() {
    let breaker = breaker();
    let died = futures::future::join_all((0..1_000).map(|_| breaker.died(at(0)))).await;
    let believed = died.iter().filter(|word| matches!(word, Ok(Word::Believed))).count();
    assert_eq!(believed, 19);
}
