//! `kinfold run`: build all tables, show them to readers, deliver all syncs.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use kinfold_base::{PlannedTask, ProgressEvent, RunId, Timestamp};
use kinfold_engine::{Gap, RunContext};
use kinfold_lang::project::{EntityTable, SyncRows};
use kinfold_plan::{Plan, Step, Work};

use crate::report::{ErrorReport, RunReport, RunStatus};
use crate::{AppError, Ready, execute, log, sync};

/// What to do in a run.
#[derive(Debug, Clone, Default)]
pub struct RunRequest {
    /// Steps, tables, entities, segments and syncs; empty is everything.
    pub select: Vec<String>,
    pub no_sync: bool,
    pub dry_run: bool,
    pub as_of: Option<Timestamp>,
    /// Read all sources anew, whatever earlier runs have kept.
    pub full: bool,
}

/// Builds and delivers. A failure of a step is in the report, with exit code; all tables and ledgers are then as they were.
///
/// # Errors
/// When the run could not begin: an unknown name in `select`, or Kinfold's own tables cannot be read.
pub async fn run(ready: &Ready, request: &RunRequest) -> Result<RunReport, AppError> {
    let started = Instant::now();
    let options = &ready.options;
    let run = RunContext {
        run_id: RunId::new(options.clock.as_ref()),
        as_of: request.as_of.unwrap_or_else(|| options.clock.now()),
        full: request.full,
        progress: Arc::clone(&options.progress),
    };
    // What the last run had not, this one makes.
    let gaps = ready.open_previous().await?;
    let whole = ready.plan_onward(run.as_of, &run.run_id, matched_before(ready, &run, &gaps));
    let selection = Selection::new(ready, &whole, &request.select)?;
    let mut report = RunReport {
        run_id: run.run_id.to_string(),
        status: RunStatus::Done,
        seconds: 0.0,
        steps: vec![],
        syncs: vec![],
        warnings: vec![],
        error: None,
    };
    if request.dry_run {
        report.steps = selection.plan.steps.iter().map(execute::planned).collect();
        report.status = RunStatus::Planned;
        report.seconds = started.elapsed().as_secs_f64();
        return Ok(report);
    }

    let began = options.clock.now();
    run.progress.on(ProgressEvent::Planned { tasks: &planned_tasks(ready, &selection.plan).await });
    let engine = Arc::clone(&ready.engine);
    let executed = execute::execute(engine, &selection.plan, &run, options.threads, &options.cancel).await;
    report.steps = executed.steps;
    report.warnings.extend(executed.warnings);
    let mut error = executed.error;
    if error.is_none() {
        error = async {
            log::write_run(ready, &run, began, &report, "done").await?;
            ready.engine.commit(&run).await?;
            tracing::info!(run_id = run.run_id.as_str(), as_of = %run.as_of, "tables are shown to readers");
            Ok(())
        }
        .await
        .err();
    }
    if let Some(error) = error {
        ready.engine.discard(&run).await?;
        report.status = RunStatus::Failed;
        report.seconds = started.elapsed().as_secs_f64();
        // That a run failed is worth a row too, but not a second error on top of the first.
        let logged = async {
            log::write_run(ready, &run, began, &report, "failed").await?;
            Ok::<_, AppError>(ready.engine.commit(&run).await?)
        };
        if let Err(e) = logged.await {
            tracing::warn!(error = %e, "the failed run could not be logged");
        }
        report.error = Some(ErrorReport::new(&error));
        return Ok(report);
    }
    if let Err(e) = ready.engine.vacuum(ready.project.lake.keep).await {
        report.warnings.push(format!("old files could not be removed: {}", e.message));
    }
    if !request.no_sync {
        report.syncs = sync::deliver(ready, &run, &selection.syncs, &sync::Delivery::default()).await;
        report.status = sync::status(&report.syncs);
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// The entities of which the last run told how it compared their records.
fn matched_before(ready: &Ready, run: &RunContext, gaps: &[Gap]) -> BTreeSet<String> {
    let has = |table: &str| gaps.iter().all(|gap| gap.table != table);
    let told = [EntityTable::Records, EntityTable::Matches, EntityTable::Review];
    let names = ready.project.entities.iter().map(|entity| &entity.name).filter(|_| !run.full);
    names.filter(|name| told.iter().all(|table| has(&table.of(name)))).cloned().collect()
}

/// The steps that take time, and how long each took the last time.
pub(crate) async fn planned_tasks(ready: &Ready, plan: &Plan) -> Vec<PlannedTask> {
    let took = if ready.options.progress.is_forecast_shown() {
        // Only a forecast hangs on it, and a run must not.
        log::last_seconds(ready).await.unwrap_or_default()
    } else {
        HashMap::new()
    };
    let steps = plan.steps.iter().filter(|s| !matches!(s.work, Work::View { .. }));
    let task = |s: &Step| PlannedTask { name: s.name.clone(), took: took.get(&s.name).copied() };
    steps.map(task).collect()
}

/// What `--select` names: the steps to run, and the syncs to deliver.
struct Selection {
    plan: Plan,
    syncs: Vec<String>,
}

impl Selection {
    fn new(ready: &Ready, whole: &Plan, names: &[String]) -> Result<Self, AppError> {
        let project = &ready.project;
        if names.is_empty() {
            let syncs = project.syncs.iter().map(|s| s.name.clone()).collect();
            return Ok(Self { plan: whole.clone(), syncs });
        }
        let mut tables = vec![];
        let mut syncs = vec![];
        for name in names {
            if let Some(sync) = project.syncs.iter().find(|s| s.name == *name) {
                syncs.push(name.clone());
                tables.push(match &sync.rows {
                    SyncRows::Entity(entity) => entity.clone(),
                    SyncRows::Segment { entity, .. } => EntityTable::Segments.of(entity),
                    SyncRows::Model(model) => model.clone(),
                });
            } else if let Some(segment) = project.segments.iter().find(|s| s.name == *name) {
                tables.push(EntityTable::Segments.of(&segment.entity));
            } else {
                tables.push(name.clone());
            }
        }
        for name in &tables {
            if !whole.steps.iter().any(|s| s.name == *name) {
                let known = whole.steps.iter().map(|s| s.name.as_str());
                let known = known.chain(project.syncs.iter().map(|s| s.name.as_str()));
                let known = known.chain(project.segments.iter().map(|s| s.name.as_str()));
                let hint = kinfold_base::did_you_mean(name, known.filter(|n| !n.starts_with('_')));
                return Err(AppError::input(format!("there is no step, table, segment or sync `{name}`"))
                    .hint_opt(hint.map(|n| format!("did you mean `{n}`?"))));
            }
        }
        let plan = kinfold_plan::select(whole, &tables);
        Ok(Self { plan, syncs })
    }
}
