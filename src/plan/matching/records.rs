//! All records in one table, and in another one what pairs are found by.

use std::collections::BTreeSet;

use kinfold_base::{Column, SqlType};
use kinfold_lang::project::{Blocking, Entity, EntityTable, Level, LevelTest, Match, MatchTable};
use sqlparser::ast::{BinaryOperator, DataType, Expr, Query};

use super::pairs::{BLOCK, Keys, blocks, keys};
use super::{blocks_table, keys_table, records_table};
use crate::identity::keys::allowed;
use crate::sql::{
    Aggregate, Select, Stages, and, binary, call, case, cast, cast_as, cast_double, cast_text, col, col_of, count_rows,
    eq, int, is_not_null, is_null, kinfold, null, or, previous, relation, table, text, union_all, window,
};
use crate::step::{KeepTable, Output};

/// The identifier that stands for a record, and its value.
pub(super) const ID: [&str; 2] = ["_identifier", "_value"];
/// A number of a record's own, by which it is found again.
pub(super) const ROW: &str = "_row";
/// Which of [`Match::tables`] a record is from.
pub(super) const PART: &str = "_part";

/// Whether a record of `side` is the one that two columns of a stage name: its identifier, and its value.
pub(super) fn is_named(side: &str, stage: &str, names: [&str; 2]) -> Expr {
    and(ID.into_iter().zip(names).map(|(id, name)| eq(col_of(side, id), col_of(stage, name))))
}

/// The column that holds how frequent a record's value is, among all records that have one.
pub(super) fn frequency(comparison: usize) -> String {
    format!("_frequency_{comparison}")
}

/// All of these.
pub(super) fn frequencies(matching: &Match) -> Vec<String> {
    with_frequencies(matching).into_iter().map(|(comparison, _)| frequency(comparison)).collect()
}

/// The column that holds a column's values as texts.
pub(super) fn text_column(column: &Column) -> String {
    if column.ty == SqlType::Text { column.name.clone() } else { format!("_text_{}", column.name) }
}

/// The columns that are compared as texts and are none.
pub(super) fn as_texts(matching: &Match) -> Vec<&Column> {
    let of_text = |level: &Level| matches!(level.test, LevelTest::Levenshtein(_) | LevelTest::DamerauLevenshtein(_));
    let compared = matching.comparisons.iter().filter(|comparison| comparison.levels.iter().any(of_text));
    let columns: BTreeSet<usize> = compared.filter_map(|comparison| comparison.column).collect();
    columns.into_iter().map(|column| &matching.columns[column]).filter(|column| column.ty != SqlType::Text).collect()
}

/// Whether a record is new, or has other rows than it had, or has several where it was said to have one: the pairs of the others are known.
pub(super) const FRESH: &str = "_fresh";
/// What tells whether a record is as it was, and what was said of its pairs still holds.
const HASH: &str = "_hash";

/// How a run goes on from the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Onward<'a> {
    /// Changes whenever pairs would be made or weighed in another way.
    pub(crate) fingerprint: &'a str,
    /// Whether the last run's records are known: if not, all are fresh.
    pub(crate) is_known: bool,
}

/// The tables in which records are looked at, in the order in which they are made, each with the query that makes it:
///
/// - of records: `_row`, a number of its own, `_identifier`, `_value`, `_part`, every column that is compared, and for each of `blocking`
///   a number that records share which agree in it. With `onward` `_hash`, too.
/// - of [`blocks`](super::pairs::blocks).
/// - of what pairs are found by, so that joins carry no more than that: `_row`, `_identifier`, `_value`, `_part`, the numbers of
///   `blocking`, null where so many records share one that it is no reason to compare them, and what else it reads. With
///   `has_frequencies` how frequent values are; if the last run's records are known, `_fresh`.
pub(crate) fn records(
    entity: &Entity,
    matching: &Match,
    blocking: &[Blocking],
    has_frequencies: bool,
    onward: Option<Onward<'_>>,
) -> Vec<(Output, Query)> {
    let keys: Vec<Keys> = blocking.iter().enumerate().map(|(rule, blocking)| keys(rule, blocking)).collect();
    let scratch = |name, query| (Output { name, keep: KeepTable::Scratch }, query);
    let mut tables = vec![scratch(records_table(entity), rows_of_all(entity, matching, &keys, onward))];
    tables.extend(blocks(entity, &keys).map(|query| scratch(blocks_table(entity), query)));
    tables.push(scratch(keys_table(entity), keys_of_all(entity, matching, &keys, has_frequencies, onward)));
    tables
}

