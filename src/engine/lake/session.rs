//! How DataFusion is set up.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::catalog::CatalogProviderList;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool, TrackConsumersPool, UnboundedMemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;

use crate::error::EngineError;
use crate::failure;
use crate::functions;
use crate::lake::catalog::{CATALOG, KINFOLD};
use crate::lake::scratch::ScratchDir;

/// Footers of Parquet files that are kept in memory.
const METADATA_CACHE_BYTES: usize = 64 << 20;
/// Rows of a batch where joins spill.
const SPILLING_BATCH_ROWS: usize = 2048;
/// How many of the largest consumers an error about memory tells of.
const TOLD_CONSUMERS: NonZeroUsize = NonZeroUsize::new(5).expect("not zero");

/// What queries share: memory, disk, settings, functions.
pub(crate) fn state(
    threads: usize,
    memory_limit_bytes: Option<u64>,
    scratch: &ScratchDir,
    names: Arc<dyn CatalogProviderList>,
) -> Result<SessionState, EngineError> {
    let pool: Arc<dyn MemoryPool> = match memory_limit_bytes {
        // Fair: a sort that comes late gets its share, instead of failing because an earlier one has taken all.
        Some(bytes) => Arc::new(TrackConsumersPool::new(
            FairSpillPool::new(usize::try_from(bytes).unwrap_or(usize::MAX)),
            TOLD_CONSUMERS,
        )),
        None => Arc::new(UnboundedMemoryPool::default()),
    };
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![scratch.path().join("spill")]))
        // The disk itself is the limit.
        .with_max_temp_directory_size(u64::MAX)
        .with_max_spill_merge_fan_in(merge_fan_in(threads, memory_limit_bytes));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(pool)
        .with_disk_manager_builder(disk)
        .with_metadata_cache_limit(METADATA_CACHE_BYTES)
        .build_arc()
        .map_err(|e| failure::query(e, "the engine"))?;
    let mut config = SessionConfig::new()
        .with_target_partitions(threads.max(1))
        .with_batch_size(8192)
        .with_collect_statistics(true)
        .with_default_catalog_and_schema(CATALOG, KINFOLD)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    let options = config.options_mut();
    if let Some(limit) = memory_limit_bytes {
        // What every sort sets aside for merging must not eat up a small limit.
        let share = usize::try_from(limit).unwrap_or(usize::MAX) / (8 * threads.max(1));
        let set_aside = &mut options.execution.sort_spill_reservation_bytes;
        *set_aside = share.min(*set_aside);
    }
    // DataFusion 55 puts the columns of a file into such a filter wrongly where one thing that is sorted by is a part of another, as in
    // `ORDER BY lower(a), a`: rows are lost that are among the first.
    options.optimizer.enable_topk_dynamic_filter_pushdown = false;
    options.execution.time_zone = Some("+00:00".to_owned());
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.execution.parquet.schema_force_view_types = true;
    options.sql_parser.map_string_types_to_utf8view = true;
    // 8.05 is 8.05: as a float it would be a little more, and money held against it wrongly refused.
    options.sql_parser.parse_float_as_decimal = true;
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_catalog_list(names)
        .build();
    functions::register(&mut state).map_err(|e| failure::query(e, "the engine's functions"))?;
    Ok(state)
}

/// The same session with joins that sort both sides and spill, instead of holding one in memory.
pub(crate) fn spilling(state: &SessionState) -> SessionState {
    // With one partition, DataFusion knows only joins that hold one side.
    let partitions = state.config().target_partitions().max(2);
    // Small batches, as a merge holds one of each file that it merges.
    let mut config = state.config().clone().with_target_partitions(partitions).with_batch_size(SPILLING_BATCH_ROWS);
    config.options_mut().optimizer.prefer_hash_join = false;
    SessionStateBuilder::new_from_existing(state.clone()).with_config(config).build()
}

/// How many spilled files a sort merges at once. Without a bound, the first sort of a query takes all memory for reading its
/// files, and the others fail. 0 is no bound.
fn merge_fan_in(threads: usize, memory_limit_bytes: Option<u64>) -> usize {
    /// What a sort may hold for each file that it merges, roughly.
    const BYTES_PER_FILE: u64 = 8 << 20;
    let files = |limit: u64| limit / (BYTES_PER_FILE * threads.max(1) as u64);
    memory_limit_bytes.map_or(0, |limit| usize::try_from(files(limit)).unwrap_or(usize::MAX).clamp(4, 64))
}
