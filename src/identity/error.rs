//! Why the kernel could not do what it was asked.

/// What is wrong with the input. No message holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The caller broke the contract of a function; a bug of Kinfold.
    #[error("the identity kernel was called with {0}")]
    Misuse(&'static str),
    #[error("there are more identifier values than the identity kernel can hold (about 4 billion)")]
    TooManyValues,
    #[error("there are more rows that link identifiers than the identity kernel can hold (about 250 billion)")]
    TooManyRows,
    #[error("an entity can have at most 255 identifiers")]
    TooManyIdentifiers,
    /// Index `never` of [`crate::Rules::pins`].
    #[error("pin number {} keeps two values apart that other pins put into one profile", .never + 1)]
    ContradictoryPins { never: usize },
    #[error("what an earlier run has kept of a source is damaged")]
    BrokenKept,
    #[error("no threads can be had: {0}")]
    NoThreads(String),
    /// The previous assignment holds something that no run of Kinfold wrote.
    #[error("the last run's identifiers name a profile id that Kinfold did not make")]
    ForeignProfileId,
}
