//! The graph of one profile's values, or of two.
//!
//! Pure. Every result is a function of the facts, whatever their order: nodes are numbered by strength, then by value.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ExplainedMatch;
use super::facts::{Evidence, Facts, Id, Refusal, Rows, Sharing, Teller, Told};

/// What joins two values that were seen on one row.
const ON_ONE_ROW: &str = "seen on one row";

/// A value; one without a profile that is not shared by many was seen by no run.
#[derive(Debug)]
pub(crate) struct Node {
    pub id: Id,
    pub profile: Option<String>,
    /// It is shared by many, so that no row links it. If it has a profile all the same, a pin gives it that.
    pub sharing: Option<Sharing>,
}

#[derive(Debug)]
pub(crate) struct Edge {
    /// Indices into [`Graph::nodes`], the stronger end first.
    pub ends: [usize; 2],
    pub kind: EdgeKind,
    pub rule: String,
    /// Of a match, what it is made of.
    pub score: Option<ExplainedMatch>,
    /// By the table's name; the sources of which the edge is known.
    pub evidence: Vec<(String, Evidence)>,
    /// The groups that hold both ends: indices into [`Graph::groups`].
    pub groups: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EdgeKind {
    Accepted,
    /// As accepted, because somebody said so.
    Pinned,
    /// As accepted, because the records that the values stand for are alike, though no row has both.
    Matched,
    Refused,
    /// One end is shared by many, so that the edge links nothing.
    Shared,
}

impl Edge {
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self.kind, EdgeKind::Accepted | EdgeKind::Pinned | EdgeKind::Matched)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.evidence.iter().map(|(_, e)| e.rows).sum()
    }

    pub(crate) fn other(&self, end: usize) -> usize {
        if self.ends[0] == end { self.ends[1] } else { self.ends[0] }
    }
}

/// Nodes are the values, edges the pairs of them on one row, pinned together or matched.
#[derive(Debug)]
pub(crate) struct Graph {
    /// Ascending: stronger identifiers first, then by value.
    pub nodes: Vec<Node>,
    /// By their ends.
    pub edges: Vec<Edge>,
    /// Values of one profile that some row has together, or a pin or a match: what falls away as one when that row does. Each ascending.
    pub groups: Vec<Vec<usize>>,
    /// The groups of each node.
    pub groups_of: Vec<Vec<usize>>,
    /// Pairs on rows that no run has seen.
    pub unseen: usize,
}

impl Graph {
    pub(crate) fn new(facts: &Facts) -> Self {
        let nodes = nodes(facts);
        let number: HashMap<&Id, usize> = nodes.iter().enumerate().map(|(i, node)| (&node.id, i)).collect();
        let profile = |node: usize| nodes[node].profile.as_ref();
        let together = |a: usize, b: usize| profile(a).is_some() && profile(a) == profile(b);

        // What rows say of each pair.
        let mut seen: BTreeMap<[usize; 2], BTreeMap<usize, Evidence>> = BTreeMap::new();
        let rows: Vec<Vec<usize>> = facts.rows.iter().map(|rows| numbers(rows, &number)).collect();
        for (values, rows) in rows.iter().zip(&facts.rows) {
            for pair in pairs(values) {
                let evidence = seen.entry(pair).or_default().entry(rows.source).or_default();
                evidence.add(&rows.evidence);
            }
        }
        let told = told(facts, &number, together);

        let mut groups: BTreeSet<Vec<usize>> = told.keys().map(|pair| pair.to_vec()).collect();
        for values in &rows {
            let mut of_profile: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
            for node in values.iter().filter(|node| nodes[**node].sharing.is_none()) {
                if let Some(profile) = profile(*node) {
                    of_profile.entry(profile).or_default().push(*node);
                }
            }
            groups.extend(of_profile.into_values().filter(|values| values.len() > 1));
        }
        let groups: Vec<Vec<usize>> = groups.into_iter().collect();

        let refused = refused(facts, &number);
        let scores = scores(facts, &number);
        let mut edges = vec![];
        let mut unseen = 0;
        let all: BTreeSet<[usize; 2]> = seen.keys().chain(told.keys()).chain(refused.keys()).copied().collect();
        for ends in all {
            let [a, b] = ends;
            let many = |node: usize| {
                let Sharing { linked, degree } = nodes[node].sharing.as_ref()?;
                let but_pinned = if profile(node).is_some() { "; a pin alone links it" } else { "" };
                Some(format!("shared by many: seen with {degree} values of {linked}{but_pinned}"))
            };
            let (kind, rule) = if let Some(refusal) = refused.get(&ends) {
                (EdgeKind::Refused, refusal.rule.clone())
            } else if let Some(pin) = told.get(&ends).filter(|told| told.by == Teller::Pin) {
                (EdgeKind::Pinned, pin.rule.clone())
            } else if let Some(rule) = many(a).or_else(|| many(b)) {
                (EdgeKind::Shared, rule)
            } else if let Some(matched) = told.get(&ends).filter(|_| !seen.contains_key(&ends)) {
                (EdgeKind::Matched, matched.rule.clone())
            } else if together(a, b) {
                (EdgeKind::Accepted, ON_ONE_ROW.to_owned())
            } else {
                unseen += 1;
                continue;
            };
            let of_rows = seen.remove(&ends).unwrap_or_default();
            let mut evidence: Vec<(String, Evidence)> =
                of_rows.into_iter().map(|(source, e)| (facts.sources[source].clone(), e)).collect();
            if let (Some(refusal), true) = (refused.get(&ends), evidence.is_empty()) {
                evidence.push((refusal.source.clone(), Evidence { first: refusal.first, ..Evidence::default() }));
            }
            let score = scores.get(&ends).filter(|_| matches!(kind, EdgeKind::Matched | EdgeKind::Refused));
            edges.push(Edge { ends, kind, rule, score: score.copied().cloned(), evidence, groups: vec![] });
        }
        let index: HashMap<[usize; 2], usize> = edges.iter().enumerate().map(|(i, e)| (e.ends, i)).collect();
        for (group, values) in groups.iter().enumerate() {
            for pair in pairs(values) {
                if let Some(edge) = index.get(&pair) {
                    edges[*edge].groups.push(group);
                }
            }
        }
        let mut groups_of = vec![vec![]; nodes.len()];
        for (group, values) in groups.iter().enumerate() {
            for value in values {
                groups_of[*value].push(group);
            }
        }
        Self { nodes, edges, groups, groups_of, unseen }
    }

