//! What no function may do, tried with its own credentials. The same call succeeds with the owner's.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as Dynamo;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::Client as Kms;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::Builder as S3Config;
use aws_sdk_secretsmanager::Client as SecretsManager;
use aws_sdk_sns::Client as Sns;
use aws_sdk_sqs::Client as Sqs;
use tests::deployed::functions::processes;
use tests::deployed::{NAME, Stack};

/// A call that must be refused.
#[derive(Debug, Clone, Copy)]
enum Call {
    /// Opens a data key of the KMS key with this output's name.
    Open(&'static str),
    /// Makes a data key of it.
    Seal(&'static str),
    /// Reads the secret with this output's name.
    ReadSecret(&'static str),
    /// Reads every row of the table with this output's name.
    Scan(&'static str),
    /// Deletes a row of the mailboxes' table that is not there.
    DeleteMailbox,
    /// Takes jobs from the queue with this output's name.
    Receive(&'static str),
    /// Reads somebody's mail.
    ReadMail,
    /// Announces something.
    Announce,
}

use Call::{Announce, DeleteMailbox, Open, ReadMail, ReadSecret, Receive, Scan, Seal};

/// By function.
const REFUSED: [(&str, &[Call]); 5] = [
    (
        "dispatcher",
        &[
            Open("RefreshKeyId"),
            Open("AccessKeyId"),
            ReadSecret("GoogleSecretId"),
            ReadMail,
            DeleteMailbox,
            Receive("UserJobsQueue"),
        ],
    ),
    (
        "user-worker",
        &[
            ReadMail,
            ReadSecret("WebSecretId"),
            Scan("DynamoTableName"),
            DeleteMailbox,
            Receive("MessageJobsQueue"),
        ],
    ),
    (
        "message-processor",
        &[
            Open("RefreshKeyId"),
            Seal("RefreshKeyId"),
            Seal("AccessKeyId"),
            ReadSecret("GoogleSecretId"),
            Scan("DynamoTableName"),
            Receive("UserJobsQueue"),
        ],
    ),
    (
        "dead-letter",
        &[
            Open("RefreshKeyId"),
            Open("AccessKeyId"),
            ReadSecret("GoogleSecretId"),
            ReadMail,
            Receive("MessageJobsQueue"),
        ],
    ),
    (
        "oauth-callback",
        &[
            Open("RefreshKeyId"),
            Open("AccessKeyId"),
            Scan("DynamoTableName"),
            ReadMail,
            Announce,
            Receive("UserJobsQueue"),
        ],
    ),
];

/// Makes every call, twice. Each function must have run.
pub(super) async fn all(stack: &Stack) {
    let owner = stack.owner().await;
    let tried = Tried { stack, mail: stack.keys("raw/").await.pop().unwrap() };
    for (function, calls) in REFUSED {
        let running = processes(&format!("{NAME}-{function}"), &stack.aws.endpoint);
        let running = running.first().unwrap_or_else(|| panic!("{function} has not run"));
        let own = stack.with(running.credentials()).await;
        for call in calls {
            let granted = tried.make(*call, &owner).await;
            assert_eq!(granted, Ok(()), "{call:?} as the owner");
            let refused = tried.make(*call, &own).await;
            let code = refused.expect_err(&format!("{function} may {call:?}"));
            assert!(code.contains("AccessDenied") || code.contains("Authorization"), "{code}");
        }
        println!("  {function}: {} calls refused", calls.len());
    }
}

struct Tried<'a> {
    stack: &'a Stack,
    mail: String,
}

/// Whether it was granted; otherwise the error's code.
fn granted<T, E: ProvideErrorMetadata>(answer: Result<T, E>) -> Result<(), String> {
    answer.map(drop).map_err(|error| error.code().unwrap_or("no code").to_owned())
}

impl Tried<'_> {
    async fn make(&self, call: Call, config: &SdkConfig) -> Result<(), String> {
        let named = |output| self.stack.output(output);
        match call {
            Open(key) => {
                let sealed = self.sealed(key).await;
                let decrypt = Kms::new(config).decrypt().key_id(named(key));
                granted(decrypt.ciphertext_blob(sealed).send().await)
            }
            Seal(key) => {
                let make = Kms::new(config).generate_data_key().key_id(named(key));
                granted(make.key_spec(DataKeySpec::Aes256).send().await)
            }
            ReadSecret(secret) => {
                let client = SecretsManager::new(config);
                granted(client.get_secret_value().secret_id(named(secret)).send().await)
            }
            Scan(table) => {
                granted(Dynamo::new(config).scan().table_name(named(table)).send().await)
            }
            DeleteMailbox => {
                let delete = Dynamo::new(config).delete_item().table_name(named("DynamoTableName"));
                let nobody = AttributeValue::S("nobody".into());
                granted(delete.key("userId", nobody).send().await)
            }
            Receive(queue) => {
                let receive = Sqs::new(config).receive_message().queue_url(named(queue));
                granted(receive.visibility_timeout(0).send().await)
            }
            ReadMail => {
                let config = S3Config::from(config).force_path_style(true).build();
                let get = S3::from_conf(config).get_object().bucket(named("ResultsBucket"));
                granted(get.key(&self.mail).send().await)
            }
            Announce => {
                let publish = Sns::new(config).publish().topic_arn(named("EventsTopicArn"));
                granted(publish.message("{}").send().await)
            }
        }
    }

    /// A data key as the pipeline stores them.
    async fn sealed(&self, key: &str) -> Blob {
        let make = Kms::new(&self.stack.owner().await).generate_data_key();
        let make = make.key_id(self.stack.output(key)).key_spec(DataKeySpec::Aes256);
        make.send().await.unwrap().ciphertext_blob.unwrap()
    }
}
