//! Runs the clustering kernel between two engines' worth of streams: rows of identifiers flow in, profiles flow out.
//!
//! Nothing is collected: a batch is pushed into the kernel and dropped, and rows of the result are made as they are written.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Builder, ListBuilder, PrimitiveArray, RecordBatch, StringBuilder, StringViewArray,
    StringViewBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType};
use futures::{StreamExt, stream};
use kinfold_base::{ProgressEvent, SqlType, TableSchema};
use kinfold_identity::{
    ConflictReason, Evidence, Graph, IdentifierRule, IdentityError, Limit, Pin, PinKind, Resolution, RowCursor,
    RowSource, Rules, TextColumn, TimeColumn,
};
use kinfold_lang::project;
use kinfold_plan::{KeepTable, Output, Resolve, render};
use tokio::sync::mpsc;

use crate::api::{Engine, RecordStream, RunContext, Written};
use crate::error::{EngineError, ErrorKind};
use crate::failure::{self, bug, input};
use crate::types::{UTC, timestamp_type};

/// Rows of a batch that is written.
const BATCH_ROWS: usize = 8192;
/// Batches that may wait between two ends.
const QUEUE: usize = 4;

/// Makes the tables of one entity's identity: see [`Resolve`] for their columns.
///
/// # Errors
/// When a query fails or a table cannot be written; nothing is committed by this in any case.
pub async fn resolve(
    engine: &dyn Engine,
    run: &RunContext,
    task: &str,
    threads: usize,
    work: &Resolve,
) -> Result<Vec<Written>, EngineError> {
    let pins = read_pins(engine, work).await?;
    let rules = rules(work, threads, pins);
    let evidence = Evidence::new(rules).map_err(|e| identity(&e, &work.entity))?;
    let graph = read_rows(engine, run, task, work, evidence).await?;
    if graph.values() == 0 {
        return Err(input(format!(
            "the entity `{}` has no identifiers: no row of its sources holds a usable one",
            work.entity
        ))
        .hint("check the columns under `ids`, and what `block` and the identifiers' types leave out"));
    }
    let graph = read_previous(engine, work, graph).await?;
    let resolution = blocking(move || graph.resolve()).await?.map_err(|e| identity(&e, &work.entity))?;
    write(engine, run, work, Arc::new(resolution)).await
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
) -> Result<Graph, EngineError> {
    let (send, mut receive) = mpsc::channel::<(usize, RecordBatch)>(QUEUE);
    let taking = tokio::task::spawn_blocking(move || {
        while let Some((source, batch)) = receive.blocking_recv() {
            push(&mut evidence, source, &batch)?;
        }
        evidence.seal().map_err(Pushing::Kernel)
    });
    let mut read = 0;
    let mut failed = None;
    'sources: for (source, rows) in work.rows.iter().enumerate() {
        let mut batches = match engine.query(&render(&rows.query, engine.dialect()), &[]).await {
            Ok(stream) => stream.batches,
            Err(e) => {
                failed = Some(e);
                break;
            }
        };
        let before = read;
        while let Some(batch) = batches.next().await {
            let batch = match batch {
                Ok(batch) => batch,
                Err(e) => {
                    failed = Some(e);
                    break 'sources;
                }
            };
            read += batch.num_rows() as u64;
            if send.send((source, batch)).await.is_err() {
                // The other end has stopped, and says why.
                break 'sources;
            }
            run.progress.on(ProgressEvent::Advanced { task, rows: read });
        }
        if read == before {
            failed = Some(no_identifiers(&rows.source, &work.entity));
            break;
        }
    }
    drop(send);
    let graph = taking.await.map_err(|e| bug(format!("the identity kernel broke off: {e}")))?;
    if let Some(e) = failed {
        return Err(e);
    }
    graph.map_err(|e| e.explain(&work.entity))
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
    Shape(EngineError),
}

