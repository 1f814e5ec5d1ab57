//! Pairs of which somebody knows whether they are one, and how all pairs are spread over weights.
//!
//! What leaves the engine are counts. A pair that is labelled several times counts once, whichever of its records comes first; one
//! that is said to match and not to match counts as neither.

use kinfold_lang::project::{Entity, Match, MatchLabels, MatchModel};
use sqlparser::ast::{BinaryOperator, DataType, Expr, Query};

use super::keys_table;
use super::levels::{PAIR, add_pairs, patterns};
use super::pairs::{ROWS, Which, found, ordered, pairs, rule_of};
use super::records::{frequencies, is_named, records};
use super::score::{add_weighed, float, weight_of};
use crate::identity::keys::allowed;
use crate::sql::{
    Aggregate, Select, Sort, Stages, binary, boolean, call, case, cast, cast_big_int, cast_text, col, col_of,
    count_rows, eq, int, is_not_null, is_null, kinfold, not, table, text, union_all,
};
use crate::step::Output;

/// How wide the classes are by which pairs are counted, in bits.
pub const BUCKET: f64 = 0.5;

/// The columns of a label.
const LABEL: [&str; 5] = ["_identifier_a", "_value_a", "_identifier_b", "_value_b", "_is_match"];
/// Whether a labelled pair matches.
const IS_MATCH: &str = "_is_match";
/// The number of the first rule by which a pair is compared.
const RULE: &str = "_rule";
const BUCKET_COLUMN: &str = "_bucket";
const LIKELY: &str = "_is_likely";

/// The queries over labels; they read the tables of [`records_of_rules`].
#[derive(Debug, Clone)]
pub struct Labels {
    /// Every label once, whichever of its records came first: `_identifier_a`, `_value_a`, `_identifier_b`, `_value_b`, `_is_match`.
    pub all: Query,
    /// The levels of labelled pairs that match, as for [`Training`](super::Training).
    pub patterns: Query,
}

/// The tables of records, and of what they agree in by `match.block_on`, in the order in which they are made.
#[must_use]
pub fn records_of_rules(entity: &Entity, matching: &Match) -> Vec<(Output, Query)> {
    records(entity, matching, &matching.block_on, true, None)
}

/// The labels of a `match`, if it has some.
#[must_use]
pub fn labels(entity: &Entity, matching: &Match) -> Option<Labels> {
    let labels = matching.labels.as_ref()?;
    let mut stages = Stages::default();
    let items = found(matching, false).into_iter().chain([(col_of("sure", IS_MATCH), IS_MATCH.to_owned())]);
    let labelled = labelled(&mut stages, entity, matching, labels).items(items);
    stages.add("labelled", labelled.query());
    let matched = Select::from_stage("labelled").columns(ROWS).filter([col(IS_MATCH)]).query();
    stages.add("found", matched);
    add_pairs(&mut stages, entity, matching, &[]);
    Some(Labels { all: all(entity, labels), patterns: patterns(matching, stages, &[]) })
}

/// How labelled pairs are spread, over the records of [`records_of_rules`]: `_bucket`, `_is_likely`, whether pairs are as likely as
/// `review`, `_rule`, `_is_match`, `pairs`. A bucket is a weight in steps of [`BUCKET`] from that of `accept`, a rule is null where none
/// compares the pair. Pairs that `match.pairs` leaves out are not among them, nor those of records that are not there.
#[must_use]
pub fn labelled_weights(entity: &Entity, matching: &Match, model: &MatchModel) -> Option<Query> {
    let mut stages = Stages::default();
    add_labelled(&mut stages, entity, matching, model, matching.labels.as_ref()?);
    add_bucketed(&mut stages, matching);
    let names = [BUCKET_COLUMN, LIKELY, RULE, IS_MATCH];
    let counted = Select::from_stage("bucketed").columns(names).item(count_rows().build(), "pairs").group_by(names);
    Some(stages.finish(counted.query()))
}

/// What may be wrong with a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mistake {
    /// It matches, and is too light to be linked.
    TooLight,
    /// It matches, and no rule compares it.
    NotCompared,
    /// It does not match, and is linked.
    Linked,
}

