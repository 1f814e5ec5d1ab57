use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;

const SOURCES: &[(&str, &[usize])] = &[
    ("crm.contacts", &[0, 1, 2]),
    ("web.events", &[2, 1]),
    ("shop.orders", &[1, 3]),
    ("web.events", &[0, 3]),
    ("twins", &[2, 2]),
    ("visits", &[1, 2, 2]),
];

pub(super) fn rows() -> impl Strategy<Value = Vec<Row>> {
    // Few values and times, so that they meet.
    let value = || prop::option::weighted(0.7, (0..9_u8).prop_map(|v| format!("v{v}")));
    let time = || prop::option::weighted(0.8, 0..6_i64);
    let row = (0..SOURCES.len()).prop_flat_map(move |source| {
        let width = SOURCES[source].1.len();
        (Just(source), prop::collection::vec(value(), width), time(), time())
    });
    prop::collection::vec(row, 0..40)
}

/// What rules may say beside names.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) limits: Vec<Option<Limit>>,
    pub(super) shared_above: Vec<Option<u32>>,
    pub(super) pins: Vec<(PinKind, Value, Value)>,
}

impl Said {
    pub(super) fn rules(&self) -> Rules {
        let mut rules = rules(&[None; 4], SOURCES);
        for (i, rule) in rules.identifiers.iter_mut().enumerate() {
            (rule.limit, rule.shared_above) = (self.limits[i], self.shared_above[i]);
        }
        rules.pins = self.pins.iter().map(|(kind, a, b)| Pin { kind: *kind, values: [a.clone(), b.clone()] }).collect();
        rules
    }

    /// Without the never-pins that could contradict always-pins, whatever is on rows.
    fn without_contradictions(mut self) -> Self {
        let pinned: BTreeSet<Value> = self.pins.iter().flat_map(|(_, a, b)| [a.clone(), b.clone()]).collect();
        let sets = naive::pinned_sets(pinned, &self.rules().pins);
        let is_one = |a: &Value, b: &Value| sets.iter().any(|set| set.contains(a) && set.contains(b));
        self.pins.retain(|(kind, a, b)| *kind == PinKind::Always || !is_one(a, b));
        self
    }
}

pub(super) fn said() -> impl Strategy<Value = Said> {
    let limit =
        (0..4_u32, prop::option::of(0..5_i64)).prop_map(|(count, within_micros)| Limit { count, within_micros });
    let limits = prop::collection::vec(prop::option::of(limit), 4);
    let shared_above = prop::collection::vec(prop::option::weighted(0.3, 0..7_u32), 4);
    // One value more than rows have.
    let value = || (0..4_usize, 0..10_u8).prop_map(|(identifier, v)| (identifier, format!("v{v}")));
    let kind = prop_oneof![Just(PinKind::Always), Just(PinKind::Never)];
    let pins = prop::collection::vec((kind, value(), value()), 0..6);
    (limits, shared_above, pins).prop_map(|(limits, shared_above, pins)| Said { limits, shared_above, pins })
}

pub(super) fn sound() -> impl Strategy<Value = Said> {
    said().prop_map(Said::without_contradictions)
}

