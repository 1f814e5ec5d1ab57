//! Pairs of values that are linked by likelihood, though no row has both.

use crate::intern::Ref;
use crate::nodes::Nodes;
use crate::rebuild::{Edge, MATCH};

/// All of them, in any order, some perhaps several times.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    pub(crate) list: Vec<Matched>,
    /// Those that are lighter, in steps, are no edges.
    least: i64,
}

/// One pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matched {
    ends: [Ref; 2],
    ranks: [u8; 2],
    steps: i64,
}

/// A pair whose ends are both on rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) nodes: [u32; 2],
    /// In bits.
    pub(crate) weight: f64,
    /// Whether it is an edge.
    pub(crate) is_accepted: bool,
}

/// Weights that differ by less are one: a millionth of a bit.
const STEPS: f64 = 1e6;

/// What is larger than the type holds becomes its largest value, and what is no number 0.
fn steps(weight: f64) -> i64 {
    ((weight * STEPS).round() as i64).max(-i64::MAX)
}

impl Matched {
    /// The ends with their identifiers, and a weight in bits.
    pub(crate) fn new([a, b]: [(Ref, u8); 2], weight: f64) -> Self {
        Self { ends: [a.0, b.0], ranks: [a.1, b.1], steps: steps(weight) }
    }

    /// Null if an end is taken off every row, or both are one.
    fn nodes(&self, nodes: &Nodes) -> Option<[u32; 2]> {
        let (a, b) = (nodes.node(self.ends[0])?, nodes.node(self.ends[1])?);
        (a != b).then_some([a, b])
    }
}

impl Matches {
    /// Pairs lighter than `accept`, in bits, are no edges.
    pub(crate) fn new(accept: f64) -> Self {
        Self { list: vec![], least: steps(accept) }
    }

    /// How much memory they hold.
    pub(crate) fn bytes(&self) -> usize {
        self.list.capacity() * size_of::<Matched>()
    }

    /// Whether a pair of such a weight is an edge.
    pub(crate) fn accepts(&self, weight: f64) -> bool {
        steps(weight) >= self.least
    }

    /// Those that are edges, the heavier first in their order.
    pub(crate) fn edges(&self, nodes: &Nodes) -> impl Iterator<Item = Edge> {
        self.list.iter().filter(|matched| matched.steps >= self.least).filter_map(|matched| {
            let [a, b] = matched.nodes(nodes)?;
            Some(Edge { a, b, ranks: matched.ranks, first: -matched.steps, source: MATCH })
        })
    }

    /// All of them.
    #[expect(clippy::cast_precision_loss, reason = "weights are a few dozen bits")]
    pub(crate) fn pairs(&self, nodes: &Nodes) -> impl Iterator<Item = Pair> {
        self.list.iter().filter_map(|matched| {
            let weight = matched.steps as f64 / STEPS;
            Some(Pair { nodes: matched.nodes(nodes)?, weight, is_accepted: matched.steps >= self.least })
        })
    }
}
