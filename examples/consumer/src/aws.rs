//! The queue that is subscribed to the topic, and the bucket of results.

use anyhow::Context;
use aws_config::BehaviorVersion;
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::Builder as S3Config;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_sns::Client as Sns;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use serde_json::{Value, json};

/// A record of the queue: an event, and what it is deleted by.
pub(crate) struct Record {
    pub(crate) body: String,
    receipt: String,
}

/// Everything on AWS that this consumer touches.
pub(crate) struct Aws {
    sqs: Sqs,
    sns: Sns,
    s3: S3,
    queue: String,
}

impl Aws {
    /// With endpoint, region and credentials from the environment; makes the queue if it is not there.
    pub(crate) async fn connect(queue: &str) -> anyhow::Result<Self> {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
        let sqs = Sqs::new(&config);
        let made = sqs.create_queue().queue_name(queue).send().await.context("making a queue")?;
        let queue = made.queue_url.context("SQS did not say where the queue is")?;
        // An endpoint of one's own answers under its own name alone.
        let s3 = S3Config::from(&config).force_path_style(config.endpoint_url().is_some());
        Ok(Self { sqs, sns: Sns::new(&config), s3: S3::from_conf(s3.build()), queue })
    }

    /// Has SNS send what the filter lets through. To do it again changes nothing; another filter takes the first one's
    /// place.
    pub(crate) async fn subscribe(&self, topic: &str, filter: &Value) -> anyhow::Result<()> {
        let arn = self.queue_arn().await?;
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage", "Resource": arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
        }] });
        let allow = self.sqs.set_queue_attributes().queue_url(&self.queue);
        let allow = allow.attributes(QueueAttributeName::Policy, policy.to_string());
        allow.send().await.context("letting the topic send to the queue")?;
        let subscribe = self.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(arn);
        let subscribe = subscribe.return_subscription_arn(true);
        // Raw: the record's body is the event, not SNS's envelope around it.
        let subscribe = subscribe.attributes("RawMessageDelivery", "true");
        let subscribed = subscribe.send().await.context("subscribing to the topic")?;
        let subscription = subscribed.subscription_arn.context("SNS named no subscription")?;
        let set = self.sns.set_subscription_attributes().subscription_arn(subscription);
        let set = set.attribute_name("FilterPolicy").attribute_value(filter.to_string());
        set.send().await.context("setting the filter")?;
        Ok(())
    }

    async fn queue_arn(&self) -> anyhow::Result<String> {
        let name = QueueAttributeName::QueueArn;
        let asked = self.sqs.get_queue_attributes().queue_url(&self.queue);
        let told =
            asked.attribute_names(name.clone()).send().await.context("asking for the queue")?;
        let arn = told.attributes.and_then(|mut all| all.remove(&name));
        arn.context("SQS did not name the queue")
    }

    /// Up to ten records; waits for one for a while.
    pub(crate) async fn receive(&self) -> anyhow::Result<Vec<Record>> {
        let receive = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        let received = receive.wait_time_seconds(2).send().await.context("receiving")?;
        let records = received.messages.unwrap_or_default().into_iter();
        Ok(records
            .filter_map(|message| {
                Some(Record { body: message.body?, receipt: message.receipt_handle? })
            })
            .collect())
    }

    pub(crate) async fn delete(&self, record: &Record) -> anyhow::Result<()> {
        let delete = self.sqs.delete_message().queue_url(&self.queue);
        delete.receipt_handle(&record.receipt).send().await.context("deleting a record")?;
        Ok(())
    }

    /// An object's bytes; none where there is no such object.
    pub(crate) async fn fetch(&self, bucket: &str, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let got = self.s3.get_object().bucket(bucket).key(key).send().await;
        let object = match got {
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Ok(None);
            }
            got => got.context("fetching a result")?,
        };
        let bytes = object.body.collect().await.context("reading a result")?;
        Ok(Some(bytes.into_bytes().to_vec()))
    }
}
