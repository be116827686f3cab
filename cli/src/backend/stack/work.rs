//! `fanmail worker`: one stage of a stack as a process that takes its own jobs, for containers.

use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dead_letter::DeadLetterStage;
use dispatcher::Dispatcher;
use message_processor::MessageProcessor;
use shared::aws;
use shared::aws::stack::Stack;
use shared::disposition::chain;
use shared::ledger::StageName;
use shared::queue::Queue;
use shared::settings::Env;
use shared::worker::{Shutdown, consume, shutdown};
use tokio::task::JoinSet;
use user_worker::UserWorker;

use super::names::Names;
use crate::args::{Place, Stage, Worker};
use crate::machine::pipeline::{MESSAGE_JOBS, USER_JOBS};
use crate::machine::stopping::until_stopped;
use crate::{BadUse, End, log};

/// A part of a stage that runs until told to stop.
type Part = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a stage until told to stop.
pub(crate) async fn work(worker: Worker, place: &Place) -> anyhow::Result<End> {
    log::in_json();
    let config = aws::config().await;
    let names = match &place.stack {
        Some(stack) => Names::of_stack(&config, stack).await?,
        None => Names::default(),
    };
    let lookup = |name: &str| names.get(name);
    let mut env = Env::new(&lookup);
    let (stop, told) = shutdown();
    let mut stack = Stack::new(&mut env, &config);
    let clock = stack.clock.clone();
    let parts = parts(worker.stage, &mut stack, &told)?;
    let mut stages: JoinSet<()> =
        env.finish(parts).map_err(|bad| BadUse(bad.to_string()))?.into_iter().collect();
    tracing::info!("The worker takes jobs");
    until_stopped(stop, &mut stages, &clock).await?;
    Ok(End::Good)
}

fn parts(stage: Stage, stack: &mut Stack<'_, '_>, told: &Shutdown) -> anyhow::Result<Vec<Part>> {
    Ok(match stage {
        Stage::Dispatcher { every } => {
            vec![Box::pin(rounds(Dispatcher::on_aws(stack), every, told.clone()))]
        }
        Stage::UserWorker(many) => users(stack, many.consumers, told)?,
        Stage::MessageProcessor(many) => messages(stack, many.consumers, told)?,
        Stage::DeadLetter => dead_letters(stack, told),
    })
}

/// Begins a round every so often. A run that another's lease keeps out leaves the round to it.
async fn rounds(dispatcher: Dispatcher, every: Duration, mut told: Shutdown) {
    while !told.is_told() {
        if let Err(error) = dispatcher.round().await {
            let error = chain(&error);
            tracing::error!(error, "A round was not finished; the next one goes on with it");
        }
        tokio::select! {
            () = dispatcher.clock.sleep(every) => {}
            () = told.told() => {}
        }
    }
}

fn users(
    stack: &mut Stack<'_, '_>,
    consumers: NonZeroUsize,
    told: &Shutdown,
) -> anyhow::Result<Vec<Part>> {
    let (intake, worker) = (stack.intake(StageName::UserWorker), UserWorker::on_aws(stack)?);
    let worker = Arc::new(worker);
    let consumer = || -> Part {
        let (intake, worker, told) = (intake.clone(), worker.clone(), told.clone());
        Box::pin(async move {
            consume(&intake, USER_JOBS, told, |job, attempt| worker.handle(job, attempt)).await;
        })
    };
    Ok((0..consumers.get()).map(|_| consumer()).collect())
}

fn messages(
    stack: &mut Stack<'_, '_>,
    consumers: NonZeroUsize,
    told: &Shutdown,
) -> anyhow::Result<Vec<Part>> {
    let intake = stack.intake(StageName::MessageProcessor);
    let processor = Arc::new(MessageProcessor::on_aws(stack)?);
    let consumer = || -> Part {
        let (intake, processor, told) = (intake.clone(), processor.clone(), told.clone());
        Box::pin(async move {
            consume(&intake, MESSAGE_JOBS, told, |job, attempt| processor.handle(job, attempt))
                .await;
        })
    };
    Ok((0..consumers.get()).map(|_| consumer()).collect())
}

fn dead_letters(stack: &mut Stack<'_, '_>, told: &Shutdown) -> Vec<Part> {
    let queues: [(StageName, Arc<dyn Queue>); 2] = [
        (StageName::UserWorker, stack.dead_user_jobs()),
        (StageName::MessageProcessor, stack.dead_message_jobs()),
    ];
    let desk = Arc::new(DeadLetterStage::on_aws(stack));
    let drain = |(stage, queue): (StageName, Arc<dyn Queue>)| -> Part {
        let (desk, told) = (desk.clone(), told.clone());
        Box::pin(async move { desk.run(&*queue, stage, told).await })
    };
    queues.into_iter().map(drain).collect()
}
