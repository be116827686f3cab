//! Where `fanmail events replay` takes events: to everybody, or to one consumer by its address.

use std::sync::Arc;

use shared::clock::Clock;
use shared::events::Events;
use shared::events::webhooks::WebhookEvents;
use shared::settings::{Env, Settings};
use shared::webhook::http::HttpWebhooks;
use shared::webhook::signature::NoKeys;
use shared::webhook::{FixedKeys, SigningKeys, WebhookKeys};
use url::{Host, Url};

use crate::BadUse;
use crate::args::Place;
use crate::backend::{bad_use, stack};

/// One consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The address of a webhook.
    Webhook(String),
    /// A queue in SQS.
    Queue(QueueName),
}

/// How a queue was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueueName {
    /// By its URL, which names its region where it is one of AWS's own.
    Url { url: String, region: Option<String> },
    /// By its ARN.
    Arn { region: String, account: String, name: String },
}

/// A text that names no consumer. Nothing of it is repeated: a webhook's address may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoDestination {
    #[error(
        "--to is neither an address nor an ARN; give https://… of a webhook, or on a stack the URL or ARN of an SQS queue"
    )]
    Unreadable,
    #[error("--to begins with a scheme that is none of https, http and arn:aws:sqs")]
    Scheme,
    #[error("--to is an ARN, and not that of an SQS queue: arn:aws:sqs:REGION:ACCOUNT:NAME")]
    Arn,
    #[error(
        "--to is a FIFO queue, which no topic of ours delivers into either; name a standard queue"
    )]
    Fifo,
}

impl Destination {
    /// Reads what was typed. `endpoint` is where AWS is, where that is not AWS itself: what is there is a queue, too.
    pub(crate) fn read(text: &str, endpoint: Option<&str>) -> Result<Self, NoDestination> {
        let read = if text.starts_with("arn:") {
            Self::Queue(of_arn(text).ok_or(NoDestination::Arn)?)
        } else {
            let url = Url::parse(text).map_err(|_| NoDestination::Unreadable)?;
            if !matches!(url.scheme(), "https" | "http") {
                return Err(NoDestination::Scheme);
            }
            let endpoint = endpoint.and_then(|text| Url::parse(text).ok());
            let is_endpoint = endpoint.is_some_and(|it| it.origin() == url.origin());
            match region(&url) {
                Some(region) => {
                    Self::Queue(QueueName::Url { url: text.to_owned(), region: Some(region) })
                }
                None if is_endpoint => {
                    Self::Queue(QueueName::Url { url: text.to_owned(), region: None })
                }
                None => Self::Webhook(text.to_owned()),
            }
        };
        match &read {
            Self::Queue(QueueName::Url { url: name, .. } | QueueName::Arn { name, .. })
                if name.rsplit('.').next() == Some("fifo") =>
            {
                Err(NoDestination::Fifo)
            }
            Self::Queue(_) | Self::Webhook(_) => Ok(read),
        }
    }

    /// Opens what was typed, with everything that is wrong with it told before anything is sent.
    pub(crate) async fn open(
        &self,
        place: &Place,
        settings: &Settings,
        clock: &Clock,
    ) -> anyhow::Result<Arc<dyn Events>> {
        match (self, place.stack()?) {
            (Self::Queue(_), None) => Err(bad_use(
                "--to is an SQS queue, which is sent to with a stack's credentials: --backend aws --stack NAME",
            )),
            (Self::Queue(queue), Some(_)) => stack::consumer(queue).await,
            (Self::Webhook(address), stack) => {
                let networks = settings.webhook_networks.clone();
                networks.checked(address).map_err(|why| {
                    bad_use(&format!(
                        "--to: the webhook {why}; plain http needs an IP address in a network that WEBHOOK_NETWORKS names"
                    ))
                })?;
                let webhooks = HttpWebhooks::new(keys(stack).await?, networks)?.without_rest();
                let (webhooks, address, clock) =
                    (Arc::new(webhooks), address.clone(), clock.clone());
                Ok(Arc::new(WebhookEvents { webhooks, address, clock }))
            }
        }
    }
}

