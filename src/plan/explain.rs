//! Why values are of one profile: the rows that hold them, the edges that were refused, the values that are shared.
//!
//! A profile's values come from `<entity>_identifiers` by its id, so that a query is as small for a profile of ten thousand
//! values as for one of two, and holds no personal data but a value that was asked for.

use kinfold_lang::project::{Entity, EntityTable, Link, Project, TableName};
use sqlparser::ast::{Expr, Query};

use crate::identity::keys::{allowed, id_name, normalised, normaliser, raw_items};
use crate::identity::{self, seen, seen_at};
use crate::sql::{
    Aggregate, Select, Sort, Stages, and, cast_text, coalesce, col, col_of, concat, count_rows, derived, eq, in_list,
    is_not_null, is_null, kinfold, null, or, relation, table, text, union_all,
};

/// What stands between the parts of a row key: a control character that keys do not hold.
pub const KEY_SEPARATOR: char = '\u{1f}';

/// The rows of a link's table that hold a value of some profiles.
#[derive(Debug, Clone)]
pub struct LinkRows {
    /// The table's full name.
    pub source: String,
    /// Indices into [`Entity::identifiers`], ascending.
    pub identifiers: Vec<usize>,
    /// The columns whose values are the parts of a row key; empty if nobody says which tell rows apart.
    pub key: Vec<String>,
    /// One row for each combination of values, most rows first. Columns, in order: for each of `identifiers` a text, normalised,
    /// blocked values null; then `rows`; `first_seen_at`, `last_seen_at`, null if unknown; `row_key` of the first row, its parts
    /// separated by [`KEY_SEPARATOR`], null if there is no key; then for each of `identifiers` `linked_identifier` and `degree`,
    /// null unless the value is shared by many.
    pub query: Query,
}

/// What is known of a value, given by its identifier's index and as a person wrote it. One row: `value` in the identifier's form,
/// null if nothing is left of it; `blocked`; `profile_id`, null if none has it; `linked_identifier` and `degree`, null unless it is
/// shared by many.
#[must_use]
pub fn value(entity: &Entity, identifier: usize, value: &str) -> Query {
    let rule = &entity.identifiers[identifier];
    let written = cast_text(text(value));
    let given = Select::of_constants()
        .item(normaliser(&rule.ty, written.clone()), "value")
        .item(is_null(cast_text(allowed(rule, &written))), "blocked");
    let of = |table: &str, columns: [&str; 2]| {
        let select = Select::from(kinfold(table, "t")).column("value").columns(columns);
        select.filter([eq(col("identifier"), text(&rule.name))]).query()
    };
    let known = of(&identifiers(entity), ["identifier", "profile_id"]);
    let known_shared = of(&shared(entity), ["linked_identifier", "degree"]);
    let same = |alias: &str| eq(col_of(alias, "value"), col_of("given", "value"));
    Select::from(derived(given.query(), "given"))
        .left_join(derived(known, "known"), same("known"))
        .left_join(derived(known_shared, "shared"), same("shared"))
        .item(col_of("given", "value"), "value")
        .item(col_of("given", "blocked"), "blocked")
        .item(col_of("known", "profile_id"), "profile_id")
        .item(col_of("shared", "linked_identifier"), "linked_identifier")
        .item(col_of("shared", "degree"), "degree")
        .query()
}

/// The rows of every table that can link values, as far as they hold one of these profiles; at most `limit` combinations of each.
#[must_use]
pub fn rows(project: &Project, entity: &Entity, profiles: &[&str], limit: u32) -> Vec<LinkRows> {
    // Rows with a single identifier link nothing.
    let links = entity.links.iter().filter(|link| link.ids.len() > 1);
    links
        .map(|link| {
            let key = unique_key(project, &link.table);
            LinkRows {
                source: link.table.to_string(),
                identifiers: link.ids.iter().map(|(index, _)| *index).collect(),
                query: combinations(entity, link, &key, profiles, limit),
                key,
            }
        })
        .collect()
}

