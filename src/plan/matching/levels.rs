//! At which level of each comparison a pair is.
//!
//! What costs much is measured once for each pair; levels are read off the measures.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use kinfold_base::SqlType;
use kinfold_lang::project::{Comparison, Entity, Level, LevelTest, Match};
use kinfold_sql::each_expr_mut;
use sqlparser::ast::{BinaryOperator, DataType, Expr, Query, TableFactor};

use super::pairs::ROWS;
use super::records::{ID, ROW, as_texts, text_column};
use super::records_table;
use crate::sql::{
    Select, Stages, and, binary, call, case, cast, cast_as, cast_double, col, col_of, count_rows, eq, finite, ident,
    in_query, int, is_null, kinfold, null, number, or, relation, text,
};

/// The column that holds a pair's level of a comparison, counted from 0; null where a value is missing.
pub(super) fn level_column(comparison: usize) -> String {
    format!("_level_{comparison}")
}

/// The columns that name a pair: the identifier and value of one record, then of the other.
pub(super) const PAIR: [&str; 4] = ["_identifier_l", "_value_l", "_identifier_r", "_value_r"];

/// What is selected of two records, `l` and `r`: who they are, and what levels are found out from.
pub(super) fn carried(matching: &Match) -> Vec<(Expr, String)> {
    let ids = ["l", "r"].into_iter().flat_map(|side| ID.map(|id| col_of(side, id)));
    let mut items: Vec<(Expr, String)> = ids.zip(PAIR.map(str::to_owned)).collect();
    let compared = matching.comparisons.iter().flat_map(|comparison| comparison.columns(matching));
    let compared: BTreeSet<usize> = compared.collect();
    let compared = compared.into_iter().map(|index| matching.columns[index].name.clone());
    let names = compared.chain(as_texts(matching).into_iter().map(text_column));
    items.extend(names.flat_map(|name| ["l", "r"].map(|side| (col_of(side, &name), side_column(side, &name)))));
    items
}

/// Adds the stage `pairs` over the stage `found`, which has the numbers of two records: what [`carried`] selects of them, and `also`,
/// columns of the stage.
pub(super) fn add_pairs(stages: &mut Stages, entity: &Entity, matching: &Match, also: &[String]) {
    let records = records_table(entity);
    let [l, r] = ["l", "r"].map(|side| kinfold(&records, side));
    stages.add("pairs", sides(matching, also, l, r));
}

/// As [`add_pairs`], where `found` is a table: it is read several times, so that of records no more are held than are in a pair.
pub(super) fn add_pairs_of_table(stages: &mut Stages, entity: &Entity, matching: &Match, also: &[String]) {
    let [l, r] = [("l", ROWS[0]), ("r", ROWS[1])].map(|(side, name)| {
        // That two differ is always so: engines reckon that a condition leaves few rows, and hold the numbers, past which the
        // records stream.
        let differ = binary(col(ROWS[0]), BinaryOperator::NotEq, col(ROWS[1]));
        let ends = Select::from_stage("found").column(name).filter([differ]).query();
        let records = Select::from(kinfold(&records_table(entity), "r")).all_of("r").filter([in_query(col(ROW), ends)]);
        let stage = format!("records_{side}");
        stages.add(&stage, records.query());
        relation(None, &stage, Some(side))
    });
    stages.add("pairs", sides(matching, also, l, r));
}

fn sides(matching: &Match, also: &[String], l: TableFactor, r: TableFactor) -> Query {
    let is_row = |side: &str, name: &str| eq(col_of("found", name), col_of(side, ROW));
    Select::from(relation(None, "found", None))
        .items(carried(matching))
        .items(also.iter().map(|name| (col_of("found", name), name.clone())))
        .join(l, is_row("l", ROWS[0]))
        .join(r, is_row("r", ROWS[1]))
        .query()
}

/// The column of a pair that holds what a record has in one.
fn side_column(side: &str, name: &str) -> String {
    format!("_{side}_{name}")
}

/// Over what [`carried`] selects: who the pair is, and what is measured.
fn measured(matching: &Match, stage: &str, kept: &[String]) -> Query {
    let mut items: Vec<(Expr, String)> = vec![];
    for (i, comparison) in matching.comparisons.iter().enumerate() {
        items.push((is_missing(matching, comparison), missing_column(i)));
        for (k, level) in comparison.levels.iter().enumerate() {
            let (name, expr) = match Measure::of(matching, comparison, &level.test) {
                Measure::Scale { name, expr, .. } => (format!("_{name}_{i}"), expr),
                Measure::Holds(expr) => (holds_column(i, k), expr),
            };
            if !items.iter().any(|(_, other)| *other == name) {
                items.push((expr, name));
            }
        }
    }
    Select::from_stage(stage).columns(kept.iter().map(String::as_str)).items(items).query()
}

