//! Rows of sources on their way into the kernel: several streams at once, each on a thread with a way in of its own.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kinfold_base::{ProgressEvent, SqlType, TableSchema};
use kinfold_identity::{
    Evidence, Feeder, FindsFeeder, FoundValues, Graph, IdentityError, KnownValues, KnownValuesFeeder, Novelty,
    NumberColumn, Pin, PinKind, PreviousFeeder, ProfileId, TextColumn, Touched,
};
use kinfold_lang::project;
use kinfold_plan::{Resolve, ResolvePin, ResolveRows, render};
use tokio::task::{JoinError, JoinSet};

use super::columns::{Micros, Numbers, Text};
use super::reuse::Reading;
use super::usable::Usable;
use super::{blocking, identity};
use crate::api::{Engine, Kept, MemoryShare, RecordStream, RunContext};
use crate::error::EngineError;
use crate::failure::{bug, input};

/// How many sources are read at the same time: while the last rows of one come in, the next is begun.
pub(super) const SOURCES_AT_ONCE: usize = 2;

/// What those who feed the kernel share.
pub(super) struct Feeding {
    run: RunContext,
    task: String,
    entity: String,
    rows: AtomicU64,
    memory: Mutex<Box<dyn MemoryShare>>,
    /// By source, of what was read anew.
    seen: Mutex<Vec<Seen>>,
    /// What is held beside what [`Feeding::hold`] is told of.
    beside: AtomicUsize,
}

/// What rows of a source that were read anew have.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) fresh: Usable,
    pub(super) newest: Usable,
}

/// Memory that is held beside the kernel's.
pub(super) struct Beside {
    feeding: Arc<Feeding>,
    bytes: usize,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.feeding.beside.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Feeding {
    pub(super) fn new(run: &RunContext, task: &str, work: &Resolve, memory: Box<dyn MemoryShare>) -> Arc<Self> {
        Arc::new(Self {
            run: run.clone(),
            task: task.to_owned(),
            entity: work.entity.clone(),
            rows: AtomicU64::new(0),
            memory: Mutex::new(memory),
            seen: Mutex::new(vec![Seen::default(); work.rows.len()]),
            beside: AtomicUsize::new(0),
        })
    }

    fn told(&self, rows: usize) {
        let rows = self.rows.fetch_add(rows as u64, Ordering::Relaxed) + rows as u64;
        self.run.progress.on(ProgressEvent::Advanced { task: &self.task, rows });
    }

    pub(super) fn hold(&self, bytes: usize) -> Result<(), EngineError> {
        let bytes = bytes + self.beside.load(Ordering::Relaxed);
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).hold(bytes)
    }

    /// Counts so much more in all that is held, until the result is dropped.
    pub(super) fn beside(self: &Arc<Self>, bytes: usize) -> Beside {
        self.beside.fetch_add(bytes, Ordering::Relaxed);
        Beside { feeding: Arc::clone(self), bytes }
    }

    pub(super) fn explain(&self, error: &IdentityError) -> EngineError {
        identity(error, &self.entity)
    }

    fn saw(&self, source: usize, novelty: Novelty, values: &Usable) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut seen[source];
        if novelty == Novelty::Newest { seen.newest.add(values) } else { seen.fresh.add(values) }
    }

    /// By source.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why not all rows came in.
#[derive(Debug)]
pub(super) enum Failed {
    /// What was kept of a source is gone or damaged: without it all can be had from the source.
    Kept {
        source: usize,
        error: EngineError,
    },
    Other(EngineError),
}

impl From<EngineError> for Failed {
    fn from(error: EngineError) -> Self {
        Self::Other(error)
    }
}

