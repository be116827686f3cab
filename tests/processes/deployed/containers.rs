//! `fanmail worker`: the stages in processes of their own, beside no functions.

use std::path::Path;
use std::process::Command;

use aws_sdk_lambda::Client as Lambda;

use tests::deployed::NAME;
use tests::google::{Google, letter};
use tests::process::Process;

use super::Story;

const WORKERS: [&str; 4] =
    ["dispatcher --every 2s", "user-worker", "message-processor --consumers 2", "dead-letter"];

impl Story {
    /// The queues feed functions no more; mail still comes, and workers end politely.
    pub(super) async fn containers_take_over_from_functions(&self) {
        self.functions_take_no_more_jobs().await;
        let room = self.stack.room();
        let mut workers: Vec<_> = WORKERS.iter().map(|words| self.worker(words, room)).collect();
        let mut delivered = Vec::new();
        for number in 1..=3 {
            let raw = letter(50 + number);
            delivered.push(self.stack.google.deliver(&Google::person(number), &raw).await);
        }
        self.arrived(&delivered).await;
        for worker in &mut workers {
            worker.signal("TERM");
        }
        for worker in &mut workers {
            assert_eq!(worker.ended().await.code(), Some(0), "{}", worker.err());
            assert!(worker.err().lines().all(|line| line.starts_with('{')), "{}", worker.err());
        }
        println!("  workers took over from functions, and ended when told to");
    }

    fn worker(&self, words: &str, room: &Path) -> Process {
        let mut command: Command = self.fanmail();
        command.args(["worker", "--stack", NAME]).args(words.split_whitespace());
        command.envs([("POLL_INTERVAL_MIN", "5s"), ("POLL_INTERVAL_MAX", "5s")]);
        command.env("GOOGLE_BASE_URL", &self.stack.google.origin);
        Process::start(command, room, words.split_whitespace().next().unwrap())
    }

    async fn functions_take_no_more_jobs(&self) {
        let lambda = Lambda::new(&self.stack.owner().await);
        let listed = lambda.list_event_source_mappings().send().await.unwrap();
        let ours = listed.event_source_mappings();
        assert_eq!(ours.len(), 4, "one for each queue");
        for mapping in ours {
            let update = lambda.update_event_source_mapping().uuid(mapping.uuid().unwrap());
            update.enabled(false).send().await.unwrap();
        }
    }
}
