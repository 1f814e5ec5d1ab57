//! What came out of the kernel, as rows of its tables.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{
    ArrayBuilder, ArrayRef, Int64Array, Int64Builder, ListBuilder, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field};
use futures::{StreamExt, stream};
use kinfold_base::{SqlType, TableSchema};
use kinfold_identity::{
    ChangeKind, ConflictReason, DigestKey, KeptRow, KeptSource, ProfileId, Resolution, Rules, Summary,
};
use kinfold_lang::project::PinKind;
use kinfold_plan::{Resolve, ResolveRows, ResolveTable, ResolveTables};
use roaring::RoaringTreemap;
use tokio::sync::mpsc;

use super::usable::Usable;
use super::{Context, LARGEST, QUEUE, index, read};
use crate::api::{Engine, NewFile, RecordStream, RunContext, Written};
use crate::error::EngineError;
use crate::failure;
use crate::types::{UTC, plain_schema};

/// Rows of a batch that is written.
const BATCH_ROWS: usize = 8192;
/// What stands for a source where values were linked by likelihood.
const MATCH: &str = "match";
/// Fewer rows are not worth a file of their own.
const WORTH_A_PART: usize = 1 << 16;
/// For counts of profiles by the number of their values: the largest number of each class. There is one more class, of the rest.
const SIZES: [u32; 10] = [1, 2, 3, 4, 5, 10, 20, 50, 100, 1000];

/// Hands the columns of a batch over until there are no more, or nobody takes them.
type Take<'a> = &'a mut dyn FnMut(Vec<ArrayRef>) -> bool;
/// Makes one part of a table's rows. Parts are made on threads of their own.
type Make = Arc<dyn Fn(&Resolution, Part, Take<'_>) + Send + Sync>;
/// Makes all of a table's rows, of which there are few.
type MakeSmall = Box<dyn Fn(&Resolution, Take<'_>) + Send + Sync>;

#[derive(Debug, Clone, Copy)]
struct Part {
    index: usize,
    of: usize,
}

impl Part {
    fn is_first(self) -> bool {
        self.index == 0
    }

    fn slice<T>(self, all: &[T]) -> &[T] {
        &all[all.len() * self.index / self.of..all.len() * (self.index + 1) / self.of]
    }
}

/// How many edges were refused, by where they were seen and by what refused them.
pub(super) type RefusedCounts = BTreeMap<(String, String), u64>;

/// The places of the rows that go, by file.
pub(super) type Gone = HashMap<String, RoaringTreemap>;

/// What stays of the tables of the last run, of which a result takes the place of a part.
#[derive(Debug, Default)]
pub(super) struct Staying {
    pub(super) gone_identifiers: Gone,
    pub(super) gone_conflicts: Gone,
    pub(super) refused: RefusedCounts,
    /// Ascending.
    pub(super) profiles: Arc<Vec<ProfileId>>,
}

/// What is told of tables that were written.
pub(super) struct Told {
    pub(super) written: Vec<Written>,
    /// How many edges are refused.
    pub(super) refused: RefusedCounts,
    /// How many rows each stream of values had that makes a file.
    pub(super) value_counts: Arc<Vec<AtomicU64>>,
}

impl Told {
    /// The files of values.
    pub(super) fn value_files(&self, tables: &ResolveTables) -> &[NewFile] {
        let table = &tables.identifiers.output.name;
        self.written.iter().find(|written| written.table == *table).map_or(&[], |written| &written.files)
    }
}

/// What is known of all profiles, and of all rows.
pub(super) struct Counts<'a> {
    pub(super) summary: Summary,
    /// Indices into [`Resolve::pins`], ascending.
    pub(super) unused_pins: &'a [usize],
    /// By source.
    pub(super) values: Vec<Usable>,
}

/// What is told of it.
struct Counted {
    summary: Summary,
    refused: RefusedCounts,
    /// By kind.
    pins: BTreeMap<&'static str, u64>,
    /// By source.
    values: Vec<Usable>,
}

/// How many pins of each kind have an effect. `unused`: indices of those that have none, ascending.
fn pins_in_force(work: &Resolve, unused: &[usize]) -> BTreeMap<&'static str, u64> {
    let kind = |kind: PinKind| match kind {
        PinKind::Always => "always",
        PinKind::Never => "never",
    };
    let in_force = work.pins.iter().enumerate().filter(|(i, _)| unused.binary_search(i).is_err());
    numbers_of(in_force.map(|(_, pin)| kind(pin.kind)))
}

