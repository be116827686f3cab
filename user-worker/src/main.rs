//! The user-worker as a Lambda function on the queue of user jobs.

use std::process::ExitCode;

use shared::lambda::{jobs, on_aws, run};
use shared::ledger::StageName;
use user_worker::UserWorker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(async {
        let (intake, worker) =
            on_aws(|stack| Ok((stack.intake(StageName::UserWorker), UserWorker::on_aws(stack)?)))
                .await?;
        jobs(intake, |job, attempt| worker.handle(job, attempt)).await
    })
    .await
}
