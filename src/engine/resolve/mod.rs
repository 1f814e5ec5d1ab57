//! Runs the clustering kernel between two engines' worth of streams: rows of identifiers flow in, profiles flow out.
//!
//! Nothing is collected: a batch is pushed into the kernel and dropped, and rows of the result are made as they are written.

mod tables;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kinfold_base::ProgressEvent;
use kinfold_identity::{
    Evidence, Graph, IdentifierRule, IdentityError, Limit, Pin, PinKind, Resolution, RowSource, Rules, Summary,
    TextColumn, TimeColumn,
};
use kinfold_lang::project;
use kinfold_plan::{Resolve, render};
use tokio::sync::mpsc;

use crate::api::{Engine, MemoryShare, RunContext, Written};
use crate::error::{EngineError, ErrorKind};
use crate::failure::{self, bug, input};
use crate::types::timestamp_type;

/// Batches that may wait between two ends.
const QUEUE: usize = 4;
/// How many sources are read at the same time.
const SOURCES_AT_ONCE: usize = 2;
/// How many of the largest profiles are told by name.
const LARGEST: usize = 20;

/// What became of an entity's identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub written: Vec<Written>,
    /// What a person should look at.
    pub warnings: Vec<String>,
}

/// What rows of logs begin with.
#[derive(Debug, Clone)]
struct Context {
    run_id: String,
    /// Microseconds.
    at: i64,
}

/// Makes the tables of one entity's identity: see [`kinfold_plan::ResolveTables`].
///
/// # Errors
/// When a query fails, a profile is larger than the project allows, memory does not suffice, or a table cannot be written;
/// nothing is committed by this in any case.
pub async fn resolve(
    engine: &dyn Engine,
    run: &RunContext,
    task: &str,
    threads: usize,
    work: &Resolve,
) -> Result<Resolved, EngineError> {
    let pins = read_pins(engine, work).await?;
    let rules = rules(work, threads, pins);
    let evidence = Evidence::new(rules).map_err(|e| identity(&e, &work.entity))?;
    let memory = engine.memory_share(&format!("the identities of `{}`", work.entity));
    let (graph, mut memory) = read_rows(engine, run, task, work, evidence, memory).await?;
    if graph.values() == 0 {
        return Err(input(format!(
            "the entity `{}` has no identifiers: no row of its sources holds a usable one",
            work.entity
        ))
        .hint("check the columns under `ids`, and what `block` and the identifiers' types leave out"));
    }
    let graph = read_previous(engine, work, graph).await?;
    memory.hold(graph.bytes_to_resolve())?;
    let (resolution, summary) = blocking(move || {
        let resolution = graph.resolve()?;
        let summary = resolution.summary(LARGEST);
        Ok((resolution, summary))
    })
    .await?
    .map_err(|e: IdentityError| identity(&e, &work.entity))?;
    let warnings = judge(work, &resolution, &summary)?;
    let written = tables::write(engine, run, work, &Arc::new(resolution), summary).await?;
    Ok(Resolved { written, warnings })
}

/// What is to be told of the result, before anything is made of it.
///
/// # Errors
/// When a profile has more identifiers than the project allows.
fn judge(work: &Resolve, resolution: &Resolution, summary: &Summary) -> Result<Vec<String>, EngineError> {
    let mut warnings = Vec::new();
    let too_large = |above: u32| {
        let (largest, size) = summary.largest.first()?;
        let count = summary.larger_than(above);
        (count > 0).then(|| {
            let profiles = if count == 1 { "1 profile has".to_owned() } else { format!("{count} profiles have") };
            let entity = &work.entity;
            format!("{entity}: {profiles} more than {above} identifiers; the largest, {largest}, has {size}")
        })
    };
    if let Some(message) = work.max_cluster.error_above.and_then(too_large) {
        let hint = "find out what its identifiers share, and set that aside with `limit`, `shared_above`, `block` or a pin; \
                    or raise `max_cluster`";
        return Err(input(message).hint(hint));
    }
    warnings.extend(work.max_cluster.warn_above.and_then(too_large));
    for pin in resolution.unused_pins() {
        if let Some(pin) = work.pins.get(*pin) {
            let [a, b] = pin.identifiers.map(|i| work.identifiers[i].name.as_str());
            let entity = &work.entity;
            let what = format!("{entity}: a pin of {a} and {b} has no effect, as no row has one of its values");
            warnings.push(format!("{what} ({})", pin.reason));
        }
    }
    Ok(warnings)
}

