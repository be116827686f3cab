//! A deployed stack: its resources by their names in the environment.
//!
//! A stage asks for what it needs, and only that is read: a function that seals nothing has no key's name in its
//! environment. What is missing or wrong is left in the [`Env`], to be told with all the rest. Nothing here sends a
//! request; a resource that is named and not there shows when it is first used.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::SdkConfig;

use super::google_client::{SecretAccount, SecretClient};
use super::s3_file::S3File;
use super::secrets::Secrets;
use super::webhook_keys::SecretWebhookKeys;
use crate::archive::s3::S3Archive;
use crate::clock::{Chance, Clock};
use crate::events::sns::SnsEvents;
use crate::index::Index;
use crate::intake::Intake;
use crate::ledger::StageName;
use crate::ledger::dynamodb::{DynamoLedger, Tables};
#[cfg(feature = "ses")]
use crate::mailer::ses::SesMailer;
#[cfg(feature = "ses")]
use crate::mailer::{Mailer, Notify, Sender};
use crate::queue::Queue;
use crate::queue::sqs::SqsQueue;
use crate::replay::Replay;
use crate::sealing::kms::{KmsSealing, SealingKeys};
use crate::settings::{Env, RulesFile, Settings};

/// The resources of one stack, made as they are asked for.
pub struct Stack<'s, 'e> {
    /// Where the names come from, and where what is wrong with them is left.
    pub env: &'s mut Env<'e>,
    /// What the stages may be set to do.
    pub settings: Settings,
    /// Where `now` comes from.
    pub clock: Clock,
    /// For jitter and names.
    pub chance: Chance,
    config: &'s SdkConfig,
    ledger: Option<Arc<DynamoLedger>>,
    queues: BTreeMap<&'static str, Arc<SqsQueue>>,
}

impl<'s, 'e> Stack<'s, 'e> {
    /// The stack that `env` names.
    pub fn new(env: &'s mut Env<'e>, config: &'s SdkConfig) -> Self {
        let settings = Settings::read(env);
        if let Some(Err(what)) = settings.rules_file.as_ref().map(RulesFile::on_a_stack) {
            // Said by every function, for none would heed it.
            env.wrong("RULES_FILE", what);
        }
        let (clock, chance) = (Clock::System, Chance::system());
        Self { env, settings, clock, chance, config, ledger: None, queues: BTreeMap::new() }
    }

    /// The four tables, through one client.
    pub fn ledger(&mut self) -> Arc<DynamoLedger> {
        let (env, config) = (&mut *self.env, self.config);
        let open = || Arc::new(DynamoLedger::new(config, Tables::read(env)));
        self.ledger.get_or_insert_with(open).clone()
    }

    /// The index of results in `RESULTS_INDEX_TABLE`; `None` where `RESULTS_INDEX` is off, and there is no such table.
    pub fn index(&mut self) -> Option<Arc<dyn Index>> {
        if !self.settings.results_index {
            return None;
        }
        Some(self.ledger())
    }

    /// `USER_JOBS_QUEUE`.
    pub fn user_jobs(&mut self) -> Arc<SqsQueue> {
        self.queue("USER_JOBS_QUEUE")
    }

    /// `MESSAGE_JOBS_QUEUE`.
    pub fn message_jobs(&mut self) -> Arc<SqsQueue> {
        self.queue("MESSAGE_JOBS_QUEUE")
    }

    /// `USER_JOBS_DLQ`.
    pub fn dead_user_jobs(&mut self) -> Arc<SqsQueue> {
        self.queue("USER_JOBS_DLQ")
    }

    /// `MESSAGE_JOBS_DLQ`.
    pub fn dead_message_jobs(&mut self) -> Arc<SqsQueue> {
        self.queue("MESSAGE_JOBS_DLQ")
    }

    /// Both dead-letter queues, to be told apart by name.
    pub fn dead_queues(&mut self) -> DeadQueues {
        let user_jobs = queue_url(self.env, "USER_JOBS_DLQ");
        let message_jobs = queue_url(self.env, "MESSAGE_JOBS_DLQ");
        DeadQueues { user_jobs, message_jobs }
    }

