//! The shapes of the tables that Kinfold makes.

use std::collections::BTreeSet;

use kinfold_base::{SqlType, TableSchema};
use kinfold_lang::project::{Entity, EntityTable, Project, Sync, SyncRows};

use crate::matching::learned;
use crate::segments::segments_table;
use crate::sql::columns_in;
use crate::step::{KeepTable, Output, ResolveTable, ResolveTables};

/// Every table that is written for an entity, without its schema, in the order of DESIGN's table.
#[must_use]
pub fn entity_tables(entity: &Entity) -> Vec<(String, TableSchema)> {
    let named = |table: EntityTable, schema| (table.of(&entity.name), schema);
    let profile = [("profile_id".to_owned(), SqlType::Text)].into_iter();
    let traits = entity.traits.iter().map(|t| (t.name.clone(), t.ty.clone()));
    let of_matching =
        [(EntityTable::Matches, matches()), (EntityTable::Review, matches()), (EntityTable::Records, records())];
    let of_matching = of_matching.into_iter().filter(|_| learned(entity).is_some());
    let mut tables = vec![
        named(EntityTable::Profiles, TableSchema::new(profile.chain(traits))),
        named(EntityTable::Identifiers, identifiers()),
        named(EntityTable::History, history()),
        named(EntityTable::Aliases, aliases()),
        named(EntityTable::Conflicts, conflicts()),
        named(EntityTable::Shared, shared()),
        named(EntityTable::Health, health()),
    ];
    tables.extend(of_matching.map(|(table, columns)| named(table, columns)));
    tables.extend([named(EntityTable::Segments, segments()), named(EntityTable::SegmentChanges, segment_changes())]);
    tables
}

/// The tables that the clustering kernel makes for an entity.
#[must_use]
pub fn resolve_tables(entity: &str) -> ResolveTables {
    let table = |table: EntityTable, keep, columns| {
        let output = Output { name: table.of(entity), keep };
        ResolveTable { output, columns }
    };
    ResolveTables {
        identifiers: table(EntityTable::Identifiers, KeepTable::Replace, identifiers()),
        history: table(EntityTable::History, KeepTable::Append, history()),
        conflicts: table(EntityTable::Conflicts, KeepTable::Replace, conflicts()),
        shared: table(EntityTable::Shared, KeepTable::Replace, shared()),
        health: table(EntityTable::Health, KeepTable::Append, health()),
        profiles: ResolveTable {
            output: Output { name: profiles_table(entity), keep: KeepTable::Scratch },
            columns: TableSchema::new([("profile_id", SqlType::Text)]),
        },
    }
}

/// The ids of all profiles of a run that is under way.
pub(crate) fn profiles_table(entity: &str) -> String {
    format!("_{entity}_profiles")
}

/// Where an entity's former profile ids lead to.
pub(crate) fn aliases_table(entity: &Entity) -> String {
    EntityTable::Aliases.of(&entity.name)
}

/// The tables that a run must have built before a sync can deliver, each with the columns that the sync reads; none for a model.
#[must_use]
pub fn tables_of_sync(project: &Project, sync: &Sync) -> Vec<(String, Vec<String>)> {
    let (name, is_segment) = match &sync.rows {
        SyncRows::Model(_) => return vec![],
        SyncRows::Entity(entity) => (entity, false),
        SyncRows::Segment { entity, .. } => (entity, true),
    };
    let Some(entity) = project.entities.iter().find(|e| e.name == *name) else { return vec![] };
    let read: BTreeSet<String> = sync.key.iter().chain(&sync.fields).flat_map(|f| columns_in(&f.expr)).collect();
    let is_trait = |column: &String| entity.traits.iter().any(|t| t.name == *column);
    let all = |schema: TableSchema| schema.columns.into_iter().map(|c| c.name).collect();
    let mut tables = vec![
        (entity.name.clone(), read.into_iter().filter(is_trait).collect()),
        (EntityTable::Identifiers.of(&entity.name), all(identifiers())),
    ];
    tables.extend(is_segment.then(|| (segments_table(entity), all(segments()))));
    tables
}

