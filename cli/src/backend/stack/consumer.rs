//! One consumer of a stack's events: its queue, by whatever name it was typed, or what its webhooks are signed with.

use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use shared::aws;
use shared::aws::stack::Stack;
use shared::events::Events;
use shared::events::sqs::SqsEvents;
use shared::settings::Env;
use shared::webhook::WebhookKeys;

use super::names::Names;
use crate::BadUse;
use crate::commands::events::QueueName;

/// The queue of this name, with the credentials of whoever types it.
pub(crate) async fn consumer(queue: &QueueName) -> anyhow::Result<Arc<dyn Events>> {
    let config = aws::config().await;
    Ok(match queue {
        QueueName::Url { url, region } => {
            Arc::new(SqsEvents::new(&within(&config, region.as_ref()), url.clone()))
        }
        QueueName::Arn { region, account, name } => {
            Arc::new(SqsEvents::named(&within(&config, Some(region)), account, name).await?)
        }
    })
}

/// A queue is asked in its own region, wherever the stack is.
fn within(config: &SdkConfig, region: Option<&String>) -> SdkConfig {
    let Some(region) = region else { return config.clone() };
    config.to_builder().region(Region::new(region.clone())).build()
}

/// What the stack of this name signs webhooks with.
pub(crate) async fn webhook_keys(name: &str) -> anyhow::Result<Arc<dyn WebhookKeys>> {
    let config = aws::config().await;
    let names = Names::of_stack(&config, name).await?;
    let lookup = |name: &str| names.get(name);
    let mut env = Env::new(&lookup);
    let keys = Stack::new(&mut env, &config).webhook_keys();
    let keys = env.finish(keys).map_err(|bad| BadUse(bad.to_string()))?;
    let keys = keys.ok_or_else(|| {
        BadUse(format!(
            "the stack {name} was deployed without WebhookSecretArn, and WEBHOOK_SECRET is not set: a webhook is signed"
        ))
    })?;
    Ok(keys)
}
