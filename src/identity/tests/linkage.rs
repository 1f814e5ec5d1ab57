//! What must hold between groups before a match makes them one.

use proptest::prelude::*;

use super::matches::{add, clusters, sets};
use super::*;
use crate::{Graph, Linkage, MatchRules};

/// Rows of two tables: records, which are `id0`, and what links some of them, `id1`.
fn graph(matching: MatchRules, rows: &[(usize, &str, &str)]) -> Graph {
    let rules = Rules { matching, ..rules(&[None, None], &[("s", &[0, 1]), ("t", &[0, 1])]) };
    let evidence = Evidence::new(rules).unwrap();
    for source in [0, 1] {
        let mut feeder = evidence.feeder(source, Novelty::Fresh).unwrap();
        let of = || rows.iter().filter(|row| row.0 == source);
        let a: Vec<Option<String>> = of().map(|row| Some(row.1.to_owned())).collect();
        let b: Vec<Option<String>> = of().map(|row| Some(row.2.to_owned())).collect();
        let times = vec![None; a.len()];
        feeder.push(&[&a, &b], &times, &times).unwrap();
        feeder.finish().unwrap();
    }
    evidence.seal().unwrap()
}

fn resolved(matching: MatchRules, rows: &[(usize, &str, &str)], matches: &[(&str, &str, f64)]) -> Resolution {
    let mut graph = graph(matching, rows);
    add(&mut graph, matches);
    graph.resolve(2).unwrap()
}

fn linked_by(linkage: Linkage) -> MatchRules {
    MatchRules { accept: 5.0, linkage, one_of_each: vec![] }
}

fn reasons(resolution: &Resolution) -> Vec<(String, String, ConflictReason)> {
    resolution.conflicts().map(|c| (c.a.value.to_owned(), c.b.value.to_owned(), c.reason)).collect()
}

const FOUR: [(usize, &str, &str); 4] = [(0, "a", ""), (0, "b", ""), (0, "c", ""), (0, "d", "")];

#[test]
fn a_chain_glues_strangers_only_where_any_pair_may() {
    let chain = [("a", "b", 9.0), ("b", "c", 8.0), ("c", "d", 7.0)];
    let any = resolved(linked_by(Linkage::Any), &FOUR, &chain);
    assert_eq!(clusters(&any), sets(&[&["a", "b", "c", "d"]]));
    for linkage in [Linkage::Average, Linkage::Complete] {
        let resolution = resolved(linked_by(linkage), &FOUR, &chain);
        assert_eq!(clusters(&resolution), sets(&[&["a", "b"], &["c", "d"]]), "{linkage:?}");
        assert_eq!(reasons(&resolution), [("b".into(), "c".into(), ConflictReason::Linkage)]);
    }
}

#[test]
fn on_average_most_pairs_must_match_and_completely_all() {
    let matches = [("a", "b", 9.0), ("a", "c", 8.0), ("b", "c", 8.0), ("d", "a", 7.0), ("d", "b", 7.0)];
    let average = resolved(linked_by(Linkage::Average), &FOUR, &matches);
    assert_eq!(clusters(&average), sets(&[&["a", "b", "c", "d"]]));
    let complete = resolved(linked_by(Linkage::Complete), &FOUR, &matches);
    assert_eq!(clusters(&complete), sets(&[&["a", "b", "c"], &["d"]]));
    // What is no edge by itself counts for an average, and for nothing else.
    let doubtful = [("a", "b", 9.0), ("b", "c", 8.0), ("a", "c", 3.0)];
    let average = resolved(linked_by(Linkage::Average), &FOUR, &doubtful);
    assert_eq!(clusters(&average), sets(&[&["a", "b", "c"], &["d"]]));
    assert_eq!(average.summary(1).matches, 2);
    let complete = resolved(linked_by(Linkage::Complete), &FOUR, &doubtful);
    assert_eq!(clusters(&complete), sets(&[&["a", "b"], &["c"], &["d"]]));
}

#[test]
fn what_rows_make_one_is_one_group() {
    let rows = [(0, "a", "1"), (0, "b", "1"), (0, "c", "2"), (0, "d", "2")];
    let resolution = resolved(linked_by(Linkage::Complete), &rows, &[("a", "c", 6.0)]);
    assert_eq!(clusters(&resolution), sets(&[&["a", "b", "c", "d"]]));
}

