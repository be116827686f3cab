//! What nothing stands behind any more is named by mailbox and message, and sent round again.

mod deep;

use std::time::Duration;

use desk::audit::again::{Again, Sent};
use desk::audit::judge::{Finding, Flaw};
use desk::audit::{Audit, MailboxAudit, STALE_AFTER, Scope};
use google_sim::faults::FaultKind;
use google_sim::methods::Method;
use shared::ids::{MessageId, UserId};
use shared::jobs::{Cause, Lane, UserJobKind};
use shared::mark::MarkState;
use shared::reason::PauseReason;

use super::world::{ADA, DAY, MINUTE, World};
use simulation::hand::Strike;
use simulation::stores::Stores;

const DONE: Option<MarkState> = Some(MarkState::Done);

stories!(
    a_message_whose_job_is_gone_is_named_and_sent_round_again,
    a_parked_message_without_its_dead_letter_is_an_orphan,
    a_repair_that_dies_at_any_call_is_repeated_by_the_next,
    a_mailbox_that_cannot_be_read_is_left_out_and_says_why,
    a_repair_takes_no_more_of_the_quota_than_there_is_room_for,
    what_gmail_does_not_have_any_more_is_skipped_and_not_missing_for_ever,
    the_receipt_of_a_gap_says_what_has_become_of_it,
);

/// Longer than any job may take.
const LONG: Duration = Duration::from_hours(26);

impl World {
    fn audit(&self, stores: &Stores) -> Audit {
        Audit {
            mailboxes: stores.mailboxes.clone(),
            marks: stores.marks.clone(),
            letters: stores.letters.clone(),
            clock: self.clock.clone(),
        }
    }

    async fn audited(&self, user: &UserId) -> MailboxAudit {
        let mut all = Vec::new();
        let scope = Scope { user: None, since: None, stale_after: STALE_AFTER };
        let audit = self.audit(&self.backend.stores);
        audit.run(&scope, |audit| all.push(audit)).await.unwrap();
        all.into_iter().find(|audit| audit.user_id == *user).unwrap()
    }

    fn again(&self) -> Again {
        Again {
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            message_jobs: self.stores.message_jobs.clone(),
            pacing: self.settings.pacing,
            clock: self.clock.clone(),
            chance: self.chance.clone(),
        }
    }

    async fn mend(&self, findings: &[Finding]) -> Sent {
        self.again().send(findings, |_, _| ()).await.unwrap()
    }

    /// Messages that are listed, and whose jobs somebody has deleted from the queue.
    async fn lost_on_their_way(&self, user: &UserId, count: usize) -> Vec<MessageId> {
        let mut ids = self.deliver_many(ADA, count);
        self.ask(user, UserJobKind::Sync, Cause::Manual).await;
        self.serve_users().await;
        let queue = &self.backend.stores.message_jobs;
        loop {
            let records = queue.receive(10, Duration::ZERO).await.unwrap();
            if records.is_empty() {
                ids.sort();
                return ids;
            }
            let receipts: Vec<_> = records.into_iter().map(|record| record.receipt).collect();
            queue.delete(&receipts).await.unwrap();
        }
    }
}

/// What is wrong with which message.
fn named(findings: &[Finding]) -> Vec<(Flaw, MessageId)> {
    findings.iter().map(|finding| (finding.flaw, finding.message_id.clone())).collect()
}

async fn a_message_whose_job_is_gone_is_named_and_sent_round_again(world: World) {
    let user = world.connect(ADA).await;
    world.deliver_many(ADA, 2);
    world.poll().await;
    let fetched = world.calls("messages.get");
    let lost = world.lost_on_their_way(&user, 3).await;
    world.rest().await;
    let audit = world.audited(&user).await;
    assert_eq!(audit.findings, [], "a job may still be behind them");
    let days: Vec<_> =
        audit.days.values().map(|day| (day.counts.listed, day.counts.done)).collect();
    assert_eq!(days, [(3, 2)]);

    world.pass(LONG);
    let audit = world.audited(&user).await;
    let stale = lost.iter().map(|id| (Flaw::Stale, id.clone())).collect::<Vec<_>>();
    assert_eq!(named(&audit.findings), stale);
    assert!(audit.findings.iter().all(|finding| finding.user_id == user));

    let sent = world.mend(&audit.findings).await;
    assert_eq!((sent.messages, sent.jobs, sent.left_out), (3, 1, vec![]));
    world.rest().await;
    assert_eq!(world.states(&user, &lost).await, [DONE; 3]);
    assert_eq!(world.calls("messages.get") - fetched, 3, "only what was missing is fetched");
    for id in &lost {
        let events = world.events_about(id.as_str()).await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].event.data["lane"], Lane::Replay.as_str());
    }
    assert_eq!(world.audited(&user).await.findings, []);
}

async fn a_parked_message_without_its_dead_letter_is_an_orphan(world: World) {
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 2);
    world.fault(Method::MessagesGet, FaultKind::Unavailable);
    world.poll().await;
    assert_eq!(world.states(&user, &ids).await, [Some(MarkState::Parked); 2]);
    assert_eq!(world.audited(&user).await.findings, [], "its letter stands behind it");
    assert_eq!(world.backend.stores.letters.forget(&user, 100).await.unwrap(), 1);
    let findings = world.audited(&user).await.findings;
    assert_eq!(findings.len(), 2);
    assert!(findings.iter().all(|finding| finding.flaw == Flaw::Orphaned), "{findings:?}");
    world.heal();
    assert_eq!(world.mend(&findings).await.messages, 2);
    world.rest().await;
    assert_eq!(world.states(&user, &ids).await, [DONE; 2]);
    assert_eq!(world.audited(&user).await.findings, []);
}

