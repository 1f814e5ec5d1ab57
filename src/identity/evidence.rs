//! Rows on their way in: values become integers, each combination of them is kept once, what is known of each value is summed up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::graph::Graph;
use crate::intern::{self, Attributes, FEEDERS_APART, Receive, Ref, SHARDS, Shard, Staged, Unknown};
use crate::kept::KnownValues;
use crate::rows::{self, NewRow, OpenRows, ROW_SHARDS, Rows};
use crate::{
    FoundValues, IdentityError, NumberColumn, ProfileId, Rules, TextColumn, TimeColumn, Touched, lean, linkage,
};

/// How many values wait in a feeder before the shards take them: some 20 MB at 20 bytes a value.
pub(crate) const FLUSH_AT: usize = 1 << 19;

const MISFIT: IdentityError = IdentityError::Misuse("columns that do not fit their source");

/// Sorts after every instant.
pub(crate) const UNKNOWN_FIRST: i64 = i64::MAX;
/// Sorts before every instant.
pub(crate) const UNKNOWN_LAST: i64 = i64::MIN;

/// Collects the rows of an entity's sources, which come in through any number of [`Feeder`]s at the same time. Only the distinct
/// values, and the distinct rows that link two or more or are to be kept, stay in memory.
#[derive(Debug)]
pub struct Evidence {
    pub(crate) shared: Arc<Collected>,
    /// How many values wait; only tests change it.
    pub(crate) flush_at: usize,
    feeders: AtomicUsize,
}

/// What all feeders fill.
#[derive(Debug)]
pub(crate) struct Collected {
    rules: Rules,
    /// For each of [`Rules::sources`], the number of the first one of the same name.
    same_as: Vec<u16>,
    pub(crate) shards: Vec<Mutex<Shard<Seen>>>,
    rows: Vec<OpenRows>,
    /// How much memory all of it holds, and what waits in feeders.
    bytes: AtomicUsize,
}

/// Whether a row is new. No result depends on it: it only tells apart which rows can be had again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Novelty {
    /// An earlier run has kept it.
    Known,
    Fresh,
    /// Fresh, and so new that it may well be taken back: kept apart.
    Newest,
}

impl Novelty {
    /// In the order of their numbers.
    pub(crate) const ALL: [Self; 3] = [Self::Known, Self::Fresh, Self::Newest];
}

/// When and where each value of a shard was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) values: Vec<SeenValue>,
    /// `stride` bytes a value: a bit for each source that [`SeenValue::sources`] has none for, lowest first.
    pub(crate) more_sources: Vec<u8>,
    pub(crate) stride: usize,
    /// The profile that had each value in the last run. Empty if none had any.
    pub(crate) previous: Vec<Option<ProfileId>>,
    /// Where the last run's table has each value; [`Place::NONE`] where that is not known. Empty if of none it is.
    pub(crate) places: Vec<Place>,
    /// One of them has two.
    pub(crate) has_two_places: bool,
    /// Profiles that had values in the last run which no source has any more; some several times.
    pub(crate) bereft: Vec<ProfileId>,
}

/// A file of a table, by its number, and a row of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: u32,
    pub(crate) row: u32,
}

impl Place {
    pub(crate) const NONE: Self = Self { file: u32::MAX, row: u32::MAX };
}

/// Side by side, as each sighting touches all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenValue {
    /// Microseconds; [`UNKNOWN_FIRST`] if no row says.
    pub(crate) first: i64,
    /// Microseconds; [`UNKNOWN_LAST`] if no row says.
    pub(crate) last: i64,
    /// A bit for each of the first sources, lowest first.
    pub(crate) sources: u32,
    /// On how many rows, each counted as often as it came in.
    pub(crate) sightings: u32,
}

/// How many sources [`SeenValue::sources`] has bits for.
pub(crate) const FIRST_SOURCES: usize = u32::BITS as usize;

impl Attributes for Seen {
    fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<SeenValue>()
            + self.more_sources.capacity()
            + self.previous.capacity() * size_of::<Option<ProfileId>>()
            + self.places.capacity() * size_of::<Place>()
    }
}

