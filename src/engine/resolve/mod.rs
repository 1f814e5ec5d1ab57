//! Runs the clustering kernel between two engines' worth of streams: rows of identifiers flow in, profiles flow out.
//!
//! Nothing is collected: a batch is pushed into the kernel and dropped, and rows of the result are made as they are written.

mod columns;
mod index;
mod last;
mod matches;
mod read;
mod reuse;
mod tables;
mod touched;
mod usable;

use std::sync::Arc;

use kinfold_identity::{
    Evidence, Graph, IdentifierRule, IdentityError, KeptSource, Limit, Linkage, MatchRules, Pin, ProfileId, Resolution,
    RowSource, Rules, Summary,
};
use kinfold_lang::project;
use kinfold_plan::{KeepTable, Resolve, render};

use self::read::Seen;
use self::reuse::{Key, Reading};
use self::tables::Counts;
use self::usable::Usable;
use crate::api::{Engine, Kept, MemoryShare, RunContext, StoredFile, Written};
use crate::error::{EngineError, ErrorKind};
use crate::failure::{bug, input};

/// Batches that may wait between two ends.
const QUEUE: usize = 4;
/// How many pins without effect are told one by one.
const TOLD_PINS: usize = 10;
/// How many of the largest profiles are told by name.
const LARGEST: usize = 20;
/// How many are known by name from run to run: some grow into others, and others are not counted again for it.
const LARGEST_KNOWN: usize = 200;

/// What became of an entity's identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub written: Vec<Written>,
    /// How much of it was resolved, if not all.
    pub note: Option<String>,
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
    let pins = read::pins(engine, work).await?;
    // What is kept is for those who see the tables: a rehearsal leaves it alone.
    let is_shown = work.tables.identifiers.output.keep != KeepTable::Scratch;
    let kept = if is_shown { engine.kept(&work.entity).await? } else { vec![] };
    let key = Key::of(&kept);
    if is_shown
        && !run.full
        && let Some(resolved) = touched::resolve(engine, run, task, threads, work, &pins, (&kept, &key)).await?
    {
        return Ok(resolved);
    }
    let usable = if run.full { vec![] } else { kept.clone() };
    let (mut graph, mut memory, readings, seen, mut warnings) =
        read_all(engine, run, task, work, pins, (usable, &key)).await?;
    matches::add(engine, work, &mut graph).await?;
    read::previous(engine, work, &graph).await?;
    memory.hold(graph.bytes_to_resolve())?;
    let (resolution, summary) = solve(work, threads, graph).await?;
    let unused_pins = resolution.unused_pins().to_vec();
    let values = usable::of_all(&readings, &seen);
    warnings.extend(judge(work, &unused_pins, &summary, &values)?);
    let counts = Counts { summary: summary.clone(), unused_pins: &unused_pins, values };
    let told = tables::write(engine, run, work, threads, &resolution, counts, None).await?;
    if is_shown {
        let whole = Whole { resolution: &resolution, profiles: None, summary, unused_pins, told: &told, last: None };
        warnings.extend(keep_all(engine, run, work, threads, (&readings, &seen), (&kept, &key), whole).await);
    }
    Ok(Resolved { written: told.written, note: None, warnings })
}

async fn solve(work: &Resolve, threads: usize, graph: Graph) -> Result<(Arc<Resolution>, Summary), EngineError> {
    let solved = blocking(move || {
        let resolution = graph.resolve(threads)?;
        let summary = resolution.summary(LARGEST_KNOWN);
        Ok((Arc::new(resolution), summary))
    });
    solved.await?.map_err(|e: IdentityError| match &e {
        IdentityError::ContradictoryPins { never } if let Some(pin) = work.pins.get(*never) => {
            let [a, b] = pin.identifiers.map(|i| work.identifiers[i].name.as_str());
            let entity = &work.entity;
            input(format!("{entity}: a pin keeps values of {a} and {b} apart that other pins link ({})", pin.reason))
                .hint("remove one of the pins; their values are compared in the forms of their identifiers")
        }
        _ => identity(&e, &work.entity),
    })
}

/// What is known of all profiles.
struct Whole<'a> {
    /// Of all of them, or of a part.
    resolution: &'a Arc<Resolution>,
    /// All, ascending; none if those of the resolution are all.
    profiles: Option<Arc<Vec<ProfileId>>>,
    summary: Summary,
    /// Indices into [`Resolve::pins`].
    unused_pins: Vec<usize>,
    told: &'a tables::Told,
    /// What it goes on from, and the files of values that it found there.
    last: Option<(&'a last::Last, &'a [StoredFile])>,
}

/// Keeps for the next run what was read for the first time, and what came of it. Tells a person if that fails: only time is lost.
async fn keep_all(
    engine: &dyn Engine,
    run: &RunContext,
    work: &Resolve,
    threads: usize,
    (readings, seen): (&[Option<Reading>], &[Seen]),
    (kept, key): (&[Kept], &Key),
    whole: Whole<'_>,
) -> Option<String> {
    let keep = async {
        keep(engine, run, work, threads, (readings, seen), (kept, key), whole.resolution).await?;
        last::keep(engine, run, work, readings, key, whole).await
    };
    let e = keep.await.err()?;
    Some(format!("{}: what was read cannot be kept, the next run reads it again: {}", work.entity, e.message))
}