    /// `RESULTS_BUCKET`.
    pub fn archive(&mut self) -> Arc<S3Archive> {
        Arc::new(S3Archive::new(self.config, self.env.required("RESULTS_BUCKET")))
    }

    /// `RULES_FILE`, where it is set.
    pub fn rules_file(&mut self) -> Option<S3File> {
        let address = self.settings.rules_file.as_ref()?.on_a_stack().ok()?;
        Some(S3File::new(self.config, address.clone()))
    }

    /// `EVENTS_TOPIC_ARN`.
    pub fn events(&mut self) -> Arc<SnsEvents> {
        Arc::new(SnsEvents::new(self.config, self.env.required("EVENTS_TOPIC_ARN")))
    }

    /// Sealing for the user-worker, which opens both kinds of token: `REFRESH_KEY_ID` and `ACCESS_KEY_ID`.
    pub fn sealing(&mut self) -> Arc<KmsSealing> {
        let (refresh, access) =
            (self.env.required("REFRESH_KEY_ID"), self.env.required("ACCESS_KEY_ID"));
        self.keys(SealingKeys { refresh, access })
    }

    /// Sealing of refresh tokens alone: `REFRESH_KEY_ID`.
    pub fn refresh_sealing(&mut self) -> Arc<KmsSealing> {
        let refresh = self.env.required("REFRESH_KEY_ID");
        self.keys(SealingKeys { refresh, access: String::new() })
    }

    /// Sealing of access tokens alone: `ACCESS_KEY_ID`.
    pub fn access_sealing(&mut self) -> Arc<KmsSealing> {
        let access = self.env.required("ACCESS_KEY_ID");
        self.keys(SealingKeys { refresh: String::new(), access })
    }

    /// Our OAuth client, whose credentials are in the secret `GOOGLE_SECRET_ID`.
    pub fn google_client(&mut self) -> Arc<SecretClient> {
        let secret_id = self.env.required("GOOGLE_SECRET_ID");
        Arc::new(SecretClient::new(self.secrets(), secret_id, self.clock.clone()))
    }

    /// Our service account, whose key is in the secret `WORKSPACE_KEY`; `None` where that is not set.
    pub fn service_account(&mut self) -> Option<Arc<SecretAccount>> {
        let secret_id = self.env.text("WORKSPACE_KEY")?;
        Some(Arc::new(SecretAccount::new(self.secrets(), secret_id, self.clock.clone())))
    }

    /// The keys for webhooks, which are in the secret `WEBHOOK_SECRET_ID`; `None` where that is not set.
    pub fn webhook_keys(&mut self) -> Option<Arc<SecretWebhookKeys>> {
        let secret_id = self.env.text("WEBHOOK_SECRET_ID")?;
        Some(Arc::new(SecretWebhookKeys::new(self.secrets(), secret_id, self.clock.clone())))
    }

    /// Reads the secrets of this account.
    pub fn secrets(&self) -> Secrets {
        Secrets::new(self.config)
    }

    /// SES, unless `NOTIFY` is off: mail goes out from `NOTIFY_FROM`.
    #[cfg(feature = "ses")]
    pub fn mailer(&mut self) -> Option<Arc<dyn Mailer>> {
        match Notify::read(self.env) {
            Notify::Off => None,
            Notify::Ses => {
                let sender = Sender::read(self.env)?;
                Some(Arc::new(SesMailer::new(self.config, sender)))
            }
            Notify::Smtp => {
                self.env.wrong("NOTIFY", "smtp is for one machine; a stack sends by ses");
                None
            }
        }
    }

    /// What a stage takes its jobs through: its queue, and where its dead letters go.
    pub fn intake(&mut self, stage: StageName) -> Intake {
        let (queue, dead_letters): (Arc<dyn Queue>, Arc<dyn Queue>) = match stage {
            StageName::UserWorker => (self.user_jobs(), self.dead_user_jobs()),
            StageName::MessageProcessor => (self.message_jobs(), self.dead_message_jobs()),
        };
        let (clock, chance) = (self.clock.clone(), self.chance.clone());
        let retry_base = self.settings.retry_base;
        Intake { queue, dead_letters, stage, clock, chance, retry_base }
    }

