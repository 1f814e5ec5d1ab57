//! What `kinfold match report` tells beside what the model says: counts, and a few pairs and profiles to look at.
//!
//! Records are those of the tables of [`records_of_rules`](super::records_of_rules); pairs that were linked or are to be looked at, and
//! profiles, are those of the last run.

use kinfold_lang::project::{Blocking, Entity, EntityTable, Match, MatchModel};
use sqlparser::ast::{BinaryOperator, Query};

use super::levels::{PAIR, add_pairs};
use super::records::{PART, frequencies, is_named};
use super::score::{NAMES, SCORE, add_weighed, scored_items};
use super::{keys_table, pairs, records_table};
use crate::sql::{
    Aggregate, Select, Sort, Stages, and, binary, call, col, col_of, count_rows, eq, in_list, int, is_not_null,
    kinfold, or, relation, text, union_all,
};

/// How many records each table has, and how many of them have a value in each column: `part`, `records`, `filled_0` and so on.
#[must_use]
pub fn filled(entity: &Entity, matching: &Match) -> Query {
    let filled = matching.columns.iter().enumerate().map(|(i, column)| {
        let count = Aggregate::new("count", vec![col(&column.name)]).build();
        (count, format!("filled_{i}"))
    });
    Select::from(kinfold(&records_table(entity), "r"))
        .item(col(PART), "part")
        .item(count_rows().build(), "records")
        .items(filled)
        .group_by([PART])
        .query()
}

/// How many values each column has: for each a query of `values`.
#[must_use]
pub fn distinct(entity: &Entity, matching: &Match) -> Vec<Query> {
    let counted = matching.columns.iter().map(|column| {
        let mut stages = Stages::default();
        let values = Select::from(kinfold(&records_table(entity), "r")).column(&column.name);
        let values = values.filter([is_not_null(col(&column.name))]).group_by([column.name.as_str()]);
        stages.add("distinct", values.query());
        stages.finish(Select::from_stage("distinct").item(count_rows().build(), "values").query())
    });
    counted.collect()
}

/// How many pairs agree in each rule, those of other rules included: for each a query of `pairs`.
#[must_use]
pub fn agreeing(entity: &Entity, matching: &Match) -> Vec<Query> {
    let one = |(rule, blocking): (usize, &Blocking)| {
        let nothing = [(int(1), "_pair".to_owned())];
        // Under its own number, as the table of keys has it.
        let found = pairs::pairs(entity, matching, rule, std::slice::from_ref(blocking), &nothing, pairs::Which::All);
        let mut stages = Stages::default();
        stages.add("pairs", found.into_iter().next().expect("there is one rule"));
        stages.finish(Select::from_stage("pairs").item(count_rows().build(), "pairs").query())
    };
    matching.block_on.iter().enumerate().map(one).collect()
}

/// Matched pairs that were not linked: `rule`, what forbade it, and `edges`, the most frequent first.
#[must_use]
pub fn refused(entity: &Entity) -> Query {
    Select::from(kinfold(&EntityTable::Conflicts.of(&entity.name), "c"))
        .column("rule")
        .item(count_rows().build(), "edges")
        .filter([eq(col("source"), text("match"))])
        .group_by(["rule"])
        .order_by(vec![Sort::down(col("edges")), Sort::up(col("rule"))])
        .query()
}

/// Adds the stage `held`: profiles that hold a matched pair, and how many values that stand for records each has, `records`.
fn add_held(stages: &mut Stages, entity: &Entity, matching: &Match) {
    let matches = EntityTable::Matches.of(&entity.name);
    let end = |side: &str| {
        let names = ["identifier", "value"].map(|name| (col(&format!("{name}_{side}")), name.to_owned()));
        Select::from(kinfold(&matches, "m")).items(names).query()
    };
    stages.add("ends", union_all([end("a"), end("b")]).expect("there are two"));
    stages.add(
        "matched",
        Select::from_stage("ends").columns(["identifier", "value"]).group_by(["identifier", "value"]).query(),
    );
    let identifiers = EntityTable::Identifiers.of(&entity.name);
    let same = and(["identifier", "value"].map(|name| eq(col_of("matched", name), col_of("i", name))));
    let profiles = Select::from_stage("matched").item(col_of("i", "profile_id"), "profile_id");
    stages.add("of_profiles", profiles.join(kinfold(&identifiers, "i"), same).query());
    stages.add("profiles", Select::from_stage("of_profiles").column("profile_id").group_by(["profile_id"]).query());
    let mut names: Vec<&str> = matching.tables.iter().map(|t| entity.identifiers[t.id.0].name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let held = Select::from_stage("profiles")
        .item(col_of("i", "profile_id"), "profile_id")
        .item(col_of("i", "value"), "value")
        .join(kinfold(&identifiers, "i"), eq(col_of("profiles", "profile_id"), col_of("i", "profile_id")))
        .filter([in_list(col_of("i", "identifier"), names.into_iter().map(text).collect(), false)]);
    stages.add("held_values", held.query());
    let counted = Select::from_stage("held_values").column("profile_id").item(count_rows().build(), "records");
    stages.add("held", counted.group_by(["profile_id"]).query());
}

/// Profiles that matches hold together, by their number of records: `records`, `profiles`.
#[must_use]
pub fn sizes(entity: &Entity, matching: &Match) -> Query {
    let mut stages = Stages::default();
    add_held(&mut stages, entity, matching);
    let query = Select::from_stage("held")
        .column("records")
        .item(count_rows().build(), "profiles")
        .group_by(["records"])
        .order_by(vec![Sort::up(col("records"))]);
    stages.finish(query.query())
}

/// The profiles with most records that matches hold together, of at most `most` records: `profile_id`.
#[must_use]
pub fn largest(entity: &Entity, matching: &Match, most: u32, limit: u32) -> Query {
    let mut stages = Stages::default();
    add_held(&mut stages, entity, matching);
    let query = Select::from_stage("held")
        .column("profile_id")
        .filter([binary(col("records"), BinaryOperator::LtEq, int(most))])
        .order_by(vec![Sort::down(col("records")), Sort::up(col("profile_id"))])
        .limit(limit);
    stages.finish(query.query())
}

/// Which pairs of the last run are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// The lightest that are linked.
    JustLinked,
    /// The heaviest that are not.
    JustNotLinked,
    /// Some that are linked, from everywhere.
    Linked,
}

