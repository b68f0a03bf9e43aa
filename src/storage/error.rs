//! What can go wrong below the actions, sorted by what the caller can do about it.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The same request may succeed in a moment; nothing was stored.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The database cannot be reached or written; nothing is known to be stored.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The disk did not take or give what it was asked: after that nothing on it can be relied on.
    #[error("the disk that holds the database failed: {0}")]
    Disk(String),
    /// No space left for the database.
    #[error("the disk that holds the database is full")]
    Full,
    /// A unique rule was hit: the thing is already there.
    #[error("already recorded: {0}")]
    Duplicate(String),
    /// Stored bytes are not what was written.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The database refused a statement: a rule of the schema, or a defect.
    #[error("the database refused a statement: {0}")]
    Query(String),
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, info) = &error else {
            return match error {
                DieselError::DeserializationError(cause) => Error::Corrupt(cause.to_string()),
                other => Error::Query(other.to_string()),
            };
        };
        let text = info.message().to_owned();
        match kind {
            DatabaseErrorKind::UniqueViolation => Error::Duplicate(text),
            DatabaseErrorKind::SerializationFailure => Error::Busy(text),
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                Error::Unavailable(text)
            }
            _ => by_message(text),
        }
    }
}

/// diesel keeps no SQLite result code, so the engine's fixed English sentences are what there is to go by.
fn by_message(text: String) -> Error {
    let has = |part: &str| text.contains(part);
    if has("database is locked")
        || has("deadlock detected")
        || has("lock timeout")
        || has("table is locked")
        || has("statement timeout")
    {
        Error::Busy(text)
    } else if has("disk is full") || has("No space left") {
        Error::Full
    } else if has("readonly database") || has("read-only") {
        Error::Unavailable(format!(
            "{text}; let this hub write: to the file and its folder, or to the PostgreSQL server that takes writes"
        ))
    } else if has("relation \"") && has("does not exist") {
        Error::Unavailable(format!(
            "{text}; the hub's tables are gone: check database.url, and that nobody emptied that database"
        ))
    } else if has("disk I/O error") {
        Error::Disk(text)
    } else if has("server closed the connection") || has("terminating connection") {
        Error::Unavailable(text)
    } else if has("malformed") || has("not a database") {
        Error::Corrupt(text)
    } else {
        Error::Query(text)
    }
}
