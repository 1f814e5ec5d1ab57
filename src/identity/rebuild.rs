//! Clusters built up edge by edge, in the fixed order, as far as limits and pins allow.

use hashbrown::HashSet;
use rayon::prelude::*;

use crate::cluster::Clustering;
use crate::limits::{Holdings, Limited};
use crate::linkage::{self, Forbidden, Groups, Tables};
use crate::matches::Matches;
use crate::nodes::Nodes;
use crate::pins::{Apart, Pins};
use crate::ranked::Ranked;
use crate::rules::MatchRules;
use crate::union_find::UnionFind;

/// The source of edges that no row tells: values that are linked by likelihood. No source has this number.
pub(crate) const MATCH: u16 = u16::MAX;

/// Two values on one row, or two that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) a: u32,
    pub(crate) b: u32,
    /// Microseconds, or [`crate::evidence::UNKNOWN_FIRST`]; of a match what it is ordered by.
    pub(crate) first: i64,
    /// An index into [`crate::Rules::sources`], or [`MATCH`].
    pub(crate) source: u16,
    /// The identifiers of `a` and `b`.
    pub(crate) ranks: [u8; 2],
}

/// An edge whose acceptance would have made one profile of two that must not be one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    /// `a` is the stronger of the two or, where both are of one identifier, the smaller.
    pub(crate) edge: Edge,
    pub(crate) obstacle: Obstacle,
}

/// What forbids an edge.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Obstacle {
    /// The limit of this identifier.
    Limit(u8),
    /// A pin: an index into [`crate::Rules::pins`].
    Never(u32),
    /// Of matches alone.
    Match(Forbidden),
}

/// What edges must not do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forbids<'a> {
    pub(crate) limits: &'a [Limited],
    pub(crate) pins: &'a Pins,
    pub(crate) matching: &'a MatchRules,
    pub(crate) tables: &'a Tables<'a>,
}

/// Takes broken clusters apart and joins their nodes again: along always-pins, whatever that breaks, then along `edges`,
/// in the fixed order, refusing what is forbidden. `broken` are all nodes of those clusters, `edges` all of their edges, of which one may
/// occur several times.
pub(crate) fn rebuild(
    (nodes, matches): (&Nodes, &Matches),
    forbids: Forbids<'_>,
    broken: &Ranked,
    mut edges: Vec<Edge>,
    clustering: &mut Clustering,
) {
    let Forbids { limits, pins, matching, tables } = forbids;
    // Nodes of broken clusters are numbered anew, so that what follows is as large as they are and no larger.
    let members: Vec<u32> = broken.iter().collect();
    let number = |node: u32| broken.contains(node).then(|| broken.rank(node));
    let mut sets = Sets {
        joined: UnionFind::new(members.len()),
        holdings: Holdings::new(nodes, limits, &members),
        apart: Apart::new(pins, number),
        groups: None,
    };
    for [a, b] in &pins.always {
        if let (Some(a), Some(b)) = (number(*a), number(*b)) {
            sets.unite(a, b);
        }
    }
    sort(nodes, &mut edges);
    let first_match = edges.partition_point(|edge| edge.source != MATCH);
    let mut refused = vec![];
    let mut refused_before = HashSet::new();
    for (at, edge) in edges.into_iter().enumerate() {
        if at == first_match && !linkage::is_plain(matching) {
            let groups = Groups::new(&mut sets.joined, &members, matching, tables, (matches, nodes), number);
            sets.groups = Some(groups);
        }
        let (a, b) = (broken.rank(edge.a), broken.rank(edge.b));
        if let Some(obstacle) = sets.join(a, b)
            && refused_before.insert((edge.a, edge.b))
        {
            refused.push(Refused { edge, obstacle });
        }
    }
    clustering.refused.extend(refused);
    relabel(&members, sets.joined, clustering);
}

/// Sets of nodes. Once limits or pins keep two apart, they keep all sets apart that hold them: neither forbids less of larger sets.
struct Sets<'a> {
    joined: UnionFind,
    holdings: Holdings<'a>,
    apart: Apart,
    /// Once matches are considered of which something is asked.
    groups: Option<Groups>,
}

impl Sets<'_> {
    /// Makes the sets of two nodes one, or tells what forbids it.
    fn join(&mut self, a: u32, b: u32) -> Option<Obstacle> {
        let (root_a, root_b) = (self.joined.find(a), self.joined.find(b));
        if root_a == root_b {
            return None;
        }
        let never = self.apart.forbids(&mut self.joined, root_a, root_b).map(Obstacle::Never);
        let limit = || self.holdings.forbids(root_a, root_b).map(Obstacle::Limit);
        let matching = || self.groups.as_ref()?.forbids(root_a, root_b).map(Obstacle::Match);
        let obstacle = never.or_else(limit).or_else(matching);
        if obstacle.is_none() {
            self.unite(root_a, root_b);
        }
        obstacle
    }

    /// Makes the sets of two nodes one.
    fn unite(&mut self, a: u32, b: u32) {
        let (root_a, root_b) = (self.joined.find(a), self.joined.find(b));
        if root_a == root_b {
            return;
        }
        let stays = self.joined.unite_roots(root_a, root_b);
        let goes = if stays == root_a { root_b } else { root_a };
        self.holdings.unite(stays, goes);
        self.apart.unite(stays, goes);
        if let Some(groups) = &mut self.groups {
            groups.unite(stays, goes);
        }
    }
}

/// Brings edges into the order in which they are considered: the stronger ends first, then the earlier, then by value; of
/// one edge seen several times the earliest, then the one of the first source. Matches come after all others, the heavier first.
fn sort(nodes: &Nodes, edges: &mut [Edge]) {
    edges.par_iter_mut().for_each(|edge| {
        let [a, b] = edge.ranks;
        if a > b || (a == b && nodes.value(edge.a) > nodes.value(edge.b)) {
            std::mem::swap(&mut edge.a, &mut edge.b);
            edge.ranks = [b, a];
        }
    });
    let key = |edge: &Edge| match edge.source {
        MATCH => (true, [0; 2], edge.first),
        _ => (false, edge.ranks, edge.first),
    };
    edges.par_sort_unstable_by_key(key);
    // Values are looked at only where nothing else decides.
    edges.par_chunk_by_mut(|x, y| key(x) == key(y)).filter(|ties| ties.len() > 1).for_each(|ties| {
        let values = |edge: &Edge| (nodes.value(edge.a), nodes.value(edge.b), edge.source);
        ties.sort_unstable_by(|x, y| values(x).cmp(&values(y)));
    });
}

/// The first set of a broken cluster keeps the cluster's number, the others get new ones.
fn relabel(members: &[u32], sets: UnionFind, clustering: &mut Clustering) {
    let (set_of, count) = sets.into_labels();
    let mut label_of_set = vec![u32::MAX; count];
    let mut taken = HashSet::new();
    for (node, set) in members.iter().zip(set_of) {
        let label = &mut label_of_set[set as usize];
        let old = &mut clustering.labels[*node as usize];
        if *label == u32::MAX {
            *label = *old;
            if !taken.insert(*old) {
                *label = clustering.clusters as u32;
                clustering.clusters += 1;
            }
        }
        *old = *label;
    }
}