/// Writes all tables of an entity's identity: whole, or in the place of what does not stay.
///
/// # Errors
/// When a table cannot be written.
pub(super) async fn write(
    engine: &dyn Engine,
    run: &RunContext,
    work: &Resolve,
    threads: usize,
    resolution: &Arc<Resolution>,
    Counts { summary, unused_pins, values }: Counts<'_>,
    staying: Option<Staying>,
) -> Result<Told, EngineError> {
    let context = Context { run_id: run.run_id.to_string(), at: run.as_of.as_microsecond() };
    let reasons: Vec<String> = work.pins.iter().map(|pin| pin.reason.clone()).collect();
    let of_history = context.clone();
    let tables = &work.tables;
    let (gone_identifiers, gone_conflicts, mut refused, stay) = match staying {
        Some(stay) => (Some(stay.gone_identifiers), Some(stay.gone_conflicts), stay.refused, stay.profiles),
        None => (None, None, RefusedCounts::new(), Arc::default()),
    };
    for conflict in resolution.conflicts() {
        let rules = resolution.rules();
        let of = (source_name(rules, conflict.source).to_owned(), reason(rules, &reasons, conflict.reason));
        *refused.entry(of).or_default() += 1;
    }
    let counted = Counted { summary, refused: refused.clone(), pins: pins_in_force(work, unused_pins), values };
    // Each part is a file.
    let parts = |rows: usize| threads.clamp(1, 1 + rows / WORTH_A_PART);
    let (parts, parts_of_profiles) =
        (parts(resolution.identifier_count()), parts(stay.len() + resolution.profiles().len()));
    let value_counts: Arc<Vec<AtomicU64>> = Arc::new((0..parts).map(|_| AtomicU64::new(0)).collect());
    let counts = Arc::clone(&value_counts);
    let values: Make = Arc::new(move |resolution, part, take| identifiers(resolution, part, &counts[part.index], take));
    let small = |make: MakeSmall| -> Make {
        Arc::new(move |resolution, part, take| {
            if part.is_first() {
                make(resolution, take);
            }
        })
    };
    let history: Make = Arc::new(move |resolution, part, take| history(resolution, part, &of_history, take));
    let conflicts = small(Box::new(move |resolution, take| conflicts(resolution, &reasons, take)));
    let health = small(Box::new(move |resolution, take| health(resolution, &counted, &context, take)));
    let profiles: Make = Arc::new(move |resolution, part, take| profiles(resolution, &stay, part, take));
    // What goes of a table that is changed in place; of any other, nothing is told.
    let outputs: [(&ResolveTable, usize, Make, Option<Gone>); 6] = [
        (&tables.identifiers, parts, values, gone_identifiers),
        (&tables.history, parts, history, None),
        (&tables.conflicts, parts, conflicts, gone_conflicts),
        (&tables.shared, parts, small(Box::new(shared)), None),
        (&tables.health, parts, health, None),
        (&tables.profiles, parts_of_profiles, profiles, None),
    ];
    let mut written = Vec::new();
    for (table, parts, make, gone) in outputs {
        let mut streams = produce_all(&table.columns, resolution, parts, &make);
        if streams.len() == 1 {
            // Alone, it would be shared by files, and nobody knew where its rows come to lie.
            streams.push(RecordStream { schema: plain_schema(&table.columns), batches: stream::empty().boxed() });
        }
        written.push(match gone {
            Some(gone) => engine.patch_table(run, &table.output, gone, streams).await?,
            None => engine.create_table_from(run, &table.output, streams).await?,
        });
    }
    Ok(Told { written, refused, value_counts })
}

