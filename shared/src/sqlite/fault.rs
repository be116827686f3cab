//! What SQLite's errors mean: the one place that says which are worth another try.

use std::error::Error;
use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};

use crate::store::StoreError;

/// Turns SQLite's error into a store's. It is shared by all whose transaction it ended.
pub(super) fn fault(doing: &'static str, error: Arc<rusqlite::Error>) -> StoreError {
    let kind = kind(&error);
    let source: Box<dyn Error + Send + Sync> = Box::new(error);
    match kind {
        Kind::Unavailable => StoreError::Unavailable { doing, source },
        Kind::Full => StoreError::Full { doing, source },
        Kind::Broken => StoreError::Broken { doing, source },
    }
}

enum Kind {
    Unavailable,
    Full,
    Broken,
}

fn kind(error: &rusqlite::Error) -> Kind {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        // A row that does not read back, or a statement that does not fit its table.
        return Kind::Broken;
    };
    match (failure.code, failure.extended_code) {
        // SQLite knows a full disk, but calls a file-size limit or a spent quota a failed write.
        (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE) => {
            Kind::Full
        }
        (
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::OperationAborted
            | ErrorCode::FileLockingProtocolFailed,
            _,
        ) => Kind::Unavailable,
        _ => Kind::Broken,
    }
}
