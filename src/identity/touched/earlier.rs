//! What an earlier result told beside profiles, and which of its profiles new rows touch.

use std::sync::{Arc, Mutex, PoisonError};

use fixedbitset::FixedBitSet;
use hashbrown::{HashMap, HashSet};

use super::ordered::Ordered;
use super::takes::Takes;
use super::{Aside, LEFT, bytes_of, locked, profile_of};
use crate::evidence::{Collected, Evidence, Seen};
use crate::intern::{self, Ref};
use crate::sieve::{self, Sieve};
use crate::union_find::UnionFind;
use crate::{DigestKey, IdentityError, NumberColumn, PinKind, ProfileId, Rules, TextColumn};

/// Tests make do with the first three bits, so that different values often have the same ones.
const LOW_BITS: u64 = if cfg!(test) { 0x7 << 61 } else { u64::MAX };

/// Stands among the ends of refused edges for a value that new rows have, or a pin, or a pair that matches otherwise than before.
const FRESH: u32 = u32::MAX;

/// The first look at an earlier result: what it told beside profiles.
#[derive(Debug)]
pub struct Earlier {
    of: Arc<Collected>,
    key: DigestKey,
    flush_at: usize,
    /// For each shard, how many values the new rows have: the first ones.
    fresh: Vec<usize>,
    aside: Vec<Aside>,
    /// The ends of refused edges: numbers from 0 up, by the low halves of their digests. Some stand for several values.
    ends: HashMap<u64, u32>,
    /// Of each refused edge.
    refused: Vec<[u32; 2]>,
    /// The low halves of the digests of values that are linked by other likelihoods than before.
    changed: Vec<u64>,
    /// How much memory of its own is counted in `of`.
    bytes: usize,
}

/// The number of an identifier. Most rows have the same as the one before them, whose number is `last`.
#[inline]
pub(super) fn number(rules: &Rules, name: &str, last: &mut usize) -> Result<u8, IdentityError> {
    if rules.identifiers.get(*last).is_none_or(|rule| rule.name != name) {
        // Rules have changed, which whoever calls is to have seen.
        let found = rules.identifiers.iter().position(|rule| rule.name == name);
        *last = found.ok_or(IdentityError::BrokenKept)?;
    }
    Ok(*last as u8)
}

impl Earlier {
    /// `evidence`: holds all new rows, and no feeder of it is open. `key`: of all digests that come.
    pub fn new(evidence: &Evidence, key: DigestKey) -> Self {
        let of = Arc::clone(&evidence.shared);
        let fresh = of.shards.iter().map(|shard| locked(shard).names().len()).collect();
        let (flush_at, ends) = (evidence.flush_at, HashMap::new());
        Self { of, key, flush_at, fresh, aside: vec![], ends, refused: vec![], changed: vec![], bytes: 0 }
    }

    /// Takes in the values that were shared by many: an identifier's name, a value, the name of the identifier of which it was seen with
    /// most, and with how many.
    ///
    /// # Errors
    /// When something is missing, or there is no room for more values.
    pub fn set_aside(
        &mut self,
        identifiers: &dyn TextColumn,
        values: &dyn TextColumn,
        linked: &dyn TextColumn,
        degrees: &dyn NumberColumn,
    ) -> Result<(), IdentityError> {
        let before = bytes_of(&self.of.shards);
        let (mut last, mut last_linked) = (0, 0);
        for row in 0..values.len() {
            let (Some(identifier), Some(value), Some(linked), Some(degree)) =
                (identifiers.text(row), values.text(row), linked.text(row), degrees.number(row))
            else {
                return Err(IdentityError::BrokenKept);
            };
            let identifier = number(self.of.rules(), identifier, &mut last)?;
            let linked = number(self.of.rules(), linked, &mut last_linked)?;
            let room = |seen: &mut Seen, at: Ref| seen.make_room(at.number() as usize);
            let at = intern::place(&self.of.shards, identifier, value, room)?;
            self.aside.push(Aside { at, linked, degree: u64::from(degree) });
        }
        self.of.grow(bytes_of(&self.of.shards).cast_signed() - before.cast_signed());
        Ok(())
    }

    /// Takes in the edges that were refused: the values of both ends.
    ///
    /// # Errors
    /// When one is missing.
    pub fn refused(&mut self, [a, b]: [&dyn TextColumn; 2]) -> Result<(), IdentityError> {
        for row in 0..a.len() {
            let (Some(a), Some(b)) = (a.text(row), b.text(row)) else { return Err(IdentityError::BrokenKept) };
            let edge = [a, b].map(|value| {
                let next = self.ends.len() as u32;
                *self.ends.entry(self.key.digest(value).low & LOW_BITS).or_insert(next)
            });
            self.refused.push(edge);
        }
        self.count_bytes();
        Ok(())
    }

