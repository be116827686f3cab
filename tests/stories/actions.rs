//! What rules have done with a message is done, and told, and holds no message back.

mod refusals;

use google_sim::faults::FaultKind;
use google_sim::in_process::InProcess;
use google_sim::methods::Method;
use google_sim::{Google, GoogleConfig};
use message_processor::{Book, Rules};
use serde_json::{Value, json};
use shared::clock::Chance;
use shared::events::EventKind;
use shared::google::{Gmail, Search};
use shared::ids::MessageId;
use shared::jobs::UserJobKind;
use shared::ledger::LetterState;
use shared::mark::MarkState;
use shared::reason::{PauseReason, Reason};
use shared::scope::Feature;
use shared::secret::AccessToken;
use shared::store::Write;
use simulation::hand::Strike;

use super::world::{ADA, HOUR, MINUTE, PAGES, World};

const BOOKS: &str = "books@example.net";
const HOOK: &str = "https://example.net/hook";

stories!(
    what_a_rule_asks_for_is_done_and_told,
    a_forward_that_may_have_been_sent_is_not_sent_again,
    a_forward_under_another_message_id_is_found_all_the_same,
    forwards_do_not_go_in_circles,
    a_label_is_made_once_whoever_is_faster,
    nothing_is_done_with_mail_from_before_the_connection,
    nothing_is_done_for_a_life_that_has_ended,
    what_is_judged_anew_is_not_sent_round_again,
    a_refused_token_is_replaced_and_the_action_goes_on,
    a_paused_mailboxs_actions_wait_for_it,
);

/// Rules that have this done with everything.
fn rules(actions: &str) -> Book {
    let text = format!("[[rule]]\nname = 'all'\nwhen = 'true'\nactions = [{actions}]\n");
    Book::of(Rules::parse(text.as_bytes()).unwrap())
}

fn forward() -> String {
    format!("{{ forward = '{BOOKS}' }}")
}

fn webhook() -> String {
    format!("{{ webhook = '{HOOK}' }}")
}

impl World {
    /// Everything may be done, and this is.
    pub(crate) fn acts(mut self, actions: &str) -> Self {
        self.rules = rules(actions);
        self.settings.features = Feature::ALL.iter().copied().collect();
        self.settings.forward_targets = "@example.net, @example.com".parse().unwrap();
        self.google.add_mailbox(BOOKS, "Books");
        self
    }

    /// What a mailbox of the simulated Google holds that a search finds.
    async fn mail_of(&self, email: &str, query: &str) -> Vec<Vec<u8>> {
        let face = InProcess { google: self.google.clone(), redirect_uri: PAGES.to_owned() };
        let token = AccessToken::new(self.google.issue_token(email).unwrap());
        let search = Search { query: Some(query.to_owned()), include_spam_trash: true };
        let mut mail = Vec::new();
        for id in face.list(&token, &search, None).await.unwrap().ids {
            mail.push(face.message(&token, &id, 1 << 20).await.unwrap().raw);
        }
        mail
    }

    /// Up to the moment at which a message is announced, and its actions wait in the queue.
    async fn until_actions_are_on_their_way(&self) {
        self.pass(super::world::TICK);
        self.round().await;
        while self.effects.count("events.publish") < 2 {
            self.pass(MINUTE);
            self.serve_users().await;
            self.serve_messages().await;
        }
    }

    fn names_of_labels(&self, id: &MessageId) -> Vec<String> {
        let labels = self.google.labels_of(ADA, id).unwrap();
        labels.into_iter().map(|label| label.name).collect()
    }

    /// How actions ended: kind, state, reason.
    async fn ends(&self) -> Vec<[Value; 3]> {
        let events = self.events(EventKind::ActionFinished).await;
        let mut ends: Vec<_> = events
            .iter()
            .map(|seen| ["kind", "state", "reason"].map(|name| seen.event.data[name].clone()))
            .collect();
        ends.sort_by_key(|end| end[0].to_string());
        ends
    }
}

fn done(kind: &str) -> [Value; 3] {
    [json!(kind), json!("done"), json!(null)]
}

fn failed(kind: &str, reason: Value) -> [Value; 3] {
    [json!(kind), json!("failed"), reason]
}

