//! When pairs that match make one cluster of more than two groups.
//!
//! A group is what rows and always-pins make one: matches come after them, so all groups are known before the first is
//! considered. Two groups are as likely to be one as the likeliest pair of their values.

use hashbrown::HashMap;

use crate::cluster::Clustering;
use crate::matches::Matches;
use crate::nodes::Nodes;
use crate::rules::{Linkage, MatchRules};
use crate::union_find::UnionFind;
use crate::{IdentityError, Rules};

/// As many tables can be linked one to one as a number has bits.
const MAX_TABLES: usize = u64::BITS as usize;
/// Pairs of an average must be as likely as this, or as a single pair must be, if that is less.
const LIKELY: f64 = 0.5;

/// # Errors
/// When there are more tables than can be linked one to one.
pub(crate) fn check(rules: &Rules) -> Result<(), IdentityError> {
    if rules.matching.one_of_each.len() > MAX_TABLES {
        return Err(IdentityError::Misuse("more than 64 tables that are linked one to one"));
    }
    if rules.matching.one_of_each.iter().any(|(source, _)| *source >= rules.sources.len()) {
        return Err(IdentityError::Misuse("records of a source that does not exist"));
    }
    Ok(())
}

/// Whether single matches are all there is to look at: then clusters need not be built up match by match.
pub(crate) fn is_plain(rules: &MatchRules) -> bool {
    rules.linkage == Linkage::Any && rules.one_of_each.is_empty()
}

/// For each node the tables of which it is a record, a bit each.
#[derive(Debug)]
pub(crate) struct Tables<'a> {
    of: Vec<(u16, u8)>,
    nodes: &'a Nodes,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(nodes: &'a Nodes, rules: &Rules, same_as: &[u16]) -> Self {
        let of = rules.matching.one_of_each.iter().map(|(source, identifier)| (same_as[*source], *identifier as u8));
        Self { of: of.collect(), nodes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    pub(crate) fn of(&self, node: u32) -> u64 {
        if self.of.is_empty() {
            return 0;
        }
        let identifier = self.nodes.identifier(node);
        let is_of = |(source, of): &(u16, u8)| *of == identifier && self.nodes.is_seen_in(node, *source);
        self.of.iter().enumerate().filter(|(_, table)| is_of(table)).fold(0, |bits, (i, _)| bits | 1 << i)
    }
}

/// The components that may have to be built up match by match; some several times. `joined`: a node of each component that a match
/// made one, once for each that did.
pub(crate) fn doubtful(joined: &[u32], clustering: &Clustering, tables: &Tables<'_>) -> Vec<u32> {
    let mut times: HashMap<u32, u32> = HashMap::new();
    for node in joined {
        *times.entry(clustering.labels[*node as usize]).or_default() += 1;
    }
    // One match can be wrong only where it gives a table a second record.
    times.into_iter().filter(|(_, times)| *times > 1 || !tables.is_empty()).map(|(label, _)| label).collect()
}

/// What sets of nodes have to do with each other by matches.
#[derive(Debug)]
pub(crate) struct Groups {
    linkage: Linkage,
    /// What the likelihoods of all pairs of groups of two sets must come to, for each of those pairs.
    least: f64,
    /// For the node that stands for a set, of how many groups it is.
    sizes: Vec<u32>,
    /// For the node that stands for a set, of which tables it has records.
    tables: Vec<u64>,
    /// For the node that stands for a set, the sets that match any of its groups, and what the likelihoods of the pairs
    /// of groups come to that match. Each is known to both.
    near: HashMap<u32, HashMap<u32, f64>>,
}

impl Groups {
    /// Of sets as they are before the first match. `number` gives a node's number among `members`; none for nodes that are of no
    /// concern.
    pub(crate) fn new(
        sets: &mut UnionFind,
        members: &[u32],
        rules: &MatchRules,
        tables: &Tables<'_>,
        (matches, nodes): (&Matches, &Nodes),
        number: impl Fn(u32) -> Option<u32>,
    ) -> Self {
        let mut groups = Self {
            linkage: rules.linkage,
            least: match rules.linkage {
                Linkage::Any => 0.0,
                Linkage::Average => LIKELY.min(probability(rules.accept)),
                Linkage::Complete => 1.0,
            },
            sizes: vec![1; members.len()],
            tables: vec![0; if tables.is_empty() { 0 } else { members.len() }],
            near: HashMap::new(),
        };
        if !tables.is_empty() {
            for (at, node) in (0..).zip(members) {
                groups.tables[sets.find(at) as usize] |= tables.of(*node);
            }
        }
        if rules.linkage == Linkage::Any {
            return groups;
        }
        for pair in matches.pairs(nodes) {
            let (Some(a), Some(b)) = (number(pair.nodes[0]), number(pair.nodes[1])) else { continue };
            let (a, b) = (sets.find(a), sets.find(b));
            let likelihood = match rules.linkage {
                // It counts whether a pair matches, not how well.
                Linkage::Complete => f64::from(u8::from(pair.is_accepted)),
                Linkage::Any | Linkage::Average => probability(pair.weight),
            };
            if a != b {
                for (from, to) in [(a, b), (b, a)] {
                    let known = groups.near.entry(from).or_default().entry(to).or_default();
                    *known = known.max(likelihood);
                }
            }
        }
        groups
    }

    /// What forbids that a match makes two sets one.
    pub(crate) fn forbids(&self, root_a: u32, root_b: u32) -> Option<Forbidden> {
        let tables = |root: u32| self.tables.get(root as usize).copied().unwrap_or_default();
        if tables(root_a) & tables(root_b) != 0 {
            return Some(Forbidden::OneToOne);
        }
        if self.linkage == Linkage::Any {
            return None;
        }
        let pairs = f64::from(self.sizes[root_a as usize]) * f64::from(self.sizes[root_b as usize]);
        let sum = self.near.get(&root_a).and_then(|near| near.get(&root_b)).copied().unwrap_or_default();
        (sum < self.least * pairs).then_some(Forbidden::Linkage)
    }

    /// The set of `goes` is part of that of `stays` from now on.
    pub(crate) fn unite(&mut self, stays: u32, goes: u32) {
        self.sizes[stays as usize] += self.sizes[goes as usize];
        if let Some(tables) = self.tables.get(goes as usize).copied() {
            self.tables[stays as usize] |= tables;
        }
        for (other, likelihood) in self.near.remove(&goes).unwrap_or_default() {
            let of_other = self.near.get_mut(&other).expect("each of two sets that match knows the other");
            of_other.remove(&goes);
            if other != stays {
                *of_other.entry(stays).or_default() += likelihood;
                *self.near.entry(stays).or_default().entry(other).or_default() += likelihood;
            }
        }
    }
}

/// What, besides limits and pins, may forbid a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forbidden {
    OneToOne,
    Linkage,
}

/// Of a weight in bits.
fn probability(weight: f64) -> f64 {
    1.0 / (1.0 + (-weight).exp2())
}