/// One of so many parts of the index of values, whose rows are in the order of those of the part of [`identifiers`]: see
/// [`index::columns`].
pub(super) fn index(resolution: &Arc<Resolution>, key: DigestKey, part: usize, parts: usize) -> RecordStream {
    let make: Make = Arc::new(move |resolution, part, take| {
        let mut rows = resolution.identifier_rows_part(part.index, part.of).peekable();
        let mut place = 0;
        while rows.peek().is_some() {
            let (mut lows, mut profiles) = (vec![], vec![]);
            for row in rows.by_ref().take(BATCH_ROWS) {
                lows.push(key.digest(row.value).low.cast_signed());
                profiles.push(whole(row.profile_id.number()));
            }
            let places = place..place + whole(lows.len() as u64);
            place = places.end;
            let columns = [Int64Array::from_iter_values(places), lows.into(), profiles.into()];
            if !take(columns.map(|column| Arc::new(column) as ArrayRef).to_vec()) {
                return;
            }
        }
    });
    produce(&index::columns(), Arc::clone(resolution), Part { index: part, of: parts }, make)
}

/// The ids of profiles, as the next run is given them: [`kept_profile_columns`].
pub(super) fn kept_profiles(profiles: &Arc<Vec<ProfileId>>, resolution: &Arc<Resolution>) -> Vec<RecordStream> {
    let profiles = Arc::clone(profiles);
    let make: Make = Arc::new(move |_, part, take| {
        for ids in part.slice(&profiles).chunks(BATCH_ROWS) {
            let numbers = ids.iter().map(|id| whole(id.number()));
            if !take(vec![Arc::new(Int64Array::from_iter_values(numbers))]) {
                return;
            }
        }
    });
    produce_all(&kept_profile_columns(), resolution, 1, &make)
}

pub(super) fn kept_profile_columns() -> TableSchema {
    TableSchema::new([("profile".to_owned(), SqlType::Integer)])
}

/// What is kept of a source's rows: the tables of [`read::KEPT_VALUES`] and [`read::KEPT_ROWS`].
pub(super) fn kept(
    kept: &Arc<KeptSource>,
    resolution: &Arc<Resolution>,
    threads: usize,
    rows: &ResolveRows,
    key: DigestKey,
) -> Vec<Vec<RecordStream>> {
    let parts = |count: usize| threads.clamp(1, 1 + count / WORTH_A_PART);
    let (of_values, of_rows, width) = (Arc::clone(kept), Arc::clone(kept), rows.identifiers.len());
    let values: Make = Arc::new(move |_, part, take| kept_values(&of_values, key, part, take));
    let rows_of: Make = Arc::new(move |_, part, take| kept_rows(&of_rows, width, part, take));
    vec![
        produce_all(&read::kept_value_columns(), resolution, parts(kept.value_count()), &values),
        produce_all(&read::kept_row_columns(rows), resolution, parts(kept.row_count()), &rows_of),
    ]
}

fn kept_values(kept: &KeptSource, key: DigestKey, part: Part, take: Take<'_>) {
    let mut values = kept.values(part.index, part.of).peekable();
    while values.peek().is_some() {
        let [mut number, mut column, mut low, mut high] = std::array::from_fn(|_| Int64Builder::new());
        let mut text = StringBuilder::new();
        for value in values.by_ref().take(BATCH_ROWS) {
            number.append_value(i64::from(value.number));
            column.append_value(whole(value.column as u64));
            let digest = key.digest(value.value);
            low.append_value(digest.low.cast_signed());
            high.append_value(i64::from(digest.high));
            text.append_value(value.value);
        }
        let numbers = [number, column, low, high].map(|mut numbers| Arc::new(numbers.finish()) as ArrayRef);
        if !take(numbers.into_iter().chain([Arc::new(text.finish()) as ArrayRef]).collect()) {
            return;
        }
    }
}