#[test]
fn a_record_has_no_more_than_one_of_the_other_table() {
    let one_to_one = || MatchRules { accept: 5.0, linkage: Linkage::Any, one_of_each: vec![(0, 0), (1, 0)] };
    let rows = [(0, "a", ""), (0, "b", ""), (1, "x", ""), (1, "y", "")];
    let matches = [("a", "x", 9.0), ("a", "y", 8.0), ("b", "y", 7.0), ("b", "x", 6.0)];
    let resolution = resolved(one_to_one(), &rows, &matches);
    assert_eq!(clusters(&resolution), sets(&[&["a", "x"], &["b", "y"]]));
    let refused: Vec<_> = reasons(&resolution).into_iter().map(|reason| reason.2).collect();
    assert_eq!(refused, [ConflictReason::OneToOne; 2]);
    // What rows link stays linked, and counts: `a` has a record of the other table already.
    let rows = [(0, "a", "1"), (1, "x", "1"), (1, "y", "")];
    let resolution = resolved(one_to_one(), &rows, &[("a", "y", 30.0)]);
    assert_eq!(clusters(&resolution), sets(&[&["a", "x"], &["y"]]));
}

/// Straight from the definition, for records that no rows link.
fn naive(names: &[String], matching: &MatchRules, pairs: &BTreeMap<(usize, usize), f64>) -> BTreeSet<BTreeSet<String>> {
    let mut sets: Vec<BTreeSet<usize>> = (0..names.len()).map(|i| BTreeSet::from([i])).collect();
    let mut order: Vec<(f64, (usize, usize))> = pairs.iter().map(|(pair, weight)| (*weight, *pair)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (weight, (a, b)) in order {
        let at = |i: usize| sets.iter().position(|set| set.contains(&i)).unwrap();
        let (x, y) = (at(a), at(b));
        if weight < matching.accept || x == y {
            continue;
        }
        let between = sets[x].iter().flat_map(|i| sets[y].iter().map(|j| (*i.min(j), *i.max(j))));
        let weights: Vec<Option<f64>> = between.map(|pair| pairs.get(&pair).copied()).collect();
        let probability = |weight: f64| 1.0 / (1.0 + (-weight).exp2());
        let allowed = match matching.linkage {
            Linkage::Any => true,
            Linkage::Complete => weights.iter().all(|weight| weight.is_some_and(|weight| weight >= matching.accept)),
            Linkage::Average => {
                let sum: f64 = weights.iter().flatten().map(|weight| probability(*weight)).sum();
                let pairs = f64::from(u32::try_from(weights.len()).unwrap());
                sum >= pairs * probability(matching.accept).min(0.5) - 1e-9
            }
        };
        // Records with an even number are of the first table.
        let has = |set: &BTreeSet<usize>, table: usize| set.iter().any(|i| i % 2 == table);
        let twice = (0..2).any(|table| has(&sets[x], table) && has(&sets[y], table));
        let one_to_one = !matching.one_of_each.is_empty();
        if allowed && !(twice && one_to_one) {
            let moved = std::mem::take(&mut sets[y]);
            sets[x].extend(moved);
        }
    }
    let filled = sets.into_iter().filter(|set| !set.is_empty());
    filled.map(|set| set.into_iter().map(|i| names[i].clone()).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn clusters_are_as_they_are_defined(
        // Weights with few values, none of which makes a mean that is a half but for rounding.
        pairs in prop::collection::btree_map((0..7_usize, 0..7_usize), 1..12_i8, 0..16),
        linkage in prop_oneof![Just(Linkage::Any), Just(Linkage::Average), Just(Linkage::Complete)],
        one_to_one in any::<bool>(),
        turn in 0..16_usize,
    ) {
        let pairs: BTreeMap<(usize, usize), f64> =
            pairs.into_iter().filter(|((a, b), _)| a < b).map(|(pair, w)| (pair, f64::from(w) - 0.25)).collect();
        let names: Vec<String> = (0..7).map(|i| format!("r{i}")).collect();
        let one_of_each = if one_to_one { vec![(0, 0), (1, 0)] } else { vec![] };
        let matching = MatchRules { accept: 3.0, linkage, one_of_each };
        let rows: Vec<(usize, &str, &str)> = names.iter().enumerate().map(|(i, name)| (i % 2, name.as_str(), "")).collect();
        let mut matches: Vec<(&str, &str, f64)> =
            pairs.iter().map(|((a, b), weight)| (names[*a].as_str(), names[*b].as_str(), *weight)).collect();
        let expected = naive(&names, &matching, &pairs);
        let turn = turn.min(matches.len());
        matches.rotate_left(turn);
        prop_assert_eq!(clusters(&resolved(matching, &rows, &matches)), expected);
    }
}
