//! A consumer gets back what it has missed, by a command beside a running `serve`, over HTTP and in the log of events.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};
use tests::google::{Google, letter};
use tests::patience::wait_for;
use tests::process::Process;

use crate::command::{Ran, beside, fanmail};
use crate::receiver::{KEY, Receiver, Taken};
use crate::service::{PATIENCE, Service, Stage};

/// `fanmail events replay`, with what signs webhooks and lets them come to this machine.
fn replay(stage: &Stage, words: &[&str]) -> Command {
    let mut command = fanmail();
    command.args(["--json", "events", "replay", "--data"]).arg(&stage.data).args(words);
    command.env("WEBHOOK_SECRET", KEY).env("WEBHOOK_NETWORKS", "127.0.0.0/8");
    command
}

fn replayed(stage: &Stage, words: &[&str]) -> Ran {
    Ran::of(&replay(stage, words).output().unwrap())
}

/// Two mailboxes with so many messages each, announced.
async fn announced(each: usize) -> (Stage, Service, BTreeSet<String>) {
    let stage = Stage::set(2, &[]).await;
    let service = stage.serve().await;
    for person in 1..=2 {
        let email = Google::person(person);
        service.connect(&email).await;
        stage.state(&email, "connected").await;
        for number in 0..each {
            stage.google.deliver(&email, &letter(number)).await;
        }
    }
    stage.done(2 * each as u64).await;
    let ids = ids(&stage.events("message.processed"));
    assert_eq!(ids.len(), 2 * each);
    (stage, service, ids)
}

