//! Which values of kept rows are at hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fixedbitset::FixedBitSet;

use super::digests::Digests;
use super::{LEFT, UNEVEN};
use crate::evidence::Collected;
use crate::intern::Ref;
use crate::ranked::Ranked;
use crate::sieve;
use crate::{Digest, IdentityError, NumberColumn};

/// Finds which of the values that an earlier run has kept of a source are at hand, of which most are not.
#[derive(Debug)]
pub struct Finds {
    /// The identifier of each column of the rows' source.
    identifiers: Vec<u8>,
    /// What they hold is counted there.
    of: Arc<Collected>,
    digests: Arc<Digests>,
    count: u32,
    found: Mutex<Vec<(u32, Ref)>>,
    lows: Lows,
}

/// The low half of each value's digest, by the values' numbers, if that is wanted.
#[derive(Debug)]
struct Lows {
    /// Of [`LOWS_TOGETHER`] values each, made by whoever has the first value of one: no thread waits until there is room for all.
    pieces: Vec<OnceLock<Vec<AtomicU64>>>,
}

const LOWS_TOGETHER: usize = 1 << 16;

impl Lows {
    /// Of so many values.
    fn new(count: u32) -> Self {
        Self { pieces: (0..(count as usize).div_ceil(LOWS_TOGETHER)).map(|_| OnceLock::new()).collect() }
    }

    /// How much memory they come to hold.
    fn bytes(&self) -> usize {
        self.pieces.len() * LOWS_TOGETHER * size_of::<AtomicU64>()
    }

    /// `number`: one of those that there is to be room for.
    fn note(&self, number: u32, low: u64) {
        let piece = self.pieces[number as usize / LOWS_TOGETHER]
            .get_or_init(|| (0..LOWS_TOGETHER).map(|_| AtomicU64::new(0)).collect());
        piece[number as usize % LOWS_TOGETHER].store(low, Ordering::Relaxed);
    }

    /// 0 if it is not known.
    fn get(&self, number: u32) -> u64 {
        let piece = self.pieces.get(number as usize / LOWS_TOGETHER).and_then(OnceLock::get);
        piece.map_or(0, |piece| piece[number as usize % LOWS_TOGETHER].load(Ordering::Relaxed))
    }
}

/// One of the ways in of [`Finds`]. What it has found is lost unless it is finished.
#[derive(Debug)]
pub struct FindsFeeder {
    finds: Arc<Finds>,
    found: Vec<(u32, Ref)>,
}

/// The values that are at hand, by the numbers that they were kept under.
#[derive(Debug)]
pub struct FoundValues {
    identifiers: Vec<u8>,
    of: Arc<Collected>,
    count: u32,
    has: Ranked,
    /// Where they are, in the order of numbers.
    refs: Vec<Ref>,
    lows: Lows,
    /// How much memory is counted in `of`.
    bytes: usize,
}

impl Finds {
    /// So many values of columns of these identifiers.
    pub(super) fn new(
        of: Arc<Collected>,
        digests: Arc<Digests>,
        identifiers: Vec<u8>,
        count: u32,
        needs_lows: bool,
    ) -> Self {
        let lows = Lows::new(if needs_lows { count } else { 0 });
        of.grow(lows.bytes().cast_signed());
        Self { identifiers, of, digests, count, found: Mutex::default(), lows }
    }

    /// A way in for the values. Each thread has its own.
    pub fn feeder(self: &Arc<Self>) -> FindsFeeder {
        FindsFeeder { finds: Arc::clone(self), found: vec![] }
    }

    /// Ends that input.
    ///
    /// # Errors
    /// When a feeder is not finished.
    pub fn end(self: Arc<Self>) -> Result<FoundValues, IdentityError> {
        let Self { identifiers, of, count, found, lows, .. } = Arc::into_inner(self).ok_or(LEFT)?;
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let found_bytes = size_of_val(&found[..]);
        found.sort_unstable_by_key(|(number, _)| *number);
        found.dedup_by_key(|(number, _)| *number);
        let mut has = FixedBitSet::with_capacity(count as usize);
        has.extend(found.iter().map(|(number, _)| *number as usize));
        let refs: Vec<Ref> = found.into_iter().map(|(_, at)| at).collect();
        let own = count as usize / 8 + refs.capacity() * size_of::<Ref>();
        of.grow(own.cast_signed() - found_bytes.cast_signed());
        let bytes = own + lows.bytes();
        Ok(FoundValues { identifiers, of, count, has: Ranked::new(has), refs, lows, bytes })
    }
}

