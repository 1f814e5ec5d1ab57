//! Questions about what earlier runs left: one profile, one segment, how long steps took.

use kinfold_lang::project::{Entity, EntityTable};
use sqlparser::ast::{Expr, Query};

use crate::identity::keys::normaliser;
use crate::segments::segments_table;
use crate::sql::{
    Aggregate, Select, Sort, and, boolean, case, cast_text, coalesce, col, col_of, count_rows, derived, eq, int,
    kinfold, text,
};
use crate::tables::aliases_table;

/// The `profile_id` that has a value of an identifier, given by its index in [`Entity::identifiers`] and as a person wrote it.
#[must_use]
pub fn profile_of(entity: &Entity, identifier: usize, value: &str) -> Query {
    let rule = &entity.identifiers[identifier];
    Select::from(identifiers(entity))
        .column("profile_id")
        .filter([
            eq(col("identifier"), text(&rule.name)),
            eq(col("value"), normaliser(&rule.ty, cast_text(text(value)))),
        ])
        .query()
}

/// One row: `profile_id` and every trait.
#[must_use]
pub fn traits_of(entity: &Entity, profile_id: &str) -> Query {
    Select::from(kinfold(&entity.name, "p"))
        .column("profile_id")
        .columns(entity.traits.iter().map(|t| t.name.as_str()))
        .filter([is_profile(profile_id)])
        .query()
}

/// `profile_id` and `changed_at`: where a former profile id leads to, null if its values are gone; no row for an id that is none.
#[must_use]
pub fn alias_of(entity: &Entity, old_profile_id: &str) -> Query {
    Select::from(kinfold(&aliases_table(entity), "a"))
        .columns(["profile_id", "changed_at"])
        .filter([eq(col("old_profile_id"), text(old_profile_id))])
        .query()
}

/// `identifier`, `value`, `first_seen_at`, `last_seen_at`, `sources`; strongest identifiers first.
#[must_use]
pub fn identifiers_of(entity: &Entity, profile_id: &str) -> Query {
    let ranks =
        entity.identifiers.iter().zip(0_u32..).map(|(i, rank)| (eq(col("identifier"), text(&i.name)), int(rank)));
    Select::from(identifiers(entity))
        .columns(["identifier", "value", "first_seen_at", "last_seen_at", "sources"])
        .filter([is_profile(profile_id)])
        .order_by(vec![Sort::up(case(ranks, None)), Sort::up(col("first_seen_at")), Sort::up(col("value"))])
        .query()
}

/// `segment`, `entered_at`.
#[must_use]
pub fn segments_of(entity: &Entity, profile_id: &str) -> Query {
    Select::from(kinfold(&segments_table(entity), "s"))
        .columns(["segment", "entered_at"])
        .filter([is_profile(profile_id)])
        .order_by(vec![Sort::up(col("segment"))])
        .query()
}

/// `step` and the `seconds` that it took when it was last done.
#[must_use]
pub fn last_seconds() -> Query {
    Select::from(kinfold("runs", "r"))
        .column("step")
        .item(Aggregate::last(col("seconds"), col("ended_at")).build(), "seconds")
        .filter([eq(col("status"), text("done"))])
        .group_by(["step"])
        .query()
}

/// One `run_id`, if the run was done and all its tables are shown: its row here is shown after them.
#[must_use]
pub fn done_run(run_id: &str) -> Query {
    Select::from(kinfold("runs", "r"))
        .column("run_id")
        .filter([eq(col("run_id"), text(run_id)), eq(col("status"), text("done"))])
        .group_by(["run_id"])
        .query()
}

/// `sync` and `started_at`: when each sync began that was last done.
#[must_use]
pub fn last_done_syncs() -> Query {
    Select::from(kinfold("sync_runs", "r"))
        .column("sync")
        .item(Aggregate::new("max", vec![col("started_at")]).build(), "started_at")
        .filter([eq(col("status"), text("done"))])
        .group_by(["sync"])
        .query()
}