impl Seen {
    /// Makes sure that there is a place for the value with this number.
    #[inline]
    pub(crate) fn make_room(&mut self, number: usize) {
        if number >= self.values.len() {
            let nothing = SeenValue { first: UNKNOWN_FIRST, last: UNKNOWN_LAST, sources: 0, sightings: 0 };
            let more = number + 1 - self.values.len();
            lean::reserve(&mut self.values, more);
            lean::reserve(&mut self.more_sources, more * self.stride);
            self.values.resize(number + 1, nothing);
            self.more_sources.resize((number + 1) * self.stride, 0);
        }
    }

    /// Whether a source has a value.
    pub(crate) fn has_source(&self, number: usize, source: u16) -> bool {
        match usize::from(source).checked_sub(FIRST_SOURCES) {
            None => self.values[number].sources >> source & 1 == 1,
            Some(more) => self.more_sources[number * self.stride + more / 8] >> (more % 8) & 1 == 1,
        }
    }

    pub(crate) fn shrink(&mut self) {
        self.values.shrink_to_fit();
        self.more_sources.shrink_to_fit();
    }
}

/// Rows that wait in a feeder until their values have numbers.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// The number under which the source counts.
    source: u16,
    width: usize,
    /// Row after row, one for each column.
    refs: Vec<Ref>,
    first: Vec<i64>,
    last: Vec<i64>,
}

/// A value in a feeder: the place in [`Waiting::refs`] where its number is to be written.
type Slot = u32;

impl Receive<Slot> for Seen {
    type Context = Waiting;

    fn miss(&mut self, _: &Slot) {}

    #[inline]
    fn receive(&mut self, at: Ref, slot: &Slot, waiting: &mut Waiting) {
        let number = at.number() as usize;
        self.make_room(number);
        let slot = *slot as usize;
        let row = slot / waiting.width;
        let value = &mut self.values[number];
        value.first = value.first.min(waiting.first[row]);
        value.last = value.last.max(waiting.last[row]);
        value.sightings = value.sightings.saturating_add(1);
        match usize::from(waiting.source).checked_sub(FIRST_SOURCES) {
            None => value.sources |= 1 << waiting.source,
            Some(more) => self.more_sources[number * self.stride + more / 8] |= 1 << (more % 8),
        }
        waiting.refs[slot] = at;
    }
}

impl Evidence {
    /// # Errors
    /// When there are more than 255 identifiers, or a source or a pin names one that doesn't exist.
    pub fn new(rules: Rules) -> Result<Self, IdentityError> {
        if rules.identifiers.len() > usize::from(u8::MAX) {
            return Err(IdentityError::TooManyIdentifiers);
        }
        if rules.sources.iter().flat_map(|s| &s.identifiers).any(|i| *i >= rules.identifiers.len()) {
            return Err(IdentityError::Misuse("a source of an identifier that does not exist"));
        }
        if rules.sources.iter().any(|s| s.identifiers.is_empty()) {
            return Err(IdentityError::Misuse("a source without identifiers"));
        }
        if rules.pins.iter().flat_map(|p| &p.values).any(|(i, _)| *i >= rules.identifiers.len()) {
            return Err(IdentityError::Misuse("a pin of an identifier that does not exist"));
        }
        if rules.sources.len() > usize::from(u16::MAX) {
            return Err(IdentityError::Misuse("more than 65,535 sources"));
        }
        linkage::check(&rules)?;
        let first_of_name = |name: &str| rules.sources.iter().position(|s| s.name == name).unwrap_or_default();
        let same_as = rules.sources.iter().map(|s| first_of_name(&s.name) as u16).collect();
        let stride = rules.sources.len().saturating_sub(FIRST_SOURCES).div_ceil(8);
        let shard = || Mutex::new(Shard::new(Seen { stride, ..Seen::default() }));
        let shards = (0..SHARDS).map(|_| shard()).collect();
        let rows = rules.sources.iter().map(|_| OpenRows::new()).collect();
        let shared = Collected { rules, same_as, shards, rows, bytes: AtomicUsize::new(0) };
        Ok(Self { shared: Arc::new(shared), flush_at: FLUSH_AT, feeders: AtomicUsize::new(0) })
    }

