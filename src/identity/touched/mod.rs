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
//! Evidence (new rows) ──▶ Earlier ──values set aside, refused edges──▶ Looks ──index of the earlier result──▶ Takes ──the same, and the
//!                                               values that are wanted──▶ Touched ──kept rows──▶ seal ──▶ Graph
//! ```
//!
//! An index tells of each value of the earlier result where it lies, its digest, and its profile. It passes by twice, as a stream: once to
//! find the profiles of the values that new rows have, then to tell where all values of the groups lie, of which alone the text is read.
//! A pin links what no row links, or keeps it apart, once both of its values are on rows: so groups of pinned values are touched by any new row.
//! Those that it links are of one profile, those that it keeps apart on two sides of a refused edge, if anything connects them. Where it
//! links a value that is shared by many, only a whole result will do ([`Earlier::has_linked_aside`]).
//!
//! So it is with pairs that match: the two are of one profile, or on two sides of a refused edge, or match too little to be linked, which
//! counts only where something else does. Pairs that match otherwise than before touch the groups of their values; all others lie
//! within groups, or outside of what is touched ([`Graph::is_torn`]).

mod digests;
mod earlier;
mod found;
mod ordered;
mod takes;

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{HashMap, HashSet};

pub use self::earlier::{Earlier, Looks, LooksFeeder};
pub use self::found::{Finds, FindsFeeder, FoundValues};
pub use self::takes::{Taken, Takes, TakesFeeder, Wanted};
use crate::evidence::{Collected, Evidence};
use crate::graph::Graph;
use crate::intern::{Attributes, Ref, Shard};
use crate::touched::digests::Digests;
use crate::{DigestKey, IdentityError, ProfileId, Rules};

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

/// All values of the groups that new rows touch: what is wanted of the kept rows can be told.
#[derive(Debug)]
pub struct Touched {
    of: Arc<Collected>,
    key: DigestKey,
    /// For each shard, how many values the new rows have: the first ones.
    fresh: Vec<usize>,
    aside: Vec<Aside>,
    is_aside: HashSet<Ref>,
    /// Of values that are shared by many and that new rows have.
    tallies: HashMap<Ref, Tally>,
    digests: Arc<Digests>,
    taken: Taken,
}

/// With which values another one is seen: for each identifier the low halves of their digests.
#[derive(Debug)]
struct Tally(Mutex<Vec<HashSet<u64>>>);

impl Tally {
    fn of(rules: &Rules) -> Self {
        Self(Mutex::new(rules.identifiers.iter().map(|_| HashSet::new()).collect()))
    }

    /// Tells whether that is new.
    fn note(&self, identifier: u8, low: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(identifier)].insert(low)
    }
}

impl Touched {
    /// Looks for so many values of rows of `rules.sources[source]` that an earlier run has kept, of which most will not be wanted.
    ///
    /// # Errors
    /// When there is no such source.
    pub fn finds(&self, evidence: &Evidence, source: usize, count: u32) -> Result<Arc<Finds>, IdentityError> {
        let (of, digests) = (Arc::clone(&evidence.shared), Arc::clone(&self.digests));
        let identifiers = evidence.identifiers_of(source)?;
        Ok(Arc::new(Finds::new(of, digests, identifiers, count, !self.tallies.is_empty())))
    }

    /// Whether any kept row is wanted.
    pub fn needs_rows(&self) -> bool {
        !self.taken.sizes.is_empty() || !self.tallies.is_empty()
    }

    /// Whether a kept row is wanted: each of its values is at hand, and one of them is in a group. `numbers`: of its values, none where one
    /// is missing; `refs`: where each is, [`Ref::NONE`] where it is not at hand, or missing.
    ///
    /// # Errors
    /// When it has a value of a group and one that is in none, which is not so in any result of Kinfold.
    pub(crate) fn wants(
        &self,
        known: &FoundValues,
        numbers: &[Option<u32>],
        refs: &[Ref],
    ) -> Result<bool, IdentityError> {
        let (mut is_strange, mut is_of_group, mut is_tallied) = (false, false, false);
        for (number, at) in numbers.iter().zip(refs) {
            if *at == Ref::NONE {
                is_strange |= number.is_some();
            } else if self.is_aside.contains(at) {
                is_tallied |= self.tallies.contains_key(at);
            } else {
                is_of_group = true;
            }
        }
        if is_tallied {
            self.tally(known, numbers, refs);
        }
        if is_of_group && is_strange { Err(IdentityError::BrokenKept) } else { Ok(is_of_group) }
    }

    fn tally(&self, known: &FoundValues, numbers: &[Option<u32>], refs: &[Ref]) {
        for (i, at) in refs.iter().enumerate() {
            let Some(tally) = self.tallies.get(at) else { continue };
            for (j, number) in numbers.iter().enumerate() {
                let number = number.filter(|_| j != i && refs[j] != *at);
                if number.is_some_and(|number| tally.note(known.identifier(j), known.low(number))) {
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
        let Self { of, key, fresh, mut aside, is_aside, tallies, digests, taken } = self;
        if !Arc::ptr_eq(&of, &evidence.shared) {
            return Err(IdentityError::Misuse("rows of something else"));
        }
        of.grow(-digests.bytes().cast_signed());
        drop((of, digests));
        let mut graph = evidence.seal()?;
        graph.each_fresh_pair(
            key,
            |at| tallies.contains_key(&at),
            |at, identifier, digest| _ = tallies[&at].note(identifier, digest.low),
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
        graph.begin_from(aside, profiles, fresh);
        Ok((graph, taken))
    }
}

/// The profile of an id's number.
fn profile_of(number: i64) -> Result<ProfileId, IdentityError> {
    ProfileId::from_number(number.cast_unsigned()).ok_or(IdentityError::ForeignProfileId)
}

fn check_lengths(places: &[i64], lows: &[i64], profiles: &[i64]) -> Result<(), IdentityError> {
    if places.len() == lows.len() && lows.len() == profiles.len() { Ok(()) } else { Err(UNEVEN) }
}

fn bytes_of<A: Attributes>(shards: &[Mutex<Shard<A>>]) -> usize {
    shards.iter().map(|shard| locked(shard).bytes()).sum()
}

fn locked<A>(shard: &Mutex<Shard<A>>) -> std::sync::MutexGuard<'_, Shard<A>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
