//! The stack of `infra/template.yaml`, deployed on a local AWS by the commands that the README gives, and what the
//! account's owner sees of it.

pub mod functions;
pub mod local_aws;
pub mod subscriber;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_cloudformation::Client as CloudFormation;
use aws_sdk_dynamodb::Client as Dynamo;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::Builder as S3Config;
use aws_sdk_secretsmanager::Client as SecretsManager;
use aws_sdk_sqs::config::Credentials;
use reqwest::header::HOST;
use serde_json::json;
use tempfile::TempDir;

use self::local_aws::{LocalAws, OWNER};
use crate::browser;
use crate::google::Google;
use crate::readme;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// How long the owner of a stack may have to wait for something: a schedule fires once a minute, and machines are busy.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// What the stack is called in the README.
pub const NAME: &str = "fanmail";

/// Real CloudFormation makes numbers of the texts that a template's parameters are; the local one leaves one of them as it
/// is, and its own pollers cannot count with that.
const NUMBERS_ARE_NUMBERS: &str = r#"
import boto3
functions = boto3.client("lambda")
for source in functions.list_event_source_mappings()["EventSourceMappings"]:
    concurrency = int(source["ScalingConfig"]["MaximumConcurrency"])
    functions.update_event_source_mapping(UUID=source["UUID"], ScalingConfig={"MaximumConcurrency": concurrency})
"#;

/// Prints what a log group holds.
const READ_LOG: &str = r#"
import boto3, sys
pages = boto3.client("logs").get_paginator("filter_log_events").paginate(logGroupName=sys.argv[1])
print("\n".join(event["message"] for page in pages for event in page["events"]))
"#;

/// Prints the end of every log group.
const READ_ALL_LOGS: &str = r#"
import boto3
logs = boto3.client("logs")
for group in logs.describe_log_groups()["logGroups"]:
    print("==", group["logGroupName"])
    events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    print("\n".join(event["message"].strip() for event in events[-40:]))
"#;

/// A row of a table.
pub type Row = std::collections::HashMap<String, AttributeValue>;

/// What is deployed.
pub struct Plan<'a> {
    /// `fanmail`, which is the simulated Google too.
    pub fanmail: Command,
    /// How many mailboxes that Google has.
    pub mailboxes: usize,
    /// The stack's parameters, beside the address of Google.
    pub parameters: &'a [(&'a str, &'a str)],
    /// Where the functions reach AWS, if not where it is.
    pub functions_reach: Option<&'a str>,
}

/// A deployed stack, and the simulated Google that it asks.
pub struct Stack {
    /// The Google.
    pub google: Google,
    /// The AWS.
    pub aws: LocalAws,
    outputs: BTreeMap<String, String>,
    room: TempDir,
}

impl Stack {
    /// Deploys it as a reader of the README would, with a Google of our own and short waits.
    pub async fn deploy(plan: Plan<'_>) -> Self {
        let room = TempDir::new().unwrap();
        let google = Google::start(plan.fanmail, room.path(), plan.mailboxes, &[]).await;
        let aws = LocalAws::start(room.path(), plan.functions_reach).await;
        let of_google = ("GoogleBaseUrl", google.origin.as_str());
        let parameters: Vec<_> = plan.parameters.iter().copied().chain([of_google]).collect();
        run_readme(room.path(), &aws.endpoint, &parameters);
        let mut stack = Self { google, aws, outputs: BTreeMap::new(), room };
        stack.outputs = stack.read_outputs().await;
        stack.python(NUMBERS_ARE_NUMBERS, &[]);
        stack
    }

    /// Where logs go.
    pub fn room(&self) -> &Path {
        self.room.path()
    }

    /// A configuration with the owner's key.
    pub async fn owner(&self) -> SdkConfig {
        let [(_, id), (_, secret), ..] = OWNER;
        self.with(Credentials::new(id, secret, None, None, "owner")).await
    }

    /// A configuration with somebody else's credentials.
    pub async fn with(&self, credentials: Credentials) -> SdkConfig {
        shared::aws::defaults()
            .endpoint_url(&self.aws.endpoint)
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .load()
            .await
    }

