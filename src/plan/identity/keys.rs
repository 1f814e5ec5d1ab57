//! From the rows of a table to the profiles they belong to.
//!
//! Values are normalised after grouping by the raw ones, since a table has far fewer distinct identifiers than rows.

use kinfold_lang::project::{Block, Entity, EntityTable, Identifier, IdentifierType};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use crate::sql::{
    Select, Stages, and, binary, call, case, cast_text, coalesce, col, col_of, eq, in_list, is_not_null, is_null,
    kinfold, not, null, or, relation, text,
};

/// The identifiers by which a table's rows are told apart: an index into [`Entity::identifiers`], ascending, and SQL.
pub(crate) type Ids = [(usize, Expr)];

/// The column that holds an identifier as it stands in the source.
pub(crate) fn raw_name(entity: &Entity, index: usize) -> String {
    format!("raw_{}", identifier(entity, index).name)
}

/// The column that holds an identifier normalised.
pub(crate) fn id_name(entity: &Entity, index: usize) -> String {
    format!("id_{}", identifier(entity, index).name)
}

fn identifier(entity: &Entity, index: usize) -> &Identifier {
    &entity.identifiers[index]
}

/// `(SQL, raw name)` of each identifier, for the innermost projection.
pub(crate) fn raw_items(entity: &Entity, ids: &Ids) -> Vec<(Expr, String)> {
    ids.iter().map(|(index, expr)| (expr.clone(), raw_name(entity, *index))).collect()
}

/// Whether a row has a value of an identifier of which nothing is left.
pub(crate) fn unusable_name(entity: &Entity, index: usize) -> String {
    format!("unusable_{}", identifier(entity, index).name)
}

/// Columns `id_…`, null for what is nothing, invalid or blocked, and `keep`, from a stage that has `raw_…` columns.
pub(crate) fn normalised(entity: &Entity, ids: &Ids, stage: &str, keep: &[String]) -> Query {
    over_raw(entity, ids, stage).columns(keep.iter().map(String::as_str)).query()
}

/// As [`normalised`], with columns `unusable_…` at the end.
pub(crate) fn normalised_and_judged(entity: &Entity, ids: &Ids, stage: &str, keep: &[String]) -> Query {
    let unusable = |(index, _): &(usize, Expr)| {
        let identifier = identifier(entity, *index);
        let raw = cast_text(col(&raw_name(entity, *index)));
        let is_nothing = is_null(normaliser(&identifier.ty, raw.clone()));
        let is_given = binary(raw.clone(), BinaryOperator::PGRegexMatch, text(r"\S"));
        // What has no form is known by how it is written.
        let written = call("lower", vec![call("btrim", vec![raw.clone()])]);
        let is_blocked = is_blocked(identifier, &raw, written, |value| text(&value.trim().to_lowercase())).map(not);
        (and([is_nothing, is_given].into_iter().chain(is_blocked)), unusable_name(entity, *index))
    };
    let normalised = over_raw(entity, ids, stage).columns(keep.iter().map(String::as_str));
    normalised.items(ids.iter().map(unusable)).query()
}

fn over_raw(entity: &Entity, ids: &Ids, stage: &str) -> Select {
    let id = |(index, _): &(usize, Expr)| {
        let identifier = identifier(entity, *index);
        let raw = cast_text(col(&raw_name(entity, *index)));
        (allowed(identifier, &raw), id_name(entity, *index))
    };
    Select::from_stage(stage).items(ids.iter().map(id))
}

/// Whether a row of a stage that has `id_…` and `unusable_…` columns has a value of any identifier, of use or not.
pub(crate) fn has_value(entity: &Entity, ids: &Ids) -> Expr {
    let usable = ids.iter().map(|(index, _)| is_not_null(col(&id_name(entity, *index))));
    or(usable.chain(ids.iter().map(|(index, _)| col(&unusable_name(entity, *index)))))
}

/// The normalised value, unless it is blocked.
pub(crate) fn allowed(identifier: &Identifier, raw: &Expr) -> Expr {
    let value = || normaliser(&identifier.ty, raw.clone());
    match is_blocked(identifier, raw, value(), |value| normaliser(&identifier.ty, text(value))) {
        Some(is_blocked) => case([(is_blocked, null())], Some(value())),
        None => value(),
    }
}

