//! Rows on their way in: values become integers, rows that link are kept, what is known of each value is summed up.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::graph::{Block, Graph};
use crate::intern::{self, Receive, Ref, SHARDS, Shard, Staged, Unknown};
use crate::{IdentityError, ProfileId, Rules, TextColumn, TimeColumn};

/// How many values wait before the shards take them: some 35 MB at 20 bytes a value.
pub(crate) const FLUSH_AT: usize = 1 << 19;

/// Sorts after every instant.
pub(crate) const UNKNOWN_FIRST: i64 = i64::MAX;
/// Sorts before every instant.
pub(crate) const UNKNOWN_LAST: i64 = i64::MIN;

/// Collects the rows of an entity's sources. Only the distinct values, and the rows that link two or more, stay in memory.
#[derive(Debug)]
pub struct Evidence {
    rules: Rules,
    /// How many values wait; only tests change it.
    pub(crate) flush_at: usize,
    /// For each of [`Rules::sources`], the number of the first one of the same name.
    same_as: Vec<u16>,
    shards: Vec<Shard<Seen>>,
    staged: Staged<Sighting>,
    /// One for each value of each row in `open`.
    slots: Vec<AtomicU32>,
    open: Block,
    blocks: Vec<Block>,
}

/// When and where each value of a shard was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Microseconds; [`UNKNOWN_FIRST`] if no row says.
    pub(crate) first: Vec<i64>,
    /// Microseconds; [`UNKNOWN_LAST`] if no row says.
    pub(crate) last: Vec<i64>,
    /// `stride` bytes a value, one bit a source, lowest first.
    pub(crate) sources: Vec<u8>,
    pub(crate) stride: usize,
    /// The profile that had each value in the last run. Empty if none had any.
    pub(crate) previous: Vec<Option<ProfileId>>,
    /// Profiles that had values in the last run which no source has any more; some several times.
    pub(crate) bereft: Vec<ProfileId>,
}

impl Seen {
    /// How much memory it holds.
    pub(crate) fn bytes(&self) -> usize {
        (self.first.capacity() + self.last.capacity()) * size_of::<i64>()
            + self.sources.capacity()
            + self.previous.capacity() * size_of::<Option<ProfileId>>()
    }

    pub(crate) fn shrink(&mut self) {
        self.first.shrink_to_fit();
        self.last.shrink_to_fit();
        self.sources.shrink_to_fit();
    }
}

/// One value on one row.
#[derive(Debug)]
struct Sighting {
    first: i64,
    last: i64,
    /// Where the value's number is to be written; none if its row links nothing.
    slot: Option<u32>,
    source: u16,
}

impl Receive<Sighting> for Seen {
    type Context = [AtomicU32];

    fn miss(&mut self, _: &Sighting) {}

    #[inline]
    fn receive(&mut self, at: Ref, seen: &Sighting, slots: &[AtomicU32]) {
        let number = at.number() as usize;
        if number >= self.first.len() {
            self.first.resize(number + 1, UNKNOWN_FIRST);
            self.last.resize(number + 1, UNKNOWN_LAST);
            self.sources.resize((number + 1) * self.stride, 0);
        }
        self.first[number] = self.first[number].min(seen.first);
        self.last[number] = self.last[number].max(seen.last);
        let source = usize::from(seen.source);
        self.sources[number * self.stride + source / 8] |= 1 << (source % 8);
        if let Some(slot) = seen.slot {
            // Each slot belongs to one value; the threads' end publishes what they wrote.
            slots[slot as usize].store(at.0, Ordering::Relaxed);
        }
    }
}

