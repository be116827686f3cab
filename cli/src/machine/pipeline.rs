//! The stages, at work on one data folder.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dead_letter::DeadLetterStage;
use dead_letter::notice::Notices;
use dispatcher::Dispatcher;
use message_processor::{Book, MessageProcessor};
use shared::breaker::Breaker;
use shared::disposition::chain;
use shared::google::{Delegation, Gmail, GmailChanges, OAuth};
use shared::intake::Intake;
use shared::ledger::StageName;
use shared::queue::Queue;
use shared::sealing::Sealing;
use shared::settings::Settings;
use shared::store::StoreError;
use shared::webhook::Webhooks;
use shared::worker::{Shutdown, consume};
use tokio::task::JoinSet;
use user_worker::UserWorker;

use super::folder::Folder;
use super::room_first::RoomFirst;

/// Consumers of each queue. They wait for Google and the disk most of the time.
const USER_WORKERS: usize = 2;
const MESSAGE_PROCESSORS: usize = 4;

/// Records that one consumer has at work at once: of messages few, because each is up to 25 of them.
pub(crate) const USER_JOBS: usize = 5;
pub(crate) const MESSAGE_JOBS: usize = 2;

/// So many jobs may be ready when the next round begins, however few the last one sent: workers have them in hand
/// within a tick.
const BACKLOG: usize = 100;

/// The stages and what they share.
#[derive(Clone)]
pub(crate) struct Pipeline {
    pub(crate) folder: Folder,
    pub(crate) oauth: Arc<dyn OAuth>,
    pub(crate) delegation: Option<Arc<dyn Delegation>>,
    pub(crate) gmail: Arc<dyn Gmail>,
    pub(crate) changes: Arc<dyn GmailChanges>,
    pub(crate) webhooks: Option<Arc<dyn Webhooks>>,
    pub(crate) sealing: Arc<dyn Sealing>,
    pub(crate) rules: Book,
    pub(crate) settings: Settings,
    pub(crate) notices: Notices,
}

impl Pipeline {
    /// Starts every stage but the dispatcher. They end, each with what it has begun, when told to.
    pub(crate) fn start(&self, shutdown: &Shutdown) -> JoinSet<()> {
        let mut stages = JoinSet::new();
        for _ in 0..USER_WORKERS {
            stages.spawn(self.users(shutdown.clone()));
        }
        for _ in 0..MESSAGE_PROCESSORS {
            stages.spawn(self.messages(shutdown.clone()));
        }
        stages.spawn(self.dead(
            StageName::UserWorker,
            self.folder.dead_user_jobs.clone(),
            shutdown.clone(),
        ));
        stages.spawn(self.dead(
            StageName::MessageProcessor,
            self.folder.dead_message_jobs.clone(),
            shutdown.clone(),
        ));
        stages
    }

    /// Runs the dispatcher once, however many runs its round takes, and says how many jobs were sent.
    pub(crate) async fn round(&self) -> Result<usize, StoreError> {
        let dispatcher = self.dispatcher();
        // We hold the folder's lock and run one round at a time: a lease that stands is nobody's.
        dispatcher.reclaim().await?;
        dispatcher.round().await
    }

    /// Runs the dispatcher every `tick`, until told to stop. A round waits while the jobs of the last one do.
    pub(crate) async fn rounds(self, tick: Duration, mut shutdown: Shutdown) {
        let mut sent = 0;
        while !shutdown.is_told() {
            match self.round_in_step(sent).await {
                Ok(jobs) => sent = jobs,
                Err(error) => tracing::error!(
                    error = chain(&error),
                    "A round was not finished; the next one goes on with it"
                ),
            }
            tokio::select! {
                () = self.folder.clock.sleep(tick) => {}
                () = shutdown.told() => {}
            }
        }
    }

    /// A round, unless more jobs are ready than the last one sent. Where mailboxes cannot be asked as often as they
    /// are due, each round would queue them again, and all those jobs would be done, one after the other, when things
    /// are better. A round that comes later has a longer window, in which a mailbox has one turn all the same.
    async fn round_in_step(&self, sent: usize) -> Result<usize, StoreError> {
        let ready = self.folder.user_jobs.depth().await?.visible;
        if ready > sent.max(BACKLOG) as u64 {
            tracing::info!(ready, "The workers are behind; the next round waits for them");
            return Ok(sent);
        }
        self.round().await
    }

