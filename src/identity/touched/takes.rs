//! All values of the groups that new rows touch.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fixedbitset::FixedBitSet;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::digests::Digests;
use super::earlier::number;
use super::{Aside, LEFT, Tally, Touched, UNEVEN, check_lengths, locked, profile_of};
use crate::evidence::{Collected, Place, Seen};
use crate::intern::{self, FEEDERS_APART, Receive, Ref, Staged, Unknown};
use crate::sieve::{self, Sieve};
use crate::threads;
use crate::{DigestKey, IdentityError, ProfileId, Rules, TextColumn};

/// Takes all values of the groups that new rows touch.
#[derive(Debug)]
pub struct Takes(Arc<Taking>);

#[derive(Debug)]
struct Taking {
    of: Arc<Collected>,
    key: DigestKey,
    flush_at: usize,
    fresh: Vec<usize>,
    aside: Vec<Aside>,
    refused: FixedBitSet,
    /// Of all groups.
    profiles: HashSet<ProfileId>,
    sieve: Sieve,
    taken: Mutex<Batch>,
    feeders: AtomicUsize,
}

/// What feeders have taken.
#[derive(Debug)]
struct Batch {
    /// For each of [`Rules::identifiers`], how many values.
    values: Vec<u64>,
    /// Of each value.
    profiles: Vec<ProfileId>,
}

impl Batch {
    fn new(rules: &Rules) -> Self {
        Self { values: vec![0; rules.identifiers.len()], profiles: vec![] }
    }
}

/// A profile's number with its random bits first.
#[inline]
fn spread(number: u64) -> u64 {
    number << 4
}

/// What was in the earlier result of what is resolved again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// For each of [`Rules::identifiers`], how many values.
    pub values: Vec<u64>,
    /// The profiles, ascending, and how many values each had.
    pub sizes: Vec<(ProfileId, u32)>,
    /// Which of the refused edges, by their order of arrival.
    pub refused: FixedBitSet,
    /// Pairs that were linked by likelihood, refused ones included: [`Graph::matches_before`](crate::Graph::matches_before).
    pub matches: u64,
}

impl Taken {
    /// Whether it has something of a profile.
    pub fn has(&self, profile: ProfileId) -> bool {
        self.sizes.binary_search_by_key(&profile, |(id, _)| *id).is_ok()
    }

    /// How much memory it holds.
    pub fn bytes(&self) -> usize {
        self.sizes.capacity() * size_of::<(ProfileId, u32)>()
    }
}

/// A row of the earlier result whose value is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Where it lies in its file.
    pub place: u32,
    profile: ProfileId,
    /// The low half of its value's digest.
    low: u64,
}

/// One of the ways in of [`Takes`]. What waits in it is lost unless it is finished.
#[derive(Debug)]
pub struct TakesFeeder {
    taking: Arc<Taking>,
    /// So that feeders begin with different shards.
    number: usize,
    last: usize,
    staged: Staged<Had>,
    file: u32,
    taken: Batch,
    /// How much memory waits here, as counted in the evidence.
    bytes: usize,
}

/// The profile that a value has in the earlier result, and where it has it.
#[derive(Debug, Clone, Copy)]
struct Had {
    profile: ProfileId,
    place: Place,
}

impl Receive<Had> for Seen {
    type Context = ();

    fn receive(&mut self, at: Ref, had: &Had, (): &mut ()) {
        let number = at.number() as usize;
        self.make_room(number);
        self.note_profile(at, had.profile);
        if self.places.len() < self.values.len() {
            self.places.resize(self.values.len(), Place::NONE);
        }
        self.has_two_places |= self.places[number] != Place::NONE;
        self.places[number] = had.place;
    }

    fn miss(&mut self, _: &Had) {}
}

impl Takes {
    /// `of`: what the values come to, the key of all digests, and at how many values feeders let the shards take theirs.
    pub(super) fn new(
        (of, key, flush_at): (Arc<Collected>, DigestKey, usize),
        fresh: Vec<usize>,
        aside: Vec<Aside>,
        refused: FixedBitSet,
        profiles: HashSet<ProfileId>,
    ) -> Self {
        let sieve = Sieve::of(profiles.len(), profiles.iter().map(|id| spread(id.number())));
        let taken = Mutex::new(Batch::new(of.rules()));
        let feeders = AtomicUsize::new(0);
        of.grow((profiles.allocation_size() + sieve.bytes()).cast_signed());
        Self(Arc::new(Taking { of, key, flush_at, fresh, aside, refused, profiles, sieve, taken, feeders }))
    }

    /// Whether new rows touch anything that there was.
    pub fn is_needed(&self) -> bool {
        !self.0.profiles.is_empty()
    }