async fn what_a_rule_asks_for_is_done_and_told(world: World) {
    let all =
        format!("'archive', 'mark_read', {{ label = 'Bills' }}, {}, {}", forward(), webhook());
    let world = world.acts(&all);
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Invoice");
    world.poll().await;
    assert_eq!(world.names_of_labels(&id), ["Bills"]);
    let forwarded = world.mail_of(BOOKS, "in:inbox").await;
    assert_eq!(forwarded.len(), 1);
    assert!(String::from_utf8_lossy(&forwarded[0]).contains("Subject: Fwd: Invoice"));
    let posted = world.webhooks.posted();
    assert_eq!(posted.len(), 1);
    let told: Value = serde_json::from_str(&posted[0].1.body).unwrap();
    let announced = world.events(EventKind::MessageProcessed).await.remove(0).event;
    assert_eq!(told, serde_json::to_value(&announced).unwrap(), "the event, and nothing else");
    assert_eq!(posted[0].0, HOOK);
    let kinds = ["archive", "forward", "label", "mark_read", "webhook"];
    assert_eq!(world.ends().await, kinds.map(done));
    // What it was done to stands in the result, under the id that the event names.
    let result = world.result(&user, &id).await.unwrap();
    let actions = result["actions"].as_array().unwrap();
    assert!(actions.iter().all(|action| action["state"] == "pending"), "{actions:?}");
    for seen in world.events(EventKind::ActionFinished).await {
        let said = seen.event.data.to_string();
        assert!(!said.contains('@') && !said.contains("example"), "{said}");
        let is_it = |action: &&Value| action["id"] == seen.event.data["action"];
        let action = actions.iter().find(is_it).unwrap();
        assert_eq!(action["kind"], seen.event.data["kind"]);
    }
    assert_eq!(world.letters().await, []);
}

async fn a_forward_that_may_have_been_sent_is_not_sent_again(world: World) {
    let world = world.acts(&forward());
    world.connect(ADA).await;
    let mut sent = 0;
    for (call, strike) in [
        ("changes.send", Strike::Unanswered),
        ("changes.send", Strike::DiesAfter),
        ("changes.send", Strike::DiesBefore),
        ("changes.send", Strike::Throttled),
        ("marks.forward", Strike::DiesAfter),
        ("events.publish", Strike::DiesAfter),
        ("message_jobs.delete", Strike::DiesAfter),
    ] {
        world.effects.next(call, strike);
        world.deliver(ADA, &format!("Number {sent}"));
        world.poll().await;
        sent += 1;
        assert_eq!(world.effects.outstanding(), [""; 0]);
        assert_eq!(world.mail_of(BOOKS, "in:inbox").await.len(), sent, "{call}");
    }
    let ends = world.ends().await;
    assert!(ends.iter().all(|end| *end == done("forward")), "{ends:?}");
}

/// Gmail is known to give what its API sends another Message-ID.
async fn a_forward_under_another_message_id_is_found_all_the_same(mut world: World) {
    let mut config = GoogleConfig::new(world.clock.clone(), Chance::seeded(4));
    config.renames_sent_mail = true;
    world.google = Google::new(config);
    let world = world.acts(&forward());
    world.connect(ADA).await;
    world.effects.next("changes.send", Strike::DiesAfter);
    world.deliver(ADA, "Invoice");
    world.poll().await;
    assert_eq!(world.mail_of(BOOKS, "in:inbox").await.len(), 1);
    assert_eq!(world.ends().await, [done("forward")]);
}

