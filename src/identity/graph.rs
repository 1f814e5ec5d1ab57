//! The graph of an entity: values are nodes, and two values on one row have an edge.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fixedbitset::FixedBitSet;

use crate::assign::{self, Known, Part};
use crate::cluster::Linked;
use crate::evidence::{Novelty, Seen};
use crate::intern::{self, FEEDERS_APART, Receive, Ref, Shard, Staged, Unknown};
use crate::matches::{Matched, Matches};
use crate::nodes::Nodes;
use crate::pins::Pins;
use crate::rows::Rows;
use crate::shared::Shared;
use crate::touched::Aside;
use crate::{
    Digest, DigestKey, EdgeCount, IdentityError, ProfileId, Resolution, Rules, TextColumn, WeightColumn, cluster,
    shared, threads,
};

/// All rows of all sources, and what the last run made of them, which comes in through any number of [`PreviousFeeder`]s.
#[derive(Debug)]
pub struct Graph {
    shared: Arc<Sealed>,
    feeders: AtomicUsize,
    matches: Matches,
    /// Set if it has only a part of all rows.
    earlier: Option<Beginning>,
}

/// What a graph of a part of all rows knows of the rest.
#[derive(Debug)]
struct Beginning {
    /// Values that are shared by many.
    aside: Vec<Aside>,
    /// All profiles of the last run, ascending.
    profiles: Arc<Vec<ProfileId>>,
    /// For each shard, how many values new rows have: the first ones.
    fresh: Vec<usize>,
    /// How many matches of its values were edges in the last run.
    matches: i64,
    /// Whether a match may link the part with the rest.
    is_torn: bool,
}

/// What all feeders look into.
#[derive(Debug)]
struct Sealed {
    rules: Rules,
    flush_at: usize,
    same_as: Vec<u16>,
    shards: Vec<Mutex<Shard<Seen>>>,
    rows: Rows,
    values: usize,
    bytes: usize,
}

impl Graph {
    pub(crate) fn new(
        rules: Rules,
        flush_at: usize,
        same_as: Vec<u16>,
        mut shards: Vec<Mutex<Shard<Seen>>>,
        rows: Rows,
    ) -> Self {
        let (mut values, mut bytes) = (0, rows.bytes());
        for shard in &mut shards {
            let shard = shard.get_mut().unwrap_or_else(PoisonError::into_inner);
            shard.shrink();
            shard.attributes.shrink();
            values += shard.names().len();
            bytes += shard.bytes();
        }
        let matches = Matches::new(rules.matching.accept);
        let shared = Arc::new(Sealed { rules, flush_at, same_as, shards, rows, values, bytes });
        Self { shared, feeders: AtomicUsize::new(0), matches, earlier: None }
    }

    /// Makes it one of a part of all rows. `profiles`: of the last run, ascending. `fresh`: for each shard, how many values new rows have,
    /// which are the first ones.
    pub(crate) fn begin_from(&mut self, aside: Vec<Aside>, profiles: Arc<Vec<ProfileId>>, fresh: Vec<usize>) {
        self.earlier = Some(Beginning { aside, profiles, fresh, matches: 0, is_torn: false });
    }

    /// Calls `each` with some values that new rows have, and the identifier and digest of each other value on one row with them.
    pub(crate) fn each_fresh_pair(
        &self,
        key: DigestKey,
        is_wanted: impl Fn(Ref) -> bool,
        mut each: impl FnMut(Ref, u8, Digest),
    ) {
        let digest = |at: Ref| {
            let shard = self.shared.shards[at.shard()].lock().unwrap_or_else(PoisonError::into_inner);
            key.digest(shard.names().value(at.number() as usize))
        };
        self.shared.rows.each_fresh(|row, identifiers| {
            for at in row.iter().filter(|at| **at != Ref::NONE && is_wanted(**at)) {
                let others = row.iter().zip(identifiers).filter(|(other, _)| *other != at && **other != Ref::NONE);
                others.for_each(|(other, identifier)| each(*at, *identifier, digest(*other)));
            }
        });
    }

