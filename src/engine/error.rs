//! Why an engine could not do what it was asked.

use datafusion::common::DataFusionError;

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

impl EngineError {
    /// Whether a query needed more memory than it may have.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        let mut next = self.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static));
        while let Some(e) = next {
            if let Some(DataFusionError::ResourcesExhausted(_)) = e.downcast_ref() {
                return true;
            }
            next = e.source();
        }
        false
    }
}
