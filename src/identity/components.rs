//! Connected components of dense integers, found by many threads at once.
//!
//! Disjoint sets without locks (Jayanti and Tarjan: A randomized concurrent algorithm for disjoint set union, PODC 2016): a root is
//! linked below a smaller one by compare-and-swap, paths are halved on the way. Linking by index is as good as linking by size where
//! indices are as good as random (Goel, Khanna, Larkin and Tarjan: Disjoint set union with randomized linking, SODA 2014). The kernel's
//! are, as they follow the hashes of values. Which sets come out does not depend on the order of edges, nor on threads.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Sets of the integers below some number; at first each integer is its own set.
///
/// No order of memory is asked for: each integer tells of itself alone, and results are read once all threads have come together.
#[derive(Debug)]
pub struct Components {
    /// Never larger than the integer itself, which is the smallest of its set if they are equal.
    parent: Vec<AtomicU32>,
}

impl Components {
    #[must_use]
    pub fn new(len: u32) -> Self {
        Self { parent: (0..len).map(AtomicU32::new).collect() }
    }

    /// Makes the sets of two integers one. Tells whether they were two.
    ///
    /// # Panics
    /// When there is no such integer.
    #[inline]
    pub fn unite(&self, a: u32, b: u32) -> bool {
        let (mut a, mut b) = (a, b);
        loop {
            (a, b) = (self.find(a), self.find(b));
            if a == b {
                return false;
            }
            let (small, large) = (a.min(b), a.max(b));
            // Where another thread was quicker, `large` is no root any more.
            if self.parent[large as usize].compare_exchange(large, small, Relaxed, Relaxed).is_ok() {
                return true;
            }
        }
    }

    /// What stands for the set of `node`, until another thread links it.
    #[inline]
    fn find(&self, mut node: u32) -> u32 {
        loop {
            let parent = self.parent[node as usize].load(Relaxed);
            let grandparent = self.parent[parent as usize].load(Relaxed);
            if parent == grandparent {
                return parent;
            }
            // Should another thread have put a nearer one there, it only takes a step more.
            self.parent[node as usize].store(grandparent, Relaxed);
            node = grandparent;
        }
    }

    /// Brings what is known of some integers into the cache. They lie all over memory: to wait for many at a time costs a fraction of
    /// waiting for one after the other, as [`Components::unite`] does.
    pub fn fetch(&self, nodes: impl Iterator<Item = u32>) {
        let parent = |node: u32| self.parent[node as usize].load(Relaxed);
        black_box(nodes.fold(0, |all, node| all ^ parent(parent(node))));
    }

    /// The number of each integer's set, and how many sets there are. Sets are numbered by their smallest integer.
    #[must_use]
    pub fn into_labels(self) -> (Vec<u32>, usize) {
        let mut labels: Vec<u32> = self.parent.into_iter().map(AtomicU32::into_inner).collect();
        let mut sets = 0;
        for node in 0..labels.len() {
            // What it points to is smaller, and has its number already.
            let parent = labels[node] as usize;
            labels[node] = if parent == node {
                sets += 1;
                sets - 1
            } else {
                labels[parent]
            };
        }
        (labels, sets as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rayon::prelude::*;

    use super::*;
    use crate::union_find::UnionFind;

    /// Many threads at the same few sets: a path, which makes trees deep, and a star, which all of them hang their nodes on.
    #[test]
    fn threads_that_meet_lose_nothing() {
        const LEN: u32 = 100_000;
        let path = (1..LEN).map(|node| (node, node - 1));
        let star = (0..LEN).map(|node| (LEN + node, LEN + LEN / 2));
        let mut edges: Vec<(u32, u32)> = path.chain(star).collect();
        // The same each time, and in no order.
        edges.sort_by_key(|(a, b)| xxhash_rust::xxh3::xxh3_64(&(u64::from(*a) << 32 | u64::from(*b)).to_le_bytes()));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build().unwrap();
        let components = Components::new(2 * LEN);
        let united = pool.install(|| edges.par_iter().filter(|(a, b)| components.unite(*a, *b)).count());
        let (labels, sets) = components.into_labels();
        assert_eq!((united, sets), (2 * LEN as usize - 2, 2));
        assert!((0..).zip(labels).all(|(node, label)| label == u32::from(node >= LEN)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn sets_are_those_that_one_thread_finds(
            edges in (0..60_u32).prop_flat_map(|len| {
                let most = if len == 0 { 0 } else { 90 };
                (Just(len), prop::collection::vec((0..len.max(1), 0..len.max(1)), 0..=most))
            }),
        ) {
            let (len, edges) = edges;
            let mut one = UnionFind::new(len as usize);
            for (a, b) in &edges {
                one.unite(*a, *b);
            }
            let components = Components::new(len);
            components.fetch(edges.iter().map(|(a, _)| *a));
            let united = edges.par_iter().with_max_len(1).filter(|(a, b)| components.unite(*a, *b)).count();
            let (labels, sets) = components.into_labels();
            prop_assert_eq!(united, len as usize - sets);
            prop_assert_eq!((labels, sets), one.into_labels());
        }
    }
}
