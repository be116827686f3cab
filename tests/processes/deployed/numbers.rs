//! The numbers of the deployed template, held against those that the code plans with.

use std::time::Duration;

use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::types::FunctionResponseType::ReportBatchItemFailures;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName::{
    All, MessageRetentionPeriod, RedriveAllowPolicy, RedrivePolicy, VisibilityTimeout,
};
use serde_json::Value;
use shared::queue::{MAX_RECEIVES, RUN_LIMIT, VISIBILITY};
use tests::deployed::{NAME, Stack};

/// By the names of the stack's outputs, with how long each keeps a record, and the queue that it may get records from.
const QUEUES: [(&str, Duration, Option<&str>); 4] = [
    ("UserJobsQueue", Duration::from_hours(4 * 24), None),
    ("MessageJobsQueue", Duration::from_hours(4 * 24), None),
    ("UserJobsDlq", Duration::from_hours(14 * 24), Some("user-jobs")),
    ("MessageJobsDlq", Duration::from_hours(14 * 24), Some("message-jobs")),
];

/// The functions on queues, and the one that starts itself; the door is under API Gateway's limit instead.
const FUNCTIONS: [&str; 4] = ["dispatcher", "user-worker", "message-processor", "dead-letter"];

pub(super) async fn agree(stack: &Stack) {
    let owner = stack.owner().await;
    let (sqs, lambda) = (Sqs::new(&owner), Lambda::new(&owner));
    for (output, kept, source) in QUEUES {
        let get = sqs.get_queue_attributes().queue_url(stack.output(output)).attribute_names(All);
        let said = get.send().await.unwrap().attributes.unwrap();
        let policy = |name| -> Value { serde_json::from_str(&said[&name]).unwrap() };
        assert_eq!(said[&VisibilityTimeout], VISIBILITY.as_secs().to_string(), "{output}");
        assert_eq!(said[&MessageRetentionPeriod], kept.as_secs().to_string(), "{output}");
        match source {
            None => {
                let receives = policy(RedrivePolicy)["maxReceiveCount"].to_string();
                assert_eq!(receives.trim_matches('"'), MAX_RECEIVES.to_string(), "{output}");
            }
            Some(source) => {
                let from = policy(RedriveAllowPolicy)["sourceQueueArns"].to_string();
                assert!(from.ends_with(&format!(":{NAME}-{source}\"]")), "{output}: {from}");
            }
        }
    }
    for function in FUNCTIONS {
        let get = lambda.get_function_configuration().function_name(format!("{NAME}-{function}"));
        let timeout = get.send().await.unwrap().timeout.unwrap();
        assert_eq!(u64::try_from(timeout).unwrap(), RUN_LIMIT.as_secs(), "{function}");
    }
    for source in lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings()
    {
        // Without it a batch is one thing, and one bad record takes the others with it.
        assert_eq!(source.function_response_types(), [ReportBatchItemFailures]);
    }
    println!("  the template's numbers are the code's");
}