/// Reads all sources, each as `readings` says; whole where they say nothing.
///
/// # Errors
/// When a query fails, a source has no usable identifier, memory does not suffice, or something kept is gone or damaged.
pub(super) async fn rows(
    engine: &dyn Engine,
    run: &RunContext,
    task: &str,
    work: &Resolve,
    readings: &[Option<Reading>],
    evidence: Evidence,
    memory: Box<dyn MemoryShare>,
) -> Result<(Graph, Box<dyn MemoryShare>, Vec<Seen>), Failed> {
    let feeding = Feeding::new(run, task, work, memory);
    let evidence = Arc::new(evidence);
    let sources = work.rows.iter().zip(readings).enumerate();
    let reads: Vec<_> = sources
        .map(|(source, (rows, reading))| {
            let (evidence, feeding) = (&evidence, &feeding);
            async move {
                let usable = read_source(engine, work, source, reading.as_ref(), evidence, feeding).await?;
                if usable == 0 {
                    return Err(Failed::from(no_identifiers(&rows.source, &work.entity)));
                }
                let ended = Arc::clone(evidence);
                blocking(move || ended.end(source)).await?.map_err(|e| feeding.explain(&e))?;
                Ok(feeding.hold(evidence.bytes())?)
            }
            .boxed()
        })
        .collect();
    stream::iter(reads).buffer_unordered(SOURCES_AT_ONCE).try_collect::<()>().await?;
    let feeding = Arc::into_inner(feeding).ok_or_else(|| bug("rows still come in"))?;
    let evidence = Arc::into_inner(evidence).ok_or_else(|| bug("rows still come in"))?;
    let graph = blocking(move || evidence.seal()).await?.map_err(|e| feeding.explain(&e))?;
    let seen = feeding.seen();
    Ok((graph, feeding.memory.into_inner().unwrap_or_else(PoisonError::into_inner), seen))
}

/// Gives the number of rows with a usable identifier.
async fn read_source(
    engine: &dyn Engine,
    work: &Resolve,
    source: usize,
    reading: Option<&Reading>,
    evidence: &Evidence,
    feeding: &Arc<Feeding>,
) -> Result<usize, Failed> {
    let rows = &work.rows[source];
    let Some(reading) = reading else {
        let streams = engine.query_streams(&render(&rows.query, engine.dialect()), None).await?;
        return Ok(feed(streams, (source, rows), Novelty::Fresh, evidence, feeding).await?);
    };
    let mut usable = 0;
    for (kept, novelty) in [(&reading.known, Novelty::Known), (&reading.merged, Novelty::Fresh)] {
        for kept in kept {
            let read = read_kept(engine, work, source, (kept, novelty), None, evidence, feeding).await;
            usable += read.map_err(|error| {
                if is_unreadable(&error) { Failed::Kept { source, error } } else { Failed::Other(error) }
            })?;
        }
    }
    Ok(usable + read_fresh(engine, work, source, reading, evidence, feeding).await?)
}

/// Reads what is new of a source. Gives the number of rows with a usable identifier.
pub(super) async fn read_fresh(
    engine: &dyn Engine,
    work: &Resolve,
    source: usize,
    reading: &Reading,
    evidence: &Evidence,
    feeding: &Arc<Feeding>,
) -> Result<usize, EngineError> {
    let rows = &work.rows[source];
    let sql = render(&rows.query, engine.dialect());
    let mut usable = 0;
    for (parts, novelty) in [(&reading.fresh, Novelty::Fresh), (&reading.newest, Novelty::Newest)] {
        let streams = engine.query_streams(&sql, Some(parts)).await?;
        usable += feed(streams, (source, rows), novelty, evidence, feeding).await?;
    }
    Ok(usable)
}

/// Of what is kept of a source's rows, the table of their values.
const KEPT_VALUES: usize = 0;
/// And that of the rows, which name values by their numbers.
const KEPT_ROWS: usize = 1;

const KEPT_VALUE: [(&str, SqlType); 5] = [
    ("number", SqlType::Integer),
    ("column", SqlType::Integer),
    ("digest_low", SqlType::Integer),
    ("digest_high", SqlType::Integer),
    ("value", SqlType::Text),
];

pub(super) fn kept_value_columns() -> TableSchema {
    TableSchema::new(KEPT_VALUE)
}

/// As [`kept_value_columns`], without text.
fn kept_digest_columns() -> TableSchema {
    let [number, column, low, high, _] = KEPT_VALUE;
    TableSchema::new([number, column, low, high])
}

/// As [`kept_value_columns`], without digests.
fn kept_text_columns() -> TableSchema {
    let [number, column, _, _, value] = KEPT_VALUE;
    TableSchema::new([number, column, value])
}

pub(super) fn kept_row_columns(rows: &ResolveRows) -> TableSchema {
    let values = (0..rows.identifiers.len()).map(|i| (format!("value_{i}"), SqlType::Integer));
    let times = ["first_seen_at", "last_seen_at"].map(|name| (name.to_owned(), SqlType::Timestamp));
    TableSchema::new(values.chain(times))
}