async fn forwards_do_not_go_in_circles(world: World) {
    let bob = "bob@example.com";
    let world = world.acts(&format!("{{ forward = '{bob}' }}, {{ forward = '{ADA}' }}"));
    world.connect(ADA).await;
    world.connect(bob).await;
    world.deliver(ADA, "Round and round");
    for _ in 0..5 {
        world.poll().await;
    }
    // To Bob. His comes from Ada, and through her.
    assert_eq!(world.calls("messages.send"), 1);
    let details: Vec<String> = world
        .events(EventKind::ActionFinished)
        .await
        .iter()
        .filter_map(|seen| seen.event.data["detail"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(details.len(), 3, "{details:?}");
    assert!(details.iter().all(|detail| detail.starts_with("it would loop: ")), "{details:?}");
    assert_eq!(world.letters().await, []);
}

async fn a_label_is_made_once_whoever_is_faster(world: World) {
    let world = world.acts("{ label = 'Bills' }");
    world.connect(ADA).await;
    let google = world.google.clone();
    // Another makes it between our look and our attempt.
    world.effects.next(
        "changes.labels",
        Strike::Meanwhile(Box::new(move || {
            google.create_label(ADA, "bills").unwrap();
        })),
    );
    let ids = world.deliver_many(ADA, 3);
    world.poll().await;
    for id in &ids {
        assert_eq!(world.names_of_labels(id), ["INBOX", "UNREAD", "bills"]);
    }
    assert_eq!(world.ends().await, [done("label"), done("label"), done("label")]);
}

async fn nothing_is_done_with_mail_from_before_the_connection(world: World) {
    let world = world.acts(&format!("'archive', {}, {}", forward(), webhook()));
    world.google.add_mailbox(ADA, "Ada");
    let old = world.deliver(ADA, "Old");
    world.pass(HOUR);
    let user = world.connect(ADA).await;
    assert_eq!(world.state(&user, &old).await, Some(MarkState::Done));
    assert_eq!(world.result(&user, &old).await.unwrap()["actions"], json!([]));
    assert_eq!(world.ends().await.len(), 0);
    assert_eq!((world.calls("messages.send"), world.webhooks.posted().len()), (0, 0));
}

async fn nothing_is_done_for_a_life_that_has_ended(world: World) {
    let world = world.acts(&format!("'archive', {}, {}", forward(), webhook()));
    let user = world.connect(ADA).await;
    world.deliver(ADA, "Hello");
    world.until_actions_are_on_their_way().await;
    world.ask(&user, UserJobKind::Disconnect { purge: false }, shared::jobs::Cause::Manual).await;
    while world.serve_users().await {}
    let begun = world.ends().await.len();
    world.rest().await;
    assert_eq!(world.ends().await.len(), begun, "nothing new is begun");
    assert_eq!(world.letters().await, []);
}

async fn what_is_judged_anew_is_not_sent_round_again(mut world: World) {
    world = world.acts(&format!("{}, {}", forward(), webhook()));
    let user = world.connect(ADA).await;
    let id = world.deliver(ADA, "Hello");
    world.poll().await;
    let before = world.result(&user, &id).await.unwrap();
    world.rules = rules(&format!("'archive', {}, {}", forward(), webhook()));
    world.pass(HOUR);
    let all = message_processor::reclassify::Scope { user: None, since: None, changed_only: false };
    world.stages().reclassification().apply(&all, |_| {}).await.unwrap();
    world.rest().await;
    let after = world.result(&user, &id).await.unwrap();
    assert_eq!(after["generation"], 1);
    assert_eq!(after["actions"], before["actions"]);
    assert_eq!(
        (world.mail_of(BOOKS, "in:inbox").await.len(), world.webhooks.posted().len()),
        (1, 1)
    );
}

async fn a_refused_token_is_replaced_and_the_action_goes_on(world: World) {
    let world = world.acts("'archive'");
    world.connect(ADA).await;
    world.fault_times(Method::MessagesModify, FaultKind::AuthError, 1);
    let refreshed = world.calls("token");
    let id = world.deliver(ADA, "Hello");
    world.poll().await;
    assert_eq!(world.names_of_labels(&id), ["UNREAD"]);
    assert_eq!(world.calls("token"), refreshed + 1);
    assert_eq!(world.ends().await, [done("archive")]);
}

async fn a_paused_mailboxs_actions_wait_for_it(world: World) {
    let world = world.acts(&format!("'archive', {}", webhook()));
    let user = world.connect(ADA).await;
    let epoch = world.mailbox(&user).await.epoch;
    let mailboxes = world.backend.stores.mailboxes.clone();
    let id = world.deliver(ADA, "Hello");
    world.until_actions_are_on_their_way().await;
    let paused = mailboxes.pause(&user, epoch, PauseReason::Operator).await;
    assert_eq!(paused.unwrap(), Write::Applied);
    world.poll().await;
    assert_eq!(world.only_letter().await.reason, Reason::Waiting);
    assert_eq!(world.ends().await, [done("webhook")], "a program is told all the same");
    let resumed = mailboxes.resume(&user, epoch, PauseReason::Operator, world.now()).await;
    assert_eq!(resumed.unwrap(), Write::Applied);
    world.poll().await;
    assert_eq!(world.names_of_labels(&id), ["UNREAD"]);
    assert_eq!(world.only_letter().await.state, LetterState::Resolved);
}