    /// # Errors
    /// When a value is on no row, unless it is set aside.
    pub(crate) fn check_seen(&self, is_aside: impl Fn(Ref) -> bool) -> Result<(), IdentityError> {
        for (index, shard) in self.shared.shards.iter().enumerate() {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let mut values = shard.attributes.values.iter().enumerate();
            if !values.all(|(number, value)| value.sightings > 0 || is_aside(Ref::new(index, number))) {
                return Err(IdentityError::BrokenKept);
            }
        }
        Ok(())
    }

    /// How much memory the graph holds, and [`Graph::resolve`] will need besides, in bytes. Components that break a limit or hold
    /// pinned pairs take more for a while: 24 bytes for each of their edges, and as much again while threads put theirs together.
    pub fn bytes_to_resolve(&self) -> usize {
        /// The number of its cluster, a bit or two of sets and their ranks, the previous profile of each, and a share of the ids.
        const PER_VALUE: usize = 4 + 1 + 8 + 16;
        self.shared.bytes + self.shared.values * PER_VALUE + self.matches.bytes()
    }

    /// How many distinct values there are.
    pub fn values(&self) -> usize {
        self.shared.values
    }

    /// A way in for what the last run made of the values. Each thread has its own.
    pub fn previous_feeder(&self) -> PreviousFeeder {
        let number = self.feeders.fetch_add(1, Ordering::Relaxed);
        PreviousFeeder { shared: Arc::clone(&self.shared), number, staged: Staged::new() }
    }

    /// Takes in pairs of values that are linked though no row has both: identifiers' names and values of both, and a weight each. The
    /// heavier a pair, the earlier it is considered, and all of them after every edge that rows tell. A pair lighter than
    /// [`MatchRules::accept`](crate::MatchRules::accept) is no edge. Values that no row has are passed over. Tells how many pairs were
    /// not.
    ///
    /// # Errors
    /// When the columns differ in length.
    pub fn add_matches(
        &mut self,
        [a, b]: [[&dyn TextColumn; 2]; 2],
        weights: &dyn WeightColumn,
    ) -> Result<usize, IdentityError> {
        let rows = a[0].len();
        if [a[1], b[0], b[1]].iter().any(|column| column.len() != rows) {
            return Err(IdentityError::Misuse("columns of different lengths"));
        }
        let before = self.matches.list.len();
        for row in 0..rows {
            let Some(weight) = weights.weight(row) else { continue };
            match self.ends([a, b], row) {
                [Some(a), Some(b)] => {
                    self.matches.list.push(Matched::new([a, b], weight));
                    self.count_match([a, b], weight, 1);
                }
                [Some((at, _)), None] | [None, Some((at, _))] => {
                    let is_open = self.matches.accepts(weight) && self.is_new(at);
                    if let Some(earlier) = self.earlier.as_mut().filter(|_| is_open) {
                        earlier.is_torn = true;
                    }
                }
                [None, None] => {}
            }
        }
        Ok(self.matches.list.len() - before)
    }

    /// Of a part of all rows: takes in how pairs of values are linked otherwise than in the last run, as [`Graph::add_matches`] does, with
    /// how many times more each is.
    ///
    /// # Errors
    /// When the columns differ in length.
    pub fn changed_matches(
        &mut self,
        [a, b]: [[&dyn TextColumn; 2]; 2],
        weights: &dyn WeightColumn,
        counts: &[i64],
    ) -> Result<(), IdentityError> {
        if [a[0], a[1], b[0], b[1]].iter().any(|column| column.len() != counts.len()) {
            return Err(IdentityError::Misuse("columns of different lengths"));
        }
        for (row, count) in counts.iter().enumerate() {
            if let ([Some(a), Some(b)], Some(weight)) = (self.ends([a, b], row), weights.weight(row)) {
                self.count_match([a, b], weight, -count);
            }
        }
        Ok(())
    }

