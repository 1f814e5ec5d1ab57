//! Disjoint sets over dense integers: union by size, path halving (Tarjan and van Leeuwen, 1984).
//!
//! For one thread that keeps more of each set than its integers, and moves what the smaller one has. Where only the sets matter,
//! there is [`Components`](crate::Components).

/// Sets of the integers below some number; at first each integer is its own set.
#[derive(Debug)]
pub(crate) struct UnionFind {
    parent: Vec<u32>,
    size: Vec<u32>,
}

impl UnionFind {
    pub(crate) fn new(len: usize) -> Self {
        Self { parent: (0..len as u32).collect(), size: vec![1; len] }
    }

    /// The one integer that stands for the set of `node`.
    #[inline]
    pub(crate) fn find(&mut self, mut node: u32) -> u32 {
        loop {
            let parent = self.parent[node as usize];
            if parent == node {
                return node;
            }
            let grandparent = self.parent[parent as usize];
            self.parent[node as usize] = grandparent;
            node = grandparent;
        }
    }

    /// Makes two sets one: what stood for `root_a` or `root_b` alone stands for both; gives the one that stays.
    pub(crate) fn unite_roots(&mut self, root_a: u32, root_b: u32) -> u32 {
        if root_a == root_b {
            return root_a;
        }
        let (small, large) =
            if self.size[root_a as usize] < self.size[root_b as usize] { (root_a, root_b) } else { (root_b, root_a) };
        self.parent[small as usize] = large;
        self.size[large as usize] += self.size[small as usize];
        large
    }

    #[inline]
    pub(crate) fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.unite_roots(a, b);
    }

    /// The number of each integer's set, and how many sets there are. Sets are numbered by their first integer.
    pub(crate) fn into_labels(mut self) -> (Vec<u32>, usize) {
        // The sizes are no longer needed: their place takes the number of each root's set.
        let mut labels = std::mem::take(&mut self.size);
        labels.fill(u32::MAX);
        let mut sets = 0;
        for node in 0..labels.len() as u32 {
            let root = self.find(node) as usize;
            if labels[root] == u32::MAX {
                labels[root] = sets;
                sets += 1;
            }
            self.parent[node as usize] = root as u32;
        }
        for root in &mut self.parent {
            *root = labels[*root as usize];
        }
        (self.parent, sets as usize)
    }
}
