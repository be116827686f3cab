//! Stories of rounds, over the stores in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::round::{LEASE, Round};
use crate::{Dispatcher, Run, RunState};
use async_trait::async_trait;
use shared::breaker::ROUND;
use shared::clock::{Chance, Clock, Timestamp};
use shared::goodbye::DisconnectDebt;
use shared::ids::{Epoch, Grant, UserId};
use shared::jobs::{UserJob, decode};
use shared::ledger::memory::MemoryLedger;
use shared::ledger::{Control, ControlItem, Mailboxes};
use shared::mailbox::{Mailbox, Owed, Pace, ReleaseDebt};
use shared::queue::Queue;
use shared::queue::memory::MemoryQueue;
use shared::reason::{PauseReason, Reason};
use shared::settings::{Env, Settings};
use shared::silence::longest_quiet;
use shared::store::{StoreError, Write};
use tokio::sync::Mutex;

const INTERVAL: Duration = Duration::from_mins(5);

struct World {
    clock: Clock,
    ledger: Arc<MemoryLedger>,
    queue: Arc<MemoryQueue>,
    control: Arc<Brittle>,
}

/// A control table that can be told to die at a write, as a process that is killed does not come to it, and to be so
/// slow at a save that the lease runs out and a rival goes through the whole round.
struct Brittle {
    ledger: Arc<MemoryLedger>,
    writes_left: AtomicU32,
    clock: Clock,
    rival: Mutex<Option<Dispatcher>>,
}

#[async_trait]
impl Control for Brittle {
    async fn read(&self, name: &str, now: Timestamp) -> Result<Option<ControlItem>, StoreError> {
        self.ledger.read(name, now).await
    }

    async fn write(
        &self,
        name: &str,
        read: Option<u64>,
        value: String,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let less_one = |left: u32| left.checked_sub(1);
        if self.writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less_one).is_err() {
            return Err(StoreError::Unavailable { doing: "dying", source: "killed".into() });
        }
        let rival = self.rival.lock().await.take_if(|_| read.is_some());
        if let Some(rival) = rival {
            self.clock.advance(LEASE);
            let deadline = self.clock.now() + Duration::from_mins(10);
            assert_eq!(rival.run(deadline).await?.state, RunState::Finished);
        }
        self.ledger.write(name, read, value, expires_at, now).await
    }
}

impl World {
    fn of(mailboxes: u32) -> Self {
        let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
        let ledger = Arc::new(MemoryLedger::new());
        for number in 0..mailboxes {
            ledger.insert(mailbox(number, clock.now()));
        }
        let queue = Arc::new(MemoryQueue::new(clock.clone()));
        let control = Arc::new(Brittle {
            ledger: ledger.clone(),
            writes_left: AtomicU32::new(u32::MAX),
            clock: clock.clone(),
            rival: Mutex::new(None),
        });
        Self { clock, ledger, queue, control }
    }

    fn dispatcher(&self, most: usize, segments: u32) -> Dispatcher {
        let mut settings = Settings::read(&mut Env::new(&|_| None));
        settings.max_users_per_invocation = most;
        Dispatcher {
            mailboxes: self.ledger.clone(),
            control: self.control.clone(),
            user_jobs: self.queue.clone(),
            settings,
            clock: self.clock.clone(),
            chance: Chance::seeded(1),
            segments,
        }
    }

    async fn run(&self, most: usize, segments: u32) -> Run {
        let deadline = self.clock.now() + Duration::from_mins(10);
        self.dispatcher(most, segments).run(deadline).await.unwrap()
    }

    /// Runs one after the other until the round is finished.
    async fn whole_round(&self, most: usize, segments: u32) -> Vec<Run> {
        let mut runs = Vec::new();
        loop {
            let run = self.run(most, segments).await;
            runs.push(run);
            match run.state {
                RunState::Finished => return runs,
                RunState::Unfinished => {}
                RunState::Busy => panic!("nobody else is there"),
            }
        }
    }

    /// Everything that was sent, once its time has come, by mailbox.
    async fn sent(&self) -> BTreeMap<String, Vec<UserJob>> {
        self.clock.advance(INTERVAL);
        let mut sent: BTreeMap<String, Vec<UserJob>> = BTreeMap::new();
        loop {
            let records = self.queue.receive(1_000, Duration::ZERO).await.unwrap();
            if records.is_empty() {
                return sent;
            }
            for record in records {
                let job: UserJob = decode(&record.body).unwrap();
                sent.entry(job.header.user_id.to_string()).or_default().push(job);
                self.queue.delete(&[record.receipt]).await.unwrap();
            }
        }
    }
}

fn user(number: u32) -> UserId {
    number.to_string().parse().unwrap()
}

