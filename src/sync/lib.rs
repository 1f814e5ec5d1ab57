//! The sync engine: it diffs wanted rows against the ledger, sends the difference, and makes outcomes durable in an order
//! that survives a crash at any instant.

mod api;
mod error;

pub use api::{
    Answer, Batch, BatchStream, Connector, Limits, Operation, Outcome, Rows, SharedConnector, Target,
};
pub use error::{ErrorKind, SyncError};