fn kept_rows(kept: &KeptSource, width: usize, part: Part, take: Take<'_>) {
    let mut rows = kept.rows(part.index, part.of);
    loop {
        let batch: Vec<KeptRow<'_>> = rows.by_ref().take(BATCH_ROWS).collect();
        if batch.is_empty() {
            return;
        }
        let numbers = |column| batch.iter().map(|row| row.number(column).map(i64::from)).collect::<Int64Array>();
        let time = |at: fn(&KeptRow<'_>) -> Option<i64>| {
            let times = batch.iter().map(at).collect::<TimestampMicrosecondArray>();
            Arc::new(times.with_timezone(UTC)) as ArrayRef
        };
        let mut arrays: Vec<ArrayRef> = (0..width).map(|column| Arc::new(numbers(column)) as _).collect();
        arrays.extend([time(|row| row.first_seen), time(|row| row.last_seen)]);
        if !take(arrays) {
            return;
        }
    }
}

fn produce_all(columns: &TableSchema, resolution: &Arc<Resolution>, parts: usize, make: &Make) -> Vec<RecordStream> {
    let part = |index| produce(columns, Arc::clone(resolution), Part { index, of: parts }, Arc::clone(make));
    (0..parts).map(part).collect()
}

/// A stream of what `make` makes, on a thread of its own.
fn produce(columns: &TableSchema, resolution: Arc<Resolution>, part: Part, make: Make) -> RecordStream {
    let schema = plain_schema(columns);
    let (send, receive) = mpsc::channel::<Result<RecordBatch, EngineError>>(QUEUE);
    let columns = Arc::clone(&schema);
    tokio::task::spawn_blocking(move || {
        make(&resolution, part, &mut |arrays| {
            let batch = RecordBatch::try_new(Arc::clone(&columns), arrays)
                .map_err(|e| failure::arrow(e, "the resolved identities"));
            send.blocking_send(batch).is_ok()
        });
    });
    let batches =
        stream::unfold(receive, |mut receive| async move { receive.recv().await.map(|batch| (batch, receive)) });
    RecordStream { schema, batches: batches.boxed() }
}

fn identifiers(resolution: &Resolution, part: Part, count: &AtomicU64, take: Take<'_>) {
    let rules = resolution.rules();
    let mut rows = resolution.identifier_rows_part(part.index, part.of).peekable();
    while rows.peek().is_some() {
        let [mut identifier, mut value, mut profile] = texts();
        let (mut first, mut last) = (times(), times());
        let mut sources =
            ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
        for row in rows.by_ref().take(BATCH_ROWS) {
            identifier.append_value(&rules.identifiers[row.identifier].name);
            value.append_value(row.value);
            profile.append_value(row.profile_id.text().as_str());
            first.append_option(row.first_seen);
            last.append_option(row.last_seen);
            row.sources.iter().for_each(|source| sources.values().append_value(&rules.sources[source].name));
            sources.append(true);
        }
        count.fetch_add(ArrayBuilder::len(&identifier) as u64, Ordering::Relaxed);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(identifier.finish()),
            Arc::new(value.finish()),
            Arc::new(profile.finish()),
            Arc::new(first.finish()),
            Arc::new(last.finish()),
            Arc::new(sources.finish()),
        ];
        if !take(arrays) {
            return;
        }
    }
}

fn history(resolution: &Resolution, part: Part, context: &Context, take: Take<'_>) {
    for changes in part.slice(resolution.changes()).chunks(BATCH_ROWS) {
        let [mut change, mut profile, mut other, mut identifier, mut value] = texts();
        for c in changes {
            change.append_value(c.kind.as_str());
            profile.append_value(c.profile_id.text().as_str());
            other.append_option(c.other_profile_id.map(|id| id.text().as_str().to_owned()));
            let oldest = c.other_profile_id.and_then(|id| resolution.oldest_of_merged(id));
            let oldest = oldest.filter(|_| c.kind == ChangeKind::Merged);
            identifier.append_option(oldest.map(|of| resolution.rules().identifiers[of.identifier].name.as_str()));
            value.append_option(oldest.map(|of| of.value));
        }
        let [run_ids, ats] = context.columns(changes.len());
        let texts = [change, profile, other, identifier, value].map(|mut text| Arc::new(text.finish()) as ArrayRef);
        let arrays: Vec<ArrayRef> = [run_ids, ats].into_iter().chain(texts).collect();
        if !take(arrays) {
            return;
        }
    }
}

