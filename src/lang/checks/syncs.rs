//! Syncs: what goes to which destination.
//!
//! A sync delivers the rows of one `entity`, `segment` or `model`. Its `key` tells rows apart at the destination, so it must be
//! unique: an identifier or `profile_id` for profiles, the `unique_key` of a model.

use kinfold_base::{Column, ConnectorSpec, Diagnostic, SqlType, SyncMode, TableSchema, did_you_mean};
use kinfold_sql::{Context, Scope, Typed};
use sqlparser::ast::Expr;

use super::destinations;
use super::durations::percent;
use super::schedule::schedule;
use super::segments::{self, CheckedEntity, entity};
use crate::ast::{self, Map, Sql, Text};
use crate::project::{Field, Guard, Nulls, OnLeave, Sync, SyncRows};
use crate::rule::Rule;
use crate::tables::{Tables, open_scope, typed};

pub(crate) const RULES: &[&Rule] = &[
    &SYNC_ROWS,
    &UNKNOWN_MODEL,
    &MODE_UNSUPPORTED,
    &DELETE_UNSUPPORTED,
    &MISSING_SYNC_KEY,
    &KEY_NOT_UNIQUE,
    &KEY_PERHAPS_NOT_UNIQUE,
    &DUPLICATE_FIELD,
    &ON_LEAVE_CONFLICT,
    &NO_FIELDS,
    &FIELD_TYPE,
];

pub(crate) const SYNC_ROWS: Rule =
    Rule::error("sync-rows", "a sync has none, or several, of `entity`, `segment` and `model`");
pub(crate) const UNKNOWN_MODEL: Rule = Rule::error("unknown-model", "a name is not a model");
pub(crate) const MODE_UNSUPPORTED: Rule =
    Rule::error("mode-unsupported", "the connector does not have the sync's mode");
pub(crate) const DELETE_UNSUPPORTED: Rule =
    Rule::error("delete-unsupported", "rows are to be deleted, which the connector cannot do");
pub(crate) const MISSING_SYNC_KEY: Rule = Rule::error("missing-sync-key", "a sync that changes rows has no key");
pub(crate) const KEY_NOT_UNIQUE: Rule =
    Rule::error("key-not-unique", "the key of a sync has the same value for many rows");
pub(crate) const KEY_PERHAPS_NOT_UNIQUE: Rule =
    Rule::warning("key-perhaps-not-unique", "nothing says that the key of a sync is unique");
pub(crate) const DUPLICATE_FIELD: Rule = Rule::error("duplicate-field", "a field is given in `key` and in `fields`");
pub(crate) const ON_LEAVE_CONFLICT: Rule =
    Rule::error("on-leave-conflict", "`on_leave` does not go with the sync's mode");
pub(crate) const NO_FIELDS: Rule = Rule::error("no-fields", "a sync sends no fields at all");
pub(crate) const FIELD_TYPE: Rule = Rule::error("field-type", "a key field is a list or a record");

/// The rows of a sync, as its SQL sees them.
struct Source {
    rows: SyncRows,
    scope: Scope,
    /// Sets of columns of which each tells rows apart; `None` if nothing is known.
    unique: Option<Vec<Vec<String>>>,
    what: String,
}

