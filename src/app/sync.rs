//! `kinfold sync`, and the second half of `kinfold run`: hands each sync its rows, its state, its destination and its log.

use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use kinfold_base::{ProgressEvent, RunId};
use kinfold_engine::{Engine, FileTable, Gap, RunContext};
use kinfold_lang::project::{self, Nulls, SyncRows};
use kinfold_plan::{delivery, inspect, render, tables_of_sync};
use kinfold_sync::{
    BatchStream, ErrorKind, Guard, Quotas, Rows, StateFolder, SyncError, SyncJob, SyncStatus, Target, Tuning, ledger,
};
use serde::Serialize;

use crate::destinations::Destinations;
use crate::log::{self, DeltaLog};
use crate::report::{ErrorReport, RunStatus, SyncSummary, word};
use crate::rows::first_rows;
use crate::{AppError, Ready};

/// How many syncs deliver at once. Most of their time is spent waiting for somebody.
const SYNCS_AT_ONCE: usize = 4;

/// What to deliver.
#[derive(Debug, Clone, Default)]
pub struct SyncRequest {
    /// Empty is all.
    pub names: Vec<String>,
    /// Of these, only those whose schedule has come since they were last done.
    pub due: bool,
    pub dry_run: bool,
    pub full: bool,
}

/// What came of delivering.
#[derive(Debug, Clone, Serialize)]
pub struct SyncReport {
    pub run_id: String,
    pub status: RunStatus,
    pub seconds: f64,
    pub syncs: Vec<SyncSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

/// How to deliver.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    pub(crate) dry_run: bool,
    pub(crate) full: bool,
    /// What the last run did not build; none right after a run.
    pub(crate) gaps: Option<Vec<Gap>>,
}

/// Delivers from the tables that the last run built.
///
/// # Errors
/// When a name is unknown, or nothing has been built yet. What befell a sync is in the report.
pub async fn sync(ready: &Ready, request: &SyncRequest) -> Result<SyncReport, AppError> {
    let started = Instant::now();
    let known: Vec<String> = ready.project.syncs.iter().map(|s| s.name.clone()).collect();
    for name in &request.names {
        if !known.contains(name) {
            let hint = kinfold_base::did_you_mean(name, known.iter().map(String::as_str));
            return Err(AppError::input(format!("there is no sync `{name}`")).hint(
                hint.map_or_else(|| format!("there are {}", known.join(", ")), |n| format!("did you mean `{n}`?")),
            ));
        }
    }
    let gaps = ready.open_tables().await?;
    let clock = &ready.options.clock;
    let run = RunContext {
        run_id: RunId::new(clock.as_ref()),
        as_of: clock.now(),
        full: false,
        progress: Arc::clone(&ready.options.progress),
    };
    let mut names = if request.names.is_empty() { known } else { request.names.clone() };
    if request.due {
        let last = log::last_done(ready).await?;
        names.retain(|name| {
            let sync = ready.project.syncs.iter().find(|s| s.name == *name);
            let schedule = sync.and_then(|s| s.schedule.as_ref());
            schedule.is_some_and(|schedule| schedule.is_due(last.get(name).copied(), run.as_of))
        });
    }
    let delivery = Delivery { dry_run: request.dry_run, full: request.full, gaps: Some(gaps) };
    let syncs = deliver(ready, &run, &names, &delivery).await;
    let status =
        if request.dry_run && syncs.iter().all(|s| s.error.is_none()) { RunStatus::Planned } else { status(&syncs) };
    Ok(SyncReport {
        run_id: run.run_id.to_string(),
        status,
        seconds: started.elapsed().as_secs_f64(),
        syncs,
        error: None,
    })
}

/// That the last run built what a sync reads: were a trait or a segment that is newer than that run taken for nobody's, everybody
/// would leave.
async fn check_built(ready: &Ready, sync: &project::Sync, gaps: &[Gap]) -> Result<(), AppError> {
    let not_built = |what: String| {
        Err(AppError::input(format!("sync {} needs {what}, which the last run did not build", sync.name))
            .hint("run `kinfold run` first; it delivers, too"))
    };
    for (table, columns) in tables_of_sync(&ready.project, sync) {
        for gap in gaps.iter().filter(|gap| gap.table == table) {
            match &gap.column {
                None => return not_built(format!("the table `{table}`")),
                Some(column) if columns.contains(column) => return not_built(format!("`{column}` of `{table}`")),
                Some(_) => {}
            }
        }
    }
    if let SyncRows::Segment { segment, entity } = &sync.rows
        && let Some(entity) = ready.project.entities.iter().find(|e| e.name == *entity)
    {
        let sql = render(&inspect::segment_runs(entity, segment), ready.engine.dialect());
        let runs = first_rows(ready.engine.query(&sql, &[]).await?, 1).await?;
        let is_known = runs.rows.first().is_some_and(|runs| !runs[1].is_null() && runs[0] == runs[1]);
        if !is_known {
            return not_built(format!("the segment `{segment}`"));
        }
    }
    Ok(())
}

