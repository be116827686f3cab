//! The dispatcher as a Lambda function, started by the schedule and by itself.

use std::process::ExitCode;

use dispatcher::{Dispatcher, RunState};
use shared::lambda::{on_aws, run, ticks};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(async {
        let (dispatcher, next_run) =
            on_aws(|stack| Ok((Dispatcher::on_aws(stack), stack.next_run()))).await?;
        let (dispatcher, next_run) = (&dispatcher, &next_run);
        ticks(|deadline| async move {
            match dispatcher.run(deadline).await?.state {
                RunState::Unfinished => Ok(next_run.start().await?),
                RunState::Finished | RunState::Busy => Ok(()),
            }
        })
        .await
    })
    .await
}
