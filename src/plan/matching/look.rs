//! What people look at: pairs that nothing has decided yet, and what records hold.

use kinfold_base::SqlType;
use kinfold_lang::project::{Entity, EntityTable, Match, MatchTable};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::records::{ID, PART, value};
use super::score::NAMES;
use crate::identity::keys::allowed;
use crate::sql::{
    Aggregate, Select, Sort, Stages, and, binary, boolean, call, cast_text, coalesce, col, col_of, eq, in_list, int,
    kinfold, not, null, table, text, union_all, window,
};

/// More rows of one id are not told.
pub const ROWS_OF_ONE_ID: u32 = 3;

/// The column of [`records_of`] that names the table.
const TABLE: &str = "_table";

/// In which order pairs are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LookOrder {
    /// The likelier first.
    #[default]
    Likely,
    /// Those first of which the model knows least: the nearest to as likely as not.
    Doubtful,
}

/// What the records of some ids hold, an id being an index into [`Entity::identifiers`] and a value in its form: `_identifier`,
/// `_value`, `_table` and each of [`Match::columns`] as a text. No more than [`ROWS_OF_ONE_ID`] rows for each id, in the order of the
/// tables; rows that are alike count once. None if no table can have any of these.
#[must_use]
pub fn records_of(entity: &Entity, matching: &Match, ids: &[(usize, &str)]) -> Option<Query> {
    let names: Vec<&str> = matching.columns.iter().map(|column| column.name.as_str()).collect();
    let mut stages = Stages::default();
    let mut found = vec![];
    for (part, number) in matching.tables.iter().zip(0_u32..) {
        let values: Vec<Expr> =
            ids.iter().filter(|(identifier, _)| *identifier == part.id.0).map(|(_, value)| text(value)).collect();
        if values.is_empty() {
            continue;
        }
        let stage = format!("rows_{number}");
        stages.add(&stage, rows(entity, matching, part, number));
        let of_ids = Select::from_stage(&stage).all_of(&stage).filter([in_list(col(ID[1]), values, false)]);
        found.push(of_ids.query());
    }
    stages.add("found", union_all(found)?);
    let all = || [ID[0], ID[1], TABLE, PART].into_iter().chain(names.iter().copied());
    stages.add("distinct", Select::from_stage("found").columns(all()).group_by(all()).query());
    let order = || [PART].into_iter().chain(names.iter().copied()).map(|name| Sort::up(col(name))).collect();
    let place = window(Aggregate::new("row_number", vec![]), ID.map(col).to_vec(), order());
    stages.add("placed", Select::from_stage("distinct").columns(all()).item(place, "_place").query());
    let first = binary(col("_place"), BinaryOperator::LtEq, int(ROWS_OF_ONE_ID));
    let query = Select::from_stage("placed")
        .columns([ID[0], ID[1], TABLE])
        .columns(names.iter().copied())
        .filter([first])
        .order_by(ID.into_iter().chain(["_place"]).map(|name| Sort::up(col(name))).collect());
    Some(stages.finish(query.query()))
}

/// A table's records as [`records_of`] tells them.
fn rows(entity: &Entity, matching: &Match, part: &MatchTable, number: u32) -> Query {
    let (identifier, id) = &part.id;
    let identifier = &entity.identifiers[*identifier];
    let columns = matching.columns.iter().zip(&part.columns).map(|(column, expr)| {
        let value = value(column, expr.as_ref());
        let told = match &column.ty {
            _ if expr.is_none() => cast_text(null()),
            SqlType::Text => value,
            SqlType::List(_) => call("array_to_string", vec![value, text(", ")]),
            _ => cast_text(value),
        };
        (told, column.name.clone())
    });
    Select::from(table(&part.table))
        .item(text(&identifier.name), ID[0])
        .item(allowed(identifier, &cast_text(id.clone())), ID[1])
        .item(text(&part.table.to_string()), TABLE)
        .item(int(number), PART)
        .items(columns)
        .query()
}

/// The pairs of `<entity>_review` that are not of one profile by now, without the first `offset`, at most `limit`: the columns of
/// that table.
#[must_use]
pub fn review(entity: &Entity, order: LookOrder, offset: u64, limit: u32) -> Query {
    let columns = ["weight", "probability", "levels", "weights"];
    let by_weight = match order {
        LookOrder::Likely => Sort::down(col("weight")),
        LookOrder::Doubtful => Sort::up(call("abs", vec![col("weight")])),
    };
    let ties = ["value_a", "value_b", "identifier_a", "identifier_b"].map(|name| Sort::up(col(name)));
    let all = NAMES.into_iter().chain(columns);
    let mut stages = Stages::default();
    stages.add("undecided", undecided(entity, all.clone()));
    let query = Select::from_stage("undecided")
        .columns(all)
        .order_by([by_weight].into_iter().chain(ties).collect())
        .offset(offset)
        .limit(limit);
    stages.finish(query.query())
}

/// All pairs that [`review`] gives in turn: `identifier_a`, `value_a`, `identifier_b`, `value_b`.
#[must_use]
pub fn review_pairs(entity: &Entity) -> Query {
    undecided(entity, NAMES)
}

/// The few pairs come first, past which the many values stream: engines hold the side of a join that comes first.
fn undecided<'a>(entity: &Entity, columns: impl IntoIterator<Item = &'a str>) -> Query {
    let identifiers = EntityTable::Identifiers.of(&entity.name);
    let is_end = |end: &str| {
        let same = |column: &str| eq(col_of("r", &format!("{column}_{end}")), col_of(end, column));
        and([same("identifier"), same("value")])
    };
    // A value that is in no profile, since many share it, leaves a pair undecided.
    let is_one = coalesce(vec![eq(col_of("a", "profile_id"), col_of("b", "profile_id")), boolean(false)]);
    Select::from(kinfold(&EntityTable::Review.of(&entity.name), "r"))
        .left_join(kinfold(&identifiers, "a"), is_end("a"))
        .left_join(kinfold(&identifiers, "b"), is_end("b"))
        .items(columns.into_iter().map(|name| (col_of("r", name), name.to_owned())))
        .filter([not(is_one)])
        .query()
}