/// Adds the stage `leveled` over a stage that has what [`carried`] selects: who the pair is, and its level of each comparison; besides
/// `also`, columns of the stage.
pub(super) fn add_leveled(stages: &mut Stages, stage: &str, matching: &Match, also: &[String]) {
    let kept: Vec<String> = PAIR.map(str::to_owned).into_iter().chain(also.iter().cloned()).collect();
    stages.add("measured", measured(matching, stage, &kept));
    let select = Select::from_stage("measured").columns(kept.iter().map(String::as_str));
    let levels = matching.comparisons.iter().enumerate().map(|(i, comparison)| {
        let missing = (col(&missing_column(i)), null());
        let held = comparison.levels.iter().enumerate().map(|(k, level)| {
            let condition = match Measure::of(matching, comparison, &level.test) {
                Measure::Scale { name, bound, op, .. } => binary(col(&format!("_{name}_{i}")), op, bound),
                Measure::Holds(_) => col(&holds_column(i, k)),
            };
            (condition, int(k as i128))
        });
        let otherwise = int(comparison.levels.len() as i128);
        let level = case([missing].into_iter().chain(held), Some(otherwise));
        (cast(level, DataType::SmallInt(None)), level_column(i))
    });
    stages.add("leveled", select.items(levels).query());
}

/// How many pairs are at the same levels: `also`, columns of the stage `pairs`, then the level of each comparison, then `pairs`; over
/// that stage, which has what [`carried`] selects.
pub(super) fn patterns(matching: &Match, mut stages: Stages, also: &[String]) -> Query {
    add_leveled(&mut stages, "pairs", matching, also);
    let levels = (0..matching.comparisons.len()).map(level_column);
    let names: Vec<String> = also.iter().cloned().chain(levels).collect();
    let names = || names.iter().map(String::as_str);
    let counted = Select::from_stage("leveled").columns(names()).item(count_rows().build(), "pairs");
    stages.finish(counted.group_by(names()).query())
}

fn missing_column(comparison: usize) -> String {
    format!("_missing_{comparison}")
}

fn holds_column(comparison: usize, level: usize) -> String {
    format!("_holds_{comparison}_{level}")
}

/// Whether a value is missing without which nothing can be said.
fn is_missing(matching: &Match, comparison: &Comparison) -> Expr {
    let columns = match comparison.column {
        Some(column) => vec![column],
        None => comparison.columns(matching),
    };
    let names = columns.into_iter().map(|column| matching.columns[column].name.as_str());
    or(names.flat_map(|name| ["l", "r"].map(|side| is_null(of(side, name)))))
}

/// What a record has in a column.
fn of(side: &str, name: &str) -> Expr {
    col(&side_column(side, name))
}

/// SQL over two records, `l` and `r`, as SQL over what [`carried`] selects of them.
fn of_pair(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    let _ = each_expr_mut(&mut expr, |part| {
        if let Expr::CompoundIdentifier(parts) = part
            && parts.len() > 1
        {
            let side = parts.remove(0);
            parts[0] = ident(&side_column(&side.value, &parts[0].value));
            if parts.len() == 1 {
                *part = Expr::Identifier(parts.remove(0));
            }
        }
        ControlFlow::Continue(())
    });
    expr
}

/// How it is found out whether a pair is at a level.
#[expect(clippy::large_enum_variant, reason = "they are looked at and gone")]
enum Measure {
    /// Something that several levels may be read off.
    Scale {
        name: &'static str,
        expr: Expr,
        op: BinaryOperator,
        bound: Expr,
    },
    Holds(Expr),
}

