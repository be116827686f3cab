//! The production stages, wired as on one machine, over whatever stores and Google they are given.

use std::sync::Arc;

use dead_letter::DeadLetterStage;
use dead_letter::links::Links;
use dead_letter::notice::Notices;
use desk::audit::Audit;
use desk::audit::again::Again;
use desk::orders::Desk;
use dispatcher::Dispatcher;
use message_processor::announce_again::EventReplay;
use message_processor::reclassify::Reclassification;
use message_processor::{Book, MessageProcessor, Rules};
use oauth_callback::security_events::Recipient;
use shared::breaker::{Breaker, Limits};
use shared::clock::{Chance, Clock};
use shared::google::security_event::SecurityEventVerifier;
use shared::google::{Delegation, Gmail, GmailChanges, OAuth};
use shared::intake::Intake;
use shared::ledger::StageName;
use shared::replay::Replay;
use shared::settings::Settings;
use shared::webhook::Webhooks;
use user_worker::UserWorker;

use crate::at_once;
use crate::stores::Stores;

/// What every stage is made of, and the stages made of it.
#[derive(Clone)]
pub struct Stages {
    pub stores: Stores,
    pub gmail: Arc<dyn Gmail>,
    pub changes: Arc<dyn GmailChanges>,
    pub webhooks: Option<Arc<dyn Webhooks>>,
    pub oauth: Arc<dyn OAuth>,
    /// Where no domain has delegated anything, there is none.
    pub delegation: Option<Arc<dyn Delegation>>,
    /// The operator's.
    pub rules: Book,
    pub settings: Settings,
    pub clock: Clock,
    pub chance: Chance,
    /// When the fleet breaker opens.
    pub limits: Limits,
    /// Makes the links that people are told.
    pub links: Links,
    /// Whether they are told by mail.
    pub writes: bool,
    /// How many parts of the table the dispatcher scans at once.
    pub segments: u32,
}

impl Stages {
    pub fn intake(&self, stage: StageName) -> Intake {
        let (queue, dead_letters) = match stage {
            StageName::UserWorker => (&self.stores.user_jobs, &self.stores.dead_user_jobs),
            StageName::MessageProcessor => {
                (&self.stores.message_jobs, &self.stores.dead_message_jobs)
            }
        };
        Intake {
            queue: queue.clone(),
            dead_letters: dead_letters.clone(),
            stage,
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            retry_base: self.settings.retry_base,
        }
    }

    pub fn dispatcher(&self) -> Dispatcher {
        Dispatcher {
            mailboxes: self.stores.mailboxes.clone(),
            control: self.stores.control.clone(),
            user_jobs: self.stores.user_jobs.clone(),
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            segments: self.segments,
        }
    }

    pub fn user_worker(&self) -> UserWorker {
        UserWorker {
            oauth: self.oauth.clone(),
            delegation: self.delegation.clone(),
            gmail: self.gmail.clone(),
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            letters: self.stores.letters.clone(),
            control: self.stores.control.clone(),
            sealing: self.stores.sealing.clone(),
            user_jobs: self.stores.user_jobs.clone(),
            message_jobs: self.stores.message_jobs.clone(),
            archive: self.stores.archive.clone(),
            index: Some(self.stores.index.clone()),
            breaker: self.breaker(),
            events: self.stores.events.clone(),
            settings: self.settings.clone(),
        }
    }

    pub fn message_processor(&self) -> MessageProcessor {
        MessageProcessor {
            gmail: self.gmail.clone(),
            changes: self.changes.clone(),
            webhooks: self.webhooks.clone(),
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            letters: self.stores.letters.clone(),
            sealing: self.stores.sealing.clone(),
            archive: self.stores.archive.clone(),
            index: self.settings.results_index.then(|| self.stores.index.clone()),
            events: self.stores.events.clone(),
            user_jobs: self.stores.user_jobs.clone(),
            message_jobs: self.stores.message_jobs.clone(),
            dead_letters: self.stores.dead_message_jobs.clone(),
            rules: self.rules.clone(),
            settings: self.settings.clone(),
            clock: self.clock.clone(),
        }
    }

    /// The rules, which lie in memory: nobody waits for them.
    pub(crate) fn rules_at_once(&self) -> Option<Arc<Rules>> {
        at_once(self.rules.rules()).and_then(Result::ok).flatten()
    }

    pub fn reclassification(&self) -> Reclassification {
        Reclassification {
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            archive: self.stores.archive.clone(),
            index: self.settings.results_index.then(|| self.stores.index.clone()),
            events: self.stores.events.clone(),
            control: self.stores.control.clone(),
            rules: self.rules_at_once(),
            stack: self.settings.stack.clone(),
            event_data: self.settings.event_data,
            clock: self.clock.clone(),
        }
    }

    pub fn event_replay(&self) -> EventReplay {
        EventReplay {
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            archive: self.stores.archive.clone(),
            stack: self.settings.stack.clone(),
            event_data: self.settings.event_data,
            clock: self.clock.clone(),
        }
    }

    pub fn dead_letter(&self) -> DeadLetterStage {
        DeadLetterStage {
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            letters: self.stores.letters.clone(),
            replay: self.replay(),
            breaker: self.breaker(),
            events: self.stores.events.clone(),
            notices: Notices {
                links: self.links.clone(),
                mailer: self.writes.then(|| self.stores.mailer.clone()),
            },
            clock: self.clock.clone(),
            stack: self.settings.stack.clone(),
        }
    }

    /// Takes what Google posts to the client of this name.
    pub fn security_events(&self, client_id: String) -> Recipient {
        Recipient {
            verifier: SecurityEventVerifier::new(self.oauth.clone(), client_id),
            mailboxes: self.stores.mailboxes.clone(),
            control: self.stores.control.clone(),
            user_jobs: self.stores.user_jobs.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
        }
    }

    pub fn breaker(&self) -> Breaker {
        Breaker::with_limits(self.stores.control.clone(), self.limits)
    }

    pub fn audit(&self) -> Audit {
        Audit {
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            letters: self.stores.letters.clone(),
            clock: self.clock.clone(),
        }
    }

    pub fn again(&self) -> Again {
        Again {
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            message_jobs: self.stores.message_jobs.clone(),
            pacing: self.settings.pacing,
            clock: self.clock.clone(),
            chance: self.chance.clone(),
        }
    }

    pub fn desk(&self) -> Desk {
        Desk {
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            letters: self.stores.letters.clone(),
            control: self.stores.control.clone(),
            replay: self.replay(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
        }
    }

    pub fn replay(&self) -> Replay {
        Replay {
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            letters: self.stores.letters.clone(),
            user_jobs: self.stores.user_jobs.clone(),
            message_jobs: self.stores.message_jobs.clone(),
            pacing: self.settings.pacing,
        }
    }
}
