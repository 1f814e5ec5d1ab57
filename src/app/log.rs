//! The tables `runs`, `sync_runs` and `sync_log`: what ran, and what became of each row.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use kinfold_base::{RunId, Silent, Timestamp};
use kinfold_engine::{Engine, EngineError, RecordStream, RunContext};
use kinfold_lang::project::Project;
use kinfold_plan::{KeepTable, Output, delivery, render};
use kinfold_sync::{LogEntry, SyncError, SyncLog, ledger};
use tokio::sync::Mutex;

use crate::report::{RunReport, StepStatus, word};
use crate::rows::first_rows;
use crate::sync::{file_table, sync_error};
use crate::{AppError, AppErrorKind, Ready};

/// Adds the steps of a run to the table `runs`, with `status` for the run as a whole. Readers see them when the run is committed.
pub(crate) async fn write_run(
    ready: &Ready,
    run: &RunContext,
    started_at: Timestamp,
    report: &RunReport,
    status: &str,
) -> Result<(), AppError> {
    let ended_at = ready.options.clock.now();
    let ran: Vec<_> = report.steps.iter().filter(|s| s.status != StepStatus::Skipped).collect();
    let kinds: Vec<String> = ran.iter().map(|s| word(&s.kind)).collect();
    let n = ran.len();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("run_id", texts(std::iter::repeat_n(run.run_id.as_str(), n))),
        ("as_of", instants(run.as_of, n)),
        ("started_at", instants(started_at, n)),
        ("ended_at", instants(ended_at, n)),
        ("status", texts(std::iter::repeat_n(status, n))),
        ("step", texts(ran.iter().map(|s| s.name.as_str()))),
        ("kind", texts(kinds.iter().map(String::as_str))),
        ("rows", integers(ran.iter().map(|s| s.rows))),
        ("seconds", Arc::new(Float64Array::from_iter_values(ran.iter().map(|s| s.seconds)))),
    ];
    append(ready.engine.as_ref(), run, "runs", columns).await
}

/// Writes `sync_runs` and `sync_log`, one sync at a time: each entry is a commit of its own.
pub(crate) struct DeltaLog {
    engine: Arc<dyn Engine>,
    project: Arc<Project>,
    /// Whose instant and clock the entries share.
    run: RunContext,
    started_at: Timestamp,
    clock: Arc<dyn kinfold_base::Clock>,
    writing: Mutex<()>,
}

impl DeltaLog {
    pub(crate) fn new(ready: &Ready, run: &RunContext) -> Self {
        let clock = Arc::clone(&ready.options.clock);
        let run = RunContext { progress: Arc::new(Silent), ..run.clone() };
        Self {
            engine: Arc::clone(&ready.engine),
            project: Arc::clone(&ready.project),
            run,
            started_at: clock.now(),
            clock,
            writing: Mutex::new(()),
        }
    }

    async fn write(&self, run: &RunContext, entry: &LogEntry) -> Result<(), AppError> {
        let report = &entry.report;
        let sync = self.project.syncs.iter().find(|s| s.name == report.sync);
        let destination = sync.map_or("", |s| s.destination.as_str());
        // A crash can fall between the two tables, so each is asked for itself.
        if !self.has("sync_log", report).await? && !entry.outcome_files.is_empty() {
            let query = delivery::log_query(&report.run_id, &report.sync, destination);
            let files = [
                file_table(delivery::PLAN_TABLE, &entry.plan_files, ledger::plan_schema()),
                file_table(delivery::OUTCOMES_TABLE, &entry.outcome_files, ledger::outcome_schema()),
            ];
            let rows = self.engine.query(&render(&query, self.engine.dialect()), &files).await?;
            self.engine.create_table_from(run, &log_table("sync_log"), rows).await?;
        }
        if !self.has("sync_runs", report).await? {
            let status = word(&report.status);
            let count = |n: u64| integers([n]);
            let columns: Vec<(&str, ArrayRef)> = vec![
                ("run_id", texts([report.run_id.as_str()])),
                ("sync", texts([report.sync.as_str()])),
                ("destination", texts([destination])),
                ("started_at", instants(self.started_at, 1)),
                ("ended_at", instants(self.clock.now(), 1)),
                ("status", texts([status.as_str()])),
                ("added", count(report.added)),
                ("updated", count(report.updated)),
                ("removed", count(report.removed)),
                ("acknowledged", count(report.acknowledged)),
                ("rejected", count(report.rejected)),
                ("retry", count(report.retry)),
                ("unknown", count(report.unknown)),
                ("invalid", count(report.invalid)),
            ];
            append(self.engine.as_ref(), run, "sync_runs", columns).await?;
        }
        Ok(self.engine.commit(run).await?)
    }

    async fn has(&self, table: &str, report: &kinfold_sync::SyncReport) -> Result<bool, AppError> {
        let sql = render(&delivery::logged_query(table, &report.run_id, &report.sync), self.engine.dialect());
        Ok(!first_rows(self.engine.query(&sql, &[]).await?, 1).await?.rows.is_empty())
    }
}

#[async_trait]
impl SyncLog for DeltaLog {
    async fn record(&self, entry: &LogEntry) -> Result<(), SyncError> {
        let _one_at_a_time = self.writing.lock().await;
        let run = RunContext { run_id: RunId::new(self.clock.as_ref()), ..self.run.clone() };
        if let Err(e) = self.write(&run, entry).await {
            self.engine.discard(&run).await.map_err(sync_error)?;
            return Err(SyncError {
                kind: kinfold_sync::ErrorKind::Outside,
                message: e.message,
                hint: e.hint,
                source: e.source,
            });
        }
        Ok(())
    }
}

async fn append(
    engine: &dyn Engine,
    run: &RunContext,
    table: &str,
    columns: Vec<(&str, ArrayRef)>,
) -> Result<(), AppError> {
    let fields: Vec<Field> = columns.iter().map(|(name, a)| Field::new(*name, a.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, a)| a).collect()).map_err(|e| {
            AppError { kind: AppErrorKind::Bug, ..AppError::outside(format!("cannot log to {table}: {e}")) }
        })?;
    let batches = stream::iter([Ok::<_, EngineError>(batch)]).boxed();
    engine.create_table_from(run, &log_table(table), RecordStream { schema, batches }).await?;
    Ok(())
}

fn log_table(name: &str) -> Output {
    Output { name: name.to_owned(), keep: KeepTable::Append }
}

fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn integers(values: impl IntoIterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.into_iter().map(|n| i64::try_from(n).unwrap_or(i64::MAX))))
}

fn instants(at: Timestamp, n: usize) -> ArrayRef {
    let values = TimestampMicrosecondArray::from_iter_values(std::iter::repeat_n(at.as_microsecond(), n));
    Arc::new(values.with_timezone("UTC"))
}
