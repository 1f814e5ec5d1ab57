//! What new rows touch of an earlier result: enough of it that only this part need be resolved, and comes out as if all had been.
//!
//! Two values on one row are of one profile, unless their edge was refused or one of them is shared by many; refused edges are told. So
//! profiles fall into groups: those between which edges were refused. What becomes of a group depends on its own rows alone. New
//! rows therefore touch the groups of the values that they have, and no others; all rows of these groups are wanted again, and no others.
//! This holds as long as rows are only added, and rules stay as they were.
//!
//! The way, each step a type that the next one is made from:
//!
//! ```text
//! Evidence (new rows) ──▶ Earlier ──values set aside, refused edges──▶ Looks ──the earlier result──▶ Takes ──the earlier result──▶
//!                                                                 Touched ──kept rows──▶ seal ──▶ Graph
//! ```
//!
//! The earlier result passes by twice, as a stream: once to find the profiles of the values that new rows have, then to take all values
//! of the groups. Deliberately absent: matches and pins, which link what no row links.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fixedbitset::FixedBitSet;
use hashbrown::{HashMap, HashSet};

use crate::evidence::{Collected, Evidence, Seen};
use crate::graph::Graph;
use crate::intern::{self, Attributes, FEEDERS_APART, Receive, Ref, SHARDS, Shard, Staged, Unknown, hash64};
use crate::kept::{KnownValues, KnownValuesOf};
use crate::sieve::Sieve;
use crate::union_find::UnionFind;
use crate::{IdentityError, NumberColumn, ProfileId, Rules, TextColumn};

const UNEVEN: IdentityError = IdentityError::Misuse("columns of different lengths");
const LEFT: IdentityError = IdentityError::Misuse("an earlier result that still comes in");

/// A value that the earlier result has as shared by many. It stays so, as rows are only added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aside {
    pub(crate) at: Ref,
    /// The identifier of which it was seen with most.
    pub(crate) linked: u8,
    pub(crate) degree: u64,
}

/// The first look at an earlier result: what it told beside profiles.
#[derive(Debug)]
pub struct Earlier {
    of: Arc<Collected>,
    flush_at: usize,
    /// For each shard, how many values the new rows have: the first ones.
    fresh: Vec<usize>,
    aside: Vec<Aside>,
    ends: Vec<Mutex<Shard<Ends>>>,
    /// The ends of each refused edge.
    refused: Vec<[Ref; 2]>,
    /// How much memory of its own is counted in `of`.
    bytes: usize,
}

/// The number of an identifier. Most rows have the same as the one before them, whose number is `last`.
#[inline]
fn number(rules: &Rules, name: &str, last: &mut usize) -> Result<u8, IdentityError> {
    if rules.identifiers.get(*last).is_none_or(|rule| rule.name != name) {
        // Rules have changed, which whoever calls is to have seen.
        let found = rules.identifiers.iter().position(|rule| rule.name == name);
        *last = found.ok_or(IdentityError::BrokenKept)?;
    }
    Ok(*last as u8)
}

/// The profiles of a shard's values that are ends of refused edges.
#[derive(Debug, Default)]
struct Ends(Vec<Option<ProfileId>>);

impl Attributes for Ends {
    fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Option<ProfileId>>()
    }
}

/// The profile that a value has in the earlier result.
#[derive(Debug, Clone, Copy)]
struct Has(ProfileId);

impl Receive<Has> for Seen {
    type Context = ();

    fn receive(&mut self, at: Ref, has: &Has, (): &mut ()) {
        self.make_room(at.number() as usize);
        self.note_profile(at, has.0);
    }

    fn miss(&mut self, _: &Has) {}
}

impl Receive<Has> for Ends {
    type Context = ();

    fn receive(&mut self, at: Ref, has: &Has, (): &mut ()) {
        self.0[at.number() as usize] = Some(has.0);
    }

    fn miss(&mut self, _: &Has) {}
}

