//! Runs the steps of a plan: each as soon as the steps it needs are done, several at once.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use kinfold_base::ProgressEvent;
use kinfold_engine::{Engine, RunContext};
use kinfold_plan::{Plan, Query, Step, Work, render};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::AppError;
use crate::report::{StepReport, StepStatus};
use crate::rows::{each_row, number, text};

/// Each step keeps all threads busy by itself; a few at once hide the waiting at their ends.
const STEPS_AT_ONCE: usize = 4;

/// What became of a plan: a report for each step, in the plan's order, and the first error.
pub(crate) struct Executed {
    pub(crate) steps: Vec<StepReport>,
    pub(crate) warnings: Vec<String>,
    pub(crate) error: Option<AppError>,
}

/// Runs every step of `plan`, at most four at the same time, and no more than there are `threads`. After an error no further
/// step is begun, and those under way are stopped; nothing is committed here.
pub(crate) async fn execute(
    engine: Arc<dyn Engine>,
    plan: &Plan,
    run: &RunContext,
    threads: usize,
    cancel: &CancellationToken,
) -> Executed {
    let mut steps: Vec<StepReport> = plan.steps.iter().map(skipped).collect();
    let mut warnings = vec![];
    let chains = chains(plan);
    let mut waiting: BTreeSet<usize> = (0..plan.steps.len()).collect();
    let mut done = BTreeSet::new();
    let mut under_way = JoinSet::new();
    let mut error = None;
    loop {
        while error.is_none() && under_way.len() < threads.clamp(1, STEPS_AT_ONCE) {
            let is_ready = |i: &usize| plan.steps[*i].after.iter().all(|a| done.contains(a));
            // What most depends on comes first: tests, on which nothing does, fill the gaps.
            let ready = waiting.iter().copied().filter(is_ready).min_by_key(|i| Reverse(chains[*i]));
            let Some(index) = ready else { break };
            waiting.remove(&index);
            let (engine, step, run) = (Arc::clone(&engine), plan.steps[index].clone(), run.clone());
            under_way.spawn(async move {
                let started = Instant::now();
                let result = run_step(engine.as_ref(), &step, &run, threads).await;
                (index, started.elapsed().as_secs_f64(), result)
            });
        }
        let joined = tokio::select! {
            joined = under_way.join_next() => joined,
            () = cancel.cancelled(), if error.is_none() => {
                error = Some(AppError::outside("the run was stopped").hint("nothing was changed; run it again"));
                under_way.abort_all();
                continue;
            }
        };
        let Some(joined) = joined else { break };
        match joined {
            Ok((index, seconds, Ok(outcome))) => {
                let report = &mut steps[index];
                report.rows = outcome.rows;
                report.note = outcome.note;
                report.seconds = seconds;
                report.status = if outcome.warnings.is_empty() { StepStatus::Done } else { StepStatus::Warned };
                tracing::info!(step = report.name, rows = outcome.rows, seconds, "step done");
                warnings.extend(outcome.warnings);
                done.insert(index);
            }
            Ok((index, seconds, Err(e))) => {
                steps[index].seconds = seconds;
                steps[index].status = StepStatus::Failed;
                run.progress.on(ProgressEvent::Failed { task: &steps[index].name });
                if error.is_none() {
                    let name = &plan.steps[index].name;
                    error = Some(AppError { message: format!("step {name}: {}", e.message), ..e });
                }
                under_way.abort_all();
            }
            Err(e) if e.is_cancelled() => {}
            Err(e) => {
                if error.is_none() {
                    error = Some(AppError {
                        kind: crate::AppErrorKind::Bug,
                        ..AppError::outside(format!("a step ended unexpectedly: {e}"))
                    });
                }
                under_way.abort_all();
            }
        }
    }
    Executed { steps, warnings, error }
}

/// For each step, how many steps the longest chain has that begins with it.
fn chains(plan: &Plan) -> Vec<usize> {
    let mut chains = vec![1; plan.steps.len()];
    for (index, step) in plan.steps.iter().enumerate().rev() {
        for before in &step.after {
            chains[*before] = chains[*before].max(chains[index] + 1);
        }
    }
    chains
}

pub(crate) fn planned(step: &Step) -> StepReport {
    StepReport { status: StepStatus::Planned, ..skipped(step) }
}

fn skipped(step: &Step) -> StepReport {
    StepReport {
        name: step.name.clone(),
        kind: step.kind,
        rows: 0,
        seconds: 0.0,
        status: StepStatus::Skipped,
        note: None,
    }
}

#[derive(Default)]
struct StepOutcome {
    rows: u64,
    /// How it was done, if that is of interest.
    note: Option<String>,
    warnings: Vec<String>,
}