/// Tables that are written whatever the project's entities: `runs`, `sync_runs`, `sync_log`.
#[must_use]
pub fn log_tables() -> Vec<(String, TableSchema)> {
    use SqlType::{Integer, Text, Timestamp};
    let runs = [
        ("run_id", Text),
        ("as_of", Timestamp),
        ("started_at", Timestamp),
        ("ended_at", Timestamp),
        ("status", Text),
        ("step", Text),
        ("kind", Text),
        ("rows", Integer),
        ("seconds", SqlType::Float),
    ];
    let sync_runs = [
        ("run_id", Text),
        ("sync", Text),
        ("destination", Text),
        ("started_at", Timestamp),
        ("ended_at", Timestamp),
        ("status", Text),
        ("added", Integer),
        ("updated", Integer),
        ("removed", Integer),
        ("acknowledged", Integer),
        ("rejected", Integer),
        ("retry", Integer),
        ("unknown", Integer),
        ("invalid", Integer),
    ];
    let sync_log = [
        ("run_id", Text),
        ("sync", Text),
        ("destination", Text),
        ("key", Text),
        ("operation", Text),
        ("outcome", Text),
        ("reason", Text),
        ("attempts", Integer),
        ("at", Timestamp),
    ];
    vec![
        ("runs".to_owned(), TableSchema::new(runs)),
        ("sync_runs".to_owned(), TableSchema::new(sync_runs)),
        ("sync_log".to_owned(), TableSchema::new(sync_log)),
    ]
}

fn identifiers() -> TableSchema {
    TableSchema::new([
        ("identifier", SqlType::Text),
        ("value", SqlType::Text),
        ("profile_id", SqlType::Text),
        ("first_seen_at", SqlType::Timestamp),
        ("last_seen_at", SqlType::Timestamp),
        ("sources", SqlType::List(Box::new(SqlType::Text))),
    ])
}

fn history() -> TableSchema {
    TableSchema::new([
        ("run_id", SqlType::Text),
        ("at", SqlType::Timestamp),
        ("change", SqlType::Text),
        ("profile_id", SqlType::Text),
        ("other_profile_id", SqlType::Text),
        ("identifier", SqlType::Text),
        ("value", SqlType::Text),
    ])
}

fn aliases() -> TableSchema {
    TableSchema::new([
        ("old_profile_id", SqlType::Text),
        ("profile_id", SqlType::Text),
        ("identifier", SqlType::Text),
        ("value", SqlType::Text),
        ("changed_at", SqlType::Timestamp),
    ])
}

fn health() -> TableSchema {
    TableSchema::new([
        ("run_id", SqlType::Text),
        ("at", SqlType::Timestamp),
        ("metric", SqlType::Text),
        ("source", SqlType::Text),
        ("name", SqlType::Text),
        ("value", SqlType::Integer),
    ])
}

fn conflicts() -> TableSchema {
    TableSchema::new([
        ("identifier_a", SqlType::Text),
        ("value_a", SqlType::Text),
        ("identifier_b", SqlType::Text),
        ("value_b", SqlType::Text),
        ("rule", SqlType::Text),
        ("source", SqlType::Text),
        ("first_seen_at", SqlType::Timestamp),
    ])
}

fn matches() -> TableSchema {
    TableSchema::new([
        ("identifier_a", SqlType::Text),
        ("value_a", SqlType::Text),
        ("identifier_b", SqlType::Text),
        ("value_b", SqlType::Text),
        ("weight", SqlType::Float),
        ("probability", SqlType::Float),
        ("levels", SqlType::List(Box::new(SqlType::Integer))),
        ("weights", SqlType::List(Box::new(SqlType::Float))),
    ])
}

fn records() -> TableSchema {
    TableSchema::new([("identifier", SqlType::Text), ("value", SqlType::Text), ("record_hash", SqlType::Text)])
}

fn shared() -> TableSchema {
    TableSchema::new([
        ("identifier", SqlType::Text),
        ("value", SqlType::Text),
        ("linked_identifier", SqlType::Text),
        ("degree", SqlType::Integer),
    ])
}

pub(crate) fn segments() -> TableSchema {
    TableSchema::new([
        ("segment", SqlType::Text),
        ("profile_id", SqlType::Text),
        ("arm", SqlType::Text),
        ("entered_at", SqlType::Timestamp),
    ])
}

fn segment_changes() -> TableSchema {
    TableSchema::new([
        ("segment", SqlType::Text),
        ("profile_id", SqlType::Text),
        ("change", SqlType::Text),
        ("run_id", SqlType::Text),
        ("at", SqlType::Timestamp),
    ])
}
