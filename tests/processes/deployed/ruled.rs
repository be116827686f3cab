//! A stack with everything of the operator's that can be switched on: rules in S3 that act, packed results, their index.

use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::Builder as S3Config;
use serde_json::{Value, json};

use tests::deployed::subscriber::Subscriber;
use tests::deployed::{PATIENCE, Plan, Stack};
use tests::google::{Google, letter};
use tests::patience::wait_for;

use super::keyboard::typed;
use crate::command::fanmail;

const BUCKET: &str = "rules-of-ours";
const FILE: &str = "fanmail/rules.toml";

/// What is done with every message: it gets this label of ours and a label of Gmail's, and goes on to `target`.
fn rules(label: &str, target: &str) -> String {
    format!(
        "[[rule]]\nname = 'all'\nwhen = 'true'\nlabels = ['{label}']\n\
         actions = [{{ label = '{label}' }}, {{ forward = '{target}' }}]\n"
    )
}

struct Ruled {
    stack: Stack,
    events: Subscriber,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_with_rules_does_what_they_say_with_iam_enforced() {
    let story = Ruled::begin().await;
    let [ann, bob] = [1, 2].map(Google::person);
    story.write_rules(&rules("first", &bob)).await;
    story.stack.connect(&ann).await;
    story.told_of("fanmail.mailbox.connected.v1", 1).await;
    let one = story.stack.google.deliver(&ann, &letter(1)).await;
    let processed = story.told_of("fanmail.message.processed.v1", 1).await.remove(0);
    assert_eq!(
        (&processed["subject"], &processed["data"]["labels"]),
        (&json!(one), &json!(["first"]))
    );
    let ends = story.told_of("fanmail.action.finished.v1", 2).await;
    assert!(ends.iter().all(|end| end["data"]["state"] == "done"), "{ends:?}");
    assert_eq!(story.stack.google.calls("labels.create").await, 1);
    assert_eq!(story.stack.google.calls("messages.send").await, 1);
    println!("  a message was labelled and forwarded");

    let key = processed["data"]["result"]["key"].as_str().unwrap();
    assert!(key.starts_with("packed/dt=") && processed["data"]["result"]["line"] == 0, "{key}");
    assert_eq!(story.stack.keys("packed/").await, [key]);
    let user = story.stack.google.user(&ann).await;
    let found = typed(&story.stack, &format!("results find --user {user} --label first"));
    assert_eq!(found.objects().len(), 1, "{}", found.out);
    println!("  its result is in a pack, and in the index");

    // What a bad file leaves in force is what a later one changes.
    story.write_rules("[[rule]]\nname = 'bad'\nwhen = 'tru'\nlabels = ['x']\n").await;
    story.write_rules(&rules("second", &bob)).await;
    let changed = typed(&story.stack, "reclassify --changed-only");
    assert_eq!(changed.objects().pop().unwrap()["summary"]["changed"], 1, "{}", changed.out);
    let again = story.told_of("fanmail.message.processed.v1", 2).await.pop().unwrap();
    assert_eq!(
        (&again["data"]["generation"], &again["data"]["labels"]),
        (&json!(1), &json!(["second"]))
    );
    assert_eq!(story.stack.google.calls("messages.send").await, 1, "it is not sent round again");
    println!("  rules that changed were applied to what is stored");
    assert_eq!(story.stack.dead_letters().await.len(), 0);
}

impl Ruled {
    async fn begin() -> Self {
        let address = format!("s3://{BUCKET}/{FILE}");
        let stack = Stack::deploy(Plan {
            fanmail: fanmail(),
            mailboxes: 2,
            parameters: &[
                ("Schedule", "rate(1 minute)"),
                ("PollIntervalMin", "1m"),
                ("PollIntervalMax", "1m"),
                ("Features", "labels,forwarding"),
                ("ForwardTargets", "@example.com"),
                ("RulesFile", &address),
                ("ResultsFormat", "packed"),
                ("ResultsIndex", "on"),
            ],
            functions_reach: None,
        })
        .await;
        let (owner, topic) = (stack.owner().await, stack.output("EventsTopicArn"));
        let kinds = [
            "fanmail.mailbox.connected.v1",
            "fanmail.message.processed.v1",
            "fanmail.action.finished.v1",
        ];
        let events = Subscriber::to(&owner, topic, "everything", &kinds).await;
        stack.put_secret().await;
        let story = Self { stack, events };
        story.s3().await.create_bucket().bucket(BUCKET).send().await.unwrap();
        story
    }

    async fn s3(&self) -> S3 {
        let owner = self.stack.owner().await;
        S3::from_conf(S3Config::from(&owner).force_path_style(true).build())
    }

    async fn write_rules(&self, text: &str) {
        let put = self.s3().await.put_object().bucket(BUCKET).key(FILE);
        put.body(text.as_bytes().to_vec().into()).send().await.unwrap();
    }

    /// Waits until there are so many different events of this type.
    async fn told_of(&self, kind: &str, count: usize) -> Vec<Value> {
        wait_for(&format!("{count} {kind}"), PATIENCE, async || {
            let mut told = self.events.told().await;
            told.retain(|event| event["type"] == kind);
            let mut seen = std::collections::BTreeSet::new();
            told.retain(|event| seen.insert(event["id"].as_str().unwrap().to_owned()));
            (told.len() >= count).then_some(told)
        })
        .await
    }
}
