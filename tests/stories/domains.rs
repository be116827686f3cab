//! Mailboxes of a Workspace domain, which are read because their administrator allows it: whatever ends that, nobody is
//! sent to a consent page, and what waited goes on.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use google_sim::delegated::Delegated;
use google_sim::domains::ServiceAccountKey;
use google_sim::faults::FaultKind;
use google_sim::methods::Method;
use google_sim::scopes::Scopes;
use oauth_callback::domain::{DomainDoor, NotConnected, Stored, scopes};
use shared::breaker::Breaker;
use shared::events::EventKind;
use shared::google::DelegationError;
use shared::google::delegation::IDENTITY_SCOPE;
use shared::ids::{Reference, UserId};
use shared::jobs::{Cause, UserJobKind};
use shared::mailbox::AccessBy;
use shared::mark::MarkState;
use shared::reason::{PauseReason, Reason};
use shared::scope::Feature;

use super::world::{HOUR, MINUTE, World};
use simulation::hand::Strike;

const ADA: &str = "ada@corp.example";
const BOB: &str = "bob@corp.example";
const DOMAIN: &str = "corp.example";
const DONE: Option<MarkState> = Some(MarkState::Done);

/// One key for every story: making one takes longer than all of them.
static KEY: LazyLock<ServiceAccountKey> =
    LazyLock::new(|| ServiceAccountKey::generate("fan").unwrap());

stories!(
    two_mailboxes_of_a_domain_are_connected_at_a_word_and_read,
    a_token_is_asked_for_about_once_an_hour_and_not_at_each_poll,
    a_domain_that_withdraws_its_word_pauses_its_mailboxes_and_they_go_on_from_their_cursors,
    an_account_that_was_renamed_is_paused_and_goes_on_under_its_new_address,
    without_a_service_account_a_delegated_mailbox_waits_and_nobody_is_marked,
    a_service_account_that_google_does_not_take_holds_its_own_mailboxes_alone,
    a_fresh_token_that_gmail_refuses_is_googles_fault_and_no_dead_grant,
    a_fresh_token_that_gmail_refuses_for_mail_is_googles_fault_too,
    an_address_that_is_refused_leaves_nothing_behind,
    who_is_connected_already_is_left_as_they_are,
    a_consent_takes_the_place_of_delegation_and_only_a_word_the_place_of_a_consent,
    a_goodbye_says_that_there_was_nothing_to_take_back,
    a_connection_that_dies_at_any_call_is_whole_or_nothing,
    a_feature_that_the_domain_does_not_allow_keeps_nothing_from_being_read,
    a_text_of_googles_that_nobody_knows_pauses_no_mailbox_and_holds_no_fleet,
    nobody_is_written_to_whose_mailbox_was_delegated_meanwhile,
);

impl World {
    fn delegated(&mut self) {
        self.google.add_service_account(&KEY);
        self.google.add_mailbox(ADA, "Ada");
        self.google.add_mailbox(BOB, "Bob");
        self.authorize(&[]);
        let face = Delegated::of(self.google.clone(), &KEY).unwrap();
        self.delegation = Some(Arc::new(face));
    }

    /// Its administrator lets the service account read, and do this beside it.
    fn authorize(&self, features: &[Feature]) {
        let scopes = scopes(&features.iter().copied().collect()).join(" ");
        self.google.authorize(DOMAIN, &KEY.client_id, Scopes::parse(&scopes).unwrap());
    }

    fn door(&self) -> DomainDoor {
        let stages = self.stages();
        DomainDoor {
            delegation: stages.delegation.unwrap(),
            mailboxes: stages.stores.mailboxes,
            user_jobs: stages.stores.user_jobs,
            backfill: stages.settings.backfill,
            features: stages.settings.features,
            clock: stages.clock,
            chance: stages.chance,
        }
    }

    async fn connect_domain(&self, email: &str) -> UserId {
        let connected = self.door().connect(email, None).await.unwrap();
        assert_eq!(connected.stored, Stored::Now);
        self.rest().await;
        connected.user
    }

    /// Nobody was told to consent, and no letter says that anybody's grant is dead.
    async fn nobody_is_marked(&self) {
        assert_eq!(self.notices().await, Vec::<String>::new());
        let dead = [Reason::GrantDead, Reason::ScopeMissing];
        assert!(self.letters().await.iter().all(|letter| !dead.contains(&letter.reason)));
    }
}

