//! The tables `runs`, `sync_runs` and `sync_log`: what ran, and what became of each row.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use kinfold_base::{RunId, Silent, Timestamp};
use kinfold_engine::{Engine, EngineError, RecordStream, RunContext};
use kinfold_lang::project::Project;
use kinfold_plan::{KeepTable, Output, delivery, inspect, render};
use kinfold_sync::{LogEntry, SyncError, SyncLog, ledger};
use tokio::sync::Mutex;

use crate::report::{RunReport, StepStatus, word};
use crate::rows::{each_row, first_rows};
use crate::sync::{file_table, sync_error};
use crate::{AppError, AppErrorKind, Ready};

/// Adds the steps of a run to the table `runs`, and the sizes of the segments that it built, with `status` for the run as a whole.
/// Readers see them when the run is committed.
pub(crate) async fn write_run(
    ready: &Ready,
    run: &RunContext,
    started_at: Timestamp,
    report: &RunReport,
    status: &str,
) -> Result<(), AppError> {
    let ended_at = ready.options.clock.now();
    let ran: Vec<_> = report.steps.iter().filter(|s| s.status != StepStatus::Skipped).collect();
    let mut entries: Vec<Entry> = ran
        .into_iter()
        .map(|s| Entry { step: s.name.clone(), kind: word(&s.kind), rows: s.rows, seconds: Some(s.seconds) })
        .collect();
    if status == "done" {
        entries.extend(segment_sizes(ready, report).await?);
    }
    let n = entries.len();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("run_id", texts(std::iter::repeat_n(run.run_id.as_str(), n))),
        ("as_of", instants(run.as_of, n)),
        ("started_at", instants(started_at, n)),
        ("ended_at", instants(ended_at, n)),
        ("status", texts(std::iter::repeat_n(status, n))),
        ("step", texts(entries.iter().map(|e| e.step.as_str()))),
        ("kind", texts(entries.iter().map(|e| e.kind.as_str()))),
        ("rows", integers(entries.iter().map(|e| e.rows))),
        ("seconds", Arc::new(entries.iter().map(|e| e.seconds).collect::<Float64Array>())),
    ];
    append(ready.engine.as_ref(), run, "runs", columns).await
}

/// A row of `runs`.
struct Entry {
    step: String,
    kind: String,
    rows: u64,
    seconds: Option<f64>,
}

/// How many members each segment has that this run built.
async fn segment_sizes(ready: &Ready, report: &RunReport) -> Result<Vec<Entry>, AppError> {
    let mut entries = vec![];
    for entity in &ready.project.entities {
        let step = kinfold_plan::segments_table(entity);
        if !report.steps.iter().any(|s| s.name == step && s.status == StepStatus::Done) {
            continue;
        }
        let mut sizes = HashMap::new();
        each_row(ready.engine.as_ref(), &inspect::segment_sizes(entity), |row| {
            sizes.insert(row["segment"].as_str().unwrap_or_default().to_owned(), row["size"].as_u64());
        })
        .await?;
        let segments = ready.project.segments.iter().filter(|s| s.entity == entity.name);
        entries.extend(segments.map(|s| Entry {
            step: s.name.clone(),
            kind: "segment".to_owned(),
            rows: sizes.get(&s.name).copied().flatten().unwrap_or_default(),
            seconds: None,
        }));
    }
    Ok(entries)
}

/// How long each step took when it was last done, by name.
pub(crate) async fn last_seconds(ready: &Ready) -> Result<HashMap<String, Duration>, AppError> {
    let mut took = HashMap::new();
    each_row(ready.engine.as_ref(), &inspect::last_seconds(), |row| {
        if let (Some(step), Some(seconds)) = (row["step"].as_str(), row["seconds"].as_f64()) {
            took.insert(step.to_owned(), Duration::try_from_secs_f64(seconds).unwrap_or_default());
        }
    })
    .await?;
    Ok(took)
}

/// When each sync began that was last done, by name.
pub(crate) async fn last_done(ready: &Ready) -> Result<HashMap<String, Timestamp>, AppError> {
    let mut began = HashMap::new();
    each_row(ready.engine.as_ref(), &inspect::last_done_syncs(), |row| {
        if let (Some(sync), Some(Ok(at))) = (row["sync"].as_str(), row["started_at"].as_str().map(str::parse)) {
            began.insert(sync.to_owned(), at);
        }
    })
    .await?;
    Ok(began)
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
            self.engine.create_table_from(run, &log_table("sync_log"), vec![rows]).await?;
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
    engine.create_table_from(run, &log_table(table), vec![RecordStream { schema, batches }]).await?;
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