fn ids(events: &[Value]) -> BTreeSet<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// How often each event was taken, each of them signed.
fn times(taken: &[Taken]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for one in taken {
        let event = one.verified();
        assert_eq!(
            (&event["data"]["lane"], &event["data"]["replay"]),
            (&json!("replay"), &json!(true))
        );
        assert_eq!(event["id"], one.header("webhook-id"));
        assert_eq!(one.header("content-type"), "application/cloudevents+json");
        *times.entry(one.header("webhook-id")).or_default() += 1;
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_gets_back_what_it_has_missed_and_nobody_else_is_told() {
    let (stage, service, ids) = announced(10).await;
    service.stop().await;
    let asked = stage.google.calls("messages.get").await;
    let receiver = Receiver::start().await;
    let to = ["--announced-since", "1h", "--to", &receiver.address];

    let plan = replayed(&stage, &[&to[..], &["--dry-run", "--rate", "10/s"]].concat()).good();
    let [plan] = &plan.objects()[..] else { panic!("{plan:?}") };
    assert_eq!(plan["plan"], json!({ "rate": "10/s", "seconds": 2 }));
    assert_eq!(
        (&plan["summary"]["events"], &plan["summary"]["mailboxes"]),
        (&json!(20), &json!(2))
    );
    assert!(receiver.taken().is_empty());

    // One that is refused is tried again.
    receiver.refuse(1, 503);
    let told = replayed(&stage, &to).good();
    assert_eq!(told.objects()[0]["summary"], plan["summary"], "{told:?}");
    let times = times(&receiver.taken());
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    assert_eq!(times.keys().cloned().collect::<BTreeSet<_>>(), ids);
    assert_eq!(stage.events("message.processed").len(), 20);

    // Without a destination everybody is told.
    let user = stage.google.user(&Google::person(1)).await;
    replayed(&stage, &["--announced-since", "1h", "--user", &user]).good();
    let log = stage.events("message.processed");
    let again = log.iter().filter(|event| event["data"]["replay"] == true);
    assert!(log.len() == 30 && again.clone().count() == 10);
    assert!(again.clone().all(
        |event| event["data"]["userId"] == user && ids.contains(event["id"].as_str().unwrap())
    ));
    assert_eq!(stage.google.calls("messages.get").await, asked, "Gmail was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_stopped_or_killed_is_gone_on_with() {
    let (stage, service, ids) = announced(20).await;
    let receiver = Receiver::start().await;
    let to = ["--announced-since", "1h", "--to", &receiver.address];

    // The receiver wants no more; what it says is heeded at once, and where to go on is told.
    let limited = [&to[..], &["--rate", "1000/s"]].concat();
    receiver.refuse(1000, 410);
    let stopped = replayed(&stage, &limited);
    assert_eq!((stopped.code, stopped.out.as_str()), (Some(1), ""), "{}", stopped.err);
    stopped.says(&["not everything was announced again", "run it again as it was", "410"]);
    assert!(!stopped.err.contains(&receiver.address), "{}", stopped.err);
    receiver.refuse(0, 410);

    let mut killed = Process::start(
        replay(&stage, &[&to[..], &["--rate", "5/s"]].concat()),
        stage.room.path(),
        "replay",
    );
    wait_for("some events", PATIENCE, async || (receiver.taken().len() >= 10).then_some(())).await;
    killed.kill();
    let before = receiver.taken().len();
    assert!((10..40).contains(&before), "{before}");
    replayed(&stage, &limited).good();
    let all = times(&receiver.taken());
    assert_eq!(all.keys().cloned().collect::<BTreeSet<_>>(), ids);
    assert!(all.values().all(|times| *times <= 2), "{all:?}");

    // Behind a message that is known to be out.
    let taken = receiver.taken();
    let tenth = taken[taken.len() - 10].verified();
    let after = format!(
        "{}/{}",
        tenth["data"]["userId"].as_str().unwrap(),
        tenth["subject"].as_str().unwrap()
    );
    let rest = replayed(&stage, &[&limited[..], &["--after", &after]].concat()).good();
    let events = rest.objects()[0]["summary"]["events"].as_u64().unwrap();
    assert!((1..20).contains(&events), "{events} behind {after}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_announced_again_is_refused_with_what_to_do() {
    let (stage, service, _) = announced(1).await;
    service.stop().await;
    let receiver = Receiver::start().await;
    let since =
        |words: &[&str]| replayed(&stage, &[&["--announced-since", "1h"][..], words].concat());
    for (words, said) in [
        (
            &["--to", "kafka://example.com"][..],
            "scheme that is none of https, http and arn:aws:sqs",
        ),
        (&["--to", "consumer"], "neither an address nor an ARN"),
        (&["--to", "http://example.com/hook"], "the webhook is not https"),
        (&["--to", "https://10.0.0.1/hook"], "leads into a private network"),
        (&["--to", "https://sqs.eu-west-1.amazonaws.com/1/q"], "--backend aws --stack NAME"),
        (&["--to", "arn:aws:sqs:eu-west-1:1:q"], "--backend aws --stack NAME"),
        (&["--to", "arn:aws:sns:eu-west-1:1:q"], "not that of an SQS queue"),
        (&["--until", "2h"], "nothing lies between"),
        (&["--until", "1h"], "nothing lies between"),
        (&["--rate", "100"], "such as 100/s"),
        (&["--after", "here"], "USER/MESSAGE"),
        (&["--user", "1", "--after", "2/m"], "another mailbox than --user"),
    ] {
        since(words).bad_use(&[said]);
    }
    let future = ["--announced-since", "2099-01-01"];
    replayed(&stage, &future).bad_use(&["--announced-since", "lies in the future"]);
    beside(&stage.data, &["events", "--follow", "replay", "--announced-since", "1h"])
        .bad_use(&["--follow"]);
    let mut unsigned = replay(&stage, &["--announced-since", "1h", "--to", &receiver.address]);
    unsigned.env_remove("WEBHOOK_SECRET");
    Ran::of(&unsigned.output().unwrap()).bad_use(&["WEBHOOK_SECRET is not set"]);

    // A filter that matches nothing is no bad use; it says what there would have been.
    let user = stage.google.user(&Google::person(1)).await;
    let none = |words: &[&str], said: &[&str]| {
        let ran = replayed(&stage, words);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
        ran.says(said);
    };
    none(&["--announced-since", "1h", "--category", "bounce"], &["nothing is bounce; there is: "]);
    none(&["--announced-since", "1h", "--user", "1"], &["no mailbox with the userId 1"]);
    let past = ["--announced-since", "40d", "--until", "2h", "--user", &user];
    none(&past, &["Marks tell for 30 days", "after that, the first at", "0 messages of 0 were"]);
    assert!(receiver.taken().is_empty());
    assert_eq!(stage.events("message.processed").len(), 2);
}
