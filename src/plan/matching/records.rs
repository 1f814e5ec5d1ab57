//! All records in one table.

use std::collections::BTreeSet;

use kinfold_base::{Column, SqlType};
use kinfold_lang::project::{Blocking, Entity, EntityTable, Level, LevelTest, Match, MatchTable};
use sqlparser::ast::{BinaryOperator, DataType, Expr, Query};

use super::pairs::{Keys, keys};
use super::records_table;
use crate::identity::keys::allowed;
use crate::sql::{
    Aggregate, Select, Sort, Stages, and, binary, call, cast, cast_as, cast_double, cast_text, col, col_of, count_rows,
    eq, int, is_not_null, is_null, kinfold, null, previous, relation, table, text, union_all, window,
};

/// The identifier that stands for a record, and its value.
pub(super) const ID: [&str; 2] = ["_identifier", "_value"];
/// Which of [`Match::tables`] a record is from.
pub(super) const PART: &str = "_part";

/// The column that holds how frequent a record's value is, among all records that have one.
pub(super) fn frequency(comparison: usize) -> String {
    format!("_frequency_{comparison}")
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

/// Whether a record is new, or has others rows than it had: the pairs of the others are known.
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

/// `_identifier`, `_value`, `_part`, every column that is compared, how frequent values are, and for `blocking` the keys that are
/// no columns as they stand, and whether so many records share them that it is no reason to compare them. With `onward` `_hash`, too,
/// the same for all rows of one id, and if the last run's are known, `_fresh`.
pub(crate) fn records(entity: &Entity, matching: &Match, blocking: &[Blocking], onward: Option<Onward<'_>>) -> Query {
    let mut stages = Stages::default();
    let parts = matching.tables.iter().zip(0_u32..).map(|(table, part)| rows(entity, matching, table, part));
    stages.add("rows", union_all(parts).expect("checking refuses a match without tables"));
    let own = [ID[0], ID[1], PART];
    let names: Vec<&str> = own.into_iter().chain(matching.columns.iter().map(|column| column.name.as_str())).collect();
    let distinct = Select::from_stage("rows").columns(names.iter().copied()).filter([is_not_null(col(ID[1]))]);
    let is_unique = matching.tables.iter().all(|table| table.is_unique);
    let distinct = if is_unique { distinct } else { distinct.group_by(names.iter().copied()) };
    stages.add("records", distinct.query());

    let mut table =
        Table { stages, stage: "records".to_owned(), columns: names.iter().map(|name| (*name).to_owned()).collect() };
    for (comparison, column) in with_frequencies(matching) {
        let stage = format!("frequency_{comparison}");
        let column = &matching.columns[column].name;
        let all = window(Aggregate::new("sum", vec![count_rows().build()]), vec![], vec![]);
        let share = binary(cast_double(count_rows().build()), BinaryOperator::Divide, cast_double(all));
        let counted = Select::from_stage("records")
            .item(col(column), "_of")
            .item(share, "_share")
            .filter([is_not_null(col(column))])
            .group_by([column.as_str()]);
        table.stages.add(&stage, counted.query());
        let same = eq(col_of(&stage, "_of"), col_of(&table.stage, column));
        table.attach(&stage, same, vec![(col_of(&stage, "_share"), frequency(comparison))]);
    }
    let keys: Vec<Keys> = blocking.iter().enumerate().map(|(rule, blocking)| keys(rule, blocking)).collect();
    let texts = as_texts(matching).into_iter().map(|column| (cast_text(col(&column.name)), text_column(column)));
    let all_keys = keys.iter().flat_map(Keys::added).map(|(name, key)| (key.clone(), name.clone()));
    table.compute("keyed", texts.chain(all_keys).collect());
    for keys in &keys {
        let Some(column) = keys.common_column() else { continue };
        let stage = format!("having{column}");
        table.stages.add(&stage, keys.common("keyed", matching.max_block));
        let same = and(keys.same.iter().map(|(name, _)| eq(col_of(&stage, name), col_of(&table.stage, name))));
        let is_common = is_not_null(col_of(&stage, &keys.same[0].0));
        table.attach(&stage, same, vec![(is_common, column)]);
    }
    if let Some(onward) = onward {
        add_hash(&mut table, matching, onward);
    }
    if onward.is_some_and(|onward| onward.is_known) {
        let before = Select::from(previous(&EntityTable::Records.of(&entity.name), "b"));
        table.stages.add("before", before.columns(["identifier", "value", "record_hash"]).query());
        let pairs = ["identifier", "value", "record_hash"].into_iter().zip([ID[0], ID[1], HASH]);
        let same = and(pairs.map(|(before, now)| eq(col_of("before", before), col_of(&table.stage, now))));
        table.attach("before", same, vec![(is_null(col_of("before", "value")), FRESH.to_owned())]);
    }
    table.finish()
}

fn add_hash(table: &mut Table, matching: &Match, onward: Onward<'_>) {
    let values = [PART].into_iter().chain(matching.columns.iter().map(|column| column.name.as_str())).map(col);
    let hash = call("kinfold_row_hash", [text(onward.fingerprint)].into_iter().chain(values).collect());
    if has_one_row_an_id(matching) {
        table.compute("hashed", vec![(hash, HASH.to_owned())]);
        return;
    }
    // Of several rows of one id all count. They come from the records as they are: engines work a stage out anew for each that reads it.
    let hashed = Select::from_stage("records").columns(ID).item(hash, "_row");
    table.stages.add("hashed", hashed.query());
    let all = Aggregate::new("string_agg", vec![col("_row"), text(",")]).order_by(vec![Sort::up(col("_row"))]);
    let of_id = Select::from_stage("hashed").columns(ID).item(all.build(), "_rows").group_by(ID);
    table.stages.add("of_id", of_id.query());
    let same = and(ID.map(|id| eq(col_of("of_id", id), col_of(&table.stage, id))));
    table.attach("of_id", same, vec![(call("md5", vec![col_of("of_id", "_rows")]), HASH.to_owned())]);
}

/// Whether no two records have the same id, be it in one table or in two.
pub(super) fn has_one_row_an_id(matching: &Match) -> bool {
    let identifiers: BTreeSet<usize> = matching.tables.iter().map(|table| table.id.0).collect();
    identifiers.len() == matching.tables.len() && matching.tables.iter().all(|table| table.is_unique)
}

/// The rows of `<entity>_records`.
pub(crate) fn known(entity: &Entity, matching: &Match) -> Query {
    let rows = Select::from(kinfold(&records_table(entity), "r"))
        .item(col(ID[0]), "identifier")
        .item(col(ID[1]), "value")
        .item(col(HASH), "record_hash");
    if has_one_row_an_id(matching) { rows.query() } else { rows.group_by([ID[0], ID[1], HASH]).query() }
}

/// A table that gets more columns, stage by stage.
struct Table {
    stages: Stages,
    /// The last stage.
    stage: String,
    columns: Vec<String>,
}

impl Table {
    /// Adds columns that are computed from those that there are.
    fn compute(&mut self, name: &str, items: Vec<(Expr, String)>) {
        let select = Select::from_stage(&self.stage).columns(self.columns.iter().map(String::as_str));
        self.columns.extend(items.iter().map(|(_, name)| name.clone()));
        self.stages.add(name, select.items(items).query());
        name.clone_into(&mut self.stage);
    }

    /// Adds columns of what another stage says, which has no more than one row for one of this. The many
    /// rows of this one stream past the few of the other: the side of a join that comes first is the one that engines hold.
    fn attach(&mut self, other: &str, on: Expr, items: Vec<(Expr, String)>) {
        let name = format!("with_{other}");
        let select = Select::from(relation(None, other, None))
            .right_join(relation(None, &self.stage, None), on)
            .items(self.columns.iter().map(|name| (col_of(&self.stage, name), name.clone())));
        self.columns.extend(items.iter().map(|(_, name)| name.clone()));
        self.stages.add(&name, select.items(items).query());
        self.stage = name;
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

/// A value in the type that it has in every table. A text of nothing is a missing value.
pub(super) fn value(column: &Column, expr: Option<&Expr>) -> Expr {
    match (expr, &column.ty) {
        (Some(expr), SqlType::Text) => call("nullif", vec![cast_text(expr.clone()), text("")]),
        (Some(expr), ty) => cast_as(expr.clone(), ty),
        (None, SqlType::Text) => cast_text(null()),
        (None, SqlType::Boolean) => cast(null(), DataType::Boolean),
        (None, ty) => cast_as(null(), ty),
    }
}
