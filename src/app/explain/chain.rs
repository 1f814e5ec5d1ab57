//! The way from one value to another.

use std::cmp::Reverse;

use petgraph::algo::{connected_components, dijkstra};
use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::visit::EdgeRef;

use super::graph::{Edge, EdgeKind, Graph};

/// What an edge costs that links nothing: more than any way along edges that do.
const BROKEN: u32 = 1 << 24;

impl Graph {
    /// The shortest way between two nodes, as edges; of equally short ones that over stronger identifiers, then over more rows.
    /// Edges that link nothing are taken only if `any`, and as few of them as possible.
    pub(crate) fn chain(&self, from: usize, to: usize, any: bool) -> Option<Vec<usize>> {
        let cost = |edge: &Edge| match edge.kind {
            EdgeKind::Accepted | EdgeKind::Pinned | EdgeKind::Matched => Some(1),
            EdgeKind::Refused | EdgeKind::Shared => any.then_some(BROKEN),
        };
        let mut graph: UnGraph<(), usize> = UnGraph::with_capacity(self.nodes.len(), self.edges.len());
        for _ in &self.nodes {
            graph.add_node(());
        }
        for (i, edge) in self.edges.iter().enumerate().filter(|(_, edge)| cost(edge).is_some()) {
            graph.add_edge(NodeIndex::new(edge.ends[0]), NodeIndex::new(edge.ends[1]), i);
        }
        let cost = |edge: usize| u64::from(cost(&self.edges[edge]).unwrap_or(BROKEN));
        let left = dijkstra(&graph, NodeIndex::new(to), None, |edge| cost(*edge.weight()));
        let mut at = NodeIndex::new(from);
        let mut path = vec![];
        while at.index() != to {
            let here = left.get(&at)?;
            let nearer =
                graph.edges(at).filter(|e| left.get(&e.target()).is_some_and(|d| d + cost(*e.weight()) == *here));
            let best = nearer.min_by_key(|e| {
                let node = &self.nodes[e.target().index()];
                (node.id.0, Reverse(self.edges[*e.weight()].rows()), e.target())
            })?;
            path.push(*best.weight());
            at = best.target();
        }
        Some(path)
    }

    /// The nodes along a way that begins at `from`.
    pub(crate) fn along(&self, from: usize, path: &[usize]) -> Vec<usize> {
        let step = |at: &mut usize, edge: &usize| {
            *at = self.edges[*edge].other(*at);
            Some(*at)
        };
        std::iter::once(from).chain(path.iter().scan(from, step)).collect()
    }

    /// How many parts a profile's values are in, as far as rows and pins that are there now connect them.
    pub(crate) fn islands(&self, profile: &str) -> usize {
        let mut graph: UnGraph<(), ()> = UnGraph::default();
        let nodes: Vec<Option<NodeIndex>> = self
            .nodes
            .iter()
            .map(|node| (node.profile.as_deref() == Some(profile)).then(|| graph.add_node(())))
            .collect();
        for edge in self.edges.iter().filter(|edge| edge.is_accepted()) {
            if let [Some(a), Some(b)] = edge.ends.map(|end| nodes[end]) {
                graph.add_edge(a, b, ());
            }
        }
        connected_components(&graph)
    }
}