impl Earlier {
    /// `evidence`: holds all new rows, and no feeder of it is open.
    ///
    /// # Errors
    /// When the rules have pins: what they link no row does.
    pub fn new(evidence: &Evidence) -> Result<Self, IdentityError> {
        let of = Arc::clone(&evidence.shared);
        if !of.rules().pins.is_empty() {
            return Err(IdentityError::Misuse("pins, which only a whole result takes into account"));
        }
        let fresh = of.shards.iter().map(|shard| locked(shard).names().len()).collect();
        let ends = (0..SHARDS).map(|_| Mutex::new(Shard::new(Ends::default()))).collect();
        Ok(Self { of, flush_at: evidence.flush_at, fresh, aside: vec![], ends, refused: vec![], bytes: 0 })
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

    /// Takes in the edges that were refused: identifiers' names and values of both ends.
    ///
    /// # Errors
    /// When something is missing, or there is no room for more values.
    pub fn refused(&mut self, [a, b]: [[&dyn TextColumn; 2]; 2]) -> Result<(), IdentityError> {
        let mut last = [0; 2];
        for row in 0..a[1].len() {
            let mut ends = [Ref::NONE; 2];
            for ((end, [identifiers, values]), last) in ends.iter_mut().zip([a, b]).zip(&mut last) {
                let (Some(identifier), Some(value)) = (identifiers.text(row), values.text(row)) else {
                    return Err(IdentityError::BrokenKept);
                };
                let identifier = number(self.of.rules(), identifier, last)?;
                let room = |ends: &mut Ends, at: Ref| ends.0.resize(ends.0.len().max(at.number() as usize + 1), None);
                *end = intern::place(&self.ends, identifier, value, room)?;
            }
            self.refused.push(ends);
        }
        let bytes = bytes_of(&self.ends) + self.refused.capacity() * size_of::<[Ref; 2]>();
        self.of.grow(bytes.cast_signed() - self.bytes.cast_signed());
        self.bytes = bytes;
        Ok(())
    }

    /// Ends that input.
    #[must_use]
    pub fn look(self) -> Looks {
        let sieve = sieve_of(&self.of.shards);
        let sieve_of_ends = sieve_of(&self.ends);
        Looks(Arc::new(Looking { earlier: self, sieve, sieve_of_ends, feeders: AtomicUsize::new(0) }))
    }
}

/// Finds the profiles of the values that new rows have, and of the ends of refused edges.
#[derive(Debug)]
pub struct Looks(Arc<Looking>);

#[derive(Debug)]
struct Looking {
    earlier: Earlier,
    sieve: Sieve,
    sieve_of_ends: Sieve,
    feeders: AtomicUsize,
}

/// One of the ways in of [`Looks`]. What waits in it is lost unless it is finished.
#[derive(Debug)]
pub struct LooksFeeder {
    looking: Arc<Looking>,
    /// So that feeders begin with different shards.
    number: usize,
    last: usize,
    staged: Staged<Has>,
    ends: Staged<Has>,
}

impl Looks {
    /// Whether there are any new rows.
    pub fn is_needed(&self) -> bool {
        self.0.earlier.fresh.iter().any(|values| *values > 0)
    }

    /// A way in for the earlier result. Each thread has its own.
    pub fn feeder(&self) -> LooksFeeder {
        let number = self.0.feeders.fetch_add(1, Ordering::Relaxed);
        let looking = Arc::clone(&self.0);
        LooksFeeder { looking, number, last: 0, staged: Staged::new(), ends: Staged::new() }
    }

