//! The kernel against its definition, on small random inputs and on named ones.

mod ids;
mod linkage;
mod matches;
mod naive;
mod pins;
mod properties;
mod shared;
mod touched;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{
    Change, ConflictReason, DigestKey, EdgeCount, Evidence, Graph, IdentifierRule, IdentityError, KeptRow, KeptSource,
    KeptValue, KnownValues, Limit, MatchRules, Novelty, NumberColumn, Pin, PinKind, ProfileId, Resolution, RowCursor,
    RowSource, Rules, Touched,
};

/// A row: its source, its values in the order of the source's columns, when it was first and last seen.
type Row = (usize, Vec<Option<String>>, Option<i64>, Option<i64>);

/// How the kernel is fed: none of it may matter.
#[derive(Debug, Clone, Copy)]
struct Feeding {
    batch: usize,
    flush_at: usize,
    threads: usize,
    /// So many of the first rows are known from an earlier run.
    known: usize,
    /// So many of the last rows are the newest.
    newest: usize,
}

const KEY: DigestKey = DigestKey::new(*b"only those of it");

const PLAIN: Feeding = Feeding { batch: usize::MAX, flush_at: usize::MAX, threads: 1, known: 0, newest: 0 };

/// What one value ended with: its profile, first and last time, and sources.
type Seen = (String, Option<i64>, Option<i64>, Vec<String>);
/// Identifier and value.
type Value = (usize, String);

/// Everything that comes out, in a form without order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Outcome {
    values: BTreeMap<Value, Seen>,
    profiles: BTreeSet<String>,
    changes: BTreeSet<(String, String, String)>,
    /// Two ends, what forbids it, source, time.
    conflicts: Vec<(Value, Value, ConflictReason, String, Option<i64>)>,
    /// What is seen with too many of which identifier, and how many.
    shared: Vec<(Value, usize, u64)>,
    unused_pins: Vec<usize>,
    edges: Vec<EdgeCount>,
}

impl Outcome {
    /// The clusters, each as a set of values.
    fn clusters(&self) -> BTreeSet<BTreeSet<Value>> {
        let mut clusters: BTreeMap<&str, BTreeSet<Value>> = BTreeMap::new();
        for (value, (profile, ..)) in &self.values {
            clusters.entry(profile).or_default().insert(value.clone());
        }
        clusters.into_values().collect()
    }

    fn is_one(&self, a: (usize, &str), b: (usize, &str)) -> bool {
        self.profile(a.0, a.1) == self.profile(b.0, b.1)
    }

    fn profile(&self, identifier: usize, value: &str) -> &str {
        &self.values[&(identifier, value.to_owned())].0
    }

    /// Rows as the next run reads them.
    fn as_previous(&self) -> Vec<(Value, String)> {
        self.values.iter().map(|(value, (profile, ..))| (value.clone(), profile.clone())).collect()
    }
}

fn rules(limits: &[Option<u32>], sources: &[(&str, &[usize])]) -> Rules {
    let identifier = |(i, count): (usize, &Option<u32>)| IdentifierRule {
        name: format!("id{i}"),
        limit: count.map(|count| Limit { count, within_micros: None }),
        shared_above: None,
    };
    let source = |(name, ids): &(&str, &[usize])| RowSource {
        name: (*name).to_owned(),
        identifiers: ids.to_vec(),
        keep_rows: true,
    };
    Rules {
        entity: "customer".into(),
        identifiers: limits.iter().enumerate().map(identifier).collect(),
        sources: sources.iter().map(source).collect(),
        pins: vec![],
        matching: MatchRules::default(),
    }
}

/// A row of the first source, which has three columns; an empty value is none.
fn row(values: [&str; 3], at: i64) -> Row {
    let values = values.into_iter().map(|v| Some(v.to_owned()).filter(|v| !v.is_empty())).collect();
    (0, values, Some(at), Some(at))
}