    /// Of a part of all rows: how many pairs the last run linked by likelihood, or refused, once all that are and all that changed have
    /// come in.
    pub fn matches_before(&self) -> u64 {
        self.earlier.as_ref().map_or(0, |earlier| earlier.matches).try_into().unwrap_or_default()
    }

    /// Of a part of all rows: whether a match may link it with the rest.
    ///
    /// Where one end of a match is at hand and the other is not, the other is on no row, as a rule: it would be in one group with the first
    /// otherwise. Nobody knows that of a value that was on no row before.
    pub fn is_torn(&self) -> bool {
        self.earlier.as_ref().is_some_and(|earlier| earlier.is_torn)
    }

    fn ends(&self, ends: [[&dyn TextColumn; 2]; 2], row: usize) -> [Option<(Ref, u8)>; 2] {
        ends.map(|[identifier, value]| self.find(identifier.text(row)?, value.text(row)?))
    }

    fn count_match(&mut self, [(a, _), (b, _)]: [(Ref, u8); 2], weight: f64, count: i64) {
        let is_edge = a != b && self.matches.accepts(weight);
        let was_edge = self.earlier.is_some() && is_edge && self.had_profile(a) && self.had_profile(b);
        if let Some(earlier) = self.earlier.as_mut().filter(|_| was_edge) {
            earlier.matches += count;
        }
    }

    /// Whether a value had a profile in the last run.
    fn had_profile(&self, at: Ref) -> bool {
        let shard = self.shared.shards[at.shard()].lock().unwrap_or_else(PoisonError::into_inner);
        shard.attributes.previous.get(at.number() as usize).is_some_and(Option::is_some)
    }

    /// Whether a value of a part of all rows was on none before.
    fn is_new(&self, at: Ref) -> bool {
        let Some(earlier) = &self.earlier else { return false };
        let is_fresh = (at.number() as usize) < earlier.fresh[at.shard()];
        is_fresh && !self.had_profile(at) && earlier.aside.iter().all(|value| value.at != at)
    }

    /// Where a value is kept, and its identifier.
    fn find(&self, identifier: &str, value: &str) -> Option<(Ref, u8)> {
        let identifier = self.shared.rules.identifiers.iter().position(|rule| rule.name == identifier)? as u8;
        Some((intern::find_shared(&self.shared.shards, identifier, value)?, identifier))
    }

    /// Clusters the values within the limits and as pins say, and gives each profile its id, on so many threads.
    ///
    /// # Errors
    /// When a feeder is not finished, the pins contradict each other, or the system has no threads.
    pub fn resolve(self, threads: usize) -> Result<Resolution, IdentityError> {
        threads::pool(threads)?.install(|| self.resolve_here())
    }

    fn resolve_here(self) -> Result<Resolution, IdentityError> {
        let Self { shared, matches, earlier, .. } = self;
        let sealed = Arc::into_inner(shared).ok_or(IdentityError::Misuse("ids that still come in"))?;
        let Sealed { rules, same_as, shards, mut rows, .. } = sealed;
        let shards = shards.into_iter().map(|shard| shard.into_inner().unwrap_or_else(PoisonError::into_inner));
        let mut nodes = Nodes::new(shards.collect());
        let pins = Pins::find(&rules, &nodes)?;
        for shard in &mut nodes.shards {
            shard.forget();
        }
        let (aside, known_edges) = match &earlier {
            Some(earlier) => begin(&mut nodes, &rows, &same_as, earlier),
            None => (vec![], vec![]),
        };
        let shared = shared::set_aside(&mut nodes, &rows, &rules, &pins, aside);
        let edges = rows.count_edges(&nodes, &same_as, &Novelty::ALL);
        let known = Linked { nodes: &nodes, rows: &rows, matches: &matches, same_as: &same_as };
        let mut clustering = cluster::cluster(known, &rules, &pins);
        rows.retain_fresh(|source| rules.sources[source].keep_rows);
        let homeless: Vec<u32> = shared.iter().filter(|value| !value.is_pinned).map(|value| value.node).collect();
        clustering.leave_out(&homeless);
        let part = earlier.as_ref().map(|earlier| Part { profiles: &earlier.profiles, fresh: &earlier.fresh });
        let assignment = assign::assign(&rules, &mut nodes, &clustering, part);
        let unused_pins = pins.unused;
        let matches = matches.edges(&nodes).count() as u64;
        Ok(Resolution {
            rules,
            same_as,
            nodes,
            rows,
            clustering,
            assignment,
            shared,
            homeless: homeless.len(),
            unused_pins,
            edges,
            known_edges,
            matches,
        })
    }
}

