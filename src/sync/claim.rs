//! Whether a run may still send: once another process has taken the sync over, what this one holds may be old.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kinfold_state::Watch;
use tokio::time::Instant;

use crate::error::SyncError;
use crate::state::SyncState;

/// The claim of a run, asked about again whenever the last answer is too old.
#[derive(Debug)]
pub(crate) struct Claim {
    watch: Watch<SyncState>,
    /// How long an answer is good for.
    every: Duration,
    verified_at: Mutex<Instant>,
}

impl Claim {
    /// For a writer that has just committed.
    pub(crate) fn new(watch: Watch<SyncState>, every: Duration) -> Self {
        Self { watch, every, verified_at: Mutex::new(Instant::now()) }
    }

    /// To be asked before each request.
    pub(crate) async fn verify(&self) -> Result<(), SyncError> {
        let verified_at = *self.verified_at.lock().unwrap_or_else(PoisonError::into_inner);
        if verified_at.elapsed() < self.every { Ok(()) } else { self.verify_now().await }
    }

    /// As `verify`, however young the last answer is.
    pub(crate) async fn verify_now(&self) -> Result<(), SyncError> {
        let now = Instant::now();
        self.watch.verify().await?;
        *self.verified_at.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }
}
