//! The sync engine: it diffs wanted rows against the ledger, sends the difference, and makes outcomes durable in an order
//! that survives a crash at any instant.
//!
//! [`run_sync`] is the whole way; [`ledger`] says what is kept; [`Connector`] is what a destination must do, and [`contract`]
//! the suite that each must pass.
//!
//! # Invariants
//! - What the ledger calls acknowledged, the destination has acknowledged, and the outcome was durable first.
//! - Every planned row is in exactly one of acknowledged, rejected, retry, unknown, and never sent.
//! - A row is kept with its identity at the destination for as long as the destination may hold it.
//!
//! Deliberately absent: any engine and its SQL ([`Rows`] stands for both), and any tool.

mod api;
mod claim;
pub mod contract;
mod cut;
mod deliver;
mod error;
mod files;
mod fold;
mod identity;
mod job;
pub mod ledger;
mod outcomes;
mod plan;
mod quota;
mod reader;
mod run;
mod send;
mod state;
#[cfg(test)]
mod testing;

pub use api::{
    Answer, Batch, BatchStream, Connector, Limits, Operation, Outcome, Rows, SharedConnector, Target, fingerprint,
};
pub use error::{ErrorKind, SyncError};
pub use job::{Guard, LedgerCounts, LogEntry, StateFolder, SyncJob, SyncLog, SyncReport, SyncStatus, Tuning};
pub use quota::{Quota, Quotas};
pub use run::run_sync;
