//! Rows of values, each combination once: what links values, and what is kept of a source's rows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hashbrown::HashTable;
use rayon::prelude::*;

use crate::evidence::{Novelty, UNKNOWN_LAST};
use crate::intern::Ref;
use crate::nodes::Nodes;
use crate::summary::EdgeCount;
use crate::{IdentityError, lean};

/// Each is guarded on its own, so that threads seldom wait for one another.
pub(crate) const ROW_SHARDS: usize = 64;

/// Distinct rows of one source, in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct RowTable {
    table: HashTable<Entry>,
    /// Row after row, one for each column of the source; [`Ref::NONE`] where a value is missing.
    refs: Vec<Ref>,
    /// When each row was first seen.
    first: Vec<i64>,
    /// When each row was last seen, where that is kept.
    last: Vec<i64>,
    /// Whether each row is in another table, too; empty if none is.
    repeats: Vec<bool>,
    /// No more rows come.
    is_closed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    row: u32,
}

/// Some rows of one source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'a> {
    pub(crate) source: u16,
    /// The identifier of each column.
    pub(crate) identifiers: &'a [u8],
    /// Row after row, one for each column.
    refs: &'a [Ref],
    first: &'a [i64],
}

impl<'a> Block<'a> {
    /// Where the values of all rows are kept, row after row.
    pub(crate) fn refs(self) -> &'a [Ref] {
        self.refs
    }

    /// The values of each row.
    pub(crate) fn rows(self) -> impl Iterator<Item = &'a [Ref]> {
        self.refs.chunks_exact(self.identifiers.len())
    }

    /// When each row was first seen.
    pub(crate) fn first(self) -> &'a [i64] {
        self.first
    }
}

/// Rows of a [`Block`]: what is fetched of their values fits the cache next to a processor.
const BLOCK_ROWS: usize = 1024;

/// A row on its way in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRow<'a> {
    pub(crate) refs: &'a [Ref],
    pub(crate) first: i64,
    /// None where it is not kept.
    pub(crate) last: Option<i64>,
}