fn mailbox(number: u32, connected_at: Timestamp) -> Mailbox {
    Mailbox {
        user_id: user(number),
        email: String::new(),
        access: shared::mailbox::AccessBy::Consent,
        refresh_token: None,
        access_token: None,
        access_token_version: 0,
        expiry: None,
        scopes: Vec::new(),
        history_id: None,
        last_fetched_at: connected_at,
        last_mail_at: None,
        connected_at,
        epoch: Epoch(3),
        grant: Grant(1),
        disconnected_at: None,
        needs_reauth: None,
        paused: None,
        pace: Pace::default(),
        refresh_lease: None,
        owed: Owed::default(),
        reference: None,
        purged: None,
        last_gap: None,
    }
}

#[tokio::test]
async fn a_round_counts_the_mailboxes_whose_cursors_stand_still_in_however_many_runs() {
    let world = World::of(90);
    let now = world.clock.now();
    let quiet = longest_quiet(Duration::from_mins(40));
    for number in 0..90 {
        let mut row = mailbox(number, now - Duration::from_hours(100));
        // A third was listed within the bound, one just at it, and the others have not been for longer.
        row.last_fetched_at = match number % 3 {
            0 => now - Duration::from_mins(90),
            1 => now - quiet,
            _ => now - quiet - Duration::from_secs(1),
        };
        // Of those that are not read it is known why.
        row.paused = (number % 2 == 1).then_some(PauseReason::Operator);
        world.ledger.insert(row);
    }
    assert!(world.whole_round(10, 3).await.len() > 5);
    let stored = async || {
        let item = world.ledger.read(ROUND, world.clock.now()).await.unwrap().unwrap();
        serde_json::from_str::<Round>(&item.value).unwrap()
    };
    assert_eq!((stored().await.silent, stored().await.looked_at), (15, 45));
    for number in 0..90 {
        world.ledger.insert(mailbox(number, world.clock.now()));
    }
    world.clock.advance(INTERVAL);
    world.whole_round(10, 3).await;
    assert_eq!((stored().await.silent, stored().await.looked_at), (0, 90), "it counts anew");
}

#[tokio::test]
async fn in_however_many_runs_every_due_mailbox_is_sent_exactly_once() {
    for (most, segments) in [(10_000, 1), (700, 1), (700, 4), (1_100, 7), (3, 1)] {
        let mailboxes = if most == 3 { 100 } else { 2_500 };
        let world = World::of(mailboxes);
        let runs = world.whole_round(most, segments).await;
        let total = mailboxes as usize;
        assert_eq!(runs.iter().map(|run| run.looked_at).sum::<usize>(), total);
        assert!(runs.iter().all(|run| run.looked_at <= most), "{runs:?}");
        assert_eq!(runs.len(), total.div_ceil(most), "no run stops before it must");
        let sent = world.sent().await;
        assert_eq!(sent.len(), total, "at most {most} per run, {segments} segments");
        assert!(sent.values().all(|jobs| jobs.len() == 1 && jobs[0].header.epoch == Epoch(3)));
    }
}

#[tokio::test]
async fn a_round_is_spread_over_the_shortest_interval() {
    let world = World::of(1_000);
    let began = world.clock.now();
    let _ = world.whole_round(10_000, 1).await;
    assert!(world.queue.depth().await.unwrap().visible < 20);
    let turns: BTreeSet<_> = world
        .sent()
        .await
        .values()
        .map(|jobs| jobs[0].header.not_before.unwrap().since(began).as_secs() / 60)
        .collect();
    assert_eq!(turns, (0..5).collect());
}

#[tokio::test]
async fn a_crash_between_sending_and_saving_repeats_a_page_and_loses_none() {
    let world = World::of(2_500);
    // Taking the round and one save: the second page is sent and never saved.
    world.control.writes_left.store(2, Ordering::SeqCst);
    let deadline = world.clock.now() + Duration::from_mins(10);
    assert!(world.dispatcher(10_000, 1).run(deadline).await.is_err());
    world.control.writes_left.store(u32::MAX, Ordering::SeqCst);
    world.clock.advance(LEASE);
    assert_eq!(world.run(10_000, 1).await.state, RunState::Finished);
    let sent = world.sent().await;
    assert_eq!(sent.len(), 2_500);
    let twice = sent.values().filter(|jobs| jobs.len() == 2).count();
    assert_eq!(twice, 1_000, "exactly the page that was not saved");
}

#[tokio::test]
async fn a_reclaimed_round_goes_on_at_once_from_where_it_was_saved() {
    let world = World::of(2_500);
    world.control.writes_left.store(2, Ordering::SeqCst);
    let deadline = world.clock.now() + Duration::from_mins(10);
    assert!(world.dispatcher(10_000, 1).run(deadline).await.is_err());
    world.control.writes_left.store(u32::MAX, Ordering::SeqCst);
    assert_eq!(world.run(10_000, 1).await.state, RunState::Busy);
    world.dispatcher(10_000, 1).reclaim().await.unwrap();
    let run = world.run(10_000, 1).await;
    assert_eq!((run.state, run.looked_at), (RunState::Finished, 1_500));
}

