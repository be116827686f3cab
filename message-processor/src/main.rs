//! The message-processor as a Lambda function on the queue of message jobs.

use std::process::ExitCode;

use message_processor::MessageProcessor;
use shared::lambda::{jobs, on_aws, run};
use shared::ledger::StageName;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(async {
        let (intake, processor) = on_aws(|stack| {
            Ok((stack.intake(StageName::MessageProcessor), MessageProcessor::on_aws(stack)?))
        })
        .await?;
        jobs(intake, |job, attempt| processor.handle(job, attempt)).await
    })
    .await
}