/// The shard of a row, from one half of its hash, and the other half.
#[inline]
pub(crate) fn hash(refs: &[Ref]) -> (usize, u32) {
    let mix = |hash: u64, at: &Ref| (hash.rotate_left(23) ^ u64::from(at.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = refs.iter().fold(0x51_7cc1_b727_220a, mix);
    let hash = hash ^ hash >> 29;
    ((hash >> 48) as usize % ROW_SHARDS, hash as u32)
}

/// Over 64 bits, as the table uses both ends.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl RowTable {
    /// Adds a row, or what is new of one that is there.
    ///
    /// # Errors
    /// When there is no room for more rows.
    #[inline]
    pub(crate) fn add(&mut self, hash: u32, row: NewRow<'_>) -> Result<(), IdentityError> {
        let width = row.refs.len();
        let refs = &self.refs;
        let same = |entry: &Entry| {
            entry.hash == hash && refs[entry.row as usize * width..(entry.row as usize + 1) * width] == *row.refs
        };
        if let Some(entry) = self.table.find(spread(hash), same) {
            let at = entry.row as usize;
            self.first[at] = self.first[at].min(row.first);
            if let Some(last) = row.last {
                self.last[at] = self.last[at].max(last);
            }
            return Ok(());
        }
        let number = u32::try_from(self.first.len()).map_err(|_| IdentityError::TooManyRows)?;
        lean::reserve(&mut self.refs, width);
        lean::reserve(&mut self.first, 1);
        self.refs.extend_from_slice(row.refs);
        self.first.push(row.first);
        if let Some(last) = row.last {
            lean::reserve(&mut self.last, 1);
            self.last.push(last);
        }
        self.table.insert_unique(spread(hash), Entry { hash, row: number }, |entry| spread(entry.hash));
        Ok(())
    }

    /// # Errors
    /// When no more rows were to come.
    pub(crate) fn check_open(&self) -> Result<(), IdentityError> {
        if self.is_closed { Err(IdentityError::Misuse("rows of a source that has ended")) } else { Ok(()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.first.len()
    }

    /// The values of a row of so many columns.
    pub(crate) fn refs(&self, row: usize, width: usize) -> &[Ref] {
        &self.refs[row * width..(row + 1) * width]
    }

    /// The values of all rows, row after row.
    pub(crate) fn all_refs(&self) -> &[Ref] {
        &self.refs
    }

    pub(crate) fn first(&self, row: usize) -> i64 {
        self.first[row]
    }

    pub(crate) fn last(&self, row: usize) -> i64 {
        self.last.get(row).copied().unwrap_or(UNKNOWN_LAST)
    }

    /// How much memory it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.table.allocation_size()
            + self.refs.capacity() * size_of::<Ref>()
            + (self.first.capacity() + self.last.capacity()) * size_of::<i64>()
            + self.repeats.capacity()
    }

    /// Whether it has a row with these values.
    fn has(&self, refs: &[Ref]) -> bool {
        let (hash, width) = (hash(refs).1, refs.len());
        self.table
            .find(spread(hash), |entry| entry.hash == hash && self.refs(entry.row as usize, width) == refs)
            .is_some()
    }

    /// Notes which rows one of the other tables has, too.
    fn note_repeats(&mut self, others: &[&Self], width: usize) {
        if others.iter().any(|other| other.len() > 0) {
            let is_repeat = |row: &[Ref]| others.iter().any(|other| other.has(row));
            self.repeats = self.refs.chunks_exact(width).map(is_repeat).collect();
        }
    }

    /// Gives back what is needed to find a row again, and what growing left over.
    fn close(&mut self) {
        self.is_closed = true;
        self.table = HashTable::new();
        self.refs.shrink_to_fit();
        self.first.shrink_to_fit();
        self.last.shrink_to_fit();
    }
}

/// A source's rows while they come in: for each [`Novelty`], tables that each have the rows of one shard.
#[derive(Debug)]
pub(crate) struct OpenRows([Vec<Mutex<RowTable>>; Novelty::ALL.len()]);

impl OpenRows {
    pub(crate) fn new() -> Self {
        Self(Novelty::ALL.map(|_| (0..ROW_SHARDS).map(|_| Mutex::default()).collect()))
    }

    pub(crate) fn tables(&self, novelty: Novelty) -> &[Mutex<RowTable>] {
        &self.0[novelty as usize]
    }

    /// Ends the input: notes which rows are of several novelties, and gives back what is needed to find a row again. `width`: how many
    /// columns rows have. Tells by how much memory there is less.
    pub(crate) fn close(&self, width: usize) -> usize {
        let mut freed = 0;
        for shard in 0..ROW_SHARDS {
            let tables = self.0.each_ref().map(|tables| &tables[shard]);
            let mut tables = tables.map(|table| table.lock().unwrap_or_else(PoisonError::into_inner));
            if tables.iter().any(|table| table.is_closed) {
                continue;
            }
            let before: usize = tables.iter().map(|table| table.bytes()).sum();
            for i in 1..tables.len() {
                let (others, rest) = tables.split_at_mut(i);
                let others: Vec<&RowTable> = others.iter().map(|table| &**table).collect();
                rest[0].note_repeats(&others, width);
            }
            for table in &mut tables {
                table.close();
            }
            freed += before - tables.iter().map(|table| table.bytes()).sum::<usize>().min(before);
        }
        freed
    }
}

/// One source's distinct rows, for each [`Novelty`] by shards. A row may be of several novelties.
#[derive(Debug)]
struct SourceRows {
    /// The identifier of each column.
    identifiers: Vec<u8>,
    tables: [Vec<RowTable>; Novelty::ALL.len()],
}

/// The rows of all sources. An edge is not stored: every pair on a row is one.
#[derive(Debug)]
pub(crate) struct Rows {
    sources: Vec<SourceRows>,
}

impl Rows {
    /// Each source's identifiers, and its rows.
    pub(crate) fn new(sources: impl Iterator<Item = (Vec<u8>, OpenRows)>) -> Self {
        Self { sources: sources.map(|(identifiers, open)| SourceRows::new(identifiers, open)).collect() }
    }

    /// All rows, some of them more than once, for as many threads as there are.
    pub(crate) fn blocks(&self) -> impl ParallelIterator<Item = Block<'_>> {
        let tables = self.sources.par_iter().enumerate().flat_map(|(number, source)| {
            let tables = source.tables.par_iter().flatten();
            tables.map(move |table| (number as u16, source.identifiers.as_slice(), table))
        });
        tables.flat_map_iter(|(source, identifiers, table)| {
            let blocks = table.refs.chunks(BLOCK_ROWS * identifiers.len()).zip(table.first.chunks(BLOCK_ROWS));
            blocks.map(move |(refs, first)| Block { source, identifiers, refs, first })
        })
    }

    /// The rows of a source that are of one novelty, in [`ROW_SHARDS`] parts or, if they are not kept, in none.
    pub(crate) fn of(&self, source: usize, novelty: Novelty) -> &[RowTable] {
        &self.sources[source].tables[novelty as usize]
    }

    /// Calls `each` with the values of every row that an earlier run has not kept, and the identifiers of its columns.
    pub(crate) fn each_fresh(&self, mut each: impl FnMut(&[Ref], &[u8])) {
        for source in &self.sources {
            let fresh = Novelty::ALL.iter().zip(&source.tables).filter(|(novelty, _)| **novelty != Novelty::Known);
            for table in fresh.flat_map(|(_, tables)| tables) {
                table.refs.chunks_exact(source.identifiers.len()).for_each(|row| each(row, &source.identifiers));
            }
        }
    }

    /// Gives back all rows but those of some sources that an earlier run has not read.
    pub(crate) fn retain_fresh(&mut self, of: impl Fn(usize) -> bool) {
        for (number, source) in self.sources.iter_mut().enumerate() {
            for (novelty, tables) in Novelty::ALL.iter().zip(&mut source.tables) {
                if *novelty == Novelty::Known || !of(number) {
                    *tables = Vec::new();
                }
            }
        }
    }

    /// How much memory they hold.
    pub(crate) fn bytes(&self) -> usize {
        self.sources.iter().flat_map(|source| source.tables.iter().flatten()).map(RowTable::bytes).sum()
    }

    /// How many edges rows hold that are of some novelties, by source and identifiers; an edge that several rows tell of counts once.
    /// `same_as`: the number under which each source counts.
    pub(crate) fn count_edges(&self, nodes: &Nodes, same_as: &[u16], of: &[Novelty]) -> Vec<EdgeCount> {
        let mut kinds: BTreeMap<(u16, u8, u8), Vec<Ends<'_>>> = BTreeMap::new();
        for (source, same) in self.sources.iter().zip(same_as) {
            let columns = &source.identifiers;
            for (i, a) in columns.iter().enumerate() {
                for (j, b) in columns.iter().enumerate().skip(i + 1) {
                    let columns = if a <= b { [i, j] } else { [j, i] };
                    kinds.entry((*same, *a.min(b), *a.max(b))).or_default().push(Ends { source, columns });
                }
            }
        }
        let count = |((source, a, b), ends): ((u16, u8, u8), Vec<Ends<'_>>)| {
            let edges = ends.par_iter().flat_map(|ends| ends.edges(nodes, of));
            let count = match ends.as_slice() {
                // Rows are distinct, and hold nothing else.
                [one] if one.source.identifiers.len() == 2 && a != b => edges.count(),
                _ => {
                    let mut edges: Vec<_> = edges.collect();
                    edges.par_sort_unstable();
                    edges.dedup();
                    edges.len()
                }
            };
            EdgeCount { source: usize::from(source), identifiers: [a, b].map(usize::from), count: count as u64 }
        };
        kinds.into_iter().map(count).filter(|edges| edges.count > 0).collect()
    }
}

/// Two columns of a source, that of the stronger identifier first.
struct Ends<'a> {
    source: &'a SourceRows,
    columns: [usize; 2],
}