impl FindsFeeder {
    /// Takes in what [`KeptSource::values`](crate::KeptSource::values) gave, of which no text is needed: of each value its number, its
    /// column, and both halves of its digest.
    ///
    /// # Errors
    /// When something is missing or is not as it was given.
    pub fn push(
        &mut self,
        numbers: &dyn NumberColumn,
        columns: &dyn NumberColumn,
        lows: &[i64],
        highs: &dyn NumberColumn,
    ) -> Result<(), IdentityError> {
        let Finds { identifiers, digests, count, .. } = &*self.finds;
        let number = |row| numbers.number(row).filter(|number| number < count).ok_or(IdentityError::BrokenKept);
        if !self.finds.lows.pieces.is_empty() {
            for (row, low) in lows.iter().enumerate() {
                self.finds.lows.note(number(row)?, low.cast_unsigned());
            }
        }
        let mut is_broken = false;
        let find = |row: usize| {
            let identifier = columns.number(row).and_then(|column| identifiers.get(column as usize));
            let (Ok(number), Some(identifier), Some(high)) = (number(row), identifier, highs.number(row)) else {
                is_broken = true;
                return;
            };
            let at = digests.find(*identifier, Digest { low: lows[row].cast_unsigned(), high });
            self.found.extend(at.map(|at| (number, at)));
        };
        sieve::each_that(lows.len(), |row| digests.sieve().may_have(lows[row].cast_unsigned()), find);
        if is_broken { Err(IdentityError::BrokenKept) } else { Ok(()) }
    }

    /// Ends this feeder's input.
    pub fn finish(self) {
        self.finds.of.grow(size_of_val(&self.found[..]).cast_signed());
        self.finds.found.lock().unwrap_or_else(PoisonError::into_inner).extend(self.found);
    }
}

impl FoundValues {
    /// Whether they are of this evidence, and of a source with these identifiers.
    pub(crate) fn are_of(&self, evidence: &Arc<Collected>, identifiers: &[u8]) -> bool {
        Arc::ptr_eq(&self.of, evidence) && self.identifiers == identifiers
    }

    /// Where each of these values is; [`Ref::NONE`] where one is missing, or not at hand.
    ///
    /// # Errors
    /// When there is no such number.
    pub(crate) fn places(&self, numbers: &[Option<u32>]) -> Result<Vec<Ref>, IdentityError> {
        if numbers.iter().flatten().any(|number| *number >= self.count) {
            return Err(IdentityError::BrokenKept);
        }
        let at_hand = |number: &u32| self.has.contains(*number);
        let place = |number: u32| self.refs[self.has.rank(number) as usize];
        Ok(numbers.iter().map(|number| number.filter(at_hand).map_or(Ref::NONE, place)).collect())
    }

    /// Calls `each` with the rows of which a value may be at hand, ascending. `columns`: numbers of values, all of one length.
    ///
    /// # Errors
    /// When the columns differ in length.
    pub(crate) fn each_row(&self, columns: &[&[i64]], each: impl FnMut(usize)) -> Result<(), IdentityError> {
        let rows = columns.first().map_or(0, |column| column.len());
        if columns.iter().any(|column| column.len() != rows) {
            return Err(UNEVEN);
        }
        // Where a value is missing, its number is any.
        let has = |number: i64| u32::try_from(number).is_ok_and(|number| self.has.contains(number));
        sieve::each_that(rows, |row| columns.iter().fold(false, |found, column| found | has(column[row])), each);
        Ok(())
    }

    /// The low half of the digest of the value with this number; 0 if that is not known.
    pub(super) fn low(&self, number: u32) -> u64 {
        self.lows.get(number)
    }

    /// The identifier of a column.
    pub(super) fn identifier(&self, column: usize) -> u8 {
        self.identifiers[column]
    }
}

impl Drop for FoundValues {
    fn drop(&mut self) {
        self.of.grow(-self.bytes.cast_signed());
    }
}
