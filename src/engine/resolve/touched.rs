//! A run that resolves only what new rows touch, and changes tables in place: see [`kinfold_identity::Touched`].
//!
//! It ends where a run over all rows would. Where it cannot be told what new rows touch, or that would take as long, nothing is done
//! here, and all rows are read.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use futures::StreamExt;
use kinfold_identity::{
    Earlier, Evidence, Graph, IdentityError, Looks, LooksFeeder, Novelty, NumberColumn, ProfileId, Taken, Takes,
    TakesFeeder, TextColumn, Touched,
};
use kinfold_plan::Resolve;
use roaring::RoaringTreemap;
use tokio::task::JoinSet;

use super::last::{self, Last};
use super::read::{self, Feeding, Numbers, Text};
use super::reuse::{self, Reading};
use super::tables::{self, Gone, RefusedCounts, Staying};
use super::{LARGEST, Resolved, Whole, blocking, judge, keep_all, readings, rules, solve};
use crate::api::{Engine, Kept, RecordStream, RunContext, StoredFile};
use crate::error::EngineError;
use crate::failure::{self, bug};

/// With more than one new value for so many that there are, nearly all profiles are touched.
const FEW: usize = 10;
/// A table of more files is written anew; or of which more rows are deleted than one in so many, and than these.
const MANY_FILES: usize = 64;
const MANY_DELETED: u64 = 4;
const WORTH_A_REWRITE: u64 = 100_000;

/// Makes the tables of an entity's identity, as [`super::resolve`] does. None if that is not possible, or not worth it; nothing is written
/// then.
///
/// # Errors
/// As those of [`super::resolve`].
pub(super) async fn resolve(
    engine: &dyn Engine,
    run: &RunContext,
    task: &str,
    threads: usize,
    work: &Resolve,
    kept: &[Kept],
) -> Result<Option<Resolved>, EngineError> {
    if !last::is_possible(work) {
        return Ok(whole(work, "it cannot be told what new rows touch"));
    }
    // Before anything that costs: results of most projects are small.
    let left = last::all(engine, work).await?;
    if left.is_empty() {
        return Ok(whole(work, "no run has left anything to go on from"));
    }
    let readings = readings(engine, run, work, kept, reuse::VERY_MANY).await?;
    if !readings.iter().all(|reading| reading.as_ref().is_some_and(|reading| reading.merged.is_empty())) {
        return Ok(whole(work, "what was read is not kept, or in too many small pieces"));
    }
    // First the tables: of any version that is newer than these, none is changed.
    let tables = Tables::open(engine, work).await?;
    let Some(last) = last::find(engine, run, work, &readings, left).await? else {
        return Ok(whole(work, "the last run is not known, or something has changed since"));
    };
    if !last::is_worth_it(&last.summary) || tables.is_worn() {
        return Ok(whole(work, "the tables are small, or are to be written anew"));
    }
    let evidence = Evidence::new(rules(work, &readings, vec![])).map_err(|e| super::identity(&e, &work.entity))?;
    let memory = engine.memory_share(&format!("the identities of `{}`", work.entity));
    let (evidence, feeding) = (Arc::new(evidence), Feeding::new(run, task, work, memory));
    let of = Run { engine, work, threads, readings: &readings, last: &last, tables: &tables, evidence, feeding };
    let part = match of.part().await {
        Ok(Some(part)) => part,
        Ok(None) => return Ok(whole(work, "too much is new")),
        // Whatever was not as it was left: a run over all rows does not need it.
        Err(e) if read::is_unreadable(&e) => return Ok(whole(work, &e.message)),
        Err(e) => return Err(e),
    };
    // Until the end, as the memory that it holds is.
    let Part { graph, taken, earlier, conflicts, feeding: _feeding } = part;
    let Some(staying) = tables.staying(&taken, &conflicts, &last, &earlier) else {
        return Ok(whole(work, "other edges were refused than were counted"));
    };
    let (resolution, of_part) = solve(work, threads, graph).await?;
    let Some(summary) = last.summary.clone().with_part(&taken, &resolution, &of_part, LARGEST) else {
        return Ok(whole(work, "the largest profiles are to be found anew"));
    };
    let warnings = judge(work, &resolution, &summary)?;
    let mut profiles = staying.profiles.to_vec();
    profiles.extend_from_slice(resolution.profiles());
    profiles.sort();
    let written = tables::write(engine, run, work, threads, &resolution, summary.clone(), Some(staying)).await?;
    let (written, refused) = written;
    let whole =
        Whole { resolution: &resolution, profiles: Some(Arc::new(profiles)), summary, refused, last: Some(&last) };
    let not_kept = keep_all(engine, run, work, threads, &readings, kept, whole).await;
    Ok(Some(Resolved { written, warnings: warnings.into_iter().chain(not_kept).collect() }))
}