    /// What sends dead letters round again.
    pub fn replay(&mut self) -> Replay {
        let ledger = self.ledger();
        Replay {
            mailboxes: ledger.clone(),
            marks: ledger.clone(),
            letters: ledger,
            user_jobs: self.user_jobs(),
            message_jobs: self.message_jobs(),
            pacing: self.settings.pacing,
        }
    }

    /// The next run of the function that this is, by the name that Lambda gives it.
    #[cfg(feature = "lambda")]
    pub fn next_run(&mut self) -> crate::lambda::NextRun {
        let function = self.env.required("AWS_LAMBDA_FUNCTION_NAME");
        crate::lambda::NextRun::new(self.config, function)
    }

    fn queue(&mut self, name: &'static str) -> Arc<SqsQueue> {
        let (env, config, clock) = (&mut *self.env, self.config, &self.clock);
        let open = || Arc::new(SqsQueue::new(config, queue_url(env, name), clock.clone()));
        self.queues.entry(name).or_insert_with(open).clone()
    }

    fn keys(&self, keys: SealingKeys) -> Arc<KmsSealing> {
        Arc::new(KmsSealing::new(self.config, keys, self.clock.clone(), self.chance.clone()))
    }
}

/// The URLs of both dead-letter queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadQueues {
    /// `USER_JOBS_DLQ`.
    pub user_jobs: String,
    /// `MESSAGE_JOBS_DLQ`.
    pub message_jobs: String,
}

impl DeadQueues {
    /// The stage whose dead letters the queue with this ARN holds. ARN and URL end in the queue's name.
    pub fn stage_of(&self, arn: &str) -> Option<StageName> {
        let name = arn.rsplit(':').next().filter(|name| !name.is_empty())?;
        let is = |url: &str| url.rsplit('/').next() == Some(name);
        match (is(&self.user_jobs), is(&self.message_jobs)) {
            (true, _) => Some(StageName::UserWorker),
            (false, true) => Some(StageName::MessageProcessor),
            (false, false) => None,
        }
    }
}

/// The URL that SQS names a queue by: a queue's bare name would be sent as it is, and refused job by job.
fn queue_url(env: &mut Env<'_>, name: &'static str) -> String {
    let url = env.required(name);
    let address = url::Url::parse(&url).ok();
    let is_url = address.is_some_and(|url| matches!(url.scheme(), "https" | "http"));
    if !is_url && !url.is_empty() {
        env.wrong(name, format!("'{url}' is no URL of a queue"));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(names: &[(&str, &str)], ask: impl Fn(&mut Stack<'_, '_>)) -> String {
        let lookup = |name: &str| {
            names.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let mut env = Env::new(&lookup);
        let config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
            .build();
        ask(&mut Stack::new(&mut env, &config));
        env.finish(()).err().map(|bad| bad.to_string()).unwrap_or_default()
    }

    #[test]
    fn everything_that_a_stage_needs_and_lacks_is_told_at_once() {
        let names = [("USER_JOBS_DLQ", "https://sqs/1/dlq"), ("USER_JOBS_QUEUE", "user-jobs")];
        let told = told(&names, |stack| {
            let _intake = stack.intake(StageName::UserWorker);
            let _again = stack.user_jobs();
            let _sealing = stack.sealing();
            let _events = stack.events();
        });
        assert_eq!(
            told,
            "bad settings:\n  USER_JOBS_QUEUE: 'user-jobs' is no URL of a queue\n  REFRESH_KEY_ID: is not set\n  \
             ACCESS_KEY_ID: is not set\n  EVENTS_TOPIC_ARN: is not set"
        );
    }

    #[test]
    fn what_a_stage_does_not_ask_for_need_not_be_set() {
        let names = [("USER_JOBS_QUEUE", "https://sqs/1/user-jobs")];
        let told = told(&names, |stack| {
            let _queue = stack.user_jobs();
            let _ledger = stack.ledger();
        });
        assert_eq!(told, "");
    }
}
