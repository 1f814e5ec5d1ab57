//! Limits: how many values of an identifier one profile may have, at all or within a span of time.

use hashbrown::HashMap;

use crate::Rules;
use crate::cluster::Clustering;
use crate::nodes::Nodes;
use crate::window::Window;

/// An identifier that has a limit, and the limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limited {
    pub(crate) identifier: u8,
    count: u32,
    window: Option<Window>,
}

/// The limits of the rules, the strongest identifier's first.
pub(crate) fn of(rules: &Rules) -> Vec<Limited> {
    let limits =
        rules.identifiers.iter().enumerate().filter_map(|(i, rule)| Some((i as u8, rule.limit?.at_least_one())));
    limits
        .map(|(identifier, limit)| Limited { identifier, count: limit.count, window: limit.within_micros.map(Window) })
        .collect()
}

/// For each cluster, whether it breaks a limit. Empty if there are no limits.
pub(crate) fn broken(nodes: &Nodes, clustering: &Clustering, limits: &[Limited]) -> Vec<bool> {
    if limits.is_empty() {
        return Vec::new();
    }
    let place = places(limits);
    let mut counts = vec![0_u32; clustering.clusters * limits.len()];
    let mut broken = vec![false; clustering.clusters];
    let mut labels = clustering.labels.iter();
    for shard in &nodes.shards {
        for (identifier, label) in shard.names().identifiers().zip(labels.by_ref()) {
            let Some(limit) = place[usize::from(identifier)] else { continue };
            let count = &mut counts[*label as usize * limits.len() + limit];
            *count += 1;
            broken[*label as usize] |= *count > limits[limit].count;
        }
    }
    if limits.iter().any(|limit| limit.window.is_some()) && broken.contains(&true) {
        acquit(nodes, clustering, limits, &counts, &mut broken);
    }
    broken
}

/// Takes the mark off clusters that have too many values of identifiers whose limits have windows alone, and not within any
/// one window.
fn acquit(nodes: &Nodes, clustering: &Clustering, limits: &[Limited], counts: &[u32], broken: &mut [bool]) {
    let place = places(limits);
    let is_over = |label: usize, limit: usize| counts[label * limits.len() + limit] > limits[limit].count;
    let is_over_at_all = |label: usize| (0..limits.len()).any(|i| limits[i].window.is_none() && is_over(label, i));
    let suspects: Vec<bool> = (0..).zip(&*broken).map(|(label, broken)| *broken && !is_over_at_all(label)).collect();
    let mut seen = Vec::new();
    nodes.each(|node, shard, number| {
        let label = clustering.labels[node as usize];
        if suspects[label as usize]
            && let Some(limit) = place[usize::from(shard.names().identifier(number))]
            && is_over(label as usize, limit)
        {
            seen.push((label, limit, shard.attributes.values[number].first));
        }
    });
    seen.sort_unstable();
    broken.iter_mut().zip(&suspects).for_each(|(broken, suspect)| *broken &= !suspect);
    let mut times = Vec::new();
    for of_one in seen.chunk_by(|x, y| (x.0, x.1) == (y.0, y.1)) {
        let (label, limit, _) = of_one[0];
        times.clear();
        times.extend(of_one.iter().map(|(.., time)| *time));
        broken[label as usize] |= limits[limit].window.is_some_and(|w| w.is_exceeded(&times, limits[limit].count));
    }
}

/// For each identifier, the index of its limit.
fn places(limits: &[Limited]) -> [Option<usize>; 256] {
    let mut places = [None; 256];
    for (i, limit) in limits.iter().enumerate() {
        places[usize::from(limit.identifier)] = Some(i);
    }
    places
}

/// What sets of nodes have of the identifiers that are limited.
#[derive(Debug)]
pub(crate) struct Holdings<'a> {
    limits: &'a [Limited],
    /// For the node that stands for a set, how many values of each limited identifier the set has.
    counts: Vec<u32>,
    /// For the node that stands for a set, and for a limit that has a window, when the values of the set were first seen,
    /// ascending.
    times: HashMap<(u32, usize), Vec<i64>>,
}

impl<'a> Holdings<'a> {
    /// Each set is one of `nodes`, numbered in the order of `members`.
    pub(crate) fn new(nodes: &Nodes, limits: &'a [Limited], members: &[u32]) -> Self {
        let place = places(limits);
        let mut counts = vec![0; members.len() * limits.len()];
        let mut times = HashMap::new();
        for (number, node) in (0_u32..).zip(members) {
            let Some(limit) = place[usize::from(nodes.identifier(*node))] else { continue };
            counts[number as usize * limits.len() + limit] = 1;
            if limits[limit].window.is_some() {
                times.insert((number, limit), vec![nodes.first(*node)]);
            }
        }
        Self { limits, counts, times }
    }

    /// The strongest identifier of which both sets have values that one set must not have: too many, within one window if the
    /// limit has one. What one of them breaks by itself forbids nothing.
    pub(crate) fn forbids(&self, root_a: u32, root_b: u32) -> Option<u8> {
        let (of_a, of_b) = (self.counts_of(root_a), self.counts_of(root_b));
        let forbids = |i: &usize| {
            let limit = &self.limits[*i];
            of_a[*i] > 0
                && of_b[*i] > 0
                && of_a[*i] + of_b[*i] > limit.count
                && limit.window.is_none_or(|window| {
                    window.is_exceeded_by_both(&self.times[&(root_a, *i)], &self.times[&(root_b, *i)], limit.count)
                })
        };
        (0..self.limits.len()).find(forbids).map(|i| self.limits[i].identifier)
    }

    /// The set of `goes` is part of that of `stays` from now on.
    pub(crate) fn unite(&mut self, stays: u32, goes: u32) {
        let width = self.limits.len();
        for (i, limit) in self.limits.iter().enumerate() {
            self.counts[stays as usize * width + i] += self.counts[goes as usize * width + i];
            if limit.window.is_some()
                && let Some(few) = self.times.remove(&(goes, i))
            {
                merge(self.times.entry((stays, i)).or_default(), few);
            }
        }
    }

    fn counts_of(&self, root: u32) -> &[u32] {
        let width = self.limits.len();
        &self.counts[root as usize * width..][..width]
    }
}

/// Merges what is ascending into what is ascending.
fn merge(into: &mut Vec<i64>, mut few: Vec<i64>) {
    if into.len() < few.len() {
        std::mem::swap(into, &mut few);
    }
    into.append(&mut few);
    #[expect(clippy::stable_sort_primitive, reason = "it takes runs that are in order as they are")]
    into.sort();
}