/// Reads all sources, as far as `kept` does not stand for them, and how it did that; with what a person should know.
async fn read_all(
    engine: &dyn Engine,
    run: &RunContext,
    task: &str,
    work: &Resolve,
    pins: Vec<Pin>,
    (mut kept, key): (Vec<Kept>, &Key),
) -> Result<(Graph, Box<dyn MemoryShare>, Vec<Option<Reading>>, Vec<Seen>, Vec<String>), EngineError> {
    let mut warnings = vec![];
    loop {
        let readings = readings(engine, run, work, (&kept, key), reuse::MANY).await?;
        let rules = rules(work, &readings, pins.clone());
        let evidence = Evidence::new(rules).map_err(|e| identity(&e, &work.entity))?;
        let memory = engine.memory_share(&format!("the identities of `{}`", work.entity));
        match read::rows(engine, run, task, work, &readings, evidence, memory).await {
            Ok((graph, memory, seen)) => return Ok((graph, memory, readings, seen, warnings)),
            Err(read::Failed::Other(error)) => return Err(error),
            // Some of it has come in: all over again, and without anything that might fail in the same way.
            Err(read::Failed::Kept { source, error }) => {
                kept.clear();
                let (entity, source) = (&work.entity, &work.rows[source].source);
                let what = format!("{entity}: what was kept of {source} is of no use, all sources are read again");
                warnings.push(format!("{what}: {}", error.message));
            }
        }
    }
}

/// What is to be told of the result, before anything is made of it.
///
/// # Errors
/// When a profile has more identifiers than the project allows.
fn judge(
    work: &Resolve,
    unused_pins: &[usize],
    summary: &Summary,
    values: &[Usable],
) -> Result<Vec<String>, EngineError> {
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
        let hint = "raise `error_above` for one run, and look at the profile with `kinfold explain`; then set aside what its \
                    identifiers share with `limit`, `shared_above`, `block` or a pin";
        return Err(input(message).hint(hint));
    }
    warnings.extend(work.max_cluster.warn_above.and_then(too_large));
    for pin in unused_pins.iter().take(TOLD_PINS).filter_map(|pin| work.pins.get(*pin)) {
        let [a, b] = pin.identifiers.map(|i| work.identifiers[i].name.as_str());
        let entity = &work.entity;
        let what = format!("{entity}: a pin of {a} and {b} has no effect, as no row has one of its values");
        warnings.push(format!("{what} ({})", pin.reason));
    }
    if let more @ 1.. = unused_pins.len().saturating_sub(TOLD_PINS) {
        let pins = if more == 1 { "1 more pin has".to_owned() } else { format!("{more} more pins have") };
        warnings.push(format!("{}: {pins} no effect, as no row has one of their values", work.entity));
    }
    warnings.extend(work.rows.iter().zip(values).flat_map(|(rows, values)| values.warnings(work, rows)));
    Ok(warnings)
}

fn rules(work: &Resolve, readings: &[Option<Reading>], pins: Vec<Pin>) -> Rules {
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
            .zip(readings)
            .map(|(rows, reading)| RowSource {
                name: rows.source.clone(),
                identifiers: rows.identifiers.clone(),
                keep_rows: reading.is_some(),
            })
            .collect(),
        pins,
        matching: work.matches.as_ref().map_or_else(MatchRules::default, |matches| MatchRules {
            accept: matches.accept,
            linkage: match matches.linkage {
                project::Linkage::Any => Linkage::Any,
                project::Linkage::Average => Linkage::Average,
                project::Linkage::Complete => Linkage::Complete,
            },
            one_of_each: matches.one_of_each.clone(),
        }),
    }
}

/// How each source is read; none where all of it is, each time. `many`: see [`reuse::plan`].
async fn readings(
    engine: &dyn Engine,
    run: &RunContext,
    work: &Resolve,
    (usable, key): (&[Kept], &Key),
    many: usize,
) -> Result<Vec<Option<Reading>>, EngineError> {
    let mut readings = vec![];
    for rows in &work.rows {
        let parts = if rows.keep { engine.parts(&render(&rows.query, engine.dialect())).await? } else { None };
        readings.push(parts.map(|parts| reuse::plan(parts, usable, key, run.as_of, many)));
    }
    Ok(readings)
}

/// Keeps what was read for the first time, for the next run, and forgets what that makes useless.
async fn keep(
    engine: &dyn Engine,
    run: &RunContext,
    work: &Resolve,
    threads: usize,
    (readings, seen): (&[Option<Reading>], &[Seen]),
    (kept, key): (&[Kept], &Key),
    resolution: &Arc<Resolution>,
) -> Result<(), EngineError> {
    for (source, (rows, reading)) in work.rows.iter().zip(readings).enumerate() {
        for (novelty, about) in reading.iter().flat_map(|reading| reading.to_keep(&seen[source])) {
            let resolved = Arc::clone(resolution);
            let kept = blocking(move || KeptSource::new(resolved, source, novelty)).await?;
            let tables = tables::kept(&Arc::new(kept), resolution, threads, rows, key.key);
            engine.keep(run, &work.entity, &about, tables).await?;
        }
    }
    let used: Vec<&str> = readings.iter().flatten().flat_map(|r| &r.known).map(|kept| kept.name.as_str()).collect();
    for useless in kept.iter().filter(|kept| !used.contains(&kept.name.as_str())) {
        engine.forget(&work.entity, useless).await?;
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| bug(format!("the identity kernel broke off: {e}")))
}

fn identity(e: &IdentityError, entity: &str) -> EngineError {
    let kind = match e {
        IdentityError::Misuse(_) => ErrorKind::Bug,
        IdentityError::NoThreads(_) => ErrorKind::Outside,
        _ => ErrorKind::Input,
    };
    EngineError {
        kind,
        message: format!("the identities of `{entity}` cannot be resolved: {e}"),
        hint: None,
        source: Some(Box::new(e.clone())),
    }
}
