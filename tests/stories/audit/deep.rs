//! Gmail, marks, archive and events of one mailbox are compared, and only what one of them lacks is fetched.

use std::collections::BTreeSet;

use desk::audit::census::{Asker, Unanswered};
use desk::audit::deep::{Deep, DeepAudit, window};
use desk::audit::judge::{Finding, Flaw, Remedy};
use desk::audit::{STALE_AFTER, Scope};
use google_sim::faults::FaultKind;
use google_sim::grants::Cause as Death;
use google_sim::methods::Method;
use shared::census::PAGE_IDS;
use shared::clock::Timestamp;
use shared::ids::{MessageId, UserId};
use shared::jobs::{Cause, UserJobKind};
use shared::reason::PauseReason;
use shared::result::{original_key, originals_of, result_key, results_of};
use shared::settings::ResultsFormat;

use super::{DONE, LONG, named};
use crate::stories::world::{ADA, DAY, HOUR, MINUTE, World};
use simulation::hand::Strike;

stories!(
    what_is_taken_away_by_hand_is_named_and_only_that_is_fetched,
    an_original_that_is_gone_is_fetched_again_where_it_can_be,
    a_result_that_is_gone_from_its_pack_is_stored_again,
    a_census_is_answered_page_by_page,
    a_census_that_cannot_be_taken_says_why,
    a_census_that_nobody_takes_is_given_up,
);

impl World {
    fn asker(&self) -> Asker {
        Asker {
            control: self.backend.stores.control.clone(),
            user_jobs: self.backend.stores.user_jobs.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
        }
    }

    /// Asks, has the user-worker take the job, and reads what it has answered.
    async fn census(
        &self,
        user: &UserId,
        window: (Timestamp, Timestamp),
        count: impl FnMut(usize),
    ) -> Result<BTreeSet<MessageId>, Unanswered> {
        let asker = self.asker();
        let question = asker.ask(&self.mailbox(user).await, window).await.unwrap();
        self.serve_users().await;
        asker.answer(&question, count).await
    }

    async fn deep(&self, user: &UserId) -> DeepAudit {
        let mailbox = self.mailbox(user).await;
        let window = window(&mailbox, mailbox.connected_at, self.now());
        let in_gmail = self.census(user, window, |_| ()).await.unwrap();
        let stores = &self.backend.stores;
        let log = Some(self.backend.log.clone() as _);
        let deep = Deep { audit: self.audit(stores), archive: stores.archive.clone(), log };
        let scope = Scope { user: None, since: Some(window.0), stale_after: STALE_AFTER };
        deep.compare(&mailbox, &scope, Some(&in_gmail)).await.unwrap()
    }

    /// One message on each of so many days.
    async fn on_days(&self, days: usize) -> Vec<(MessageId, Timestamp)> {
        let mut delivered = Vec::new();
        for day in 0..days {
            delivered.push((self.deliver(ADA, &format!("Day {day}")), self.now()));
            self.poll().await;
            self.pass(DAY);
        }
        self.poll().await;
        delivered
    }
}

async fn what_is_taken_away_by_hand_is_named_and_only_that_is_fetched(world: World) {
    let user = world.connect(ADA).await;
    let delivered = world.on_days(4).await;
    world.deliver_labelled(ADA, &["SPAM"]);
    world.deliver_labelled(ADA, &["SENT"]);
    world.pass(HOUR);
    world.ask(&user, UserJobKind::Sync, Cause::Manual).await;
    world.rest().await;
    let whole = world.deep(&user).await;
    assert_eq!(whole.findings, []);
    assert_eq!(
        (whole.in_gmail, whole.marked, whole.done, whole.announced),
        (Some(6), 6, 4, Some(4))
    );

    // One mark: the first in the order of ids, whichever message that is.
    let stores = &world.backend.stores;
    assert_eq!(stores.marks.forget(&user, 1).await.unwrap(), 1);
    let ids: Vec<MessageId> = delivered.iter().map(|(id, _)| id.clone()).collect();
    let states = world.states(&user, &ids).await;
    let unmarked = ids[states.iter().position(Option::is_none).unwrap()].clone();
    // One result, with the folder of its day.
    let (lost, at) = delivered.iter().find(|(id, _)| *id != unmarked).unwrap();
    let key = result_key(&user, lost, *at);
    let folder = &key[..=key.rfind('/').unwrap()];
    assert_eq!(stores.archive.remove(folder, 10).await.unwrap(), 1);
    // One row of the queue.
    let gone = world.lost_on_their_way(&user, 1).await.remove(0);
    world.pass(LONG);

    let found = world.deep(&user).await;
    let mut expected = vec![
        (Flaw::Unmarked, unmarked.clone()),
        (Flaw::WithoutResult, lost.clone()),
        (Flaw::Stale, gone.clone()),
    ];
    expected.sort_by(|one, other| one.1.cmp(&other.1));
    assert_eq!(named(&found.findings), expected);
    let (fetched, told) = (world.calls("messages.get"), world.events_about(lost.as_str()).await);
    assert_eq!(world.mend(&found.findings).await.messages, 3);
    world.rest().await;
    assert_eq!(world.calls("messages.get") - fetched, 3, "only what was missing is fetched");
    assert_eq!(world.states(&user, &[unmarked, lost.clone(), gone]).await, [DONE; 3]);
    let again = world.events_about(lost.as_str()).await;
    assert_eq!(again.len(), 2);
    assert_eq!(again[1].event.id, told[0].event.id, "consumers drop what they had");
    assert_eq!(world.deep(&user).await.findings, []);

    stores.events.forget(&user).await.unwrap();
    let found = world.deep(&user).await;
    assert_eq!((found.announced, found.findings.len()), (Some(0), found.done));
    let is_unannounced = |finding: &Finding| {
        finding.flaw == Flaw::Unannounced && finding.remedy == Remedy::AnnounceAgain
    };
    assert!(found.findings.iter().all(is_unannounced), "{:?}", found.findings);
    assert_eq!(world.mend(&found.findings).await.messages, 0, "nothing is to be fetched for it");
}

