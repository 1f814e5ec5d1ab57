//! Values that are linked by likelihood.

use super::*;
use crate::Graph;

/// Rows of two columns, `id0` and `id1`.
fn graph(limit: Option<u32>, rows: &[(&str, &str)], pins: Vec<Pin>) -> Graph {
    let rules = Rules { pins, ..rules(&[None, limit], &[("s", &[0, 1])]) };
    let evidence = Evidence::new(rules).unwrap();
    let mut feeder = evidence.feeder(0, Novelty::Fresh).unwrap();
    let column = |pick: fn(&(&str, &str)) -> String| rows.iter().map(|row| Some(pick(row))).collect::<Vec<_>>();
    let (a, b) = (column(|row| row.0.to_owned()), column(|row| row.1.to_owned()));
    let times = vec![None; rows.len()];
    feeder.push(&[&a, &b], &times, &times).unwrap();
    feeder.finish().unwrap();
    evidence.seal().unwrap()
}

pub(super) fn add(graph: &mut Graph, matches: &[(&str, &str, f64)]) -> usize {
    let names: Vec<Option<String>> = matches.iter().map(|_| Some("id0".to_owned())).collect();
    let column = |pick: fn(&(&str, &str, f64)) -> String| matches.iter().map(|m| Some(pick(m))).collect::<Vec<_>>();
    let (a, b) = (column(|m| m.0.to_owned()), column(|m| m.1.to_owned()));
    let weights: Vec<f64> = matches.iter().map(|m| m.2).collect();
    graph.add_matches([[&names, &a], [&names, &b]], &weights).unwrap()
}

/// The values of `id0`, profile by profile.
pub(super) fn clusters(resolution: &Resolution) -> BTreeSet<BTreeSet<String>> {
    let mut clusters: BTreeMap<ProfileId, BTreeSet<String>> = BTreeMap::new();
    for row in resolution.identifier_rows(RowCursor::default()).filter(|row| row.identifier == 0) {
        clusters.entry(row.profile_id).or_default().insert(row.value.to_owned());
    }
    clusters.into_values().collect()
}

pub(super) fn sets(sets: &[&[&str]]) -> BTreeSet<BTreeSet<String>> {
    sets.iter().map(|set| set.iter().map(|value| (*value).to_owned()).collect()).collect()
}

#[test]
fn what_matches_is_one_profile() {
    let mut graph = graph(None, &[("a", "1"), ("b", "2"), ("c", "3")], vec![]);
    assert_eq!(add(&mut graph, &[("a", "c", 5.0), ("a", "nobody", 9.0)]), 1);
    let resolution = graph.resolve(2).unwrap();
    assert_eq!(clusters(&resolution), sets(&[&["a", "c"], &["b"]]));
    assert_eq!(resolution.summary(1).matches, 1);
}

#[test]
fn of_pairs_that_cannot_all_be_one_the_heaviest_are_whatever_their_order() {
    // Two values of `id1` a profile at most.
    let rows = [("a", "1"), ("b", "2"), ("c", "3")];
    let mut matches = [("a", "b", 3.0), ("b", "c", 7.5), ("a", "c", 7.4)];
    for _ in 0..3 {
        matches.rotate_left(1);
        let mut graph = graph(Some(2), &rows, vec![]);
        add(&mut graph, &matches);
        let resolution = graph.resolve(2).unwrap();
        assert_eq!(clusters(&resolution), sets(&[&["a"], &["b", "c"]]));
        let refused: Vec<_> = resolution.conflicts().map(|c| (c.a.value, c.b.value, c.source, c.first_seen)).collect();
        assert_eq!(refused, [("a", "c", None, None), ("a", "b", None, None)]);
    }
}

#[test]
fn what_rows_tell_comes_before_what_matches() {
    let rows = [("a", "1"), ("b", "2"), ("c", "3"), ("a", "2")];
    let mut graph = graph(Some(2), &rows, vec![]);
    add(&mut graph, &[("b", "c", 99.0)]);
    let resolution = graph.resolve(2).unwrap();
    assert_eq!(clusters(&resolution), sets(&[&["a", "b"], &["c"]]));
}

#[test]
fn pins_win_over_matches() {
    let value = |text: &str| (0, text.to_owned());
    let never = Pin { kind: PinKind::Never, values: [value("a"), value("b")] };
    let mut graph = graph(None, &[("a", "1"), ("b", "2"), ("c", "3")], vec![never]);
    add(&mut graph, &[("a", "b", 30.0), ("a", "c", 5.0), ("b", "c", 4.0)]);
    let resolution = graph.resolve(2).unwrap();
    assert_eq!(clusters(&resolution), sets(&[&["a", "c"], &["b"]]));
    assert_eq!(resolution.conflicts().len(), 2);
}

#[test]
fn a_weight_that_is_no_number_is_no_disaster() {
    let mut graph = graph(Some(1), &[("a", "1"), ("b", "2")], vec![]);
    add(&mut graph, &[("a", "b", f64::NAN), ("a", "b", f64::INFINITY), ("b", "a", f64::NEG_INFINITY)]);
    assert_eq!(clusters(&graph.resolve(2).unwrap()), sets(&[&["a"], &["b"]]));
}
