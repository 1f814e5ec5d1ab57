//! What holds a profile together: which of its edges are weak, and what would fall apart without them.
//!
//! An edge stands on rows, and a row may stand for several edges at once: three values on one row are three edges, none of which
//! is missed while the others are there, and yet the row alone holds them. So an edge is tried by taking away every row that has
//! both of its ends, with all that these rows say.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use petgraph::algo::articulation_points::articulation_points;
use petgraph::graph::{NodeIndex, UnGraph};

use super::graph::{EdgeKind, Graph};

/// Of the edges that several combinations of values stand for, so many are tried for whether a profile falls apart without them.
const MAX_TRIED: usize = 1_000;

/// So many of a part's values are told.
const PART_VALUES: usize = 20;

/// Values that remain connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub size: usize,
    /// The first of them, ascending.
    pub strongest: Vec<usize>,
}

impl Graph {
    /// Whether the profile falls apart without the rows that have both ends of an edge, for each edge.
    pub(crate) fn bridges(&self) -> Vec<bool> {
        // A group whose loss takes values apart is a point at which values and groups, as the nodes of one graph, fall apart.
        let mut graph: UnGraph<(), ()> = UnGraph::default();
        let nodes: Vec<NodeIndex> = (0..self.nodes.len() + self.groups.len()).map(|_| graph.add_node(())).collect();
        for (group, values) in self.groups.iter().enumerate() {
            for value in values {
                graph.add_edge(nodes[self.nodes.len() + group], nodes[*value], ());
            }
        }
        let points: HashSet<usize> = articulation_points(&graph).into_iter().map(NodeIndex::index).collect();
        let mut bridges: Vec<bool> = self
            .edges
            .iter()
            .map(|edge| {
                edge.is_accepted() && matches!(edge.groups[..], [group] if points.contains(&(self.nodes.len() + group)))
            })
            .collect();
        let mut several: Vec<usize> = (0..self.edges.len()).filter(|i| self.edges[*i].groups.len() > 1).collect();
        several.sort_by_cached_key(|i| self.weakness(*i));
        for edge in several.into_iter().take(MAX_TRIED) {
            bridges[edge] = self.edges[edge].is_accepted() && self.falls_apart(edge);
        }
        bridges
    }

    /// What remains connected of an edge's profile without the rows that have both its ends: the smallest part first. One part is
    /// the whole.
    pub(crate) fn parts(&self, edge: usize) -> Vec<Part> {
        let mut reached = vec![false; self.nodes.len()];
        let parts = self.starts(edge).into_iter().filter_map(|start| {
            let mut values = self.reach(start, &self.edges[edge].groups, &mut reached);
            let size = values.len();
            if size > PART_VALUES {
                values.select_nth_unstable(PART_VALUES);
                values.truncate(PART_VALUES);
            }
            values.sort_unstable();
            (size > 0).then_some(Part { size, strongest: values })
        });
        let mut parts: Vec<Part> = parts.collect();
        parts.sort_by(|x, y| x.size.cmp(&y.size).then_with(|| y.strongest.cmp(&x.strongest)));
        parts
    }

    fn falls_apart(&self, edge: usize) -> bool {
        let starts = self.starts(edge);
        let mut reached = vec![false; self.nodes.len()];
        if let Some(start) = starts.first() {
            self.reach(*start, &self.edges[edge].groups, &mut reached);
        }
        starts.iter().any(|start| !reached[*start])
    }

    /// The values that an edge's groups hold together, ascending.
    fn starts(&self, edge: usize) -> Vec<usize> {
        let values: BTreeSet<usize> =
            self.edges[edge].groups.iter().flat_map(|group| &self.groups[*group]).copied().collect();
        values.into_iter().collect()
    }

    /// All values that groups other than `without` connect with `start`, unless they have been reached before.
    fn reach(&self, start: usize, without: &[usize], reached: &mut [bool]) -> Vec<usize> {
        if std::mem::replace(&mut reached[start], true) {
            return vec![];
        }
        let mut part = vec![start];
        let mut next = 0;
        while let Some(node) = part.get(next).copied() {
            next += 1;
            for group in self.groups_of[node].iter().filter(|group| without.binary_search(group).is_err()) {
                for value in &self.groups[*group] {
                    if !std::mem::replace(&mut reached[*value], true) {
                        part.push(*value);
                    }
                }
            }
        }
        part
    }

    /// What sorts edges by how little they hold: few rows, few sources, old evidence, weak identifiers. A pin is as strong as can be.
    pub(crate) fn weakness(&self, edge: usize) -> impl Ord + use<> {
        let edge = &self.edges[edge];
        let rows = if edge.kind == EdgeKind::Pinned { u64::MAX } else { edge.rows() };
        let sources: BTreeSet<&String> = edge.evidence.iter().map(|(source, _)| source).collect();
        let last = edge.evidence.iter().filter_map(|(_, e)| e.last).max();
        let [a, b] = edge.ends;
        let ranks = [b, a].map(|node| Reverse(self.nodes[node].id.0));
        (rows, sources.len(), last, ranks, edge.ends)
    }
}