    /// A way in for rows of `rules.sources[source]`. Each thread has its own.
    ///
    /// # Errors
    /// When there is no such source.
    pub fn feeder(&self, source: usize, novelty: Novelty) -> Result<Feeder, IdentityError> {
        let identifiers = self.identifiers_of(source)?;
        let waiting = Waiting {
            source: self.shared.same_as[source],
            width: identifiers.len(),
            refs: vec![],
            first: vec![],
            last: vec![],
        };
        Ok(Feeder {
            shared: Arc::clone(&self.shared),
            number: self.feeders.fetch_add(1, Ordering::Relaxed),
            flush_at: self.flush_at,
            source,
            novelty,
            identifiers,
            keep_rows: self.shared.rules.sources[source].keep_rows,
            staged: Staged::new(),
            placed: (0..SHARDS).map(|_| vec![]).collect(),
            placed_count: 0,
            waiting,
            by_shard: (0..ROW_SHARDS).map(|_| vec![]).collect(),
            bytes: 0,
        })
    }

    /// The identifier of each column of a source.
    ///
    /// # Errors
    /// When there is no such source.
    pub(crate) fn identifiers_of(&self, source: usize) -> Result<Vec<u8>, IdentityError> {
        match self.shared.rules.sources.get(source) {
            Some(source) => Ok(source.identifiers.iter().map(|i| *i as u8).collect()),
            None => Err(IdentityError::Misuse("rows of a source that does not exist")),
        }
    }

    /// Ends the input of a source, of which all feeders are finished: less of it is held from then on.
    ///
    /// # Errors
    /// When there is no such source.
    pub fn end(&self, source: usize) -> Result<(), IdentityError> {
        let width = self.identifiers_of(source)?.len();
        let freed = self.shared.rows[source].close(width);
        self.shared.grow(-freed.cast_signed());
        Ok(())
    }

    /// How much memory is held, in bytes.
    pub fn bytes(&self) -> usize {
        self.shared.held()
    }

    /// How many distinct values have come in.
    pub fn values(&self) -> usize {
        let len = |shard: &Mutex<Shard<Seen>>| shard.lock().unwrap_or_else(PoisonError::into_inner).names().len();
        self.shared.shards.iter().map(len).sum()
    }

    /// Ends the input.
    ///
    /// # Errors
    /// When a feeder is not finished.
    pub fn seal(self) -> Result<Graph, IdentityError> {
        let collected = Arc::into_inner(self.shared).ok_or(IdentityError::Misuse("rows that still come in"))?;
        let Collected { rules, same_as, shards, rows, .. } = collected;
        let identifiers = rules.sources.iter().map(|s| s.identifiers.iter().map(|i| *i as u8).collect::<Vec<_>>());
        let rows = Rows::new(identifiers.zip(rows));
        Ok(Graph::new(rules, self.flush_at, same_as, shards, rows))
    }
}

/// One of the ways by which rows of a source come in. What waits in it is lost unless it is finished.
#[derive(Debug)]
pub struct Feeder {
    shared: Arc<Collected>,
    /// So that feeders begin with different shards.
    number: usize,
    flush_at: usize,
    source: usize,
    novelty: Novelty,
    identifiers: Vec<u8>,
    keep_rows: bool,
    staged: Staged<Slot>,
    /// For each shard the values that are there already, with their slots.
    placed: Vec<Vec<(Ref, Slot)>>,
    placed_count: usize,
    waiting: Waiting,
    /// For each shard of rows the hashes and numbers of those that go there; empty between flushes.
    by_shard: Vec<Vec<(u32, u32)>>,
    /// How much of [`Collected::bytes`] is this feeder's own.
    bytes: usize,
}