/// Gives the number of rows with an identifier, which is that of all rows. Of what is `touched`, only some of them are taken in.
pub(super) async fn read_kept(
    engine: &dyn Engine,
    work: &Resolve,
    source: usize,
    (kept, novelty): (&Kept, Novelty),
    touched: Option<&Arc<Touched>>,
    evidence: &Evidence,
    feeding: &Arc<Feeding>,
) -> Result<usize, EngineError> {
    let explain = |e: IdentityError| feeding.explain(&e);
    let count = match kept.tables.as_slice() {
        [values, _] => u32::try_from(values.rows()).map_err(|_| explain(IdentityError::BrokenKept))?,
        _ => return Err(explain(IdentityError::BrokenKept)),
    };
    let known = match touched {
        Some(touched) => Known::Some(
            Arc::clone(touched),
            found(engine, work, (source, kept, count), touched, evidence, feeding).await?,
        ),
        None => Known::All(known(engine, work, (source, kept, count), evidence, feeding).await?),
    };
    let known = Arc::new(known);
    let mut tasks = JoinSet::new();
    for stream in engine.kept_rows(&work.entity, kept, KEPT_ROWS, &kept_row_columns(&work.rows[source])).await? {
        let feeder = evidence.feeder(source, novelty).map_err(explain)?;
        let (known, sharing) = (Arc::clone(&known), Arc::clone(feeding));
        let push = move |feeder: &mut Feeder, batch: &RecordBatch| push_known(feeder, &known, batch, &sharing);
        tasks.spawn(feed_one(stream, feeder, push, Arc::clone(feeding)));
    }
    Ok(all(tasks).await?.into_iter().sum())
}

/// The values that kept rows are made of.
enum Known {
    All(Arc<KnownValues>),
    /// Only some of the rows are taken in.
    Some(Arc<Touched>, FoundValues),
}

async fn known(
    engine: &dyn Engine,
    work: &Resolve,
    (source, kept, count): (usize, &Kept, u32),
    evidence: &Evidence,
    feeding: &Arc<Feeding>,
) -> Result<Arc<KnownValues>, EngineError> {
    let known = Arc::new(KnownValues::new(evidence, source, count).map_err(|e| feeding.explain(&e))?);
    let mut tasks = JoinSet::new();
    for stream in engine.kept_rows(&work.entity, kept, KEPT_VALUES, &kept_text_columns()).await? {
        tasks.spawn(feed_known_values(stream, known.feeder(), Arc::clone(feeding)));
    }
    all(tasks).await?;
    Ok(known)
}

async fn found(
    engine: &dyn Engine,
    work: &Resolve,
    (source, kept, count): (usize, &Kept, u32),
    touched: &Touched,
    evidence: &Evidence,
    feeding: &Arc<Feeding>,
) -> Result<FoundValues, EngineError> {
    let finds = touched.finds(evidence, source, count).map_err(|e| feeding.explain(&e))?;
    let mut tasks = JoinSet::new();
    for stream in engine.kept_rows(&work.entity, kept, KEPT_VALUES, &kept_digest_columns()).await? {
        tasks.spawn(feed_known_digests(stream, finds.feeder(), Arc::clone(feeding)));
    }
    all(tasks).await?;
    feeding.hold(evidence.bytes())?;
    blocking(move || finds.end()).await?.map_err(|e| feeding.explain(&e))
}

async fn feed_known_values(
    mut stream: RecordStream,
    mut feeder: KnownValuesFeeder,
    feeding: Arc<Feeding>,
) -> Result<(), EngineError> {
    while let Some(batch) = stream.batches.next().await {
        let batch = batch?;
        let [numbers, columns, values] = batch.columns() else {
            return Err(bug("what was kept of values has other columns than were asked for"));
        };
        let (numbers, columns, values) = (Numbers::new(numbers)?, Numbers::new(columns)?, Text::new(values)?);
        feeder.push(&numbers, &columns, &values).map_err(|e| feeding.explain(&e))?;
        feeding.hold(feeder.evidence_bytes())?;
    }
    feeder.finish().map_err(|e| feeding.explain(&e))
}

async fn feed_known_digests(
    mut stream: RecordStream,
    mut feeder: FindsFeeder,
    feeding: Arc<Feeding>,
) -> Result<(), EngineError> {
    while let Some(batch) = stream.batches.next().await {
        let batch = batch?;
        let [numbers, columns, lows, highs] = batch.columns() else {
            return Err(bug("what was kept of values has other columns than were asked for"));
        };
        let lows = lows.as_primitive_opt::<Int64Type>().filter(|lows| lows.null_count() == 0);
        let lows = lows.ok_or_else(|| feeding.explain(&IdentityError::BrokenKept))?;
        let (numbers, columns, highs) = (Numbers::new(numbers)?, Numbers::new(columns)?, Numbers::new(highs)?);
        feeder.push(&numbers, &columns, lows.values(), &highs).map_err(|e| feeding.explain(&e))?;
    }
    feeder.finish();
    Ok(())
}

