//! The records of a `match`, in tables that live as long as something is found out about them.

use std::sync::Arc;

use kinfold_base::{ProgressEvent, RunId};
use kinfold_engine::RunContext;
use kinfold_lang::project::{Entity, Match};
use kinfold_plan::{Output, Query, Work, matching, render};

use crate::execute::check_pairs;
use crate::{AppError, Ready};

/// A run that commits nothing. Whoever asks for one discards it in the end.
pub(super) fn run_of(ready: &Ready) -> RunContext {
    let options = &ready.options;
    RunContext {
        run_id: RunId::new(options.clock.as_ref()),
        as_of: options.clock.now(),
        full: false,
        progress: Arc::clone(&options.progress),
    }
}

/// Makes models known, and the tables of records, of which the first has a row for each.
///
/// # Errors
/// When a source cannot be read.
pub(super) async fn make(ready: &Ready, run: &RunContext, tables: &[(Output, Query)]) -> Result<(), AppError> {
    let engine = ready.engine.as_ref();
    for step in ready.plan(run.as_of, &run.run_id).steps {
        if let Work::View { name, query } = &step.work {
            engine.create_view(name, &render(query, engine.dialect())).await?;
        }
    }
    run.progress.on(ProgressEvent::Started { task: "records", total_rows: None });
    let mut rows = None;
    for (output, query) in tables {
        let written = engine.create_table(run, output, &render(query, engine.dialect())).await?;
        rows.get_or_insert(written.rows);
    }
    run.progress.on(ProgressEvent::Finished { task: "records", rows: rows.unwrap_or_default(), note: None });
    Ok(())
}

/// Looks, before any pair is made, whether so many may be as a run would compare.
///
/// # Errors
/// When there are more than `max_pairs`.
pub(super) async fn check_bound(ready: &Ready, entity: &Entity, matching: &Match) -> Result<(), AppError> {
    match matching::pairs_bound(entity, matching) {
        Some(query) => check_pairs(ready.engine.as_ref(), &query, matching.max_pairs, "block_on").await.map(|_| ()),
        None => Ok(()),
    }
}
