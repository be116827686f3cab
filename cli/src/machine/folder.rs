//! The data folder: one database, one key, and the archive's two trees.
//!
//! Only `serve` and `demo` take the folder's lock; other commands work beside them, through the same database.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use shared::archive::folder::FolderArchive;
use shared::breaker::Breaker;
use shared::clock::{Chance, Clock};
use shared::disposition::chain;
use shared::events::sqlite::SqliteEvents;
use shared::ledger::sqlite::SqliteLedger;
use shared::pacing::Pacing;
use shared::queue::sqlite::SqliteQueue;
use shared::replay::Replay;
use shared::sealing::key_file::{KeyFileSealing, web_key};
use shared::sqlite::Database;
use shared::store::StoreError;
use zeroize::Zeroizing;

use crate::BadUse;
use crate::backend::{Backend, Domain, Door};

/// The database's file: a folder with this in it is a data folder.
const DATABASE: &str = "fanmail.db";

/// An open data folder.
#[derive(Clone)]
pub(crate) struct Folder {
    pub(crate) root: PathBuf,
    pub(crate) ledger: Arc<SqliteLedger>,
    pub(crate) user_jobs: Arc<SqliteQueue>,
    pub(crate) message_jobs: Arc<SqliteQueue>,
    pub(crate) dead_user_jobs: Arc<SqliteQueue>,
    pub(crate) dead_message_jobs: Arc<SqliteQueue>,
    pub(crate) events: Arc<SqliteEvents>,
    pub(crate) archive: Arc<FolderArchive>,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
}

/// The folder's lock: whoever holds it runs the pipeline. It goes with the process, however that ends.
pub(crate) struct Lock {
    _held_open: File,
}

impl Folder {
    /// Opens the folder of a pipeline that is to run here, making it if needed, and locks it.
    pub(crate) async fn lock(root: &Path) -> anyhow::Result<(Self, Lock)> {
        make(root)?;
        let file = root.join("lock");
        let lock = File::create(&file).with_context(|| format!("opening {}", file.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok((Self::open_at(root).await?, Lock { _held_open: lock })),
            Err(TryLockError::WouldBlock) => {
                let root = root.display();
                Err(BadUse(format!(
                    "another fanmail already works on {root}; stop it, or name another --data"
                ))
                .into())
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("locking {}", file.display()))
            }
        }
    }

    /// Makes and locks the folder of a pipeline that begins from nothing. One that holds a pipeline's data already is
    /// refused: its mailboxes are somebody's, and another Google would call their grants dead.
    pub(crate) async fn lock_new(root: &Path) -> anyhow::Result<(Self, Lock)> {
        if root.join(DATABASE).exists() {
            let root = root.display();
            return Err(BadUse(format!(
                "{root} already holds the data of a pipeline; name a new folder with --data"
            ))
            .into());
        }
        Self::lock(root).await
    }

    /// Opens a folder that is there, beside whoever works on it.
    pub(crate) async fn open(root: &Path) -> anyhow::Result<Self> {
        if !root.join(DATABASE).exists() {
            let root = root.display();
            return Err(BadUse(format!(
                "{root} is no data folder of fanmail; name one with --data"
            ))
            .into());
        }
        Self::open_at(root).await
    }

    async fn open_at(root: &Path) -> anyhow::Result<Self> {
        let (clock, chance) = (Clock::System, Chance::system());
        let file = root.join(DATABASE);
        let database =
            Database::open(&file).with_context(|| format!("opening {}", file.display()))?;
        let dead =
            async |name| SqliteQueue::open(&database, name, clock.clone()).await.map(Arc::new);
        let live = async |name, dead| {
            SqliteQueue::with_dead_letters(&database, name, dead, clock.clone()).await.map(Arc::new)
        };
        Ok(Self {
            root: root.to_owned(),
            ledger: Arc::new(SqliteLedger::new(database.clone())),
            dead_user_jobs: dead("user-jobs-dlq").await?,
            dead_message_jobs: dead("message-jobs-dlq").await?,
            user_jobs: live("user-jobs", "user-jobs-dlq").await?,
            message_jobs: live("message-jobs", "message-jobs-dlq").await?,
            events: Arc::new(SqliteEvents::new(database.clone())),
            archive: Arc::new(FolderArchive::open(root)?),
            clock: clock.clone(),
            chance,
        })
    }

    /// Shows again at once what a pipeline that was killed held. Needs the lock: nobody else is at work.
    pub(crate) async fn recover(&self) -> anyhow::Result<()> {
        for queue in
            [&self.user_jobs, &self.message_jobs, &self.dead_user_jobs, &self.dead_message_jobs]
        {
            queue.reclaim().await?;
        }
        Ok(())
    }

    /// The file with the keys that tokens are sealed under.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.root.join("key")
    }

    /// The keys that tokens are sealed under, made on first use.
    pub(crate) fn sealing(&self) -> anyhow::Result<KeyFileSealing> {
        let opened = KeyFileSealing::open(&self.key_file(), self.clock.now(), self.chance.clone());
        opened.map_err(refused)
    }

    /// The key for cookies and connect links, made on first use.
    pub(crate) fn web_key(&self) -> anyhow::Result<Zeroizing<[u8; 32]>> {
        web_key(&self.root.join("web-key"), &self.chance).map_err(refused)
    }

    /// The folder as a person's commands see it.
    pub(crate) fn backend(&self) -> Backend {
        Backend {
            mailboxes: self.ledger.clone(),
            marks: self.ledger.clone(),
            letters: self.ledger.clone(),
            control: self.ledger.clone(),
            breaker: Breaker::new(self.ledger.clone()),
            archive: self.archive.clone(),
            index: Some(self.ledger.clone()),
            events: self.events.clone(),
            event_log: Some(self.events.clone()),
            user_jobs: self.user_jobs.clone(),
            replay: self.replay(Pacing::MAY_2026),
            door: Door::Folder(self.clone()),
            domain: Domain::Machine,
            poll_interval_max: None,
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            worker: "a running `fanmail serve`",
        }
    }

    /// What sends dead letters round again.
    pub(crate) fn replay(&self, pacing: Pacing) -> Replay {
        Replay {
            mailboxes: self.ledger.clone(),
            marks: self.ledger.clone(),
            letters: self.ledger.clone(),
            user_jobs: self.user_jobs.clone(),
            message_jobs: self.message_jobs.clone(),
            pacing,
        }
    }
}

/// What is broken is for the caller to mend; what did not answer is not.
pub(crate) fn refused(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Broken { .. } => BadUse(chain(&error)).into(),
        StoreError::Unavailable { .. } | StoreError::Full { .. } => error.into(),
    }
}

/// Makes the folder for its owner alone: there will be mail in it. One that is there keeps the rights it has.
fn make(root: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(root);
    let cannot = |error| {
        let root = root.display();
        BadUse(format!("cannot make the data folder {root}: {error}; name another with --data"))
    };
    Ok(made.map_err(cannot)?)
}
