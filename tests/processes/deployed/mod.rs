//! The stack of `infra/template.yaml`, deployed for real on a local AWS: the README's commands, the released binaries,
//! IAM enforced.

mod containers;
mod desk;
mod keyboard;
mod kills;
mod numbers;
mod our_faults;
mod refusals;
mod ruled;

use std::collections::BTreeSet;
use std::fs;

use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use tests::deployed::functions::processes;
use tests::deployed::subscriber::Subscriber;
use tests::deployed::{NAME, PATIENCE, Plan, Stack};
use tests::google::{Google, letter};
use tests::patience::wait_for;

use crate::command::fanmail;

/// More than one run of the dispatcher looks at.
const PEOPLE: usize = 5;

const PARAMETERS: [(&str, &str); 4] = [
    ("Schedule", "rate(1 minute)"),
    ("PollIntervalMin", "1m"),
    ("PollIntervalMax", "1m"),
    ("MaxUsersPerInvocation", "2"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_that_the_readme_deploys_keeps_every_promise_with_iam_enforced() {
    let story = Story::begin().await;
    numbers::agree(&story.stack).await;
    story.everybody_connects_and_what_was_unread_comes().await;
    story.the_schedule_finds_what_arrives_and_the_dispatcher_continues_itself().await;
    tokio::join!(
        story.a_poisoned_job_becomes_a_dead_letter(),
        story.a_revoked_person_is_told_once_and_goes_on_after_connecting_again(3),
        story.a_killed_function_is_tried_again(2),
    );
    story.nothing_else_happened().await;
    refusals::all(&story.stack).await;
    story.a_person_at_the_keyboard_sees_and_steers_it().await;
    story.three_causes_are_found_and_sent_round_one_by_one().await;
    story.whenever_functions_are_killed_everything_arrives_once().await;
    story.a_missing_permission_is_named_and_parks_nothing(1).await;
    story.containers_take_over_from_functions().await;
}

struct Story {
    stack: Stack,
    mail: Subscriber,
    people: Subscriber,
}

impl Story {
    async fn begin() -> Self {
        let stack = Stack::deploy(Plan {
            fanmail: fanmail(),
            mailboxes: PEOPLE,
            parameters: &PARAMETERS,
            functions_reach: None,
        })
        .await;
        let (owner, topic) = (stack.owner().await, stack.output("EventsTopicArn"));
        let mail = Subscriber::to(&owner, topic, "mail", &["fanmail.message.processed.v1"]).await;
        let kinds = ["connected", "needs_reauth", "resumed"];
        let kinds = kinds.map(|kind| format!("fanmail.mailbox.{kind}.v1"));
        let kinds = kinds.each_ref().map(String::as_str);
        let people = Subscriber::to(&owner, topic, "people", &kinds).await;
        our_faults::a_door_whose_secret_is_empty_says_so(&stack).await;
        stack.put_secret().await;
        Self { stack, mail, people }
    }

    async fn everybody_connects_and_what_was_unread_comes(&self) {
        let mut delivered = Vec::new();
        for number in 1..=PEOPLE {
            let email = Google::person(number);
            delivered.push(self.stack.google.deliver(&email, &letter(number)).await);
            self.stack.connect(&email).await;
        }
        self.arrived(&delivered).await;
        for number in 1..=PEOPLE {
            self.announced("connected", number, 1).await;
        }
        println!("  {PEOPLE} people connected, and what was unread is there");
    }

    async fn the_schedule_finds_what_arrives_and_the_dispatcher_continues_itself(&self) {
        let mut delivered = Vec::new();
        for number in 1..=PEOPLE {
            let email = Google::person(number);
            delivered.push(self.stack.google.deliver(&email, &letter(10 + number)).await);
        }
        self.arrived(&delivered).await;
        let log = fs::read_to_string(&self.stack.aws.log).unwrap();
        assert!(log.contains("Unfinished"), "a run ended before its round, and another went on");
        println!("  rounds of the schedule found new mail");
    }

    async fn a_poisoned_job_becomes_a_dead_letter(&self) {
        let body = "no job of ours";
        let send = Sqs::new(&self.stack.owner().await).send_message();
        let send = send.queue_url(self.stack.output("MessageJobsQueue")).message_body(body);
        send.send().await.unwrap();
        let letter = wait_for("the poisoned job's letter", PATIENCE, async || {
            let mut letters = self.stack.dead_letters().await.into_iter();
            letters.find(|letter| letter["userId"].as_s().is_ok_and(|user| user == "-"))
        })
        .await;
        assert_eq!(letter["reason"].as_s().unwrap(), "undecodable");
        assert!(format!("{letter:?}").contains(body), "its raw body is kept: {letter:?}");
        println!("  a poisoned job is a dead letter");
    }

    async fn a_revoked_person_is_told_once_and_goes_on_after_connecting_again(
        &self,
        number: usize,
    ) {
        let email = Google::person(number);
        self.stack.google.revoke(&email).await;
        let missed = self.stack.google.deliver(&email, &letter(20 + number)).await;
        wait_for("needsReauth", PATIENCE, async || {
            let row = self.stack.mailbox(&email).await;
            row.get("needsReauth")?.as_bool().is_ok_and(|needs| *needs).then_some(())
        })
        .await;
        self.announced("needs_reauth", number, 1).await;
        self.stack.connect(&email).await;
        self.arrived(&[missed]).await;
        self.announced("resumed", number, 1).await;
        println!("  a revoked person was told once, and went on after connecting again");
    }

    /// What a dead process held comes back when its visibility ends, for which nobody waits six minutes here.
    async fn a_killed_function_is_tried_again(&self, number: usize) {
        let email = Google::person(number);
        self.visibility("10").await;
        let slow = json!({"email": email, "method": "messages.get", "kind": "latency", "latencyMs": 30_000, "count": 1});
        self.stack.google.fail(slow).await;
        let before = self.stack.google.calls("messages.get").await;
        let id = self.stack.google.deliver(&email, &letter(30 + number)).await;
        wait_for("the slow fetch", PATIENCE, async || {
            (self.stack.google.calls("messages.get").await > before).then_some(())
        })
        .await;
        for function in processes(&format!("{NAME}-message-processor"), &self.stack.aws.endpoint) {
            assert!(function.kill());
        }
        self.arrived(&[id]).await;
        self.visibility("360").await;
        println!("  a killed function's message was tried again");
    }

    async fn visibility(&self, seconds: &str) {
        let sqs = Sqs::new(&self.stack.owner().await);
        for queue in ["UserJobsQueue", "MessageJobsQueue", "UserJobsDlq", "MessageJobsDlq"] {
            let set = sqs.set_queue_attributes().queue_url(self.stack.output(queue));
            let set = set.attributes(QueueAttributeName::VisibilityTimeout, seconds);
            set.send().await.unwrap();
        }
    }

    /// At the end: one original and one result each, one event id each, nobody told twice, and one dead letter.
    async fn nothing_else_happened(&self) {
        let originals = self.stack.keys("raw/").await.len();
        assert_eq!(originals, 2 * PEOPLE + 2);
        assert_eq!(self.stack.keys("results/").await.len(), originals);
        let announced = self.mail.told().await;
        let ids: BTreeSet<_> = announced.iter().map(|event| event["id"].as_str()).collect();
        assert_eq!(ids.len(), originals, "however often announced, under one id each");
        let told = self.people.told().await;
        let reauth = told.iter().filter(|event| event["type"] == "fanmail.mailbox.needs_reauth.v1");
        assert_eq!(reauth.count(), 1);
        let open = |state: &str| state != "resolved";
        let letters = self.stack.dead_letters().await;
        let open: Vec<_> =
            letters.iter().filter(|row| open(row["state"].as_s().unwrap())).collect();
        assert_eq!(open.len(), 1, "{open:?}");
    }

    /// Waits until each of these messages is in the bucket and announced.
    async fn arrived(&self, messages: &[String]) {
        for message in messages {
            wait_for(&format!("message {message}"), PATIENCE, async || {
                let told = self.mail.told().await;
                told.iter().any(|event| event["subject"] == *message).then_some(())
            })
            .await;
        }
        let (results, originals) =
            (self.stack.keys("results/").await, self.stack.keys("raw/").await);
        for message in messages {
            assert!(results.iter().any(|key| key.ends_with(&format!("/{message}.json"))));
            assert!(originals.iter().any(|key| key.ends_with(&format!("/{message}.eml"))));
        }
    }

    /// Waits until this event of this person's mailbox has been announced so many times.
    async fn announced(&self, kind: &str, number: usize, count: usize) {
        let user = self.stack.google.user(&Google::person(number)).await;
        let kind = format!("fanmail.mailbox.{kind}.v1");
        let ours = |event: &&Value| event["type"] == *kind && event["subject"] == *user;
        wait_for(&format!("{count} {kind}"), PATIENCE, async || {
            let told = self.people.told().await;
            (told.iter().filter(ours).count() == count).then_some(())
        })
        .await;
    }
}
