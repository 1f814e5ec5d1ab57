//! What people say of single values: that two are of one profile, or that they are not.

use hashbrown::HashMap;

use crate::cluster::Clustering;
use crate::nodes::Nodes;
use crate::union_find::UnionFind;
use crate::{IdentityError, PinKind, Rules, intern};

/// The pins whose values are on rows.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    pub(crate) always: Vec<[u32; 2]>,
    pub(crate) never: Vec<Never>,
    /// The others, as indices into [`Rules::pins`].
    pub(crate) unused: Vec<usize>,
}

/// Two nodes that are never of one cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Never {
    /// An index into [`Rules::pins`].
    pin: u32,
    nodes: [u32; 2],
}

impl Pins {
    /// # Errors
    /// When the pins contradict each other.
    pub(crate) fn find(rules: &Rules, nodes: &Nodes) -> Result<Self, IdentityError> {
        let mut pins = Self::default();
        for (i, pin) in rules.pins.iter().enumerate() {
            let [a, b] = &pin.values;
            let node = |(identifier, value): &(usize, String)| {
                intern::find(&nodes.shards, *identifier as u8, value).and_then(|at| nodes.node(at))
            };
            match (pin.kind, node(a).zip(node(b))) {
                (_, None) => pins.unused.push(i),
                (PinKind::Always, Some((a, b))) => pins.always.push([a, b]),
                (PinKind::Never, Some((a, b))) => pins.never.push(Never { pin: i as u32, nodes: [a, b] }),
            }
        }
        match pins.contradiction() {
            Some(never) => Err(IdentityError::ContradictoryPins { never }),
            None => Ok(pins),
        }
    }

    /// The first never-pin of nodes that always-pins alone put into one cluster.
    fn contradiction(&self) -> Option<usize> {
        // Pinned nodes are numbered anew, as they are few.
        let mut numbers = HashMap::new();
        let pinned = self.always.iter().chain(self.never.iter().map(|never| &never.nodes)).flatten();
        for node in pinned {
            let next = numbers.len() as u32;
            numbers.entry(*node).or_insert(next);
        }
        let mut sets = UnionFind::new(numbers.len());
        for [a, b] in &self.always {
            sets.unite(numbers[a], numbers[b]);
        }
        let contradicted = self.never.iter().find(|never| {
            let [a, b] = never.nodes.map(|node| sets.find(numbers[&node]));
            a == b
        });
        contradicted.map(|never| never.pin as usize)
    }

    /// The clusters that hold nodes which are pinned apart; some several times.
    pub(crate) fn broken(&self, clustering: &Clustering) -> impl Iterator<Item = u32> {
        self.never.iter().filter_map(|never| {
            let [a, b] = never.nodes.map(|node| clustering.labels[node as usize]);
            (a == b).then_some(a)
        })
    }
}

/// For sets of nodes, what they must be kept apart from.
#[derive(Debug, Default)]
pub(crate) struct Apart {
    /// For the node that stands for a set, each never-pin of one of its nodes, with the other. Every pin is with two sets.
    pins: HashMap<u32, Vec<(u32, u32)>>,
}

impl Apart {
    /// Each set is one node, which `number` gives; none for nodes that are of no concern.
    pub(crate) fn new(pins: &Pins, number: impl Fn(u32) -> Option<u32>) -> Self {
        let mut apart = Self::default();
        for Never { pin, nodes: [a, b] } in &pins.never {
            if let (Some(a), Some(b)) = (number(*a), number(*b)) {
                apart.pins.entry(a).or_default().push((*pin, b));
                apart.pins.entry(b).or_default().push((*pin, a));
            }
        }
        apart
    }

    /// The first pin that forbids making two sets one.
    pub(crate) fn forbids(&self, sets: &mut UnionFind, root_a: u32, root_b: u32) -> Option<u32> {
        let (of_a, of_b) = (self.pins.get(&root_a)?, self.pins.get(&root_b)?);
        let (few, root) = if of_a.len() < of_b.len() { (of_a, root_b) } else { (of_b, root_a) };
        few.iter().filter(|(_, other)| sets.find(*other) == root).map(|(pin, _)| *pin).min()
    }

    /// The set of `goes` is part of that of `stays` from now on.
    pub(crate) fn unite(&mut self, stays: u32, goes: u32) {
        let Some(mut few) = self.pins.remove(&goes) else { return };
        let pins = self.pins.entry(stays).or_default();
        if pins.len() < few.len() {
            std::mem::swap(pins, &mut few);
        }
        pins.append(&mut few);
    }
}