async fn run_step(engine: &dyn Engine, step: &Step, run: &RunContext, threads: usize) -> Result<StepOutcome, AppError> {
    let dialect = engine.dialect();
    let told = |outcome: StepOutcome| {
        let StepOutcome { rows, note, .. } = &outcome;
        run.progress.on(ProgressEvent::Finished { task: &step.name, rows: *rows, note: note.as_deref() });
        Ok(outcome)
    };
    match &step.work {
        Work::View { name, query } => {
            engine.create_view(name, &render(query, dialect)).await?;
            Ok(StepOutcome::default())
        }
        Work::Table { output, query } => {
            run.progress.on(ProgressEvent::Started { task: &step.name, total_rows: None });
            let written = engine.create_table(run, output, &render(query, dialect)).await?;
            told(StepOutcome { rows: written.rows, ..StepOutcome::default() })
        }
        Work::Resolve(resolve) => {
            run.progress.on(ProgressEvent::Started { task: &step.name, total_rows: None });
            let resolved = kinfold_engine::resolve(engine, run, &step.name, threads, resolve).await?;
            let identifiers = &resolve.tables.identifiers.output.name;
            let rows = resolved.written.iter().find(|w| w.table == *identifiers).map_or(0, |w| w.rows);
            told(StepOutcome { rows, note: resolved.note, warnings: resolved.warnings })
        }
        Work::Bound { query, most, common } => {
            run.progress.on(ProgressEvent::Started { task: &step.name, total_rows: None });
            let pairs = check_pairs(engine, query, *most, "block_on").await?;
            let mut warnings: Vec<String> = match common.as_deref() {
                Some(common) => left_out(engine, common).await?.into_iter().map(|(_, warning)| warning).collect(),
                None => vec![],
            };
            if pairs == 0 {
                warnings.push("no two records agree in anything under `block_on`: none are compared".to_owned());
            }
            let warnings = warnings.into_iter().map(|warning| format!("{}: {warning}", step.name)).collect();
            told(StepOutcome { warnings, ..StepOutcome::default() })
        }
        Work::Expect { query, message, fail } => {
            run.progress.on(ProgressEvent::Started { task: &step.name, total_rows: None });
            let outcome = expect(engine, query, message, *fail).await?;
            told(outcome)
        }
    }
}

/// How many pairs a rule finds at most, and in what most of them agree.
pub(crate) struct RuleBound {
    pub(crate) rule: String,
    pub(crate) pairs: u64,
    worst: String,
    worst_pairs: u64,
}

/// How many pairs each rule finds at most, before any is made. `query`: see [`Training::bound`](kinfold_plan::matching::Training::bound).
pub(crate) async fn count_pairs(engine: &dyn Engine, query: &Query) -> Result<Vec<RuleBound>, AppError> {
    let mut rules = vec![];
    each_row(engine, query, |row| {
        rules.push(RuleBound {
            rule: text(&row, "rule"),
            pairs: number(&row, "pairs"),
            worst: text(&row, "worst"),
            worst_pairs: number(&row, "worst_pairs"),
        });
    })
    .await?;
    Ok(rules)
}

/// What records agree in that finds no pairs, as too many do: by rule, in words. `common`: see
/// [`Training::common`](kinfold_plan::matching::Training::common).
pub(crate) async fn left_out(engine: &dyn Engine, common: &Query) -> Result<Vec<(String, String)>, AppError> {
    let mut warnings = vec![];
    each_row(engine, common, |row| {
        let (rule, blocks, records) = (text(&row, "rule"), number(&row, "blocks"), number(&row, "records"));
        let what = if blocks == 1 { "1 value finds".to_owned() } else { format!("{blocks} values find") };
        if blocks > 0 {
            let why = format!("more records have such a value than `max_block`, up to {records}");
            let warning = format!("{what} no pairs that agree in `{rule}`: {why}");
            warnings.push((rule, warning));
        }
    })
    .await?;
    Ok(warnings)
}

/// Looks whether so many pairs may be compared, and tells how many. `under`: where it is written which.
///
/// # Errors
/// When more pairs would be compared than `most`, with the values that most of them agree in.
pub(crate) async fn check_pairs(engine: &dyn Engine, query: &Query, most: u64, under: &str) -> Result<u64, AppError> {
    let mut rules = count_pairs(engine, query).await?;
    let all = rules.iter().fold(0_u64, |sum, rule| sum.saturating_add(rule.pairs));
    if all <= most {
        return Ok(all);
    }
    rules.sort_by_key(|rule| Reverse(rule.pairs));
    let told =
        rules.iter().filter(|rule| rule.pairs > 0).take(5).map(|RuleBound { rule, pairs, worst, worst_pairs }| {
            format!("\n  {pairs} agree in {rule}, of them {worst_pairs} in `{worst}`")
        });
    let told: String = told.collect();
    let message = format!("{all} pairs of records would be compared, but `max_pairs` is {most}:{told}");
    let hint = format!("let records agree in more under `{under}`, lower `max_block`, or raise `max_pairs`");
    Err(AppError::input(message).hint(hint))
}

/// Counts what breaks a promise: the query gives the number as one row, or no row.
async fn expect(engine: &dyn Engine, query: &Query, message: &str, fail: bool) -> Result<StepOutcome, AppError> {
    let (mut broken, mut newest) = (0_u64, None);
    each_row(engine, query, |row| {
        broken += row["broken_rows"].as_u64().unwrap_or_default();
        newest = newest.take().or_else(|| row.get("newest").cloned());
    })
    .await?;
    if broken == 0 {
        return Ok(StepOutcome::default());
    }
    let (message, hint) = match newest {
        None => (format!("{message} ({broken} in all)"), "mend the data, or relax the test in the source's columns"),
        Some(newest) => {
            let newest = newest.as_str().map_or_else(|| "no row has a time".to_owned(), |at| format!("it is of {at}"));
            (
                format!("{message}: {newest}"),
                "find out why the source gets no new rows, or allow more in its `freshness`",
            )
        }
    };
    if fail {
        return Err(AppError::input(message).hint(hint));
    }
    Ok(StepOutcome { rows: broken, note: None, warnings: vec![message] })
}