fn whole<T>(work: &Resolve, why: &str) -> Option<T> {
    tracing::debug!(entity = work.entity, why, "all rows are resolved");
    None
}

/// The last run's tables, as far as they are changed in place or read.
struct Tables {
    identifiers: Vec<StoredFile>,
    conflicts: Vec<StoredFile>,
    shared: Vec<StoredFile>,
}

/// The refused edges that there are, in the order of their arrival.
#[derive(Default)]
struct Conflicts {
    /// How many of the edges come from each file, and the places of all.
    files: Vec<usize>,
    places: Vec<u32>,
    /// Where each was seen and what refused it, by number.
    kinds: Vec<(String, String)>,
    kind: Vec<usize>,
}

impl Tables {
    async fn open(engine: &dyn Engine, work: &Resolve) -> Result<Self, EngineError> {
        let tables = &work.tables;
        Ok(Self {
            identifiers: engine.stored_files(&tables.identifiers.output.name).await?,
            conflicts: engine.stored_files(&tables.conflicts.output.name).await?,
            shared: engine.stored_files(&tables.shared.output.name).await?,
        })
    }

    /// Whether one of those that are changed in place had better be written anew.
    fn is_worn(&self) -> bool {
        [&self.identifiers, &self.conflicts].into_iter().any(|files| {
            let (rows, deleted) =
                files.iter().fold((0, 0), |(rows, deleted), file| (rows + file.rows, deleted + file.deleted.len()));
            files.len() > MANY_FILES || deleted > WORTH_A_REWRITE.max(rows / MANY_DELETED)
        })
    }

    /// What stays of the tables, once what was taken of them goes. None if they are not as they were left.
    fn staying(&self, taken: &Taken, conflicts: &Conflicts, last: &Last, earlier: &[ProfileId]) -> Option<Staying> {
        let places = self.identifiers.iter().zip(&taken.places).filter(|(_, places)| !places.is_empty());
        let gone_identifiers =
            places.map(|(file, places)| (file.name.clone(), places.iter().map(|place| u64::from(*place)).collect()));
        let gone_identifiers = gone_identifiers.collect();
        let mut gone_conflicts = Gone::new();
        let mut refused: RefusedCounts = last.refused.clone();
        let mut first = 0;
        for (file, count) in self.conflicts.iter().zip(&conflicts.files) {
            for edge in (first..first + count).filter(|edge| taken.refused.contains(*edge)) {
                gone_conflicts.entry(file.name.clone()).or_default().insert(u64::from(conflicts.places[edge]));
                let count = refused.get_mut(&conflicts.kinds[conflicts.kind[edge]])?;
                *count = count.checked_sub(1)?;
            }
            first += count;
        }
        refused.retain(|_, count| *count > 0);
        let stay = earlier.iter().filter(|id| !taken.sizes.contains_key(*id)).copied().collect();
        Some(Staying { gone_identifiers, gone_conflicts, refused, profiles: Arc::new(stay) })
    }
}

/// What new rows touch, ready to be resolved.
struct Part {
    graph: Graph,
    taken: Taken,
    /// All profiles of the last run, ascending.
    earlier: Arc<Vec<ProfileId>>,
    conflicts: Conflicts,
    feeding: Arc<Feeding>,
}

/// What all steps of one run share.
struct Run<'a> {
    engine: &'a dyn Engine,
    work: &'a Resolve,
    threads: usize,
    readings: &'a [Option<Reading>],
    last: &'a Last,
    tables: &'a Tables,
    evidence: Arc<Evidence>,
    feeding: Arc<Feeding>,
}

