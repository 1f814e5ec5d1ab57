use proptest::prelude::*;

use super::*;

const SOURCES: &[(&str, &[usize])] = &[
    ("crm.contacts", &[0, 1, 2]),
    ("web.events", &[2, 1]),
    ("shop.orders", &[1, 3]),
    ("web.events", &[0, 3]),
    ("twins", &[2, 2]),
];

fn rows() -> impl Strategy<Value = Vec<Row>> {
    // Few values and times, so that they meet.
    let value = || prop::option::weighted(0.7, (0..9_u8).prop_map(|v| format!("v{v}")));
    let time = || prop::option::weighted(0.8, 0..6_i64);
    let row = (0..SOURCES.len()).prop_flat_map(move |source| {
        let width = SOURCES[source].1.len();
        (Just(source), prop::collection::vec(value(), width), time(), time())
    });
    prop::collection::vec(row, 0..40)
}

fn limits() -> impl Strategy<Value = Vec<Option<u32>>> {
    prop::collection::vec(prop::option::of(1..4_u32), 4)
}

fn feeding() -> impl Strategy<Value = Feeding> {
    (1..20_usize, 1..50_usize, 1..4_usize).prop_map(|(batch, flush_at, threads)| Feeding { batch, flush_at, threads })
}

proptest! {
    #[test]
    fn without_limits_clusters_are_connected_components(rows in rows()) {
        let rules = rules(&[None; 4], SOURCES);
        let outcome = run(&rules, &rows, &[], PLAIN);
        let (clusters, refused) = naive::cluster(&rules, &rows);
        prop_assert_eq!(outcome.clusters(), clusters);
        prop_assert!(refused.is_empty() && outcome.conflicts.is_empty());
    }

    #[test]
    fn limits_hold_and_what_they_refuse_is_told(rows in rows(), limits in limits()) {
        let rules = rules(&limits, SOURCES);
        let outcome = run(&rules, &rows, &[], PLAIN);
        for cluster in outcome.clusters() {
            prop_assert_eq!(naive::broken_limit(&rules, &cluster), None);
        }
        let (clusters, refused) = naive::cluster(&rules, &rows);
        prop_assert_eq!(outcome.clusters(), clusters);
        let name = |source: usize| rules.sources[source].name.clone();
        let told: Vec<_> = refused.into_iter().map(|((a, b, at, source), i)| (a, b, i, name(source), at)).collect();
        prop_assert_eq!(outcome.conflicts, told);
    }

    #[test]
    fn values_know_when_and_where_they_were_seen(rows in rows(), limits in limits()) {
        let rules = rules(&limits, SOURCES);
        let outcome = run(&rules, &rows, &[], PLAIN);
        let seen: BTreeMap<_, _> =
            outcome.values.into_iter().map(|(value, (_, first, last, sources))| (value, (first, last, sources))).collect();
        let name = |source: usize| rules.sources[source].name.clone();
        let expected: BTreeMap<_, _> = naive::values(&rules, &rows)
            .into_iter()
            .map(|(value, (first, last, sources))| (value, (first, last, sources.into_iter().map(name).collect::<Vec<_>>())))
            .collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn nothing_depends_on_how_rows_arrive(
        before in rows(),
        (rows, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        limits in limits(),
        plain_shuffle in any::<bool>(),
        feeding in feeding(),
    ) {
        let rules = rules(&limits, SOURCES);
        let previous = run(&rules, &before, &[], PLAIN).as_previous();
        let mut turned = previous.clone();
        if plain_shuffle { turned.reverse(); }
        let expected = run(&rules, &rows, &previous, PLAIN);
        prop_assert_eq!(run(&rules, &shuffled, &turned, feeding), expected);
    }

    #[test]
    fn ids_stay_with_the_oldest(before in rows(), after in rows(), limits in limits(), tighter in limits()) {
        let old_rules = rules(&limits, SOURCES);
        let previous = run(&old_rules, &before, &[], PLAIN).as_previous();
        let rules = rules(&tighter, SOURCES);
        // What changed: rows gone, rows new, limits other ones.
        let rows: Vec<Row> = before.iter().skip(before.len() / 3).chain(&after).cloned().collect();
        let outcome = run(&rules, &rows, &previous, PLAIN);
        naive::check_ids(&rules, &rows, &previous, &outcome);
    }

    #[test]
    fn a_second_run_over_the_same_rows_changes_nothing(rows in rows(), limits in limits()) {
        let rules = rules(&limits, SOURCES);
        let first = run(&rules, &rows, &[], PLAIN);
        let second = run(&rules, &rows, &first.as_previous(), PLAIN);
        prop_assert_eq!(&second.values, &first.values);
        prop_assert!(second.changes.is_empty());
        // And a build from nothing gives the ids of the first one.
        prop_assert_eq!(run(&rules, &rows, &[], PLAIN), first);
    }
}
