//! The definition, written as plainly as possible and as slowly as that makes it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Outcome, Row, Value};
use crate::{ConflictReason, EdgeCount, Limit, Pin, PinKind, Rules};

/// Two values, when they were first seen together, in which of the rules' sources.
pub(super) type Edge = (Value, Value, Option<i64>, usize);

/// First time, last time, sources.
pub(super) type Sightings = (Option<i64>, Option<i64>, BTreeSet<usize>);

/// Unknown times come last.
fn age(at: Option<i64>) -> (bool, Option<i64>) {
    (at.is_none(), at)
}

/// Everything that is on rows.
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

/// How many edges each source tells of between values that link others, by identifiers.
pub(super) fn edge_counts(rules: &Rules, rows: &[Row], links: impl Fn(&Value) -> bool) -> Vec<EdgeCount> {
    let mut edges: BTreeMap<(usize, [usize; 2]), BTreeSet<[Value; 2]>> = BTreeMap::new();
    for (source, values, ..) in rows {
        let identifiers = &rules.sources[*source].identifiers;
        let values = identifiers.iter().zip(values).filter_map(|(i, value)| Some((*i, value.clone()?)));
        let values: Vec<Value> = values.filter(|value| links(value)).collect();
        let source = rules.sources.iter().position(|other| other.name == rules.sources[*source].name).unwrap();
        for (i, a) in values.iter().enumerate() {
            for b in values[i + 1..].iter().filter(|b| *b != a) {
                let [a, b] = if a < b { [a, b] } else { [b, a] };
                edges.entry((source, [a.0, b.0])).or_default().insert([a.clone(), b.clone()]);
            }
        }
    }
    let count =
        |((source, identifiers), edges): (_, BTreeSet<_>)| EdgeCount { source, identifiers, count: edges.len() as u64 };
    edges.into_iter().map(count).collect()
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

/// Values that are seen on rows with too many values of one identifier: each with the identifier of which it is seen with
/// most, the strongest of equals, and how many.
pub(super) fn seen_with_too_many(rules: &Rules, rows: &[Row]) -> BTreeMap<Value, (usize, u64)> {
    let mut others: BTreeMap<(Value, usize), BTreeSet<Value>> = BTreeMap::new();
    for (source, row, ..) in rows {
        let named = rules.sources[*source].identifiers.iter().zip(row);
        let present: Vec<Value> = named.filter_map(|(i, value)| Some((*i, value.clone()?))).collect();
        for a in &present {
            for b in present.iter().filter(|b| *b != a) {
                others.entry((a.clone(), b.0)).or_default().insert(b.clone());
            }
        }
    }
    let mut found: BTreeMap<Value, (usize, u64)> = BTreeMap::new();
    for ((value, identifier), others) in others {
        let degree = others.len() as u64;
        let is_more = found.get(&value).is_none_or(|(_, most)| degree > *most);
        if is_more && rules.identifiers[value.0].shared_above.is_some_and(|most| degree > u64::from(most)) {
            found.insert(value, (identifier, degree));
        }
    }
    found
}

/// Values that belong to no profile, as they are seen with too many others, and no pin in force links them.
pub(super) fn homeless(rules: &Rules, rows: &[Row]) -> BTreeMap<Value, (usize, u64)> {
    let seen = values(rules, rows);
    let linked: BTreeSet<&Value> = in_force(rules, &seen)
        .filter(|(_, pin)| pin.kind == PinKind::Always)
        .flat_map(|(_, pin)| &pin.values)
        .collect();
    let mut homeless = seen_with_too_many(rules, rows);
    homeless.retain(|value, _| !linked.contains(value));
    homeless
}

/// The pins both of whose values are on rows.
pub(super) fn in_force<'a>(
    rules: &'a Rules,
    seen: &BTreeMap<Value, Sightings>,
) -> impl Iterator<Item = (usize, &'a Pin)> {
    rules.pins.iter().enumerate().filter(|(_, pin)| pin.values.iter().all(|value| seen.contains_key(value)))
}

/// The sets of values that always-pins alone make.
pub(super) fn pinned_sets<'a>(
    values: impl IntoIterator<Item = Value>,
    pins: impl IntoIterator<Item = &'a Pin>,
) -> Vec<BTreeSet<Value>> {
    let mut sets: Vec<BTreeSet<Value>> = values.into_iter().map(|value| BTreeSet::from([value])).collect();
    for Pin { values: [a, b], .. } in pins.into_iter().filter(|pin| pin.kind == PinKind::Always) {
        let (pinned, mut others): (Vec<_>, Vec<_>) =
            sets.into_iter().partition(|set| set.contains(a) || set.contains(b));
        others.push(pinned.into_iter().flatten().collect());
        sets = others;
    }
    sets
}

/// What comes of rows.
pub(super) struct Clustered {
    pub(super) clusters: BTreeSet<BTreeSet<Value>>,
    pub(super) refused: Vec<(Edge, ConflictReason)>,
}

