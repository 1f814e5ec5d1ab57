//! Runs that resolve only what new rows touch, against whole ones.

use proptest::prelude::*;

use super::properties::{feeding, rows, sound};
use super::*;
use crate::{Earlier, Graph, Linkage, Summary, Taken};

/// Two ends, what forbids it, source, time.
type Refused = (Value, Value, ConflictReason, String, Option<i64>);

/// Two values and a weight.
type Match = (Value, Value, i8);

/// Names and values of both ends, and weights.
type MatchColumns = ([[Vec<Option<String>>; 2]; 2], Vec<f64>);

fn columns_of_matches(matches: &[Match]) -> MatchColumns {
    let column = |end: fn(&Match) -> &Value| -> [Vec<Option<String>>; 2] {
        let ends = matches.iter().map(end);
        [
            ends.clone().map(|(identifier, _)| Some(format!("id{identifier}"))).collect(),
            ends.map(|(_, value)| Some(value.clone())).collect(),
        ]
    };
    ([column(|m| &m.0), column(|m| &m.1)], matches.iter().map(|m| f64::from(m.2)).collect())
}

fn add_matches(graph: &mut Graph, matches: &[Match]) {
    let ([a, b], weights) = columns_of_matches(matches);
    graph.add_matches([[&a[0], &a[1]], [&b[0], &b[1]]], &weights).unwrap();
}

/// How many times more each is there than before.
fn changed(before: &[Match], now: &[Match]) -> Vec<(Match, i64)> {
    let mut counts: BTreeMap<&Match, i64> = BTreeMap::new();
    for m in before {
        *counts.entry(m).or_default() -= 1;
    }
    for m in now {
        *counts.entry(m).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count != 0).map(|(m, count)| (m.clone(), count)).collect()
}

/// What a run leaves for the next one, as tables would hold it.
#[derive(Debug, Clone, Default)]
struct Stored {
    /// Files of values; none where a row was deleted.
    files: Vec<Vec<Option<(Value, String)>>>,
    conflicts: Vec<Refused>,
    shared: Vec<(Value, usize, u64)>,
    /// What was told of each value, by whichever run told it last.
    values: BTreeMap<Value, Seen>,
    summary: Summary,
    kept: Vec<KeptPart>,
    /// By which values are linked.
    matches: Vec<Match>,
}

impl Stored {
    fn rows(&self) -> Vec<(Value, String)> {
        self.files.iter().flatten().flatten().cloned().collect()
    }

    fn after(resolution: Resolution) -> Self {
        let mut stored = Self { summary: resolution.summary(MOST), ..Self::default() };
        stored.add(resolution);
        stored
    }

    /// Of a run that resolved only what new rows touched. Tells whether that was enough for a summary.
    #[must_use]
    fn change(&mut self, resolution: Resolution, taken: &Taken) -> bool {
        for (file, places) in self.files.iter_mut().zip(resolution.replaced()) {
            for place in places {
                assert!(file[place as usize].take().is_some(), "a row is replaced once");
            }
        }
        let mut number = 0;
        self.conflicts.retain(|_| {
            number += 1;
            !taken.refused.contains(number - 1)
        });
        let part = resolution.summary(MOST);
        let summary = std::mem::take(&mut self.summary).with_part(taken, &resolution, &part, 1);
        let is_enough = summary.is_some();
        self.summary = summary.unwrap_or_default();
        self.add(resolution);
        is_enough
    }

    fn add(&mut self, resolution: Resolution) {
        let outcome = outcome(&resolution);
        self.files.push(outcome.as_previous().into_iter().map(Some).collect());
        self.values.extend(outcome.values);
        self.conflicts.extend(outcome.conflicts);
        self.shared = outcome.shared;
        let resolution = Arc::new(resolution);
        for novelty in [Novelty::Fresh, Novelty::Newest] {
            self.kept.extend(kept(&resolution, novelty));
        }
    }
}

/// Of so many of the largest profiles is told.
const MOST: usize = 4;

/// A place, the low half of a digest, and a profile.
type Indexed = (i64, i64, i64);