/// Whether what was to be read is at fault. Not so if there is too little memory, or too much of anything, or the kernel broke off.
pub(super) fn is_unreadable(error: &EngineError) -> bool {
    let Some(source) = &error.source else { return false };
    match source.downcast_ref::<IdentityError>() {
        Some(of_kernel) => *of_kernel == IdentityError::BrokenKept,
        None => !error.is_out_of_memory(),
    }
}

/// A table that is to tell who is who and doesn't is a mistake, in the project or in what delivers the table: were it passed over,
/// profiles would quietly fall apart.
fn no_identifiers(source: &str, entity: &str) -> EngineError {
    input(format!("{source}: no row holds a usable identifier of the entity `{entity}`"))
        .hint("check the columns under `ids`, what `block` and the identifiers' types leave out, and whether the table has rows")
}

async fn feed(
    streams: Vec<RecordStream>,
    (source, rows): (usize, &ResolveRows),
    novelty: Novelty,
    evidence: &Evidence,
    feeding: &Arc<Feeding>,
) -> Result<usize, EngineError> {
    let (mut tasks, identifiers) = (JoinSet::new(), rows.identifiers.len());
    for stream in streams {
        let feeder = evidence.feeder(source, novelty).map_err(|e| feeding.explain(&e))?;
        let sharing = Arc::clone(feeding);
        let push = move |feeder: &mut Feeder, batch: &RecordBatch| {
            sharing.saw(source, novelty, &Usable::of(batch, identifiers)?);
            push(feeder, batch, identifiers, &sharing)
        };
        tasks.spawn(feed_one(stream, feeder, push, Arc::clone(feeding)));
    }
    Ok(all(tasks).await?.into_iter().sum())
}

async fn feed_one(
    mut stream: RecordStream,
    mut feeder: Feeder,
    push: impl Fn(&mut Feeder, &RecordBatch) -> Result<usize, EngineError>,
    feeding: Arc<Feeding>,
) -> Result<usize, EngineError> {
    let mut usable = 0;
    while let Some(batch) = stream.batches.next().await {
        let batch = batch?;
        usable += push(&mut feeder, &batch)?;
        feeding.hold(feeder.evidence_bytes())?;
        feeding.told(batch.num_rows());
    }
    feeder.finish().map_err(|e| feeding.explain(&e))?;
    Ok(usable)
}

/// The columns are known to be all there.
fn push(feeder: &mut Feeder, batch: &RecordBatch, values: usize, feeding: &Feeding) -> Result<usize, EngineError> {
    let texts = batch.columns()[..values].iter().map(Text::new).collect::<Result<Vec<_>, _>>()?;
    let texts: Vec<&dyn TextColumn> = texts.iter().map(|t| t as _).collect();
    let time = |i: usize| Micros::new(batch.column(i));
    feeder.push(&texts, &time(values)?, &time(values + 1)?).map_err(|e| feeding.explain(&e))
}

/// As [`push`], of rows that an earlier run has kept.
fn push_known(
    feeder: &mut Feeder,
    known: &Known,
    batch: &RecordBatch,
    feeding: &Feeding,
) -> Result<usize, EngineError> {
    let [values @ .., first, last] = batch.columns() else {
        return Err(bug("what was kept of rows has no columns for times"));
    };
    let numbers = values.iter().map(Numbers::new).collect::<Result<Vec<_>, _>>()?;
    let numbers: Vec<&dyn NumberColumn> = numbers.iter().map(|n| n as _).collect();
    let (rows, first, last) = (batch.num_rows(), Micros::new(first)?, Micros::new(last)?);
    let pushed = match known {
        Known::All(known) => feeder.push_known(known, rows, &numbers, &first, &last),
        Known::Some(touched, found) => feeder.push_touched(touched, found, rows, &numbers, &first, &last),
    };
    pushed.map_err(|e| feeding.explain(&e))
}