/// The worst of what befell the syncs.
pub(crate) fn status(syncs: &[SyncSummary]) -> RunStatus {
    let refused = |s: &SyncSummary| s.rejected + s.retry + s.unknown + s.pending + s.invalid > 0;
    if syncs.iter().any(|s| s.error.is_some()) {
        RunStatus::Failed
    } else if syncs.iter().any(refused) {
        RunStatus::DoneWithRefusals
    } else {
        RunStatus::Done
    }
}

/// Delivers the syncs of these names, several at once; the summaries are in the order of the names.
pub(crate) async fn deliver(ready: &Ready, run: &RunContext, names: &[String], how: &Delivery) -> Vec<SyncSummary> {
    let quotas = Quotas::default();
    let log = DeltaLog::new(ready, run);
    let syncs: Vec<&project::Sync> =
        names.iter().filter_map(|name| ready.project.syncs.iter().find(|s| s.name == *name)).collect();
    stream::iter(syncs)
        .map(|sync| {
            let (quotas, log) = (&quotas, &log);
            async move {
                let started = Instant::now();
                let result = Box::pin(deliver_one(ready, run, sync, how, quotas, log)).await;
                if result.is_err() {
                    run.progress.on(ProgressEvent::Failed { task: &sync.name });
                }
                summary(sync, result, started.elapsed().as_secs_f64())
            }
        })
        .buffered(SYNCS_AT_ONCE)
        .collect()
        .await
}

async fn deliver_one(
    ready: &Ready,
    run: &RunContext,
    sync: &project::Sync,
    how: &Delivery,
    quotas: &Quotas,
    log: &DeltaLog,
) -> Result<kinfold_sync::SyncReport, AppError> {
    if let Some(gaps) = &how.gaps {
        check_built(ready, sync, gaps).await?;
    }
    let options = &ready.options;
    let destination = ready
        .project
        .destinations
        .iter()
        .find(|d| d.name == sync.destination)
        .ok_or_else(|| AppError::input(format!("there is no destination `{}`", sync.destination)))?;
    let connector = Destinations::new(ready).open(destination).await?;
    let rows = EngineRows::new(ready, sync, connector.limits().whole).await?;
    let url = format!("{}/kinfold/_state/syncs/{}", ready.project.lake.location, sync.name);
    let (store, prefix) = ready.stores.store_for(&url)?;
    let job = SyncJob {
        target: Target {
            sync: sync.name.clone(),
            object: sync.object.clone(),
            mode: sync.mode,
            schema: rows.payload_schema(),
            key_columns: sync.key.len(),
            skip_nulls: sync.nulls == Nulls::Skip,
            run_id: run.run_id.to_string(),
        },
        quota: quotas.of(&destination.name, connector.limits().requests_per_second),
        connector,
        rows: &rows,
        state: StateFolder { store, prefix, url },
        guard: Guard { max_leave_basis_points: sync.guard.max_leave_basis_points, min_rows: sync.guard.min_rows },
        full: how.full,
        dry_run: how.dry_run,
        tuning: Tuning::default(),
        cancel: options.cancel.clone(),
        clock: Arc::clone(&options.clock),
        faults: Arc::clone(&options.faults),
        progress: Arc::clone(&options.progress),
        log: Some(log),
    };
    Ok(kinfold_sync::run_sync(&job).await?)
}

