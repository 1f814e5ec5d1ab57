//! Values that many share: a kiosk's cookie, an info@ address. They link nothing.

use std::cmp::Reverse;

use crate::Rules;
use crate::nodes::Nodes;
use crate::pins::Pins;
use crate::rows::Rows;

/// Fewer pairs than this are not worth a look at which of them are the same.
const TIDY_AT: usize = if cfg!(test) { 8 } else { 1 << 20 };

/// A value that is seen with more values of an identifier than its rule has it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) node: u32,
    /// The identifier of which it is seen with most, the strongest of equals.
    pub(crate) linked: u8,
    pub(crate) degree: u64,
}

/// Takes the values that many share off the rows, and tells them by identifier, degree (the highest first) and value. Those that
/// pins link are taken off, but not told.
pub(crate) fn set_aside(nodes: &mut Nodes, rows: &Rows, rules: &Rules, pins: &Pins) -> Vec<Shared> {
    if rules.identifiers.iter().all(|rule| rule.shared_above.is_none()) {
        return Vec::new();
    }
    let mut shared = find(nodes, rows, rules);
    if shared.is_empty() {
        return shared;
    }
    let mut aside = vec![false; nodes.len()];
    for value in &shared {
        aside[value.node as usize] = true;
    }
    let mut told = aside.clone();
    for node in pins.always.iter().flatten() {
        told[*node as usize] = false;
    }
    nodes.set_aside(aside);
    shared.retain(|value| told[value.node as usize]);
    let rank = |value: &Shared| (nodes.identifier(value.node), Reverse(value.degree));
    shared.sort_unstable_by(|x, y| rank(x).cmp(&rank(y)).then_with(|| nodes.value(x.node).cmp(nodes.value(y.node))));
    shared
}

fn find(nodes: &Nodes, rows: &Rows, rules: &Rules) -> Vec<Shared> {
    // No value is seen with as many others as 32 bits count.
    let above: Vec<u32> = rules.identifiers.iter().map(|rule| rule.shared_above.unwrap_or(u32::MAX)).collect();
    let bounds = upper_bounds(nodes, rows, rules, &above);
    let pairs = pairs(nodes, rows, &above, &bounds);
    drop(bounds);
    let mut shared = Vec::new();
    let mut degrees = vec![0_u64; above.len()];
    for others in pairs.chunk_by(|x, y| x.0 == y.0) {
        degrees.fill(0);
        for (_, other) in others {
            degrees[usize::from(nodes.identifier(*other))] += 1;
        }
        let node = others[0].0;
        let most = degrees.iter().zip(0_u8..).max_by_key(|(degree, identifier)| (**degree, Reverse(*identifier)));
        if let Some((degree, linked)) = most
            && *degree > u64::from(above[usize::from(nodes.identifier(node))])
        {
            shared.push(Shared { node, linked, degree: *degree });
        }
    }
    shared
}

/// For each node whose identifier has a rule, a number that no degree of it exceeds: from the rows alone, and cheap.
fn upper_bounds(nodes: &Nodes, rows: &Rows, rules: &Rules, above: &[u32]) -> Vec<u32> {
    // On one row, as many values of one identifier as its source has columns of it.
    let columns = |identifiers: &[usize], i: usize| identifiers.iter().filter(|other| **other == i).count() as u32;
    let widest = |identifiers: &[usize]| identifiers.iter().map(|i| columns(identifiers, *i)).max().unwrap_or_default();
    let widest: Vec<u32> = rules.sources.iter().map(|source| widest(&source.identifiers)).collect();
    let mut bounds = vec![0_u32; nodes.len()];
    rows.each(|source, _, row| {
        for (at, identifier) in row.iter().zip(rows.identifiers(source)) {
            if above[usize::from(*identifier)] < u32::MAX
                && let Some(node) = nodes.node(*at)
            {
                let bound = &mut bounds[node as usize];
                *bound = bound.saturating_add(widest[usize::from(source)]);
            }
        }
    });
    bounds
}

/// Each node whose bound exceeds what its rule has, with each other node on one row with it: every pair once, ascending.
fn pairs(nodes: &Nodes, rows: &Rows, above: &[u32], bounds: &[u32]) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    let mut tidy_at = TIDY_AT;
    rows.each(|source, _, row| {
        for (at, identifier) in row.iter().zip(rows.identifiers(source)) {
            let most = above[usize::from(*identifier)];
            let Some(node) = nodes.node(*at).filter(|node| most < u32::MAX && bounds[*node as usize] > most) else {
                continue;
            };
            let others = row.iter().filter_map(|other| nodes.node(*other)).filter(|other| *other != node);
            pairs.extend(others.map(|other| (node, other)));
        }
        // Many rows may say the same: what is kept is at most twice what differs.
        if pairs.len() >= tidy_at {
            tidy(&mut pairs);
            tidy_at = TIDY_AT.max(2 * pairs.len());
        }
    });
    tidy(&mut pairs);
    pairs
}

fn tidy(pairs: &mut Vec<(u32, u32)>) {
    pairs.sort_unstable();
    pairs.dedup();
}
