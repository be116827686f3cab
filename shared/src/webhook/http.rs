//! Webhooks over HTTPS. No redirect is followed and no proxy is used: either would lead to a place that nobody has
//! looked at.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;

use super::{Forbidden, Networks, Webhook, WebhookError, WebhookKeys, Webhooks, verdict};
use crate::clock::Timestamp;
use crate::google::http::NoClient;

/// How long a receiver may take, from reaching it to the head of its answer; the body is not read. Standard Webhooks says 15
/// to 30 s, but this is how long before a run's end the last call may begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a place is left alone where nobody answered. Who waits for it holds a place that messages need, too.
const REST: Duration = Duration::from_mins(1);

const USER_AGENT: &str = concat!("fanmail/", env!("CARGO_PKG_VERSION"));

/// What travels: one event, in the JSON form of CloudEvents.
const CLOUD_EVENT: &str = "application/cloudevents+json";

/// Posts webhooks to networks that may be called.
pub struct HttpWebhooks {
    client: Client,
    keys: Arc<dyn WebhookKeys>,
    networks: Networks,
    /// How long a place is left alone where nobody answered.
    rest: Duration,
    /// Until when a host with its port is left alone.
    resting: Mutex<HashMap<String, Timestamp>>,
}

impl HttpWebhooks {
    /// Signs with `keys`; of private networks it calls `networks`.
    pub fn new(keys: Arc<dyn WebhookKeys>, networks: Networks) -> Result<Self, NoClient> {
        let client = Client::builder()
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Public(networks.clone())))
            .user_agent(USER_AGENT)
            .build()
            .map_err(NoClient)?;
        let rest = PATIENCE + REST;
        Ok(Self { client, keys, networks, rest, resting: Mutex::default() })
    }

    /// Leaves no place alone: for somebody who tells one receiver, and holds up nobody by waiting for it.
    #[must_use]
    pub fn without_rest(self) -> Self {
        Self { rest: Duration::ZERO, ..self }
    }

    fn resting(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Webhooks for HttpWebhooks {
    async fn post(&self, address: &str, webhook: &Webhook) -> Result<(), WebhookError> {
        let url = self.networks.checked(address).map_err(WebhookError::Forbidden)?;
        let place = url.authority().to_owned();
        if let Some(until) = self.resting().get(&place).copied().filter(|until| *until > webhook.at)
        {
            return Err(WebhookError::Resting { until });
        }
        let signature = self.keys.keys().await?.signature(webhook);
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, CLOUD_EVENT)
            .header("webhook-id", webhook.id.as_str())
            .header("webhook-timestamp", webhook.at.seconds().to_string())
            .header("webhook-signature", signature)
            .body(webhook.body.clone());
        let answer = request.send().await.map_err(|error| unreached(&error));
        if matches!(answer, Err(WebhookError::Unreachable { .. })) {
            let mut resting = self.resting();
            resting.retain(|_, until| *until > webhook.at);
            resting.insert(place, webhook.at + self.rest);
        }
        verdict(answer?.status().as_u16())
    }
}

fn unreached(error: &reqwest::Error) -> WebhookError {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.is::<Forbidden>() {
            return WebhookError::Forbidden(Forbidden::Private);
        }
        source = inner.source();
    }
    WebhookError::Unreachable { cause: crate::google::http::cause(error) }
}

/// Resolves a name to those of its addresses that may be called. What is connected to is what was looked at: there is no
/// second lookup that could answer otherwise.
struct Public(Networks);

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0.clone();
        Box::pin(async move {
            // The port is the connector's to set.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let may: Vec<SocketAddr> = found.filter(|found| networks.allow(found.ip())).collect();
            if may.is_empty() {
                return Err(Forbidden::Private.into());
            }
            Ok(Box::new(may.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
