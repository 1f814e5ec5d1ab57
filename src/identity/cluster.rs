//! Which values belong together.

use crate::intern::Ref;
use crate::limits;
use crate::matches::Matches;
use crate::nodes::Nodes;
use crate::pins::Pins;
use crate::rebuild::{self, Edge, Refused};
use crate::rows::Rows;
use crate::rules::Rules;
use crate::union_find::UnionFind;

/// The label of nodes that are in no cluster. Whoever reads labels passes over it.
pub(crate) const NO_CLUSTER: u32 = u32::MAX;

/// The cluster of every node, and the edges that had to be refused for it.
#[derive(Debug)]
pub(crate) struct Clustering {
    /// For each node the number of its cluster, below `clusters`; [`NO_CLUSTER`] after [`Clustering::leave_out`].
    pub(crate) labels: Vec<u32>,
    pub(crate) clusters: usize,
    /// In the order in which edges are considered.
    pub(crate) refused: Vec<Refused>,
}

impl Clustering {
    /// Takes nodes out of every cluster, of each of which it must be the only one.
    pub(crate) fn leave_out(&mut self, nodes: impl ExactSizeIterator<Item = u32>) {
        if nodes.len() == 0 {
            return;
        }
        let mut numbers = vec![0; self.clusters];
        nodes.for_each(|node| numbers[self.labels[node as usize] as usize] = NO_CLUSTER);
        let mut clusters = 0;
        for number in numbers.iter_mut().filter(|number| **number != NO_CLUSTER) {
            *number = clusters;
            clusters += 1;
        }
        self.clusters = clusters as usize;
        self.labels.iter_mut().for_each(|label| *label = numbers[*label as usize]);
    }
}

/// Connects nodes along pins, edges and matches, as far as limits and pins allow.
///
/// All are taken at first. Components that break no limit, and hold no two nodes that are pinned apart, are done: no order of
/// edges could have refused one. Only those that do are taken apart and built up again, edge by edge in the fixed order.
pub(crate) fn cluster(nodes: &Nodes, rows: &Rows, matches: &Matches, rules: &Rules, pins: &Pins) -> Clustering {
    let mut sets = UnionFind::new(nodes.len());
    rows.each(|_, _, row| {
        let mut values = row.iter().filter_map(|at| nodes.node(*at));
        if let Some(first) = values.next() {
            values.for_each(|other| sets.unite(first, other));
        }
    });
    matches.edges(nodes).for_each(|edge| sets.unite(edge.a, edge.b));
    pins.always.iter().for_each(|[a, b]| sets.unite(*a, *b));
    let (labels, clusters) = sets.into_labels();
    let mut clustering = Clustering { labels, clusters, refused: Vec::new() };
    let limits = limits::of(rules);
    let mut broken = limits::broken(nodes, &clustering, &limits);
    for label in pins.broken(&clustering) {
        broken.resize(clustering.clusters, false);
        broken[label as usize] = true;
    }
    if broken.contains(&true) {
        // One flag a node, as looking it up by way of the cluster costs more than the rest.
        let is_broken: Vec<bool> = clustering.labels.iter().map(|label| broken[*label as usize]).collect();
        let mut edges = edges_within(nodes, rows, &is_broken);
        edges.extend(matches.edges(nodes).filter(|edge| is_broken[edge.a as usize]));
        rebuild::rebuild(nodes, &limits, pins, &broken, edges, &mut clustering);
    }
    clustering
}

/// The edges between nodes for which `wanted` holds, some of them more than once. It holds for all of a component, or none.
fn edges_within(nodes: &Nodes, rows: &Rows, wanted: &[bool]) -> Vec<Edge> {
    let mut edges = Vec::new();
    let mut values = Vec::new();
    let is_wanted = |node: u32| wanted[node as usize];
    rows.each(|source, first, row| {
        let node_of = |at: &Ref| nodes.node(*at);
        if !row.iter().find_map(node_of).is_some_and(is_wanted) {
            return;
        }
        let present = row.iter().zip(rows.identifiers(source)).filter_map(|(at, rank)| Some((node_of(at)?, *rank)));
        values.clear();
        values.extend(present);
        for (i, a) in values.iter().enumerate() {
            let others = values[i + 1..].iter().filter(|b| b.0 != a.0);
            edges.extend(others.map(|b| Edge { a: a.0, b: b.0, ranks: [a.1, b.1], first, source }));
        }
    });
    edges
}
