//! The definition, written as plainly as possible and as slowly as that makes it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Outcome, Row, Value};
use crate::Rules;

/// Two values, when they were first seen together, in which of the rules' sources.
type Edge = (Value, Value, Option<i64>, usize);

/// First time, last time, sources.
type Sightings = (Option<i64>, Option<i64>, BTreeSet<usize>);

/// Unknown times come last.
fn age(at: Option<i64>) -> (bool, Option<i64>) {
    (at.is_none(), at)
}

pub(super) fn values(rules: &Rules, rows: &[Row]) -> BTreeMap<Value, Sightings> {
    let mut values: BTreeMap<Value, Sightings> = BTreeMap::new();
    for (source, row, first, last) in rows {
        for (identifier, value) in rules.sources[*source].identifiers.iter().zip(row) {
            let Some(value) = value else { continue };
            let seen = values.entry((*identifier, value.clone())).or_default();
            seen.0 = [seen.0, *first].into_iter().flatten().min();
            seen.1 = [seen.1, *last].into_iter().flatten().max();
            let name = &rules.sources[*source].name;
            seen.2.insert(rules.sources.iter().position(|s| s.name == *name).unwrap());
        }
    }
    values
}

/// Every distinct edge, in the order in which edges are considered.
pub(super) fn edges(rules: &Rules, rows: &[Row]) -> Vec<Edge> {
    let mut edges: BTreeMap<(Value, Value), (Option<i64>, usize)> = BTreeMap::new();
    for (source, row, first, _) in rows {
        let named = rules.sources[*source].identifiers.iter().zip(row);
        let present: Vec<Value> = named.filter_map(|(i, value)| Some((*i, value.clone()?))).collect();
        for a in &present {
            for b in &present {
                if a < b {
                    let seen = edges.entry((a.clone(), b.clone())).or_insert((*first, *source));
                    *seen = std::cmp::min_by_key(*seen, (*first, *source), |(at, source)| (age(*at), *source));
                }
            }
        }
    }
    let mut edges: Vec<Edge> = edges.into_iter().map(|((a, b), (at, source))| (a, b, at, source)).collect();
    edges.sort_by_key(|(a, b, at, _)| (a.0, b.0, age(*at), a.1.clone(), b.1.clone()));
    edges
}

/// What has come of edges: a partition of the values, and the edges refused, each with the identifier at fault.
pub(super) fn cluster(rules: &Rules, rows: &[Row]) -> (BTreeSet<BTreeSet<Value>>, Vec<(Edge, usize)>) {
    let mut clusters: Vec<BTreeSet<Value>> = values(rules, rows).into_keys().map(|v| BTreeSet::from([v])).collect();
    let mut refused = Vec::new();
    for edge in edges(rules, rows) {
        let of = |value: &Value| clusters.iter().position(|c| c.contains(value)).unwrap();
        let (a, b) = (of(&edge.0), of(&edge.1));
        if a == b {
            continue;
        }
        let union: BTreeSet<Value> = clusters[a].union(&clusters[b]).cloned().collect();
        if let Some(identifier) = broken_limit(rules, &union) {
            refused.push((edge, identifier));
        } else {
            clusters[a] = union;
            clusters.remove(b);
        }
    }
    (clusters.into_iter().collect(), refused)
}

/// The strongest identifier of which the cluster has too many values.
pub(super) fn broken_limit(rules: &Rules, cluster: &BTreeSet<Value>) -> Option<usize> {
    let count = |i: usize| cluster.iter().filter(|(identifier, _)| *identifier == i).count();
    (0..rules.identifiers.len()).find(|i| rules.identifiers[*i].limit.is_some_and(|limit| count(*i) > limit as usize))
}

/// Which of the old ids each cluster keeps, and the changes of all of them; new ids are taken from `outcome`.
pub(super) fn check_ids(rules: &Rules, rows: &[Row], previous: &[(Value, String)], outcome: &Outcome) {
    let seen = values(rules, rows);
    let oldest_first = |value: &Value| (age(seen[value].0), value.clone());
    let cluster_of = |value: &Value| outcome.values[value].0.clone();
    let mut old: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (value, id) in previous.iter().filter(|(value, _)| seen.contains_key(value)) {
        old.entry(id).or_default().push(value);
    }
    // Oldest profiles first: each is kept by the cluster of its oldest value, if that keeps none yet.
    let mut by_age: Vec<(&str, Vec<&Value>)> = old.into_iter().collect();
    for (_, values) in &mut by_age {
        values.sort_by_key(|value| oldest_first(value));
    }
    by_age.sort_by_key(|(_, values)| oldest_first(values[0]));
    let mut clusters = outcome.clusters();
    let mut expected = BTreeSet::new();
    let mut kept: BTreeMap<String, &str> = BTreeMap::new();
    for (id, values) in &by_age {
        kept.entry(cluster_of(values[0])).or_insert(id);
    }
    for (now, id) in &kept {
        assert_eq!(now, id, "the cluster of the oldest profile's oldest value keeps its id");
    }
    for (id, values) in &by_age {
        let heir = cluster_of(values[0]);
        if heir != *id {
            expected.insert(("merged".to_owned(), heir.clone(), (*id).to_owned()));
        }
        for now in values.iter().map(|value| cluster_of(value)).filter(|now| *now != heir && now != id) {
            expected.insert(("split".to_owned(), now, (*id).to_owned()));
        }
    }
    clusters.retain(|cluster| !cluster.iter().any(|value| previous.iter().any(|(old, _)| old == value)));
    for cluster in clusters {
        expected.insert(("created".to_owned(), cluster_of(cluster.first().unwrap()), String::new()));
    }
    assert_eq!(outcome.changes, expected);
    // No id that was in use comes back for something else.
    let fresh = outcome.profiles.iter().filter(|id| !kept.contains_key(*id));
    let taken: BTreeSet<&String> = previous.iter().map(|(_, id)| id).collect();
    for id in fresh {
        assert!(!taken.contains(id), "a new profile has an id of the last run");
    }
}
