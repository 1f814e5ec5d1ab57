//! Threads for what takes several.

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::IdentityError;

/// So many threads, and at least one.
///
/// # Errors
/// When the system has none.
pub(crate) fn pool(threads: usize) -> Result<ThreadPool, IdentityError> {
    let pool = ThreadPoolBuilder::new().num_threads(threads.max(1)).thread_name(|i| format!("identity-{i}")).build();
    pool.map_err(|e| IdentityError::NoThreads(e.to_string()))
}
