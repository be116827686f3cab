//! What a person's commands work on: the data folder of this machine, or a stack on AWS.

mod domain;
mod door;
#[cfg(feature = "aws")]
pub(crate) mod stack;
#[cfg(not(feature = "aws"))]
#[path = "without_aws.rs"]
pub(crate) mod stack;

use std::sync::Arc;
use std::time::Duration;

use shared::archive::Archive;
use shared::breaker::Breaker;
use shared::clock::{Chance, Clock};
use shared::events::{EventLog, Events};
use shared::index::Index;
use shared::ledger::{Control, DeadLetters, Mailboxes, Marks};
use shared::queue::Queue;
use shared::replay::Replay;

pub(crate) use self::domain::{Domain, workspace_key};
pub(crate) use self::door::Door;
use crate::BadUse;
use crate::args::{Data, Place, Side};
use crate::machine::folder::Folder;

/// The stores that a person looks into and steers by. No sealing is among them: what needs an opened token travels as
/// a job.
pub(crate) struct Backend {
    pub(crate) mailboxes: Arc<dyn Mailboxes>,
    pub(crate) marks: Arc<dyn Marks>,
    pub(crate) letters: Arc<dyn DeadLetters>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) breaker: Breaker,
    pub(crate) archive: Arc<dyn Archive>,
    /// The index of results; `None` where a stack has none.
    pub(crate) index: Option<Arc<dyn Index>>,
    pub(crate) events: Arc<dyn Events>,
    /// What was announced; `None` where it is not kept.
    pub(crate) event_log: Option<Arc<dyn EventLog>>,
    pub(crate) user_jobs: Arc<dyn Queue>,
    pub(crate) replay: Replay,
    pub(crate) door: Door,
    pub(crate) domain: Domain,
    /// `POLL_INTERVAL_MAX`, where a stack's outputs say it; of this machine the environment does.
    pub(crate) poll_interval_max: Option<Duration>,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    /// Who does what was ordered, in words.
    pub(crate) worker: &'static str,
}

impl Backend {
    /// Opens what the options name.
    pub(crate) async fn open(place: &Place, data: &Data) -> anyhow::Result<Self> {
        match place.stack()? {
            None => Ok(Folder::open(&data.data).await?.backend()),
            Some(name) => stack::open(name).await,
        }
    }
}

impl Place {
    /// The stack that is meant; `None` for this machine.
    pub(crate) fn stack(&self) -> anyhow::Result<Option<&str>> {
        match (self.backend, &self.stack) {
            (Side::Local, None) => Ok(None),
            (Side::Aws, Some(name)) => Ok(Some(name)),
            (Side::Local, Some(_)) => Err(bad_use("--stack goes with --backend aws")),
            (Side::Aws, None) => Err(bad_use("--backend aws needs the stack's name: --stack NAME")),
        }
    }

    /// For a command that works on this machine alone.
    pub(crate) fn refuse_a_stack(&self) -> anyhow::Result<()> {
        match (self.backend, &self.stack) {
            (Side::Local, None) => Ok(()),
            _ => Err(bad_use(
                "--backend aws and --stack are for accounts, audit, dead-letters, events replay, keys, reclassify, results \
                 and worker; a stack's events are on its topic",
            )),
        }
    }
}

pub(crate) fn bad_use(what: &str) -> anyhow::Error {
    BadUse(what.to_owned()).into()
}
