//! What is our own fault: named by action and resource, and nobody's mail is parked for it.

use tests::deployed::{PATIENCE, Stack};
use tests::google::{Google, letter};
use tests::patience::wait_for;

use super::Story;

/// Forbids a role an action, or allows it again.
const FORBID: &str = r#"
import boto3, json, sys
role, action = sys.argv[1:]
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
boto3.client("iam").put_role_policy(RoleName=role, PolicyName="forbidden", PolicyDocument=json.dumps(policy))
"#;
const ALLOW: &str = r#"
import boto3, sys
boto3.client("iam").delete_role_policy(RoleName=sys.argv[1], PolicyName="forbidden")
"#;

/// Before the README's second step the secret is there and empty.
pub(super) async fn a_door_whose_secret_is_empty_says_so(stack: &Stack) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let address = stack.output("ConnectUrl").parse().unwrap();
    let answer = stack.visit(&client, &address).send().await.unwrap();
    let (status, page) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_server_error(), "{status} {page}");
    assert!(!page.contains("secret"), "what is missing is no visitor's business: {page}");
    said(stack, "OauthCallbackLog", &["ERROR", stack.output("GoogleSecretId")]).await;
    assert!(!stack.log("OauthCallbackLog").await.contains("AccessDenied"), "it may be read");
    println!("  a door whose secret is empty names it in the log");
}

impl Story {
    /// A permission that is taken away stops mail and loses none.
    pub(super) async fn a_missing_permission_is_named_and_parks_nothing(&self, number: usize) {
        let parked = self.stack.dead_letters().await.len();
        let role = self.stack.resource("MessageProcessorRole").await;
        self.stack.python(FORBID, &[&role, "sns:Publish"]);
        let id = self.stack.google.deliver(&Google::person(number), &letter(60 + number)).await;
        let topic = self.stack.output("EventsTopicArn");
        said(
            &self.stack,
            "MessageProcessorLog",
            &["in need of its operator", "sns:Publish", topic],
        )
        .await;
        assert_eq!(self.stack.dead_letters().await.len(), parked);
        self.stack.python(ALLOW, &[&role]);
        self.arrived(&[id]).await;
        assert_eq!(self.stack.dead_letters().await.len(), parked);
        println!("  a missing permission was named, and nothing was parked for it");
    }
}

/// Waits for a line with all these words in a function's log.
async fn said(stack: &Stack, log: &str, words: &[&str]) {
    wait_for(&format!("a line about {words:?}"), PATIENCE, async || {
        let log = stack.log(log).await;
        let says = |line: &str| words.iter().all(|word| line.contains(word));
        log.lines().any(says).then_some(())
    })
    .await;
}
