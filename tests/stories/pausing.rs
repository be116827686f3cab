//! A mailbox that stops, for its administrator, its operator or its owner's consent, goes on by itself afterwards, and
//! nothing that waited is lost.

use google_sim::faults::FaultKind;
use google_sim::grants::Cause as Death;
use google_sim::methods::Method;
use shared::events::EventKind;
use shared::ids::{Epoch, Grant, MessageId, UserId};
use shared::ledger::LetterState;
use shared::mailbox::Owed;
use shared::mark::MarkState;
use shared::reason::{PauseReason, Reason};
use shared::settings::Backfill;
use shared::store::Write;

use super::world::{ADA, DAY, HOUR, World, mail};
use simulation::hand::Strike;

const DONE: Option<MarkState> = Some(MarkState::Done);
const PARKED: Option<MarkState> = Some(MarkState::Parked);

stories!(
    a_mailbox_that_its_administrator_closes_is_paused_and_left_in_peace,
    an_account_without_a_mailbox_is_paused,
    mail_that_meets_a_closed_mailbox_waits_and_goes_round_when_it_is_resumed,
    old_mail_that_meets_a_paused_mailbox_waits_and_goes_round_when_it_is_resumed,
    old_mail_that_finds_the_mailbox_closed_waits_and_goes_round_when_it_is_resumed,
    a_consent_ends_a_pause_that_google_caused_and_not_one_that_a_person_set,
    a_mailbox_that_is_reconnected_resumes_from_its_cursor,
    a_forgotten_cursor_is_announced_with_the_reconnection,
    a_release_that_dies_at_any_call_is_done_all_the_same,
    a_letter_that_arrives_after_the_reconnection_goes_round_by_itself,
);

impl World {
    pub(crate) async fn resume(&self, user: &UserId) {
        let row = self.mailbox(user).await;
        let reason = row.paused.unwrap();
        let resumed = self.stores.mailboxes.resume(user, row.epoch, reason, self.now()).await;
        let resumed = resumed.unwrap();
        assert_eq!(resumed, Write::Applied);
    }

    async fn pause(&self, user: &UserId, reason: PauseReason) {
        let epoch = self.mailbox(user).await.epoch;
        let paused = self.stores.mailboxes.pause(user, epoch, reason).await.unwrap();
        assert_eq!(paused, Write::Applied);
    }

    /// Mail that came a month before the connection.
    fn old_mail(&self) -> MessageId {
        self.google.add_mailbox(ADA, "Ada");
        let date = Some(self.now() - 30 * DAY);
        let how = google_sim::Delivery { labels: None, date };
        self.google.deliver_as(ADA, mail("Old"), how).unwrap()
    }

    /// A mailbox whose grant died while two messages were on their way; a third came after.
    async fn dead_grant(&self) -> (UserId, [MessageId; 3]) {
        let user = self.connect(ADA).await;
        let ids = ["One", "Two"].map(|subject| self.deliver(ADA, subject));
        self.meanwhile("gmail.history", |google| google.revoke(ADA, Death::UserRevoked).unwrap());
        self.poll().await;
        let [one, two] = ids;
        (user, [one, two, self.deliver(ADA, "Three")])
    }

    async fn nothing_is_left_parked(&self) {
        for letter in self.letters().await {
            assert_eq!(letter.state, LetterState::Resolved, "{} {}", letter.job_id, letter.reason);
        }
    }
}

async fn a_mailbox_that_its_administrator_closes_is_paused_and_left_in_peace(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.fault(Method::HistoryList, FaultKind::DomainPolicy);
    world.poll().await;
    let mailbox = world.mailbox(&user).await;
    assert_eq!(mailbox.paused, Some(PauseReason::DomainPolicy));
    assert_eq!(mailbox.needs_reauth, None);
    let calls = world.google.counters().calls;
    for _ in 0..6 {
        world.poll().await;
    }
    assert_eq!(world.google.counters().calls, calls);
    world.heal();
    world.resume(&user).await;
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
}

async fn an_account_without_a_mailbox_is_paused(world: World) {
    world.fault(Method::GetProfile, FaultKind::FailedPrecondition);
    let user = world.connect(ADA).await;
    let mailbox = world.mailbox(&user).await;
    assert_eq!(mailbox.paused, Some(PauseReason::NoMailbox));
    assert_eq!((mailbox.needs_reauth, world.letters().await.len()), (None, 0));
}

