//! The production stages, wired as on one machine, over the watched stores.

use std::sync::Arc;

use dead_letter::DeadLetterStage;
use dispatcher::Dispatcher;
use google_sim::in_process::InProcess;
use message_processor::MessageProcessor;
use shared::google::{Gmail, OAuth};
use shared::intake::Intake;
use shared::ledger::StageName;
use shared::queue::Queue;
use shared::replay::Replay;
use user_worker::UserWorker;

use super::backend::Stores;
use super::effects::Effects;
use super::watched::{Timetable, Watched, WatchedQueue};
use super::world::World;

/// The same stores, watched.
pub(crate) fn watched(
    stores: &Stores,
    effects: &Effects,
    clock: &shared::clock::Clock,
    timetable: &Timetable,
) -> Stores {
    macro_rules! watch {
        ($field:ident) => {
            Arc::new(Watched { inner: stores.$field.clone(), effects: effects.clone() })
        };
    }
    let queue = |inner: &Arc<dyn Queue>, names| -> Arc<dyn Queue> {
        let (effects, clock, timetable) = (effects.clone(), clock.clone(), timetable.clone());
        Arc::new(WatchedQueue { inner: inner.clone(), names, effects, clock, timetable })
    };
    macro_rules! names {
        ($name:literal) => {
            ["send", "receive", "delete", "hide"].map(|verb| match verb {
                "send" => concat!($name, ".send"),
                "receive" => concat!($name, ".receive"),
                "delete" => concat!($name, ".delete"),
                _ => concat!($name, ".hide"),
            })
        };
    }
    Stores {
        mailboxes: watch!(mailboxes),
        marks: watch!(marks),
        letters: watch!(letters),
        control: watch!(control),
        archive: watch!(archive),
        events: watch!(events),
        user_jobs: queue(&stores.user_jobs, names!("user_jobs")),
        message_jobs: queue(&stores.message_jobs, names!("message_jobs")),
        dead_user_jobs: queue(&stores.dead_user_jobs, names!("dead_user_jobs")),
        dead_message_jobs: queue(&stores.dead_message_jobs, names!("dead_message_jobs")),
        sealing: stores.sealing.clone(),
    }
}

impl World {
    fn face(&self) -> Arc<InProcess> {
        let redirect_uri = "http://127.0.0.1:8080/oauth2callback".to_owned();
        Arc::new(InProcess { google: self.google.clone(), redirect_uri })
    }

    fn gmail(&self) -> Arc<dyn Gmail> {
        let inner: Arc<dyn Gmail> = self.face();
        Arc::new(Watched { inner, effects: self.effects.clone() })
    }

    fn oauth(&self) -> Arc<dyn OAuth> {
        let inner: Arc<dyn OAuth> = self.face();
        Arc::new(Watched { inner, effects: self.effects.clone() })
    }

    pub(crate) fn intake(&self, stage: StageName) -> Intake {
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

    pub(crate) fn dispatcher(&self) -> Dispatcher {
        Dispatcher {
            mailboxes: self.stores.mailboxes.clone(),
            control: self.stores.control.clone(),
            user_jobs: self.stores.user_jobs.clone(),
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            segments: 1,
        }
    }

    pub(crate) fn user_worker(&self) -> UserWorker {
        UserWorker {
            oauth: self.oauth(),
            gmail: self.gmail(),
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            letters: self.stores.letters.clone(),
            sealing: self.stores.sealing.clone(),
            user_jobs: self.stores.user_jobs.clone(),
            message_jobs: self.stores.message_jobs.clone(),
            events: self.stores.events.clone(),
            settings: self.settings.clone(),
        }
    }

    pub(crate) fn message_processor(&self) -> MessageProcessor {
        MessageProcessor {
            gmail: self.gmail(),
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            letters: self.stores.letters.clone(),
            sealing: self.stores.sealing.clone(),
            archive: self.stores.archive.clone(),
            events: self.stores.events.clone(),
            user_jobs: self.stores.user_jobs.clone(),
            dead_letters: self.stores.dead_message_jobs.clone(),
            settings: self.settings.clone(),
            clock: self.clock.clone(),
        }
    }

    pub(crate) fn dead_letter(&self) -> DeadLetterStage {
        DeadLetterStage {
            mailboxes: self.stores.mailboxes.clone(),
            marks: self.stores.marks.clone(),
            letters: self.stores.letters.clone(),
            replay: self.replay(),
            events: self.stores.events.clone(),
            clock: self.clock.clone(),
            stack: self.settings.stack.clone(),
        }
    }

    pub(crate) fn replay(&self) -> Replay {
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