/// Of all rows of a file. Those that are deleted are in it, too, as it never changes: with values and profiles that may mislead.
fn index_of(file: &[Option<(Value, String)>]) -> Vec<Indexed> {
    let misleading = file.iter().flatten().next().cloned();
    let index = |(place, row): (i64, &Option<(Value, String)>)| {
        let (value, profile) = row.as_ref().or(misleading.as_ref())?;
        let profile = ProfileId::parse(profile).unwrap().number().cast_signed();
        Some((place, KEY.digest(&value.1).low.cast_signed(), profile))
    };
    (0..).zip(file).filter_map(index).collect()
}

fn index_columns(index: &[Indexed]) -> [Vec<i64>; 3] {
    [
        index.iter().map(|row| row.0).collect(),
        index.iter().map(|row| row.1).collect(),
        index.iter().map(|row| row.2).collect(),
    ]
}

/// None if only a whole result will do.
fn resolve_touched(
    rules: &Rules,
    stored: &Stored,
    rows: &[Row],
    matches: &[Match],
    feeding: Feeding,
) -> Option<(Resolution, Taken)> {
    let mut evidence = Evidence::new(rules.clone()).unwrap();
    evidence.flush_at = feeding.flush_at;
    feed_rows(&evidence, rows, feeding);
    let mut earlier = Earlier::new(&evidence, KEY);
    let name = |identifier: usize| Some(format!("id{identifier}"));
    let ends = |end: fn(&Refused) -> &Value| -> Vec<Option<String>> {
        stored.conflicts.iter().map(|conflict| Some(end(conflict).1.clone())).collect()
    };
    earlier.refused([&ends(|conflict| &conflict.0), &ends(|conflict| &conflict.1)]).unwrap();
    let names: Vec<_> = stored.shared.iter().map(|((identifier, _), ..)| name(*identifier)).collect();
    let values: Vec<_> = stored.shared.iter().map(|((_, value), ..)| Some(value.clone())).collect();
    let linked: Vec<_> = stored.shared.iter().map(|(_, linked, _)| name(*linked)).collect();
    let degrees: Vec<_> = stored.shared.iter().map(|(.., degree)| Some(*degree as u32)).collect();
    earlier.set_aside(&names, &values, &linked, &degrees).unwrap();
    if earlier.has_linked_aside() {
        return None;
    }
    let (changed, counts): (Vec<Match>, Vec<i64>) = changed(&stored.matches, matches).into_iter().unzip();
    let (ends, weights) = columns_of_matches(&changed);
    earlier.changed([&ends[0][1], &ends[1][1]]).unwrap();

    let looks = earlier.look();
    assert_eq!(looks.is_needed(), rows.iter().any(|row| row.1.iter().any(Option::is_some)) || !changed.is_empty());
    for file in stored.files.iter().filter(|_| looks.is_needed()) {
        let index = index_of(file);
        in_parts(&index, feeding.threads, |index| {
            let mut feeder = looks.feeder();
            for batch in index.chunks(feeding.batch.min(index.len().max(1))) {
                let [places, lows, profiles] = index_columns(batch);
                feeder.push(&places, &lows, &profiles, |place| file[place as usize].is_some()).unwrap();
            }
            feeder.finish();
        });
    }
    let takes = looks.group().unwrap();
    for (number, file) in stored.files.iter().enumerate() {
        let mut wanted = vec![];
        let [places, lows, profiles] = index_columns(&index_of(file));
        takes.wanted(&places, &lows, &profiles, |place| file[place as usize].is_some(), &mut wanted).unwrap();
        let rows: Vec<_> = wanted.iter().map(|wanted| file[wanted.place as usize].clone().unwrap()).collect();
        let mut feeder = takes.feeder(number);
        for (wanted, rows) in wanted.chunks(feeding.batch).zip(rows.chunks(feeding.batch)) {
            let [names, values, _] = columns_of(rows);
            feeder.push(wanted, &names, &values).unwrap();
        }
        feeder.finish().unwrap();
    }
    let touched = takes.end(feeding.threads).unwrap();
    stored.kept.iter().for_each(|part| feed_kept(&evidence, Some(&touched), part, feeding));
    (0..rules.sources.len()).step_by(2).for_each(|source| evidence.end(source).unwrap());
    let mut profiles: Vec<_> = stored.rows().iter().map(|(_, id)| ProfileId::parse(id).unwrap()).collect();
    profiles.sort_unstable();
    profiles.dedup();
    let (mut graph, mut taken) = touched.seal(evidence, Arc::new(profiles)).unwrap();
    add_matches(&mut graph, matches);
    if graph.is_torn() {
        return None;
    }
    let [a, b] = &ends;
    graph.changed_matches([[&a[0], &a[1]], [&b[0], &b[1]]], &weights, &counts).unwrap();
    taken.matches = graph.matches_before();
    Some((graph.resolve(feeding.threads).unwrap(), taken))
}

