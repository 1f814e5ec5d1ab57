//! Identity: the queries that feed the clustering kernel, and the way from a row to its profile.

pub(crate) mod keys;

use kinfold_lang::project::{Entity, Link};
use sqlparser::ast::{Expr, Query};

use crate::sql::{Aggregate, Select, Stages, cast_instant, col, is_not_null, null, or, table};
use crate::step::{Resolve, ResolveIdentifier, ResolveRows};

use keys::{id_name, normalised, raw_items, raw_name};

/// What the kernel is given for one entity. `grouped` names, for a link, a scratch table that holds the link's rows grouped by
/// raw identifiers, with `first_seen_at` and `last_seen_at`, if there is one: the table is then not scanned once more.
pub(crate) fn resolve(entity: &Entity, grouped: impl Fn(&Link) -> Option<String>) -> Resolve {
    let limits = entity.identifiers.iter().map(|i| ResolveIdentifier { name: i.name.clone(), limit: i.limit });
    let rows = entity.links.iter().map(|link| ResolveRows {
        source: link.table.to_string(),
        identifiers: link.ids.iter().map(|(index, _)| *index).collect(),
        query: distinct_ids(entity, link, grouped(link)),
    });
    Resolve { entity: entity.name.clone(), identifiers: limits.collect(), rows: rows.collect() }
}

/// Grouped twice: by the raw values, so that few are normalised, then by the normalised ones.
fn distinct_ids(entity: &Entity, link: &Link, grouped: Option<String>) -> Query {
    let mut stages = Stages::default();
    if let Some(name) = grouped {
        let raw: Vec<String> = link.ids.iter().map(|(index, _)| raw_name(entity, *index)).collect();
        let read = Select::from(crate::sql::kinfold(&name, "g")).columns(raw.iter().map(String::as_str));
        stages.add("grouped", read.columns(["first_seen_at", "last_seen_at"]).query());
    } else {
        let rows = Select::from(table(&link.table)).items(raw_items(entity, &link.ids)).item(seen_at(link), "at");
        stages.add("rows", rows.query());
        let raw: Vec<String> = link.ids.iter().map(|(index, _)| raw_name(entity, *index)).collect();
        let raw = || raw.iter().map(String::as_str);
        let grouped = Select::from_stage("rows").columns(raw()).items(seen("at", "at")).group_by(raw());
        stages.add("grouped", grouped.query());
    }
    let times = ["first_seen_at", "last_seen_at"];
    stages.add("keyed", normalised(entity, &link.ids, "grouped", &times.map(str::to_owned)));
    let ids: Vec<String> = link.ids.iter().map(|(index, _)| id_name(entity, *index)).collect();
    let ids = || ids.iter().map(String::as_str);
    let query = Select::from_stage("keyed")
        .columns(ids())
        .items(seen("first_seen_at", "last_seen_at"))
        .filter([or(ids().map(|id| is_not_null(col(id))))])
        .group_by(ids());
    stages.finish(query.query())
}

/// When a row came about; null if the link does not say.
pub(crate) fn seen_at(link: &Link) -> Expr {
    cast_instant(link.at.clone().unwrap_or_else(null))
}

/// The earliest and the latest of a group's times.
pub(crate) fn seen(first: &str, last: &str) -> [(Expr, String); 2] {
    [
        (Aggregate::new("min", vec![col(first)]).build(), "first_seen_at".to_owned()),
        (Aggregate::new("max", vec![col(last)]).build(), "last_seen_at".to_owned()),
    ]
}