#[tokio::test]
async fn a_tick_that_finds_a_live_lease_does_nothing_and_a_lapsed_one_is_taken_over() {
    let world = World::of(100);
    world.control.writes_left.store(1, Ordering::SeqCst);
    let deadline = world.clock.now() + Duration::from_mins(10);
    assert!(world.dispatcher(10_000, 1).run(deadline).await.is_err());
    world.control.writes_left.store(u32::MAX, Ordering::SeqCst);
    let busy = Run { state: RunState::Busy, looked_at: 0, sent: 0 };
    assert_eq!(world.run(10_000, 1).await, busy);
    world.clock.advance(LEASE);
    assert_eq!(world.run(10_000, 1).await.state, RunState::Finished);
}

#[tokio::test]
async fn the_loser_of_a_take_over_stops_and_undoes_nothing() {
    let world = World::of(2_500);
    let mut rival = world.dispatcher(10_000, 1);
    rival.control = world.ledger.clone();
    *world.control.rival.lock().await = Some(rival);
    let run = world.run(10_000, 1).await;
    assert_eq!((run.state, run.looked_at), (RunState::Busy, 1_000), "one page, then it is told");
    let stored = world.ledger.read("round", world.clock.now()).await.unwrap().unwrap();
    assert!(stored.value.contains("[\"done\"]"), "{}", stored.value);
    assert!(!stored.value.contains("leaseUntil"), "{}", stored.value);
}

#[tokio::test]
async fn of_two_runs_that_reach_for_a_round_at_once_one_does_nothing() {
    let world = World::of(100);
    let _ = world.whole_round(10_000, 1).await;
    world.clock.advance(INTERVAL);
    let mut rival = world.dispatcher(10_000, 1);
    rival.control = world.ledger.clone();
    *world.control.rival.lock().await = Some(rival);
    let busy = Run { state: RunState::Busy, looked_at: 0, sent: 0 };
    assert_eq!(world.run(10_000, 1).await, busy);
}

#[tokio::test]
async fn who_may_not_be_read_is_left_out_and_who_is_owed_something_never_is() {
    let world = World::of(5);
    let now = world.clock.now();
    let release = Owed { release: Some(ReleaseDebt { since: now }), ..Owed::default() };
    let end = DisconnectDebt::new("d1".into(), Epoch(1), Grant(1), now);
    let end = Owed { disconnect: Some(end), ..Owed::default() };
    let changes: [fn(&mut Mailbox); 3] = [
        |mailbox| mailbox.paused = Some(PauseReason::Operator),
        |mailbox| mailbox.needs_reauth = Some(Reason::GrantDead),
        |mailbox| mailbox.disconnected_at = Some(mailbox.connected_at),
    ];
    for (number, change) in (0..).zip(changes) {
        // A release waits until the mailbox may be read again; the end of a life does not.
        for (hundreds, owed) in [(0, Owed::default()), (100, end.clone()), (200, release.clone())] {
            let mut mailbox = mailbox(hundreds + number, now);
            change(&mut mailbox);
            mailbox.owed = owed;
            world.ledger.insert(mailbox);
        }
    }
    let run = world.run(10_000, 2).await;
    assert_eq!((run.looked_at, run.sent), (11, 5));
    let sent = world.sent().await;
    assert_eq!(
        sent.keys().map(String::as_str).collect::<Vec<_>>(),
        ["100", "101", "102", "3", "4"]
    );
    assert!(sent["100"][0].header.not_before.is_none(), "a debt is paid at once");
}

#[tokio::test]
async fn rounds_of_odd_lengths_send_each_mailbox_once_per_interval() {
    let world = World::of(200);
    let _ = world.whole_round(10_000, 1).await;
    // Together two intervals more: a window starts where the last one ended.
    for seconds in [1, 290, 9, 130, 170] {
        world.clock.advance(Duration::from_secs(seconds));
        let _ = world.whole_round(70, 3).await;
    }
    let sent = world.sent().await;
    assert_eq!(sent.len(), 200);
    assert!(sent.values().all(|jobs| jobs.len() == 3));
}

#[tokio::test]
async fn near_its_deadline_a_run_begins_nothing_and_leaves_the_round_free() {
    let world = World::of(100);
    let run = world.dispatcher(10_000, 1).run(world.clock.now()).await.unwrap();
    assert_eq!(run, Run { state: RunState::Unfinished, looked_at: 0, sent: 0 });
    assert_eq!(world.run(10_000, 1).await.sent, 100);
}

#[tokio::test]
async fn an_idle_mailbox_costs_no_write() {
    let world = World::of(100);
    let before: Vec<_> = world.rows().await;
    let _ = world.whole_round(10_000, 1).await;
    assert!(world.rows().await == before);
}

impl World {
    async fn rows(&self) -> Vec<Option<Mailbox>> {
        let mut rows = Vec::new();
        for number in 0..100 {
            rows.push(Mailboxes::get(&*self.ledger, &user(number)).await.unwrap());
        }
        rows
    }
}
