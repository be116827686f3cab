//! What cannot be done, or may not be, ends its action and nothing else.

use std::time::Duration;

use google_sim::faults::FaultKind;
use google_sim::methods::Method;
use serde_json::json;
use shared::events::EventKind;
use shared::ledger::LetterState;
use shared::mark::MarkState;
use shared::pacing::patience;
use shared::reason::Reason;
use shared::replay::Replayed;
use shared::scope::Feature;
use simulation::hand::Strike;

use super::super::world::{ADA, TICK, World};
use super::{BOOKS, done, failed, forward, webhook};

stories!(
    a_program_that_does_not_answer_holds_no_message_back_and_is_told_later,
    a_program_that_is_gone_is_not_called_again,
    what_the_grant_does_not_allow_ends_the_action_and_nothing_else,
    what_is_not_allowed_here_is_refused_and_shown,
    a_message_that_is_gone_is_nobodys_to_mend,
    what_gmail_holds_against_an_action_holds_no_mail_back,
    who_is_taken_off_the_list_gets_nothing_that_waits,
);

async fn a_program_that_does_not_answer_holds_no_message_back_and_is_told_later(world: World) {
    let world = world.acts(&webhook());
    let user = world.connect(ADA).await;
    world.webhooks.answer(503);
    let id = world.deliver(ADA, "Hello");
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, Some(MarkState::Done));
    let letter = world.only_letter().await;
    assert_eq!((letter.reason, letter.tries), (Reason::TooManyTries, 5));
    assert_eq!(letter.error, "the webhook answered 503");
    assert_eq!(world.ends().await, [failed("webhook", json!("too_many_tries"))]);
    world.webhooks.answer(204);
    assert_eq!(world.send_round(&letter).await, Replayed::Sent);
    world.rest().await;
    assert_eq!(world.only_letter().await.state, LetterState::Resolved);
    assert_eq!(world.webhooks.posted()[0].1.id, letter.job_id, "under the same id");
    let events = world.events(EventKind::ActionFinished).await;
    assert_ne!(events[0].event.id, events[1].event.id, "each end is told under an id of its own");
    assert_eq!(world.ends().await[1], done("webhook"));
}

async fn a_program_that_is_gone_is_not_called_again(world: World) {
    let world = world.acts(&webhook());
    world.connect(ADA).await;
    world.webhooks.answer(410);
    world.deliver(ADA, "Hello");
    world.poll().await;
    assert_eq!(world.effects.count("webhooks.post"), 1);
    assert_eq!(world.only_letter().await.reason, Reason::ActionRefused);
    assert_eq!(world.ends().await, [failed("webhook", json!("action_refused"))]);
}

async fn what_the_grant_does_not_allow_ends_the_action_and_nothing_else(world: World) {
    let mut world = world.acts(&format!("{{ label = 'Bills' }}, {}", webhook()));
    // It was connected before labels were switched on.
    world.settings.features.clear();
    let user = world.connect(ADA).await;
    world.settings.features = Feature::ALL.iter().copied().collect();
    let id = world.deliver(ADA, "Hello");
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, Some(MarkState::Done));
    let result = world.result(&user, &id).await.unwrap();
    let detail = "the mailbox's owner has not allowed gmail.modify, for labels";
    assert_eq!(result["actions"][0]["detail"], detail);
    assert_eq!(world.mailbox(&user).await.needs_reauth, None);
    let ends = [failed("label", json!("action_refused")), done("webhook")];
    assert_eq!(world.ends().await, ends);
    assert_eq!(world.letters().await, [], "nobody on call could mend it");
    // Once its owner has allowed it, it is done.
    world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello again");
    world.poll().await;
    assert!(world.names_of_labels(&id).contains(&"Bills".to_owned()));
}

async fn what_is_not_allowed_here_is_refused_and_shown(world: World) {
    let mut world = world.acts(&format!("{}, {{ webhook = 'https://10.0.0.1/' }}", forward()));
    world.settings.forward_targets = "cook@example.net".parse().unwrap();
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.poll().await;
    let result = world.result(&user, &id).await.unwrap();
    let shown = |place: usize| {
        let action = &result["actions"][place];
        assert_eq!(action["state"], "failed");
        action["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(shown(0), "FORWARD_TARGETS does not name the target");
    assert!(shown(1).contains("private network"), "{}", shown(1));
    let ends = ["forward", "webhook"].map(|kind| failed(kind, json!("action_refused")));
    assert_eq!(world.ends().await, ends);
    assert_eq!((world.calls("messages.send"), world.webhooks.posted().len()), (0, 0));
    assert_eq!(world.letters().await, []);
}

async fn a_message_that_is_gone_is_nobodys_to_mend(world: World) {
    let world = world.acts("'archive'");
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    let (google, gone) = (world.google.clone(), id.clone());
    let delete = Strike::Meanwhile(Box::new(move || google.delete(ADA, &gone).unwrap()));
    world.effects.next("archive.put_new", delete);
    world.poll().await;
    assert_eq!(world.state(&user, &id).await, Some(MarkState::Done));
    assert_eq!(world.ends().await, [failed("archive", json!(null))]);
    assert_eq!(world.letters().await, []);
}

async fn what_gmail_holds_against_an_action_holds_no_mail_back(world: World) {
    let world = world.acts(&format!("'archive', {}", forward()));
    let user = world.connect(ADA).await;
    world.fault_times(Method::MessagesSend, FaultKind::RateLimitExceededWithoutTime, 1);
    world.fault_times(Method::MessagesModify, FaultKind::DomainPolicy, 1);
    let first = world.deliver(ADA, "Hello");
    world.pass(TICK);
    world.round().await;
    while world.effects.count("changes.send") + world.effects.count("changes.modify") < 2 {
        world.pass(Duration::from_secs(5));
        world.serve().await;
    }
    let mailbox = world.mailbox(&user).await;
    assert_eq!((mailbox.paused, patience(mailbox.pace, world.now())), (None, None));
    // What was refused was not sent: nothing is looked for before it is sent.
    let listed = world.calls("messages.list");
    world.rest().await;
    assert_eq!(world.calls("messages.list"), listed);
    assert_eq!(world.mail_of(BOOKS, "in:inbox").await.len(), 1);
    assert_eq!(world.names_of_labels(&first), ["INBOX", "UNREAD"]);
    let ends = [failed("archive", json!("action_refused")), done("forward")];
    assert_eq!(world.ends().await, ends);
}

async fn who_is_taken_off_the_list_gets_nothing_that_waits(world: World) {
    let mut world = world.acts(&forward());
    world.connect(ADA).await;
    world.fault(Method::MessagesSend, FaultKind::RateLimitExceededWithoutTime);
    world.deliver(ADA, "Hello");
    world.pass(TICK);
    world.round().await;
    while world.effects.count("changes.send") < 1 {
        world.pass(Duration::from_secs(5));
        world.serve().await;
    }
    world.heal();
    world.settings.forward_targets = "cook@example.net".parse().unwrap();
    world.rest().await;
    assert_eq!(world.mail_of(BOOKS, "in:inbox").await.len(), 0);
    assert_eq!(world.only_letter().await.reason, Reason::ActionRefused);
    assert_eq!(world.ends().await, [failed("forward", json!("action_refused"))]);
}