async fn mail_that_meets_a_closed_mailbox_waits_and_goes_round_when_it_is_resumed(world: World) {
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 3);
    world.fault(Method::MessagesGet, FaultKind::DomainPolicy);
    world.poll().await;
    assert_eq!(world.mailbox(&user).await.paused, Some(PauseReason::DomainPolicy));
    assert_eq!(world.states(&user, &ids).await, [PARKED; 3]);
    let letter = world.only_letter().await;
    assert_eq!((letter.reason, letter.state), (Reason::Waiting, LetterState::Parked));
    world.heal();
    world.resume(&user).await;
    world.poll().await;
    assert_eq!(world.states(&user, &ids).await, [DONE; 3]);
    assert_eq!(world.only_letter().await.state, LetterState::Resolved);
    assert!(world.mailbox(&user).await.owed == Owed::default());
}

async fn old_mail_that_meets_a_paused_mailbox_waits_and_goes_round_when_it_is_resumed(
    mut world: World,
) {
    world.settings.backfill = Backfill::All;
    let id = world.old_mail();
    let user = world.consent(ADA).await;
    world.serve_users().await;
    world.pause(&user, PauseReason::Operator).await;
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, None);
    world.resume(&user).await;
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    world.nothing_is_left_parked().await;
}

async fn old_mail_that_finds_the_mailbox_closed_waits_and_goes_round_when_it_is_resumed(
    mut world: World,
) {
    world.settings.backfill = Backfill::All;
    let id = world.old_mail();
    let user = world.consent(ADA).await;
    world.serve_users().await;
    world.fault(Method::MessagesList, FaultKind::DomainPolicy);
    world.rest().await;
    assert_eq!(world.mailbox(&user).await.paused, Some(PauseReason::DomainPolicy));
    world.heal();
    world.resume(&user).await;
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    world.nothing_is_left_parked().await;
}

async fn a_consent_ends_a_pause_that_google_caused_and_not_one_that_a_person_set(world: World) {
    let user = world.connect(ADA).await;
    for (reason, healed) in [
        (PauseReason::DomainPolicy, None),
        (PauseReason::NoMailbox, None),
        (PauseReason::AccountDisabled, None),
        (PauseReason::Operator, Some(PauseReason::Operator)),
    ] {
        world.pause(&user, reason).await;
        world.connect(ADA).await;
        world.poll().await;
        assert_eq!(world.mailbox(&user).await.paused, healed);
    }
    assert_eq!(world.events(EventKind::Resumed).await.len(), 3);
}

async fn a_mailbox_that_is_reconnected_resumes_from_its_cursor(world: World) {
    let (user, ids) = world.dead_grant().await;
    assert_eq!(world.mailbox(&user).await.needs_reauth, Some(Reason::GrantDead));
    assert_eq!(world.states(&user, &ids).await, [PARKED, PARKED, None]);
    let lists = world.calls("messages.list");

    world.connect(ADA).await;
    world.poll().await;
    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.epoch, mailbox.grant, mailbox.needs_reauth), (Epoch(1), Grant(2), None));
    assert_eq!(world.states(&user, &ids).await, [DONE; 3]);
    assert_eq!(world.calls("messages.list"), lists, "history is asked, nothing is searched");
    assert_eq!(world.events(EventKind::MessageProcessed).await.len(), 3);
    assert_eq!(world.events(EventKind::Resumed).await.len(), 1);
    world.nothing_is_left_parked().await;
}

async fn a_forgotten_cursor_is_announced_with_the_reconnection(world: World) {
    let (user, ids) = world.dead_grant().await;
    world.pass(12 * HOUR);
    world.google.expire_history(ADA).unwrap();
    world.connect(ADA).await;
    world.poll().await;
    assert_eq!(world.states(&user, &ids).await, [DONE; 3]);
    let resumed = world.events(EventKind::Resumed).await;
    assert_eq!(resumed.len(), 1);
    assert_eq!(resumed[0].event.data["gap"]["found"], 3);
}

async fn a_release_that_dies_at_any_call_is_done_all_the_same(world: World) {
    let (user, ids) = world.dead_grant().await;
    for call in [
        "letters.list",
        "letters.turn",
        "marks.unpark",
        "mailboxes.reserve",
        "message_jobs.send",
        "mailboxes.settle",
    ] {
        world.effects.next(call, Strike::DiesAfter);
    }
    world.consent(ADA).await;
    for _ in 0..14 {
        world.poll().await;
    }
    assert_eq!(world.effects.outstanding(), [""; 0]);
    assert_eq!(world.states(&user, &ids).await, [DONE; 3]);
    world.nothing_is_left_parked().await;
}

async fn a_letter_that_arrives_after_the_reconnection_goes_round_by_itself(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.fault(Method::MessagesGet, FaultKind::DomainPolicy);
    world.pass(super::world::TICK);
    world.round().await;
    while world.calls("messages.get") == 0 {
        world.pass(super::world::MINUTE);
        world.serve_users().await;
        world.serve_messages().await;
    }
    world.heal();
    world.resume(&user).await;
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    world.nothing_is_left_parked().await;
}