impl Run<'_> {
    /// None if new rows touch too much.
    async fn part(self) -> Result<Option<Part>, EngineError> {
        for (source, reading) in self.readings.iter().enumerate() {
            let Some(reading) = reading else { continue };
            read::read_fresh(self.engine, self.work, source, reading, &self.evidence, &self.feeding).await?;
        }
        if self.evidence.values().saturating_mul(FEW) as u64 > self.last.summary.value_count() {
            return Ok(None);
        }
        let (earlier, conflicts) = self.earlier().await?;
        let takes = self.look(earlier.look()).await?;
        let touched = self.take(takes).await?;
        let touched = Arc::new(touched);
        for (source, reading) in self.readings.iter().enumerate() {
            let known = reading.iter().flat_map(|reading| &reading.known).filter(|_| touched.needs_rows());
            for kept in known {
                let kept = (kept, Novelty::Known);
                read::read_kept(self.engine, self.work, source, kept, Some(&touched), &self.evidence, &self.feeding)
                    .await?;
            }
            let evidence = Arc::clone(&self.evidence);
            blocking(move || evidence.end(source)).await?.map_err(|e| self.explain(&e))?;
        }
        let earlier = Arc::new(self.last.profiles(self.engine, self.work).await?);
        let Self { evidence, feeding, .. } = self;
        let touched = Arc::into_inner(touched).ok_or_else(|| bug("rows still come in"))?;
        let evidence = Arc::into_inner(evidence).ok_or_else(|| bug("rows still come in"))?;
        let profiles = Arc::clone(&earlier);
        let sealed = blocking(move || touched.seal(evidence, profiles)).await?;
        let (graph, taken) = sealed.map_err(|e| feeding.explain(&e))?;
        // Of all profiles there are three lists in the end.
        let lists = 3 * size_of::<ProfileId>() * earlier.len();
        feeding.hold(graph.bytes_to_resolve() + taken.bytes() + lists)?;
        Ok(Some(Part { graph, taken, earlier, conflicts, feeding }))
    }

    fn explain(&self, e: &IdentityError) -> EngineError {
        self.feeding.explain(e)
    }

    /// What the last run told beside profiles.
    async fn earlier(&self) -> Result<(Earlier, Conflicts), EngineError> {
        let mut earlier = Earlier::new(&self.evidence).map_err(|e| self.explain(&e))?;
        let table = &self.work.tables.shared.output.name;
        for file in &self.tables.shared {
            let columns = ["identifier", "value", "linked_identifier", "degree"];
            let mut rows = Rows::of(self.engine, table, file, &columns).await?;
            while let Some((_, batch)) = rows.next().await? {
                let [identifiers, values, linked, degrees] = batch.columns() else { return Err(misshapen(table)) };
                let (identifiers, values) = (Text::new(identifiers)?, Text::new(values)?);
                let (linked, degrees) = (Text::new(linked)?, Numbers::new(degrees)?);
                earlier.set_aside(&identifiers, &values, &linked, &degrees).map_err(|e| self.explain(&e))?;
            }
        }
        let table = &self.work.tables.conflicts.output.name;
        let mut conflicts = Conflicts::default();
        let mut numbers: HashMap<(String, String), usize> = HashMap::new();
        for file in &self.tables.conflicts {
            let columns = ["identifier_a", "value_a", "identifier_b", "value_b", "source", "rule"];
            let mut rows = Rows::of(self.engine, table, file, &columns).await?;
            let before = conflicts.places.len();
            while let Some((places, batch)) = rows.next().await? {
                let columns = batch.columns().iter().map(Text::new).collect::<Result<Vec<_>, _>>()?;
                let [identifier_a, value_a, identifier_b, value_b, sources, rules] = columns.as_slice() else {
                    return Err(misshapen(table));
                };
                let ends: [[&dyn TextColumn; 2]; 2] = [[identifier_a, value_a], [identifier_b, value_b]];
                earlier.refused(ends).map_err(|e| self.explain(&e))?;
                self.feeding.hold(self.evidence.bytes())?;
                for row in 0..batch.num_rows() {
                    let kind = [sources, rules].map(|column| column.text(row).unwrap_or_default().to_owned());
                    let next = numbers.len();
                    conflicts.kind.push(*numbers.entry(kind.into()).or_insert(next));
                    conflicts.places.extend(places.number(row));
                }
            }
            conflicts.files.push(conflicts.places.len() - before);
        }
        let mut kinds: Vec<_> = numbers.into_iter().collect();
        kinds.sort_unstable_by_key(|(_, number)| *number);
        conflicts.kinds = kinds.into_iter().map(|(kind, _)| kind).collect();
        Ok((earlier, conflicts))
    }

    /// Finds which profiles the values of new rows have.
    async fn look(&self, looks: Looks) -> Result<Takes, EngineError> {
        if looks.is_needed() {
            self.each_file(|_| looks.feeder()).await?;
        }
        blocking(move || looks.group()).await?.map_err(|e| self.explain(&e))
    }

    /// Takes all values of the profiles that new rows touch.
    async fn take(&self, takes: Takes) -> Result<Touched, EngineError> {
        if takes.is_needed() {
            self.each_file(|file| takes.feeder(file)).await?;
        }
        blocking(move || takes.end()).await?.map_err(|e| self.explain(&e))
    }

    /// Hands each file of the last run's values to a feeder of its own, several at a time, each on a thread.
    async fn each_file<F: ValuesFeeder>(&self, feeder: impl Fn(usize) -> F) -> Result<(), EngineError> {
        let table = &self.work.tables.identifiers.output.name;
        let mut tasks = JoinSet::new();
        for (number, file) in self.tables.identifiers.iter().enumerate() {
            if tasks.len() >= self.threads.max(1)
                && let Some(task) = tasks.join_next().await
            {
                read::joined(task)?;
            }
            let rows = Rows::of(self.engine, table, file, &["identifier", "value", "profile_id"]).await?;
            let (evidence, feeding) = (Arc::clone(&self.evidence), Arc::clone(&self.feeding));
            tasks.spawn(feed(feeder(number), rows, table.clone(), evidence, feeding));
        }
        read::all(tasks).await.map(drop)
    }
}

