//! How likely a pair is to match.
//!
//! A pair's weight is the prior's and the weights of its levels, in bits. Where two records agree in a value, and rare values say
//! more, `u` of that level gives way to how frequent the value is: two records that do not match have it both as often as that.

use std::hash::{DefaultHasher, Hash, Hasher};

use kinfold_lang::project::{BlockOn, Entity, EntityTable, LevelTest, Link, Linkage, Match, MatchModel, MatchTable};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::levels::{PAIR, add_leveled, add_pairs_of_table, level_column};
use super::pairs::{Which, found, pairs};
use super::records::{FRESH, ID, frequencies, frequency, has_one_row_an_id, is_named, with_frequencies};
use super::{keys_table, pairs_table as table_name};
use crate::sql::{
    Aggregate, Select, Stages, array, binary, call, case_of, cast_big_int, cast_double, col, col_of, int, kinfold, not,
    null, number, previous, relation, union_all,
};
use crate::step::ResolveMatches;

/// The columns of `<entity>_matches` and `<entity>_review` that name the pair.
pub(super) const NAMES: [&str; 4] = ["identifier_a", "value_a", "identifier_b", "value_b"];
/// Those that say the same as [`SCORE`].
const TOLD: [&str; 3] = ["levels", "weights", "weight"];

/// What a pair has besides its names: at which level each comparison is, counted from 0 and null where a value is missing, what each
/// adds, and the sum with the prior's, in bits.
pub(super) const SCORE: [&str; 3] = ["_levels", "_weights", "_weight"];

/// For each rule the records that it finds, without those of rules before it: `_row_l`, `_row_r`, and how frequent values are. With
/// `onward` only those of which one is new.
///
/// A query for each, so that engines hold what records agree in for one rule at a time.
pub(crate) fn pairs_of_rules(entity: &Entity, matching: &Match, onward: bool) -> Vec<Query> {
    let which = if onward { Which::Fresh } else { Which::All };
    pairs(entity, matching, 0, &matching.block_on, &found(matching, true), which)
}

/// Of the pairs of rules, which `tables` hold, those that are at least as likely as `review`: `_identifier_l`, `_value_l`,
/// `_identifier_r`, `_value_r`, `_levels`, `_weights`, `_weight`.
fn add_likely(stages: &mut Stages, entity: &Entity, matching: &Match, model: &MatchModel, tables: &[String]) -> Query {
    let names: Vec<String> = found(matching, true).into_iter().map(|(_, name)| name).collect();
    let of_rule = |table: &String| Select::from(kinfold(table, "p")).columns(names.iter().map(String::as_str)).query();
    stages.add("found", union_all(tables.iter().map(of_rule)).expect("checking refuses a match without rules"));
    let also = frequencies(matching);
    add_pairs_of_table(stages, entity, matching, &also);
    add_weighed(stages, matching, model, &also);
    let likely = binary(col("_weight"), BinaryOperator::GtEq, float(weight_of(matching.review)));
    Select::from_stage("weighed").columns(PAIR).items(scored_items(matching, model)).filter([likely]).query()
}

/// [`SCORE`], over the stage `weighed`.
pub(super) fn scored_items(matching: &Match, model: &MatchModel) -> [(Expr, String); 3] {
    let levels = (0..matching.comparisons.len()).map(|i| cast_big_int(col(&level_column(i)))).collect();
    let [of_levels, of_weights, of_weight] = SCORE.map(str::to_owned);
    [(array(levels), of_levels), (array(weights(matching, model)), of_weights), (col(SCORE[2]), of_weight)]
}

/// Adds the stage `weighed` over the stage `pairs`: who the pair is, its level of each comparison, `_weight`, and `also`, columns of that
/// stage, of which are how frequent values are.
pub(super) fn add_weighed(stages: &mut Stages, matching: &Match, model: &MatchModel, also: &[String]) {
    add_leveled(stages, "pairs", matching, also);
    let levels = (0..matching.comparisons.len()).map(level_column);
    let kept: Vec<String> = PAIR.map(str::to_owned).into_iter().chain(levels).chain(also.iter().cloned()).collect();
    let all = weights(matching, model).into_iter();
    let sum = all.fold(float(weight_of(model.prior)), |sum, part| binary(sum, BinaryOperator::Plus, part));
    // Engines would move a condition on the weight to where records are joined, and measure there once more for each level.
    let once = call("kinfold_once", vec![sum]);
    let weighed = Select::from_stage("leveled").columns(kept.iter().map(String::as_str)).item(once, SCORE[2]);
    stages.add("weighed", weighed.query());
}

/// Raised when functions that compare give other values than before: of them queries tell no more than the name.
const FUNCTIONS: u8 = 1;

