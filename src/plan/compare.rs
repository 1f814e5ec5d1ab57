//! Two versions of the rules over the same data: which profiles merge, split, come and go, and what that does to segments.
//!
//! Both versions are built without being shown to readers. What the base version made is then laid beside the other's tables, under
//! the names that this module gives.

use kinfold_lang::project::{Entity, EntityTable};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use crate::segments::segments_table;
use crate::sql::{
    Aggregate, Select, Sort, Stages, and, binary, coalesce, col, col_of, count_rows, eq, int, is_not_null, is_null,
    kinfold, not, relation, text, union_all,
};
use crate::step::{KeepTable, Output, Plan, Work};

/// The identifiers that the base version gave profiles.
const BASE_IDENTIFIERS: &str = "_base_identifiers";
/// The segments of the base version.
const BASE_SEGMENTS: &str = "_base_segments";

/// The same steps, with every table for the eyes of this run alone.
#[must_use]
pub fn rehearsal(mut plan: Plan) -> Plan {
    for step in &mut plan.steps {
        match &mut step.work {
            Work::Table { output, .. } => output.keep = KeepTable::Scratch,
            Work::Resolve(resolve) => {
                for table in resolve.tables.all_mut() {
                    table.output.keep = KeepTable::Scratch;
                }
                for rows in &mut resolve.rows {
                    rows.keep = false;
                }
            }
            Work::View { .. } | Work::Expect { .. } | Work::Bound { .. } => {}
        }
    }
    plan
}

/// What the comparison needs of the base version: rows of its tables, and the table that they are laid into beside the other's.
#[must_use]
pub fn base_tables(entity: &Entity) -> [(Query, Output); 2] {
    let table = |from: &str, to: &str, columns: &[&str]| {
        let query = Select::from(kinfold(from, "t")).columns(columns.iter().copied()).query();
        (query, Output { name: to.to_owned(), keep: KeepTable::Scratch })
    };
    [
        table(&EntityTable::Identifiers.of(&entity.name), BASE_IDENTIFIERS, &["identifier", "value", "profile_id"]),
        table(&segments_table(entity), BASE_SEGMENTS, &["segment", "profile_id"]),
    ]
}

/// What happens to profiles between the two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Values of several profiles of the base are in one.
    Merged,
    /// Values of one profile of the base are in several.
    Split,
    /// None of the profile's values has a profile in the base.
    Created,
    /// None of the profile's values has a profile any more.
    Gone,
}

/// `metric`, `value`: `profiles_before`, `profiles_after`, `merged_from`, `merged_into`, `split_from`, `split_into`, `created`,
/// `gone`, `values_gained`, `values_lost`; each a number of profiles, but the last two, which are identifiers' values. A profile counts
/// once, however many profiles of the other version have values of it.
#[must_use]
pub fn counts(entity: &Entity) -> Query {
    let mut stages = stages(entity);
    let rows = |stage: &str| Select::from_stage(stage);
    let count = |metric: &str, select: Select| select.item(text(metric), "metric").item(count_rows().build(), "value");
    let distinct =
        |side: &'static str| Select::from_stage("pairs").column(side).filter([is_not_null(col(side))]).group_by([side]);
    stages.add("before", distinct("base_id").query());
    stages.add("after", distinct("head_id").query());
    // One profile may have parts in several merged ones, and be a part of several split ones.
    for (name, group, own, other) in
        [("merged", "heads", "head_id", "base_id"), ("split", "bases", "base_id", "head_id")]
    {
        let involved = distinct(other)
            .join(relation(None, group, None), eq(col_of("pairs", own), col_of(group, own)))
            .filter([several()]);
        stages.add(name, involved.query());
    }
    let metrics = [
        count("profiles_before", rows("before")),
        count("profiles_after", rows("after")),
        count("merged_from", rows("merged")),
        count("merged_into", rows("heads").filter([several()])),
        count("split_from", rows("bases").filter([several()])),
        count("split_into", rows("split")),
        count("created", rows("created")),
        count("gone", rows("gone")),
        Select::from_stage("pairs")
            .item(text("values_gained"), "metric")
            .item(Aggregate::new("sum", vec![col("shared")]).build(), "value")
            .filter([is_null(col("base_id"))]),
        Select::from_stage("pairs")
            .item(text("values_lost"), "metric")
            .item(Aggregate::new("sum", vec![col("shared")]).build(), "value")
            .filter([is_null(col("head_id"))]),
    ];
    let query = union_all(metrics.map(Select::query)).expect("there are metrics");
    stages.finish(query)
}