async fn feed(
    mut feeder: impl ValuesFeeder,
    mut rows: Rows,
    table: String,
    evidence: Arc<Evidence>,
    feeding: Arc<Feeding>,
) -> Result<(), EngineError> {
    while let Some((places, batch)) = rows.next().await? {
        let columns = batch.columns().iter().map(Text::new).collect::<Result<Vec<_>, _>>()?;
        let [identifiers, values, profile_ids] = columns.as_slice() else { return Err(misshapen(&table)) };
        feeder.push(&places, [identifiers, values, profile_ids]).map_err(|e| feeding.explain(&e))?;
        feeding.hold(evidence.bytes())?;
    }
    feeder.finish().map_err(|e| feeding.explain(&e))
}

/// What the last run's values go into: identifiers' names, values, and the ids of their profiles.
trait ValuesFeeder: Send + 'static {
    fn push(&mut self, places: &Places, columns: [&Text; 3]) -> Result<(), IdentityError>;

    fn finish(self) -> Result<(), IdentityError>;
}

impl ValuesFeeder for LooksFeeder {
    fn push(&mut self, _: &Places, [identifiers, values, profile_ids]: [&Text; 3]) -> Result<(), IdentityError> {
        Self::push(self, identifiers, values, profile_ids)
    }

    fn finish(self) -> Result<(), IdentityError> {
        Self::finish(self)
    }
}

impl ValuesFeeder for TakesFeeder {
    fn push(&mut self, places: &Places, [identifiers, values, profile_ids]: [&Text; 3]) -> Result<(), IdentityError> {
        Self::push(self, places, identifiers, values, profile_ids)
    }

    fn finish(self) -> Result<(), IdentityError> {
        Self::finish(self)
    }
}

/// The rows of a file that are not deleted, with their places.
struct Rows {
    stream: RecordStream,
    /// The places of those that are, ascending.
    deleted: Vec<u64>,
    /// How many of them lie before `next`.
    passed: usize,
    next: u64,
}

/// Where rows lie in their file.
enum Places {
    All(Range<u64>),
    Some(Vec<u32>),
}

impl NumberColumn for Places {
    fn number(&self, row: usize) -> Option<u32> {
        match self {
            Self::All(places) => u32::try_from(places.start + row as u64).ok(),
            Self::Some(places) => places.get(row).copied(),
        }
    }
}

impl Rows {
    async fn of(engine: &dyn Engine, table: &str, file: &StoredFile, columns: &[&str]) -> Result<Self, EngineError> {
        let stream = engine.stored_rows(table, file, columns).await?;
        Ok(Self { stream, deleted: file.deleted.iter().collect(), passed: 0, next: 0 })
    }

    async fn next(&mut self) -> Result<Option<(Places, RecordBatch)>, EngineError> {
        let Some(batch) = self.stream.batches.next().await else { return Ok(None) };
        let batch = batch?;
        let places = self.next..self.next + batch.num_rows() as u64;
        let deleted = &self.deleted[self.passed..];
        let deleted = &deleted[..deleted.partition_point(|place| *place < places.end)];
        (self.passed, self.next) = (self.passed + deleted.len(), places.end);
        if deleted.is_empty() {
            return Ok(Some((Places::All(places), batch)));
        }
        let mut gone = deleted.iter().peekable();
        let stays: Vec<bool> = places.clone().map(|place| gone.next_if(|gone| **gone == place).is_none()).collect();
        let staying =
            places.zip(&stays).filter(|(_, stays)| **stays).filter_map(|(place, _)| u32::try_from(place).ok());
        let staying = Places::Some(staying.collect());
        let batch = filter_record_batch(&batch, &BooleanArray::from(stays));
        Ok(Some((staying, batch.map_err(|e| failure::arrow(e, "the last run's rows"))?)))
    }
}

fn misshapen(table: &str) -> EngineError {
    bug(format!("the table `{table}` has other columns than were asked for"))
}