impl Pushing {
    fn explain(self, entity: &str) -> EngineError {
        match self {
            Self::Kernel(e) => identity(&e, entity),
            Self::Shape(e) => e,
        }
    }
}

fn push(evidence: &mut Evidence, source: usize, batch: &RecordBatch) -> Result<(), Pushing> {
    let Some(values) = batch.num_columns().checked_sub(2) else {
        return Err(Pushing::Shape(bug("a query of identifiers has no columns for times")));
    };
    let texts =
        batch.columns()[..values].iter().map(Text::new).collect::<Result<Vec<_>, _>>().map_err(Pushing::Shape)?;
    let texts: Vec<&dyn TextColumn> = texts.iter().map(|t| t as _).collect();
    let time = |i: usize| Micros::new(batch.column(i)).map_err(Pushing::Shape);
    evidence.push(source, &texts, &time(values)?, &time(values + 1)?).map_err(Pushing::Kernel)
}

async fn read_previous(engine: &dyn Engine, work: &Resolve, mut graph: Graph) -> Result<Graph, EngineError> {
    let table = table_name(work, "identifiers");
    engine.open_previous(&[(table.clone(), identifiers_columns())]).await?;
    let name = table.replace('"', "\"\"");
    let sql = format!("SELECT \"identifier\", \"value\", \"profile_id\" FROM \"previous\".\"{name}\"");
    let mut batches = engine.query(&sql, &[]).await?.batches;
    let (send, mut receive) = mpsc::channel::<RecordBatch>(QUEUE);
    let taking = tokio::task::spawn_blocking(move || {
        while let Some(batch) = receive.blocking_recv() {
            let columns =
                batch.columns().iter().map(Text::new).collect::<Result<Vec<_>, _>>().map_err(Pushing::Shape)?;
            let [identifiers, values, ids] = columns.as_slice() else {
                return Err(Pushing::Shape(bug("the last run's identifiers have other columns than were asked for")));
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

fn identifiers_columns() -> TableSchema {
    TableSchema::new([
        ("identifier", SqlType::Text),
        ("value", SqlType::Text),
        ("profile_id", SqlType::Text),
        ("first_seen_at", SqlType::Timestamp),
        ("last_seen_at", SqlType::Timestamp),
        ("sources", SqlType::List(Box::new(SqlType::Text))),
    ])
}

fn table_name(work: &Resolve, what: &str) -> String {
    format!("{}_{what}", work.entity)
}

async fn write(
    engine: &dyn Engine,
    run: &RunContext,
    work: &Resolve,
    resolution: Arc<Resolution>,
) -> Result<Vec<Written>, EngineError> {
    let mut written = Vec::new();
    let (at, run_id) = (run.as_of.as_microsecond(), run.run_id.to_string());
    let reasons: Vec<String> = work.pins.iter().map(|pin| pin.reason.clone()).collect();
    let outputs: [(String, KeepTable, SchemaRef, Make); 5] = [
        (table_name(work, "identifiers"), KeepTable::Replace, identifiers_schema(), Box::new(identifiers)),
        (
            table_name(work, "history"),
            KeepTable::Append,
            history_schema(),
            Box::new(move |resolution, send| history(resolution, &run_id, at, send)),
        ),
        (
            table_name(work, "conflicts"),
            KeepTable::Replace,
            conflicts_schema(),
            Box::new(move |resolution, send| conflicts(resolution, &reasons, send)),
        ),
        (table_name(work, "shared"), KeepTable::Replace, shared_schema(), Box::new(shared)),
        (format!("_{}", table_name(work, "profiles")), KeepTable::Scratch, profiles_schema(), Box::new(profiles)),
    ];
    for (name, keep, schema, make) in outputs {
        let rows = produce(schema, Arc::clone(&resolution), make);
        written.push(engine.create_table_from(run, &Output { name, keep }, rows).await?);
    }
    Ok(written)
}

/// Hands batches over until there are no more, or nobody takes them.
type Take<'a> = &'a mut dyn FnMut(Vec<ArrayRef>) -> bool;
type Make = Box<dyn FnOnce(&Resolution, Take<'_>) + Send>;

/// A stream of what `make` makes, on a thread of its own.
fn produce(schema: SchemaRef, resolution: Arc<Resolution>, make: Make) -> RecordStream {
    let (send, receive) = mpsc::channel::<Result<RecordBatch, EngineError>>(QUEUE);
    let columns = Arc::clone(&schema);
    tokio::task::spawn_blocking(move || {
        make(&resolution, &mut |arrays| {
            let batch = RecordBatch::try_new(Arc::clone(&columns), arrays)
                .map_err(|e| failure::arrow(e, "the resolved identities"));
            send.blocking_send(batch).is_ok()
        });
    });
    let batches =
        stream::unfold(receive, |mut receive| async move { receive.recv().await.map(|batch| (batch, receive)) });
    RecordStream { schema, batches: batches.boxed() }
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|(name, ty)| Field::new(*name, ty.clone(), true)).collect::<Vec<_>>()))
}

fn identifiers_schema() -> SchemaRef {
    schema(&[
        ("identifier", DataType::Utf8),
        ("value", DataType::Utf8),
        ("profile_id", DataType::Utf8),
        ("first_seen_at", timestamp_type()),
        ("last_seen_at", timestamp_type()),
        ("sources", DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)))),
    ])
}