/// What decides which pairs are made, and what they weigh; a text that changes whenever that does, but for what records hold.
pub(crate) fn fingerprint(entity: &Entity, matching: &Match, model: &MatchModel) -> String {
    let mut hasher = DefaultHasher::new();
    FUNCTIONS.hash(&mut hasher);
    for query in pairs_of_rules(entity, matching, false) {
        query.to_string().hash(&mut hasher);
    }
    let mut stages = Stages::default();
    let likely = add_likely(&mut stages, entity, matching, model, &[table_name(entity)]);
    stages.finish(likely).to_string().hash(&mut hasher);
    // The queries name what rules join by, and do not say what it is.
    for blocking in &matching.block_on {
        let said = match &blocking.on {
            BlockOn::Keys(same) => same.iter().map(Expr::to_string).collect(),
            BlockOn::Where(condition) => vec![condition.to_string()],
        };
        said.hash(&mut hasher);
    }
    (matching.max_block, matching.columns.len()).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The likely pairs of all rules, which `tables` hold; with `onward` those of the last run, too, whose records are as they were.
pub(crate) fn likely_pairs(
    entity: &Entity,
    matching: &Match,
    model: &MatchModel,
    tables: &[String],
    onward: bool,
) -> Option<Query> {
    let columns = || PAIR.into_iter().chain(SCORE);
    let mut stages = Stages::default();
    let likely = add_likely(&mut stages, entity, matching, model, tables);
    let mut all = vec![if onward || !has_one_row_an_id(matching) {
        // Rows of one id that differ are compared each; the likeliest counts.
        stages.add("likely", likely);
        let best =
            [SCORE[0], SCORE[1]].map(|name| (Aggregate::last(col(name), col("_weight")).build(), name.to_owned()));
        let grouped = Select::from_stage("likely").columns(PAIR).items(best);
        grouped.item(Aggregate::new("max", vec![col("_weight")]).build(), "_weight").group_by(PAIR).query()
    } else {
        likely
    }];
    if onward {
        let names: Vec<&str> = NAMES.into_iter().chain(TOLD).collect();
        let before = [EntityTable::Matches, EntityTable::Review].map(|table| {
            let items = names.iter().zip(columns()).map(|(from, to)| (col(from), to.to_owned()));
            Select::from(previous(&table.of(&entity.name), "b")).items(items).query()
        });
        stages.add("before", union_all(before)?);
        let settled = Select::from(kinfold(&keys_table(entity), "r")).columns(ID).filter([not(col(FRESH))]);
        // Each once, and none of which any row is fresh: no pair is kept that is made anew as well.
        let settled = if has_one_row_an_id(matching) { settled } else { settled.group_by(ID) };
        stages.add("settled", settled.query());
        let kept = Select::from_stage("before")
            .items(columns().map(|name| (col_of("before", name), name.to_owned())))
            .join(relation(None, "settled", Some("l")), is_named("l", "before", [PAIR[0], PAIR[1]]))
            .join(relation(None, "settled", Some("r")), is_named("r", "before", [PAIR[2], PAIR[3]]));
        all.push(kept.query());
    }
    Some(stages.finish(union_all(all)?))
}

/// What each comparison adds to a pair's weight, over its levels.
fn weights(matching: &Match, model: &MatchModel) -> Vec<Expr> {
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
    parts.collect()
}

/// Pairs that are linked, for the kernel, and what it must know of them.
pub(crate) fn matched(entity: &Entity, matching: &Match) -> ResolveMatches {
    let accept = weight_of(matching.accept);
    // An average is one of all likely pairs, of those too that are not linked.
    let least = if matching.linkage == Linkage::Average { weight_of(matching.review) } else { accept };
    let is_likely = |weight: &str| binary(col(weight), BinaryOperator::GtEq, float(least));
    let now = || {
        let pairs = Select::from(kinfold(&table_name(entity), "p")).columns(PAIR).item(col("_weight"), "weight");
        pairs.filter([is_likely("_weight")])
    };
    let told_in = [EntityTable::Matches, EntityTable::Review].map(|table| table.of(&entity.name));
    let before = told_in.iter().map(|table| {
        let pairs = Select::from(previous(table, "b")).items(NAMES.map(col).into_iter().zip(PAIR.map(str::to_owned)));
        pairs.column("weight").item(int(-1), "times").filter([is_likely("weight")]).query()
    });
    let both = union_all([now().item(int(1), "times").query()].into_iter().chain(before));
    let record = |table: &MatchTable| {
        let is_of = |link: &Link| link.table == table.table && link.ids.iter().any(|id| id.0 == table.id.0);
        Some((entity.links.iter().position(is_of)?, table.id.0))
    };
    let tables = matching.tables.iter().filter(|_| matching.one_to_one);
    ResolveMatches {
        query: now().query(),
        changes: more_or_fewer(both.expect("there are three")),
        told_in,
        accept,
        linkage: matching.linkage,
        one_of_each: tables.filter_map(record).collect(),
    }
}

/// Each pair and weight once, with how many `times` there is one more.
fn more_or_fewer(pairs: Query) -> Query {
    let mut stages = Stages::default();
    stages.add("pairs", pairs);
    let names = || PAIR.into_iter().chain(["weight"]);
    let times = || Aggregate::new("sum", vec![col("times")]).build();
    let counted = Select::from_stage("pairs").columns(names()).item(cast_big_int(times()), "times").group_by(names());
    stages.finish(counted.having(binary(times(), BinaryOperator::NotEq, int(0))).query())
}

/// The rows of `<entity>_matches`, which are linked, or of `<entity>_review`, which are for people to look at.
pub(crate) fn told(entity: &Entity, matching: &Match, table: EntityTable) -> Query {
    let op = if table == EntityTable::Review { BinaryOperator::Lt } else { BinaryOperator::GtEq };
    let weight = || col("_weight");
    let odds = call("power", vec![float(2.0), binary(float(0.0), BinaryOperator::Minus, weight())]);
    let probability = binary(float(1.0), BinaryOperator::Divide, binary(float(1.0), BinaryOperator::Plus, odds));
    Select::from(kinfold(&table_name(entity), "p"))
        .items(PAIR.into_iter().zip(NAMES).map(|(from, to)| (col(from), to.to_owned())))
        .item(weight(), "weight")
        .item(probability, "probability")
        .items([0, 1].map(|i| (col(SCORE[i]), TOLD[i].to_owned())))
        .filter([binary(weight(), op, float(weight_of(matching.accept)))])
        .query()
}

/// `log2(p / (1 - p))`
pub(super) fn weight_of(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}

pub(super) fn float(value: f64) -> Expr {
    if value.is_finite() { cast_double(number(&format!("{value:.12}"))) } else { cast_double(null()) }
}
