//! Stories of dead letters, over the stores in memory.

mod fixture;
mod redelivery;

use shared::goodbye::{Purged, Revoked};
use shared::ids::{Epoch, Grant};
use shared::jobs::{Job, Lane, MessageJob, UserJobKind, decode, encode};
use shared::ledger::{DeadLetters, LetterState, StageName};
use shared::mark::MarkState;
use shared::queue::Record;
use shared::reason::{PauseReason, Reason};

use fixture::{Refusing, World, letter, redriven, user};

const WORKER: StageName = StageName::UserWorker;
const PROCESSOR: StageName = StageName::MessageProcessor;

#[tokio::test]
async fn a_dead_message_job_is_parked_with_its_reason_and_so_are_its_messages() {
    let world = World::new().await;
    let job = world.message_job();
    world.drain(PROCESSOR, letter(&job, Reason::GoogleFault, "status 418", None)).await;
    let parked = world.only_letter().await;
    assert_eq!((parked.stage, parked.reason), (PROCESSOR, Reason::GoogleFault));
    assert_eq!((parked.error.as_str(), parked.tries), ("status 418", 3));
    assert_eq!((parked.job_id, parked.payload), (job.header.job_id.clone(), encode(&job)));
    assert_eq!(world.mark_states().await, [MarkState::Parked, MarkState::Done]);
    assert!(world.is_untouched().await);
}

#[tokio::test]
async fn what_the_queue_gave_up_by_itself_has_no_verdict() {
    let world = World::new().await;
    world.drain(PROCESSOR, redriven(&encode(&world.message_job()))).await;
    let parked = world.only_letter().await;
    assert_eq!((parked.reason, parked.tries), (Reason::NoVerdict, 10));
    assert_eq!(world.mark_states().await[0], MarkState::Parked);
}

#[tokio::test]
async fn a_body_that_is_no_job_is_parked_once_under_its_hash_with_nobodys_name() {
    let world = World::new().await;
    for body in ["{\"v\":1}", "{\"v\":1}"] {
        world.drain(WORKER, redriven(body)).await;
    }
    let parked = world.only_letter().await;
    assert_eq!((parked.user_id, parked.reason), (None, Reason::Undecodable));
    let sha256 = "afbf9d0f3560b0fd7795e81c42a0a79ee6b6fc67e064f77826aee642cad28d91";
    assert_eq!((parked.job_id.as_str(), parked.payload.as_str()), (sha256, "{\"v\":1}"));
}

#[tokio::test]
async fn a_job_of_a_newer_program_is_parked_as_such() {
    let world = World::new().await;
    let body = encode(&world.message_job()).replace("\"v\":1", "\"v\":9");
    world.drain(PROCESSOR, redriven(&body)).await;
    assert_eq!(world.only_letter().await.reason, Reason::NewerSchema);
}

#[tokio::test]
async fn a_mailbox_has_one_dead_sync_however_often_it_dies() {
    let world = World::new().await;
    for _ in 0..3 {
        let job = world.user_job(UserJobKind::Sync);
        world.drain(WORKER, letter(&job, Reason::TooManyTries, "503", None)).await;
    }
    assert_eq!(world.only_letter().await.job_id.as_str(), "sync");
}