/// The rows of the table of records.
fn rows_of_all(entity: &Entity, matching: &Match, keys: &[Keys], onward: Option<Onward<'_>>) -> Query {
    let mut stages = Stages::default();
    let parts = matching.tables.iter().zip(0_u32..).map(|(table, part)| rows(entity, matching, table, part));
    stages.add("rows", union_all(parts).expect("checking refuses a match without tables"));
    let own = [ID[0], ID[1], PART];
    let names: Vec<&str> = own.into_iter().chain(matching.columns.iter().map(|column| column.name.as_str())).collect();
    let distinct = Select::from_stage("rows").columns(names.iter().copied()).filter([is_not_null(col(ID[1]))]);
    let is_unique = matching.tables.iter().all(|table| table.is_unique);
    let distinct = if is_unique { distinct } else { distinct.group_by(names.iter().copied()) };
    stages.add("records", distinct.query());

    let texts = as_texts(matching).into_iter().map(|column| (cast_text(col(&column.name)), text_column(column)));
    let numbers = keys.iter().filter_map(|keys| Some((keys.number()?, keys.column())));
    let hash = onward.map(|onward| (hash(matching, onward), HASH.to_owned()));
    let added: Vec<(Expr, String)> = texts.chain(numbers).chain(hash).collect();
    let all: Vec<&str> = names.iter().copied().chain(added.iter().map(|(_, name)| name.as_str())).collect();
    stages.add("keyed", Select::from_stage("records").columns(names.iter().copied()).items(added.clone()).query());
    // Last of all: engines count on one thread.
    let row = window(Aggregate::new("row_number", vec![]), vec![], vec![]);
    stages.finish(Select::from_stage("keyed").item(row, ROW).columns(all).query())
}

/// What tells whether a record is as it was. Of several rows of one id all count, in no order: see [`of_ids`].
fn hash(matching: &Match, onward: Onward<'_>) -> Expr {
    let values = [PART].into_iter().chain(matching.columns.iter().map(|column| column.name.as_str())).map(col);
    let hash = call("kinfold_row_hash", [text(onward.fingerprint)].into_iter().chain(values).collect());
    if has_one_row_an_id(matching) { hash } else { call("kinfold_key", vec![hash]) }
}

/// Each id once, `_identifier` and `_value`, and its `_hash`.
fn of_ids(entity: &Entity, matching: &Match) -> Select {
    let rows = Select::from(kinfold(&records_table(entity), "r")).columns(ID);
    if has_one_row_an_id(matching) {
        return rows.column(HASH);
    }
    let all = call("kinfold_row_hash", vec![count_rows().build(), call("bit_xor", vec![col(HASH)])]);
    rows.item(all, HASH).group_by(ID)
}

