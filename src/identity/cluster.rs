//! Which values belong together.

use fixedbitset::FixedBitSet;
use rayon::prelude::*;

use crate::components::Components;
use crate::intern::Ref;
use crate::linkage::Tables;
use crate::matches::Matches;
use crate::nodes::Nodes;
use crate::pins::Pins;
use crate::ranked::Ranked;
use crate::rebuild::{self, Edge, Forbids, Refused};
use crate::rows::{Block, Rows};
use crate::rules::Rules;
use crate::{limits, linkage};

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
    pub(crate) fn leave_out(&mut self, nodes: &[u32]) {
        if nodes.is_empty() {
            return;
        }
        let mut numbers = vec![0; self.clusters];
        for node in nodes {
            numbers[self.labels[*node as usize] as usize] = NO_CLUSTER;
        }
        let mut clusters = 0;
        for number in numbers.iter_mut().filter(|number| **number != NO_CLUSTER) {
            *number = clusters;
            clusters += 1;
        }
        self.clusters = clusters as usize;
        self.labels.iter_mut().for_each(|label| *label = numbers[*label as usize]);
    }
}

/// What links values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linked<'a> {
    pub(crate) nodes: &'a Nodes,
    pub(crate) rows: &'a Rows,
    pub(crate) matches: &'a Matches,
    /// For each source the number under which it counts.
    pub(crate) same_as: &'a [u16],
}

/// Connects nodes along pins, edges and matches, as far as limits and pins allow, and what is said of matches.
///
/// All are taken at first. Components that break no limit, hold no two nodes that are pinned apart, and hang together by no
/// more than one match, are done: no order of edges could have refused one. Only the others are taken apart and built up again,
/// edge by edge in the fixed order.
pub(crate) fn cluster(linked: Linked<'_>, rules: &Rules, pins: &Pins) -> Clustering {
    let Linked { nodes, rows, matches, same_as } = linked;
    let components = Components::new(nodes.len() as u32);
    unite_rows(&components, nodes, rows);
    for [a, b] in &pins.always {
        components.unite(*a, *b);
    }
    let is_plain = linkage::is_plain(&rules.matching);
    // A node of each component that a match made one, once for each that did.
    let mut joined = vec![];
    for edge in matches.edges(nodes) {
        if components.unite(edge.a, edge.b) && !is_plain {
            joined.push(edge.a);
        }
    }
    let (labels, clusters) = components.into_labels();
    let mut clustering = Clustering { labels, clusters, refused: Vec::new() };
    let limits = limits::of(rules);
    let mut broken = limits::broken(nodes, &clustering, &limits);
    let tables = Tables::new(nodes, rules, same_as);
    let doubtful = linkage::doubtful(&joined, &clustering, &tables);
    for label in pins.broken(&clustering).chain(doubtful) {
        broken.resize(clustering.clusters, false);
        broken[label as usize] = true;
    }
    if broken.contains(&true) {
        // One bit a node, as looking it up by way of the cluster costs more than the rest.
        let mut of_broken = FixedBitSet::with_capacity(nodes.len());
        of_broken
            .extend((0..).zip(&clustering.labels).filter(|(_, label)| broken[**label as usize]).map(|(node, _)| node));
        let of_broken = Ranked::new(of_broken);
        let mut edges = edges_within(nodes, rows, &of_broken);
        edges.extend(matches.edges(nodes).filter(|edge| of_broken.contains(edge.a)));
        let forbids = Forbids { limits: &limits, pins, matching: &rules.matching, tables: &tables };
        rebuild::rebuild((nodes, matches), forbids, &of_broken, edges, &mut clustering);
    }
    clustering
}

/// Connects what is on one row.
fn unite_rows(components: &Components, nodes: &Nodes, rows: &Rows) {
    /// Stands for a value that is missing, or set aside.
    const NOTHING: u32 = u32::MAX;
    rows.blocks().for_each_init(Vec::new, |found, block| {
        found.clear();
        found.extend(block.refs().iter().map(|at| nodes.node(*at).unwrap_or(NOTHING)));
        let is_there = |node: &&u32| **node != NOTHING;
        components.fetch(found.iter().filter(is_there).copied());
        for row in found.chunks_exact(block.identifiers.len()) {
            let mut values = row.iter().filter(is_there);
            if let Some(first) = values.next() {
                values.for_each(|other| _ = components.unite(*first, *other));
            }
        }
    });
}

/// The edges between nodes that are `wanted`, some of them more than once. All of a component is, or nothing.
fn edges_within(nodes: &Nodes, rows: &Rows, wanted: &Ranked) -> Vec<Edge> {
    let edges_of = |block: Block<'_>| {
        let (mut edges, mut values) = (Vec::new(), Vec::new());
        for (row, first) in block.rows().zip(block.first()) {
            let node_of = |at: &Ref| nodes.node(*at);
            if !row.iter().find_map(node_of).is_some_and(|node| wanted.contains(node)) {
                continue;
            }
            let present = row.iter().zip(block.identifiers).filter_map(|(at, rank)| Some((node_of(at)?, *rank)));
            values.clear();
            values.extend(present);
            for (i, a) in values.iter().enumerate() {
                let others = values[i + 1..].iter().filter(|b| b.0 != a.0);
                let edge =
                    |b: &(u32, u8)| Edge { a: a.0, b: b.0, ranks: [a.1, b.1], first: *first, source: block.source };
                edges.extend(others.map(edge));
            }
        }
        edges
    };
    rows.blocks().flat_map_iter(edges_of).collect()
}