fn identifiers(resolution: &Resolution, send: Take<'_>) {
    let rules = resolution.rules();
    let mut rows = resolution.identifier_rows(RowCursor::default()).peekable();
    while rows.peek().is_some() {
        let (mut identifier, mut value, mut profile) =
            (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
        let (mut first, mut last) = (times(), times());
        let mut sources =
            ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
        for row in rows.by_ref().take(BATCH_ROWS) {
            identifier.append_value(&rules.identifiers[row.identifier].name);
            value.append_value(row.value);
            profile.append_value(row.profile_id.text().as_str());
            first.append_option(row.first_seen);
            last.append_option(row.last_seen);
            row.sources.iter().for_each(|source| sources.values().append_value(&rules.sources[source].name));
            sources.append(true);
        }
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(identifier.finish()),
            Arc::new(value.finish()),
            Arc::new(profile.finish()),
            Arc::new(first.finish()),
            Arc::new(last.finish()),
            Arc::new(sources.finish()),
        ];
        if !send(arrays) {
            return;
        }
    }
}

fn history_schema() -> SchemaRef {
    schema(&[
        ("run_id", DataType::Utf8),
        ("at", timestamp_type()),
        ("change", DataType::Utf8),
        ("profile_id", DataType::Utf8),
        ("other_profile_id", DataType::Utf8),
    ])
}

fn history(resolution: &Resolution, run_id: &str, at: i64, send: Take<'_>) {
    for changes in resolution.changes().chunks(BATCH_ROWS) {
        let (mut change, mut profile, mut other) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
        for c in changes {
            change.append_value(c.kind.as_str());
            profile.append_value(c.profile_id.text().as_str());
            other.append_option(c.other_profile_id.map(|id| id.text().as_str().to_owned()));
        }
        let run_ids = arrow::array::StringArray::from_iter_values(std::iter::repeat_n(run_id, changes.len()));
        let ats = TimestampMicrosecondArray::from_value(at, changes.len()).with_timezone(UTC);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(run_ids),
            Arc::new(ats),
            Arc::new(change.finish()),
            Arc::new(profile.finish()),
            Arc::new(other.finish()),
        ];
        if !send(arrays) {
            return;
        }
    }
}