fn pin(kind: PinKind, a: (usize, &str), b: (usize, &str)) -> Pin {
    Pin { kind, values: [a, b].map(|(identifier, value)| (identifier, value.to_owned())) }
}

fn run(rules: &Rules, rows: &[Row], previous: &[(Value, String)], feeding: Feeding) -> Outcome {
    try_run(rules, rows, previous, feeding).unwrap()
}

fn try_run(
    rules: &Rules,
    rows: &[Row],
    previous: &[(Value, String)],
    feeding: Feeding,
) -> Result<Outcome, IdentityError> {
    Ok(outcome(&resolve(rules, rows, previous, feeding)?))
}

fn resolve(
    rules: &Rules,
    rows: &[Row],
    previous: &[(Value, String)],
    feeding: Feeding,
) -> Result<Resolution, IdentityError> {
    resolve_more(rules, &[], rows, previous, feeding)
}

/// Beside what earlier runs have kept.
fn resolve_more(
    rules: &Rules,
    known: &[KeptPart],
    rows: &[Row],
    previous: &[(Value, String)],
    feeding: Feeding,
) -> Result<Resolution, IdentityError> {
    graph_of(rules, known, rows, previous, feeding).resolve(feeding.threads)
}

fn graph_of(rules: &Rules, known: &[KeptPart], rows: &[Row], previous: &[(Value, String)], feeding: Feeding) -> Graph {
    let mut evidence = Evidence::new(rules.clone()).unwrap();
    evidence.flush_at = feeding.flush_at;
    for part in known {
        feed_kept(&evidence, None, part, feeding);
    }
    feed_rows(&evidence, rows, feeding);
    // Whether a source's end is told before the end of all makes no difference.
    (0..rules.sources.len()).step_by(2).for_each(|source| evidence.end(source).unwrap());
    let graph = evidence.seal().unwrap();
    in_parts(previous, feeding.threads, |previous| {
        let mut feeder = graph.previous_feeder();
        for batch in previous.chunks(feeding.batch.min(previous.len().max(1))) {
            let [names, values, ids] = columns_of(batch);
            feeder.push(&names, &values, &ids).unwrap();
        }
        feeder.finish().unwrap();
    });
    graph
}

/// Identifiers' names, values and profiles.
fn columns_of(rows: &[(Value, String)]) -> [Vec<Option<String>>; 3] {
    let names = rows.iter().map(|((identifier, _), _)| Some(format!("id{identifier}"))).collect();
    let values = rows.iter().map(|((_, value), _)| Some(value.clone())).collect();
    [names, values, rows.iter().map(|(_, id)| Some(id.clone())).collect()]
}

fn feed_rows(evidence: &Evidence, rows: &[Row], feeding: Feeding) {
    let sources = &evidence.shared.rules().sources;
    let (known, fresh) = rows.split_at(feeding.known.min(rows.len()));
    let (fresh, newest) = fresh.split_at(fresh.len().saturating_sub(feeding.newest));
    for (rows, novelty) in [(known, Novelty::Known), (fresh, Novelty::Fresh), (newest, Novelty::Newest)] {
        in_parts(rows, feeding.threads, |rows| {
            for same_source in rows.chunk_by(|a, b| a.0 == b.0) {
                let mut feeder = evidence.feeder(same_source[0].0, novelty).unwrap();
                for batch in same_source.chunks(feeding.batch.min(same_source.len())) {
                    let width = sources[batch[0].0].identifiers.len();
                    let column = |c: usize| batch.iter().map(|row| row.1[c].clone()).collect::<Vec<_>>();
                    let columns: Vec<_> = (0..width).map(column).collect();
                    let columns: Vec<&dyn crate::TextColumn> = columns.iter().map(|c| c as _).collect();
                    let first: Vec<_> = batch.iter().map(|row| row.2).collect();
                    let last: Vec<_> = batch.iter().map(|row| row.3).collect();
                    let usable = feeder.push(&columns, &first, &last).unwrap();
                    let has_value = |row: &&Row| row.1.iter().any(Option::is_some);
                    assert_eq!(usable, batch.iter().filter(has_value).count());
                }
                feeder.finish().unwrap();
            }
        });
    }
}

