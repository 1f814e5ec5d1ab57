//! Values that many share: a kiosk's cookie, an info@ address. They link nothing.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use fixedbitset::FixedBitSet;
use hashbrown::HashSet;
use rayon::prelude::*;

use crate::Rules;
use crate::nodes::Nodes;
use crate::pins::Pins;
use crate::ranked::Ranked;
use crate::rows::{Block, Rows};

/// Fewer pairs than this are not worth a look at which of them are the same.
const TIDY_AT: usize = if cfg!(test) { 8 } else { 1 << 20 };

/// A value that is seen with more values of an identifier than its rule has it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) node: u32,
    /// The identifier of which it is seen with most, the strongest of equals.
    pub(crate) linked: u8,
    pub(crate) degree: u64,
    /// A pin links it, so that it has a profile, though its rows link nothing.
    pub(crate) is_pinned: bool,
}

/// Takes the values that many share off the rows, and tells them by identifier, degree (the highest first) and value. `known`: those that
/// are known already, as only some of their rows are here.
pub(crate) fn set_aside(nodes: &mut Nodes, rows: &Rows, rules: &Rules, pins: &Pins, known: Vec<Shared>) -> Vec<Shared> {
    if rules.identifiers.iter().all(|rule| rule.shared_above.is_none()) {
        return Vec::new();
    }
    let mut shared = find(nodes, rows, rules);
    if !known.is_empty() {
        let mut is_known = FixedBitSet::with_capacity(nodes.len());
        is_known.extend(known.iter().map(|value| value.node as usize));
        shared.retain(|value| !is_known.contains(value.node as usize));
        shared.extend(known);
    }
    if shared.is_empty() {
        return shared;
    }
    let mut aside = FixedBitSet::with_capacity(nodes.len());
    aside.extend(shared.iter().map(|value| value.node as usize));
    nodes.set_aside(aside);
    let pinned: HashSet<u32> = pins.always.iter().flatten().copied().collect();
    for value in &mut shared {
        value.is_pinned = pinned.contains(&value.node);
    }
    let rank = |value: &Shared| (nodes.identifier(value.node), Reverse(value.degree));
    shared.sort_unstable_by(|x, y| rank(x).cmp(&rank(y)).then_with(|| nodes.value(x.node).cmp(nodes.value(y.node))));
    shared
}

fn find(nodes: &Nodes, rows: &Rows, rules: &Rules) -> Vec<Shared> {
    // No value is seen with as many others as 32 bits count.
    let above: Vec<u32> = rules.identifiers.iter().map(|rule| rule.shared_above.unwrap_or(u32::MAX)).collect();
    let suspects = suspects(nodes, rows, rules, &above);
    if suspects.is_clear() {
        return Vec::new();
    }
    let mut shared = Vec::new();
    let mut degrees = vec![0_u64; above.len()];
    for others in pairs(nodes, rows, &suspects).chunk_by(|x, y| x.0 == y.0) {
        degrees.fill(0);
        for (_, other) in others {
            degrees[usize::from(nodes.identifier(*other))] += 1;
        }
        let node = others[0].0;
        let most = degrees.iter().zip(0_u8..).max_by_key(|(degree, identifier)| (**degree, Reverse(*identifier)));
        if let Some((degree, linked)) = most
            && *degree > u64::from(above[usize::from(nodes.identifier(node))])
        {
            shared.push(Shared { node, linked, degree: *degree, is_pinned: false });
        }
    }
    shared
}

/// The nodes that are on enough rows to be shared.
fn suspects(nodes: &Nodes, rows: &Rows, rules: &Rules, above: &[u32]) -> FixedBitSet {
    // On one row, as many values of one identifier as its source has columns of it.
    let columns = |identifiers: &[usize], i: usize| identifiers.iter().filter(|other| **other == i).count() as u32;
    let widest = |identifiers: &[usize]| identifiers.iter().map(|i| columns(identifiers, *i)).max().unwrap_or_default();
    let widest = rules.sources.iter().map(|source| widest(&source.identifiers)).max().unwrap_or_default();
    let is_enough = |count: u32, identifier: u8| {
        let most = above[usize::from(identifier)];
        most < u32::MAX && count.saturating_mul(widest) > most
    };
    // A sieve that costs little: rows that came in several times count each time, and those that link nothing, too.
    let mut often_seen = FixedBitSet::with_capacity(nodes.len());
    nodes.each(|node, shard, number| {
        if is_enough(shard.attributes.values[number].sightings, shard.names().identifier(number)) {
            often_seen.insert(node as usize);
        }
    });
    if often_seen.is_clear() {
        return often_seen;
    }
    let often_seen = Ranked::new(often_seen);
    let counts: Vec<AtomicU32> = (0..often_seen.len()).map(|_| AtomicU32::new(0)).collect();
    rows.blocks().for_each(|block| {
        let seen = block.refs().iter().filter_map(|at| nodes.node(*at)).filter(|node| often_seen.contains(*node));
        seen.for_each(|node| _ = counts[often_seen.rank(node) as usize].fetch_add(1, Relaxed));
    });
    let mut suspects = FixedBitSet::with_capacity(nodes.len());
    let counted = often_seen.iter().zip(counts);
    suspects.extend(
        counted
            .filter(|(node, count)| is_enough(count.load(Relaxed), nodes.identifier(*node)))
            .map(|(node, _)| node as usize),
    );
    suspects
}

/// Each suspect with each other node on one row with it: every pair once, ascending.
fn pairs(nodes: &Nodes, rows: &Rows, suspects: &FixedBitSet) -> Vec<(u32, u32)> {
    let gather = |mut pairs: Pairs, block: Block<'_>| {
        for row in block.rows() {
            for node in row.iter().filter_map(|at| nodes.node(*at)).filter(|node| suspects.contains(*node as usize)) {
                let others = row.iter().filter_map(|other| nodes.node(*other)).filter(|other| *other != node);
                pairs.list.extend(others.map(|other| (node, other)));
            }
        }
        pairs.tidied()
    };
    let mut pairs = rows.blocks().fold(Pairs::default, gather).reduce(Pairs::default, Pairs::and).list;
    tidy(&mut pairs);
    pairs
}

/// Pairs on their way. Many rows may say the same: each part of them keeps at most twice what differs in it.
#[derive(Debug, Default)]
struct Pairs {
    list: Vec<(u32, u32)>,
    /// How many there were when none was there twice.
    tidy: usize,
}

impl Pairs {
    fn and(mut self, other: Self) -> Self {
        self.list.extend(other.list);
        self.tidied()
    }

    fn tidied(mut self) -> Self {
        if self.list.len() >= TIDY_AT.max(2 * self.tidy) {
            tidy(&mut self.list);
            self.tidy = self.list.len();
        }
        self
    }
}

fn tidy(pairs: &mut Vec<(u32, u32)>) {
    pairs.par_sort_unstable();
    pairs.dedup();
}
