//! What Lambda hands to a stage, and what it takes back.
//!
//! A function starts without a request of its own: its settings are read and judged, its clients made, and then it asks
//! for its first event. What is named but missing or forbidden shows when it is first used.

mod again;
mod batch;

use std::process::ExitCode;

use aws_lambda_events::event::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn};

use crate::aws;
use crate::aws::stack::{DeadQueues, Stack};
use crate::clock::{Clock, Timestamp};
use crate::disposition::{Attempt, Disposition, chain};
use crate::intake::{BatchAnswer, Intake};
use crate::jobs::Job;
use crate::ledger::StageName;
use crate::log;
use crate::queue::Record;
use crate::settings::Env;

pub use self::again::NextRun;
pub use lambda_runtime::Error;

/// Runs a function until Lambda ends it. A start that fails is one line of the log, with every problem in it, and an
/// exit that Lambda counts as an error.
pub async fn run(function: impl Future<Output = Result<(), Error>>) -> ExitCode {
    log::in_json(None);
    match function.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = chain(&*error), "The function does not start");
            ExitCode::from(2)
        }
    }
}

/// Makes a stage from the environment, and tells everything that is wrong there at once.
pub async fn on_aws<T>(
    make: impl FnOnce(&mut Stack<'_, '_>) -> Result<T, Error>,
) -> Result<T, Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment of a function"
    )]
    let lookup = |name: &str| std::env::var(name).ok();
    let config = Box::pin(aws::config()).await;
    let mut env = Env::new(&lookup);
    let stage = make(&mut Stack::new(&mut env, &config))?;
    Ok(env.finish(stage)?)
}

/// Serves a queue's jobs, batch by batch.
pub async fn jobs<J, F, Fut>(intake: Intake, stage: F) -> Result<(), Error>
where
    J: Job,
    F: Fn(J, Attempt) -> Fut,
    Fut: Future<Output = Disposition<J>>,
{
    let (intake, stage) = (&intake, &stage);
    let serve = |event: LambdaEvent<SqsEvent>| async move { serve(intake, stage, event).await };
    // Boxed: the runtime nests futures deeper than the compiler looks.
    Box::pin(lambda_runtime::run(service_fn(serve))).await
}

/// Serves the dead letters of both stages; whose they are is said by the queue that each comes from.
pub async fn dead_letters<F, Fut>(queues: DeadQueues, drain: F) -> Result<(), Error>
where
    F: Fn(StageName, Vec<Record>) -> Fut,
    Fut: Future<Output = BatchAnswer>,
{
    let (queues, drain) = (&queues, &drain);
    let serve = |event: LambdaEvent<SqsEvent>| async move {
        serve_dead(queues, drain, event.payload).await
    };
    // Boxed: the runtime nests futures deeper than the compiler looks.
    Box::pin(lambda_runtime::run(service_fn(serve))).await
}

/// Runs on every event, whatever is in it, with the moment at which Lambda ends the run.
pub async fn ticks<F, Fut>(tick: F) -> Result<(), Error>
where
    F: Fn(Timestamp) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
{
    let tick = &tick;
    let serve = |event: LambdaEvent<serde_json::Value>| tick(deadline(event.context.deadline));
    // Boxed: the runtime nests futures deeper than the compiler looks.
    Box::pin(lambda_runtime::run(service_fn(serve))).await
}

/// Answers the requests of an HTTP API, payload format 2.0.
pub async fn requests<F, Fut>(answer: F) -> Result<(), Error>
where
    F: Fn(ApiGatewayV2httpRequest) -> Fut,
    Fut: Future<Output = Result<ApiGatewayV2httpResponse, Error>>,
{
    let answer = &answer;
    let serve = |event: LambdaEvent<ApiGatewayV2httpRequest>| Box::pin(answer(event.payload));
    // Boxed: the runtime nests futures deeper than the compiler looks.
    Box::pin(lambda_runtime::run(service_fn(serve))).await
}

async fn serve<J, F, Fut>(
    intake: &Intake,
    stage: &F,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error>
where
    J: Job,
    F: Fn(J, Attempt) -> Fut,
    Fut: Future<Output = Disposition<J>>,
{
    let end = deadline(event.context.deadline);
    let records = batch::records(event.payload, intake.clock.now());
    // Lambda itself deletes what is not reported.
    Ok(batch::answer(intake.serve_until(records, end, stage).await.left)?)
}

async fn serve_dead<F, Fut>(
    queues: &DeadQueues,
    drain: &F,
    event: SqsEvent,
) -> Result<SqsBatchResponse, Error>
where
    F: Fn(StageName, Vec<Record>) -> Fut,
    Fut: Future<Output = BatchAnswer>,
{
    let mut left = Vec::new();
    for (stage, records) in batch::by_stage(event, queues, Clock::System.now())? {
        left.extend(drain(stage, records).await.left);
    }
    Ok(batch::answer(left)?)
}

/// Lambda gives milliseconds since 1970.
fn deadline(millis: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