/// The rows of the table of keys.
fn keys_of_all(
    entity: &Entity,
    matching: &Match,
    keys: &[Keys],
    has_frequencies: bool,
    onward: Option<Onward<'_>>,
) -> Query {
    let frequencies = if has_frequencies { with_frequencies(matching) } else { vec![] };
    let is_known = onward.is_some_and(|onward| onward.is_known);
    let column = |index: usize| matching.columns[index].name.as_str();
    let read = keys.iter().flat_map(|keys| keys.read(matching));
    let held: BTreeSet<&str> = frequencies.iter().map(|(_, index)| column(*index)).chain(read).collect();
    let numbers: Vec<String> = keys.iter().filter(|keys| keys.number().is_some()).map(Keys::column).collect();
    let hash = (is_known && has_one_row_an_id(matching)).then_some(HASH);
    let kept = [ROW, ID[0], ID[1], PART].into_iter().chain(held).chain(numbers.iter().map(String::as_str)).chain(hash);
    let kept: Vec<&str> = kept.collect();
    let crossed = keys.iter().flat_map(Keys::crossed).map(|(name, key)| (key.clone(), name.clone()));
    let crossed: Vec<(Expr, String)> = crossed.collect();
    let mut table = Table {
        stages: Stages::default(),
        stage: "keyed".to_owned(),
        columns: kept.iter().copied().map(str::to_owned).chain(crossed.iter().map(|(_, name)| name.clone())).collect(),
    };
    let keyed = Select::from(kinfold(&records_table(entity), "r")).columns(kept).items(crossed);
    table.stages.add("keyed", keyed.query());

    for (comparison, index) in frequencies {
        let stage = frequency(comparison);
        let all = window(Aggregate::new("sum", vec![count_rows().build()]), vec![], vec![]);
        let share = binary(cast_double(count_rows().build()), BinaryOperator::Divide, cast_double(all));
        let counted = Select::from(kinfold(&records_table(entity), "r"))
            .item(col(column(index)), "_of")
            .item(share, "_share")
            .filter([is_not_null(col(column(index)))])
            .group_by([column(index)]);
        table.stages.add(&stage, counted.query());
        let same = eq(col_of(&stage, "_of"), col_of(&table.stage, column(index)));
        table.attach(&stage, same, (col_of(&stage, "_share"), stage.clone()));
    }
    for keys in keys.iter().filter(|keys| keys.is_counted()) {
        let stage = format!("common{}", keys.column());
        table.stages.add(&stage, keys.common(entity, matching.max_block));
        let number = col_of(&table.stage, &keys.column());
        let same = eq(col_of(&stage, BLOCK), number.clone());
        let rare = case([(is_null(col_of(&stage, BLOCK)), number)], None);
        table.attach(&stage, same, (rare, keys.column()));
    }
    if is_known {
        let before = Select::from(previous(&EntityTable::Records.of(&entity.name), "b"));
        let names = ["identifier", "value", "record_hash"];
        // Those that had one row: where a key that was said to be unique is not, or not in its identifier's form, nobody knows which of an
        // id's rows its pairs are of.
        let hash = Aggregate::new("max", vec![col(names[2])]).build();
        let before = before.columns([names[0], names[1]]).item(hash, names[2]).group_by([names[0], names[1]]);
        table.stages.add("before", before.having(eq(count_rows().build(), int(1))).query());
        let is_before = |stage: &str| {
            let pairs = names.into_iter().zip([ID[0], ID[1], HASH]);
            and(pairs.map(|(before, now)| eq(col_of("before", before), col_of(stage, now))))
        };
        let is_fresh = is_null(col_of("before", "value"));
        if has_one_row_an_id(matching) {
            let same = is_before(&table.stage);
            table.attach("before", same, (is_fresh, FRESH.to_owned()));
            let doubled = Select::from(kinfold(&records_table(entity), "r")).columns(ID).group_by(ID);
            table.stages.add("doubled", doubled.having(more_than_one()).query());
            let is_fresh = or([col_of(&table.stage, FRESH), is_not_null(col_of("doubled", ID[1]))]);
            let same = is_named("doubled", &table.stage, ID);
            table.attach("doubled", same, (is_fresh, FRESH.to_owned()));
        } else {
            table.stages.add("of_ids", of_ids(entity, matching).query());
            let fresh = Select::from(relation(None, "before", None))
                .right_join(relation(None, "of_ids", None), is_before("of_ids"))
                .items(ID.map(|id| (col_of("of_ids", id), id.to_owned())))
                .item(is_fresh, FRESH);
            table.stages.add("fresh", fresh.query());
            let same = is_named("fresh", &table.stage, ID);
            table.attach("fresh", same, (col_of("fresh", FRESH), FRESH.to_owned()));
        }
    }
    table.finish()
}

