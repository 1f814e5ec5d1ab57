//! Pairs of values that are linked by likelihood, though no row has both.

use crate::intern::Ref;
use crate::nodes::Nodes;
use crate::rebuild::{Edge, MATCH};

/// All of them, in any order, some perhaps several times.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    pub(crate) list: Vec<Matched>,
}

/// One pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matched {
    ends: [Ref; 2],
    ranks: [u8; 2],
    /// The lighter, the larger.
    order: i64,
}

/// Weights that differ by less are one: a millionth of a bit.
const STEPS: f64 = 1e6;

impl Matched {
    /// The ends with their identifiers, and a weight in bits.
    pub(crate) fn new([a, b]: [(Ref, u8); 2], weight: f64) -> Self {
        // What is larger than the type holds becomes its largest value, and what is no number 0.
        Self { ends: [a.0, b.0], ranks: [a.1, b.1], order: -((weight * STEPS).round() as i64).max(-i64::MAX) }
    }
}

impl Matches {
    /// How much memory they hold.
    pub(crate) fn bytes(&self) -> usize {
        self.list.capacity() * size_of::<Matched>()
    }

    /// As edges, those left out of which an end is taken off every row.
    pub(crate) fn edges(&self, nodes: &Nodes) -> impl Iterator<Item = Edge> {
        self.list.iter().filter_map(|matched| {
            let (a, b) = (nodes.node(matched.ends[0])?, nodes.node(matched.ends[1])?);
            (a != b).then_some(Edge { a, b, ranks: matched.ranks, first: matched.order, source: MATCH })
        })
    }
}