async fn an_original_that_is_gone_is_fetched_again_where_it_can_be(world: World) {
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 3);
    world.poll().await;
    let archive = &world.backend.stores.archive;
    assert_eq!(archive.remove(&originals_of(&user), 10).await.unwrap(), 3);
    let (found, before) = (world.deep(&user).await, world.result_bytes(&user, &ids[0]).await);
    assert!(found.findings.iter().all(|finding| finding.flaw == Flaw::WithoutOriginal));
    assert_eq!(world.mend(&found.findings).await.messages, 3);
    world.rest().await;
    for id in &ids {
        assert!(archive.get(&original_key(&user, id)).await.unwrap().is_some());
    }
    assert_eq!(world.result_bytes(&user, &ids[0]).await, before, "the first result stands");
    assert_eq!(world.deep(&user).await.findings, []);
}

async fn a_result_that_is_gone_from_its_pack_is_stored_again(mut world: World) {
    world.settings.results_format = ResultsFormat::Packed;
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 3);
    world.poll().await;
    assert_eq!(world.deep(&user).await.findings, []);
    let archive = &world.backend.stores.archive;
    assert!(archive.keys(&results_of(&user), None, 9).await.unwrap().is_empty());
    archive.remove(&originals_of(&user), 10).await.unwrap();
    let hopeless = world.deep(&user).await.findings;
    assert_eq!(hopeless.len(), 3);
    assert!(hopeless.iter().all(|finding| finding.remedy == Remedy::Nothing), "{hopeless:?}");
    for day in archive.folders("packed/").await.unwrap() {
        archive.remove(&day, 10).await.unwrap();
    }
    let found = world.deep(&user).await.findings;
    assert!(found.iter().all(|finding| finding.flaw == Flaw::WithoutResult), "{found:?}");
    assert_eq!(world.mend(&found).await.messages, 3);
    world.rest().await;
    assert_eq!(world.states(&user, &ids).await, [DONE; 3]);
    assert_eq!(world.deep(&user).await.findings, []);
}

async fn a_census_is_answered_page_by_page(world: World) {
    let user = world.connect(ADA).await;
    let from = world.now();
    let all: BTreeSet<_> = world.deliver_many(ADA, PAGE_IDS + 20).into_iter().collect();
    world.pass(MINUTE);
    let mut counts = Vec::new();
    let census = world.census(&user, (from, world.now()), |count| counts.push(count)).await;
    assert_eq!(census.unwrap(), all);
    assert!(counts.len() > 1 && counts.last() == Some(&all.len()), "{counts:?}");
    assert_eq!(world.calls("messages.get"), 0);
    let nothing = world.census(&user, (from - HOUR, from), |_| ()).await.unwrap();
    assert!(nothing.is_empty());
}

async fn a_census_that_cannot_be_taken_says_why(world: World) {
    let user = world.connect(ADA).await;
    let window = (world.now(), world.now() + HOUR);
    let ask = async || match world.census(&user, window, |_| ()).await {
        Err(Unanswered::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    world.fault_times(Method::MessagesList, FaultKind::BadGateway, 1);
    assert!(ask().await.contains("502"));
    let (mailboxes, epoch) = (&world.backend.stores.mailboxes, world.mailbox(&user).await.epoch);
    let _ = mailboxes.pause(&user, epoch, PauseReason::Operator).await.unwrap();
    assert!(ask().await.contains("paused"));
    let reason = PauseReason::Operator;
    let _ = mailboxes.resume(&user, epoch, reason, world.now()).await.unwrap();
    // The cached token has run out, and the grant is dead.
    world.pass(HOUR * 2);
    world.google.revoke(ADA, Death::UserRevoked).unwrap();
    let told = ask().await;
    assert!(told.contains("grant_dead"), "{told}");
    world.rest().await;
    assert_eq!(world.letters().await, [], "whoever asked was told: nobody else needs to know");
}

async fn a_census_that_nobody_takes_is_given_up(world: World) {
    let user = world.connect(ADA).await;
    let (mailbox, begun) = (world.mailbox(&user).await, world.now());
    let window = (begun, begun + HOUR);
    let question = world.asker().ask(&mailbox, window).await.unwrap();
    let given_up = world.asker().answer(&question, |_| ()).await;
    assert!(matches!(given_up, Err(Unanswered::Nobody)), "{given_up:?}");
    assert!(world.now().since(begun) < MINUTE * 3);
    world.rest().await;

    world.effects.next("control.write", Strike::DiesAfter);
    let died = world.census(&user, window, |_| ()).await;
    assert!(died.is_ok(), "what was written before it died is an answer: {died:?}");
    world.rest().await;
    assert_eq!(world.letters().await, []);
}
