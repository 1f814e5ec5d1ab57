//! A run that resolves only what new rows touch, and changes tables in place: see [`kinfold_identity::Touched`].
//!
//! It ends where a run over all rows would. Where it cannot be told what new rows touch, or that would take as long, nothing is done
//! here, and all rows are read.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use futures::{FutureExt, StreamExt, TryStreamExt, future, stream};
use kinfold_identity::{
    Earlier, Evidence, Graph, IdentityError, Looks, LooksFeeder, Novelty, NumberColumn, Pin, ProfileId, Resolution,
    Taken, Takes, TakesFeeder, TextColumn, Touched, Wanted,
};
use kinfold_plan::Resolve;
use roaring::RoaringTreemap;
use tokio::task::JoinSet;

use super::columns::{Numbers, Text};
use super::last::{self, Last};
use super::matches::{self, Changed};
use super::read::{self, Beside, Feeding, SOURCES_AT_ONCE};
use super::reuse::{self, Key, Reading};
use super::tables::{self, Counts, Gone, RefusedCounts, Staying};
use super::{LARGEST, Resolved, Whole, blocking, index, judge, keep_all, readings, rules, solve, usable};
use crate::api::{Engine, Kept, RecordStream, RunContext, StoredFile};
use crate::error::{EngineError, ErrorKind};
use crate::failure::{self, bug};

/// With more than one new value for so many that there are, nearly all profiles are touched.
const FEW: usize = 10;
/// A table of more files is written anew; or of which more rows are deleted than one in so many, and than these.
const MANY_FILES: usize = 64;
const MANY_DELETED: u64 = 4;
const WORTH_A_REWRITE: u64 = 100_000;