/// One row: the run that last built the segments of an entity, and the last run that built this one; null for none.
#[must_use]
pub fn segment_runs(entity: &Entity, segment: &str) -> Query {
    let last = |kind: &str, step: &str| {
        let is_it = [eq(col("kind"), text(kind)), eq(col("step"), text(step)), eq(col("status"), text("done"))];
        Aggregate::last(col("run_id"), col("ended_at")).filter(is_it).build()
    };
    Select::from(kinfold("runs", "r"))
        .item(last("segments", &segments_table(entity)), "of_entity")
        .item(last("segment", segment), "of_segment")
        .query()
}

/// `segment` and its number of members, `size`; a segment without members has no row.
#[must_use]
pub fn segment_sizes(entity: &Entity) -> Query {
    Select::from(kinfold(&segments_table(entity), "s"))
        .column("segment")
        .item(count_rows().build(), "size")
        .group_by(["segment"])
        .query()
}

/// One row of counts: `profiles`, `members`, and those that `entered` and `left` in the last run.
#[must_use]
pub fn segment_counts(entity: &Entity, segment: &str) -> Query {
    let count = |table: &str, filter: Vec<Expr>, name: &str| {
        derived(Select::from(kinfold(table, "t")).item(count_rows().build(), name).filter(filter).query(), name)
    };
    let of_segment = || eq(col("segment"), text(segment));
    let table = EntityTable::SegmentChanges.of(&entity.name);
    // The last run is the last that built segments, whether it changed this one or not.
    let last_run = Select::from(kinfold("runs", "r"))
        .item(Aggregate::new("max", vec![col("run_id")]).build(), "run_id")
        .filter([eq(col("step"), text(&segments_table(entity))), eq(col("status"), text("done"))])
        .query();
    let changed = |change: &str| {
        let matching = and([eq(col_of("c", "segment"), text(segment)), eq(col_of("c", "change"), text(change))]);
        Aggregate::new("sum", vec![case([(matching, int(1))], Some(int(0)))]).build()
    };
    let of_last_run = Select::from(kinfold(&table, "c"))
        .join(derived(last_run, "last"), eq(col_of("c", "run_id"), col_of("last", "run_id")))
        .item(coalesce(vec![changed("entered"), int(0)]), "entered")
        .item(coalesce(vec![changed("left"), int(0)]), "left")
        .query();
    Select::from(count(&entity.name, vec![], "profiles"))
        .join(count(&segments_table(entity), vec![of_segment()], "members"), boolean(true))
        .join(derived(of_last_run, "changes"), boolean(true))
        .columns(["profiles", "members", "entered", "left"])
        .query()
}

/// The traits of the first `limit` members, by `profile_id`, after `entered_at`; where a trait is called that, after `_entered_at`.
#[must_use]
pub fn segment_members(entity: &Entity, segment: &str, limit: u32) -> Query {
    let member =
        and([eq(col_of("s", "profile_id"), col_of("p", "profile_id")), eq(col_of("s", "segment"), text(segment))]);
    let taken = entity.traits.iter().any(|t| t.name.eq_ignore_ascii_case("entered_at"));
    Select::from(kinfold(&entity.name, "p"))
        .join(kinfold(&segments_table(entity), "s"), member)
        .item(col_of("p", "profile_id"), "profile_id")
        .item(col_of("s", "entered_at"), if taken { "_entered_at" } else { "entered_at" })
        .items(entity.traits.iter().map(|t| (col_of("p", &t.name), t.name.clone())))
        .order_by(vec![Sort::up(col("profile_id"))])
        .limit(limit)
        .query()
}

fn identifiers(entity: &Entity) -> sqlparser::ast::TableFactor {
    kinfold(&EntityTable::Identifiers.of(&entity.name), "i")
}

fn is_profile(profile_id: &str) -> Expr {
    eq(col("profile_id"), text(profile_id))
}
