//! Memory that is held outside DataFusion's operators, counted in its pool.
//!
//! What is counted here cannot spill, and DataFusion's operators can: so it is always granted, and they have to give way. Only
//! what would leave them too little to work with is refused.

use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

use crate::api::MemoryShare;
use crate::error::EngineError;
use crate::failure::outside;

/// What one piece of work may hold, as parts of the limit.
const MOST: (usize, usize) = (3, 4);

/// See [`MemoryShare`].
pub(crate) struct Share {
    reservation: MemoryReservation,
    limit: Option<usize>,
    what: String,
}

impl Share {
    pub(crate) fn new(pool: &Arc<dyn MemoryPool>, what: &str) -> Self {
        let limit = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => Some(bytes),
            MemoryLimit::Infinite | MemoryLimit::Unknown => None,
        };
        Self { reservation: MemoryConsumer::new(what).register(pool), limit, what: what.to_owned() }
    }

    /// Tells how many bytes are held now, however many.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.reservation.resize(bytes);
    }
}

impl MemoryShare for Share {
    fn hold(&mut self, bytes: usize) -> Result<(), EngineError> {
        if let Some(limit) = self.limit
            && bytes > limit / MOST.1 * MOST.0
        {
            let mebibytes = |bytes: usize| bytes.div_ceil(1 << 20);
            let wanted = mebibytes(bytes / MOST.0 * MOST.1);
            let message = format!("{} take more memory than the memory limit allows", self.what);
            let hint = format!(
                "they cannot be spilled to disk, and take {} MiB so far: raise --memory-limit from {} MiB to more than {wanted} MiB",
                mebibytes(bytes),
                mebibytes(limit)
            );
            let source = DataFusionError::ResourcesExhausted(message.clone());
            return Err(EngineError { source: Some(Box::new(source)), ..outside(message).hint(hint) });
        }
        self.count(bytes);
        Ok(())
    }
}