/// What webhooks are signed with: what the environment says, or else the stack's secret.
async fn keys(stack: Option<&str>) -> anyhow::Result<Arc<dyn WebhookKeys>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the secret that a command beside `serve` signs with"
    )]
    let lookup = |name: &str| std::env::var(name).ok();
    let mut env = Env::new(&lookup);
    let keys: Option<SigningKeys> = env.parsed("WEBHOOK_SECRET", None, |text| {
        text.parse().map(Some).map_err(|error: NoKeys| error.to_string())
    });
    let keys = env.finish(keys).map_err(|bad| BadUse(bad.to_string()))?;
    match (keys, stack) {
        (Some(keys), _) => Ok(Arc::new(FixedKeys::new(keys))),
        (None, Some(stack)) => stack::webhook_keys(stack).await,
        (None, None) => Err(bad_use(
            "WEBHOOK_SECRET is not set: a webhook is signed, with what `serve` signs those of actions with",
        )),
    }
}

/// The region of a queue's URL; `None` for what is no URL of AWS's own: `sqs.REGION.amazonaws.com`, in a VPC
/// `….sqs.REGION.vpce.amazonaws.com`, and the older `REGION.queue.amazonaws.com`.
fn region(url: &Url) -> Option<String> {
    let Some(Host::Domain(host)) = url.host() else { return None };
    let host = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".amazonaws.com")?;
    let labels: Vec<&str> = host.split('.').collect();
    let (["sqs" | "sqs-fips", region] | [.., "sqs", region, "vpce"] | [region, "queue"]) =
        labels[..]
    else {
        return None;
    };
    Some(region.to_owned())
}

fn of_arn(text: &str) -> Option<QueueName> {
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", _partition, "sqs", region, account, name] = parts[..] else { return None };
    let is_whole = [region, account, name].iter().all(|part| !part.is_empty());
    let owned = |text: &str| text.to_owned();
    is_whole.then(|| QueueName::Arn {
        region: owned(region),
        account: owned(account),
        name: owned(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(url: &str, region: Option<&str>) -> Destination {
        let region = region.map(str::to_owned);
        Destination::Queue(QueueName::Url { url: url.to_owned(), region })
    }

    #[test]
    fn a_queue_is_told_from_a_webhook_by_its_address() {
        let read = |text| Destination::read(text, None).unwrap();
        for (text, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/consumer", "eu-west-1"),
            ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/consumer", "cn-north-1"),
            ("https://eu-west-1.queue.amazonaws.com/123456789012/consumer", "eu-west-1"),
            ("https://vpce-1a-2b.sqs.us-east-2.vpce.amazonaws.com/1/q", "us-east-2"),
        ] {
            assert_eq!(read(text), url(text, Some(region)));
        }
        for text in [
            "https://example.com/hooks/mail?key=1",
            "https://sqs.example.com/123456789012/consumer",
            "https://abc.execute-api.eu-west-1.amazonaws.com/hook",
            "http://127.0.0.1:4566/000000000000/consumer",
        ] {
            assert_eq!(read(text), Destination::Webhook(text.to_owned()));
        }
        let arn = QueueName::Arn {
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
            name: "consumer".to_owned(),
        };
        let read = read("arn:aws:sqs:eu-west-1:123456789012:consumer");
        assert_eq!(read, Destination::Queue(arn));
    }

    #[test]
    fn at_an_aws_of_ones_own_a_url_is_a_queues() {
        let text = "http://127.0.0.1:4566/000000000000/consumer";
        let read = Destination::read(text, Some("http://127.0.0.1:4566")).unwrap();
        assert_eq!(read, url(text, None));
        let other = Destination::read(text, Some("http://127.0.0.1:4567/")).unwrap();
        assert_eq!(other, Destination::Webhook(text.to_owned()));
    }

    #[test]
    fn what_names_no_consumer_is_refused_without_repeating_it() {
        for (text, why) in [
            ("consumer", NoDestination::Unreadable),
            ("", NoDestination::Unreadable),
            ("kafka://example.com/secret", NoDestination::Scheme),
            ("file:///secret", NoDestination::Scheme),
            ("arn:aws:sns:eu-west-1:123456789012:secret", NoDestination::Arn),
            ("arn:aws:sqs:eu-west-1:secret", NoDestination::Arn),
            ("arn:aws:sqs:eu-west-1::secret", NoDestination::Arn),
            ("arn:aws:sqs:eu-west-1:123456789012:secret.fifo", NoDestination::Fifo),
            ("https://sqs.eu-west-1.amazonaws.com/1/secret.fifo", NoDestination::Fifo),
        ] {
            assert_eq!(Destination::read(text, None), Err(why), "{text}");
            assert!(!why.to_string().contains("secret"));
        }
    }
}