    /// Ends that input.
    ///
    /// # Errors
    /// When a feeder is not finished, or a refused edge has an end without a profile, which no result of Kinfold has.
    pub fn group(self) -> Result<Takes, IdentityError> {
        let earlier = Arc::into_inner(self.0).ok_or(LEFT)?.earlier;
        let mut profiles = HashSet::new();
        for (shard, fresh) in earlier.of.shards.iter().zip(&earlier.fresh) {
            profiles.extend(locked(shard).attributes.previous.iter().take(*fresh).flatten());
        }
        // Where nothing was looked for, the ends of refused edges are not known.
        let refused = if profiles.is_empty() { FixedBitSet::new() } else { with_groups(&earlier, &mut profiles)? };
        let Earlier { of, flush_at, fresh, aside, bytes, .. } = earlier;
        of.grow(-bytes.cast_signed());
        let sieve = Sieve::of(profiles.len(), profiles.iter().map(|id| id.number()));
        let values = vec![0; of.rules().identifiers.len()];
        let taken = Mutex::new(Taken { values, ..Taken::default() });
        let taking =
            Taking { of, flush_at, fresh, aside, refused, profiles, sieve, taken, feeders: AtomicUsize::new(0) };
        Ok(Takes(Arc::new(taking)))
    }
}

/// Adds the profiles that are in one group with others. Tells which refused edges are of these groups.
fn with_groups(earlier: &Earlier, profiles: &mut HashSet<ProfileId>) -> Result<FixedBitSet, IdentityError> {
    let ends: Vec<_> = earlier.ends.iter().map(locked).collect();
    let mut numbers: HashMap<ProfileId, u32> = HashMap::new();
    let mut edges = Vec::with_capacity(earlier.refused.len());
    for pair in &earlier.refused {
        let mut edge = [0; 2];
        for (number, at) in edge.iter_mut().zip(pair) {
            let profile = ends[at.shard()].attributes.0[at.number() as usize].ok_or(IdentityError::BrokenKept)?;
            let next = numbers.len() as u32;
            *number = *numbers.entry(profile).or_insert(next);
        }
        edges.push(edge);
    }
    let mut groups = UnionFind::new(numbers.len());
    for [a, b] in &edges {
        groups.unite(*a, *b);
    }
    let (groups, count) = groups.into_labels();
    let mut touched = FixedBitSet::with_capacity(count);
    touched.extend(numbers.iter().filter(|(id, _)| profiles.contains(*id)).map(|(_, n)| groups[*n as usize] as usize));
    let is_touched = |number: u32| touched.contains(groups[number as usize] as usize);
    profiles.extend(numbers.iter().filter(|(_, number)| is_touched(**number)).map(|(id, _)| *id));
    let mut refused = FixedBitSet::with_capacity(edges.len());
    refused.extend(edges.iter().enumerate().filter(|(_, [a, _])| is_touched(*a)).map(|(edge, _)| edge));
    Ok(refused)
}

impl LooksFeeder {
    /// Takes in rows of the earlier result: an identifier's name, a value, and the id of its profile.
    ///
    /// # Errors
    /// When the columns differ in length, something is missing, or a profile id is none that Kinfold makes.
    pub fn push(
        &mut self,
        identifiers: &dyn TextColumn,
        values: &dyn TextColumn,
        profile_ids: &dyn TextColumn,
    ) -> Result<(), IdentityError> {
        if identifiers.len() != values.len() || identifiers.len() != profile_ids.len() {
            return Err(UNEVEN);
        }
        let Looking { earlier, sieve, sieve_of_ends, .. } = &*self.looking;
        for row in 0..values.len() {
            let (Some(identifier), Some(value)) = (identifiers.text(row), values.text(row)) else {
                return Err(IdentityError::BrokenKept);
            };
            let identifier = number(earlier.of.rules(), identifier, &mut self.last)?;
            let hash = hash64(identifier, value);
            let (is_value, is_end) = (sieve.may_have(hash), sieve_of_ends.may_have(hash));
            if is_value || is_end {
                let has = Has(profile(profile_ids, row)?);
                if is_value {
                    self.staged.push_hashed(hash, identifier, value, has)?;
                }
                if is_end {
                    self.ends.push_hashed(hash, identifier, value, has)?;
                }
            }
        }
        if self.staged.len() + self.ends.len() >= earlier.flush_at { self.flush() } else { Ok(()) }
    }