/// Works on parts of the rows, each on a thread of its own if there are several.
fn in_parts<T: Sync>(rows: &[T], threads: usize, work: impl Fn(&[T]) + Sync) {
    if threads < 2 {
        return work(rows);
    }
    std::thread::scope(|scope| {
        for part in rows.chunks(rows.len().div_ceil(threads).max(1)) {
            scope.spawn(|| work(part));
        }
    });
}

/// What is kept of one source: values by number, with their columns; rows as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KeptPart {
    source: usize,
    values: Vec<(u32, u32, String)>,
    rows: Vec<KeptNumbers>,
}

/// A row: the numbers of its values, when it was first and last seen.
type KeptNumbers = (Vec<Option<u32>>, Option<i64>, Option<i64>);

/// The rows of one novelty, as the next run is given them.
fn kept(resolution: &Arc<Resolution>, novelty: Novelty) -> Vec<KeptPart> {
    let of_source = |source: usize| {
        let kept = KeptSource::new(Arc::clone(resolution), source, novelty);
        let width = 0..resolution.rules().sources[source].identifiers.len();
        let numbers = |row: &KeptRow<'_>| width.clone().map(|column| row.number(column)).collect();
        let row = |row: KeptRow<'_>| (numbers(&row), row.first_seen, row.last_seen);
        let rows: Vec<_> = (0..3).flat_map(|part| kept.rows(part, 3)).map(row).collect();
        let value = |value: KeptValue<'_>| (value.number, u32::try_from(value.column).unwrap(), value.value.to_owned());
        let values: Vec<_> = (0..3).flat_map(|part| kept.values(part, 3)).map(value).collect();
        assert_eq!((values.len(), rows.len()), (kept.value_count(), kept.row_count()));
        assert!(values.iter().zip(0..).all(|(value, number)| value.0 == number), "numbers go from 0 up");
        KeptPart { source, values, rows }
    };
    (0..resolution.rules().sources.len()).map(of_source).filter(|part| !part.rows.is_empty()).collect()
}

/// Numbers as they lie in Arrow's arrays: where one is missing, there is a 0.
struct Lying {
    numbers: Vec<Option<u32>>,
    all: Vec<i64>,
}

impl Lying {
    fn new(numbers: Vec<Option<u32>>) -> Self {
        let all = numbers.iter().map(|number| number.unwrap_or_default().into()).collect();
        Self { numbers, all }
    }
}

impl NumberColumn for Lying {
    fn number(&self, row: usize) -> Option<u32> {
        self.numbers[row]
    }

    fn all(&self) -> Option<&[i64]> {
        // Some columns have none.
        self.all.len().is_multiple_of(2).then_some(&self.all)
    }
}

