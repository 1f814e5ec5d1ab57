use proptest::prelude::*;

use super::*;
use crate::window::Window;

/// One source of an email, two cookies and nothing else that is limited.
const SOURCES: &[(&str, &[usize])] = &[("web", &[0, 1, 1])];

fn rules_within(count: u32, within_micros: Option<i64>) -> Rules {
    let mut rules = rules(&[None; 2], SOURCES);
    rules.identifiers[1].limit = Some(Limit { count, within_micros });
    rules
}

/// Cookies seen with one email, each at its time.
fn cookies(seen: &[(&str, Option<i64>)]) -> Vec<Row> {
    let row = |(cookie, at): &(&str, Option<i64>)| {
        (0, vec![Some("a@x".to_owned()), Some((*cookie).to_owned()), None], *at, *at)
    };
    seen.iter().map(row).collect()
}

/// Which of the cookies are in the email's profile.
fn kept(rules: &Rules, seen: &[(&str, Option<i64>)]) -> Vec<String> {
    let outcome = run(rules, &cookies(seen), &[], PLAIN);
    let refused: Vec<&str> = outcome.conflicts.iter().map(|conflict| conflict.1.1.as_str()).collect();
    let is_in = |cookie: &&str| outcome.is_one((0, "a@x"), (1, cookie));
    let (kept, others): (Vec<&str>, Vec<&str>) = seen.iter().map(|(cookie, _)| *cookie).partition(is_in);
    assert_eq!(others.into_iter().collect::<BTreeSet<_>>(), refused.into_iter().collect());
    kept.into_iter().map(str::to_owned).collect()
}

#[test]
fn what_lies_far_apart_may_be_many() {
    let seen = [("c1", Some(0)), ("c2", Some(10)), ("c3", Some(20)), ("c4", Some(30))];
    assert_eq!(kept(&rules_within(2, Some(20)), &seen), ["c1", "c2", "c3", "c4"]);
    assert_eq!(kept(&rules_within(2, Some(21)), &seen), ["c1", "c2", "c4"]);
    assert_eq!(kept(&rules_within(2, None), &seen), ["c1", "c2"]);
}

#[test]
fn a_span_ends_before_its_length() {
    let rules = rules_within(1, Some(10));
    assert_eq!(kept(&rules, &[("c1", Some(0)), ("c2", Some(10))]), ["c1", "c2"]);
    assert_eq!(kept(&rules, &[("c1", Some(0)), ("c2", Some(9))]), ["c1"]);
    // Less than 1 counts as 1: it is one instant.
    for within in [0, -5] {
        let rules = rules_within(0, Some(within));
        assert_eq!(kept(&rules, &[("c1", Some(3)), ("c2", Some(3)), ("c3", Some(4))]), ["c1", "c3"]);
    }
}

#[test]
fn unknown_times_are_one_instant_far_from_all_others() {
    let seen = [("c1", None), ("c2", None), ("c3", Some(i64::MAX - 1)), ("c4", Some(i64::MIN))];
    assert_eq!(kept(&rules_within(1, Some(i64::MAX)), &seen), ["c1", "c3", "c4"]);
    assert_eq!(kept(&rules_within(1, None), &seen), ["c4"]);
}

#[test]
fn what_refused_an_edge_is_told_with_its_window() {
    let seen = cookies(&[("c1", Some(0)), ("c2", Some(3))]);
    let told = |within| run(&rules_within(0, within), &seen, &[], PLAIN).conflicts;
    for within_micros in [None, Some(5)] {
        let reason = ConflictReason::Limit { identifier: 1, limit: Limit { count: 1, within_micros } };
        let edge = ((0, "a@x".to_owned()), (1, "c2".to_owned()), reason, "web".to_owned(), Some(3));
        assert_eq!(told(within_micros), [edge]);
    }
}

#[test]
fn sets_of_many_values_are_merged_in_the_order_of_time() {
    // Two emails, each with every second cookie; then one row that has both cannot be, as every span would be too full.
    let row = |email: &str, i: i64| (0, vec![Some(email.to_owned()), Some(format!("c{i:03}")), None], Some(i), Some(i));
    let mut rows: Vec<Row> = (0..200).map(|i| row(if i % 2 == 0 { "a@x" } else { "b@x" }, i * 10)).collect();
    rows.push((0, vec![None, Some("c000".to_owned()), Some("c010".to_owned())], Some(0), Some(0)));
    let outcome = run(&rules_within(2, Some(30)), &rows, &[], PLAIN);
    assert!(!outcome.is_one((0, "a@x"), (0, "b@x")));
    assert_eq!(outcome.conflicts.len(), 1);
    let outcome = run(&rules_within(3, Some(30)), &rows, &[], PLAIN);
    assert!(outcome.is_one((0, "a@x"), (0, "b@x")));
    assert_eq!(outcome.profiles.len(), 1);
}

/// Sets of instants by the end of their spans.
fn is_exceeded(times: &[(i64, bool)], count: u32, within: i64, by_both: bool) -> bool {
    let span = |end: i64| times.iter().filter(move |(at, _)| *at <= end && end - at < within).map(|(_, of_a)| *of_a);
    times.iter().any(|(end, _)| {
        let has = |wanted: bool| span(*end).any(|of_a| of_a == wanted);
        span(*end).count() > count as usize && (!by_both || has(true) && has(false))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn spans_are_counted_as_defined(
        mut times in prop::collection::vec((0..120_i64, prop::bool::weighted(0.3)), 0..40),
        count in 1..6_u32,
        within in 1..15_i64,
    ) {
        times.sort_unstable();
        let of = |wanted: bool| times.iter().filter(|(_, of_a)| *of_a == wanted).map(|(at, _)| *at).collect::<Vec<_>>();
        let all: Vec<i64> = times.iter().map(|(at, _)| *at).collect();
        prop_assert_eq!(Window(within).is_exceeded(&all, count), is_exceeded(&times, count, within, false));
        let expected = is_exceeded(&times, count, within, true);
        prop_assert_eq!(Window(within).is_exceeded_by_both(&of(true), &of(false), count), expected);
        prop_assert_eq!(Window(within).is_exceeded_by_both(&of(false), &of(true), count), expected);
    }
}