    fn users(&self, shutdown: Shutdown) -> impl Future<Output = ()> + use<> {
        let (intake, worker) = (self.intake(StageName::UserWorker), self.user_worker());
        async move {
            consume(&intake, USER_JOBS, shutdown, |job, attempt| worker.handle(job, attempt)).await;
        }
    }

    fn messages(&self, shutdown: Shutdown) -> impl Future<Output = ()> + use<> {
        let (intake, processor) =
            (self.intake(StageName::MessageProcessor), self.message_processor());
        async move {
            consume(&intake, MESSAGE_JOBS, shutdown, |job, attempt| processor.handle(job, attempt))
                .await;
        }
    }

    fn dead(
        &self,
        stage: StageName,
        queue: Arc<dyn Queue>,
        shutdown: Shutdown,
    ) -> impl Future<Output = ()> + use<> {
        let desk = self.dead_letter();
        async move { desk.run(&*queue, stage, shutdown).await }
    }

    fn intake(&self, stage: StageName) -> Intake {
        let folder = &self.folder;
        let (queue, dead_letters): (Arc<dyn Queue>, Arc<dyn Queue>) = match stage {
            StageName::UserWorker => (folder.user_jobs.clone(), folder.dead_user_jobs.clone()),
            StageName::MessageProcessor => {
                let (queue, archive) = (folder.message_jobs.clone(), folder.archive.clone());
                (Arc::new(RoomFirst { queue, archive }), folder.dead_message_jobs.clone())
            }
        };
        let (clock, chance, retry_base) =
            (folder.clock.clone(), folder.chance.clone(), self.settings.retry_base);
        Intake { queue, dead_letters, stage, clock, chance, retry_base }
    }

    fn dispatcher(&self) -> Dispatcher {
        Dispatcher {
            mailboxes: self.folder.ledger.clone(),
            control: self.folder.ledger.clone(),
            user_jobs: self.folder.user_jobs.clone(),
            settings: self.settings.clone(),
            clock: self.folder.clock.clone(),
            chance: self.folder.chance.clone(),
            segments: 1,
        }
    }

    fn user_worker(&self) -> UserWorker {
        UserWorker {
            oauth: self.oauth.clone(),
            delegation: self.delegation.clone(),
            gmail: self.gmail.clone(),
            mailboxes: self.folder.ledger.clone(),
            marks: self.folder.ledger.clone(),
            letters: self.folder.ledger.clone(),
            control: self.folder.ledger.clone(),
            sealing: self.sealing.clone(),
            user_jobs: self.folder.user_jobs.clone(),
            message_jobs: self.folder.message_jobs.clone(),
            archive: self.folder.archive.clone(),
            // There may be something in it from before it was switched off.
            index: Some(self.folder.ledger.clone()),
            breaker: Breaker::new(self.folder.ledger.clone()),
            events: self.folder.events.clone(),
            settings: self.settings.clone(),
        }
    }

    fn message_processor(&self) -> MessageProcessor {
        MessageProcessor {
            gmail: self.gmail.clone(),
            changes: self.changes.clone(),
            webhooks: self.webhooks.clone(),
            mailboxes: self.folder.ledger.clone(),
            marks: self.folder.ledger.clone(),
            letters: self.folder.ledger.clone(),
            sealing: self.sealing.clone(),
            archive: self.folder.archive.clone(),
            index: self.settings.results_index.then(|| self.folder.ledger.clone() as _),
            events: self.folder.events.clone(),
            user_jobs: self.folder.user_jobs.clone(),
            message_jobs: self.folder.message_jobs.clone(),
            dead_letters: self.folder.dead_message_jobs.clone(),
            rules: self.rules.clone(),
            settings: self.settings.clone(),
            clock: self.folder.clock.clone(),
        }
    }

    fn dead_letter(&self) -> DeadLetterStage {
        DeadLetterStage {
            mailboxes: self.folder.ledger.clone(),
            marks: self.folder.ledger.clone(),
            letters: self.folder.ledger.clone(),
            replay: self.folder.replay(self.settings.pacing),
            breaker: Breaker::new(self.folder.ledger.clone()),
            events: self.folder.events.clone(),
            notices: self.notices.clone(),
            clock: self.folder.clock.clone(),
            stack: self.settings.stack.clone(),
        }
    }
}
