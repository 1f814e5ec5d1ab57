//! At which level of each comparison a pair is.
//!
//! What costs much is measured once for each pair, and only for values that are not the same; levels are read off the measures.

use kinfold_base::SqlType;
use kinfold_lang::project::{Comparison, LevelTest, Match};
use sqlparser::ast::{BinaryOperator, DataType, Expr, Query};

use super::records::{ID, frequency, with_frequencies};
use crate::sql::{
    Select, Stages, and, binary, call, case, cast, cast_double, cast_text, col, col_of, count_rows, eq, int, is_null, null,
    number, or, text,
};

/// The column that holds a pair's level of a comparison, counted from 0; null where a value is missing.
pub(super) fn level_column(comparison: usize) -> String {
    format!("_level_{comparison}")
}

/// The columns that name a pair: the identifier and value of one record, then of the other.
pub(super) const PAIR: [&str; 4] = ["_identifier_l", "_value_l", "_identifier_r", "_value_r"];

/// What is selected of both records: who they are, and what is measured.
pub(super) fn measured(matching: &Match) -> Vec<(Expr, String)> {
    let ids = ["l", "r"].into_iter().flat_map(|side| ID.map(|id| col_of(side, id)));
    let mut items: Vec<(Expr, String)> = ids.zip(PAIR.map(str::to_owned)).collect();
    for (i, _) in with_frequencies(matching) {
        items.push((col_of("l", &frequency(i)), frequency(i)));
    }
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
    items
}

/// Adds the stage `leveled` over a stage that has what [`measured`] selects: who the pair is, how frequent its values are, and its
/// level of each comparison.
pub(super) fn add_leveled(stages: &mut Stages, stage: &str, matching: &Match) {
    let frequencies = with_frequencies(matching).into_iter().map(|(i, _)| frequency(i));
    let kept: Vec<String> = PAIR.map(str::to_owned).into_iter().chain(frequencies).collect();
    let select = Select::from_stage(stage).columns(kept.iter().map(String::as_str));
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

/// How many pairs are at the same levels: the level of each comparison, then `pairs`; over a query that has what [`measured`] selects.
pub(super) fn patterns(matching: &Match, measured: Query) -> Query {
    let mut stages = Stages::default();
    stages.add("measured", measured);
    add_leveled(&mut stages, "measured", matching);
    let levels: Vec<String> = (0..matching.comparisons.len()).map(level_column).collect();
    let names = || levels.iter().map(String::as_str);
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
    or(names.flat_map(|name| ["l", "r"].map(|side| is_null(col_of(side, name)))))
}

/// How it is found out whether a pair is at a level.
enum Measure {
    /// Something that several levels may be read off.
    Scale { name: &'static str, expr: Expr, op: BinaryOperator, bound: Expr },
    Holds(Expr),
}

impl Measure {
    fn of(matching: &Match, comparison: &Comparison, test: &LevelTest) -> Self {
        let column = comparison.column.map(|column| &matching.columns[column]);
        let name = |index: usize| matching.columns[index].name.as_str();
        let sides = || {
            let name = column.map_or("", |column| column.name.as_str());
            [col_of("l", name), col_of("r", name)]
        };
        let texts = || sides().map(cast_text);
        let same = || {
            let [l, r] = sides();
            eq(l, r)
        };
        let at_least = |name, perfect: Expr, expr: Expr, least: &str| Self::Scale {
            name,
            expr: case([(same(), perfect)], Some(expr)),
            op: BinaryOperator::GtEq,
            bound: number(least),
        };
        let at_most = |name, expr: Expr, bound: Expr| Self::Scale {
            name,
            expr: case([(same(), int(0))], Some(expr)),
            op: BinaryOperator::LtEq,
            bound,
        };
        match test {
            LevelTest::Exact => Self::Holds(same()),
            LevelTest::DayMonthSwapped => Self::Holds(call("day_month_swapped", sides().to_vec())),
            LevelTest::JaroWinkler(least) => {
                at_least("jaro_winkler", cast_double(int(1)), call("jaro_winkler", sides().to_vec()), least)
            }
            LevelTest::Jaro(least) => at_least("jaro", cast_double(int(1)), call("jaro", sides().to_vec()), least),
            LevelTest::Levenshtein(most) => at_most("levenshtein", call("levenshtein", texts().to_vec()), int(*most)),
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
                let apart = call("abs", vec![binary(l, BinaryOperator::Minus, r)]);
                let is_float = column.is_some_and(|column| column.ty == SqlType::Float);
                let bound = if is_float { cast_double(number(most)) } else { number(most) };
                Self::Scale { name: "difference", expr: apart, op: BinaryOperator::LtEq, bound }
            }
            LevelTest::Distance { latitude, longitude, km } => {
                let place = |side: &'static str| [*latitude, *longitude].map(|index| cast_double(col_of(side, name(index))));
                let apart = call("distance_km", place("l").into_iter().chain(place("r")).collect());
                Self::Scale { name: "km", expr: apart, op: BinaryOperator::LtEq, bound: cast_double(number(km)) }
            }
            LevelTest::Prefix(count) => {
                let [l, r] = sides().map(|side| call("left", vec![side, int(*count)]));
                let long = sides().map(|side| binary(call("length", vec![side]), BinaryOperator::GtEq, int(*count)));
                Self::Holds(and([eq(l, r)].into_iter().chain(long)))
            }
            LevelTest::Until(mark) => {
                let [l, r] = sides().map(|side| call("split_part", vec![side, text(mark), int(1)]));
                Self::Holds(eq(l, r))
            }
            LevelTest::Intersect(count) => {
                let common = call("cardinality", vec![call("array_intersect", sides().to_vec())]);
                Self::Scale { name: "common", expr: common, op: BinaryOperator::GtEq, bound: int(*count) }
            }
            LevelTest::Swapped(other) => {
                let column = column.map_or("", |column| column.name.as_str());
                let other = name(*other);
                let crossed = [
                    eq(col_of("l", column), col_of("r", other)),
                    eq(col_of("l", other), col_of("r", column)),
                ];
                Self::Holds(and(crossed))
            }
            LevelTest::Sql(expr) => Self::Holds(expr.clone()),
        }
    }
}