fn conflicts_schema() -> SchemaRef {
    schema(&[
        ("identifier_a", DataType::Utf8),
        ("value_a", DataType::Utf8),
        ("identifier_b", DataType::Utf8),
        ("value_b", DataType::Utf8),
        ("rule", DataType::Utf8),
        ("source", DataType::Utf8),
        ("first_seen_at", timestamp_type()),
    ])
}

/// `reasons`: of the pins.
fn conflicts(resolution: &Resolution, reasons: &[String], send: Take<'_>) {
    let rules = resolution.rules();
    let name = |identifier: usize| rules.identifiers[identifier].name.as_str();
    let mut rows = resolution.conflicts().peekable();
    while rows.peek().is_some() {
        let mut texts: [StringBuilder; 6] = std::array::from_fn(|_| StringBuilder::new());
        let mut first = times();
        for c in rows.by_ref().take(BATCH_ROWS) {
            let rule = reason(rules, reasons, c.reason);
            let row = [
                name(c.a.identifier),
                c.a.value,
                name(c.b.identifier),
                c.b.value,
                &rule,
                &rules.sources[c.source].name,
            ];
            for (builder, text) in texts.iter_mut().zip(row) {
                builder.append_value(text);
            }
            first.append_option(c.first_seen);
        }
        let mut arrays: Vec<ArrayRef> = texts.iter_mut().map(|b| Arc::new(b.finish()) as _).collect();
        arrays.push(Arc::new(first.finish()));
        if !send(arrays) {
            return;
        }
    }
}

/// Why an edge was refused, as the table tells it.
fn reason(rules: &Rules, reasons: &[String], reason: ConflictReason) -> String {
    match reason {
        ConflictReason::Limit { identifier, limit } => {
            let within = limit.within_micros.map(|micros| format!(" within {}", span(micros))).unwrap_or_default();
            format!("limit of {} is {}{within}", rules.identifiers[identifier].name, limit.count)
        }
        ConflictReason::Never { pin } => match reasons.get(pin) {
            Some(reason) => format!("pinned apart: {reason}"),
            None => "pinned apart".to_owned(),
        },
    }
}

/// A length of time as projects write it, such as `90d` or `1d12h`: whole seconds, at least one.
fn span(micros: i64) -> String {
    let seconds = (micros / 1_000_000).max(1);
    let parts = [(seconds / 86_400, 'd'), (seconds / 3_600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let told = parts.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().concat()
}

fn shared_schema() -> SchemaRef {
    schema(&[
        ("identifier", DataType::Utf8),
        ("value", DataType::Utf8),
        ("linked_identifier", DataType::Utf8),
        ("degree", DataType::Int64),
    ])
}

fn shared(resolution: &Resolution, send: Take<'_>) {
    let name = |identifier: usize| resolution.rules().identifiers[identifier].name.as_str();
    let mut rows = resolution.shared().peekable();
    while rows.peek().is_some() {
        let (mut identifier, mut value, mut linked) =
            (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
        let mut degree = Int64Builder::new();
        for row in rows.by_ref().take(BATCH_ROWS) {
            identifier.append_value(name(row.value.identifier));
            value.append_value(row.value.value);
            linked.append_value(name(row.linked));
            degree.append_value(i64::try_from(row.degree).unwrap_or(i64::MAX));
        }
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(identifier.finish()),
            Arc::new(value.finish()),
            Arc::new(linked.finish()),
            Arc::new(degree.finish()),
        ];
        if !send(arrays) {
            return;
        }
    }
}

fn profiles_schema() -> SchemaRef {
    schema(&[("profile_id", DataType::Utf8View)])
}

fn profiles(resolution: &Resolution, send: Take<'_>) {
    for ids in resolution.profiles().chunks(BATCH_ROWS) {
        let mut out = StringViewBuilder::with_capacity(ids.len());
        ids.iter().for_each(|id| out.append_value(id.text().as_str()));
        if !send(vec![Arc::new(out.finish())]) {
            return;
        }
    }
}

fn times() -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::new().with_timezone(UTC)
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