    pub(crate) fn node(&self, id: &Id) -> Option<usize> {
        self.nodes.binary_search_by(|node| node.id.cmp(id)).ok()
    }
}

/// Every value that is spoken of, with what is known of it.
fn nodes(facts: &Facts) -> Vec<Node> {
    let mut known: BTreeMap<&Id, (Option<&String>, Option<&Sharing>)> = BTreeMap::new();
    let of_members = facts.members.iter().map(|(id, profile)| (id, Some(profile)));
    let of_refused = facts.refused.iter().flat_map(|refusal| &refusal.ends).map(|(id, profile)| (id, profile.as_ref()));
    for (id, profile) in of_members.chain(of_refused) {
        let (of, _) = known.entry(id).or_default();
        *of = of.or(profile);
    }
    for (id, sharing) in facts.rows.iter().flat_map(|rows| &rows.values) {
        let (_, of) = known.entry(id).or_default();
        *of = of.or(sharing.as_ref());
    }
    let node = |(id, (profile, sharing)): (&Id, (Option<&String>, Option<&Sharing>))| Node {
        id: id.clone(),
        profile: profile.cloned(),
        sharing: sharing.cloned(),
    };
    known.into_iter().map(node).collect()
}

fn numbers(rows: &Rows, number: &HashMap<&Id, usize>) -> Vec<usize> {
    let values: BTreeSet<usize> = rows.values.iter().map(|(id, _)| number[id]).collect();
    values.into_iter().collect()
}

/// Every pair of ascending numbers, ascending itself.
fn pairs(values: &[usize]) -> impl Iterator<Item = [usize; 2]> {
    values.iter().enumerate().flat_map(move |(i, a)| values[i + 1..].iter().map(|b| [*a, *b]))
}

/// What puts values of one profile together besides rows.
fn told<'a>(
    facts: &'a Facts,
    number: &HashMap<&Id, usize>,
    together: impl Fn(usize, usize) -> bool,
) -> BTreeMap<[usize; 2], &'a Told> {
    let mut all = BTreeMap::new();
    for told in &facts.told {
        let [a, b] = &told.ends;
        if let (Some(a), Some(b)) = (number.get(a), number.get(b))
            && together(*a, *b)
        {
            all.entry([*a.min(b), *a.max(b)]).or_insert(told);
        }
    }
    all
}

/// What matches are made of, those of different profiles included.
fn scores<'a>(facts: &'a Facts, number: &HashMap<&Id, usize>) -> HashMap<[usize; 2], &'a ExplainedMatch> {
    let score = |told: &'a Told| {
        let [a, b] = told.ends.each_ref().map(|end| number.get(end).copied());
        let (a, b) = (a?, b?);
        Some(([a.min(b), a.max(b)], told.score.as_ref()?))
    };
    // The likeliest of one pair comes first.
    facts.told.iter().rev().filter_map(score).collect()
}

fn refused<'a>(facts: &'a Facts, number: &HashMap<&Id, usize>) -> BTreeMap<[usize; 2], &'a Refusal> {
    let ends = |refusal: &Refusal| refusal.ends.each_ref().map(|(id, _)| number[id]);
    facts
        .refused
        .iter()
        .map(|refusal| {
            let [a, b] = ends(refusal);
            ([a.min(b), a.max(b)], refusal)
        })
        .collect()
}
