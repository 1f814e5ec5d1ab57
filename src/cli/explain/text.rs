//! The answer for people.

use std::fmt::Write;

use indicatif::HumanCount;
use kinfold_app::{Explained, ExplainedChain, ExplainedEdge, ExplainedProfile, ExplainedShared};

use super::words::{evidence, is_pinned, parts, printable, value};
use super::{sketch, tree, waterfall};
use crate::cli::output::count;

/// A larger tree is hard to read.
const DRAWN: usize = 30;

/// Of edges, refused edges and shared values so many are listed.
const LISTED: usize = 20;

pub(super) fn text(explained: &Explained) -> String {
    match explained {
        Explained::Chain(chain) => chain_text(chain),
        Explained::Profile(profile) => {
            let mut text = heading(profile);
            text.push_str(&tree::tree(&sketch::of(explained, DRAWN)));
            text.push_str(&profile_text(profile));
            text
        }
        Explained::Shared(shared) => format!("{}\n", is_shared(shared)),
    }
}

fn chain_text(chain: &ExplainedChain) -> String {
    let (from, to, entity) = (value(&chain.from), value(&chain.to), &chain.entity);
    let mut text = match (&chain.profile_ids[..], chain.connected) {
        ([profile_id], true) => {
            let edges = count(chain.chain.len(), "edge");
            format!("{from} and {to} are one {entity}, {profile_id}, by {edges}\n")
        }
        ([a, b], _) => format!("{from} is {entity} {a}, {to} is {entity} {b}: they are not one {entity}\n"),
        _ => format!("{from} and {to} are not one {entity}\n"),
    };
    for shared in &chain.shared {
        let _ = writeln!(text, "{}", is_shared(shared));
    }
    match (chain.chain.is_empty(), chain.connected) {
        (true, true) => text.push_str("no row that is there now connects them\n"),
        (true, false) => text.push_str("no row connects them, nor any edge that was refused\n"),
        (false, true) => text.push('\n'),
        (false, false) => text.push_str("what would connect them, did it link:\n\n"),
    }
    text.push_str(&tree::line(&chain.chain));
    text
}

fn heading(profile: &ExplainedProfile) -> String {
    let (all, bridges) = (profile.edges.len(), profile.edges.iter().filter(|edge| edge.bridge).count());
    let without = match bridges {
        _ if all == 0 => String::new(),
        0 => "; without any one of them it holds".to_owned(),
        1 => "; without one of them it falls apart".to_owned(),
        n if n == all => "; without any one of them it falls apart".to_owned(),
        n => format!("; without any one of {} of them it falls apart", HumanCount(n as u64)),
    };
    let former = profile.former_profile_id.iter().map(|id| format!(", formerly {}", printable(id))).collect::<String>();
    let (values, edges) = (count(profile.identifiers.len(), "value"), count(all, "edge"));
    format!("{} {}{former}: {values}, {edges}{without}\n\n", profile.entity, profile.profile_id)
}

fn profile_text(profile: &ExplainedProfile) -> String {
    let mut text = String::new();
    if !profile.edges.is_empty() {
        text.push_str("\nwhat holds it together, the weakest first\n");
        text.push_str(&weakest(&profile.edges));
    }
    if !profile.refused.is_empty() {
        text.push_str("\nrefused\n");
        for edge in profile.refused.iter().take(LISTED) {
            let ids = [&edge.a.profile_id, &edge.b.profile_id].into_iter().flatten();
            let other: String = ids.filter(|id| **id != profile.profile_id).map(|id| format!(" of {id}")).collect();
            let _ = writeln!(text, "\n  {}{other}\n      {}", ends(edge), printable(&edge.rule));
            for line in said(edge) {
                let _ = writeln!(text, "      {line}");
            }
        }
        text.push_str(&more(profile.refused.len()));
    }
    if !profile.shared.is_empty() {
        text.push_str("\nshared by many, so that they link nothing\n\n");
        for shared in profile.shared.iter().take(LISTED) {
            let _ = writeln!(text, "  {}", is_shared(shared));
        }
        text.push_str(&more(profile.shared.len()));
    }
    text
}

/// Each edge with what it stands on; those that stand and fall together are told together.
fn weakest(edges: &[ExplainedEdge]) -> String {
    let mut text = String::new();
    let listed = &edges[..edges.len().min(LISTED)];
    let told = |edge: &ExplainedEdge| (said(edge), parts(&edge.parts));
    for (number, together) in listed.chunk_by(|a, b| a.bridge && b.bridge && told(a) == told(b)).enumerate() {
        for (i, edge) in together.iter().enumerate() {
            let number = if i == 0 { format!("\n{:>4}. ", number + 1) } else { " ".repeat(6) };
            let _ = writeln!(text, "{number}{}", ends(edge));
        }
        for line in said(&together[0]) {
            let _ = writeln!(text, "      {line}");
        }
        if together[0].bridge {
            let _ = writeln!(text, "      without it: {}", parts(&together[0].parts));
        }
    }
    text.push_str(&more(edges.len()));
    text
}

fn ends(edge: &ExplainedEdge) -> String {
    format!("{} ─ {}", value(&edge.a), value(&edge.b))
}

/// What an edge stands on, in lines.
fn said(edge: &ExplainedEdge) -> Vec<String> {
    let pin = is_pinned(edge).then(|| printable(&edge.rule));
    let is_matched = edge.accepted && edge.matched.is_some();
    let matched = is_matched.then(|| printable(&edge.rule));
    let of_match = edge.matched.iter().flat_map(waterfall::lines);
    pin.into_iter().chain(matched).chain(of_match).chain(edge.evidence.iter().map(evidence)).collect()
}

fn is_shared(shared: &ExplainedShared) -> String {
    let belongs = if shared.profile_id.is_some() { "and a pin alone gives it its" } else { "and belongs to no" };
    format!(
        "{} {} is shared by many: it is seen with {} values of {}, {belongs} {}",
        shared.identifier,
        printable(&shared.value),
        HumanCount(shared.degree),
        shared.linked_identifier,
        shared.entity
    )
}

fn more(all: usize) -> String {
    match all.saturating_sub(LISTED) {
        0 => String::new(),
        more => format!("\n  … {} more; `--output json` tells all\n", HumanCount(more as u64)),
    }
}