/// A few pairs: `identifier_a`, `value_a`, `identifier_b`, `value_b`.
#[must_use]
pub fn sample(entity: &Entity, sample: Sample, limit: u32) -> Query {
    let hash = || call("kinfold_row_hash", NAMES.map(col).to_vec());
    let (table, order) = match sample {
        Sample::JustLinked => (EntityTable::Matches, Sort::up(col("weight"))),
        Sample::JustNotLinked => (EntityTable::Review, Sort::down(col("weight"))),
        Sample::Linked => (EntityTable::Matches, Sort::up(hash())),
    };
    let ties = NAMES.map(|name| Sort::up(col(name)));
    Select::from(kinfold(&table.of(&entity.name), "p"))
        .columns(NAMES)
        .order_by([order].into_iter().chain(ties).collect())
        .limit(limit)
        .query()
}

/// An index into [`Entity::identifiers`], and a value.
type Id<'a> = (usize, &'a str);

/// Of which profiles some values are: `identifier`, `value`, `profile_id`.
#[must_use]
pub fn profiles_of(entity: &Entity, ids: &[Id<'_>]) -> Query {
    let of_identifier = entity.identifiers.iter().enumerate().filter_map(|(i, identifier)| {
        let values: Vec<_> = ids.iter().filter(|id| id.0 == i).map(|id| text(id.1)).collect();
        let is_one = eq(col("identifier"), text(&identifier.name));
        (!values.is_empty()).then(|| and([is_one, in_list(col("value"), values, false)]))
    });
    Select::from(kinfold(&EntityTable::Identifiers.of(&entity.name), "i"))
        .columns(["identifier", "value", "profile_id"])
        .filter([or(of_identifier)])
        .query()
}

/// What the model says of some pairs, of several rows of one id all: `_identifier_l`, `_value_l`, `_identifier_r`, `_value_r`, `_levels`,
/// `_weights`, `_weight`, the heavier first. Either of a pair may come first. None if there are no pairs.
#[must_use]
pub fn scored(entity: &Entity, matching: &Match, model: &MatchModel, pairs: &[[Id<'_>; 2]]) -> Option<Query> {
    let name = |id: &Id<'_>| text(&entity.identifiers[id.0].name);
    let ends = ["_identifier_a", "_value_a", "_identifier_b", "_value_b"];
    let one = |[a, b]: [&Id<'_>; 2]| {
        let values = [name(a), text(a.1), name(b), text(b.1)];
        Select::of_constants().items(values.into_iter().zip(ends.map(str::to_owned))).query()
    };
    let mut stages = Stages::default();
    stages.add("given", union_all(pairs.iter().flat_map(|[a, b]| [one([a, b]), one([b, a])]))?);
    let keys = keys_table(entity);
    let found = Select::from(relation(None, "given", None))
        .items(pairs::found(matching, true))
        .join(kinfold(&keys, "l"), is_named("l", "given", [ends[0], ends[1]]))
        .join(kinfold(&keys, "r"), is_named("r", "given", [ends[2], ends[3]]))
        .filter([pairs::ordered(matching)]);
    stages.add("found", found.query());
    let also = frequencies(matching);
    add_pairs(&mut stages, entity, matching, &also);
    add_weighed(&mut stages, matching, model, &also);
    let query = Select::from_stage("weighed")
        .columns(PAIR)
        .items(scored_items(matching, model))
        .order_by([Sort::down(col(SCORE[2]))].into_iter().chain(PAIR.map(|name| Sort::up(col(name)))).collect());
    Some(stages.finish(query.query()))
}
