//! How a store fails: one short list for tables, queues, folders and topics, because the answer to each is the same.

use std::error::Error;
use std::io;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Busy, throttled or out of reach; the write may or may not have happened. Worth another try.
    #[error("the store did not answer while {doing}")]
    Unavailable {
        /// What we were doing.
        doing: &'static str,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// No room is left. Nothing half-written stays; the work goes on by itself once there is room.
    #[error("no room is left while {doing}")]
    Full {
        /// What we were doing.
        doing: &'static str,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Missing, forbidden or unreadable: ours to mend. No job is blamed for it.
    #[error("the store cannot be used while {doing}")]
    Broken {
        /// What we were doing.
        doing: &'static str,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// What the operating system's error means: the one place that says which are worth another try.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
    pub fn io(doing: &'static str, error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let (kind, source) = (error.kind(), error.into());
        match kind {
            Kind::StorageFull | Kind::FileTooLarge | Kind::QuotaExceeded => {
                Self::Full { doing, source }
            }
            Kind::NotFound
            | Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::NotADirectory
            | Kind::IsADirectory
            | Kind::InvalidData
            | Kind::InvalidInput
            | Kind::Unsupported => Self::Broken { doing, source },
            _ => Self::Unavailable { doing, source },
        }
    }
}

/// Whether a conditional write took place.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It did.
    Applied,
    /// What was read no longer stands: somebody else wrote in between, or it was done before.
    Stale,
}

impl Write {
    /// `Applied` when `rows` were changed.
    pub fn of(rows: usize) -> Self {
        if rows > 0 { Self::Applied } else { Self::Stale }
    }

    /// Makes `change` if what it was decided on still `stands`.
    pub(crate) fn only_if(stands: bool, change: impl FnOnce()) -> Self {
        if !stands {
            return Self::Stale;
        }
        change();
        Self::Applied
    }
}
