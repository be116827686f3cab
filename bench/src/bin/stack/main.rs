//! The stack of `infra/template.yaml` on a local AWS: requests to AWS for each 1,000 messages with originals kept, by
//! service, and messages a second from listed to announced. What the functions ask for is counted on its way; that
//! Lambda asks SQS twice for each batch, to receive it and to delete it, is added. What its pollers ask for while a
//! queue is empty depends on time, not on messages, and is left out.
//!
//! `./test && cargo build --release --features aws && cargo run --release -p bench --features aws --bin stack`; the
//! first sets up the local AWS and builds the functions.

mod counter;

use std::collections::BTreeSet;
use std::process::{Command, ExitCode};

use anyhow::ensure;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName::{
    ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible,
};
use bench::{Bound, Figure, report};
use shared::clock::Clock;
use tests::deployed::local_aws::OWNER;
use tests::deployed::subscriber::Subscriber;
use tests::deployed::{NAME, PATIENCE, Plan, Stack};
use tests::google::{Google, letter};
use tests::patience::wait_for;

use crate::counter::Counter;

const MAILBOXES: usize = 8;

/// For each mailbox, in one poll: what pacing lets through at once.
const MESSAGES: usize = 250;

/// Nobody is polled by the schedule while we count.
const PARAMETERS: [(&str, &str); 3] =
    [("Schedule", "rate(1 hour)"), ("PollIntervalMin", "1h"), ("PollIntervalMax", "1h")];

/// The most that 1,000 messages may cost, by the name that requests are signed for.
const BOUNDS: [(&str, Bound); 7] = [
    ("s3", Bound::AtMost(2_100.0)),
    ("dynamodb", Bound::Printed),
    ("sqs", Bound::Printed),
    ("sns", Bound::AtMost(125.0)),
    ("kms", Bound::AtMost(20.0)),
    ("secretsmanager", Bound::AtMost(5.0)),
    ("lambda", Bound::Printed),
];

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let counter = Counter::open().await?;
    let run = Run::prepare(&counter).await?;
    counter.begin();
    let before = run.batches()?;
    let seconds = run.everything_is_announced().await?;
    let mut requests = counter.counted();
    *requests.entry("sqs".into()).or_default() += 2 * (run.batches()? - before);
    let per_thousand = |requests: u32| f64::from(requests) * 1e3 / count(MAILBOXES * MESSAGES);
    let figure = |name: String, value, bound| Figure { name, value, bound };
    let mut figures: Vec<_> = BOUNDS
        .iter()
        .map(|(service, bound)| {
            let requests = requests.get(*service).copied().unwrap_or_default();
            figure(
                format!("{service}: requests for 1,000 messages"),
                per_thousand(requests),
                *bound,
            )
        })
        .collect();
    let all = per_thousand(requests.values().sum());
    figures.push(figure("all: requests for 1,000 messages".into(), all, Bound::AtMost(4_500.0)));
    let rate = count(MAILBOXES * MESSAGES) / seconds;
    figures.push(figure("messages/s through the stack".into(), rate, Bound::Printed));
    Ok(report(&figures))
}

/// A deployed stack whose mailboxes are full of mail that nobody has listed yet.
struct Run {
    stack: Stack,
    consumer: Subscriber,
    users: Vec<String>,
}

impl Run {
    async fn prepare(counter: &Counter) -> anyhow::Result<Self> {
        let stack = Stack::deploy(Plan {
            fanmail: fanmail()?,
            mailboxes: MAILBOXES,
            parameters: &PARAMETERS,
            functions_reach: Some(&counter.origin),
        })
        .await;
        counter.lead_to(&stack.aws.endpoint);
        stack.put_secret().await;
        let (owner, topic) = (stack.owner().await, stack.output("EventsTopicArn"));
        let mail = ["fanmail.message.processed.v1"];
        let consumer = Subscriber::to(&owner, topic, "bench", &mail).await;
        let mut run = Self { stack, consumer, users: Vec::new() };
        for number in 1..=MAILBOXES {
            run.fill(&Google::person(number)).await?;
        }
        Ok(run)
    }

    /// Connects a mailbox, holds it, and has all its mail arrive.
    async fn fill(&mut self, email: &str) -> anyhow::Result<()> {
        self.stack.connect(email).await;
        wait_for("the first listing", PATIENCE, async || {
            let row = self.stack.mailbox(email).await;
            (row.contains_key("historyId") && !row.contains_key("owed")).then_some(())
        })
        .await;
        let user = self.stack.google.user(email).await;
        self.type_in(&["accounts", "pause", &user])?;
        for number in 1..=MESSAGES {
            self.stack.google.deliver(email, &letter(number)).await;
        }
        self.users.push(user);
        Ok(())
    }

    /// Lets the mailboxes go on. The seconds until all their mail was announced, and nothing is left to do.
    async fn everything_is_announced(&self) -> anyhow::Result<f64> {
        let began = Clock::System.now();
        for user in &self.users {
            self.type_in(&["accounts", "resume", user])?;
            self.type_in(&["accounts", "sync", user])?;
        }
        wait_for("the last message", PATIENCE, async || {
            let told = self.consumer.told().await;
            let ids: BTreeSet<_> = told.iter().filter_map(|event| event["id"].as_str()).collect();
            (ids.len() == MAILBOXES * MESSAGES).then_some(())
        })
        .await;
        let seconds = Clock::System.now().since(began).as_secs_f64();
        wait_for("rest", PATIENCE, async || self.is_at_rest().await.then_some(())).await;
        Ok(seconds)
    }

    async fn is_at_rest(&self) -> bool {
        let sqs = Sqs::new(&self.stack.owner().await);
        for queue in ["UserJobsQueue", "MessageJobsQueue"] {
            let get = sqs.get_queue_attributes().queue_url(self.stack.output(queue));
            let get = get.attribute_names(ApproximateNumberOfMessages);
            let get = get.attribute_names(ApproximateNumberOfMessagesNotVisible);
            let held = get.send().await.ok().and_then(|said| said.attributes).unwrap_or_default();
            if held.len() < 2 || held.values().any(|number| number != "0") {
                return false;
            }
        }
        true
    }

    /// How many batches of jobs Lambda has handed to functions, as the local AWS's log says.
    fn batches(&self) -> anyhow::Result<u32> {
        let log = std::fs::read_to_string(&self.stack.aws.log)?;
        let batches = log
            .lines()
            .filter(|line| line.contains("ESM: Lambda "))
            .filter(|line| line.contains(" processed "));
        let batches = u32::try_from(batches.count())?;
        ensure!(
            batches > 0,
            "the local AWS's log names no batch: {}",
            self.stack.aws.log.display()
        );
        Ok(batches)
    }

    fn type_in(&self, words: &[&str]) -> anyhow::Result<()> {
        let mut command = fanmail()?;
        command.args(["--backend", "aws", "--stack", NAME]).args(words);
        command.envs(OWNER).env("AWS_ENDPOINT_URL", &self.stack.aws.endpoint);
        let ran = command.output()?;
        let said = String::from_utf8_lossy(&ran.stderr);
        ensure!(ran.status.success(), "fanmail {}: {said}", words.join(" "));
        Ok(())
    }
}

fn fanmail() -> anyhow::Result<Command> {
    let program = std::env::current_exe()?.with_file_name("fanmail");
    ensure!(
        program.exists(),
        "{} is not there: build it with cargo build --release --features aws",
        program.display()
    );
    Ok(Command::new(program))
}

/// A count as a figure; ours are small.
fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