    /// Takes in the pairs of values that are linked by another likelihood than before, or were not before, or are not any more: the values
    /// of both ends.
    ///
    /// # Errors
    /// When one is missing.
    pub fn changed(&mut self, ends: [&dyn TextColumn; 2]) -> Result<(), IdentityError> {
        for values in ends {
            for row in 0..values.len() {
                let value = values.text(row).ok_or(IdentityError::BrokenKept)?;
                self.changed.push(self.key.digest(value).low & LOW_BITS);
            }
        }
        self.count_bytes();
        Ok(())
    }

    fn count_bytes(&mut self) {
        let refused = self.refused.capacity() * size_of::<[u32; 2]>();
        let bytes = self.ends.allocation_size() + refused + self.changed.capacity() * size_of::<u64>();
        self.of.grow(bytes.cast_signed() - self.bytes.cast_signed());
        self.bytes = bytes;
    }

    /// Whether a pin may give a profile to a value that is shared by many. All rows that have it are to be known then, of whatever profiles.
    pub fn has_linked_aside(&self) -> bool {
        let aside: HashSet<Ref> = self.aside.iter().map(|value| value.at).collect();
        let always = self.of.rules().pins.iter().filter(|pin| pin.kind == PinKind::Always && !aside.is_empty());
        let mut linked = always.flat_map(|pin| &pin.values);
        linked.any(|(identifier, value)| {
            let at = intern::find_shared(&self.of.shards, *identifier as u8, value);
            at.is_some_and(|at| aside.contains(&at))
        })
    }

    /// Ends that input.
    #[must_use]
    pub fn look(self) -> Looks {
        let mut wanted: Vec<(u64, u32)> = self.ends.iter().map(|(low, end)| (*low, *end)).collect();
        for (shard, count) in self.of.shards.iter().zip(&self.fresh) {
            let shard = locked(shard);
            wanted.extend((0..*count).map(|i| (self.key.digest(shard.names().value(i)).low & LOW_BITS, FRESH)));
        }
        // A pin counts once both of its values are on rows, so that those of all pins are to be known. They are few.
        let pinned = self.of.rules().pins.iter().flat_map(|pin| &pin.values);
        wanted.extend(pinned.map(|(_, value)| (self.key.digest(value).low & LOW_BITS, FRESH)));
        wanted.extend(self.changed.iter().map(|low| (*low, FRESH)));
        wanted.sort_unstable();
        wanted.dedup();
        let wanted = Ordered::new(wanted);
        let sieve = Sieve::of(wanted.len(), wanted.numbers());
        let bytes = wanted.bytes() + sieve.bytes();
        self.of.grow(bytes.cast_signed());
        let is_needed = self.fresh.iter().any(|values| *values > 0) || !self.changed.is_empty();
        Looks(Arc::new(Looking { earlier: self, is_needed, wanted, sieve, found: Mutex::default(), bytes }))
    }
}

/// Finds the profiles of the values that new rows and pins have and of pairs that match otherwise than before, and of the ends of refused
/// edges.
///
/// By the low halves of digests alone: where two values have the same, profiles are touched that need not be, and none is missed.
#[derive(Debug)]
pub struct Looks(Arc<Looking>);

#[derive(Debug)]
struct Looking {
    earlier: Earlier,
    is_needed: bool,
    /// By the low halves of digests: the ends of refused edges, and values that touch their groups.
    wanted: Ordered<u32>,
    sieve: Sieve,
    found: Mutex<Found>,
    /// How much memory of its own is counted in the evidence, beside that of `earlier`.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Found {
    /// Of values that touch their groups.
    profiles: HashSet<ProfileId>,
    /// Of ends of refused edges.
    ends: Vec<(u32, ProfileId)>,
}

impl Found {
    fn bytes(&self) -> usize {
        self.profiles.allocation_size() + self.ends.capacity() * size_of::<(u32, ProfileId)>()
    }
}

/// One of the ways in of [`Looks`]. What it has found is lost unless it is finished.
#[derive(Debug)]
pub struct LooksFeeder {
    looking: Arc<Looking>,
    found: Found,
}

impl Looks {
    /// Whether there are any new rows, or pairs that match otherwise than before.
    pub fn is_needed(&self) -> bool {
        self.0.is_needed
    }