impl Feeder {
    /// Takes in rows: one text column for each of the source's identifiers, in its order, and when the rows were first and last
    /// seen. Values are normalised already; a missing or empty one is none. Tells how many rows hold a value.
    ///
    /// The time it takes comes in lumps: every half a million values, all are put in their places.
    ///
    /// # Errors
    /// When the columns don't fit the source or one another, or there is no room for more values.
    pub fn push(
        &mut self,
        columns: &[&dyn TextColumn],
        first_seen: &dyn TimeColumn,
        last_seen: &dyn TimeColumn,
    ) -> Result<usize, IdentityError> {
        let rows = columns.first().map_or(0, |c| c.len());
        if columns.len() != self.identifiers.len() || columns.iter().any(|c| c.len() != rows) {
            return Err(MISFIT);
        }
        let mut usable = 0;
        for row in 0..rows {
            for (column, identifier) in columns.iter().zip(&self.identifiers) {
                let value = column.text(row).filter(|value| !value.is_empty());
                if let Some(value) = value {
                    self.staged.push(*identifier, value, self.waiting.refs.len() as Slot)?;
                }
                // A place for the number, which tells until then whether there is to be one.
                self.waiting.refs.push(if value.is_some() { Ref(0) } else { Ref::NONE });
            }
            usable += usize::from(self.end_row(first_seen.micros(row), last_seen.micros(row))?);
        }
        Ok(usable)
    }

    /// Takes in rows that an earlier run has kept, so many, as [`KeptSource`](crate::KeptSource) gave them: a column of numbers for each of
    /// the source's identifiers, and when the rows were first and last seen. Their values are all there. Tells how many rows hold a value.
    ///
    /// # Errors
    /// When the columns don't fit the source, a value is not there, or there is no room for more rows.
    pub fn push_known(
        &mut self,
        known: &KnownValues,
        rows: usize,
        columns: &[&dyn NumberColumn],
        first_seen: &dyn TimeColumn,
        last_seen: &dyn TimeColumn,
    ) -> Result<usize, IdentityError> {
        if columns.len() != self.identifiers.len() || !known.are_of(&self.shared, &self.identifiers) {
            return Err(MISFIT);
        }
        let mut usable = 0;
        for row in 0..rows {
            for column in columns {
                let at = column.number(row).map_or(Ok(Ref::NONE), |number| known.find(number))?;
                self.push_placed(at);
            }
            usable += usize::from(self.end_row(first_seen.micros(row), last_seen.micros(row))?);
        }
        Ok(usable)
    }

    /// As [`Feeder::push_known`], of rows of which only those are wanted that have values of a group which new rows touch.
    ///
    /// # Errors
    /// When the columns don't fit the source, the rows and the values at hand contradict each other, or there is no room for more rows.
    pub fn push_touched(
        &mut self,
        touched: &Touched,
        found: &FoundValues,
        rows: usize,
        columns: &[&dyn NumberColumn],
        first_seen: &dyn TimeColumn,
        last_seen: &dyn TimeColumn,
    ) -> Result<usize, IdentityError> {
        if columns.len() != self.identifiers.len() || !found.are_of(&self.shared, &self.identifiers) {
            return Err(MISFIT);
        }
        let likely = match columns.iter().map(|column| column.all()).collect::<Option<Vec<_>>>() {
            Some(all) => {
                let mut likely = vec![];
                found.each_row(&all, |row| likely.push(row))?;
                likely
            }
            None => (0..rows).collect(),
        };
        // Where values are lies anywhere in memory: the processor waits for many at once.
        let numbers: Vec<Option<u32>> =
            likely.iter().flat_map(|row| columns.iter().map(|column| column.number(*row))).collect();
        let refs = found.places(&numbers)?;
        let width = columns.len();
        for ((row, numbers), refs) in likely.iter().zip(numbers.chunks_exact(width)).zip(refs.chunks_exact(width)) {
            if !touched.wants(found, numbers, refs)? {
                continue;
            }
            for at in refs {
                self.push_placed(*at);
            }
            self.end_row(first_seen.micros(*row), last_seen.micros(*row))?;
        }
        Ok(rows)
    }

    /// Puts a value that is there already, or none, into the row that waits.
    #[inline]
    fn push_placed(&mut self, at: Ref) {
        if at != Ref::NONE {
            self.placed[at.shard()].push((at, self.waiting.refs.len() as Slot));
            self.placed_count += 1;
        }
        self.waiting.refs.push(at);
    }