    /// An output, by its name.
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("no output {name}: {:?}", self.outputs))
    }

    async fn read_outputs(&self) -> BTreeMap<String, String> {
        let client = CloudFormation::new(&self.owner().await);
        let told = client.describe_stacks().stack_name(NAME).send().await.unwrap();
        let outputs = told.stacks().first().unwrap().outputs().iter();
        let pair = |name: Option<&str>, value: Option<&str>| Some((name?.into(), value?.into()));
        outputs.filter_map(|output| pair(output.output_key(), output.output_value())).collect()
    }

    /// The README's next step: what its reader puts into the secret.
    pub async fn put_secret(&self) {
        let value = |wanted: &str| {
            let mut settings = self.google.settings.iter();
            settings.find(|(name, _)| name == wanted).unwrap().1.clone()
        };
        let secret = json!({
            "GOOGLE_CLIENT_ID": value("GOOGLE_CLIENT_ID"),
            "GOOGLE_CLIENT_SECRET": value("GOOGLE_CLIENT_SECRET"),
        });
        let client = SecretsManager::new(&self.owner().await);
        let put = client.put_secret_value().secret_id(self.output("GoogleSecretId"));
        put.secret_string(secret.to_string()).send().await.unwrap();
    }

    /// What AWS calls the resource with this name in the template.
    pub async fn resource(&self, name: &str) -> String {
        let client = CloudFormation::new(&self.owner().await);
        let describe = client.describe_stack_resource().stack_name(NAME).logical_resource_id(name);
        let told = describe.send().await.unwrap().stack_resource_detail.unwrap();
        told.physical_resource_id.unwrap()
    }

    /// What a function has logged, by the name of its log group in the template.
    pub async fn log(&self, group: &str) -> String {
        self.python(READ_LOG, &[&self.resource(group).await])
    }

    /// Does what AWS's client for Python can, which comes with the SAM CLI, with the owner's key. What it prints.
    pub fn python(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(tool("sam", "python"));
        command.args(["-c", program]).args(arguments).envs(OWNER);
        let ran = command.env("AWS_ENDPOINT_URL", &self.aws.endpoint).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// Connects the mailbox of `email` through API Gateway.
    pub async fn connect(&self, email: &str) {
        let ours = |client: &reqwest::Client, address: reqwest::Url| self.visit(client, &address);
        let page = browser::connect_through(ours, self.output("ConnectUrl"), email).await;
        assert!(page.contains("you may close this window"), "{page}");
    }

    /// Asks API Gateway, whose addresses lead to AWS, where it is here.
    pub fn visit(
        &self,
        client: &reqwest::Client,
        address: &reqwest::Url,
    ) -> reqwest::RequestBuilder {
        let api = address.host_str().unwrap().split('.').next().unwrap();
        let port = self.aws.endpoint.rsplit(':').next().unwrap();
        let mut here: reqwest::Url = self.aws.endpoint.parse().unwrap();
        here.set_path(address.path());
        here.set_query(address.query());
        client.get(here).header(HOST, format!("{api}.execute-api.localhost:{port}"))
    }

    /// The row of the mailbox of `email`.
    pub async fn mailbox(&self, email: &str) -> Row {
        let user = AttributeValue::S(self.google.user(email).await);
        let client = Dynamo::new(&self.owner().await);
        let get = client.get_item().table_name(self.output("DynamoTableName"));
        let got = get.key("userId", user).consistent_read(true).send().await.unwrap();
        got.item.unwrap_or_default()
    }

    /// All dead letters.
    pub async fn dead_letters(&self) -> Vec<Row> {
        let client = Dynamo::new(&self.owner().await);
        let scan = client.scan().table_name(self.output("DeadLettersTable")).consistent_read(true);
        scan.send().await.unwrap().items.unwrap_or_default()
    }

    /// All keys of the bucket that begin with `prefix`.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let config = S3Config::from(&self.owner().await).force_path_style(true).build();
        let client = S3::from_conf(config);
        let list = client.list_objects_v2().bucket(self.output("ResultsBucket")).prefix(prefix);
        let listed = list.send().await.unwrap().contents.unwrap_or_default();
        listed.into_iter().filter_map(|object| object.key).collect()
    }
}

impl Drop for Stack {
    /// Whoever looks into a failure begins with what the functions said.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.python(READ_ALL_LOGS, &[]));
        }
    }
}

/// One stack is deployed at a time: each builds the functions first, into the same folder.
static BUILDING: Mutex<()> = Mutex::new(());

/// Runs the commands of the README's part on AWS, with the local endpoint, the owner's key and these parameters.
fn run_readme(room: &Path, endpoint: &str, parameters: &[(&str, &str)]) {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("'ParameterKey={name},ParameterValue=\"{value}\"'"))
        .collect();
    let deploy = readme::block("sam deploy")
        .replace("sam deploy", &format!("sam deploy --parameter-overrides {}", pairs.join(" ")));
    let mut command = Command::new("bash");
    command.args(["-euc", &deploy]).current_dir(REPOSITORY).envs(OWNER);
    command.env("AWS_ENDPOINT_URL", endpoint).env("SAM_CLI_TELEMETRY", "0");
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    // What whoever runs this has set up for AWS is none of the stack's business, and the other way round.
    command
        .env("AWS_CONFIG_FILE", room.join("none"))
        .env("AWS_SHARED_CREDENTIALS_FILE", room.join("none"));
    command.env("__SAM_CLI_APP_DIR", room);
    command.env("PATH", path_with(&tool("sam", "sam")));
    let ran = command.output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ran.status.success(), "{deploy}\n{}\n{}", said(&ran.stdout), said(&ran.stderr));
}

/// The search path of this process, with the folder of `program` before it.
#[expect(
    clippy::disallowed_methods,
    reason = "a command of the README runs as in its reader's shell"
)]
fn path_with(program: &Path) -> String {
    let folder: PathBuf = program.parent().unwrap().into();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

/// A program that `./test` has set up.
pub fn tool(environment: &str, program: &str) -> PathBuf {
    let path = PathBuf::from(format!("{REPOSITORY}/target/tools/{environment}/bin/{program}"));
    assert!(path.exists(), "{} is not there: run ./test, which sets it up", path.display());
    path
}
