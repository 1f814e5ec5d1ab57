//! How likely a pair is to match.
//!
//! A pair's weight is the prior's and the weights of its levels, in bits. Where two records agree in a value, and rare values say
//! more, `u` of that level gives way to how frequent the value is: two records that do not match have it both as often as that.

use kinfold_lang::project::{Entity, EntityTable, LevelTest, Match, MatchModel};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::levels::{PAIR, add_leveled, carried, level_column};
use super::pairs::pairs;
use super::records::{frequency, with_frequencies};
use super::{pairs_table as table_name, records_table};
use crate::sql::{
    Aggregate, Select, Stages, array, binary, call, case_of, cast_big_int, cast_double, col, int, kinfold, null, number,
};

/// The columns of `<entity>_matches` and `<entity>_review` that name the pair.
const NAMES: [&str; 4] = ["identifier_a", "value_a", "identifier_b", "value_b"];

/// `_identifier_l`, `_value_l`, `_identifier_r`, `_value_r`, the level of each comparison, and `_weight`: every pair that is at least
/// as likely as `review`, once.
pub(crate) fn pairs_table(entity: &Entity, matching: &Match, model: &MatchModel) -> Option<Query> {
    let mut stages = Stages::default();
    stages.add("pairs", pairs(&records_table(entity), matching, 0, &matching.block_on, &carried(matching))?);
    add_leveled(&mut stages, "pairs", matching);
    let levels: Vec<String> = (0..matching.comparisons.len()).map(level_column).collect();
    let kept = || PAIR.into_iter().chain(levels.iter().map(String::as_str));
    let weighed = Select::from_stage("leveled").columns(kept()).item(weight(matching, model), "_weight");
    stages.add("weighed", weighed.query());
    let likely = binary(col("_weight"), BinaryOperator::GtEq, float(weight_of(matching.review)));
    let likely = Select::from_stage("weighed").filter([likely]);
    if matching.tables.iter().all(|table| table.is_unique) {
        return Some(stages.finish(likely.columns(kept()).column("_weight").query()));
    }
    // Rows of one id that differ are compared each; the likeliest counts.
    let best = levels.iter().map(|level| (Aggregate::last(col(level), col("_weight")).build(), level.clone()));
    let grouped = likely
        .columns(PAIR)
        .items(best)
        .item(Aggregate::new("max", vec![col("_weight")]).build(), "_weight")
        .group_by(PAIR);
    Some(stages.finish(grouped.query()))
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

/// Pairs that are linked, for the kernel: the pair, then `weight`.
pub(crate) fn matched(entity: &Entity, matching: &Match) -> Query {
    Select::from(kinfold(&table_name(entity), "p"))
        .columns(PAIR)
        .item(col("_weight"), "weight")
        .filter([binary(col("_weight"), BinaryOperator::GtEq, float(weight_of(matching.accept)))])
        .query()
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