    /// Ends a row whose values are among those that wait. Tells whether it has any.
    fn end_row(&mut self, first_seen: Option<i64>, last_seen: Option<i64>) -> Result<bool, IdentityError> {
        let Waiting { refs, first, last, width, .. } = &mut self.waiting;
        let start = refs.len() - *width;
        if refs[start..].iter().all(|at| *at == Ref::NONE) {
            refs.truncate(start);
            return Ok(false);
        }
        first.push(first_seen.unwrap_or(UNKNOWN_FIRST));
        last.push(last_seen.unwrap_or(UNKNOWN_LAST));
        if self.staged.len() + self.placed_count >= self.flush_at {
            self.flush()?;
        }
        Ok(true)
    }

    /// How much memory the whole evidence holds, in bytes.
    pub fn evidence_bytes(&self) -> usize {
        self.shared.held()
    }

    /// Ends this feeder's input.
    ///
    /// # Errors
    /// When there is no room for the last values.
    pub fn finish(mut self) -> Result<(), IdentityError> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), IdentityError> {
        let first_shard = self.number * FEEDERS_APART;
        let shards = &self.shared.shards;
        let mut grown = intern::flush(shards, &mut self.staged, Unknown::Add, first_shard, &mut self.waiting)?;
        self.flush_placed(first_shard);
        grown += self.flush_rows(first_shard)?;
        let placed: usize = self.placed.iter().map(|placed| placed.capacity() * size_of::<(Ref, Slot)>()).sum();
        let own = self.staged.bytes() + placed + self.waiting.bytes();
        grown += own.cast_signed() - self.bytes.cast_signed();
        self.bytes = own;
        self.shared.grow(grown);
        Ok(())
    }

    /// Lets the shards know of the waiting values that they have already.
    fn flush_placed(&mut self, first_shard: usize) {
        self.placed_count = 0;
        for i in 0..SHARDS {
            let index = (first_shard + i) % SHARDS;
            if self.placed[index].is_empty() {
                continue;
            }
            let mut shard = self.shared.shards[index].lock().unwrap_or_else(PoisonError::into_inner);
            for (at, slot) in self.placed[index].drain(..) {
                shard.attributes.receive(at, &slot, &mut self.waiting);
            }
        }
    }

    /// Puts the waiting rows, whose values have numbers by now, in their places.
    fn flush_rows(&mut self, first_shard: usize) -> Result<isize, IdentityError> {
        let Waiting { refs, first, last, width, .. } = &mut self.waiting;
        for (number, row) in (0..).zip(refs.chunks_exact(*width)) {
            let links = row.iter().filter(|at| **at != Ref::NONE).nth(1).is_some();
            if links || self.keep_rows {
                let (shard, hash) = rows::hash(row);
                self.by_shard[shard].push((hash, number));
            }
        }
        let tables = self.shared.rows[self.source].tables(self.novelty);
        let mut grown = 0;
        for i in 0..ROW_SHARDS {
            let shard = (first_shard + i) % ROW_SHARDS;
            if self.by_shard[shard].is_empty() {
                continue;
            }
            let mut table = tables[shard].lock().unwrap_or_else(PoisonError::into_inner);
            table.check_open()?;
            let before = table.bytes();
            for (hash, number) in self.by_shard[shard].drain(..) {
                let number = number as usize;
                let refs = &refs[number * *width..(number + 1) * *width];
                let last = self.keep_rows.then_some(last[number]);
                table.add(hash, NewRow { refs, first: first[number], last })?;
            }
            grown += table.bytes().cast_signed() - before.cast_signed();
        }
        refs.clear();
        first.clear();
        last.clear();
        Ok(grown)
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.shared.grow(-self.bytes.cast_signed());
    }
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.refs.capacity() * size_of::<Ref>() + (self.first.capacity() + self.last.capacity()) * size_of::<i64>()
    }
}

impl Collected {
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How much memory is held, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts what is held, by so much more or less.
    pub(crate) fn grow(&self, difference: isize) {
        self.bytes.fetch_add(difference.cast_unsigned(), Ordering::Relaxed);
    }
}