async fn two_mailboxes_of_a_domain_are_connected_at_a_word_and_read(mut world: World) {
    world.delegated();
    let reference: Reference = "corp".parse().unwrap();
    let waiting = world.deliver(BOB, "From before");
    for email in [ADA, BOB] {
        let connected = world.door().connect(email, Some(&reference)).await.unwrap();
        assert_eq!(connected.stored, Stored::Now);
    }
    world.rest().await;
    assert_eq!(world.events(EventKind::Connected).await.len(), 2);
    let users = [ADA, BOB].map(|email| world.google.mailbox(email).unwrap().sub.parse().unwrap());
    let ids = [ADA, BOB].map(|email| world.deliver(email, "Hello"));
    world.poll().await;
    for (user, id) in users.iter().zip(&ids) {
        assert_eq!(world.state(user, id).await, DONE);
        assert_eq!(world.result(user, id).await.unwrap()["ref"], "corp");
        let mailbox = world.mailbox(user).await;
        assert_eq!((mailbox.access, mailbox.refresh_token), (AccessBy::Delegation, None));
    }
    assert_eq!(world.state(&users[1], &waiting).await, DONE, "what was unread");
}

async fn a_token_is_asked_for_about_once_an_hour_and_not_at_each_poll(mut world: World) {
    world.delegated();
    let user = world.connect_domain(ADA).await;
    assert_eq!(world.calls("token"), 2, "one to connect with, one to read with");
    world.live_for(50 * MINUTE).await;
    assert_eq!((world.calls("token"), world.mailbox(&user).await.access_token_version), (2, 1));
    world.live_for(HOUR).await;
    assert_eq!((world.calls("token"), world.mailbox(&user).await.access_token_version), (3, 2));
}

async fn a_domain_that_withdraws_its_word_pauses_its_mailboxes_and_they_go_on_from_their_cursors(
    mut world: World,
) {
    world.delegated();
    let users = [world.connect_domain(ADA).await, world.connect_domain(BOB).await];
    let cursor = world.cursor(&users[0]).await;
    world.google.withdraw(DOMAIN, &KEY.client_id);
    world.live_for(2 * HOUR).await;
    for user in &users {
        assert_eq!(world.mailbox(user).await.paused, Some(PauseReason::DomainPolicy));
        assert_eq!(world.mailbox(user).await.needs_reauth, None);
    }
    world.nobody_is_marked().await;
    let id = world.deliver(ADA, "While nobody was let in");
    let asked = world.calls("token");
    world.live_for(3 * HOUR).await;
    assert_eq!(world.calls("token"), asked, "a paused mailbox is left in peace");
    assert!(world.cursor(&users[0]).await >= cursor);
    world.authorize(&[]);
    for user in &users {
        world.resume(user).await;
    }
    world.live_for(HOUR).await;
    assert_eq!(world.state(&users[0], &id).await, DONE);
    world.nobody_is_marked().await;
}

async fn an_account_that_was_renamed_is_paused_and_goes_on_under_its_new_address(mut world: World) {
    world.delegated();
    let user = world.connect_domain(ADA).await;
    world.google.rename(ADA, "ada.byron@corp.example").unwrap();
    world.live_for(2 * HOUR).await;
    assert_eq!(world.mailbox(&user).await.paused, Some(PauseReason::AddressGone));
    world.nobody_is_marked().await;
    let id = world.deliver("ada.byron@corp.example", "To the new address");
    assert_eq!(world.connect_domain("ada.byron@corp.example").await, user, "the same account");
    assert_eq!(world.mailbox(&user).await.email, "ada.byron@corp.example");
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!(world.events(EventKind::Resumed).await.len(), 1);
}

async fn without_a_service_account_a_delegated_mailbox_waits_and_nobody_is_marked(
    mut world: World,
) {
    world.delegated();
    let user = world.connect_domain(ADA).await;
    let service_account = world.delegation.take();
    let id = world.deliver(ADA, "Waits");
    world.live_for(3 * HOUR).await;
    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.paused, mailbox.needs_reauth), (None, None));
    assert_eq!(world.letters().await, []);
    world.delegation = service_account;
    world.live_for(HOUR).await;
    assert_eq!(world.state(&user, &id).await, DONE);
}