/// The values that an earlier run has set aside, and how many pairs the rows that it kept hold without them.
fn begin(nodes: &mut Nodes, rows: &Rows, same_as: &[u16], earlier: &Beginning) -> (Vec<Shared>, Vec<EdgeCount>) {
    let shared = |value: &Aside| {
        let Aside { at, linked, degree } = *value;
        Some(Shared { node: nodes.number(at)?, linked, degree, is_pinned: false })
    };
    let aside: Vec<Shared> = earlier.aside.iter().filter_map(shared).collect();
    let mut set = FixedBitSet::with_capacity(nodes.len());
    set.extend(aside.iter().map(|value| value.node as usize));
    nodes.set_aside(set);
    let edges = rows.count_edges(nodes, same_as, &[Novelty::Known]);
    // Which values are shared is told by all that rows have.
    nodes.set_aside(FixedBitSet::new());
    (aside, edges)
}

/// One of the ways by which the last run's assignment comes in. What waits in it is lost unless it is finished.
#[derive(Debug)]
pub struct PreviousFeeder {
    shared: Arc<Sealed>,
    /// So that feeders begin with different shards.
    number: usize,
    staged: Staged<Known>,
}

impl PreviousFeeder {
    /// Takes in rows of the last run's `<entity>_identifiers`: an identifier's name, a value, and the id of its profile.
    /// Values that no source has any more, and identifiers that the rules no longer name, only tell that a profile was there.
    ///
    /// # Errors
    /// When the columns differ in length, or a profile id is none that Kinfold makes.
    pub fn push(
        &mut self,
        identifiers: &dyn TextColumn,
        values: &dyn TextColumn,
        profile_ids: &dyn TextColumn,
    ) -> Result<(), IdentityError> {
        if identifiers.len() != values.len() || identifiers.len() != profile_ids.len() {
            return Err(IdentityError::Misuse("columns of different lengths"));
        }
        for row in 0..identifiers.len() {
            let (Some(name), Some(value), Some(id)) = (identifiers.text(row), values.text(row), profile_ids.text(row))
            else {
                continue;
            };
            let id = ProfileId::parse(id).ok_or(IdentityError::ForeignProfileId)?;
            let known = Known(id);
            if let Some(identifier) = self.shared.rules.identifiers.iter().position(|rule| rule.name == name) {
                self.staged.push(identifier as u8, value, known)?;
            } else {
                let mut shard = self.shared.shards[0].lock().unwrap_or_else(PoisonError::into_inner);
                shard.attributes.miss(&known);
            }
            if self.staged.len() >= self.shared.flush_at {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Ends this feeder's input.
    ///
    /// # Errors
    /// None is known.
    pub fn finish(mut self) -> Result<(), IdentityError> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), IdentityError> {
        let first_shard = self.number * FEEDERS_APART;
        intern::flush(&self.shared.shards, &mut self.staged, Unknown::Skip, first_shard, &mut ())?;
        Ok(())
    }
}
