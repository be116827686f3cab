//! Access tokens are kept while they last and fetched anew by one worker at a time; only Google's own word that a grant
//! is dead ever sends a person back to the consent page.

use std::time::Duration;

use google_sim::faults::FaultKind;
use google_sim::grants::Cause as Death;
use google_sim::methods::Method;
use serde_json::json;
use shared::events::EventKind;
use shared::ids::UserId;
use shared::jobs::{Cause, UserJobKind};
use shared::ledger::LetterState;
use shared::mark::MarkState;
use shared::reason::Reason;

use super::world::{ADA, HOUR, MINUTE, World};
use simulation::hand::Strike;

const DONE: Option<MarkState> = Some(MarkState::Done);

stories!(
    an_access_token_is_used_until_it_is_nearly_over,
    two_workers_refresh_once,
    a_token_in_its_last_minute_is_not_used_for_mail,
    a_token_that_runs_out_between_listing_and_fetching_is_replaced,
    a_refused_token_is_replaced_once_and_the_poll_goes_on,
    a_refused_token_is_replaced_once_and_the_mail_goes_on,
    a_newer_token_that_is_refused_too_means_a_dead_grant,
    a_newer_token_that_is_refused_for_mail_too_means_a_dead_grant,
    one_refused_token_of_each_of_two_consents_means_no_dead_grant,
    whatever_ended_a_grant_the_person_is_told_exactly_once,
    the_notice_keeps_its_id_when_it_has_to_be_published_again,
    a_mailbox_that_needs_consent_is_left_in_peace,
    a_missing_scope_needs_consent,
    whatever_ails_the_token_endpoint_nobody_is_sent_to_consent_again,
    whatever_ails_gmail_nobody_is_sent_to_consent_again,
);

impl World {
    async fn needs_reauth(&self, user: &UserId) -> Option<Reason> {
        self.mailbox(user).await.needs_reauth
    }

    pub(crate) async fn notices(&self) -> Vec<String> {
        let notices = self.events(EventKind::NeedsReauth).await;
        notices.into_iter().map(|seen| seen.event.id).collect()
    }
}

async fn an_access_token_is_used_until_it_is_nearly_over(world: World) {
    world.connect(ADA).await;
    for _ in 0..10 {
        world.poll().await;
    }
    assert_eq!(world.calls("token"), 1, "within 50 minutes");
    world.poll().await;
    assert_eq!(world.calls("token"), 2, "with less than 5 minutes left");
}

async fn two_workers_refresh_once(world: World) {
    let user = world.consent(ADA).await;
    world.slow(Method::Token, Duration::from_secs(1));
    world.ask(&user, UserJobKind::Sync, Cause::Manual).await;
    world.rest().await;
    assert_eq!(world.calls("token"), 1);
    assert_eq!(world.mailbox(&user).await.access_token_version, 1);
}

async fn a_token_in_its_last_minute_is_not_used_for_mail(world: World) {
    let user = world.connect(ADA).await;
    world.pass(54 * MINUTE);
    let id = world.deliver(ADA, "Listed with the old token");
    world.ask(&user, UserJobKind::Sync, Cause::Manual).await;
    world.serve_users().await;
    world.pass(5 * MINUTE + Duration::from_secs(30));
    world.rest().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!((world.calls("token"), world.calls("messages.get")), (2, 1));
}

async fn a_token_that_runs_out_between_listing_and_fetching_is_replaced(world: World) {
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 60);
    world.ask(&user, UserJobKind::Sync, Cause::Manual).await;
    world.serve_users().await;
    world.pass(2 * HOUR);
    world.rest().await;
    assert_eq!(world.states(&user, &ids).await, [DONE; 60]);
    assert_eq!((world.calls("token"), world.calls("messages.get")), (2, 60));
    assert_eq!(world.letters().await, []);
}

async fn a_refused_token_is_replaced_once_and_the_poll_goes_on(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.fault_times(Method::HistoryList, FaultKind::AuthError, 1);
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, DONE);
    assert_eq!((world.calls("token"), world.calls("history.list")), (2, 2));
    assert_eq!(world.letters().await, []);
}

async fn a_refused_token_is_replaced_once_and_the_mail_goes_on(world: World) {
    let user = world.connect(ADA).await;
    let ids = world.deliver_many(ADA, 3);
    world.fault_times(Method::MessagesGet, FaultKind::AuthError, 3);
    world.poll().await;
    assert_eq!(world.states(&user, &ids).await, [DONE; 3]);
    assert_eq!((world.calls("token"), world.calls("messages.get")), (2, 6));
    assert_eq!(world.needs_reauth(&user).await, None);
}

async fn a_newer_token_that_is_refused_too_means_a_dead_grant(world: World) {
    let user = world.connect(ADA).await;
    world.fault(Method::HistoryList, FaultKind::AuthError);
    world.poll().await;
    assert_eq!(world.needs_reauth(&user).await, Some(Reason::GrantDead));
    assert_eq!((world.calls("token"), world.calls("history.list")), (2, 2));
    assert_eq!(world.notices().await.len(), 1);
}

async fn a_newer_token_that_is_refused_for_mail_too_means_a_dead_grant(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.fault(Method::MessagesGet, FaultKind::AuthError);
    world.poll().await;
    assert_eq!(world.needs_reauth(&user).await, Some(Reason::GrantDead));
    assert_eq!(world.calls("messages.get"), 2);
    assert_eq!(world.state(&user, &id).await, Some(MarkState::Parked));
    assert_eq!(world.notices().await.len(), 1);
}