/// The edges of these profiles that were refused; those between two of them come twice. `identifier_a`, `value_a`, `identifier_b`,
/// `value_b`, `rule`, `source`, `first_seen_at` as in `<entity>_conflicts`, then the profiles `profile_a`, `profile_b`.
#[must_use]
pub fn refused(entity: &Entity, profiles: &[&str], limit: u32) -> Query {
    let columns = ["identifier_a", "value_a", "identifier_b", "value_b", "rule", "source", "first_seen_at"];
    let mut stages = Stages::default();
    let known = |alias: &str| kinfold(&identifiers(entity), alias);
    let own = Select::from(known("i")).columns(["identifier", "value", "profile_id"]);
    stages.add("own", own.filter([of_profiles(profiles)]).query());
    let ends = |stage: &str, end: &str| {
        let same = |column: &str| eq(col_of("c", &format!("{column}_{end}")), col_of(stage, column));
        and([same("identifier"), same("value")])
    };
    let profile = |end: &str| format!("profile_{end}");
    for (end, other) in [("a", "b"), ("b", "a")] {
        let edges = Select::from(relation(None, "own", None))
            .join(kinfold(&EntityTable::Conflicts.of(&entity.name), "c"), ends("own", end))
            .left_join(known("other"), ends("other", other))
            .items(columns.map(|name| (col_of("c", name), name.to_owned())));
        // Both halves have their columns in one order.
        let (a, b) = if end == "a" { ("own", "other") } else { ("other", "own") };
        let edges = edges.item(col_of(a, "profile_id"), &profile("a")).item(col_of(b, "profile_id"), &profile("b"));
        stages.add(&format!("by_{end}"), edges.query());
    }
    let all = |stage: &str| Select::from_stage(stage).all_of(stage).query();
    stages.add("refused", union_all(["by_a", "by_b"].map(all)).expect("there are two"));
    let order = ["first_seen_at", "identifier_a", "value_a", "identifier_b", "value_b"];
    let query = Select::from_stage("refused")
        .columns(columns)
        .columns(["profile_a", "profile_b"])
        .order_by(order.map(|name| Sort::up(col(name))).to_vec())
        .limit(limit);
    stages.finish(query.query())
}

/// The pairs of these profiles' values that are linked by likelihood, the likeliest first: the columns of `<entity>_matches`.
#[must_use]
pub fn matches(entity: &Entity, profiles: &[&str], limit: u32) -> Query {
    let columns = ["identifier_a", "value_a", "identifier_b", "value_b", "weight", "probability", "levels", "weights"];
    let mut stages = Stages::default();
    let own = Select::from(kinfold(&identifiers(entity), "i")).columns(["identifier", "value"]);
    stages.add("own", own.filter([of_profiles(profiles)]).query());
    let is_end = |alias: &str, end: &str| {
        let same = |column: &str| eq(col_of("m", &format!("{column}_{end}")), col_of(alias, column));
        and([same("identifier"), same("value")])
    };
    let query = Select::from(relation(None, "own", Some("one")))
        .join(kinfold(&EntityTable::Matches.of(&entity.name), "m"), is_end("one", "a"))
        .join(relation(None, "own", Some("other")), is_end("other", "b"))
        .items(columns.map(|name| (col_of("m", name), name.to_owned())))
        .order_by(
            ["weight"]
                .map(|name| Sort::down(col(name)))
                .into_iter()
                .chain(["value_a", "value_b"].map(|name| Sort::up(col(name))))
                .collect(),
        )
        .limit(limit);
    stages.finish(query.query())
}

/// The values of the entity's pins in their identifiers' forms: `pin`, an index into [`Entity::pins`]; `side`, 0 or 1; `value`, null
/// where nothing is left of it. `None` if there are no pins.
#[must_use]
pub fn pinned_values(entity: &Entity) -> Option<Query> {
    identity::pinned_values(entity)
}

/// The columns that tell the rows of a table apart; none if nobody says.
fn unique_key(project: &Project, table: &TableName) -> Vec<String> {
    let source = project.sources.iter().find(|s| s.name == *table).map(|s| &s.unique_key);
    let model = || project.models.iter().find(|m| table.schema.is_none() && m.name == table.name);
    source.or_else(|| model().map(|m| &m.unique_key)).cloned().unwrap_or_default()
}

