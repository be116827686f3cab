//! A consumer: a queue that is subscribed to the stack's topic with a filter policy.

use std::sync::Mutex;

use aws_config::SdkConfig;
use aws_sdk_sns::Client as Sns;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

/// What a consumer has been told.
pub struct Subscriber {
    sqs: Sqs,
    url: String,
    told: Mutex<Vec<Value>>,
}

impl Subscriber {
    /// Subscribes to the events of these types.
    pub async fn to(config: &SdkConfig, topic: &str, name: &str, types: &[&str]) -> Self {
        let (sqs, sns) = (Sqs::new(config), Sns::new(config));
        let url = sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
        let arn = QueueAttributeName::QueueArn;
        let said = sqs.get_queue_attributes().queue_url(&url).attribute_names(arn.clone()).send();
        let arn = said.await.unwrap().attributes.unwrap().remove(&arn).unwrap();
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}]});
        let set = sqs.set_queue_attributes().queue_url(&url);
        set.attributes(QueueAttributeName::Policy, policy.to_string()).send().await.unwrap();
        let subscribe = sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(arn);
        let subscribe = subscribe.attributes("RawMessageDelivery", "true");
        let filter = json!({"type": types}).to_string();
        subscribe.attributes("FilterPolicy", filter).send().await.unwrap();
        Self { sqs, url, told: Mutex::default() }
    }

    /// Everything so far.
    pub async fn told(&self) -> Vec<Value> {
        loop {
            let receive =
                self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(10);
            let messages = receive.send().await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return self.told.lock().unwrap().clone();
            }
            for message in messages {
                let event = serde_json::from_str(message.body().unwrap()).unwrap();
                self.told.lock().unwrap().push(event);
                let delete = self.sqs.delete_message().queue_url(&self.url);
                delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
            }
        }
    }
}