    /// Tells which rows of one file of the earlier result are to be taken: see [`LooksFeeder::push`](super::LooksFeeder::push).
    ///
    /// # Errors
    /// When the columns differ in length, or a place is none.
    pub fn wanted(
        &self,
        places: &[i64],
        lows: &[i64],
        profiles: &[i64],
        is_there: impl Fn(u64) -> bool,
        wanted: &mut Vec<Wanted>,
    ) -> Result<(), IdentityError> {
        check_lengths(places, lows, profiles)?;
        let Taking { sieve, profiles: touched, .. } = &*self.0;
        let mut is_broken = false;
        let want = |row: usize| match (profile_of(profiles[row]), u32::try_from(places[row])) {
            (Ok(profile), Ok(place)) => {
                if touched.contains(&profile) && is_there(places[row].cast_unsigned()) {
                    wanted.push(Wanted { place, profile, low: lows[row].cast_unsigned() });
                }
            }
            _ => is_broken = true,
        };
        sieve::each_that(profiles.len(), |row| sieve.may_have(spread(profiles[row].cast_unsigned())), want);
        if is_broken { Err(IdentityError::BrokenKept) } else { Ok(()) }
    }

    /// A way in for one file of the earlier result, by its number. Each thread has its own.
    pub fn feeder(&self, file: usize) -> TakesFeeder {
        let number = self.0.feeders.fetch_add(1, Ordering::Relaxed);
        let taken = Batch::new(self.0.of.rules());
        let taking = Arc::clone(&self.0);
        TakesFeeder { taking, number, last: 0, staged: Staged::new(), file: file as u32, taken, bytes: 0 }
    }

    /// Ends that input, on so many threads.
    ///
    /// # Errors
    /// When a feeder is not finished, there was not all that was wanted, or some of it twice, or the system has no threads.
    pub fn end(self, threads: usize) -> Result<Touched, IdentityError> {
        let taking = Arc::into_inner(self.0).ok_or(LEFT)?;
        let Taking { of, key, fresh, aside, refused, taken, profiles, sieve, .. } = taking;
        of.grow(-(profiles.allocation_size() + sieve.bytes()).cast_signed());
        let threads = threads::pool(threads)?;
        let Batch { values, profiles: mut of_values } = taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        of.grow(-size_of_val(&of_values[..]).cast_signed());
        threads.install(|| of_values.par_sort_unstable());
        let sizes = of_values.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)).collect();
        drop(of_values);
        let taken = Taken { values, sizes, refused, matches: 0 };
        let is_twice = of.shards.iter().any(|shard| locked(shard).attributes.has_two_places);
        if taken.sizes.len() != profiles.len() || is_twice {
            return Err(IdentityError::BrokenKept);
        }
        let is_fresh = |value: &Aside| (value.at.number() as usize) < fresh[value.at.shard()];
        let tallies = aside.iter().filter(|value| is_fresh(value)).map(|value| (value.at, Tally::of(of.rules())));
        let tallies: HashMap<Ref, Tally> = tallies.collect();
        let is_aside = aside.iter().map(|value| value.at).collect();
        let digests = Arc::new(threads.install(|| Digests::of(&of.shards, key)));
        of.grow(digests.bytes().cast_signed());
        Ok(Touched { of, key, fresh, aside, is_aside, tallies, digests, taken })
    }
}

impl TakesFeeder {
    /// Takes in the rows of a file that are [`Takes::wanted`], as they came: an identifier's name, and a value.
    ///
    /// # Errors
    /// When the columns differ in length, something is missing or is another value than was wanted, or there is no room for more values.
    pub fn push(
        &mut self,
        wanted: &[Wanted],
        identifiers: &dyn TextColumn,
        values: &dyn TextColumn,
    ) -> Result<(), IdentityError> {
        if identifiers.len() != values.len() || identifiers.len() != wanted.len() {
            return Err(UNEVEN);
        }
        for (row, wanted) in wanted.iter().enumerate() {
            let Taking { of, key, .. } = &*self.taking;
            let (Some(identifier), Some(value)) = (identifiers.text(row), values.text(row)) else {
                return Err(IdentityError::BrokenKept);
            };
            if key.digest(value).low != wanted.low {
                return Err(IdentityError::BrokenKept);
            }
            let identifier = number(of.rules(), identifier, &mut self.last)?;
            self.taken.values[usize::from(identifier)] += 1;
            self.taken.profiles.push(wanted.profile);
            let place = Place { file: self.file, row: wanted.place };
            self.staged.push(identifier, value, Had { profile: wanted.profile, place })?;
        }
        if self.staged.len() >= self.taking.flush_at { self.flush() } else { Ok(()) }
    }

    /// Ends this feeder's input.
    ///
    /// # Errors
    /// When there is no room for the last values.
    pub fn finish(mut self) -> Result<(), IdentityError> {
        self.flush()?;
        let mut all = self.taking.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for (all, own) in all.values.iter_mut().zip(&self.taken.values) {
            *all += own;
        }
        self.taking.of.grow(size_of_val(&self.taken.profiles[..]).cast_signed());
        all.profiles.append(&mut self.taken.profiles);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IdentityError> {
        let of = &self.taking.of;
        let first_shard = self.number * FEEDERS_APART;
        let grown = intern::flush(&of.shards, &mut self.staged, Unknown::Add, first_shard, &mut ())?;
        let own = self.staged.bytes();
        of.grow(grown + own.cast_signed() - self.bytes.cast_signed());
        self.bytes = own;
        Ok(())
    }
}

impl Drop for TakesFeeder {
    fn drop(&mut self) {
        self.taking.of.grow(-self.bytes.cast_signed());
    }
}
