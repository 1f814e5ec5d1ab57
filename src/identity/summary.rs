//! What a graph looks like as a whole: counts, and the largest profiles.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::cluster::NO_CLUSTER;
use crate::{ProfileId, Resolution};

/// How many pairs of values of two identifiers the rows of a source hold, each combination of values taken once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EdgeCount {
    /// An index into [`Rules::sources`](crate::Rules::sources); of sources with one name, the first stands for all.
    pub source: usize,
    /// Indices into [`Rules::identifiers`](crate::Rules::identifiers), the stronger first.
    pub identifiers: [usize; 2],
    pub count: u64,
}

/// Counts over all profiles of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// For each of [`Rules::identifiers`](crate::Rules::identifiers), how many values have a profile.
    pub values: Vec<u64>,
    /// How many values profiles have, and how many profiles have so many; ascending.
    pub sizes: Vec<(u32, u64)>,
    /// The profiles with most values, and how many they have; of equals those with the smaller ids.
    pub largest: Vec<(ProfileId, u32)>,
    /// By source, then by identifiers. Values that are shared by many have no edges.
    pub edges: Vec<EdgeCount>,
    /// Pairs of values that were linked by likelihood, refused ones included.
    pub matches: u64,
}

impl Summary {
    /// How many profiles have more than `size` values.
    #[must_use]
    pub fn larger_than(&self, size: u32) -> u64 {
        self.sizes.iter().filter(|(of, _)| *of > size).map(|(_, count)| count).sum()
    }
}

impl Resolution {
    /// Counts over all profiles, with the `largest` profiles by name. One pass over all values.
    #[must_use]
    pub fn summary(&self, largest: usize) -> Summary {
        let mut values = vec![0_u64; self.rules.identifiers.len()];
        let mut sizes = vec![0_u32; self.assignment.ids.len()];
        self.nodes.each(|node, shard, number| {
            let label = self.clustering.labels[node as usize];
            if label != NO_CLUSTER {
                values[usize::from(shard.names().identifier(number))] += 1;
                sizes[label as usize] += 1;
            }
        });
        let mut heap = BinaryHeap::with_capacity(largest + 1);
        for (size, id) in sizes.iter().zip(&self.assignment.ids) {
            let entry = Reverse((*size, Reverse(*id)));
            if heap.len() < largest {
                heap.push(entry);
            } else if let Some(mut smallest) = heap.peek_mut()
                && entry < *smallest
            {
                *smallest = entry;
            }
        }
        let largest = heap.into_sorted_vec().into_iter().map(|Reverse((size, Reverse(id)))| (id, size)).collect();
        sizes.sort_unstable();
        let sizes = sizes.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect();
        Summary { values, sizes, largest, edges: self.edges.clone(), matches: self.matches }
    }
}
