//! Which values of kept rows are at hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
    /// The low half of each value's digest, if that is wanted.
    lows: Vec<AtomicU64>,
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
    lows: Vec<AtomicU64>,
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
        let lows: Vec<_> = (0..if needs_lows { count } else { 0 }).map(|_| AtomicU64::new(0)).collect();
        of.grow(size_of_val(&lows[..]).cast_signed());
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
        let bytes = own + size_of_val(&lows[..]);
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
        if !self.finds.lows.is_empty() {
            for (row, low) in lows.iter().enumerate() {
                self.finds.lows[number(row)? as usize].store(low.cast_unsigned(), Ordering::Relaxed);
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

    /// Where a value is; [`Ref::NONE`] if it is not at hand.
    ///
    /// # Errors
    /// When there is no such number.
    pub(super) fn place(&self, number: u32) -> Result<Ref, IdentityError> {
        if number >= self.count {
            return Err(IdentityError::BrokenKept);
        }
        Ok(if self.has.contains(number) { self.refs[self.has.rank(number) as usize] } else { Ref::NONE })
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
        self.lows.get(number as usize).map_or(0, |low| low.load(Ordering::Relaxed))
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