#[tokio::test]
async fn only_a_dead_grant_or_a_missing_scope_sets_needs_reauth() {
    for reason in Reason::ALL {
        for consent in [None, Some((Epoch(2), Grant(3)))] {
            let world = World::new().await;
            let job = world.user_job(UserJobKind::Sync);
            world.drain(WORKER, letter(&job, *reason, "503", consent)).await;
            let dies = matches!(reason, Reason::GrantDead | Reason::ScopeMissing);
            let expected = (dies && consent.is_some()).then_some(*reason);
            assert_eq!(world.mailbox().await.needs_reauth, expected, "{reason}, {consent:?}");
            assert_eq!(world.published().len(), usize::from(expected.is_some()), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_dead_grant_is_announced_once_and_nothing_stays_owed() {
    let world = World::new().await;
    let job = world.user_job(UserJobKind::Sync);
    for _ in 0..2 {
        let consent = Some((Epoch(2), Grant(3)));
        world.drain(WORKER, letter(&job, Reason::GrantDead, "invalid_grant", consent)).await;
    }
    let events = world.published();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind.as_str(), "fanmail.mailbox.needs_reauth.v1");
    assert_eq!(events[0].data["reason"], "grant_dead");
    assert!(world.mailbox().await.owed.notice.is_none());
    assert_eq!(world.only_letter().await.state, LetterState::Parked);
}

#[tokio::test]
async fn the_death_of_an_old_grant_marks_nobody_and_the_job_goes_round_by_itself() {
    let world = World::new().await;
    let job = world.message_job();
    let consent = Some((Epoch(2), Grant(2)));
    world.drain(PROCESSOR, letter(&job, Reason::GrantDead, "401", consent)).await;
    assert!(world.is_untouched().await);
    let sent: MessageJob = decode(&world.message_jobs.only().await).unwrap();
    assert_eq!((sent.lane, sent.header.tries), (Lane::Replay, 0));
    assert_eq!(sent.header().replay_of, Some(job.header.job_id));
    assert_eq!(world.only_letter().await.state, LetterState::Replaying);
    assert_eq!(world.mark_states().await[0], MarkState::Listed);
}

#[tokio::test]
async fn a_newer_grant_that_cannot_be_used_either_leaves_the_letter_parked_and_is_not_blamed() {
    for (needs_reauth, paused) in
        [(Some(Reason::ScopeMissing), None), (None, Some(PauseReason::Operator))]
    {
        let world = World::new().await;
        world.change(|row| (row.needs_reauth, row.paused) = (needs_reauth, paused)).await;
        let consent = Some((Epoch(2), Grant(2)));
        let record = letter(&world.message_job(), Reason::GrantDead, "401", consent);
        world.drain(PROCESSOR, record).await;
        assert_eq!(world.only_letter().await.state, LetterState::Parked);
        assert_eq!(world.mailbox().await.needs_reauth, needs_reauth);
        assert!(world.message_jobs.is_empty().await && world.published().is_empty());
    }
}

#[tokio::test]
async fn what_waited_goes_round_once_the_mailbox_is_readable_and_not_before() {
    for (paused, state) in
        [(None, LetterState::Replaying), (Some(PauseReason::Operator), LetterState::Parked)]
    {
        let world = World::new().await;
        world.change(|mailbox| mailbox.paused = paused).await;
        let job = world.user_job(UserJobKind::Sync);
        world.drain(WORKER, letter(&job, Reason::Waiting, "paused", None)).await;
        assert_eq!(world.only_letter().await.state, state);
        assert_eq!(world.user_jobs.is_empty().await, paused.is_some());
    }
}

#[tokio::test]
async fn a_job_of_nobody_is_discarded() {
    let world = World::new().await;
    let mut job = world.message_job();
    job.header.user_id = "nobody".parse().unwrap();
    world.drain(PROCESSOR, letter(&job, Reason::Waiting, "paused", None)).await;
    assert_eq!(world.only_letter().await.state, LetterState::Discarded);
    assert!(world.message_jobs.is_empty().await);
}

#[tokio::test]
async fn a_job_of_an_ended_life_is_discarded_and_hides_no_message_from_the_next() {
    let world = World::new().await;
    world.change(|mailbox| mailbox.epoch = Epoch(3)).await;
    let job = world.message_job();
    world.drain(PROCESSOR, letter(&job, Reason::Waiting, "paused", None)).await;
    assert_eq!(world.only_letter().await.state, LetterState::Discarded);
    assert!(world.message_jobs.is_empty().await);
    let relisted = world.list_messages(Epoch(3)).await;
    assert_eq!(relisted, [MarkState::Listed, MarkState::Done]);
}

#[tokio::test]
async fn a_dead_disconnect_is_kept_while_the_mailbox_owes_it() {
    for (owed, state) in [(true, LetterState::Parked), (false, LetterState::Discarded)] {
        let world = World::new().await;
        let job = world.user_job(UserJobKind::Disconnect { purge: false });
        world.disconnect(owed).await;
        world.drain(WORKER, letter(&job, Reason::TooManyTries, "503", None)).await;
        assert_eq!(world.only_letter().await.state, state);
    }
}

#[tokio::test]
async fn a_dead_purge_is_kept_until_there_is_nothing_to_purge() {
    let world = World::new().await;
    let job = world.user_job(UserJobKind::Disconnect { purge: true });
    world.disconnect(false).await;
    world.drain(WORKER, letter(&job, Reason::TooManyTries, "503", None)).await;
    assert_eq!(world.only_letter().await.state, LetterState::Parked);
    assert_eq!(DeadLetters::forget(&*world.ledger, &user(), 9).await.unwrap(), 1);
    let (epoch, at) = (Epoch(2), world.clock.now());
    let purged = Purged { epoch, at, revoked: Revoked::Yes };
    world.change(|mailbox| mailbox.purged = Some(purged)).await;
    for job in [job, world.user_job(UserJobKind::Sync)] {
        world.drain(WORKER, letter(&job, Reason::TooManyTries, "503", None)).await;
    }
    let left = DeadLetters::forget(&*world.ledger, &user(), 9).await.unwrap();
    assert_eq!(left, 0, "of a purged life not even a letter is kept");
}

#[tokio::test]
async fn a_record_that_cannot_be_parked_stays_in_its_queue_and_spares_the_others() {
    let world = World::new().await;
    let bad = letter(&world.message_job(), Reason::NoVerdict, "", None);
    let mut stage = world.stage();
    stage.letters = std::sync::Arc::new(Refusing { inner: world.ledger.clone() });
    let fine = Record { id: "fine".into(), ..redriven("not a job") };
    let answer = stage.drain(PROCESSOR, vec![bad.clone(), fine.clone()]).await;
    assert_eq!((answer.left, answer.finished), (vec![bad.id], vec![fine.receipt]));
}

#[tokio::test]
async fn the_loop_empties_both_queues_and_stops_when_told() {
    let world = World::new().await;
    for (stage, body) in
        [(WORKER, encode(&world.user_job(UserJobKind::Sync))), (PROCESSOR, "junk".to_owned())]
    {
        let queue = world.queue();
        queue.put(&body).await;
        let (stop, told) = shared::worker::shutdown();
        let production = world.stage();
        let running = production.run(&*queue.0, stage, told);
        let stopping = async {
            while !queue.is_empty().await {
                tokio::task::yield_now().await;
            }
            stop.stop();
        };
        tokio::join!(running, stopping);
    }
    assert_eq!(world.letters().await.len(), 2);
}
