//! What is kept of a source's rows for the next run: each value once, under a number, and rows as numbers.
//!
//! Numbers mean something only together: those of one [`KeptSource`] come back as one [`KnownValues`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use fixedbitset::FixedBitSet;

use crate::evidence::{Collected, Evidence, Seen};
use crate::intern::{self, FEEDERS_APART, Receive, Ref, SHARDS, Staged, Unknown};
use crate::nodes::{known_first, known_last};
use crate::ranked::Ranked;
use crate::resolution::Resolution;
use crate::rows::{ROW_SHARDS, RowTable};
use crate::{IdentityError, Novelty, NumberColumn, TextColumn};

/// The distinct rows of one novelty that a source has, as they are to be kept. Nothing, unless the source keeps its rows; nor of known
/// rows, which are kept already.
#[derive(Debug)]
pub struct KeptSource {
    resolution: Arc<Resolution>,
    source: usize,
    novelty: Novelty,
    /// The nodes that the rows have, which are numbered by their ranks.
    used: Ranked,
}

/// A value of kept rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptValue<'a> {
    /// From 0 up.
    pub number: u32,
    /// A column of the source that has the value's identifier.
    pub column: usize,
    pub value: &'a str,
}

/// A kept row.
#[derive(Debug, Clone, Copy)]
pub struct KeptRow<'a> {
    of: &'a KeptSource,
    refs: &'a [Ref],
    /// Microseconds since 1970, UTC; none if no row of this combination says.
    pub first_seen: Option<i64>,
    pub last_seen: Option<i64>,
}

impl KeptSource {
    #[must_use]
    pub fn new(resolution: Arc<Resolution>, source: usize, novelty: Novelty) -> Self {
        let nodes = &resolution.nodes;
        let mut used = FixedBitSet::with_capacity(nodes.len());
        let refs = resolution.rows.of(source, novelty).iter().flat_map(RowTable::all_refs);
        used.extend(refs.filter_map(|at| nodes.number(*at)).map(|node| node as usize));
        Self { used: Ranked::new(used), resolution, source, novelty }
    }

    /// How many values there are; all numbers are smaller.
    pub fn value_count(&self) -> usize {
        self.used.len()
    }

    pub fn row_count(&self) -> usize {
        self.tables().iter().map(RowTable::len).sum()
    }

    /// One of several parts of the values, about equally large.
    pub fn values(&self, part: usize, parts: usize) -> impl Iterator<Item = KeptValue<'_>> {
        let nodes = &self.resolution.nodes;
        let start = |part: usize| SHARDS * part.min(parts) / parts.max(1);
        let columns = &self.resolution.rules.sources[self.source].identifiers;
        let shards = start(part)..start(part + 1);
        let first_number = self.used.rank(nodes.start(shards.start));
        let used = shards.flat_map(move |shard| {
            let (names, first) = (nodes.shards[shard].names(), nodes.start(shard));
            (0..names.len()).filter(move |i| self.used.contains(first + *i as u32)).map(move |i| (names, i))
        });
        (first_number..).zip(used).map(|(number, (names, i))| {
            let identifier = usize::from(names.identifier(i));
            let column = columns.iter().position(|of| *of == identifier).unwrap_or_default();
            KeptValue { number, column, value: names.value(i) }
        })
    }

    /// One of several parts of the rows, each combination of values once, in no particular order; about equally large.
    pub fn rows(&self, part: usize, parts: usize) -> impl Iterator<Item = KeptRow<'_>> {
        let width = self.resolution.rules.sources[self.source].identifiers.len();
        let tables = self.tables();
        let start = |part: usize| (ROW_SHARDS * part.min(parts) / parts.max(1)).min(tables.len());
        tables[start(part)..start(part + 1)].iter().flat_map(move |table| {
            let row = move |row: usize| KeptRow {
                of: self,
                refs: table.refs(row, width),
                first_seen: known_first(table.first(row)),
                last_seen: known_last(table.last(row)),
            };
            (0..table.len()).map(row)
        })
    }

    fn tables(&self) -> &[RowTable] {
        self.resolution.rows.of(self.source, self.novelty)
    }
}

impl KeptRow<'_> {
    /// The number of the value in a column of the source; none where it is missing.
    pub fn number(&self, column: usize) -> Option<u32> {
        self.of.resolution.nodes.number(self.refs[column]).map(|node| self.of.used.rank(node))
    }
}

/// The values of rows that an earlier run has kept, by the numbers that it gave them.
#[derive(Debug)]
pub struct KnownValues {
    /// The identifier of each column of the rows' source.
    identifiers: Vec<u8>,
    /// As [`Ref`]s; [`Ref::NONE`] until a value has come.
    refs: Vec<AtomicU32>,
    /// What they hold is counted there.
    of: Arc<Collected>,
    flush_at: usize,
    feeders: AtomicUsize,
}