/// As it is, with a few pairs more, or less, or of another weight.
fn matches() -> impl Strategy<Value = Vec<(usize, Option<Match>)>> {
    let value = || (0..4_usize, 0..10_u8).prop_map(|(identifier, v)| (identifier, format!("v{v}")));
    let pair = (value(), value(), -3..4_i8);
    prop::collection::vec((0..12_usize, prop::option::weighted(0.8, pair)), 0..6)
}

fn matching() -> impl Strategy<Value = MatchRules> {
    let linkage = prop_oneof![Just(Linkage::Any), Just(Linkage::Average), Just(Linkage::Complete)];
    let one_of_each = prop::collection::vec((0..6_usize, 0..4_usize), 0..2);
    (linkage, one_of_each).prop_map(|(linkage, one_of_each)| MatchRules { accept: 0.0, linkage, one_of_each })
}

/// A whole result.
fn resolve_all(
    rules: &Rules,
    rows: &[Row],
    matches: &[Match],
    previous: &[(Value, String)],
    feeding: Feeding,
) -> Resolution {
    let mut graph = graph_of(rules, &[], rows, previous, feeding);
    add_matches(&mut graph, matches);
    graph.resolve(feeding.threads).unwrap()
}

fn sorted<T: Ord + Clone>(rows: &[T]) -> Vec<T> {
    let mut rows = rows.to_vec();
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn to_resolve_what_new_rows_touch_is_to_resolve_all(
        batches in prop::collection::vec((rows(), matches()), 2..5),
        said in sound(),
        matching in matching(),
        feeding in feeding(),
    ) {
        let rules = Rules { matching, ..said.rules() };
        // New rows are of two kinds of novelty.
        let feeding = Feeding { known: 0, ..feeding };
        let (mut read, mut matches) = (vec![], vec![]);
        let mut stored: Option<Stored> = None;
        for (batch, edits) in batches {
            for (at, pair) in edits {
                if at < matches.len() {
                    matches.swap_remove(at);
                }
                matches.extend(pair);
            }
            let previous = stored.as_ref().map_or(vec![], Stored::rows);
            read.extend(batch.clone());
            let whole = resolve_all(&rules, &read, &matches, &previous, PLAIN);
            let expected = outcome(&whole);
            let part = stored.as_ref().and_then(|stored| resolve_touched(&rules, stored, &batch, &matches, feeding));
            match (&mut stored, part) {
                (stored, None) => {
                    *stored = Some(Stored::after(resolve_all(&rules, &read, &matches, &previous, feeding)));
                }
                (None, Some(_)) => unreachable!("a part is one of something stored"),
                (Some(stored), Some((part, taken))) => {
                    let found = outcome(&part);
                    if batch.iter().any(|row| row.1.iter().any(Option::is_some)) {
                        prop_assert_eq!(&found.unused_pins, &expected.unused_pins);
                    }
                    prop_assert_eq!(&found.changes, &expected.changes);
                    for (value, seen) in &found.values {
                        prop_assert_eq!(Some(seen), expected.values.get(value));
                    }
                    if !stored.change(part, &taken) {
                        stored.summary = whole.summary(MOST);
                    }
                }
            }
            let stored = stored.as_mut().unwrap();
            stored.matches.clone_from(&matches);
            prop_assert_eq!(sorted(&stored.rows()), sorted(&expected.as_previous()));
            for (value, seen) in &expected.values {
                prop_assert_eq!(Some(seen), stored.values.get(value));
            }
            prop_assert_eq!(&stored.shared, &expected.shared);
            let told = |conflicts: &[Refused]| {
                sorted(&conflicts.iter().map(|c| format!("{c:?}")).collect::<Vec<_>>())
            };
            prop_assert_eq!(told(&stored.conflicts), told(&expected.conflicts));
            let summary = whole.summary(MOST);
            let largest = &stored.summary.largest;
            prop_assert_eq!(largest, &summary.largest[..largest.len()]);
            prop_assert_eq!(&Summary { largest: summary.largest.clone(), ..stored.summary.clone() }, &summary);
        }
    }
}

