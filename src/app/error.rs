//! Why a use case stopped, and which exit code that is.

use kinfold_engine::{EngineError, ErrorKind as EngineErrorKind};
use kinfold_sync::{ErrorKind as SyncErrorKind, SyncError};

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppErrorKind {
    /// The user's files, data or arguments are wrong. Exit code 1.
    Input,
    /// Something outside failed. Exit code 2.
    Outside,
    /// Kinfold is wrong. Exit code 2.
    Bug,
}

/// One clear sentence, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct AppError {
    pub kind: AppErrorKind,
    pub message: String,
    pub hint: Option<String>,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl AppError {
    pub fn input(message: impl Into<String>) -> Self {
        Self { kind: AppErrorKind::Input, message: message.into(), hint: None, source: None }
    }

    pub fn outside(message: impl Into<String>) -> Self {
        Self { kind: AppErrorKind::Outside, ..Self::input(message) }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn hint_opt(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

impl From<EngineError> for AppError {
    fn from(e: EngineError) -> Self {
        let kind = match e.kind {
            EngineErrorKind::Input => AppErrorKind::Input,
            EngineErrorKind::Outside => AppErrorKind::Outside,
            EngineErrorKind::Bug => AppErrorKind::Bug,
        };
        Self { kind, message: e.message, hint: e.hint, source: e.source }
    }
}

impl From<SyncError> for AppError {
    fn from(e: SyncError) -> Self {
        let kind = match e.kind {
            SyncErrorKind::Input | SyncErrorKind::Guard => AppErrorKind::Input,
            SyncErrorKind::Outside | SyncErrorKind::Fenced => AppErrorKind::Outside,
            SyncErrorKind::Bug => AppErrorKind::Bug,
        };
        Self { kind, message: e.message, hint: e.hint, source: e.source }
    }
}