impl Measure {
    fn of(matching: &Match, comparison: &Comparison, test: &LevelTest) -> Self {
        let column = comparison.column.map(|column| &matching.columns[column]);
        let name = |index: usize| matching.columns[index].name.as_str();
        let sides = || {
            let name = column.map_or("", |column| column.name.as_str());
            [of("l", name), of("r", name)]
        };
        let texts = || {
            let name = column.map_or_else(String::new, text_column);
            [of("l", &name), of("r", &name)]
        };
        let same = || {
            let [l, r] = sides();
            eq(l, r)
        };
        let at_least = |name, expr: Expr, least: &str| Self::Scale {
            name,
            expr,
            op: BinaryOperator::GtEq,
            // As it stands, some engines would make decimal numbers of all measures.
            bound: cast_double(number(least)),
        };
        let at_most = |name, expr: Expr, bound: Expr| Self::Scale { name, expr, op: BinaryOperator::LtEq, bound };
        match test {
            LevelTest::Exact => Self::Holds(same()),
            LevelTest::DayMonthSwapped => Self::Holds(call("day_month_swapped", sides().to_vec())),
            LevelTest::JaroWinkler(least) | LevelTest::Jaro(least) => {
                let name = if matches!(test, LevelTest::Jaro(_)) { "jaro" } else { "jaro_winkler" };
                // What is less than any level asks for need not be found out.
                let of_level = |level: &Level| match (&level.test, test) {
                    (LevelTest::Jaro(least), LevelTest::Jaro(_))
                    | (LevelTest::JaroWinkler(least), LevelTest::JaroWinkler(_)) => least.parse().ok(),
                    _ => None,
                };
                let lowest = comparison.levels.iter().filter_map(of_level).fold(1.0, f64::min);
                let [l, r] = sides();
                let similarity = call(name, vec![l, r, cast_double(number(&lowest.to_string()))]);
                at_least(name, similarity, least)
            }
            LevelTest::Levenshtein(most) => {
                // Engines' own, which does not look first whether there is anything to count.
                let distance = case([(same(), int(0))], Some(call("levenshtein", texts().to_vec())));
                at_most("levenshtein", distance, int(*most))
            }
            LevelTest::DamerauLevenshtein(most) => {
                // More than any level asks for need not be counted.
                let limit = comparison.levels.iter().filter_map(|level| match &level.test {
                    LevelTest::DamerauLevenshtein(most) => Some(*most),
                    _ => None,
                });
                let [l, r] = texts();
                let distance = call("damerau_levenshtein", vec![l, r, int(limit.max().unwrap_or(*most))]);
                at_most("damerau_levenshtein", distance, int(*most))
            }
            LevelTest::Within(most) => {
                let seconds = |expr: Expr| call("date_part", vec![text("epoch"), expr]);
                let [l, r] = sides().map(seconds);
                let apart = call("abs", vec![binary(l, BinaryOperator::Minus, r)]);
                Self::Scale { name: "seconds", expr: apart, op: BinaryOperator::LtEq, bound: int(most.as_secs()) }
            }
            LevelTest::Difference(most) => {
                let [l, r] = sides();
                let abs = |expr: Expr| call("abs", vec![expr]);
                let apart = |l: Expr, r: Expr| abs(binary(l, BinaryOperator::Minus, r));
                match column.map(|column| &column.ty) {
                    Some(SqlType::Float) => {}
                    // The difference of two of them is an integer that their type need not hold.
                    Some(SqlType::Integer) => {
                        let wide = SqlType::Decimal { precision: 20, scale: 0 };
                        let [l, r] = [l, r].map(|side| cast_as(side, &wide));
                        return at_most("difference", apart(l, r), number(most));
                    }
                    _ => return at_most("difference", apart(l, r), number(most)),
                }
                // Each of the two is off by up to half of 2^-52 of itself from the decimal number that was written. What is infinite, or
                // no number, is near to nothing.
                let size = finite(binary(abs(l.clone()), BinaryOperator::Plus, abs(r.clone())), &SqlType::Float);
                let rounding = binary(size, BinaryOperator::Multiply, cast_double(number("2.3e-16")));
                let apart = binary(apart(l, r), BinaryOperator::Minus, rounding);
                at_most("difference", apart, cast_double(number(most)))
            }
            LevelTest::Distance { latitude, longitude, km } => {
                let place =
                    |side: &'static str| [*latitude, *longitude].map(|index| cast_double(of(side, name(index))));
                let apart = call("distance_km", place("l").into_iter().chain(place("r")).collect());
                Self::Scale { name: "km", expr: apart, op: BinaryOperator::LtEq, bound: cast_double(number(km)) }
            }
            LevelTest::Prefix(count) => {
                let [l, r] = sides().map(|side| call("left", vec![side, int(*count)]));
                let long = sides().map(|side| binary(call("length", vec![side]), BinaryOperator::GtEq, int(*count)));
                Self::Holds(and([eq(l, r)].into_iter().chain(long)))
            }
            LevelTest::Until(mark) => {
                // Two that begin with the mark have nothing in common.
                let [l, r] = sides().map(|side| call("split_part", vec![side, text(mark), int(1)]));
                let is_something = binary(l.clone(), BinaryOperator::NotEq, text(""));
                Self::Holds(and([eq(l, r), is_something]))
            }
            LevelTest::Intersect(count) => {
                let common = call("array_intersect", sides().to_vec());
                // That an element is missing in both is nothing in common.
                let is_known = is_null(call("array_position", vec![common.clone(), null()]));
                let missing = case([(is_known, int(0))], Some(int(1)));
                let common = binary(call("cardinality", vec![common]), BinaryOperator::Minus, missing);
                Self::Scale { name: "common", expr: common, op: BinaryOperator::GtEq, bound: int(*count) }
            }
            LevelTest::Swapped(other) => {
                let column = column.map_or("", |column| column.name.as_str());
                let other = name(*other);
                let crossed = [eq(of("l", column), of("r", other)), eq(of("l", other), of("r", column))];
                Self::Holds(and(crossed))
            }
            LevelTest::Sql(expr) => Self::Holds(of_pair(expr)),
        }
    }
}