    /// Ends this feeder's input.
    ///
    /// # Errors
    /// None is known.
    pub fn finish(mut self) -> Result<(), IdentityError> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), IdentityError> {
        let (earlier, first_shard) = (&self.looking.earlier, self.number * FEEDERS_APART);
        intern::flush(&earlier.of.shards, &mut self.staged, Unknown::Skip, first_shard, &mut ())?;
        intern::flush(&earlier.ends, &mut self.ends, Unknown::Skip, first_shard, &mut ())?;
        Ok(())
    }
}

/// Takes all values of the groups that new rows touch.
#[derive(Debug)]
pub struct Takes(Arc<Taking>);

#[derive(Debug)]
struct Taking {
    of: Arc<Collected>,
    flush_at: usize,
    fresh: Vec<usize>,
    aside: Vec<Aside>,
    refused: FixedBitSet,
    /// Of all groups.
    profiles: HashSet<ProfileId>,
    sieve: Sieve,
    taken: Mutex<Taken>,
    feeders: AtomicUsize,
}

/// What was in the earlier result of what is resolved again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// For each file of it, which rows: their places, in no particular order.
    pub places: Vec<Vec<u32>>,
    /// For each of [`Rules::identifiers`], how many values.
    pub values: Vec<u64>,
    /// The profiles, and how many values each had.
    pub sizes: HashMap<ProfileId, u32>,
    /// Which of the refused edges, by their order of arrival.
    pub refused: FixedBitSet,
}

impl Taken {
    /// How much memory it holds.
    pub fn bytes(&self) -> usize {
        self.places.iter().map(|places| places.capacity() * size_of::<u32>()).sum::<usize>()
            + self.sizes.capacity() * size_of::<(ProfileId, u32)>()
    }
}

/// One of the ways in of [`Takes`]. What waits in it is lost unless it is finished.
#[derive(Debug)]
pub struct TakesFeeder {
    taking: Arc<Taking>,
    /// So that feeders begin with different shards.
    number: usize,
    last: usize,
    staged: Staged<Has>,
    file: usize,
    taken: Taken,
}

impl Takes {
    /// Whether new rows touch anything that there was.
    pub fn is_needed(&self) -> bool {
        !self.0.profiles.is_empty()
    }

    /// A way in for one file of the earlier result. Each thread has its own.
    pub fn feeder(&self, file: usize) -> TakesFeeder {
        let number = self.0.feeders.fetch_add(1, Ordering::Relaxed);
        let taken = Taken {
            values: vec![0; self.0.of.rules().identifiers.len()],
            places: vec![vec![]; file + 1],
            ..Taken::default()
        };
        TakesFeeder { taking: Arc::clone(&self.0), number, last: 0, staged: Staged::new(), file, taken }
    }

    /// Ends that input.
    ///
    /// # Errors
    /// When a feeder is not finished.
    pub fn end(self) -> Result<Touched, IdentityError> {
        let Taking { of, fresh, aside, refused, taken, profiles, .. } = Arc::into_inner(self.0).ok_or(LEFT)?;
        let mut taken = taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        taken.refused = refused;
        if taken.sizes.len() != profiles.len() {
            return Err(IdentityError::BrokenKept);
        }
        let is_fresh = |value: &Aside| (value.at.number() as usize) < fresh[value.at.shard()];
        let tallies = aside.iter().filter(|value| is_fresh(value)).map(|value| (value.at, Tally::of(of.rules())));
        let tallies: HashMap<Ref, Tally> = tallies.collect();
        let sieve = sieve_of(&of.shards);
        let is_aside = aside.iter().map(|value| value.at).collect();
        Ok(Touched { of, aside, is_aside, tallies, sieve: Arc::new(sieve), taken })
    }
}

