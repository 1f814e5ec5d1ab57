use std::collections::BTreeSet;

use kinfold_lang::project::{Entity, EntityTable, Field, Project, Sync, SyncRows, TableName};
use sqlparser::ast::Query;

use crate::segments::segments_table;
use crate::sql::{
    Aggregate, Select, Stages, and, col, col_of, columns_in, count_rows, derived, eq, in_list, int, is_not_null,
    kinfold, relation, table, text,
};

/// All rows that a sync wants at its destination: key columns, then fields, named as they are there.
///
/// For an entity or a segment, a name is a trait's before it is an identifier's. Of several values of an identifier the most
/// recently seen counts; among those the smallest.
#[must_use]
pub fn wanted_query(project: &Project, sync: &Sync) -> Query {
    wanted_as(project, sync, |_, field| field.name.clone())
}

/// How many rows a sync wants and can send, in one row and column: those whose key is known and unique.
#[must_use]
pub fn wanted_count_query(project: &Project, sync: &Sync) -> Query {
    let keys = || sync.key.iter().map(|field| field.name.as_str());
    let mut rows = Select::from(derived(wanted_query(project, sync), "wanted"));
    if !sync.key.is_empty() {
        let once = eq(count_rows().build(), int(1));
        let usable = rows.columns(keys()).filter(keys().map(|key| is_not_null(col(key)))).group_by(keys()).having(once);
        rows = Select::from(derived(usable.query(), "usable"));
    }
    rows.item(count_rows().build(), "rows").query()
}

/// The same, with other names.
pub(super) fn wanted_as(project: &Project, sync: &Sync, name: impl Fn(usize, &Field) -> String) -> Query {
    let fields = || sync.key.iter().chain(&sync.fields);
    let mut stages = Stages::default();
    let select = match &sync.rows {
        SyncRows::Model(model) => Select::from(table(&TableName::bare(model))),
        SyncRows::Entity(entity) => from_profiles(&mut stages, project, entity, None, fields()),
        SyncRows::Segment { segment, entity } => from_profiles(&mut stages, project, entity, Some(segment), fields()),
    };
    let select = select.items(fields().enumerate().map(|(i, field)| (field.expr.clone(), name(i, field))));
    stages.finish(select.query())
}

/// Adds a stage `profiles` with the columns that fields may read, and reads it.
fn from_profiles<'a>(
    stages: &mut Stages,
    project: &Project,
    entity: &str,
    segment: Option<&str>,
    fields: impl Iterator<Item = &'a Field>,
) -> Select {
    let Some(entity) = project.entities.iter().find(|e| e.name == entity) else {
        // A checked project names no entity that it has not.
        return Select::from(kinfold(entity, "c"));
    };
    let names: BTreeSet<String> = fields.flat_map(|f| columns_in(&f.expr)).collect();
    let is_trait = |name: &&String| entity.traits.iter().any(|t| t.name == **name);
    let traits: Vec<&String> = names.iter().filter(is_trait).collect();
    let identifiers: Vec<&str> = (entity.identifiers.iter().map(|i| i.name.as_str()))
        .filter(|name| names.contains(*name) && !traits.iter().any(|t| t == name))
        .collect();
    let mut profiles = Select::from(kinfold(&entity.name, "c"))
        .item(col_of("c", "profile_id"), "profile_id")
        .items(traits.into_iter().map(|name| (col_of("c", name), name.clone())))
        .items(identifiers.iter().map(|name| (col_of("i", name), (*name).to_owned())));
    if let Some(segment) = segment {
        let member = eq(col_of("m", "profile_id"), col_of("c", "profile_id"));
        let in_segment = eq(col_of("m", "segment"), text(segment));
        profiles = profiles.join(kinfold(&segments_table(entity), "m"), and([member, in_segment]));
    }
    if !identifiers.is_empty() {
        let same = eq(col_of("i", "profile_id"), col_of("c", "profile_id"));
        stages.add("identifiers", newest_values(entity, &identifiers));
        profiles = profiles.left_join(relation(None, "identifiers", Some("i")), same);
    }
    stages.add("profiles", profiles.query());
    Select::from_stage("profiles")
}

/// `profile_id` and one column for each identifier.
fn newest_values(entity: &Entity, identifiers: &[&str]) -> Query {
    let newest = |name: &&str| {
        let value = Aggregate::last(col("value"), col("last_seen_at")).filter([eq(col("identifier"), text(name))]);
        (value.build(), (*name).to_owned())
    };
    Select::from(kinfold(&EntityTable::Identifiers.of(&entity.name), "i"))
        .column("profile_id")
        .items(identifiers.iter().map(newest))
        .filter([in_list(col("identifier"), identifiers.iter().map(|name| text(name)).collect(), false)])
        .group_by(["profile_id"])
        .query()
}