/// Resolves all syncs.
pub(crate) fn check(
    syncs: &[ast::Sync],
    entities: &[CheckedEntity<'_>],
    tables: &Tables<'_>,
    connectors: &[ConnectorSpec],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Sync> {
    syncs.iter().filter_map(|sync| one(sync, entities, tables, connectors, diagnostics)).collect()
}

fn one(
    written: &ast::Sync,
    entities: &[CheckedEntity<'_>],
    tables: &Tables<'_>,
    connectors: &[ConnectorSpec],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Sync> {
    let destinations = &tables.parsed.file.destinations;
    let destination = destinations.iter().find(|d| d.name.as_str() == written.destination.as_str());
    if destination.is_none() {
        diagnostics.extend(destinations::unknown(&written.destination, destinations, tables.parsed));
    }
    let spec = destination.and_then(|d| connectors.iter().find(|c| c.name == d.connector.as_str()));
    let mode: SyncMode = written.mode.map_or(SyncMode::Upsert, |m| m.value.into());
    let on_leave = on_leave(written, mode, diagnostics);
    if let Some(spec) = spec {
        supported(written, mode, on_leave, spec, diagnostics);
    }
    let source = source(written, entities, tables, diagnostics);
    let guard = written.guard.as_ref().map(|g| self::guard(g, diagnostics));
    let schedule = written.schedule.as_ref().map(|s| schedule(s, diagnostics));
    required(written, mode, diagnostics);
    let source = source?;
    let key = fields(&written.key, &source.scope, diagnostics);
    let fields = fields(&written.fields, &source.scope, diagnostics);
    let (key, fields) = (key?, fields?);
    let key_exprs: Vec<&Typed> = key.iter().map(|(_, typed)| typed).collect();
    if mode != SyncMode::Insert {
        unique(written, &key_exprs, &source, diagnostics);
    }
    let plain = |fields: Vec<(Text, Typed)>| -> Vec<Field> {
        let field = |(name, typed): (Text, Typed)| Field {
            name: name.as_str().to_owned(),
            expr: typed.expr,
            ty: typed.ty,
            span: name.span(),
        };
        fields.into_iter().map(field).collect()
    };
    Some(Sync {
        name: written.name.as_str().to_owned(),
        destination: written.destination.as_str().to_owned(),
        object: written.object.as_str().to_owned(),
        rows: source.rows,
        mode,
        key: plain(key),
        fields: plain(fields),
        on_leave,
        nulls: match written.nulls {
            ast::Nulls::Send => Nulls::Send,
            ast::Nulls::Skip => Nulls::Skip,
        },
        guard: guard.map_or(Some(Guard::default()), |g| g)?,
        purpose: written.purpose.as_ref().map(|p| p.as_str().to_owned()),
        schedule: schedule.map_or(Some(None), |s| s.map(Some))?,
        span: written.name.span(),
    })
}

fn on_leave(written: &ast::Sync, mode: SyncMode, diagnostics: &mut Vec<Diagnostic>) -> OnLeave {
    let given = written.on_leave.map(|on_leave| match on_leave.value {
        ast::OnLeave::Nothing => OnLeave::Nothing,
        ast::OnLeave::Clear => OnLeave::Clear,
        ast::OnLeave::Delete => OnLeave::Delete,
    });
    let span = written.on_leave.map_or(written.name.span(), |o| o.span);
    let conflict = match (mode, given) {
        (SyncMode::Mirror, Some(OnLeave::Nothing | OnLeave::Clear)) => {
            Some(("`mode: mirror` deletes rows that leave", "leave `on_leave` out, or write `mode: upsert`"))
        }
        (SyncMode::Insert, Some(OnLeave::Clear | OnLeave::Delete)) => {
            Some(("`mode: insert` never touches rows that it has sent", "write `on_leave: nothing`, or another mode"))
        }
        (_, Some(OnLeave::Clear)) if written.fields.is_empty() => Some((
            "`on_leave: clear` sets fields to null, but there are none",
            "add `fields`, or write `on_leave: delete`",
        )),
        _ => None,
    };
    if let Some((message, hint)) = conflict {
        diagnostics.push(ON_LEAVE_CONFLICT.at(span, message).hint(hint));
    }
    given.unwrap_or(if mode == SyncMode::Mirror { OnLeave::Delete } else { OnLeave::Nothing })
}

fn supported(
    written: &ast::Sync,
    mode: SyncMode,
    on_leave: OnLeave,
    spec: &ConnectorSpec,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if !spec.modes.contains(&mode) {
        let span = written.mode.map_or(written.name.span(), |m| m.span);
        let message = format!("the connector `{}` has no mode `{}`", spec.name, mode.as_str());
        let modes: Vec<&str> = spec.modes.iter().map(|m| m.as_str()).collect();
        diagnostics.push(MODE_UNSUPPORTED.at(span, message).hint(format!("it has {}", modes.join(", "))));
    } else if !spec.deletes && on_leave == OnLeave::Delete {
        let span = written.on_leave.map(|o| o.span).or(written.mode.map(|m| m.span));
        let message = format!("the connector `{}` cannot delete rows", spec.name);
        let hint = "write `on_leave: nothing` or `on_leave: clear`";
        diagnostics.push(DELETE_UNSUPPORTED.at(span.unwrap_or(written.name.span()), message).hint(hint));
    }
}

fn required(written: &ast::Sync, mode: SyncMode, diagnostics: &mut Vec<Diagnostic>) {
    let name = written.name.as_str();
    if written.key.is_empty() && mode != SyncMode::Insert {
        let message = format!("the sync `{name}` has no key, which `mode: {}` needs", mode.as_str());
        let hint = "say how the destination knows a row, as in `key: {email: email}`";
        diagnostics.push(MISSING_SYNC_KEY.at(written.name.span(), message).hint(hint));
    } else if written.key.is_empty() && written.fields.is_empty() {
        diagnostics
            .push(NO_FIELDS.at(written.name.span(), format!("the sync `{name}` sends no fields")).hint("add `fields`"));
    }
    for (field, _) in written.fields.iter() {
        if let Some((key, _)) = written.key.iter().find(|(key, _)| key.as_str() == field.as_str()) {
            let message = format!("the field `{}` is part of the key already", field.as_str());
            let diagnostic = DUPLICATE_FIELD.at(field.span(), message).label(key.span(), "in the key");
            diagnostics.push(diagnostic.hint("leave it out under `fields`"));
        }
    }
}

fn source(
    written: &ast::Sync,
    entities: &[CheckedEntity<'_>],
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Source> {
    let given: Vec<&Text> = [&written.entity, &written.segment, &written.model].into_iter().flatten().collect();
    match given.as_slice() {
        [_] => {}
        [] => {
            let message = format!("the sync `{}` does not say what it sends", written.name.as_str());
            diagnostics.push(SYNC_ROWS.at(written.name.span(), message).hint("add `entity`, `segment` or `model`"));
            return None;
        }
        [_, second, ..] => {
            let message = "only one of `entity`, `segment` and `model` may stand here";
            diagnostics.push(SYNC_ROWS.at(second.span(), message).hint("a segment says its entity already"));
            return None;
        }
    }
    if let Some(name) = &written.entity {
        let checked = entity(name, entities, tables.parsed, diagnostics)?;
        return Some(profiles(SyncRows::Entity(name.as_str().to_owned()), checked));
    }
    if let Some(name) = &written.segment {
        let segments = &tables.parsed.file.segments;
        let Some(segment) = segments.iter().find(|s| s.name.as_str() == name.as_str()) else {
            diagnostics.extend(segments::unknown(name, segments, tables.parsed));
            return None;
        };
        // An unknown entity is reported where the segment is.
        let checked = entities.iter().find(|e| e.entity.name.as_str() == segment.entity.as_str())?;
        let rows = SyncRows::Segment { segment: name.as_str().to_owned(), entity: segment.entity.as_str().to_owned() };
        return Some(profiles(rows, checked));
    }
    let name = written.model.as_ref()?;
    let Some(table) = tables.list.iter().find(|t| t.is_model && t.name.name == name.as_str()) else {
        if !tables.parsed.hides(name.as_str()) {
            let models = tables.list.iter().filter(|t| t.is_model).map(|t| t.name.name.as_str());
            let hint = did_you_mean(name.as_str(), models).map(|near| format!("did you mean `{near}`?"));
            let is_source = tables.list.iter().any(|t| t.name.to_string() == name.as_str());
            let hint = hint
                .or_else(|| is_source.then(|| "it is a source's table; make a model that selects from it".to_owned()));
            let message = format!("there is no model `{}`", name.as_str());
            diagnostics.push(UNKNOWN_MODEL.at(name.span(), message).hint_opt(hint));
        }
        return None;
    };
    let unique = (!table.unique_key.is_empty()).then(|| vec![table.unique_key.clone()]);
    let rows = SyncRows::Model(table.name.name.clone());
    Some(Source { rows, scope: table.scope(), unique, what: format!("the model `{}`", table.name) })
}

/// Traits, identifiers and `profile_id`.
fn profiles(rows: SyncRows, checked: &CheckedEntity<'_>) -> Source {
    let text = |name: &str| Column { name: name.to_owned(), ty: SqlType::Text };
    let identifiers = checked.identifiers.iter().map(|i| text(&i.name));
    let columns: Vec<Column> =
        checked.traits.columns.columns.iter().cloned().chain(identifiers).chain([text("profile_id")]).collect();
    let unique =
        checked.identifiers.iter().map(|i| vec![i.name.clone()]).chain([vec!["profile_id".to_owned()]]).collect();
    Source {
        rows,
        scope: open_scope(TableSchema { columns }, checked.traits.is_open),
        unique: Some(unique),
        what: format!("the entity `{}`", checked.entity.name.as_str()),
    }
}

fn fields(written: &Map<Sql>, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<(Text, Typed)>> {
    let done: Vec<(Text, Typed)> = written
        .iter()
        .filter_map(|(name, sql)| Some((name.clone(), typed(sql, scope, Context::Scalar, diagnostics)?)))
        .collect();
    (done.len() == written.0.len()).then_some(done)
}

/// Whether the key tells rows apart.
fn unique(written: &ast::Sync, key: &[&Typed], source: &Source, diagnostics: &mut Vec<Diagnostic>) {
    let Some((first, _)) = written.key.iter().next() else { return };
    for ((name, sql), typed) in written.key.iter().zip(key) {
        if matches!(typed.ty, SqlType::List(_) | SqlType::Struct(_)) {
            let message = format!("the key field `{}` is {}", name.as_str(), typed.ty);
            diagnostics.push(FIELD_TYPE.at(sql.span(), message).hint("a key is made of single values"));
        }
    }
    let plain: Vec<&str> = key
        .iter()
        .filter_map(|typed| match &typed.expr {
            Expr::Identifier(ident) => Some(ident.value.as_str()),
            _ => None,
        })
        .collect();
    let covers = |set: &Vec<String>| set.iter().all(|column| plain.contains(&column.as_str()));
    if source.unique.as_ref().is_some_and(|sets| sets.iter().any(covers)) {
        return;
    }
    let is_profiles = !matches!(source.rows, SyncRows::Model(_));
    let coarse = key.iter().all(|typed| typed.columns.is_empty() || typed.ty == SqlType::Boolean);
    let hint = match &source.unique {
        _ if is_profiles => "use an identifier or `profile_id`".to_owned(),
        Some(sets) => format!("use the model's unique key: {}", sets[0].join(", ")),
        None => "declare the model's `unique_key`".to_owned(),
    };
    if coarse || (!is_profiles && source.unique.is_some()) {
        let message = format!("this key does not tell the rows of {} apart", source.what);
        diagnostics.push(KEY_NOT_UNIQUE.at(first.span(), message).hint(hint));
    } else {
        let message = format!("nothing says that this key tells the rows of {} apart", source.what);
        diagnostics.push(KEY_PERHAPS_NOT_UNIQUE.at(first.span(), message).hint(hint));
    }
}

fn guard(written: &ast::Guard, diagnostics: &mut Vec<Diagnostic>) -> Option<Guard> {
    let max_leave =
        written.max_leave.as_ref().map(|scalar| percent(scalar, diagnostics).and_then(|p| basis_points(&p)));
    Some(Guard {
        max_leave_basis_points: max_leave.map_or(Some(None), |m| m.map(Some))?,
        min_rows: written.min_rows.map(|m| m.value),
    })
}

/// Hundredths of a percent; what is finer is cut off.
fn basis_points(digits: &str) -> Option<u32> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part: String = part.chars().chain("00".chars()).take(2).collect();
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    Some(whole * 100 + part.parse::<u32>().ok()?)
}
