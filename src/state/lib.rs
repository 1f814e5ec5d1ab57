//! Versioned state on object storage: a history of numbered files that only one writer at a time can add to.
//!
//! It knows nothing of what it keeps: a version's body is any value that can be written as JSON.
//!
//! # Invariants
//! - **Linear.** Version `n + 1` was made from version `n`, by a writer that had seen it. Files are created only if absent, and
//!   never written again.
//! - **Fenced.** A claim is a version of its own with a higher epoch. Once it exists, the next commit of every older writer
//!   fails with [`StateErrorKind::Fenced`].
//! - **Nothing in doubt counts.** A create whose answer was lost is read back and compared, byte by byte; a commit returns `Ok`
//!   only for bytes that are in the history.
//! - **Garbage stays garbage.** Before old versions are deleted, a boundary above them is made durable. Numbers at or below the
//!   boundary are no part of the history, so a writer that stalled and creates a deleted number anew has committed nothing, and is
//!   told so.
//!
//! # Layout
//! ```text
//! <prefix>/versions/00000000000000000012.json    {"format":1,"number":12,"epoch":4,"parent":11,"writer":"…","body":{…}}
//! <prefix>/boundaries/00000000000000000009.json  versions up to 9 are gone or about to go
//! ```
//!
//! The store's writes must last, and creating what is there must fail: for a folder on a disk that takes flushing, which
//! `object_store` itself does not do.
//!
//! Deliberately absent: leases and clocks. A writer that was fenced learns it when it next commits or asks
//! ([`Writer::verify`]); what it did elsewhere meanwhile is for its user to make harmless.

mod error;
mod versions;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use error::{StateError, StateErrorKind};
pub use versions::{Version, Versions, Watch, Writer};
