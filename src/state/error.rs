//! Why state could not be read or written.

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateErrorKind {
    /// Storage failed; nothing is lost: run again.
    Retry,
    /// Another writer has taken over: stop.
    Fenced,
    /// Storage refuses us, or holds something that this release cannot read: mend the configuration.
    Configuration,
    /// The history breaks its own rules: report it.
    Bug,
}

/// One clear sentence that names the file, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StateError {
    pub kind: StateErrorKind,
    pub message: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StateError {
    pub(crate) fn new(kind: StateErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// An error of the store while `doing` something, such as `read the state file x`.
    pub(crate) fn store(doing: &str, source: object_store::Error) -> Self {
        use object_store::Error as E;
        let (kind, what) = match &source {
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
                (StateErrorKind::Configuration, "storage refuses the credential")
            }
            E::NotSupported { .. }
            | E::NotImplemented { .. }
            | E::InvalidPath { .. }
            | E::UnknownConfigurationKey { .. } => (StateErrorKind::Configuration, "this storage cannot do it"),
            _ => (StateErrorKind::Retry, "storage failed"),
        };
        Self { kind, message: format!("cannot {doing}: {what}"), source: Some(Box::new(source)) }
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.kind {
            StateErrorKind::Retry => "nothing is lost: run again",
            StateErrorKind::Fenced => "another process works on this: let it finish, and run one at a time",
            StateErrorKind::Configuration => {
                "check the location and the credentials of the lake, and this release of Kinfold"
            }
            StateErrorKind::Bug => "please report it, with the names of the files under the state's folder",
        }
    }
}