/// The pins with their values in the form in which rows hold them.
///
/// # Errors
/// When the query fails, or nothing is left of a value.
pub(super) async fn pins(engine: &dyn Engine, work: &Resolve) -> Result<Vec<Pin>, EngineError> {
    let Some(query) = &work.pinned_values else { return Ok(vec![]) };
    let mut pinned: Vec<[Option<String>; 2]> = vec![[None, None]; work.pins.len()];
    let mut batches = engine.query(&render(query, engine.dialect()), &[]).await?.batches;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let [numbers, sides, values] = batch.columns() else {
            return Err(bug("a query of pins has other columns than were asked for"));
        };
        let (numbers, sides, values) = (Numbers::new(numbers)?, Numbers::new(sides)?, Text::new(values)?);
        for row in 0..batch.num_rows() {
            let end = numbers.number(row).zip(sides.number(row));
            let end = end.and_then(|(number, side)| pinned.get_mut(number as usize)?.get_mut(side as usize));
            let end = end.ok_or_else(|| bug("a query of pins tells of a pin that there is not"))?;
            *end = values.text(row).filter(|value| !value.is_empty()).map(str::to_owned);
        }
    }
    work.pins.iter().zip(pinned).map(|(pin, values)| read_pin(work, pin, values)).collect()
}

fn read_pin(work: &Resolve, pin: &ResolvePin, values: [Option<String>; 2]) -> Result<Pin, EngineError> {
    let value = |identifier: usize, value: Option<String>| {
        let name = &work.identifiers[identifier].name;
        let what = || format!("a pin of the entity `{}` holds no usable {name} ({})", work.entity, pin.reason);
        let hint = "mend the value; it is brought into the identifier's form as those in the tables are";
        value.map(|value| (identifier, value)).ok_or_else(|| input(what()).hint(hint))
    };
    let ([identifier_a, identifier_b], [a, b]) = (pin.identifiers, values);
    let kind = match pin.kind {
        project::PinKind::Always => PinKind::Always,
        project::PinKind::Never => PinKind::Never,
    };
    Ok(Pin { kind, values: [value(identifier_a, a)?, value(identifier_b, b)?] })
}

/// Lets the kernel know what the last run made of the values.
///
/// # Errors
/// When the last run's table cannot be read, or is none that Kinfold wrote.
pub(super) async fn previous(engine: &dyn Engine, work: &Resolve, graph: &Graph) -> Result<(), EngineError> {
    let mut tasks = JoinSet::new();
    for stream in engine.query_streams(&render(&work.previous, engine.dialect()), None).await? {
        tasks.spawn(feed_previous(stream, graph.previous_feeder(), work.entity.clone()));
    }
    all(tasks).await.map(drop)
}

async fn feed_previous(
    mut stream: RecordStream,
    mut feeder: PreviousFeeder,
    entity: String,
) -> Result<(), EngineError> {
    while let Some(batch) = stream.batches.next().await {
        let batch = batch?;
        let columns = batch.columns().iter().map(Text::new).collect::<Result<Vec<_>, _>>()?;
        let [identifiers, values, ids] = columns.as_slice() else {
            return Err(bug("the last run's identifiers have other columns than were asked for"));
        };
        feeder.push(identifiers, values, ids).map_err(|e| identity(&e, &entity))?;
    }
    feeder.finish().map_err(|e| identity(&e, &entity))
}

/// What all tasks give. After the first error the others are stopped.
pub(super) async fn all<T: 'static>(mut tasks: JoinSet<Result<T, EngineError>>) -> Result<Vec<T>, EngineError> {
    let mut done = Vec::new();
    while let Some(one) = tasks.join_next().await {
        done.push(joined(one)?);
    }
    Ok(done)
}

/// What a task gives.
pub(super) fn joined<T>(task: Result<Result<T, EngineError>, JoinError>) -> Result<T, EngineError> {
    task.map_err(|e| bug(format!("the identity kernel broke off: {e}")))?
}

/// The profiles of [`tables::kept_profile_columns`](super::tables::kept_profile_columns).
pub(super) fn profiles(batch: &RecordBatch, entity: &str) -> Result<Vec<ProfileId>, EngineError> {
    let foreign = || identity(&IdentityError::BrokenKept, entity);
    let numbers = batch.columns().first().and_then(|column| column.as_primitive_opt::<Int64Type>());
    let number = |number: &i64| u64::try_from(*number).ok().and_then(ProfileId::from_number).ok_or_else(foreign);
    numbers.ok_or_else(foreign)?.values().iter().map(number).collect()
}