/// The pins with their values in the form in which rows hold them.
async fn read_pins(engine: &dyn Engine, work: &Resolve) -> Result<Vec<Pin>, EngineError> {
    let Some(query) = &work.pinned_values else { return Ok(vec![]) };
    let mut batches = engine.query(&render(query, engine.dialect()), &[]).await?.batches;
    let mut pins = vec![];
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let values = batch.columns().iter().map(Text::new).collect::<Result<Vec<_>, _>>()?;
        for (pin, pair) in work.pins.iter().zip(values.chunks_exact(2)).filter(|_| batch.num_rows() > 0) {
            let value = |i: usize| match pair[i].text(0).filter(|v| !v.is_empty()) {
                Some(value) => Ok((pin.identifiers[i], value.to_owned())),
                None => {
                    let name = &work.identifiers[pin.identifiers[i]].name;
                    Err(input(format!("a pin of the entity `{}` holds no usable {name} ({})", work.entity, pin.reason))
                        .hint("mend the value; it is brought into the identifier's form as those in the tables are"))
                }
            };
            let kind = match pin.kind {
                project::PinKind::Always => PinKind::Always,
                project::PinKind::Never => PinKind::Never,
            };
            pins.push(Pin { kind, values: [value(0)?, value(1)?] });
        }
    }
    Ok(pins)
}

fn rules(work: &Resolve, threads: usize, pins: Vec<Pin>) -> Rules {
    let limit = |limit: project::Limit| Limit {
        count: limit.count,
        within_micros: limit.within.map(|w| i64::try_from(w.as_micros()).unwrap_or(i64::MAX)),
    };
    let identifiers = work.identifiers.iter();
    Rules {
        entity: work.entity.clone(),
        identifiers: identifiers
            .map(|i| IdentifierRule { name: i.name.clone(), limit: i.limit.map(limit), shared_above: i.shared_above })
            .collect(),
        sources: work
            .rows
            .iter()
            .map(|r| RowSource { name: r.source.clone(), identifiers: r.identifiers.clone() })
            .collect(),
        pins,
        threads,
    }
}

async fn read_rows(
    engine: &dyn Engine,
    run: &RunContext,
    task: &str,
    work: &Resolve,
    mut evidence: Evidence,
    mut memory: Box<dyn MemoryShare>,
) -> Result<(Graph, Box<dyn MemoryShare>), EngineError> {
    let (send, mut receive) = mpsc::channel::<(usize, RecordBatch)>(QUEUE);
    let taking = tokio::task::spawn_blocking(move || {
        while let Some((source, batch)) = receive.blocking_recv() {
            push(&mut evidence, source, &batch)?;
            memory.hold(evidence.bytes()).map_err(Pushing::Engine)?;
        }
        Ok((evidence.seal().map_err(Pushing::Kernel)?, memory))
    });
    let read = AtomicU64::new(0);
    let told = |rows: u64| {
        let rows = read.fetch_add(rows, Ordering::Relaxed) + rows;
        run.progress.on(ProgressEvent::Advanced { task, rows });
    };
    let sources = work.rows.iter().enumerate();
    // While the rows of one source come out of its last operator, on one thread, the next one is read already.
    let reads: Vec<_> = sources.map(|(i, _)| read_source(engine, work, i, send.clone(), &told).boxed()).collect();
    drop(send);
    let read = stream::iter(reads).buffer_unordered(SOURCES_AT_ONCE).try_collect::<()>().await;
    let graph = taking.await.map_err(|e| bug(format!("the identity kernel broke off: {e}")))?;
    read?;
    graph.map_err(|e: Pushing| e.explain(&work.entity))
}

/// Sends the rows of one source to the kernel, for as long as it takes them: should it stop, it says why itself.
async fn read_source(
    engine: &dyn Engine,
    work: &Resolve,
    source: usize,
    send: mpsc::Sender<(usize, RecordBatch)>,
    told: &(dyn Fn(u64) + Sync),
) -> Result<(), EngineError> {
    let rows = &work.rows[source];
    let mut batches = engine.query(&render(&rows.query, engine.dialect()), &[]).await?.batches;
    let mut is_empty = true;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let count = batch.num_rows() as u64;
        is_empty &= count == 0;
        if send.send((source, batch)).await.is_err() {
            return Ok(());
        }
        told(count);
    }
    if is_empty { Err(no_identifiers(&rows.source, &work.entity)) } else { Ok(()) }
}

