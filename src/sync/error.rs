//! Why a sync stopped.

use kinfold_state::{StateError, StateErrorKind};

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

impl SyncError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    pub fn outside(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Outside, message)
    }

    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, message).hint("this is a mistake in Kinfold: please report it")
    }

    /// What the user can do about it. Replaces an earlier hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What lies beneath.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl From<StateError> for SyncError {
    fn from(e: StateError) -> Self {
        let kind = match e.kind {
            StateErrorKind::Retry => ErrorKind::Outside,
            StateErrorKind::Fenced => ErrorKind::Fenced,
            StateErrorKind::Configuration => ErrorKind::Input,
            StateErrorKind::Bug => ErrorKind::Bug,
        };
        Self { kind, message: e.message.clone(), hint: Some(e.hint().to_owned()), source: Some(Box::new(e)) }
    }
}

/// For rows that Kinfold itself computed: arrow refuses them only if a schema was promised that does not hold.
pub(crate) fn arrow_bug(e: arrow::error::ArrowError) -> SyncError {
    SyncError::bug("rows do not have the columns that were promised").source(e)
}