pub(super) fn feeding() -> impl Strategy<Value = Feeding> {
    let known_and_newest = (0..40_usize, 0..10_usize);
    (1..20_usize, 1..50_usize, 1..4_usize, known_and_newest)
        .prop_map(|(batch, flush_at, threads, (known, newest))| Feeding { batch, flush_at, threads, known, newest })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn without_rules_clusters_are_connected_components(rows in rows()) {
        let rules = rules(&[None; 4], SOURCES);
        let outcome = run(&rules, &rows, &[], PLAIN);
        let expected = naive::cluster(&rules, &rows).unwrap_or_else(|_| unreachable!("there are no pins"));
        prop_assert_eq!(outcome.clusters(), expected.clusters);
        prop_assert!(expected.refused.is_empty() && outcome.conflicts.is_empty());
        prop_assert!(outcome.shared.is_empty() && outcome.unused_pins.is_empty());
    }

    #[test]
    fn what_comes_out_is_what_is_defined(rows in rows(), said in said()) {
        let rules = said.rules();
        let outcome = try_run(&rules, &rows, &[], PLAIN);
        let expected = match naive::cluster(&rules, &rows) {
            Ok(expected) => expected,
            Err(never) => {
                prop_assert_eq!(outcome, Err(IdentityError::ContradictoryPins { never }));
                return Ok(());
            }
        };
        let outcome = outcome.unwrap();
        prop_assert_eq!(outcome.clusters(), expected.clusters);
        let name = |source: usize| rules.sources[source].name.clone();
        let told = expected.refused.into_iter().map(|((a, b, at, source), reason)| (a, b, reason, name(source), at));
        prop_assert_eq!(outcome.conflicts, told.collect::<Vec<_>>());
        let shared = naive::seen_with_too_many(&rules, &rows).into_iter();
        let mut shared: Vec<_> = shared.map(|(value, (linked, degree))| (value, linked, degree)).collect();
        shared.sort_by_key(|(value, _, degree)| (value.0, Reverse(*degree), value.1.clone()));
        prop_assert_eq!(outcome.shared, shared);
        let seen = naive::values(&rules, &rows);
        let in_force: BTreeSet<usize> = naive::in_force(&rules, &seen).map(|(i, _)| i).collect();
        let unused: Vec<usize> = (0..rules.pins.len()).filter(|i| !in_force.contains(i)).collect();
        prop_assert_eq!(outcome.unused_pins, unused);
    }

    #[test]
    fn limits_hold_save_where_pins_alone_break_them(rows in rows(), said in sound()) {
        let rules = said.rules();
        let outcome = run(&rules, &rows, &[], PLAIN);
        let seen = naive::values(&rules, &rows);
        let pins = naive::in_force(&rules, &seen).map(|(_, pin)| pin);
        let pinned = naive::pinned_sets(seen.keys().cloned(), pins);
        for cluster in outcome.clusters() {
            for (identifier, limit) in naive::limits(&rules) {
                for span in naive::overfull_spans(&cluster, identifier, limit, &seen) {
                    prop_assert!(pinned.iter().any(|set| span.is_subset(set)), "{:?} of {:?}", span, cluster);
                }
            }
        }
    }

    #[test]
    fn pins_are_kept(rows in rows(), said in sound()) {
        let rules = said.rules();
        let outcome = run(&rules, &rows, &[], PLAIN);
        let seen = naive::values(&rules, &rows);
        for (_, pin) in naive::in_force(&rules, &seen) {
            let [a, b] = pin.values.each_ref().map(|value| outcome.values.get(value).map(|seen| &seen.0));
            match pin.kind {
                PinKind::Always => prop_assert!(a.is_some() && a == b),
                PinKind::Never => prop_assert!(a.is_none() || b.is_none() || a != b),
            }
        }
    }

    #[test]
    fn values_that_are_shared_link_nothing(rows in rows(), said in sound()) {
        let rules = said.rules();
        let outcome = run(&rules, &rows, &[], PLAIN);
        // Without them on rows, the others end as they did. Those that pins link are on rows of their own.
        let mut unshared = rules.clone();
        unshared.identifiers.iter_mut().for_each(|rule| rule.shared_above = None);
        let (homeless, too_many) = (naive::homeless(&rules, &rows), naive::seen_with_too_many(&rules, &rows));
        let mut without = rows.clone();
        for (source, row, first, last) in &rows {
            for (column, value) in row.iter().enumerate() {
                let Some(text) = value else { continue };
                let value = (rules.sources[*source].identifiers[column], text.clone());
                if too_many.contains_key(&value) && !homeless.contains_key(&value) {
                    let only = (0..row.len()).map(|c| Some(text.clone()).filter(|_| c == column)).collect();
                    without.push((*source, only, *first, *last));
                }
            }
        }
        for (source, row, ..) in without.iter_mut().take(rows.len()) {
            for (identifier, value) in rules.sources[*source].identifiers.iter().zip(row) {
                *value = value.take().filter(|text| !too_many.contains_key(&(*identifier, text.clone())));
            }
        }
        let other = run(&unshared, &without, &[], PLAIN);
        prop_assert_eq!(other.values, outcome.values);
        prop_assert_eq!(other.conflicts, outcome.conflicts);
    }

    #[test]
    fn values_know_when_and_where_they_were_seen(rows in rows(), said in sound()) {
        let rules = said.rules();
        let outcome = run(&rules, &rows, &[], PLAIN);
        let seen: BTreeMap<_, _> =
            outcome.values.into_iter().map(|(value, (_, first, last, sources))| (value, (first, last, sources))).collect();
        let name = |source: usize| rules.sources[source].name.clone();
        let homeless = naive::homeless(&rules, &rows);
        let expected: BTreeMap<_, _> = naive::values(&rules, &rows)
            .into_iter()
            .filter(|(value, _)| !homeless.contains_key(value))
            .map(|(value, (first, last, sources))| (value, (first, last, sources.into_iter().map(name).collect::<Vec<_>>())))
            .collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn nothing_depends_on_how_rows_arrive(
        before in rows(),
        (rows, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        said in sound(),
        plain_shuffle in any::<bool>(),
        feeding in feeding(),
    ) {
        let rules = said.rules();
        let previous = run(&rules, &before, &[], PLAIN).as_previous();
        let mut turned = previous.clone();
        if plain_shuffle { turned.reverse(); }
        let expected = run(&rules, &rows, &previous, PLAIN);
        prop_assert_eq!(run(&rules, &shuffled, &turned, feeding), expected);
    }

    #[test]
    fn ids_stay_with_the_oldest(before in rows(), after in rows(), said in sound(), other in sound()) {
        let previous = run(&said.rules(), &before, &[], PLAIN).as_previous();
        let rules = other.rules();
        // What changed: rows gone, rows new, rules other ones.
        let rows: Vec<Row> = before.iter().skip(before.len() / 3).chain(&after).cloned().collect();
        let outcome = run(&rules, &rows, &previous, PLAIN);
        naive::check_ids(&rules, &rows, &previous, &outcome);
    }

    #[test]
    fn a_second_run_over_the_same_rows_changes_nothing(rows in rows(), said in sound()) {
        let rules = said.rules();
        let first = run(&rules, &rows, &[], PLAIN);
        let second = run(&rules, &rows, &first.as_previous(), PLAIN);
        prop_assert_eq!(&second.values, &first.values);
        prop_assert!(second.changes.is_empty());
        // And a build from nothing gives the ids of the first one.
        prop_assert_eq!(run(&rules, &rows, &[], PLAIN), first);
    }

    #[test]
    fn rows_in_batches_lead_to_what_all_of_them_lead_to(
        batches in prop::collection::vec(rows(), 1..4),
        said in sound(),
    ) {
        let rules = said.rules();
        let mut seen = Vec::new();
        let mut last = Outcome::default();
        for batch in batches {
            seen.extend(batch);
            last = run(&rules, &seen, &last.as_previous(), PLAIN);
        }
        let whole = run(&rules, &seen, &[], PLAIN);
        let links = |value: &Value| {
            whole.values.contains_key(value) && whole.shared.iter().all(|(shared, ..)| shared != value)
        };
        prop_assert_eq!(&whole.edges, &naive::edge_counts(&rules, &seen, links));
        prop_assert_eq!(last.clusters(), whole.clusters());
        prop_assert_eq!(&last.edges, &whole.edges);
        prop_assert_eq!((&last.conflicts, &last.shared), (&whole.conflicts, &whole.shared));
        // What a rebuild makes of it, which knows of the last run: nothing changes, not even an id.
        let rebuilt = run(&rules, &seen, &last.as_previous(), PLAIN);
        prop_assert_eq!(&rebuilt.values, &last.values);
        prop_assert!(rebuilt.changes.is_empty());
    }

    #[test]
    fn rows_that_were_kept_stand_for_those_they_were_made_of(
        batches in prop::collection::vec(rows(), 1..5),
        taken_back in 0..10_usize,
        said in sound(),
        feeding in feeding(),
    ) {
        let rules = said.rules();
        // What each run read, and what was kept of it.
        let (mut read, mut parts): (Vec<Vec<Row>>, Vec<Vec<KeptPart>>) = (vec![], vec![]);
        let mut previous = vec![];
        for batch in batches {
            let newest = batch.len() / 3;
            let feeding = Feeding { known: 0, newest, ..feeding };
            let resolution = resolve_more(&rules, &parts.concat(), &batch, &previous, feeding).unwrap();
            let resolution = Arc::new(resolution);
            prop_assert_eq!(kept(&resolution, Novelty::Known), vec![]);
            let (fresh, newest) = batch.split_at(batch.len() - newest);
            for (rows, novelty) in [(fresh, Novelty::Fresh), (newest, Novelty::Newest)] {
                read.push(rows.to_vec());
                parts.push(kept(&resolution, novelty));
                prop_assert!(parts.last().unwrap().iter().map(|part| part.rows.len()).sum::<usize>() <= rows.len());
            }
            let now = outcome(&resolution);
            prop_assert_eq!(&now, &run(&rules, &read.concat(), &previous, PLAIN));
            previous = now.as_previous();
        }
        // One part is taken back.
        if taken_back < parts.len() {
            parts.remove(taken_back);
            read.remove(taken_back);
        }
        let now = resolve_more(&rules, &parts.concat(), &[], &previous, PLAIN).unwrap();
        prop_assert_eq!(outcome(&now), run(&rules, &read.concat(), &previous, PLAIN));
    }

    #[test]
    fn taking_back_what_was_added_gives_the_state_before(before in rows(), added in rows(), said in sound()) {
        // What is added is later: an older value could make another profile the oldest, and so another id stay.
        let at = |row: Row, from: i64| (row.0, row.1, Some(row.2.unwrap_or(0) + from), Some(row.3.unwrap_or(0) + from));
        let before: Vec<Row> = before.into_iter().map(|row| at(row, 0)).collect();
        let both: Vec<Row> = before.iter().cloned().chain(added.into_iter().map(|row| at(row, 1_000_000))).collect();
        let there_and_back = |rules: &Rules| {
            let first = run(rules, &before, &[], PLAIN);
            let more = run(rules, &both, &first.as_previous(), PLAIN);
            (run(rules, &before, &more.as_previous(), PLAIN), first)
        };
        let (back, first) = there_and_back(&said.rules());
        prop_assert_eq!(back.clusters(), first.clusters());
        prop_assert_eq!((&back.conflicts, &back.shared), (&first.conflicts, &first.shared));
        // Even the ids, unless what was added set values aside or apart: then an id may have stayed with others meanwhile.
        let (back, first) = there_and_back(&rules(&[None; 4], SOURCES));
        prop_assert_eq!(back.values, first.values);
    }
}
