//! The dead-letter stage as a Lambda function on both dead-letter queues.

use std::process::ExitCode;

use dead_letter::DeadLetterStage;
use shared::lambda::{dead_letters, on_aws, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(async {
        let (queues, desk) =
            on_aws(|stack| Ok((stack.dead_queues(), DeadLetterStage::on_aws(stack)))).await?;
        dead_letters(queues, |stage, records| desk.drain(stage, records)).await
    })
    .await
}
