//! Why a sync stopped.

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user's files or settings are wrong: mend them. Exit code 1.
    Input,
    /// Something outside failed: network, credentials, storage. Exit code 2.
    Outside,
    /// Another process has taken this sync over.
    Fenced,
    /// A guard stopped the sync before it sent anything. Exit code 1.
    Guard,
    /// Kinfold is wrong: report it.
    Bug,
}

/// One clear sentence, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SyncError {
    pub kind: ErrorKind,
    pub message: String,
    pub hint: Option<String>,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