/// Of rows, only those that are wanted of what is `touched`, if only some are.
fn feed_kept(evidence: &Evidence, touched: Option<&Touched>, part: &KeptPart, feeding: Feeding) {
    let count = part.values.len() as u32;
    let found = touched.map(|touched| {
        let finds = touched.finds(evidence, part.source, count).unwrap();
        in_parts(&part.values, feeding.threads, |values| {
            let numbers: Vec<_> = values.iter().map(|value| Some(value.0)).collect();
            let columns: Vec<_> = values.iter().map(|value| Some(value.1)).collect();
            let digests: Vec<_> = values.iter().map(|value| KEY.digest(&value.2)).collect();
            let lows: Vec<_> = digests.iter().map(|digest| digest.low.cast_signed()).collect();
            let highs: Vec<_> = digests.iter().map(|digest| Some(digest.high)).collect();
            let mut feeder = finds.feeder();
            feeder.push(&numbers, &columns, &lows, &highs).unwrap();
            feeder.finish();
        });
        finds.end().unwrap()
    });
    let known = Arc::new(KnownValues::new(evidence, part.source, count).unwrap());
    in_parts(if touched.is_none() { &part.values } else { &[] }, feeding.threads, |values| {
        let mut feeder = known.feeder();
        for batch in values.chunks(feeding.batch.min(values.len()).max(1)) {
            let numbers: Vec<_> = batch.iter().map(|value| Some(value.0)).collect();
            let columns: Vec<_> = batch.iter().map(|value| Some(value.1)).collect();
            let texts: Vec<_> = batch.iter().map(|value| Some(value.2.clone())).collect();
            feeder.push(&numbers, &columns, &texts).unwrap();
        }
        feeder.finish().unwrap();
    });
    in_parts(&part.rows, feeding.threads, |rows| {
        let mut feeder = evidence.feeder(part.source, Novelty::Known).unwrap();
        for batch in rows.chunks(feeding.batch.min(rows.len())) {
            let column = |c: usize| Lying::new(batch.iter().map(|row| row.0[c]).collect());
            let columns: Vec<_> = (0..batch[0].0.len()).map(column).collect();
            let columns: Vec<&dyn NumberColumn> = columns.iter().map(|c| c as _).collect();
            let first: Vec<_> = batch.iter().map(|row| row.1).collect();
            let last: Vec<_> = batch.iter().map(|row| row.2).collect();
            let usable = match touched.zip(found.as_ref()) {
                Some((touched, found)) => feeder.push_touched(touched, found, batch.len(), &columns, &first, &last),
                None => feeder.push_known(&known, batch.len(), &columns, &first, &last),
            };
            let usable = usable.unwrap();
            assert_eq!(usable, batch.len());
        }
        feeder.finish().unwrap();
    });
}

fn outcome(resolution: &Resolution) -> Outcome {
    let source_name = |source: usize| resolution.rules().sources[source].name.clone();
    let mut outcome = Outcome::default();
    // Taken a few rows at a time, as the engine does.
    let mut cursor = RowCursor::default();
    loop {
        let mut rows = resolution.identifier_rows(cursor);
        let before = outcome.values.len();
        for row in rows.by_ref().take(3) {
            let sources = row.sources.iter().map(source_name).collect();
            let seen = (row.profile_id.to_string(), row.first_seen, row.last_seen, sources);
            let double = outcome.values.insert((row.identifier, row.value.to_owned()), seen);
            assert_eq!(double, None, "a value came twice");
        }
        cursor = rows.cursor();
        if outcome.values.len() == before {
            break;
        }
    }
    assert_eq!(outcome.values.len(), resolution.identifier_count());
    for parts in [1, 3] {
        let rows = (0..parts).flat_map(|part| resolution.identifier_rows_part(part, parts));
        assert_eq!(rows.count(), outcome.values.len(), "the parts are the whole");
    }
    outcome.profiles = resolution.profiles().iter().map(ProfileId::to_string).collect();
    assert_eq!(outcome.profiles.len(), resolution.profiles().len(), "profile ids are unique");
    let text = |id: ProfileId| id.to_string();
    outcome.changes = resolution
        .changes()
        .iter()
        .map(|Change { kind, profile_id, other_profile_id }| {
            (kind.as_str().to_owned(), text(*profile_id), other_profile_id.map(text).unwrap_or_default())
        })
        .collect();
    let end = |value: crate::IdentifierValue<'_>| (value.identifier, value.value.to_owned());
    outcome.conflicts = resolution
        .conflicts()
        .map(|c| (end(c.a), end(c.b), c.reason, c.source.map_or_else(|| "match".to_owned(), source_name), c.first_seen))
        .collect();
    outcome.shared = resolution.shared().map(|s| (end(s.value), s.linked, s.degree)).collect();
    outcome.unused_pins = resolution.unused_pins().to_vec();
    outcome.edges = resolution.summary(0).edges;
    outcome
}