fn summary(sync: &project::Sync, result: Result<kinfold_sync::SyncReport, AppError>, seconds: f64) -> SyncSummary {
    let named = SyncSummary {
        name: sync.name.clone(),
        destination: sync.destination.clone(),
        seconds,
        ..SyncSummary::default()
    };
    // Whoever reads a log of many syncs wants to know whose credential or table it is.
    let at = |message: String| format!("destination {}: {message}", sync.destination);
    match result {
        Err(e) => {
            let error = AppError { message: at(e.message), ..e };
            SyncSummary { status: "failed".into(), error: Some(ErrorReport::new(&error)), ..named }
        }
        Ok(report) => {
            let error = match (report.status, &report.stopped) {
                (SyncStatus::Failed | SyncStatus::Stopped, Some(why)) => {
                    Some(ErrorReport { message: at(why.clone()), hint: None, exit_code: 2 })
                }
                (SyncStatus::Cancelled, _) => Some(ErrorReport {
                    message: at("the sync was stopped before it was done".into()),
                    hint: Some("run it again: it goes on where it was".into()),
                    exit_code: 2,
                }),
                _ => None,
            };
            SyncSummary {
                status: word(&report.status),
                added: report.added,
                updated: report.updated,
                removed: report.removed,
                acknowledged: report.acknowledged,
                rejected: report.rejected,
                retry: report.retry,
                unknown: report.unknown,
                pending: report.pending,
                invalid: report.invalid,
                unchanged: report.unchanged,
                reasons: report.reasons,
                warnings: report.warnings,
                sample: report.sample,
                error,
                ..named
            }
        }
    }
}

/// The rows of one sync: the planner's SQL, run by the engine.
struct EngineRows {
    engine: Arc<dyn Engine>,
    payload: SchemaRef,
    count: String,
    diff: String,
    diff_full: String,
    fold: String,
}

impl EngineRows {
    async fn new(ready: &Ready, sync: &project::Sync, whole: bool) -> Result<Self, AppError> {
        let engine = Arc::clone(&ready.engine);
        let dialect = engine.dialect();
        let wanted = render(&delivery::wanted_query(&ready.project, sync), dialect);
        // The stream is dropped before it has run: only its columns are of interest.
        let payload = engine.query(&wanted, &[]).await?.schema;
        Ok(Self {
            payload,
            diff: render(&delivery::diff_query(&ready.project, sync, false, whole), dialect),
            diff_full: render(&delivery::diff_query(&ready.project, sync, true, whole), dialect),
            fold: render(&delivery::fold_query(), dialect),
            count: render(&delivery::wanted_count_query(&ready.project, sync), dialect),
            engine,
        })
    }

    async fn run(&self, sql: &str, files: Vec<FileTable>) -> Result<BatchStream, SyncError> {
        let stream = self.engine.query(sql, &files).await.map_err(sync_error)?;
        Ok(stream.batches.map_err(sync_error).boxed())
    }
}

/// Files of a sync's state as a table of the schema `files`.
pub(crate) fn file_table(name: &str, files: &[String], schema: SchemaRef) -> FileTable {
    FileTable { name: name.into(), files: files.to_vec(), schema }
}

#[async_trait]
impl Rows for EngineRows {
    fn payload_schema(&self) -> SchemaRef {
        Arc::clone(&self.payload)
    }

    async fn diff(&self, ledger_files: &[String], full: bool) -> Result<BatchStream, SyncError> {
        let sql = if full { &self.diff_full } else { &self.diff };
        self.run(sql, vec![file_table(delivery::LEDGER_TABLE, ledger_files, ledger::ledger_schema())]).await
    }

    async fn wanted_count(&self) -> Result<u64, SyncError> {
        let stream = self.engine.query(&self.count, &[]).await.map_err(sync_error)?;
        let counted = first_rows(stream, 1).await.map_err(|e| SyncError {
            kind: ErrorKind::Outside,
            message: e.message,
            hint: e.hint,
            source: e.source,
        })?;
        let count = counted.rows.first().and_then(|row| row.first()).and_then(serde_json::Value::as_u64);
        Ok(count.unwrap_or_default())
    }

    async fn fold(&self, ledger: &[String], plan: &[String], outcomes: &[String]) -> Result<BatchStream, SyncError> {
        let files = vec![
            file_table(delivery::LEDGER_TABLE, ledger, ledger::ledger_schema()),
            file_table(delivery::PLAN_TABLE, plan, ledger::plan_schema()),
            file_table(delivery::OUTCOMES_TABLE, outcomes, ledger::outcome_schema()),
        ];
        self.run(&self.fold, files).await
    }
}

pub(crate) fn sync_error(e: kinfold_engine::EngineError) -> SyncError {
    let kind = match e.kind {
        kinfold_engine::ErrorKind::Input => ErrorKind::Input,
        kinfold_engine::ErrorKind::Outside => ErrorKind::Outside,
        kinfold_engine::ErrorKind::Bug => ErrorKind::Bug,
    };
    SyncError { kind, message: e.message, hint: e.hint, source: e.source }
}