/// A partition of the values that have a profile, and the edges refused; or the never-pin that always-pins contradict.
pub(super) fn cluster(rules: &Rules, rows: &[Row]) -> Result<Clustered, usize> {
    let seen = values(rules, rows);
    let mut clusters = pinned_sets(seen.keys().cloned(), in_force(rules, &seen).map(|(_, pin)| pin));
    let has_both = |cluster: &BTreeSet<Value>, pin: &Pin| pin.values.iter().all(|value| cluster.contains(value));
    let mut never = in_force(rules, &seen).filter(|(_, pin)| pin.kind == PinKind::Never);
    if let Some((pin, _)) = never.find(|(_, pin)| clusters.iter().any(|cluster| has_both(cluster, pin))) {
        return Err(pin);
    }
    let homeless = homeless(rules, rows);
    clusters.retain(|cluster| !cluster.iter().any(|value| homeless.contains_key(value)));
    let too_many = seen_with_too_many(rules, rows);
    let mut refused = Vec::new();
    for edge in edges(rules, rows) {
        if too_many.contains_key(&edge.0) || too_many.contains_key(&edge.1) {
            continue;
        }
        let of = |value: &Value| clusters.iter().position(|c| c.contains(value)).unwrap();
        let (a, b) = (of(&edge.0), of(&edge.1));
        if a == b {
            continue;
        }
        if let Some(reason) = forbidden(rules, &seen, &clusters[a], &clusters[b]) {
            refused.push((edge, reason));
        } else {
            let union = clusters[a].union(&clusters[b]).cloned().collect();
            clusters[a] = union;
            clusters.remove(b);
        }
    }
    Ok(Clustered { clusters: clusters.into_iter().collect(), refused })
}

/// Why two clusters must not be one: the first never-pin, or else the strongest identifier of which the two would have more
/// values, within one span, than its limit, and than either has there by itself.
fn forbidden(
    rules: &Rules,
    seen: &BTreeMap<Value, Sightings>,
    a: &BTreeSet<Value>,
    b: &BTreeSet<Value>,
) -> Option<ConflictReason> {
    for (i, Pin { kind, values: [x, y] }) in rules.pins.iter().enumerate() {
        let is_across = (a.contains(x) && b.contains(y)) || (a.contains(y) && b.contains(x));
        if *kind == PinKind::Never && is_across {
            return Some(ConflictReason::Never { pin: i });
        }
    }
    let both: BTreeSet<Value> = a.union(b).cloned().collect();
    let of = |span: &BTreeSet<Value>, cluster: &BTreeSet<Value>| span.intersection(cluster).count();
    let mut limits = limits(rules);
    let is_broken = |(identifier, limit): &(usize, Limit)| {
        overfull_spans(&both, *identifier, *limit, seen).any(|span| span.len() > of(&span, a).max(of(&span, b)))
    };
    let (identifier, limit) = limits.find(is_broken)?;
    Some(ConflictReason::Limit { identifier, limit })
}

/// Identifiers with limits, the strongest first; what counts as 1 is 1.
pub(super) fn limits(rules: &Rules) -> impl Iterator<Item = (usize, Limit)> {
    let limits = rules.identifiers.iter().enumerate().filter_map(|(i, rule)| Some((i, rule.limit?)));
    limits.map(|(i, limit)| {
        (i, Limit { count: limit.count.max(1), within_micros: limit.within_micros.map(|micros| micros.max(1)) })
    })
}

/// Of the values of a cluster that were first seen within one span from one of them on: those sets that have too many.
pub(super) fn overfull_spans(
    cluster: &BTreeSet<Value>,
    identifier: usize,
    limit: Limit,
    seen: &BTreeMap<Value, Sightings>,
) -> impl Iterator<Item = BTreeSet<Value>> {
    let values: Vec<&Value> = cluster.iter().filter(|value| value.0 == identifier).collect();
    let is_within = move |start: &Value, value: &Value| match (seen[start].0, seen[value].0, limit.within_micros) {
        (_, _, None) | (None, None, _) => true,
        (Some(start), Some(at), Some(within)) => start <= at && i128::from(at) - i128::from(start) < i128::from(within),
        _ => false,
    };
    let span = move |start: &Value| values.iter().filter(|v| is_within(start, v)).map(|v| (*v).clone()).collect();
    let spans = cluster.iter().filter(move |value| value.0 == identifier).map(span);
    spans.filter(move |span: &BTreeSet<Value>| span.len() > limit.count as usize)
}

/// Which of the old ids each cluster keeps, and the changes of all of them; new ids are taken from `outcome`.
pub(super) fn check_ids(rules: &Rules, rows: &[Row], previous: &[(Value, String)], outcome: &Outcome) {
    let mut seen = values(rules, rows);
    let homeless = homeless(rules, rows);
    seen.retain(|value, _| !homeless.contains_key(value));
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
    let before: BTreeSet<&String> = previous.iter().map(|(_, id)| id).collect();
    for id in before.into_iter().filter(|id| !by_age.iter().any(|(known, _)| known == id)) {
        expected.insert(("gone".to_owned(), id.clone(), String::new()));
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