/// `profile_id`, `other_profile_id`, `identifier`, `count`, `value`: for the `limit` profiles that most other profiles are involved in,
/// how many values of each identifier are of which other profile, and the first of these values; in no particular order. `profile_id` is of the newer version for
/// merged and created ones, and of the base for the others; `other_profile_id` is of the other version, and null for those created and gone.
#[must_use]
pub fn examples(entity: &Entity, fate: Fate, limit: u32) -> Query {
    let mut stages = stages(entity);
    let (group, own, other) = match fate {
        Fate::Merged => ("heads", "head_id", "base_id"),
        Fate::Created => ("created", "head_id", "base_id"),
        Fate::Split => ("bases", "base_id", "head_id"),
        Fate::Gone => ("gone", "base_id", "head_id"),
    };
    let condition = matches!(fate, Fate::Merged | Fate::Split).then(several);
    let top = Select::from_stage(group)
        .columns([own, "parts"])
        .filter(condition)
        .order_by(vec![Sort::down(col("parts")), Sort::up(col(own))])
        .limit(limit);
    stages.add("top", top.query());
    let values = Select::from_stage("seen")
        .item(col_of("top", own), "profile_id")
        .item(col_of("seen", other), "other_profile_id")
        .item(col_of("seen", "identifier"), "identifier")
        .item(col_of("seen", "value"), "value")
        .join(relation(None, "top", None), eq(col_of("top", own), col_of("seen", own)));
    stages.add("involved", values.query());
    let query = Select::from_stage("involved")
        .columns(["profile_id", "other_profile_id", "identifier"])
        .item(count_rows().build(), "count")
        .item(Aggregate::new("min", vec![col("value")]).build(), "value")
        .group_by(["profile_id", "other_profile_id", "identifier"]);
    stages.finish(query.query())
}

/// `segment`, `before`, `after`, `entered`, `left`: how many members each segment has, and by how many `profile_id`s they differ.
#[must_use]
pub fn segment_effects(entity: &Entity) -> Query {
    let same = and(["segment", "profile_id"].map(|c| eq(col_of("h", c), col_of("b", c))));
    let either = coalesce(vec![col_of("h", "segment"), col_of("b", "segment")]);
    let mut stages = Stages::default();
    let members = Select::from(kinfold(&segments_table(entity), "h"))
        .full_join(kinfold(BASE_SEGMENTS, "b"), same)
        .item(either, "segment")
        .item(col_of("b", "profile_id"), "base_id")
        .item(col_of("h", "profile_id"), "head_id");
    stages.add("members", members.query());
    let count = |condition: Expr| count_rows().filter([condition]).build();
    let query = Select::from_stage("members")
        .column("segment")
        .item(count(is_not_null(col("base_id"))), "before")
        .item(count(is_not_null(col("head_id"))), "after")
        .item(count(is_null(col("base_id"))), "entered")
        .item(count(is_null(col("head_id"))), "left")
        .group_by(["segment"])
        .order_by(vec![Sort::up(col("segment"))]);
    stages.finish(query.query())
}

fn several() -> Expr {
    binary(col("parts"), BinaryOperator::Gt, int(1))
}

/// `seen`: every value with the profile that each version gives it. `pairs`: how many values two profiles share. `heads`, `bases`:
/// profiles of one version, and how many of the other version share values with them. `created`, `gone`: those that none does.
fn stages(entity: &Entity) -> Stages {
    let mut stages = Stages::default();
    let either = |name: &str| coalesce(vec![col_of("h", name), col_of("b", name)]);
    let same = and(["identifier", "value"].map(|c| eq(col_of("h", c), col_of("b", c))));
    let seen = Select::from(kinfold(&EntityTable::Identifiers.of(&entity.name), "h"))
        .full_join(kinfold(BASE_IDENTIFIERS, "b"), same)
        .item(either("identifier"), "identifier")
        .item(either("value"), "value")
        .item(col_of("b", "profile_id"), "base_id")
        .item(col_of("h", "profile_id"), "head_id");
    stages.add("seen", seen.query());
    let pairs = Select::from_stage("seen")
        .columns(["base_id", "head_id"])
        .item(count_rows().build(), "shared")
        .group_by(["base_id", "head_id"]);
    stages.add("pairs", pairs.query());
    for (name, alone, own, other) in
        [("heads", "created", "head_id", "base_id"), ("bases", "gone", "base_id", "head_id")]
    {
        let parts = Aggregate::new("count", vec![col(other)]).build();
        let all = format!("all_{name}");
        let query = Select::from_stage("pairs")
            .column(own)
            .item(parts, "parts")
            .filter([is_not_null(col(own))])
            .group_by([own]);
        stages.add(&all, query.query());
        let none = || eq(col("parts"), int(0));
        stages.add(name, Select::from_stage(&all).columns([own, "parts"]).filter([not(none())]).query());
        stages.add(alone, Select::from_stage(&all).columns([own, "parts"]).filter([none()]).query());
    }
    stages
}