async fn a_service_account_that_google_does_not_take_holds_its_own_mailboxes_alone(
    mut world: World,
) {
    world.delegated();
    let user = world.connect_domain(ADA).await;
    let consented = world.connect(super::world::ADA).await;
    world.google.disable_service_account(&KEY.email, true).unwrap();
    let ids = [world.deliver(ADA, "One"), world.deliver(super::world::ADA, "Two")];
    world.live_for(2 * HOUR).await;
    let breaker = Breaker::new(world.backend.stores.control.clone());
    assert_eq!(breaker.standing(world.now()).await.unwrap(), None, "that of the OAuth client");
    let of_account = breaker.of_service_account().standing(world.now()).await.unwrap();
    assert!(of_account.is_some());
    assert_eq!(world.state(&consented, &ids[1]).await, DONE);
    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.paused, mailbox.needs_reauth), (None, None));
    assert_eq!(world.letters().await, []);
    world.google.disable_service_account(&KEY.email, false).unwrap();
    let late = world.deliver(ADA, "Three");
    world.live_for(HOUR).await;
    assert_eq!(world.states(&user, &[ids[0].clone(), late]).await, [DONE; 2]);
    let of_account = breaker.of_service_account().standing(world.now()).await.unwrap();
    assert_eq!(of_account, None, "a probe was answered");
}

async fn a_fresh_token_that_gmail_refuses_is_googles_fault_and_no_dead_grant(mut world: World) {
    world.delegated();
    let user = world.connect_domain(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.fault(Method::HistoryList, FaultKind::AuthError);
    world.poll().await;
    let letter = world.only_letter().await;
    assert_eq!(letter.reason, Reason::GoogleFault);
    assert_eq!(world.mailbox(&user).await.needs_reauth, None);
    world.nobody_is_marked().await;
    world.heal();
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
}

async fn a_fresh_token_that_gmail_refuses_for_mail_is_googles_fault_too(mut world: World) {
    world.delegated();
    let user = world.connect_domain(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.fault(Method::MessagesGet, FaultKind::AuthError);
    world.poll().await;
    assert_eq!(world.only_letter().await.reason, Reason::GoogleFault);
    assert_eq!(world.state(&user, &id).await, Some(MarkState::Parked));
    assert_eq!(world.mailbox(&user).await.needs_reauth, None);
    world.nobody_is_marked().await;
}

async fn an_address_that_is_refused_leaves_nothing_behind(mut world: World) {
    world.delegated();
    let refused = async |email: &str| match world.door().connect(email, None).await {
        Ok(connected) => panic!("{connected:?}"),
        Err(error) => error,
    };
    let nobody = refused("nobody@corp.example").await;
    assert!(matches!(nobody, NotConnected::Google(DelegationError::NoSuchAccount)), "{nobody:?}");
    let stranger = refused("ada@elsewhere.example").await;
    let not_authorized = |error: &NotConnected| {
        matches!(error, NotConnected::Google(DelegationError::NotAuthorized { .. }))
    };
    assert!(not_authorized(&stranger), "{stranger:?}");
    let narrow = Scopes::parse(IDENTITY_SCOPE).unwrap();
    world.google.authorize(DOMAIN, &KEY.client_id, narrow);
    assert!(not_authorized(&refused(ADA).await), "one scope is lacking");
    world.authorize(&[]);
    world.fault(Method::Userinfo, FaultKind::Unavailable);
    let unknown = refused(ADA).await;
    assert!(matches!(unknown, NotConnected::Google(DelegationError::Backend { .. })));
    assert_eq!(world.effects.count("mailboxes.connect"), 0);
}

async fn who_is_connected_already_is_left_as_they_are(mut world: World) {
    world.delegated();
    let user = world.connect_domain(ADA).await;
    let before = world.mailbox(&user).await;
    let again = world.door().connect("ADA@corp.example", None).await.unwrap();
    assert_eq!((again.user, again.stored), (user.clone(), Stored::Already));
    assert!(world.mailbox(&user).await == before);
}

async fn a_consent_takes_the_place_of_delegation_and_only_a_word_the_place_of_a_consent(
    mut world: World,
) {
    world.delegated();
    let user = world.connect_domain(ADA).await;
    assert_eq!(world.consent(ADA).await, user);
    world.rest().await;
    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.access, mailbox.grant.0), (AccessBy::Consent, 2));
    assert!(mailbox.refresh_token.is_some());
    world.live_for(2 * HOUR).await;
    assert_eq!(world.mailbox(&user).await.access, AccessBy::Consent);
    assert_eq!(world.connect_domain(ADA).await, user);
    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.access, mailbox.grant.0), (AccessBy::Delegation, 3));
    let id = world.deliver(ADA, "Hello");
    world.live_for(HOUR).await;
    assert_eq!(world.state(&user, &id).await, DONE);
}