/// A table that is to tell who is who and doesn't is a mistake, in the project or in what delivers the table: were it passed over,
/// profiles would quietly fall apart.
fn no_identifiers(source: &str, entity: &str) -> EngineError {
    input(format!("{source}: no row holds a usable identifier of the entity `{entity}`"))
        .hint("check the columns under `ids`, what `block` and the identifiers' types leave out, and whether the table has rows")
}

/// Why a batch could not be taken in.
enum Pushing {
    Kernel(IdentityError),
    Engine(EngineError),
}

impl Pushing {
    fn explain(self, entity: &str) -> EngineError {
        match self {
            Self::Kernel(e) => identity(&e, entity),
            Self::Engine(e) => e,
        }
    }
}

fn push(evidence: &mut Evidence, source: usize, batch: &RecordBatch) -> Result<(), Pushing> {
    let Some(values) = batch.num_columns().checked_sub(2) else {
        return Err(Pushing::Engine(bug("a query of identifiers has no columns for times")));
    };
    let texts =
        batch.columns()[..values].iter().map(Text::new).collect::<Result<Vec<_>, _>>().map_err(Pushing::Engine)?;
    let texts: Vec<&dyn TextColumn> = texts.iter().map(|t| t as _).collect();
    let time = |i: usize| Micros::new(batch.column(i)).map_err(Pushing::Engine);
    evidence.push(source, &texts, &time(values)?, &time(values + 1)?).map_err(Pushing::Kernel)
}

async fn read_previous(engine: &dyn Engine, work: &Resolve, mut graph: Graph) -> Result<Graph, EngineError> {
    let mut batches = engine.query(&render(&work.previous, engine.dialect()), &[]).await?.batches;
    let (send, mut receive) = mpsc::channel::<RecordBatch>(QUEUE);
    let taking = tokio::task::spawn_blocking(move || {
        while let Some(batch) = receive.blocking_recv() {
            let columns =
                batch.columns().iter().map(Text::new).collect::<Result<Vec<_>, _>>().map_err(Pushing::Engine)?;
            let [identifiers, values, ids] = columns.as_slice() else {
                return Err(Pushing::Engine(bug("the last run's identifiers have other columns than were asked for")));
            };
            graph.push_previous(identifiers, values, ids).map_err(Pushing::Kernel)?;
        }
        Ok(graph)
    });
    while let Some(batch) = batches.next().await {
        if send.send(batch?).await.is_err() {
            break;
        }
    }
    drop(send);
    let graph = taking.await.map_err(|e| bug(format!("the identity kernel broke off: {e}")))?;
    graph.map_err(|e| e.explain(&work.entity))
}

/// A column of text, as the kernel reads it.
struct Text(StringViewArray);

impl Text {
    fn new(column: &ArrayRef) -> Result<Self, EngineError> {
        let column = cast(column, &DataType::Utf8View).map_err(|e| failure::arrow(e, "a query of identifiers"))?;
        Ok(Self(column.as_string_view().clone()))
    }
}

impl TextColumn for Text {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn text(&self, row: usize) -> Option<&str> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// A column of instants, as the kernel reads it.
struct Micros(PrimitiveArray<TimestampMicrosecondType>);

impl Micros {
    fn new(column: &ArrayRef) -> Result<Self, EngineError> {
        let column = cast(column, &timestamp_type()).map_err(|e| failure::arrow(e, "a query of identifiers"))?;
        Ok(Self(column.as_primitive::<TimestampMicrosecondType>().clone()))
    }
}

impl TimeColumn for Micros {
    fn micros(&self, row: usize) -> Option<i64> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| bug(format!("the identity kernel broke off: {e}")))
}

fn identity(e: &IdentityError, entity: &str) -> EngineError {
    let kind = match e {
        IdentityError::Misuse(_) => ErrorKind::Bug,
        _ => ErrorKind::Input,
    };
    EngineError {
        kind,
        message: format!("the identities of `{entity}` cannot be resolved: {e}"),
        hint: None,
        source: None,
    }
}