fn more_than_one() -> Expr {
    binary(count_rows().build(), BinaryOperator::Gt, int(1))
}

/// Whether no two records have the same id, be it in one table or in two, as far as is said.
pub(super) fn has_one_row_an_id(matching: &Match) -> bool {
    let identifiers: BTreeSet<usize> = matching.tables.iter().map(|table| table.id.0).collect();
    identifiers.len() == matching.tables.len() && matching.tables.iter().all(|table| table.is_unique)
}

/// The rows of `<entity>_records`.
pub(crate) fn known(entity: &Entity, matching: &Match) -> Query {
    let mut stages = Stages::default();
    stages.add("of_ids", of_ids(entity, matching).query());
    let names = [ID[0], ID[1], HASH].into_iter().zip(["identifier", "value", "record_hash"]);
    stages.finish(Select::from_stage("of_ids").items(names.map(|(from, to)| (col(from), to.to_owned()))).query())
}

/// A table that gets more columns, stage by stage.
struct Table {
    stages: Stages,
    /// The last stage.
    stage: String,
    columns: Vec<String>,
}

impl Table {
    /// Adds a column of what another stage says, which has no more than one row for one of this, or puts it in the place of one. The many
    /// rows of this one stream past the few of the other: the side of a join that comes first is the one that engines hold.
    fn attach(&mut self, other: &str, on: Expr, (item, name): (Expr, String)) {
        let stage = format!("with_{other}");
        self.columns.retain(|column| *column != name);
        let select = Select::from(relation(None, other, None))
            .right_join(relation(None, &self.stage, None), on)
            .items(self.columns.iter().map(|name| (col_of(&self.stage, name), name.clone())));
        self.stages.add(&stage, select.item(item, &name).query());
        self.columns.push(name);
        self.stage = stage;
    }

    fn finish(self) -> Query {
        let select = Select::from_stage(&self.stage).columns(self.columns.iter().map(String::as_str));
        self.stages.finish(select.query())
    }
}

/// Comparisons in which rare values say more, and their columns.
pub(super) fn with_frequencies(matching: &Match) -> Vec<(usize, usize)> {
    let comparisons = matching.comparisons.iter().enumerate().filter(|(_, comparison)| comparison.term_frequency);
    comparisons.filter_map(|(index, comparison)| Some((index, comparison.column?))).collect()
}

fn rows(entity: &Entity, matching: &Match, part: &MatchTable, number: u32) -> Query {
    let (identifier, id) = &part.id;
    let identifier = &entity.identifiers[*identifier];
    let columns = matching.columns.iter().zip(&part.columns);
    Select::from(table(&part.table))
        .item(text(&identifier.name), ID[0])
        .item(allowed(identifier, &cast_text(id.clone())), ID[1])
        .item(int(number), PART)
        .items(columns.map(|(column, expr)| (value(column, expr.as_ref()), column.name.clone())))
        .query()
}

/// A value in the type that it has in every table. A text of nothing is a missing value, and so is a list of nothing.
pub(super) fn value(column: &Column, expr: Option<&Expr>) -> Expr {
    match (expr, &column.ty) {
        (Some(expr), SqlType::Text) => call("nullif", vec![cast_text(expr.clone()), text("")]),
        (Some(expr), ty @ SqlType::List(_)) => {
            let list = cast_as(expr.clone(), ty);
            let is_empty = eq(call("cardinality", vec![list.clone()]), int(0));
            case([(is_empty, cast_as(null(), ty))], Some(list))
        }
        (Some(expr), ty) => cast_as(expr.clone(), ty),
        (None, SqlType::Text) => cast_text(null()),
        (None, SqlType::Boolean) => cast(null(), DataType::Boolean),
        (None, ty) => cast_as(null(), ty),
    }
}