/// A row's key as one text.
fn row_key(key: &[String]) -> Expr {
    if key.is_empty() {
        return cast_text(null());
    }
    let separator = KEY_SEPARATOR.to_string();
    let parts = key.iter().map(|column| coalesce(vec![cast_text(col(column)), text("")]));
    let parts: Vec<Expr> = parts.flat_map(|part| [text(&separator), part]).skip(1).collect();
    concat(parts)
}

/// The table streams past the profiles' values, of which there are few: each join has them on the side that engines keep in memory.
fn combinations(entity: &Entity, link: &Link, key: &[String], profiles: &[&str], limit: u32) -> Query {
    let name = |index: usize| entity.identifiers[index].name.as_str();
    let ids: Vec<String> = link.ids.iter().map(|(index, _)| id_name(entity, *index)).collect();
    let id_columns = || ids.iter().map(String::as_str);
    let keep = ["at", "row_key"];
    let mut stages = Stages::default();
    let rows = Select::from(table(&link.table))
        .items(raw_items(entity, &link.ids))
        .item(seen_at(link), "at")
        .item(row_key(key), "row_key");
    stages.add("rows", rows.query());
    stages.add("keyed", normalised(entity, &link.ids, "rows", &keep.map(str::to_owned)));
    let mut before = "keyed".to_owned();
    for (i, (index, _)) in link.ids.iter().enumerate() {
        let (known, held) = (format!("known_{}", name(*index)), format!("held_{}", name(*index)));
        let values = Select::from(kinfold(&identifiers(entity), "i"))
            .column("value")
            .filter([eq(col("identifier"), text(name(*index))), of_profiles(profiles)]);
        stages.add(&known, values.query());
        let is_known = is_not_null(col_of(&known, "value"));
        let is_held = if i == 0 { is_known } else { or([col_of(&before, "held"), is_known]) };
        let columns = id_columns().chain(keep).map(|column| (col_of(&before, column), column.to_owned()));
        let query = Select::from(relation(None, &known, None))
            .right_join(relation(None, &before, None), eq(col_of(&known, "value"), col_of(&before, &ids[i])))
            .items(columns)
            .item(is_held, "held");
        stages.add(&held, query.query());
        before = held;
    }
    let found = Select::from_stage(&before)
        .columns(id_columns())
        .item(count_rows().build(), "rows")
        .items(seen("at", "at"))
        .item(Aggregate::first(col("row_key"), col("at")).build(), "row_key")
        .filter([col("held")])
        .group_by(id_columns());
    stages.add("found", found.query());
    let columns = id_columns().chain(["rows", "first_seen_at", "last_seen_at", "row_key"]);
    let mut query = Select::from_stage("found").items(columns.map(|c| (col_of("found", c), c.to_owned())));
    for (index, _) in &link.ids {
        let alias = format!("shared_{}", name(*index));
        let as_named = |what: &str| format!("{what}_{}", name(*index));
        if entity.identifiers[*index].shared_above.is_none() {
            query = query.item(cast_text(null()), &as_named("linked")).item(null(), &as_named("degree"));
            continue;
        }
        let values = Select::from(kinfold(&shared(entity), "t"))
            .columns(["value", "linked_identifier", "degree"])
            .filter([eq(col("identifier"), text(name(*index)))]);
        let same = eq(col_of(&alias, "value"), col_of("found", &id_name(entity, *index)));
        query = query
            .left_join(derived(values.query(), &alias), same)
            .item(col_of(&alias, "linked_identifier"), &as_named("linked"))
            .item(col_of(&alias, "degree"), &as_named("degree"));
    }
    let order = [Sort::down(col("rows"))].into_iter().chain(id_columns().map(|c| Sort::up(col(c))));
    stages.finish(query.order_by(order.collect()).limit(limit).query())
}

fn identifiers(entity: &Entity) -> String {
    EntityTable::Identifiers.of(&entity.name)
}

fn shared(entity: &Entity) -> String {
    EntityTable::Shared.of(&entity.name)
}

fn of_profiles(profiles: &[&str]) -> Expr {
    in_list(col("profile_id"), profiles.iter().map(|id| text(id)).collect(), false)
}
