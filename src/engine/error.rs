//! Why an engine could not do what it was asked.

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user's files or data are wrong: mend them. Exit code 1.
    Input,
    /// Something outside failed: storage, credentials, disk, memory. Exit code 2.
    Outside,
    /// Kinfold is wrong: report it. Exit code 2.
    Bug,
}

/// One clear sentence that names the table or file, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    pub kind: ErrorKind,
    pub message: String,
    pub hint: Option<String>,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
