//! A sync without an engine and without a tool: rows and ledger in plain Rust, a destination in memory. Test code only.

mod contract;
pub(crate) mod destination;
pub(crate) mod rows;
mod simulation;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema};
use kinfold_base::{FixedClock, NoFaults, Silent, SyncMode, Timestamp};
use object_store::ObjectStore;
use object_store::path::Path;
use tokio_util::sync::CancellationToken;

use crate::{Guard, Quota, SharedConnector, StateFolder, SyncJob, Target, Tuning};
use rows::TestRows;

pub(crate) fn payload() -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, false), Field::new("v", DataType::Utf8, true)]))
}

pub(crate) fn folder(store: &Arc<dyn ObjectStore>) -> StateFolder {
    StateFolder { store: Arc::clone(store), prefix: Path::from("_state/syncs/s"), url: "memory".to_owned() }
}

/// A job over two text columns, the first being the key; impatient, so that tests need not wait.
pub(crate) fn job<'a>(
    rows: &'a TestRows,
    connector: SharedConnector,
    store: &Arc<dyn ObjectStore>,
    run: usize,
) -> SyncJob<'a> {
    SyncJob {
        target: Target {
            sync: "s".to_owned(),
            object: "people".to_owned(),
            mode: rows.mode,
            schema: payload(),
            key_columns: 1,
            skip_nulls: false,
            run_id: format!("run{run:05}"),
        },
        connector,
        rows,
        state: folder(store),
        guard: Guard::default(),
        quota: Arc::new(Quota::new(None)),
        full: false,
        dry_run: false,
        tuning: Tuning {
            attempts: 2,
            backoff: Duration::from_micros(1),
            max_backoff: Duration::from_micros(2),
            window_rows: 12,
            keep_versions: 3,
            failures_to_stop: 3,
            ..Tuning::default()
        },
        cancel: CancellationToken::new(),
        clock: Arc::new(FixedClock(Timestamp::UNIX_EPOCH)),
        faults: Arc::new(NoFaults),
        progress: Arc::new(Silent),
        log: None,
    }
}

/// What happens to rows that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Nothing,
    Clear,
    Delete,
}

pub(crate) const fn operation_of(mode: SyncMode) -> &'static str {
    match mode {
        SyncMode::Insert => "insert",
        SyncMode::Update => "update",
        SyncMode::Upsert | SyncMode::Mirror => "upsert",
    }
}