/// `reasons`: of the pins.
fn conflicts(resolution: &Resolution, reasons: &[String], take: Take<'_>) {
    let rules = resolution.rules();
    let name = |identifier: usize| rules.identifiers[identifier].name.as_str();
    let mut rows = resolution.conflicts().peekable();
    while rows.peek().is_some() {
        let mut columns: [StringBuilder; 6] = texts();
        let mut first = times();
        for c in rows.by_ref().take(BATCH_ROWS) {
            let rule = reason(rules, reasons, c.reason);
            let row =
                [name(c.a.identifier), c.a.value, name(c.b.identifier), c.b.value, &rule, source_name(rules, c.source)];
            for (builder, text) in columns.iter_mut().zip(row) {
                builder.append_value(text);
            }
            first.append_option(c.first_seen);
        }
        let mut arrays: Vec<ArrayRef> = columns.iter_mut().map(|b| Arc::new(b.finish()) as _).collect();
        arrays.push(Arc::new(first.finish()));
        if !take(arrays) {
            return;
        }
    }
}

/// Where an edge was seen.
fn source_name(rules: &Rules, source: Option<usize>) -> &str {
    source.map_or(MATCH, |source| &rules.sources[source].name)
}

/// Why an edge was refused, as the table tells it.
fn reason(rules: &Rules, reasons: &[String], reason: ConflictReason) -> String {
    match reason {
        ConflictReason::Limit { identifier, limit } => {
            let within = limit.within_micros.map(|micros| format!(" within {}", span(micros))).unwrap_or_default();
            format!("limit of {} is {}{within}", rules.identifiers[identifier].name, limit.count)
        }
        ConflictReason::Never { pin } => match reasons.get(pin) {
            Some(reason) => format!("pinned apart: {reason}"),
            None => "pinned apart".to_owned(),
        },
        ConflictReason::Linkage => "too few of their records match".to_owned(),
        ConflictReason::OneToOne => "one to one".to_owned(),
    }
}

/// A length of time as projects write it, such as `90d` or `1d12h`: whole seconds, at least one.
fn span(micros: i64) -> String {
    let seconds = (micros / 1_000_000).max(1);
    let parts = [(seconds / 86_400, 'd'), (seconds / 3_600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let told = parts.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().concat()
}

fn shared(resolution: &Resolution, take: Take<'_>) {
    let name = |identifier: usize| resolution.rules().identifiers[identifier].name.as_str();
    let mut rows = resolution.shared().peekable();
    while rows.peek().is_some() {
        let [mut identifier, mut value, mut linked] = texts();
        let mut degree = Int64Builder::new();
        for row in rows.by_ref().take(BATCH_ROWS) {
            identifier.append_value(name(row.value.identifier));
            value.append_value(row.value.value);
            linked.append_value(name(row.linked));
            degree.append_value(whole(row.degree));
        }
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(identifier.finish()),
            Arc::new(value.finish()),
            Arc::new(linked.finish()),
            Arc::new(degree.finish()),
        ];
        if !take(arrays) {
            return;
        }
    }
}

/// | `metric` | `source` | `name` | `value` |
/// |---|---|---|---|
/// | `profiles` | | | all profiles |
/// | `profiles_by_size` | | `1`, `6-10`, `1001+` | profiles with so many identifiers |
/// | `largest` | | a profile | how many identifiers it has |
/// | `identifiers` | | an identifier | its values that have a profile |
/// | `edges` | a table | two identifiers, `email–phone` | pairs of values on its rows |
/// | `matches` | | | pairs of values that are linked by likelihood, refused ones included |
/// | `refused` | a table, or `match` | a rule | edges that it refused |
/// | `pins` | | `always` or `never` | pins whose values are both on rows |
/// | `shared` | | an identifier | its values that no row links |
/// | `unusable` | a table | an identifier | rows with a value of it of which its type leaves nothing |
fn health(resolution: &Resolution, counted: &Counted, context: &Context, take: Take<'_>) {
    let Counted { summary, refused, pins, values } = counted;
    let rules = resolution.rules();
    let name = |identifier: usize| rules.identifiers[identifier].name.clone();
    let source = |source: usize| Some(rules.sources[source].name.clone());
    let mut rows: Vec<(&str, Option<String>, Option<String>, u64)> =
        vec![("profiles", None, None, summary.sizes.iter().map(|(_, count)| count).sum())];
    rows.extend(by_size(summary).into_iter().map(|(class, count)| ("profiles_by_size", None, Some(class), count)));
    rows.extend(
        summary
            .largest
            .iter()
            .take(LARGEST)
            .map(|(id, size)| ("largest", None, Some(id.to_string()), u64::from(*size))),
    );
    rows.extend(summary.values.iter().enumerate().map(|(i, count)| ("identifiers", None, Some(name(i)), *count)));
    rows.extend(summary.edges.iter().map(|edges| {
        let [a, b] = edges.identifiers.map(name);
        ("edges", source(edges.source), Some(format!("{a}–{b}")), edges.count)
    }));
    rows.extend((summary.matches > 0).then_some(("matches", None, None, summary.matches)));
    let of_rule =
        |((of, rule), count): (&(String, String), &u64)| ("refused", Some(of.clone()), Some(rule.clone()), *count);
    rows.extend(refused.iter().map(of_rule));
    rows.extend(pins.iter().map(|(kind, count)| ("pins", None, Some((*kind).to_owned()), *count)));
    let shared = numbers_of(resolution.shared().map(|value| value.value.identifier));
    rows.extend(shared.into_iter().map(|(identifier, count)| ("shared", None, Some(name(identifier)), count)));

    // A table may be a source twice.
    let mut unusable: BTreeMap<(&str, usize), u64> = BTreeMap::new();
    for (of, values) in rules.sources.iter().zip(values) {
        for (identifier, counts) in of.identifiers.iter().zip(values.counts()) {
            *unusable.entry((&of.name, *identifier)).or_default() += counts.unusable;
        }
    }
    let unusable = unusable.into_iter().filter(|(_, count)| *count > 0);
    let row = |((of, identifier), count): ((&str, usize), u64)| {
        ("unusable", Some(of.to_owned()), Some(name(identifier)), count)
    };
    rows.extend(unusable.map(row));

    let [run_ids, ats] = context.columns(rows.len());
    let arrays: Vec<ArrayRef> = vec![
        run_ids,
        ats,
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.2.as_deref()).collect::<StringArray>()),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| whole(row.3)))),
    ];
    take(arrays);
}

