//! The person on call, on the stack: three causes, found in a minute, one of them sent round, and then the rest.

use std::time::Instant;

use serde_json::{Value, json};
use tests::deployed::PATIENCE;
use tests::google::{Google, letter};
use tests::patience::wait_for;

use super::Story;

/// What goes wrong at Google, for whom, and as what it shows.
const CAUSES: [(usize, &str, &str); 3] = [
    (1, "badRequest", "client_fault"),
    (2, "dailyLimitExceeded", "quota"),
    (4, "forbidden", "google_fault"),
];

impl Story {
    /// Each person's mail fails in a way of its own; the last person's in two jobs.
    pub(super) async fn three_causes_are_found_and_sent_round_one_by_one(&self) {
        let mut broken: Vec<Vec<String>> = Vec::new();
        for (number, kind, reason) in CAUSES {
            let email = Google::person(number);
            let fault = json!({"email": email, "method": "messages.get", "kind": kind});
            self.stack.google.fail(fault).await;
            let id = self.stack.google.deliver(&email, &letter(70 + number)).await;
            self.parked(reason, 1).await;
            broken.push(vec![id]);
        }
        let email = Google::person(4);
        broken[2].push(self.stack.google.deliver(&email, &letter(80)).await);
        self.parked("google_fault", 2).await;
        self.stack.google.heal().await;

        let groups = self.timed("dead-letters groups");
        let mut found: Vec<_> =
            groups.iter().map(|it| (it["reason"].clone(), it["letters"].clone())).collect();
        found.sort_by_key(|(reason, _)| reason.to_string());
        let expected = [("client_fault", 1), ("google_fault", 2), ("quota", 1)];
        assert_eq!(found, expected.map(|(reason, letters)| (json!(reason), json!(letters))));
        self.typed("dead-letters explain google_fault");
        let plan = self.timed("dead-letters replay --reason google_fault --dry-run").remove(0);
        assert_eq!((&plan["letters"], &plan["units"]), (&json!(2), &json!(40)), "{plan}");

        let order = self.timed("dead-letters replay --reason google_fault").remove(0);
        assert_eq!(order["counts"]["letters"], 2, "{order}");
        self.arrived(&broken[2]).await;
        assert_eq!(self.typed("dead-letters list --state parked").objects().len(), 2);
        let order = self.timed("dead-letters replay --all").remove(0);
        assert_eq!(order["counts"]["letters"], 2, "{order}");
        self.arrived(&broken[0]).await;
        self.arrived(&broken[1]).await;
        wait_for("four resolved letters", PATIENCE, async || {
            let parked = self.typed("dead-letters list --state parked").objects();
            let replaying = self.typed("dead-letters list --state replaying").objects();
            (parked.is_empty() && replaying.is_empty()).then_some(())
        })
        .await;
        let told = self.mail.told().await;
        for message in broken.iter().flatten() {
            let events: Vec<_> =
                told.iter().filter(|event| event["subject"] == **message).collect();
            assert!(events.iter().all(|event| event["data"]["replay"] == true), "{events:?}");
        }
        let log = self.timed("dead-letters log");
        assert!(log.len() >= 2 && log[0]["ended"]["how"] == "finished", "{log:?}");
        self.nothing_is_missing().await;
        println!("  three causes were found, and sent round one by one");
    }

    /// Each of these commands ends with 1 where something is missing.
    async fn nothing_is_missing(&self) {
        let summary = self.timed("audit").pop().unwrap();
        assert_eq!(summary["summary"]["messages"]["listed"], 0, "{summary}");
        // Gmail is asked by the user-worker, with the rights that it has.
        let user = self.stack.google.user(&Google::person(1)).await;
        let compared = self.timed(&format!("audit --deep {user}")).pop().unwrap();
        assert_eq!(compared["summary"]["gmailNotAsked"], Value::Null, "{compared}");
        let plan = self.timed("events replay --announced-since 1h --dry-run").pop().unwrap();
        assert!(plan["summary"]["events"].as_u64().is_some_and(|events| events > 0), "{plan}");
        self.timed("accounts silent");
    }

    /// Waits until so many letters of this reason are parked.
    async fn parked(&self, reason: &str, count: usize) {
        let list = format!("dead-letters list --state parked --reason {reason}");
        wait_for(&format!("{count} letters of {reason}"), PATIENCE, async || {
            (self.typed(&list).objects().len() == count).then_some(())
        })
        .await;
    }

    /// A command's objects, and how long it took, for whoever reads the test's output.
    #[expect(clippy::disallowed_methods, reason = "a command is timed")]
    fn timed(&self, words: &str) -> Vec<Value> {
        let began = Instant::now();
        let objects = self.typed(words).objects();
        println!("  {:>6} ms: fanmail {words}", began.elapsed().as_millis());
        objects
    }
}