async fn a_goodbye_says_that_there_was_nothing_to_take_back(mut world: World) {
    world.delegated();
    let user = world.connect_domain(ADA).await;
    world.ask(&user, UserJobKind::Disconnect { purge: true }, Cause::Manual).await;
    world.rest().await;
    assert_eq!(world.calls("revoke"), 0);
    let event = world.events(EventKind::Disconnected).await.remove(0).event;
    assert_eq!(event.data["revokedAtGoogle"], serde_json::Value::Null);
    let mailbox = world.mailbox(&user).await;
    assert_eq!(mailbox.purged.unwrap().receipt().revoked_at_google, None);
    assert_eq!((mailbox.email.as_str(), mailbox.access_token), ("", None));
    world.pass(Duration::from_mins(10));
    assert_eq!(world.connect_domain(ADA).await, user, "it can be connected again");
}

async fn a_connection_that_dies_at_any_call_is_whole_or_nothing(mut world: World) {
    world.delegated();
    let calls = ["delegation.mint", "delegation.account", "mailboxes.get", "mailboxes.connect"];
    for call in calls {
        world.effects.next(call, Strike::DiesAfter);
        assert!(world.effects.alive(world.door().connect(ADA, None)).await.is_none(), "{call}");
        let user: UserId = world.google.mailbox(ADA).unwrap().sub.parse().unwrap();
        let row = world.backend.stores.mailboxes.get(&user).await.unwrap();
        assert_eq!(row.is_some(), call == "mailboxes.connect", "{call}");
    }
    // The row owes what follows: a round of the dispatcher is enough.
    world.poll().await;
    assert_eq!(world.events(EventKind::Connected).await.len(), 1);
}

async fn a_feature_that_the_domain_does_not_allow_keeps_nothing_from_being_read(mut world: World) {
    world.settings.features = [Feature::Labels].into();
    world.delegated();
    let connected = world.door().connect(ADA, None).await.unwrap();
    assert_eq!((connected.stored, connected.without), (Stored::Now, vec![Feature::Labels]));
    let user = connected.user;
    world.rest().await;
    assert_eq!(Feature::granted(&world.mailbox(&user).await.scopes), []);
    assert_eq!(world.door().connect(ADA, None).await.unwrap().stored, Stored::Already);
    world.authorize(&[Feature::Labels]);
    let connected = world.door().connect(ADA, None).await.unwrap();
    assert_eq!((connected.stored, connected.without), (Stored::Now, vec![]));
    world.rest().await;
    assert_eq!(Feature::granted(&world.mailbox(&user).await.scopes), [Feature::Labels]);
    // The administrator thinks again of labels, not of reading.
    world.authorize(&[]);
    world.live_for(2 * HOUR).await;
    let id = world.deliver(ADA, "Hello");
    world.live_for(HOUR).await;
    assert_eq!(world.mailbox(&user).await.paused, None);
    assert_eq!(world.state(&user, &id).await, DONE);
}

async fn a_text_of_googles_that_nobody_knows_pauses_no_mailbox_and_holds_no_fleet(
    mut world: World,
) {
    world.delegated();
    let user = world.connect_domain(ADA).await;
    // It comes with `invalid_grant`, as what ends a mailbox's reading does.
    world.fault(Method::Token, FaultKind::InvalidGrant);
    let id = world.deliver(ADA, "Hello");
    world.live_for(3 * HOUR).await;
    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.paused, mailbox.needs_reauth), (None, None));
    assert_eq!(world.only_letter().await.reason, Reason::TooManyTries);
    let breaker = Breaker::new(world.backend.stores.control.clone()).of_service_account();
    assert_eq!(breaker.standing(world.now()).await.unwrap(), None);
    world.nobody_is_marked().await;
    world.heal();
    world.live_for(HOUR).await;
    assert_eq!(world.state(&user, &id).await, DONE);
}

async fn nobody_is_written_to_whose_mailbox_was_delegated_meanwhile(mut world: World) {
    world.delegated();
    let user = world.consent(ADA).await;
    world.rest().await;
    (0..5).for_each(|_| world.effects.next("mailer.send", Strike::Throttled));
    world.google.revoke(ADA, google_sim::grants::Cause::UserRevoked).unwrap();
    world.live_for(HOUR / 4).await;
    assert!(world.mailbox(&user).await.owed.mail.is_some());
    assert_eq!(world.connect_domain(ADA).await, user);
    let id = world.deliver(ADA, "Read on");
    world.live_for(HOUR).await;
    assert!(world.backend.mailer.sent().is_empty());
    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.needs_reauth, mailbox.access), (None, AccessBy::Delegation));
    assert_eq!(world.state(&user, &id).await, DONE);
}