fn numbers_of<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

/// How many profiles are in each class of [`SIZES`]; classes without any are left out.
fn by_size(summary: &Summary) -> Vec<(String, u64)> {
    let mut counts = [0; SIZES.len() + 1];
    for (size, count) in &summary.sizes {
        counts[SIZES.partition_point(|most| most < size)] += count;
    }
    let class = |i: usize| {
        let least = i.checked_sub(1).map_or(1, |before| SIZES[before] + 1);
        match SIZES.get(i) {
            Some(most) if *most == least => least.to_string(),
            Some(most) => format!("{least}-{most}"),
            None => format!("{least}+"),
        }
    };
    counts.into_iter().enumerate().filter(|(_, count)| *count > 0).map(|(i, count)| (class(i), count)).collect()
}

/// `stay`: those of the last run that the resolution does not tell of.
fn profiles(resolution: &Resolution, stay: &[ProfileId], part: Part, take: Take<'_>) {
    let slices = [part.slice(stay), part.slice(resolution.profiles())];
    for ids in slices.into_iter().flat_map(|slice| slice.chunks(BATCH_ROWS)) {
        let mut out = StringBuilder::new();
        for id in ids {
            out.append_value(id.text().as_str());
        }
        if !take(vec![Arc::new(out.finish())]) {
            return;
        }
    }
}

impl Context {
    /// `run_id` and `at`.
    fn columns(&self, rows: usize) -> [ArrayRef; 2] {
        let run_ids = StringArray::from_iter_values(std::iter::repeat_n(&self.run_id, rows));
        [Arc::new(run_ids), Arc::new(TimestampMicrosecondArray::from_value(self.at, rows).with_timezone(UTC))]
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn texts<const N: usize>() -> [StringBuilder; N] {
    std::array::from_fn(|_| StringBuilder::new())
}

fn times() -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::new().with_timezone(UTC)
}