    /// A way in for the earlier result. Each thread has its own.
    pub fn feeder(&self) -> LooksFeeder {
        LooksFeeder { looking: Arc::clone(&self.0), found: Found::default() }
    }

    /// Ends that input.
    ///
    /// # Errors
    /// When a feeder is not finished, or a refused edge has an end without a profile, which no result of Kinfold has.
    pub fn group(self) -> Result<Takes, IdentityError> {
        let Looking { earlier, found, bytes, .. } = Arc::into_inner(self.0).ok_or(LEFT)?;
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let bytes = bytes + found.bytes();
        let Found { mut profiles, ends } = found;
        // Where nothing was looked for, the ends of refused edges are not known.
        let refused =
            if profiles.is_empty() { FixedBitSet::new() } else { with_groups(&earlier, &ends, &mut profiles)? };
        let Earlier { of, key, flush_at, fresh, aside, bytes: of_earlier, .. } = earlier;
        of.grow(-(bytes + of_earlier).cast_signed());
        Ok(Takes::new((of, key, flush_at), fresh, aside, refused, profiles))
    }
}

/// Adds the profiles that are in one group with others. Tells which refused edges are of these groups. `found`: the profiles that the ends
/// of refused edges have.
fn with_groups(
    earlier: &Earlier,
    found: &[(u32, ProfileId)],
    profiles: &mut HashSet<ProfileId>,
) -> Result<FixedBitSet, IdentityError> {
    let ends = earlier.ends.len();
    let mut numbers: HashMap<ProfileId, u32> = HashMap::new();
    for (_, profile) in found {
        let next = (ends + numbers.len()) as u32;
        numbers.entry(*profile).or_insert(next);
    }
    let mut has_profile = FixedBitSet::with_capacity(ends);
    let mut groups = UnionFind::new(ends + numbers.len());
    for (end, profile) in found {
        has_profile.insert(*end as usize);
        groups.unite(*end, numbers[profile]);
    }
    if !has_profile.is_full() {
        return Err(IdentityError::BrokenKept);
    }
    for [a, b] in &earlier.refused {
        groups.unite(*a, *b);
    }
    let (groups, count) = groups.into_labels();
    let mut touched = FixedBitSet::with_capacity(count);
    touched.extend(numbers.iter().filter(|(id, _)| profiles.contains(*id)).map(|(_, n)| groups[*n as usize] as usize));
    let is_touched = |number: u32| touched.contains(groups[number as usize] as usize);
    profiles.extend(numbers.iter().filter(|(_, number)| is_touched(**number)).map(|(id, _)| *id));
    let mut refused = FixedBitSet::with_capacity(earlier.refused.len());
    refused.extend(earlier.refused.iter().enumerate().filter(|(_, [a, _])| is_touched(*a)).map(|(edge, _)| edge));
    Ok(refused)
}

impl LooksFeeder {
    /// Takes in rows of one file of the earlier result: the place of each, the low half of its value's digest, and the number of its
    /// profile's id. `is_there`: whether the earlier result still has the row at a place.
    ///
    /// # Errors
    /// When the columns differ in length, or a number is that of no profile.
    pub fn push(
        &mut self,
        places: &[i64],
        lows: &[i64],
        profiles: &[i64],
        is_there: impl Fn(u64) -> bool,
    ) -> Result<(), IdentityError> {
        super::check_lengths(places, lows, profiles)?;
        let Looking { wanted, sieve, .. } = &*self.looking;
        let low = |row: usize| lows[row].cast_unsigned() & LOW_BITS;
        let mut is_broken = false;
        let look = |row: usize| {
            let mut wanted = wanted.of(low(row)).peekable();
            if wanted.peek().is_none() || !is_there(places[row].cast_unsigned()) {
                return;
            }
            let Ok(profile) = profile_of(profiles[row]) else {
                is_broken = true;
                return;
            };
            for end in wanted {
                if *end == FRESH {
                    self.found.profiles.insert(profile);
                } else {
                    self.found.ends.push((*end, profile));
                }
            }
        };
        sieve::each_that(lows.len(), |row| sieve.may_have(low(row)), look);
        if is_broken { Err(IdentityError::BrokenKept) } else { Ok(()) }
    }

    /// Ends this feeder's input.
    pub fn finish(self) {
        let mut found = self.looking.found.lock().unwrap_or_else(PoisonError::into_inner);
        let before = found.bytes();
        found.profiles.extend(self.found.profiles);
        found.ends.extend(self.found.ends);
        self.looking.earlier.of.grow(found.bytes().cast_signed() - before.cast_signed());
    }
}