async fn a_repair_that_dies_at_any_call_is_repeated_by_the_next(world: World) {
    let user = world.connect(ADA).await;
    for call in ["mailboxes.get", "mailboxes.reserve", "marks.relist", "message_jobs.send"] {
        for strike in [Strike::DiesBefore, Strike::DiesAfter] {
            let lost = world.lost_on_their_way(&user, 2).await;
            world.pass(LONG);
            let findings = world.audited(&user).await.findings;
            assert_eq!(findings.len(), 2, "{call}");
            world.effects.next(call, strike);
            let again = world.again();
            let died = world.effects.alive(again.send(&findings, |_, _| ())).await;
            assert!(died.is_none(), "{call}");
            let findings = world.audited(&user).await.findings;
            assert_eq!(findings.len(), 2, "{call}: still named until they are done");
            world.mend(&findings).await;
            world.rest().await;
            assert_eq!(world.states(&user, &lost).await, [DONE; 2], "{call}");
            for id in &lost {
                assert_eq!(world.events_about(id.as_str()).await.len(), 1, "{call}");
            }
            assert_eq!(world.audited(&user).await.findings, [], "{call}");
        }
    }
    assert_eq!(world.letters().await, []);
}

async fn a_mailbox_that_cannot_be_read_is_left_out_and_says_why(world: World) {
    let user = world.connect(ADA).await;
    world.lost_on_their_way(&user, 2).await;
    world.pass(LONG);
    let findings = world.audited(&user).await.findings;
    let (mailboxes, epoch) = (&world.backend.stores.mailboxes, world.mailbox(&user).await.epoch);
    let _ = mailboxes.pause(&user, epoch, PauseReason::Operator).await.unwrap();
    let sent = world.mend(&findings).await;
    assert_eq!((sent.messages, sent.left_out.len()), (0, 1));
    assert_eq!((sent.left_out[0].messages, &*sent.left_out[0].why), (2, "it is paused (operator)"));
    assert_eq!(world.backend.stores.message_jobs.depth().await.unwrap().total(), 0);
    world.ask(&user, UserJobKind::Disconnect { purge: false }, Cause::Manual).await;
    world.rest().await;
    assert_eq!(world.audited(&user).await.findings, [], "of an ended life nothing is missing");
}

async fn a_repair_takes_no_more_of_the_quota_than_there_is_room_for(world: World) {
    let user = world.connect(ADA).await;
    world.lost_on_their_way(&user, 300).await;
    world.pass(LONG);
    let (findings, begun) = (world.audited(&user).await.findings, world.now());
    assert_eq!(findings.len(), 300);
    let mut waits = Vec::new();
    let sent = world.again().send(&findings, |messages, _| waits.push(messages)).await.unwrap();
    assert_eq!((sent.messages, sent.jobs), (300, 12));
    assert_eq!(waits, [25], "eleven jobs of 25 are a block");
    assert_eq!(world.now().since(begun), MINUTE);
    world.rest().await;
    assert_eq!(world.audited(&user).await.findings, []);
}

async fn what_gmail_does_not_have_any_more_is_skipped_and_not_missing_for_ever(world: World) {
    let user = world.connect(ADA).await;
    let lost = world.lost_on_their_way(&user, 1).await;
    world.google.delete(ADA, &lost[0]).unwrap();
    world.pass(LONG);
    let findings = world.audited(&user).await.findings;
    world.mend(&findings).await;
    world.rest().await;
    assert!(matches!(world.state(&user, &lost[0]).await, Some(MarkState::Skipped(_))));
    assert_eq!(world.audited(&user).await.findings, []);
}

async fn the_receipt_of_a_gap_says_what_has_become_of_it(world: World) {
    let user = world.connect(ADA).await;
    world.deliver(ADA, "Had before");
    world.poll().await;
    let audit = world.audit(&world.backend.stores);
    assert_eq!(audit.gap(&world.mailbox(&user).await).await.unwrap(), None);
    let fetched = world.mailbox(&user).await.last_fetched_at;
    world.deliver_many(ADA, 3);
    world.deliver_labelled(ADA, &["TRASH"]);
    world.google.expire_history(ADA).unwrap();
    world.poll().await;

    let gap = audit.gap(&world.mailbox(&user).await).await.unwrap().unwrap();
    let report = &gap.receipt.report;
    let to = world.mailbox(&user).await.last_fetched_at;
    assert_eq!((report.from, report.to), (fetched - world.settings.gap_overlap, to));
    assert_eq!((report.found, report.already_had, gap.missing), (5, 1, 4));
    assert_eq!((gap.now.done, gap.now.skipped, gap.now.listed), (3, 1, 0));
    assert_eq!(world.audited(&user).await.gap, Some(gap.clone()));

    world.deliver_many(ADA, 2);
    world.poll().await;
    let later = audit.gap(&world.mailbox(&user).await).await.unwrap();
    assert_eq!(later, Some(gap), "it is kept, and counts no other mail");
    world.pass(DAY * 31);
    assert_eq!(audit.gap(&world.mailbox(&user).await).await.unwrap(), None);
}
