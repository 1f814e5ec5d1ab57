//! Clusters within limits: how many values of an identifier one profile may have.

use hashbrown::HashSet;

use crate::cluster::Clustering;
use crate::nodes::Nodes;
use crate::rules::Rules;
use crate::union_find::UnionFind;

/// Two values on one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) a: u32,
    pub(crate) b: u32,
    /// Microseconds, or [`crate::evidence::UNKNOWN_FIRST`].
    pub(crate) first: i64,
    /// An index into [`Rules::sources`].
    pub(crate) source: u16,
    /// The identifiers of `a` and `b`.
    pub(crate) ranks: [u8; 2],
}

/// An edge whose acceptance would have given a profile more values of `identifier` than it may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    /// `a` is the stronger of the two or, where both are of one identifier, the smaller.
    pub(crate) edge: Edge,
    pub(crate) identifier: u8,
}

/// An identifier that has a limit, and the limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) identifier: u8,
    pub(crate) count: u32,
}

/// The limits of the rules, the strongest identifier's first.
pub(crate) fn of(rules: &Rules) -> Vec<Limit> {
    let limits = rules.identifiers.iter().enumerate();
    limits.filter_map(|(i, rule)| rule.limit.map(|count| Limit { identifier: i as u8, count: count.max(1) })).collect()
}

/// For each cluster, whether it breaks a limit. Empty if there are no limits.
pub(crate) fn broken(nodes: &Nodes, clustering: &Clustering, limits: &[Limit]) -> Vec<bool> {
    if limits.is_empty() {
        return Vec::new();
    }
    let place = places(limits);
    let mut counts = vec![0_u32; clustering.clusters * limits.len()];
    let mut broken = vec![false; clustering.clusters];
    let mut labels = clustering.labels.iter();
    for shard in &nodes.shards {
        for (identifier, label) in shard.names().identifiers().iter().zip(labels.by_ref()) {
            let Some(limit) = place[usize::from(*identifier)] else { continue };
            let count = &mut counts[*label as usize * limits.len() + limit];
            *count += 1;
            broken[*label as usize] |= *count > limits[limit].count;
        }
    }
    broken
}

/// For each identifier, the index of its limit.
fn places(limits: &[Limit]) -> [Option<usize>; 256] {
    let mut places = [None; 256];
    for (i, limit) in limits.iter().enumerate() {
        places[usize::from(limit.identifier)] = Some(i);
    }
    places
}

/// Takes the broken clusters apart and joins their nodes again along `edges`, in the fixed order, refusing what breaks a
/// limit. `edges` are all edges of those clusters; one may occur several times.
pub(crate) fn rebuild(
    nodes: &Nodes,
    limits: &[Limit],
    broken: &[bool],
    mut edges: Vec<Edge>,
    clustering: &mut Clustering,
) {
    // Nodes of broken clusters are numbered anew, so that what follows is as large as they are and no larger.
    let is_member = |label: &u32| broken[*label as usize];
    let members: Vec<u32> =
        (0_u32..).zip(&clustering.labels).filter(|(_, label)| is_member(label)).map(|(node, _)| node).collect();
    let mut local = vec![0_u32; nodes.len()];
    for (number, node) in (0..).zip(&members) {
        local[*node as usize] = number;
    }
    sort(nodes, &mut edges);
    let mut within = Within::new(nodes, limits, &members);
    let mut refused_before = HashSet::new();
    for edge in edges {
        let (a, b) = (local[edge.a as usize], local[edge.b as usize]);
        if let Some(identifier) = within.join(a, b)
            && refused_before.insert((edge.a, edge.b))
        {
            clustering.refused.push(Refused { edge, identifier });
        }
    }
    drop(local);
    relabel(&members, within.sets, clustering);
}

/// Sets of nodes that keep the limits.
struct Within<'a> {
    limits: &'a [Limit],
    sets: UnionFind,
    /// For the node that stands for a set, how many values of each limited identifier the set has.
    counts: Vec<u32>,
}

impl<'a> Within<'a> {
    fn new(nodes: &Nodes, limits: &'a [Limit], members: &[u32]) -> Self {
        let place = places(limits);
        let mut counts = vec![0; members.len() * limits.len()];
        for (number, node) in members.iter().enumerate() {
            if let Some(limit) = place[usize::from(nodes.identifier(*node))] {
                counts[number * limits.len() + limit] = 1;
            }
        }
        Self { limits, sets: UnionFind::new(members.len()), counts }
    }

    /// Makes the sets of two nodes one, or tells the identifier whose limit forbids it.
    fn join(&mut self, a: u32, b: u32) -> Option<u8> {
        let (a, b) = (self.sets.find(a), self.sets.find(b));
        if a == b {
            return None;
        }
        let width = self.limits.len();
        let counts_of = |root: u32| root as usize * width..(root as usize + 1) * width;
        let sums = self.counts[counts_of(a)].iter().zip(&self.counts[counts_of(b)]).map(|(a, b)| a + b);
        if let Some((_, limit)) = sums.zip(self.limits).find(|(sum, limit)| *sum > limit.count) {
            return Some(limit.identifier);
        }
        let (stays, goes) = if self.sets.unite_roots(a, b) == a { (a, b) } else { (b, a) };
        for limit in 0..width {
            self.counts[stays as usize * width + limit] += self.counts[goes as usize * width + limit];
        }
        None
    }
}

/// Brings edges into the order in which they are considered: the stronger ends first, then the earlier, then by value; of
/// one edge seen several times the earliest, then the one of the first source.
fn sort(nodes: &Nodes, edges: &mut [Edge]) {
    for edge in &mut *edges {
        let [a, b] = edge.ranks;
        if a > b || (a == b && nodes.value(edge.a) > nodes.value(edge.b)) {
            std::mem::swap(&mut edge.a, &mut edge.b);
            edge.ranks = [b, a];
        }
    }
    let key = |edge: &Edge| (edge.ranks, edge.first);
    edges.sort_unstable_by_key(key);
    // Values are looked at only where nothing else decides.
    for ties in edges.chunk_by_mut(|x, y| key(x) == key(y)) {
        if ties.len() > 1 {
            let values = |edge: &Edge| (nodes.value(edge.a), nodes.value(edge.b), edge.source);
            ties.sort_unstable_by(|x, y| values(x).cmp(&values(y)));
        }
    }
}

/// The first set of a broken cluster keeps the cluster's number, the others get new ones.
fn relabel(members: &[u32], sets: UnionFind, clustering: &mut Clustering) {
    let (set_of, count) = sets.into_labels();
    let mut label_of_set = vec![u32::MAX; count];
    let mut taken = HashSet::new();
    for (node, set) in members.iter().zip(set_of) {
        let label = &mut label_of_set[set as usize];
        let old = &mut clustering.labels[*node as usize];
        if *label == u32::MAX {
            *label = *old;
            if !taken.insert(*old) {
                *label = clustering.clusters as u32;
                clustering.clusters += 1;
            }
        }
        *old = *label;
    }
}