impl Mistake {
    pub const ALL: [Self; 3] = [Self::TooLight, Self::NotCompared, Self::Linked];
}

/// Labelled pairs of which the model says the contrary, the most surprising first, `most` of them: `_identifier_l`, `_value_l`,
/// `_identifier_r`, `_value_r`, `_weight`.
#[must_use]
pub fn mistakes(entity: &Entity, matching: &Match, model: &MatchModel, mistake: Mistake, most: u32) -> Option<Query> {
    let mut stages = Stages::default();
    add_labelled(&mut stages, entity, matching, model, matching.labels.as_ref()?);
    let heavy = || binary(col("_weight"), BinaryOperator::GtEq, float(weight_of(matching.accept)));
    let (wrong, order): (Vec<Expr>, fn(Expr) -> Sort) = match mistake {
        Mistake::TooLight => (vec![col(IS_MATCH), is_not_null(col(RULE)), not(heavy())], Sort::up),
        Mistake::NotCompared => (vec![col(IS_MATCH), is_null(col(RULE))], Sort::down),
        Mistake::Linked => (vec![not(col(IS_MATCH)), is_not_null(col(RULE)), heavy()], Sort::down),
    };
    let query = Select::from_stage("weighed")
        .columns(PAIR)
        .item(Aggregate::new("max", vec![col("_weight")]).build(), "_weight")
        .filter(wrong)
        .group_by(PAIR)
        .order_by([order(col("_weight"))].into_iter().chain(PAIR.map(|name| Sort::up(col(name)))).collect())
        .limit(most);
    Some(stages.finish(query.query()))
}

/// How all pairs that are compared are spread: for each rule a query of `_bucket`, `_is_likely`, whether pairs are as likely as `review`,
/// and `pairs`, without the pairs of rules before it.
#[must_use]
pub fn compared_weights(entity: &Entity, matching: &Match, model: &MatchModel) -> Vec<Query> {
    let of_rules = pairs(entity, matching, 0, &matching.block_on, &found(matching, true), Which::All);
    let also = frequencies(matching);
    let counted = of_rules.into_iter().map(|pairs| {
        let mut stages = Stages::default();
        stages.add("found", pairs);
        add_pairs(&mut stages, entity, matching, &also);
        add_weighed(&mut stages, matching, model, &also);
        stages.add("bucketed", Select::from_stage("weighed").items(classes(matching)).query());
        let names = [BUCKET_COLUMN, LIKELY];
        let select = Select::from_stage("bucketed").columns(names).item(count_rows().build(), "pairs");
        stages.finish(select.group_by(names).query())
    });
    counted.collect()
}

/// Every label once, its values in their identifiers' forms.
fn all(entity: &Entity, labels: &MatchLabels) -> Query {
    let mut select = Select::from(table(&labels.table));
    for (i, (identifier, value)) in labels.pair.iter().enumerate() {
        let identifier = &entity.identifiers[*identifier];
        select = select
            .item(text(&identifier.name), LABEL[2 * i])
            .item(allowed(identifier, &cast_text(value.clone())), LABEL[2 * i + 1]);
    }
    let is_match = labels.is_match.clone().unwrap_or_else(|| boolean(true));
    let mut stages = Stages::default();
    stages.add("labels", select.item(is_match, LABEL[4]).query());
    let mut stage = "labels";
    // Values of one identifier may be there in both orders; those of two never are.
    if labels.pair[0].0 == labels.pair[1].0 {
        let is_before = || binary(col(LABEL[1]), BinaryOperator::LtEq, col(LABEL[3]));
        let end = |before: &str, after: &str| case([(is_before(), col(before))], Some(col(after)));
        let in_order = Select::from_stage(stage)
            .columns([LABEL[0], LABEL[2], LABEL[4]])
            .item(end(LABEL[1], LABEL[3]), LABEL[1])
            .item(end(LABEL[3], LABEL[1]), LABEL[3]);
        stages.add("in_order", in_order.query());
        stage = "in_order";
    }
    let known = [LABEL[1], LABEL[3], LABEL[4]].map(|name| is_not_null(col(name)));
    stages.finish(Select::from_stage(stage).columns(LABEL).filter(known).group_by(LABEL).query())
}

