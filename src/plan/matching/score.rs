//! How likely a pair is to match.
//!
//! A pair's weight is the prior's and the weights of its levels, in bits. Where two records agree in a value, and rare values say
//! more, `u` of that level gives way to how frequent the value is: two records that do not match have it both as often as that.

use kinfold_lang::project::{Entity, EntityTable, LevelTest, Link, Linkage, Match, MatchModel, MatchTable};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::levels::{PAIR, add_leveled, carried, level_column};
use super::pairs::pairs;
use super::records::{frequency, with_frequencies};
use super::{pairs_table as table_name, records_table};
use crate::sql::{
    Aggregate, Select, Stages, array, binary, call, case_of, cast_big_int, cast_double, col, int, kinfold, null,
    number, union_all,
};
use crate::step::ResolveMatches;

/// The columns of `<entity>_matches` and `<entity>_review` that name the pair.
const NAMES: [&str; 4] = ["identifier_a", "value_a", "identifier_b", "value_b"];

/// For each rule its pairs that are at least as likely as `review`, without those of rules before it: `_identifier_l`, `_value_l`,
/// `_identifier_r`, `_value_r`, the level of each comparison, and `_weight`.
///
/// A query for each, so that engines hold the records for one rule at a time.
pub(crate) fn pairs_of_rules(entity: &Entity, matching: &Match, model: &MatchModel) -> Vec<Query> {
    let found = pairs(&records_table(entity), matching, 0, &matching.block_on, &carried(matching));
    let scored = found.into_iter().map(|pairs| {
        let mut stages = Stages::default();
        stages.add("pairs", pairs);
        add_leveled(&mut stages, "pairs", matching);
        let columns = scored_columns(matching);
        let kept = columns.iter().map(String::as_str);
        let weighed = Select::from_stage("leveled").columns(kept.clone()).item(weight(matching, model), "_weight");
        stages.add("weighed", weighed.query());
        let likely = binary(col("_weight"), BinaryOperator::GtEq, float(weight_of(matching.review)));
        stages.finish(Select::from_stage("weighed").columns(kept).column("_weight").filter([likely]).query())
    });
    scored.collect()
}

/// The pairs of all rules, from the tables of each.
pub(crate) fn pairs_of_all(matching: &Match, tables: &[String]) -> Option<Query> {
    let columns = scored_columns(matching);
    let all = tables.iter().map(|table| {
        Select::from(kinfold(table, "p")).columns(columns.iter().map(String::as_str)).column("_weight").query()
    });
    let all = union_all(all)?;
    if matching.tables.iter().all(|table| table.is_unique) {
        return Some(all);
    }
    // Rows of one id that differ are compared each; the likeliest counts.
    let mut stages = Stages::default();
    stages.add("likely", all);
    let levels = (0..matching.comparisons.len()).map(level_column);
    let best = levels.map(|level| (Aggregate::last(col(&level), col("_weight")).build(), level));
    let grouped = Select::from_stage("likely")
        .columns(PAIR)
        .items(best)
        .item(Aggregate::new("max", vec![col("_weight")]).build(), "_weight")
        .group_by(PAIR);
    Some(stages.finish(grouped.query()))
}

/// Who a pair is, and its levels.
fn scored_columns(matching: &Match) -> Vec<String> {
    let levels = (0..matching.comparisons.len()).map(level_column);
    PAIR.map(str::to_owned).into_iter().chain(levels).collect()
}

/// A pair's weight, over its levels.
fn weight(matching: &Match, model: &MatchModel) -> Expr {
    let frequencies = with_frequencies(matching);
    let parts = model.levels.iter().enumerate().map(|(i, levels)| {
        let has_frequency = frequencies.iter().any(|(comparison, _)| *comparison == i);
        let branches = levels.iter().enumerate().map(|(k, (m, u))| {
            let test = matching.comparisons[i].levels.get(k).map(|level| &level.test);
            let weight = match test {
                Some(LevelTest::Exact) if has_frequency => {
                    let rare = call("log2", vec![col(&frequency(i))]);
                    binary(float(m.log2()), BinaryOperator::Minus, rare)
                }
                _ => float((m / u).log2()),
            };
            (int(k as i128), weight)
        });
        case_of(col(&level_column(i)), branches, Some(float(0.0)))
    });
    parts.fold(float(weight_of(model.prior)), |sum, part| binary(sum, BinaryOperator::Plus, part))
}

/// Pairs that are linked, for the kernel, and what it must know of them.
pub(crate) fn matched(entity: &Entity, matching: &Match) -> ResolveMatches {
    let accept = weight_of(matching.accept);
    // An average is one of all likely pairs, of those too that are not linked.
    let least = if matching.linkage == Linkage::Average { weight_of(matching.review) } else { accept };
    let query = Select::from(kinfold(&table_name(entity), "p"))
        .columns(PAIR)
        .item(col("_weight"), "weight")
        .filter([binary(col("_weight"), BinaryOperator::GtEq, float(least))])
        .query();
    let record = |table: &MatchTable| {
        let is_of = |link: &Link| link.table == table.table && link.ids.iter().any(|id| id.0 == table.id.0);
        Some((entity.links.iter().position(is_of)?, table.id.0))
    };
    let tables = matching.tables.iter().filter(|_| matching.one_to_one);
    ResolveMatches { query, accept, linkage: matching.linkage, one_of_each: tables.filter_map(record).collect() }
}

/// The rows of `<entity>_matches`, which are linked, or of `<entity>_review`, which are for people to look at.
pub(crate) fn told(entity: &Entity, matching: &Match, table: EntityTable) -> Query {
    let op = if table == EntityTable::Review { BinaryOperator::Lt } else { BinaryOperator::GtEq };
    let weight = || col("_weight");
    let odds = call("power", vec![float(2.0), binary(float(0.0), BinaryOperator::Minus, weight())]);
    let probability = binary(float(1.0), BinaryOperator::Divide, binary(float(1.0), BinaryOperator::Plus, odds));
    let levels = (0..matching.comparisons.len()).map(|i| cast_big_int(col(&level_column(i))));
    Select::from(kinfold(&table_name(entity), "p"))
        .items(PAIR.into_iter().zip(NAMES).map(|(from, to)| (col(from), to.to_owned())))
        .item(weight(), "weight")
        .item(probability, "probability")
        .item(array(levels.collect()), "levels")
        .filter([binary(weight(), op, float(weight_of(matching.accept)))])
        .query()
}

/// `log2(p / (1 - p))`
pub(super) fn weight_of(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}

fn float(value: f64) -> Expr {
    if value.is_finite() { cast_double(number(&format!("{value:.12}"))) } else { cast_double(null()) }
}