impl Evidence {
    /// # Errors
    /// When there are more than 255 identifiers, or a source or a pin names one that doesn't exist.
    pub fn new(mut rules: Rules) -> Result<Self, IdentityError> {
        if rules.identifiers.len() > usize::from(u8::MAX) {
            return Err(IdentityError::TooManyIdentifiers);
        }
        if rules.sources.iter().flat_map(|s| &s.identifiers).any(|i| *i >= rules.identifiers.len()) {
            return Err(IdentityError::Misuse("a source of an identifier that does not exist"));
        }
        if rules.pins.iter().flat_map(|p| &p.values).any(|(i, _)| *i >= rules.identifiers.len()) {
            return Err(IdentityError::Misuse("a pin of an identifier that does not exist"));
        }
        if rules.sources.len() > usize::from(u16::MAX) {
            return Err(IdentityError::Misuse("more than 65,535 sources"));
        }
        rules.threads = rules.threads.max(1);
        let first_of_name = |name: &str| rules.sources.iter().position(|s| s.name == name).unwrap_or_default();
        let same_as = rules.sources.iter().map(|s| first_of_name(&s.name) as u16).collect();
        let stride = rules.sources.len().div_ceil(8);
        let shard = || Shard::new(Seen { stride, ..Seen::default() });
        let shards = (0..SHARDS).map(|_| shard()).collect();
        let (slots, open) = (Vec::new(), Block::default());
        Ok(Self { rules, flush_at: FLUSH_AT, same_as, shards, staged: Staged::new(), slots, open, blocks: Vec::new() })
    }

    /// Takes in rows of `rules.sources[source]`: one text column for each of its identifiers, in its order, and when the
    /// rows were first and last seen. Values are normalised already; a missing or empty one is none.
    ///
    /// The time it takes comes in lumps: every half a million values, all threads put them in their places.
    ///
    /// # Errors
    /// When the columns don't fit the source or one another, or there is no room for more values.
    pub fn push(
        &mut self,
        source: usize,
        columns: &[&dyn TextColumn],
        first_seen: &dyn TimeColumn,
        last_seen: &dyn TimeColumn,
    ) -> Result<(), IdentityError> {
        let Some(identifiers) = self.rules.sources.get(source).map(|s| s.identifiers.clone()) else {
            return Err(IdentityError::Misuse("rows of a source that does not exist"));
        };
        let rows = columns.first().map_or(0, |c| c.len());
        if columns.len() != identifiers.len() || columns.iter().any(|c| c.len() != rows) {
            return Err(IdentityError::Misuse("columns that do not fit their source"));
        }
        let text = |column: usize, row: usize| columns[column].text(row).filter(|v| !v.is_empty());
        for row in 0..rows {
            let first = first_seen.micros(row).unwrap_or(UNKNOWN_FIRST);
            let last = last_seen.micros(row).unwrap_or(UNKNOWN_LAST);
            let links = (0..columns.len()).filter(|c| text(*c, row).is_some()).nth(1).is_some();
            let base = self.slots.len() as u32;
            if links {
                self.slots.extend((0..columns.len()).map(|_| AtomicU32::new(Ref::NONE.0)));
                self.open.push(source as u16, first);
            }
            for (column, identifier) in identifiers.iter().enumerate() {
                let Some(value) = text(column, row) else { continue };
                let slot = links.then_some(base + column as u32);
                let sighting = Sighting { first, last, slot, source: self.same_as[source] };
                self.staged.push(*identifier as u8, value, sighting)?;
            }
            if self.staged.len() >= self.flush_at {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// How much memory is held, in bytes.
    pub fn bytes(&self) -> usize {
        let shards: usize = self.shards.iter().map(|shard| shard.bytes() + shard.attributes.bytes()).sum();
        let open = self.staged.bytes() + self.slots.capacity() * size_of::<AtomicU32>() + self.open.bytes();
        shards + open + self.blocks.iter().map(Block::bytes).sum::<usize>()
    }

    /// Ends the input.
    ///
    /// # Errors
    /// When there is no room for the last values.
    pub fn seal(mut self) -> Result<Graph, IdentityError> {
        self.flush()?;
        Ok(Graph::new(self.rules, self.flush_at, self.same_as, self.shards, self.blocks))
    }

    fn flush(&mut self) -> Result<(), IdentityError> {
        intern::flush(&mut self.shards, &mut self.staged, Unknown::Add, &self.slots[..], self.rules.threads)?;
        if !self.slots.is_empty() {
            let mut block = std::mem::take(&mut self.open);
            block.refs = self.slots.drain(..).map(|slot| Ref(slot.into_inner())).collect();
            self.blocks.push(block);
        }
        Ok(())
    }
}
