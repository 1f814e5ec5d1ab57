//! Which values belong together.

use crate::graph::Rows;
use crate::intern::Ref;
use crate::limits::{self, Edge, Refused};
use crate::nodes::Nodes;
use crate::rules::Rules;
use crate::union_find::UnionFind;

/// The cluster of every node, and the edges that had to be refused for it.
#[derive(Debug)]
pub(crate) struct Clustering {
    /// For each node the number of its cluster, below `clusters`.
    pub(crate) labels: Vec<u32>,
    pub(crate) clusters: usize,
    /// In the order in which edges are considered.
    pub(crate) refused: Vec<Refused>,
}

/// Connects nodes along edges, as far as the limits allow.
///
/// All edges are taken at first. Components that keep every limit are done: no order of edges could have refused one. Only
/// those that break one are taken apart and built up again, edge by edge in the fixed order.
pub(crate) fn cluster(nodes: &Nodes, rows: &Rows, rules: &Rules) -> Clustering {
    let mut sets = UnionFind::new(nodes.len());
    rows.each(|_, _, row| {
        let mut values = row.iter().filter_map(|at| nodes.node(*at));
        if let Some(first) = values.next() {
            values.for_each(|other| sets.unite(first, other));
        }
    });
    let (labels, clusters) = sets.into_labels();
    let mut clustering = Clustering { labels, clusters, refused: Vec::new() };
    let limits = limits::of(rules);
    let broken = limits::broken(nodes, &clustering, &limits);
    if broken.contains(&true) {
        // One flag a node, as looking it up by way of the cluster costs more than the rest.
        let is_broken: Vec<bool> = clustering.labels.iter().map(|label| broken[*label as usize]).collect();
        let edges = edges_within(nodes, rows, &is_broken);
        limits::rebuild(nodes, &limits, &broken, edges, &mut clustering);
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
