//! `fanmail --backend aws --stack NAME`, typed by the account's owner.

use std::process::Command;

use serde_json::Value;

use tests::deployed::local_aws::OWNER;
use tests::deployed::{NAME, PATIENCE, Stack};
use tests::google::{Google, letter};
use tests::patience::wait_for;

use super::{PEOPLE, Story};
use crate::command::{Ran, fanmail};

/// `fanmail` in the shell of the account's owner.
fn owners(stack: &Stack) -> Command {
    let mut command = fanmail();
    command.envs(OWNER).env("AWS_ENDPOINT_URL", &stack.aws.endpoint);
    command
}

/// What these words come to, typed by the account's owner.
pub(super) fn typed(stack: &Stack, words: &str) -> Ran {
    let mut command = owners(stack);
    command.args(["--json", "--backend", "aws", "--stack", NAME]);
    Ran::of(&command.args(words.split_whitespace()).output().unwrap()).good()
}

impl Story {
    pub(super) fn fanmail(&self) -> Command {
        owners(&self.stack)
    }

    pub(super) fn typed(&self, words: &str) -> Ran {
        typed(&self.stack, words)
    }

    /// The commands of one machine, on the stack; what needs a token is done by the user-worker.
    pub(super) async fn a_person_at_the_keyboard_sees_and_steers_it(&self) {
        let accounts = self.typed("accounts list").objects();
        assert_eq!(accounts.len(), PEOPLE);
        assert!(accounts.iter().all(|account| account["state"] == "connected"), "{accounts:?}");
        let results = self.typed("results list --limit 1000").objects();
        assert_eq!(results.len(), 2 * PEOPLE + 2);
        self.a_poisoned_job_is_given_up();
        self.keys_are_rotated();
        self.a_paused_mailbox_goes_on_when_it_is_resumed(4).await;
        self.a_mailbox_is_purged(5).await;
        println!("  a person at the keyboard saw and steered it");
    }

    fn a_poisoned_job_is_given_up(&self) {
        let parked = self.typed("dead-letters list --state parked").objects();
        let [poisoned] = parked.as_slice() else { panic!("{parked:?}") };
        let job = poisoned["jobId"].as_str().unwrap();
        self.typed(&format!("dead-letters discard {job}"));
        assert_eq!(self.typed("dead-letters list --state parked").objects(), [Value::Null; 0]);
    }

    /// What follows opens tokens that were sealed anew.
    fn keys_are_rotated(&self) {
        let rotated = self.typed("keys rotate").objects();
        let [rotated] = rotated.as_slice() else { panic!("{rotated:?}") };
        assert_eq!(rotated["resealed"], PEOPLE, "{rotated}");
        assert_eq!(rotated["unopened"], Value::Array(Vec::new()), "{rotated}");
        let since = rotated["since"].as_str().unwrap();
        let keys = self.typed("keys list").objects();
        let needed = keys.iter().filter(|key| key["refreshTokens"] != 0);
        assert!(needed.clone().all(|key| key["made"].as_str().unwrap() >= since), "{keys:?}");
        assert_eq!(
            needed.map(|key| key["refreshTokens"].as_u64().unwrap()).sum::<u64>(),
            PEOPLE as u64
        );
    }

    async fn a_paused_mailbox_goes_on_when_it_is_resumed(&self, number: usize) {
        let email = Google::person(number);
        let user = self.stack.google.user(&email).await;
        self.typed(&format!("accounts pause {user}"));
        let id = self.stack.google.deliver(&email, &letter(40 + number)).await;
        self.typed(&format!("accounts resume {user}"));
        self.typed(&format!("accounts sync {user}"));
        self.arrived(&[id]).await;
    }

    async fn a_mailbox_is_purged(&self, number: usize) {
        let user = self.stack.google.user(&Google::person(number)).await;
        let list = format!("results list --user {user}");
        assert!(!self.typed(&list).objects().is_empty(), "there is something to delete");
        self.typed(&format!("accounts disconnect {user} --purge"));
        // The first pass, with the rights that the function has.
        wait_for("the end of a connection", PATIENCE, async || {
            let account = self.typed(&format!("accounts show {user}")).objects().remove(0);
            let owed = &account["owed"]["disconnect"];
            (account["state"] == "disconnected" && owed["purge"]["againAt"].is_string())
                .then_some(())
        })
        .await;
        assert!(self.typed(&list).objects().is_empty());
    }
}