/// Adds the stage `weighed` of each labelled pair, which has `_is_match` and `_rule`, too, the first rule that compares it.
fn add_labelled(stages: &mut Stages, entity: &Entity, matching: &Match, model: &MatchModel, labels: &MatchLabels) {
    let labelled = labelled(stages, entity, matching, labels)
        .items(found(matching, true))
        .item(col_of("sure", IS_MATCH), IS_MATCH)
        .item(rule_of(&matching.block_on), RULE);
    stages.add("found", labelled.query());
    let also = frequencies(matching).into_iter().chain([IS_MATCH, RULE].map(str::to_owned));
    let also: Vec<String> = also.collect();
    add_pairs(stages, entity, matching, &also);
    add_weighed(stages, matching, model, &also);
}

/// Labelled pairs: of the stage `sure`, which it adds, and two records of the table of keys, `l` and `r`.
fn labelled(stages: &mut Stages, entity: &Entity, matching: &Match, labels: &MatchLabels) -> Select {
    stages.add("given", all(entity, labels));
    let turned = [LABEL[2], LABEL[3], LABEL[0], LABEL[1], LABEL[4]];
    let turned =
        Select::from_stage("given").items(turned.into_iter().zip(LABEL).map(|(from, to)| (col(from), to.to_owned())));
    let both = union_all([Select::from_stage("given").columns(LABEL).query(), turned.query()]).expect("there are two");
    stages.add("both", both);
    let least = |name: &str| Aggregate::new("min", vec![cast_big_int(flag(name))]).build();
    let most = |name: &str| Aggregate::new("max", vec![cast_big_int(flag(name))]).build();
    let ends = [LABEL[0], LABEL[1], LABEL[2], LABEL[3]];
    let sure = Select::from_stage("both")
        .columns(ends)
        .item(eq(most(IS_MATCH), int(1)), IS_MATCH)
        .group_by(ends)
        .having(eq(least(IS_MATCH), most(IS_MATCH)));
    stages.add("sure", sure.query());
    let keys = keys_table(entity);
    Select::from_stage("sure")
        .join(kinfold(&keys, "l"), is_named("l", "sure", [LABEL[0], LABEL[1]]))
        .join(kinfold(&keys, "r"), is_named("r", "sure", [LABEL[2], LABEL[3]]))
        .filter([ordered(matching)])
}

/// 1 where a column is true.
fn flag(name: &str) -> Expr {
    case([(col(name), int(1))], Some(int(0)))
}

/// Adds the stage `bucketed` over `weighed`: of rows of one pair the heaviest alone.
fn add_bucketed(stages: &mut Stages, matching: &Match) {
    let ends = || PAIR.into_iter().chain([IS_MATCH]);
    let best = Select::from_stage("weighed")
        .columns(ends())
        .item(Aggregate::new("min", vec![col(RULE)]).build(), RULE)
        .item(Aggregate::new("max", vec![col("_weight")]).build(), "_weight")
        .group_by(ends());
    stages.add("best", best.query());
    stages.add("bucketed", Select::from_stage("best").columns([RULE, IS_MATCH]).items(classes(matching)).query());
}

/// The class of a pair, over its weight.
fn classes(matching: &Match) -> [(Expr, String); 2] {
    let is_likely = binary(col("_weight"), BinaryOperator::GtEq, float(weight_of(matching.review)));
    [(bucket(matching, col("_weight")), BUCKET_COLUMN.to_owned()), (is_likely, LIKELY.to_owned())]
}

/// A weight in whole steps from that of `accept`.
fn bucket(matching: &Match, weight: Expr) -> Expr {
    let above = binary(weight, BinaryOperator::Minus, float(weight_of(matching.accept)));
    let steps = call("floor", vec![binary(above, BinaryOperator::Divide, float(BUCKET))]);
    cast(steps, DataType::BigInt(None))
}