/// The bits of a value's digest that it is looked for by.
fn top(value: &str) -> u64 {
    KEY.digest(value).low >> 61
}

#[test]
fn what_new_rows_do_not_touch_is_not_looked_at() {
    let rules = rules(&[Some(1), None, None], &[("crm", &[0, 1, 2])]);
    // Two profiles that a refused edge keeps apart are one group; the third is another.
    let before = [row(["a", "x", ""], 1), row(["b", "x", ""], 2), row(["c", "y", ""], 3)];
    let stored = Stored::after(resolve(&rules, &before, &[], PLAIN).unwrap());
    let (part, taken) = resolve_touched(&rules, &stored, &[row(["b", "", "z"], 4)], &[], PLAIN).unwrap();
    assert_eq!(taken.sizes.len(), 2);
    assert_eq!(taken.values, [2, 1, 0]);
    let values: Vec<Value> = outcome(&part).values.into_keys().collect();
    assert_eq!(values, [(0, "b".to_owned()), (2, "z".to_owned())], "nothing new is known of a and x");
    // Where tests have few bits of digests, others may be looked at in vain.
    let is_another = |new: &str| ["a", "b", "c", "x", "y"].iter().all(|old| top(old) != top(new));
    let new: Vec<String> = (0..1000).map(|i| format!("d{i}")).filter(|new| is_another(new)).take(2).collect();
    let (part, taken) = resolve_touched(&rules, &stored, &[row([&new[0], "", &new[1]], 4)], &[], PLAIN).unwrap();
    assert_eq!((taken.sizes.len(), outcome(&part).values.len()), (0, 2));
    let (part, _) = resolve_touched(&rules, &stored, &[], &[], PLAIN).unwrap();
    assert_eq!(outcome(&part), Outcome::default());
}

#[test]
fn a_match_of_a_new_value_may_link_what_is_not_looked_at() {
    let matching = MatchRules { accept: 0.0, ..MatchRules::default() };
    let rules = Rules { matching, ..rules(&[None; 3], &[("crm", &[0, 1, 2])]) };
    let before = [row(["a", "x", ""], 1)];
    let is_another = |new: &str| ["a", "x"].iter().all(|old| top(old) != top(new));
    let new = (0..1000).map(|i| format!("d{i}")).find(|new| is_another(new)).unwrap();
    let pair = |weight: i8| vec![((0, new.clone()), (0, "a".to_owned()), weight)];
    for (weight, is_torn) in [(3, true), (-3, false)] {
        // It was there before, and so was the first of its values, but on no row.
        let matches = pair(weight);
        let whole = resolve_all(&rules, &before, &matches, &[], PLAIN);
        let stored = Stored { matches: matches.clone(), ..Stored::after(whole) };
        let part = resolve_touched(&rules, &stored, &[row([&new, "", ""], 2)], &matches, PLAIN);
        assert_eq!(part.is_none(), is_torn);
        // Had it not been there, both its values would be looked at.
        let stored = Stored { matches: vec![], ..stored };
        let (part, taken) = resolve_touched(&rules, &stored, &[row([&new, "", ""], 2)], &matches, PLAIN).unwrap();
        assert_eq!(outcome(&part).profiles.len(), if is_torn { 1 } else { 2 });
        assert_eq!((taken.sizes.len(), taken.matches, part.summary(1).matches), (1, 0, u64::from(is_torn)));
    }
}