/// Whether a value is blocked; none if nothing is. `value` has the form that `form` gives to what is listed.
fn is_blocked(identifier: &Identifier, raw: &Expr, value: Expr, form: impl Fn(&str) -> Expr) -> Option<Expr> {
    let (mut listed, mut blocked) = (vec![], vec![]);
    for block in &identifier.block {
        match block {
            Block::Value(value) => listed.push(form(value)),
            Block::Matches(pattern) => blocked.push(binary(raw.clone(), BinaryOperator::PGRegexMatch, text(pattern))),
        }
    }
    if !listed.is_empty() {
        blocked.insert(0, in_list(value, listed, false));
    }
    (!blocked.is_empty()).then(|| or(blocked))
}

/// A value brought into the identifier's form; null where nothing is left of it.
pub(crate) fn normaliser(ty: &IdentifierType, value: Expr) -> Expr {
    match ty {
        IdentifierType::Exact => call("kinfold_exact", vec![value]),
        IdentifierType::Lower => call("kinfold_lower", vec![value]),
        IdentifierType::Digits => call("kinfold_digits", vec![value]),
        IdentifierType::Uuid => call("kinfold_uuid", vec![value]),
        IdentifierType::Email => call("kinfold_email", vec![value]),
        IdentifierType::Phone { region } => {
            call("kinfold_phone", vec![value, region.as_deref().map_or_else(|| cast_text(null()), text)])
        }
    }
}

/// Adds the stages `known` and `owned` over a stage that has `id_…` columns: `profile_id` and `keep`, each row under the
/// profile of its strongest identifier. `own_ids`: identity has not seen these ids, so that it is the strongest that is known; so where values may be shared by many.
pub(crate) fn add_owned(stages: &mut Stages, entity: &Entity, ids: &Ids, own_ids: bool, stage: &str, keep: &[String]) {
    // A shared value belongs to nobody, so that the row goes by its next one.
    let may_be_nobodys = own_ids || ids.iter().any(|(index, _)| identifier(entity, *index).shared_above.is_some());
    if may_be_nobodys && ids.len() > 1 {
        return add_owned_by_any(stages, entity, ids, stage, keep);
    }
    let name = |index: usize| text(&identifier(entity, index).name);
    let id = |index: usize| col_of(stage, &id_name(entity, index));
    let known = Select::from(kinfold(&EntityTable::Identifiers.of(&entity.name), "i"));
    let (known, on) = if let [(index, _)] = ids {
        let known = known.columns(["value", "profile_id"]).filter([eq(col("identifier"), name(*index))]);
        (known, eq(col_of("known", "value"), id(*index)))
    } else {
        let names = ids.iter().map(|(index, _)| name(*index)).collect();
        let known =
            known.columns(["identifier", "value", "profile_id"]).filter([in_list(col("identifier"), names, false)]);
        let strongest = case(ids.iter().map(|(index, _)| (is_not_null(id(*index)), name(*index))), None);
        let value = coalesce(ids.iter().map(|(index, _)| id(*index)).collect());
        (known, and([eq(col_of("known", "identifier"), strongest), eq(col_of("known", "value"), value)]))
    };
    stages.add("known", known.query());
    let owned = Select::from_stage(stage)
        .join(relation(None, "known", None), on)
        .item(col_of("known", "profile_id"), "profile_id")
        .items(keep.iter().map(|name| (col_of(stage, name), name.clone())));
    stages.add("owned", owned.query());
}

/// As [`add_owned`], with a look at every identifier.
fn add_owned_by_any(stages: &mut Stages, entity: &Entity, ids: &Ids, stage: &str, keep: &[String]) {
    let known = |index: usize| format!("known_{}", identifier(entity, index).name);
    for (index, _) in ids {
        let query = Select::from(kinfold(&EntityTable::Identifiers.of(&entity.name), "i"))
            .columns(["value", "profile_id"])
            .filter([eq(col("identifier"), text(&identifier(entity, *index).name))]);
        stages.add(&known(*index), query.query());
    }
    let profile = || coalesce(ids.iter().map(|(index, _)| col_of(&known(*index), "profile_id")).collect());
    let owned = ids.iter().fold(Select::from_stage(stage), |select, (index, _)| {
        let same = eq(col_of(&known(*index), "value"), col_of(stage, &id_name(entity, *index)));
        select.left_join(relation(None, &known(*index), None), same)
    });
    let owned = owned
        .item(profile(), "profile_id")
        .items(keep.iter().map(|name| (col_of(stage, name), name.clone())))
        .filter([is_not_null(profile())]);
    stages.add("owned", owned.query());
}
