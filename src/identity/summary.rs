//! What a graph looks like as a whole: counts, and the largest profiles.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::cluster::NO_CLUSTER;
use crate::{ProfileId, Resolution, Taken};

/// How many edges the rows of a source tell of between values of two identifiers; one that several rows tell of counts once.
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
    /// Of a whole of which a part took the place of what was `taken`; this is the summary of what was. `part`: of the part's result, with as
    /// many largest profiles. None if that is not enough to tell at least `told` of the largest profiles.
    #[must_use]
    pub fn with_part(mut self, taken: &Taken, part: &Resolution, summary: &Self, told: usize) -> Option<Self> {
        for ((all, before), now) in self.values.iter_mut().zip(&taken.values).zip(&summary.values) {
            *all = (*all + now).checked_sub(*before)?;
        }
        let mut sizes: BTreeMap<u32, u64> = self.sizes.iter().copied().collect();
        for (_, size) in &taken.sizes {
            let count = sizes.get_mut(size)?;
            *count = count.checked_sub(1)?;
        }
        for (size, count) in &summary.sizes {
            *sizes.entry(*size).or_default() += count;
        }
        let last = self.last_known().into_iter().chain(summary.last_known()).min();
        let most = self.largest.len().max(summary.largest.len()).max(told);
        self.largest.retain(|(id, _)| !taken.has(*id));
        self.largest.extend(&summary.largest);
        self.largest.sort_unstable_by_key(|(id, size)| (Reverse(*size), *id));
        self.largest.retain(|(id, size)| last.is_none_or(|last| (Reverse(*size), *id) <= last));
        self.largest.truncate(most);
        self.sizes = sizes.into_iter().filter(|(_, count)| *count > 0).collect();
        let profiles = self.profiles();
        let edges = |edges: &[EdgeCount]| {
            edges.iter().map(|e| ((e.source, e.identifiers), e.count)).collect::<BTreeMap<_, _>>()
        };
        let mut all = edges(&self.edges);
        for (of, count) in edges(&summary.edges) {
            *all.entry(of).or_default() += count;
        }
        for (of, count) in edges(&part.known_edges) {
            let all = all.get_mut(&of)?;
            *all = all.checked_sub(count)?;
        }
        self.matches = (self.matches + summary.matches).checked_sub(taken.matches)?;
        let count = |((source, identifiers), count)| EdgeCount { source, identifiers, count };
        self.edges = all.into_iter().filter(|(_, count)| *count > 0).map(count).collect();
        (self.largest.len() >= told.min(usize::try_from(profiles).unwrap_or(told))).then_some(self)
    }

    /// The last one of the largest profiles, by what they are ordered by; none if no others are there, of which nothing were known.
    fn last_known(&self) -> Option<(Reverse<u32>, ProfileId)> {
        let is_all = self.profiles() == self.largest.len() as u64;
        self.largest.last().filter(|_| !is_all).map(|(id, size)| (Reverse(*size), *id))
    }

    /// How many values have a profile.
    #[must_use]
    pub fn value_count(&self) -> u64 {
        self.values.iter().sum()
    }

    /// How many profiles there are.
    #[must_use]
    pub fn profiles(&self) -> u64 {
        self.sizes.iter().map(|(_, count)| count).sum()
    }

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