/// A value that waits for its place, with its number.
#[derive(Debug, Clone, Copy)]
struct Numbered(u32);

impl KnownValues {
    /// Room for so many values of rows of `rules.sources[source]`.
    ///
    /// # Errors
    /// When there is no such source.
    pub fn new(evidence: &Evidence, source: usize, count: u32) -> Result<Self, IdentityError> {
        let identifiers = evidence.identifiers_of(source)?;
        let refs = (0..count).map(|_| AtomicU32::new(Ref::NONE.0)).collect();
        let (of, flush_at) = (Arc::clone(&evidence.shared), evidence.flush_at);
        let known = Self { identifiers, refs, of, flush_at, feeders: AtomicUsize::new(0) };
        known.of.grow(known.bytes());
        Ok(known)
    }

    /// A way in for the values. Each thread has its own.
    pub fn feeder(self: &Arc<Self>) -> KnownValuesFeeder {
        let number = self.feeders.fetch_add(1, Ordering::Relaxed);
        KnownValuesFeeder { known: Arc::clone(self), number, staged: Staged::new(), bytes: 0 }
    }

    /// Whether they are what this evidence has of a source with these identifiers.
    pub(crate) fn are_of(&self, evidence: &Arc<Collected>, identifiers: &[u8]) -> bool {
        Arc::ptr_eq(&self.of, evidence) && self.identifiers == identifiers
    }

    /// Where a value is kept.
    ///
    /// # Errors
    /// When no value with this number came.
    pub(crate) fn find(&self, number: u32) -> Result<Ref, IdentityError> {
        let at = self.refs.get(number as usize).map(|at| Ref(at.load(Ordering::Relaxed)));
        at.filter(|at| *at != Ref::NONE).ok_or(IdentityError::BrokenKept)
    }

    fn bytes(&self) -> isize {
        (self.refs.capacity() * size_of::<AtomicU32>()).cast_signed()
    }
}

impl Drop for KnownValues {
    fn drop(&mut self) {
        self.of.grow(-self.bytes());
    }
}

impl Receive<Numbered> for Seen {
    type Context = Arc<KnownValues>;

    fn receive(&mut self, at: Ref, number: &Numbered, known: &mut Arc<KnownValues>) {
        self.make_room(at.number() as usize);
        known.refs[number.0 as usize].store(at.0, Ordering::Relaxed);
    }

    fn miss(&mut self, _: &Numbered) {}
}

/// One of the ways by which values of kept rows come in, before the rows. What waits in it is lost unless it is finished.
#[derive(Debug)]
pub struct KnownValuesFeeder {
    known: Arc<KnownValues>,
    /// So that feeders begin with different shards.
    number: usize,
    staged: Staged<Numbered>,
    /// How much memory waits here, as counted in what is known.
    bytes: usize,
}

impl KnownValuesFeeder {
    /// Takes in what [`KeptSource::values`] gave.
    ///
    /// # Errors
    /// When something is missing or is not as it was given, or there is no room for more values.
    pub fn push(
        &mut self,
        numbers: &dyn NumberColumn,
        columns: &dyn NumberColumn,
        values: &dyn TextColumn,
    ) -> Result<(), IdentityError> {
        for row in 0..values.len() {
            let number = numbers.number(row).filter(|number| (*number as usize) < self.known.refs.len());
            let identifier = columns.number(row).and_then(|column| self.known.identifiers.get(column as usize));
            let (Some(number), Some(identifier), Some(value)) = (number, identifier, values.text(row)) else {
                return Err(IdentityError::BrokenKept);
            };
            self.staged.push(*identifier, value, Numbered(number))?;
            if self.staged.len() >= self.known.flush_at {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// How much memory the whole evidence holds, in bytes.
    pub fn evidence_bytes(&self) -> usize {
        self.known.of.held()
    }

    /// Ends this feeder's input.
    ///
    /// # Errors
    /// When there is no room for the last values.
    pub fn finish(mut self) -> Result<(), IdentityError> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), IdentityError> {
        let of = Arc::clone(&self.known.of);
        let first_shard = self.number * FEEDERS_APART;
        let grown = intern::flush(&of.shards, &mut self.staged, Unknown::Add, first_shard, &mut self.known)?;
        let own = self.staged.bytes();
        of.grow(grown + own.cast_signed() - self.bytes.cast_signed());
        self.bytes = own;
        Ok(())
    }
}

impl Drop for KnownValuesFeeder {
    fn drop(&mut self) {
        self.known.of.grow(-self.bytes.cast_signed());
    }
}