impl TakesFeeder {
    /// Takes in rows of a file of the earlier result: the place of each in its file, an identifier's name, a value, and the id of its
    /// profile.
    ///
    /// # Errors
    /// When the columns differ in length, something is missing, a profile id is none that Kinfold makes, or there is no room for more
    /// values.
    pub fn push(
        &mut self,
        places: &dyn NumberColumn,
        identifiers: &dyn TextColumn,
        values: &dyn TextColumn,
        profile_ids: &dyn TextColumn,
    ) -> Result<(), IdentityError> {
        if identifiers.len() != values.len() || identifiers.len() != profile_ids.len() {
            return Err(UNEVEN);
        }
        for row in 0..values.len() {
            let id = profile(profile_ids, row)?;
            let Taking { of, sieve, profiles, .. } = &*self.taking;
            if !sieve.may_have(id.number()) || !profiles.contains(&id) {
                continue;
            }
            let (Some(place), Some(identifier), Some(value)) =
                (places.number(row), identifiers.text(row), values.text(row))
            else {
                return Err(IdentityError::BrokenKept);
            };
            let identifier = number(of.rules(), identifier, &mut self.last)?;
            self.taken.places[self.file].push(place);
            self.taken.values[usize::from(identifier)] += 1;
            *self.taken.sizes.entry(id).or_default() += 1;
            self.staged.push(identifier, value, Has(id))?;
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
        if all.places.len() < self.taken.places.len() {
            all.places.resize(self.taken.places.len(), vec![]);
        }
        for (all, own) in all.places.iter_mut().zip(self.taken.places) {
            all.extend(own);
        }
        for (all, own) in all.values.iter_mut().zip(self.taken.values) {
            *all += own;
        }
        for (id, size) in self.taken.sizes {
            *all.sizes.entry(id).or_default() += size;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IdentityError> {
        let of = &self.taking.of;
        let first_shard = self.number * FEEDERS_APART;
        let grown = intern::flush(&of.shards, &mut self.staged, Unknown::Add, first_shard, &mut ())?;
        of.grow(grown);
        Ok(())
    }
}

/// All values of the groups that new rows touch: what is wanted of the kept rows can be told.
#[derive(Debug)]
pub struct Touched {
    of: Arc<Collected>,
    aside: Vec<Aside>,
    is_aside: HashSet<Ref>,
    /// Of values that are shared by many and that new rows have.
    tallies: HashMap<Ref, Tally>,
    sieve: Arc<Sieve>,
    taken: Taken,
}

/// With which values another one is seen: for each identifier their hashes.
#[derive(Debug)]
struct Tally(Mutex<Vec<HashSet<u64>>>);

impl Tally {
    fn of(rules: &Rules) -> Self {
        Self(Mutex::new(rules.identifiers.iter().map(|_| HashSet::new()).collect()))
    }

    /// Tells whether that is new.
    fn note(&self, identifier: u8, hash: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(identifier)].insert(hash)
    }
}

impl Touched {
    /// Room for so many values of rows of `rules.sources[source]` that an earlier run has kept, of which most will not be wanted.
    ///
    /// # Errors
    /// When there is no such source.
    pub fn known_values(&self, evidence: &Evidence, source: usize, count: u32) -> Result<KnownValues, IdentityError> {
        let hashes = if self.tallies.is_empty() { 0 } else { count };
        KnownValues::some(evidence, source, count, KnownValuesOf::new(Arc::clone(&self.sieve), count, hashes))
    }

    /// Whether any kept row is wanted.
    pub fn needs_rows(&self) -> bool {
        !self.taken.sizes.is_empty() || !self.tallies.is_empty()
    }

    /// Whether a kept row is wanted: each of its values is at hand, and one of them is in a group. `numbers`: of its values, none where one
    /// is missing; `refs` gets their places.
    ///
    /// # Errors
    /// When it has a value of a group and one that is in none, which is not so in any result of Kinfold.
    pub(crate) fn wants(
        &self,
        known: &KnownValues,
        numbers: &[Option<u32>],
        refs: &mut Vec<Ref>,
    ) -> Result<bool, IdentityError> {
        if !numbers.iter().flatten().any(|number| known.has_place(*number)) {
            return Ok(false);
        }
        refs.clear();
        let (mut is_strange, mut is_of_group, mut is_tallied) = (false, false, false);
        for number in numbers {
            let Some(number) = number else {
                refs.push(Ref::NONE);
                continue;
            };
            let at = known.place(*number)?;
            refs.push(at);
            if at == Ref::NONE {
                is_strange = true;
            } else if self.is_aside.contains(&at) {
                is_tallied |= self.tallies.contains_key(&at);
            } else {
                is_of_group = true;
            }
        }
        if is_tallied {
            self.tally(known, numbers, refs);
        }
        if is_of_group && is_strange { Err(IdentityError::BrokenKept) } else { Ok(is_of_group) }
    }

    fn tally(&self, known: &KnownValues, numbers: &[Option<u32>], refs: &[Ref]) {
        for (i, at) in refs.iter().enumerate() {
            let Some(tally) = self.tallies.get(at) else { continue };
            for (j, number) in numbers.iter().enumerate() {
                let number = number.filter(|_| j != i && refs[j] != *at);
                if number.is_some_and(|number| tally.note(known.identifier(j), known.hash(number))) {
                    // A table of hashes has room for about as many again.
                    self.of.grow(2 * size_of::<u64>().cast_signed());
                }
            }
        }
    }

    /// Ends the input of `evidence`, as [`Evidence::seal`] does. `profiles`: all that the earlier result has, ascending; their ids are
    /// taken. Gives also what the result takes the place of.
    ///
    /// # Errors
    /// When a feeder is not finished, or a value of a group is on no row.
    pub fn seal(self, evidence: Evidence, profiles: Arc<Vec<ProfileId>>) -> Result<(Graph, Taken), IdentityError> {
        let Self { of, mut aside, is_aside, tallies, taken, .. } = self;
        if !Arc::ptr_eq(&of, &evidence.shared) {
            return Err(IdentityError::Misuse("rows of something else"));
        }
        drop(of);
        let mut graph = evidence.seal()?;
        graph.each_fresh_pair(
            |at| tallies.contains_key(&at),
            |at, identifier, hash| _ = tallies[&at].note(identifier, hash),
        );
        for value in &mut aside {
            let Some(tally) = tallies.get(&value.at) else { continue };
            let seen = tally.0.lock().unwrap_or_else(PoisonError::into_inner);
            let most =
                seen.iter().zip(0_u8..).max_by_key(|(seen, identifier)| (seen.len(), std::cmp::Reverse(*identifier)));
            if let Some((seen, linked)) = most {
                (value.degree, value.linked) = (seen.len() as u64, linked);
            }
        }
        graph.check_seen(|at| is_aside.contains(&at))?;
        graph.begin_from(aside, profiles);
        Ok((graph, taken))
    }
}

fn profile(ids: &dyn TextColumn, row: usize) -> Result<ProfileId, IdentityError> {
    let id = ids.text(row).ok_or(IdentityError::BrokenKept)?;
    ProfileId::parse(id).ok_or(IdentityError::ForeignProfileId)
}

fn sieve_of<A>(shards: &[Mutex<Shard<A>>]) -> Sieve {
    let count = shards.iter().map(|shard| locked(shard).names().len()).sum();
    let hashes = shards.iter().flat_map(|shard| {
        let shard = locked(shard);
        let names = shard.names();
        (0..names.len()).map(|i| hash64(names.identifier(i), names.value(i))).collect::<Vec<_>>()
    });
    Sieve::of(count, hashes)
}

fn bytes_of<A: Attributes>(shards: &[Mutex<Shard<A>>]) -> usize {
    shards.iter().map(|shard| locked(shard).bytes()).sum()
}

fn locked<A>(shard: &Mutex<Shard<A>>) -> std::sync::MutexGuard<'_, Shard<A>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