impl Ends<'_> {
    /// The two values of each row that has both.
    fn edges(&self, nodes: &Nodes, of: &[Novelty]) -> impl ParallelIterator<Item = [u32; 2]> {
        let is_one = self.columns.map(|column| self.source.identifiers[column]);
        let is_one = is_one[0] == is_one[1];
        self.source.distinct(of).filter_map(move |row| {
            let mut edge = self.columns.map(|column| row[column]);
            let is_edge = edge[0] != edge[1] && edge.iter().all(|value| nodes.node(*value).is_some());
            if is_one && edge[0].0 > edge[1].0 {
                edge.swap(0, 1);
            }
            is_edge.then_some(edge.map(|value| value.0))
        })
    }
}

impl SourceRows {
    fn new(identifiers: Vec<u8>, open: OpenRows) -> Self {
        open.close(identifiers.len());
        let inner = |shard: Mutex<RowTable>| shard.into_inner().unwrap_or_else(PoisonError::into_inner);
        Self { identifiers, tables: open.0.map(|shards| shards.into_iter().map(inner).collect()) }
    }

    /// Every combination of values once, of some novelties, which are the first ones.
    fn distinct(&self, of: &[Novelty]) -> impl ParallelIterator<Item = &[Ref]> {
        debug_assert!(Novelty::ALL.starts_with(of));
        self.tables[..of.len()].par_iter().flatten().flat_map_iter(|table| {
            let rows = table.refs.chunks_exact(self.identifiers.len()).enumerate();
            rows.filter(|(row, _)| !table.repeats.get(*row).is_some_and(|repeats| *repeats)).map(|(_, refs)| refs)
        })
    }
}
