//! The rules that are in force, shared by all who process messages, and looked at again while they do.
//!
//! Everybody asks [`Book::rules`]. Behind it, a file of one machine is looked at by a task of its own; one in S3 when it
//! is used, because a function stands still between two events.

mod last_good;
mod source;
mod told;
mod watched;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::archive::Archive;
use shared::clock::{Chance, Clock};
use shared::store::StoreError;
use shared::worker::Shutdown;

pub use self::source::{Content, RulesSource};

use self::last_good::LastGood;
use self::source::{LocalFile, content};
use self::watched::Watched;
use super::Rules;

/// The rules of `RULES_FILE`, others that do not change, or none.
#[derive(Clone, Default)]
pub struct Book(Holding);

#[derive(Clone, Default)]
enum Holding {
    #[default]
    Nothing,
    /// What stays as it is.
    Fixed(Arc<Rules>),
    /// What lies in a file that may change.
    Watched(Arc<Watched>),
}

/// Why there are no rules, with where they were to be. Each problem stands on a line of its own.
#[derive(Debug, PartialEq, Eq)]
pub enum NoBook {
    /// Nothing could be read.
    Unreadable(String),
    /// What was read are no rules.
    Bad(String),
}

impl fmt::Display for NoBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(what) | Self::Bad(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for NoBook {}

impl Rules {
    /// The rules of this file.
    pub fn open(path: &Path) -> Result<Self, NoBook> {
        let named = |error| NoBook::Unreadable(format!("{}: {error}", path.display()));
        let content = content(path).map_err(named)?;
        Self::parse(&content).map_err(|bad| NoBook::Bad(bad.in_file(&path.display())))
    }

    /// The rules that stand there now.
    pub async fn read(file: &dyn RulesSource) -> Result<Self, NoBook> {
        let content = file.read(None).await.map_err(NoBook::Unreadable)?;
        let bytes = content.map(|content| content.bytes).unwrap_or_default();
        Self::parse(&bytes).map_err(|bad| NoBook::Bad(bad.in_file(&file.name())))
    }
}

impl Book {
    /// How often a file of rules is looked at.
    pub const LOOKED_AT: Duration = Duration::from_mins(1);

    /// The rules of this file, which may change.
    pub fn open(path: &Path) -> Result<Self, NoBook> {
        let (rules, file) = (Rules::open(path)?, Arc::new(LocalFile(path.into())));
        Ok(Self(Holding::Watched(Arc::new(Watched::holding(rules, file)))))
    }

    /// Rules that stay as they are.
    pub fn of(rules: Rules) -> Self {
        Self(Holding::Fixed(Arc::new(rules)))
    }

    /// The rules of a file that is looked at when they are used, for the first time when they first are. The last good ones
    /// are kept in `archive`, for whoever begins while the file is bad or out of reach.
    pub fn on_use(
        file: Arc<dyn RulesSource>,
        archive: Arc<dyn Archive>,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        let last_good = LastGood::new(archive, file.name(), chance);
        Self(Holding::Watched(Arc::new(Watched::on_use(file, last_good, clock))))
    }

    /// The rules for what is begun now; whoever has them goes on with them. `None` where there are to be none. Where there
    /// are to be some and none could ever be read, that is our own fault.
    pub async fn rules(&self) -> Result<Option<Arc<Rules>>, StoreError> {
        match &self.0 {
            Holding::Nothing => Ok(None),
            Holding::Fixed(rules) => Ok(Some(rules.clone())),
            Holding::Watched(watched) => watched.rules().await.map(Some),
        }
    }

    /// Looks at the file every so often, until told to stop. Where there is none, nothing is done until then.
    pub async fn watch(self, every: Duration, clock: Clock, mut shutdown: Shutdown) {
        let Holding::Watched(watched) = self.0 else { return shutdown.told().await };
        while !shutdown.is_told() {
            tokio::select! {
                () = clock.sleep(every) => {}
                () = shutdown.told() => return,
            }
            watched.look().await;
        }
    }
}

#[cfg(test)]
mod tests;
