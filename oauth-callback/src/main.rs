//! The pages for connecting as a Lambda function behind an HTTP API.

use std::process::ExitCode;

use oauth_callback::aws::Door;
use oauth_callback::gateway::answer;
use shared::lambda::{on_aws, requests, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(async {
        let door = on_aws(|stack| Ok(Door::on_aws(stack)?)).await?;
        requests(|event| answer(&door, event)).await
    })
    .await
}
