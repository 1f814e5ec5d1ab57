//! Runs [`Contraction`]'s loop over an engine.

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use futures::StreamExt;
use kinfold_plan::{Contraction, KeepTable, MakeTable, Output, Query, render};

use crate::api::{Engine, RunContext};
use crate::error::EngineError;
use crate::failure::{self, bug};

/// Several times what the largest graph takes: a round about halves the values that have edges.
const MAX_ROUNDS: u32 = 160;

/// The connected components of an entity's identifiers, found by SQL alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    /// A scratch table of the run: see [`Contraction::finish`].
    pub table: String,
    /// How many values there are.
    pub values: u64,
    /// How many rounds it took.
    pub rounds: u32,
}

/// Makes the scratch table `<entity>_components`.
///
/// # Errors
/// When a query fails, there are more values than vertices can be numbered, or the engine's arithmetic goes wrong, which is told
/// by a loop that does not end or by linked values in different components.
pub async fn contract(
    engine: &dyn Engine,
    run: &RunContext,
    contraction: &Contraction,
) -> Result<Components, EngineError> {
    for table in contraction.begin() {
        make(engine, run, table).await?;
    }
    let mut rounds = 0;
    while count(engine, &contraction.edges_left()).await? > 0 {
        rounds += 1;
        if rounds > MAX_ROUNDS {
            return Err(bug(format!("the components of identifiers are not found after {MAX_ROUNDS} rounds")));
        }
        for table in contraction.round() {
            make(engine, run, table).await?;
        }
    }
    if count(engine, &contraction.split_links()).await? > 0 {
        return Err(bug("linked values are in different components"));
    }
    let table = contraction.finish();
    let name = table.table.clone();
    let values = make(engine, run, table).await?;
    Ok(Components { table: name, values, rounds })
}

/// The number of rows.
async fn make(engine: &dyn Engine, run: &RunContext, make: MakeTable) -> Result<u64, EngineError> {
    let output = Output { name: make.table, keep: KeepTable::Scratch };
    Ok(engine.create_table(run, &output, &render(&make.query, engine.dialect())).await?.rows)
}

/// The one number that a query gives.
async fn count(engine: &dyn Engine, query: &Query) -> Result<i64, EngineError> {
    let mut batches = engine.query(&render(query, engine.dialect()), &[]).await?.batches;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        if batch.num_rows() > 0 && batch.num_columns() > 0 {
            let counts = cast(batch.column(0), &DataType::Int64).map_err(|e| failure::arrow(e, "a number of rows"))?;
            return Ok(counts.as_primitive::<Int64Type>().value(0));
        }
    }
    Err(bug("a query of a number has no rows"))
}
