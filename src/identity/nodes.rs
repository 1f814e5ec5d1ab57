//! The values of an entity as nodes of a graph: dense integers from 0.

use std::cmp::Ordering;

use fixedbitset::FixedBitSet;

use crate::ProfileId;
use crate::evidence::{Seen, UNKNOWN_FIRST, UNKNOWN_LAST};
use crate::intern::{Ref, SHARDS, Shard};

/// Every distinct value, numbered shard by shard. The numbers depend on how rows arrived: no result may depend on them.
#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) shards: Vec<Shard<Seen>>,
    /// The number of each shard's first node, then the number of nodes.
    starts: Vec<u32>,
    /// The nodes that rows are taken to be without.
    aside: FixedBitSet,
}

impl Nodes {
    pub(crate) fn new(shards: Vec<Shard<Seen>>) -> Self {
        let mut starts = Vec::with_capacity(SHARDS + 1);
        let mut next = 0;
        for shard in &shards {
            starts.push(next);
            next += shard.names().len() as u32;
        }
        starts.push(next);
        Self { shards, starts, aside: FixedBitSet::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.starts[SHARDS] as usize
    }

    /// As [`Nodes::node`], but also of what is set aside.
    #[inline]
    pub(crate) fn number(&self, at: Ref) -> Option<u32> {
        (at != Ref::NONE).then(|| self.starts[at.shard()] + at.number())
    }

    /// The node of a value that the interner keeps at `at`; none for [`Ref::NONE`], and for what is set aside.
    #[inline]
    pub(crate) fn node(&self, at: Ref) -> Option<u32> {
        let node = self.number(at)?;
        (!self.aside.contains(node as usize)).then_some(node)
    }

    /// Takes nodes off every row.
    pub(crate) fn set_aside(&mut self, aside: FixedBitSet) {
        self.aside = aside;
    }

    /// Calls `each` with every node, the shard it is kept in, and its number there.
    pub(crate) fn each(&self, mut each: impl FnMut(u32, &Shard<Seen>, usize)) {
        for (shard, start) in self.shards.iter().zip(&self.starts) {
            for number in 0..shard.names().len() {
                each(start + number as u32, shard, number);
            }
        }
    }

    /// Calls `each` with every node that had a profile in the last run, and the profile.
    pub(crate) fn each_known(&self, mut each: impl FnMut(u32, ProfileId)) {
        for (shard, start) in self.shards.iter().zip(&self.starts) {
            let known = (*start..).zip(&shard.attributes.previous);
            known
                .filter_map(|(node, profile)| Some((node, (*profile)?)))
                .for_each(|(node, profile)| each(node, profile));
        }
    }

    pub(crate) fn start(&self, shard: usize) -> u32 {
        self.starts[shard]
    }

    fn place(&self, node: u32) -> (&Shard<Seen>, usize) {
        let shard = self.starts.partition_point(|start| *start <= node) - 1;
        (&self.shards[shard], (node - self.starts[shard]) as usize)
    }

    pub(crate) fn identifier(&self, node: u32) -> u8 {
        let (shard, number) = self.place(node);
        shard.names().identifier(number)
    }

    /// When the node's value was first seen, in microseconds, or [`UNKNOWN_FIRST`].
    pub(crate) fn first(&self, node: u32) -> i64 {
        let (shard, number) = self.place(node);
        shard.attributes.values[number].first
    }

    /// Whether a source, by the number under which it counts, has the node's value.
    pub(crate) fn is_seen_in(&self, node: u32, source: u16) -> bool {
        let (shard, number) = self.place(node);
        shard.attributes.has_source(number, source)
    }

    pub(crate) fn value(&self, node: u32) -> &str {
        let (shard, number) = self.place(node);
        shard.names().value(number)
    }

    /// Which of two nodes is the older: the one seen first; of those seen at once, or nobody knows when, the stronger
    /// identifier; of those the smaller value.
    pub(crate) fn by_age(&self, a: u32, b: u32) -> Ordering {
        let ((shard_a, a), (shard_b, b)) = (self.place(a), self.place(b));
        let key = |shard: &Shard<Seen>, number: usize| {
            (shard.attributes.values[number].first, shard.names().identifier(number))
        };
        key(shard_a, a).cmp(&key(shard_b, b)).then_with(|| shard_a.names().value(a).cmp(shard_b.names().value(b)))
    }
}

/// An instant as callers see it.
pub(crate) fn known_first(micros: i64) -> Option<i64> {
    (micros != UNKNOWN_FIRST).then_some(micros)
}

/// As [`known_first`], for the last time a value was seen.
pub(crate) fn known_last(micros: i64) -> Option<i64> {
    (micros != UNKNOWN_LAST).then_some(micros)
}