/// Fewer wanted rows of a file are not worth a reader of their own.
const WORTH_A_READER: usize = 1 << 16;

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
    pins: &[Pin],
    (kept, key): (&[Kept], &Key),
) -> Result<Option<Resolved>, EngineError> {
    if !last::is_possible(work) {
        return Ok(whole(work, "it cannot be told what new rows touch"));
    }
    // Before anything that costs: results of most projects are small.
    let left = last::all(engine, work).await?;
    if left.is_empty() {
        return Ok(whole(work, "no run has left anything to go on from"));
    }
    let readings = readings(engine, run, work, (kept, key), reuse::VERY_MANY).await?;
    if !readings.iter().all(|reading| reading.as_ref().is_some_and(|reading| reading.merged.is_empty())) {
        return Ok(whole(work, "what was read is not kept, or in too many small pieces"));
    }
    // First the tables: of any version that is newer than these, none is changed.
    let tables = match Tables::open(engine, work).await {
        // As another program has written one.
        Err(e) if e.kind == ErrorKind::Input => return Ok(whole(work, &e.message)),
        tables => tables?,
    };
    let rules = rules(work, &readings, pins.to_vec());
    let Some(last) = last::find(engine, run, work, &readings, &rules, left).await? else {
        return Ok(whole(work, "the last run is not known, or something has changed since"));
    };
    if !last::is_worth_it(&last.summary) || tables.is_worn() {
        return Ok(whole(work, "the tables are small, or are to be written anew"));
    }
    let Some(index) = index::find(engine, work, key, &tables.identifiers).await? else {
        return Ok(whole(work, "the index of values is not there"));
    };
    let evidence = Evidence::new(rules).map_err(|e| super::identity(&e, &work.entity))?;
    let memory = engine.memory_share(&format!("the identities of `{}`", work.entity));
    let (evidence, feeding) = (Arc::new(evidence), Feeding::new(run, task, work, memory));
    let (earlier, readings) = (Before { last: &last, tables: &tables, index: &index, key }, &readings[..]);
    let of = Run { engine, work, threads, readings, earlier, evidence, feeding };
    of.read_fresh().await?;
    let seen = of.feeding.seen();
    let part = match of.part().await {
        Ok(Some(part)) => part,
        Ok(None) => {
            return Ok(whole(work, "too much is new, or a pin links what many share, or a match what was on no row"));
        }
        // Whatever was not as it was left: a run over all rows does not need it.
        Err(e) if read::is_unreadable(&e) => {
            tracing::warn!(entity = work.entity, error = e.message, "what the last run has left is of no use");
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    // Until the end, as the memory that it holds is.
    let Part { is_new, graph, taken, earlier, conflicts, feeding: _feeding } = part;
    let (resolution, of_part) = solve(work, threads, graph).await?;
    let known = last.summary.value_count();
    let Some(staying) = tables.staying(&taken, &conflicts, &last, &earlier, &resolution) else {
        return Ok(whole(work, "other edges were refused than were counted"));
    };
    let Some(summary) = last.summary.clone().with_part(&taken, &resolution, &of_part, LARGEST) else {
        return Ok(whole(work, "the largest profiles are to be found anew"));
    };
    // Where nothing is new, no pin was looked for.
    let unused_pins = if is_new { resolution.unused_pins().to_vec() } else { last.unused_pins.clone() };
    let values = usable::of_all(readings, &seen);
    let warnings = judge(work, &unused_pins, &summary, &values)?;
    let profiles = all_profiles(&staying.profiles, resolution.profiles());
    let counts = Counts { summary: summary.clone(), unused_pins: &unused_pins, values };
    let told = tables::write(engine, run, work, threads, &resolution, counts, Some(staying)).await?;
    let (profiles, last) = (Some(Arc::new(profiles)), Some((&last, &tables.identifiers[..])));
    let whole = Whole { resolution: &resolution, profiles, summary, unused_pins, told: &told, last };
    let not_kept = keep_all(engine, run, work, threads, (readings, &seen), (kept, key), whole).await;
    let note = Some(format!("{} of {known} known values resolved again", taken.values.iter().sum::<u64>()));
    Ok(Some(Resolved { written: told.written, note, warnings: warnings.into_iter().chain(not_kept).collect() }))
}

/// Ascending. `stay`: ascending, too.
fn all_profiles(stay: &[ProfileId], new: &[ProfileId]) -> Vec<ProfileId> {
    let mut new = new.to_vec();
    new.sort_unstable();
    let mut all = Vec::with_capacity(stay.len() + new.len());
    all.extend_from_slice(stay);
    all.extend(new);
    // A stable sort takes runs that are in order as they are.
    all.sort();
    all
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

    /// What stays of the tables, once what the result replaces goes. None if they are not as they were left.
    fn staying(
        &self,
        taken: &Taken,
        conflicts: &Conflicts,
        last: &Last,
        earlier: &[ProfileId],
        resolution: &Resolution,
    ) -> Option<Staying> {
        let replaced = self.identifiers.iter().zip(resolution.replaced()).filter(|(_, places)| !places.is_empty());
        let gone_identifiers =
            replaced.map(|(file, places)| (file.name.clone(), places.into_iter().map(u64::from).collect()));
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
        // Both are ascending.
        let mut gone = taken.sizes.iter().peekable();
        let stays = |id: &&ProfileId| {
            while gone.next_if(|(other, _)| other < *id).is_some() {}
            gone.next_if(|(other, _)| other == *id).is_none()
        };
        let stay = earlier.iter().filter(stays).copied().collect();
        Some(Staying { gone_identifiers, gone_conflicts, refused, profiles: Arc::new(stay) })
    }
}

/// What new rows touch, ready to be resolved.
struct Part {
    /// New rows have values, or values are linked by other likelihoods than before.
    is_new: bool,
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
    earlier: Before<'a>,
    evidence: Arc<Evidence>,
    feeding: Arc<Feeding>,
}

/// What the last run left.
#[derive(Clone, Copy)]
struct Before<'a> {
    last: &'a Last,
    tables: &'a Tables,
    /// Of each of the files of values.
    index: &'a [Kept],
    key: &'a Key,
}

impl Run<'_> {
    async fn read_fresh(&self) -> Result<(), EngineError> {
        let readings =
            self.readings.iter().enumerate().filter_map(|(source, reading)| Some((source, reading.as_ref()?)));
        let reads = readings.map(|(source, reading)| {
            read::read_fresh(self.engine, self.work, source, reading, &self.evidence, &self.feeding).boxed()
        });
        // All at once: of each there is little.
        future::try_join_all(reads).await.map(drop)
    }

    /// None if new rows touch too much, or it cannot be told what they do.
    async fn part(self) -> Result<Option<Part>, EngineError> {
        let values = self.evidence.values();
        if values.saturating_mul(FEW) as u64 > self.earlier.last.summary.value_count() {
            return Ok(None);
        }
        let (mut earlier, conflicts) = self.beside_profiles().await?;
        if earlier.has_linked_aside() {
            return Ok(None);
        }
        let most = self.earlier.last.summary.value_count() / FEW as u64;
        let changed = Changed::read(self.engine, self.work, most, &self.evidence, &self.feeding).await?;
        let Some(changed) = changed else { return Ok(None) };
        changed.touch(&mut earlier, &self.feeding)?;
        let is_new = values > 0 || !changed.is_empty();
        let takes = self.look(earlier.look()).await?;
        let touched = self.take(takes).await?;
        let touched = Arc::new(touched);
        let kept: Vec<_> = (0..self.readings.len()).map(|source| self.read_kept(source, &touched).boxed()).collect();
        let kept = stream::iter(kept).buffer_unordered(SOURCES_AT_ONCE).try_collect::<Vec<_>>();
        let (profiles, _) = tokio::try_join!(self.earlier.last.profiles(self.engine, self.work), kept)?;
        let earlier = Arc::new(profiles);
        let Self { engine, work, evidence, feeding, .. } = self;
        let touched = Arc::into_inner(touched).ok_or_else(|| bug("rows still come in"))?;
        let evidence = Arc::into_inner(evidence).ok_or_else(|| bug("rows still come in"))?;
        let profiles = Arc::clone(&earlier);
        let sealed = blocking(move || touched.seal(evidence, profiles)).await?;
        let (mut graph, mut taken) = sealed.map_err(|e| feeding.explain(&e))?;
        if is_new {
            matches::add(engine, work, &mut graph).await?;
            changed.count(&mut graph, &feeding)?;
            taken.matches = graph.matches_before();
            if graph.is_torn() {
                return Ok(None);
            }
        }
        // Of all profiles there are three lists in the end.
        let lists = 3 * size_of::<ProfileId>() * earlier.len();
        feeding.hold(graph.bytes_to_resolve() + taken.bytes() + lists)?;
        Ok(Some(Part { is_new, graph, taken, earlier, conflicts, feeding }))
    }

    fn explain(&self, e: &IdentityError) -> EngineError {
        self.feeding.explain(e)
    }

    /// What the last run told beside profiles.
    async fn beside_profiles(&self) -> Result<(Earlier, Conflicts), EngineError> {
        let mut earlier = Earlier::new(&self.evidence, self.earlier.key.key);
        let table = &self.work.tables.shared.output.name;
        for file in &self.earlier.tables.shared {
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
        for file in &self.earlier.tables.conflicts {
            let columns = ["value_a", "value_b", "source", "rule"];
            let mut rows = Rows::of(self.engine, table, file, &columns).await?;
            let before = conflicts.places.len();
            while let Some((places, batch)) = rows.next().await? {
                let columns = batch.columns().iter().map(Text::new).collect::<Result<Vec<_>, _>>()?;
                let [value_a, value_b, sources, rules] = columns.as_slice() else { return Err(misshapen(table)) };
                earlier.refused([value_a, value_b]).map_err(|e| self.explain(&e))?;
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

    /// The files of values, each with what is kept of it; none if there is nothing to look for.
    fn files(&self, is_needed: bool) -> impl Iterator<Item = (&StoredFile, &Kept)> {
        self.earlier.tables.identifiers.iter().zip(self.earlier.index).filter(move |_| is_needed)
    }

    /// Reads those of the kept rows of a source that are touched.
    async fn read_kept(&self, source: usize, touched: &Arc<Touched>) -> Result<(), EngineError> {
        let known = self.readings[source].iter().flat_map(|reading| &reading.known);
        for kept in known.filter(|_| touched.needs_rows()) {
            let kept = (kept, Novelty::Known);
            read::read_kept(self.engine, self.work, source, kept, Some(touched), &self.evidence, &self.feeding).await?;
        }
        let evidence = Arc::clone(&self.evidence);
        blocking(move || evidence.end(source)).await?.map_err(|e| self.explain(&e))
    }

    /// Finds which profiles the values of new rows have.
    async fn look(&self, looks: Looks) -> Result<Takes, EngineError> {
        for (file, kept) in self.files(looks.is_needed()) {
            let mut tasks = JoinSet::new();
            for stream in index::rows(self.engine, self.work, kept).await? {
                let (deleted, sharing) = (Arc::clone(&file.deleted), self.sharing());
                tasks.spawn(look_through(stream, looks.feeder(), deleted, sharing));
            }
            read::all(tasks).await?;
        }
        blocking(move || looks.group()).await?.map_err(|e| self.explain(&e))
    }

    /// Takes all values of the profiles that new rows touch.
    async fn take(&self, takes: Takes) -> Result<Touched, EngineError> {
        let table = &self.work.tables.identifiers.output.name;
        let takes = Arc::new(takes);
        let files = self.files(takes.is_needed()).enumerate();
        let wanted: Vec<_> =
            files.map(|(number, (file, kept))| self.wanted(number, file, kept, &takes).boxed()).collect();
        let mut wanted = stream::iter(wanted).buffer_unordered(self.threads.max(1));
        let mut reads = JoinSet::new();
        while let Some((number, file, parts)) = wanted.try_next().await? {
            for part in parts {
                if reads.len() >= self.threads.max(1)
                    && let Some(done) = reads.join_next().await
                {
                    read::joined(done)?;
                }
                let places: RoaringTreemap = part.rows.iter().map(|wanted| u64::from(wanted.place)).collect();
                let rows = self.engine.stored_rows(table, file, &["identifier", "value"], Some(&places)).await?;
                reads.spawn(feed_wanted(takes.feeder(number), part, rows, table.clone(), self.sharing()));
            }
        }
        drop(wanted);
        read::all(reads).await?;
        let takes = Arc::into_inner(takes).ok_or_else(|| bug("rows still come in"))?;
        let threads = self.threads;
        blocking(move || takes.end(threads)).await?.map_err(|e| self.explain(&e))
    }

    /// Finds which rows of a file are to be taken: the number of the file, and the rows in parts for as many threads, each in order.
    async fn wanted<'a>(
        &self,
        number: usize,
        file: &'a StoredFile,
        kept: &Kept,
        takes: &Arc<Takes>,
    ) -> Result<(usize, &'a StoredFile, Vec<InFile>), EngineError> {
        let mut tasks = JoinSet::new();
        for stream in index::rows(self.engine, self.work, kept).await? {
            let (deleted, sharing) = (Arc::clone(&file.deleted), self.sharing());
            tasks.spawn(wanted_of(stream, Arc::clone(takes), deleted, sharing));
        }
        let mut wanted = read::all(tasks).await?.concat();
        wanted.sort_unstable_by_key(|wanted| wanted.place);
        if wanted.last().is_some_and(|last| u64::from(last.place) >= file.rows) {
            return Err(self.explain(&IdentityError::BrokenKept));
        }
        let rows = wanted.len().div_ceil(self.threads.max(1)).max(WORTH_A_READER);
        let parts = wanted.chunks(rows).map(|rows| InFile::new(rows.to_vec(), &self.feeding));
        Ok((number, file, parts.collect()))
    }

    fn sharing(&self) -> Sharing {
        Sharing { evidence: Arc::clone(&self.evidence), feeding: Arc::clone(&self.feeding) }
    }
}

/// What tasks of one run share.
struct Sharing {
    evidence: Arc<Evidence>,
    feeding: Arc<Feeding>,
}

impl Sharing {
    /// After something was taken in.
    fn check(&self, taken: Result<(), IdentityError>) -> Result<(), EngineError> {
        taken.map_err(|e| self.feeding.explain(&e))?;
        self.feeding.hold(self.evidence.bytes())
    }
}

/// Rows of a file that are wanted.
struct InFile {
    rows: Vec<Wanted>,
    #[expect(dead_code, reason = "what is held counts until it is dropped")]
    held: Beside,
}

impl InFile {
    fn new(rows: Vec<Wanted>, feeding: &Arc<Feeding>) -> Self {
        /// Beside the row itself: what tells a reader of files to read it.
        const PER_ROW: usize = size_of::<Wanted>() + 40;
        let held = feeding.beside(rows.len() * PER_ROW);
        Self { rows, held }
    }
}

async fn look_through(
    mut index: RecordStream,
    mut feeder: LooksFeeder,
    deleted: Arc<RoaringTreemap>,
    sharing: Sharing,
) -> Result<(), EngineError> {
    while let Some(batch) = index.batches.next().await {
        let batch = batch?;
        let pushed = index::slices(&batch)
            .and_then(|[places, lows, profiles]| feeder.push(places, lows, profiles, |place| !deleted.contains(place)));
        sharing.check(pushed)?;
    }
    feeder.finish();
    Ok(())
}

async fn wanted_of(
    mut index: RecordStream,
    takes: Arc<Takes>,
    deleted: Arc<RoaringTreemap>,
    sharing: Sharing,
) -> Result<Vec<Wanted>, EngineError> {
    let mut wanted = vec![];
    while let Some(batch) = index.batches.next().await {
        let batch = batch?;
        let told = index::slices(&batch).and_then(|[places, lows, profiles]| {
            takes.wanted(places, lows, profiles, |place| !deleted.contains(place), &mut wanted)
        });
        sharing.check(told)?;
    }
    Ok(wanted)
}

/// Takes in the rows of a file that are wanted, which come in their order.
async fn feed_wanted(
    mut feeder: TakesFeeder,
    wanted: InFile,
    mut rows: RecordStream,
    table: String,
    sharing: Sharing,
) -> Result<(), EngineError> {
    let mut wanted = wanted.rows.as_slice();
    while let Some(batch) = rows.batches.next().await {
        let batch = batch?;
        let columns = batch.columns().iter().map(Text::new).collect::<Result<Vec<_>, _>>()?;
        let [identifiers, values] = columns.as_slice() else { return Err(misshapen(&table)) };
        let (here, later) = wanted.split_at(batch.num_rows().min(wanted.len()));
        sharing.check(feeder.push(here, identifiers, values))?;
        wanted = later;
    }
    let is_all = if wanted.is_empty() { Ok(()) } else { Err(IdentityError::BrokenKept) };
    sharing.check(is_all.and_then(|()| feeder.finish()))
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
        let stream = engine.stored_rows(table, file, columns, None).await?;
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
