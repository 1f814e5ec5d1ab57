//! Identity: the queries that feed the clustering kernel, and the way from a row to its profile.

mod aliases;
mod contraction;
pub(crate) mod keys;

use kinfold_lang::project::{Entity, Identifier, IdentifierType, Link, Pin};
use sqlparser::ast::{Expr, Query};

use crate::matching::{self, learned};
use crate::sql::{
    Aggregate, Select, Stages, cast_instant, cast_text, col, constant_rows, int, kinfold, null, previous, table, text,
    union_all,
};
use crate::step::{Resolve, ResolveIdentifier, ResolvePin, ResolveRows};
use crate::tables::resolve_tables;

pub(crate) use aliases::aliases;
pub use contraction::{Contraction, MakeTable};
use keys::{id_name, normalised_and_judged, normaliser, raw_items, unusable_name};

/// How many rows of a table a row of identifiers stands for.
pub(crate) const ROW_COUNT: &str = "row_count";

/// What the kernel is given for one entity. `keyed` names, for a link, a scratch table that holds the link's combinations of
/// identifiers, with `first_seen_at` and `last_seen_at`, if there is one: the link's own table is then not scanned once more.
pub(crate) fn resolve(entity: &Entity, keyed: impl Fn(&Link) -> Option<String>) -> Resolve {
    let identifier = |i: &Identifier| ResolveIdentifier {
        name: i.name.clone(),
        ty: i.ty.clone(),
        limit: i.limit,
        shared_above: i.shared_above,
    };
    let pin = |pin: &Pin| ResolvePin {
        kind: pin.kind,
        identifiers: pin.values.each_ref().map(|(index, _)| *index),
        reason: pin.reason.clone(),
    };
    let rows = entity.links.iter().map(|link| ResolveRows {
        source: link.table.to_string(),
        identifiers: link.ids.iter().map(|(index, _)| *index).collect(),
        query: link_rows(entity, link, keyed(link)),
        keep: keyed(link).is_none(),
    });
    let tables = resolve_tables(&entity.name);
    let previous = Select::from(previous(&tables.identifiers.output.name, "p"));
    Resolve {
        entity: entity.name.clone(),
        tables,
        identifiers: entity.identifiers.iter().map(identifier).collect(),
        rows: rows.collect(),
        pins: entity.pins.iter().map(pin).collect(),
        pinned_values: pinned_values(entity),
        matches: learned(entity).map(|(matching, _)| matching::matched(entity, matching)),
        previous: previous.columns(["identifier", "value", "profile_id"]).query(),
        max_cluster: entity.max_cluster,
    }
}

/// The values of pins in their identifiers' forms, null where nothing is left of one: `pin`, its number; `side`, 0 or 1; `value`.
///
/// These are rows, since pins come in thousands and planning so many columns takes an engine longer than a run.
pub(crate) fn pinned_values(entity: &Entity) -> Option<Query> {
    let mut by_type: Vec<(&IdentifierType, Vec<Vec<Expr>>)> = vec![];
    for (number, pin) in (0_u64..).zip(&entity.pins) {
        for (side, (identifier, value)) in (0_u8..).zip(&pin.values) {
            let ty = &entity.identifiers[*identifier].ty;
            let row = vec![int(number), int(side), text(value)];
            match by_type.iter_mut().find(|(known, _)| *known == ty) {
                Some((_, rows)) => rows.push(row),
                None => by_type.push((ty, vec![row])),
            }
        }
    }
    union_all(by_type.into_iter().map(|(ty, rows)| {
        Select::from(constant_rows(rows, "pinned", &["pin", "side", "value"]))
            .columns(["pin", "side"])
            .item(cast_text(normaliser(ty, cast_text(col("value")))), "value")
            .query()
    }))
}

/// Rows as they are: the kernel keeps each combination of values once, which costs it less than an engine pays for grouping by texts.
fn link_rows(entity: &Entity, link: &Link, keyed: Option<String>) -> Query {
    let names = |name: fn(&Entity, usize) -> String| link.ids.iter().map(move |(index, _)| name(entity, *index));
    let [ids, unusable] = [id_name, unusable_name].map(|name| names(name).collect::<Vec<_>>());
    let [ids, unusable] = [&ids, &unusable].map(|names| names.iter().map(String::as_str));
    let times = ["first_seen_at", "last_seen_at"];
    if let Some(name) = keyed {
        let columns = ids.chain(times).chain([ROW_COUNT]).chain(unusable);
        return Select::from(kinfold(&name, "k")).columns(columns).query();
    }
    let mut stages = Stages::default();
    let rows = Select::from(table(&link.table)).items(raw_items(entity, &link.ids)).item(seen_at(link), "at");
    stages.add("rows", rows.query());
    stages.add("normalised", normalised_and_judged(entity, &link.ids, "rows", &["at".to_owned()]));
    let seen = times.map(|name| (col("at"), name.to_owned()));
    let told = Select::from_stage("normalised").columns(ids).items(seen).item(int(1), ROW_COUNT);
    stages.finish(told.columns(unusable).query())
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