async fn one_refused_token_of_each_of_two_consents_means_no_dead_grant(world: World) {
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.ask(&user, UserJobKind::Sync, Cause::Manual).await;
    world.serve_users().await;
    world.fault_times(Method::MessagesGet, FaultKind::AuthError, 1);
    world.serve_messages().await;
    world.consent(ADA).await;
    world.fault_times(Method::MessagesGet, FaultKind::AuthError, 1);
    world.rest().await;
    assert_eq!(world.calls("messages.get"), 3);
    assert_eq!(world.needs_reauth(&user).await, None);
    assert_eq!(world.state(&user, &id).await, DONE);
}

async fn whatever_ended_a_grant_the_person_is_told_exactly_once(world: World) {
    let deaths = [
        Death::UserRevoked,
        Death::PasswordChanged,
        Death::Unused,
        Death::Crowded,
        Death::TimeLimited,
        Death::Testing,
        Death::AdminRestricted,
        Death::InvalidRapt,
        Death::AccountDeleted,
        Death::AccountDisabled,
    ];
    let mut users = Vec::new();
    for death in deaths {
        let email = format!("{death:?}@example.com").to_lowercase();
        users.push(world.connect(&email).await);
        world.deliver_many(&email, 3);
        world.google.revoke(&email, death).unwrap();
    }
    // An access token may outlive its grant, but not its hour.
    for _ in 0..14 {
        world.poll().await;
    }
    for (user, death) in users.iter().zip(deaths) {
        let mailbox = world.mailbox(user).await;
        assert_eq!(mailbox.needs_reauth, Some(Reason::GrantDead), "{death:?}");
        assert!(mailbox.owed.notice.is_none(), "{death:?}");
    }
    let mut notices = world.notices().await;
    assert_eq!(notices.len(), deaths.len());
    notices.sort();
    notices.dedup();
    assert_eq!(notices.len(), deaths.len(), "each under an id of its own");
}

async fn the_notice_keeps_its_id_when_it_has_to_be_published_again(world: World) {
    let user = world.connect(ADA).await;
    world.google.revoke(ADA, Death::UserRevoked).unwrap();
    world.effects.next("events.publish", Strike::DiesAfter);
    world.poll().await;
    world.poll().await;
    let notices = world.notices().await;
    assert_eq!(notices.len(), 2);
    assert_eq!(notices[0], notices[1]);
    assert!(world.mailbox(&user).await.owed.notice.is_none());
    let notice = &world.events(EventKind::NeedsReauth).await[0].event;
    assert_eq!((&notice.data["reason"], &notice.data["grant"]), (&json!("grant_dead"), &json!(1)));
}

async fn a_mailbox_that_needs_consent_is_left_in_peace(world: World) {
    world.connect(ADA).await;
    world.google.revoke(ADA, Death::UserRevoked).unwrap();
    world.poll().await;
    let calls = world.google.counters().calls;
    for _ in 0..12 {
        world.poll().await;
    }
    assert_eq!(world.google.counters().calls, calls);
}

async fn a_missing_scope_needs_consent(world: World) {
    let user = world.connect(ADA).await;
    world.fault(Method::HistoryList, FaultKind::InsufficientPermissions);
    world.poll().await;
    assert_eq!(world.needs_reauth(&user).await, Some(Reason::ScopeMissing));
    assert_eq!(world.notices().await.len(), 1);
    let letter = world.only_letter().await;
    assert_eq!((letter.reason, letter.job_id.as_str()), (Reason::ScopeMissing, "sync"));
}

async fn whatever_ails_the_token_endpoint_nobody_is_sent_to_consent_again(world: World) {
    use FaultKind as Kind;
    let user = world.connect(ADA).await;
    for kind in [
        Kind::InternalError,
        Kind::BadGateway,
        Kind::Unavailable,
        Kind::GatewayTimeout,
        Kind::Dropped,
        Kind::Truncated,
        Kind::WrongTypes,
        Kind::TooManyRequests,
        Kind::BadRequest,
        Kind::InvalidClient,
        Kind::UnauthorizedClient,
        Kind::DeletedClient,
    ] {
        let id = world.deliver(ADA, "Waits for Google's health");
        world.fault(Method::Token, kind);
        world.suffer(&user, kind).await;
        assert_eq!(world.state(&user, &id).await, DONE, "{kind:?}");
    }
}

async fn whatever_ails_gmail_nobody_is_sent_to_consent_again(world: World) {
    use FaultKind as Kind;
    let user = world.connect(ADA).await;
    for kind in [
        Kind::InternalError,
        Kind::Unavailable,
        Kind::Dropped,
        Kind::Truncated,
        Kind::WrongTypes,
        Kind::TooManyRequests,
        Kind::RateLimitExceeded,
        Kind::RateLimitExceededWithoutTime,
        Kind::UserRateLimitExceeded,
        Kind::DailyLimitExceeded,
        Kind::AccessNotConfigured,
        Kind::BadRequest,
    ] {
        let id = world.deliver(ADA, "Waits for Google's health");
        world.fault(Method::HistoryList, kind);
        world.suffer(&user, kind).await;
        assert_eq!(world.state(&user, &id).await, DONE, "{kind:?}");
    }
}

impl World {
    /// Two hours of what was set, and an hour of health.
    async fn suffer(&self, user: &UserId, kind: FaultKind) {
        self.live_for(2 * HOUR).await;
        assert_eq!(self.needs_reauth(user).await, None, "{kind:?}");
        assert_eq!(self.mailbox(user).await.paused, None, "{kind:?}");
        self.heal();
        self.live_for(HOUR).await;
        self.rest().await;
        assert_eq!(self.notices().await, [""; 0], "{kind:?}");
        for letter in self.letters().await {
            assert_eq!(letter.job_id.as_str(), "sync", "{kind:?}: one row for a dead sync");
            assert_eq!(letter.state, LetterState::Resolved, "{kind:?}");
        }
    }
}
