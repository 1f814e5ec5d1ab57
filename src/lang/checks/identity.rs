//! Identity: which values point to a profile, and in which tables they stand.
//!
//! Identifiers are listed strongest first. Every entry of `from` says which columns of a table hold which of them; a row that
//! holds two or more links them, and a row that holds one belongs to its profile. An identifier that no entry gives can never
//! have a value.

use std::str::FromStr;

use kinfold_base::{Diagnostic, SqlType};
use kinfold_sql::{Context, Scope};
use sqlparser::ast::Expr;

use super::durations::duration;
use crate::ast::{self, Map, NumberOr, Spanned, Sql, Text, WordOr};
use crate::parse::Parsed;
use crate::project::{Block, Identifier, IdentifierType, Limit, Link, MaxCluster};
use crate::rule::Rule;
use crate::tables::{Tables, near_or_all, typed};

pub(crate) const RULES: &[&Rule] = &[
    &NO_IDENTIFIERS,
    &NO_LINKS,
    &EMPTY_IDS,
    &UNKNOWN_IDENTIFIER,
    &UNUSED_IDENTIFIER,
    &IDENTIFIER_TYPE,
    &BAD_REGEX,
    &ZERO_LIMIT,
    &BAD_MAX_CLUSTER,
    &UNKNOWN_REGION,
];

pub(crate) const NO_IDENTIFIERS: Rule = Rule::error("no-identifiers", "an entity has no identifiers");
pub(crate) const NO_LINKS: Rule = Rule::error("no-links", "an entity says of no table that its rows carry identifiers");
pub(crate) const EMPTY_IDS: Rule = Rule::error("empty-ids", "`ids` names no identifier");
pub(crate) const UNKNOWN_IDENTIFIER: Rule =
    Rule::error("unknown-identifier", "a name is not an identifier of the entity");
pub(crate) const UNUSED_IDENTIFIER: Rule =
    Rule::warning("unused-identifier", "an identifier that no table gives can never have a value");
pub(crate) const IDENTIFIER_TYPE: Rule =
    Rule::error("identifier-type", "an identifier's value is of a type that cannot be written as one text");
pub(crate) const BAD_REGEX: Rule = Rule::error("bad-regex", "a regular expression cannot be read");
pub(crate) const ZERO_LIMIT: Rule = Rule::error("zero-limit", "a limit that no value can keep");
pub(crate) const BAD_MAX_CLUSTER: Rule =
    Rule::error("bad-max-cluster", "a run would fail for a profile before it warns of it");
pub(crate) const UNKNOWN_REGION: Rule =
    Rule::error("unknown-region", "a phone region is not a country's two-letter code");

/// All identifiers, in their order.
pub(crate) fn identifiers(entity: &ast::Entity, parsed: &Parsed, diagnostics: &mut Vec<Diagnostic>) -> Vec<Identifier> {
    let written = &entity.identity.identifiers;
    if written.is_empty() && !parsed.has_gaps {
        let message = format!("the entity `{}` has no identifiers", entity.name.as_str());
        let hint = "list under `identity.identifiers` what points to one, strongest first";
        diagnostics.push(NO_IDENTIFIERS.at(entity.name.span(), message).hint(hint));
    }
    written.iter().map(|i| identifier(i, diagnostics)).collect()
}

fn identifier(written: &ast::Identifier, diagnostics: &mut Vec<Diagnostic>) -> Identifier {
    let name = written.name.as_str();
    let limit = match &written.limit {
        None => None,
        Some(NumberOr::Number(count)) => limit(name, *count, None, diagnostics),
        Some(NumberOr::More(more)) => limit(name, more.count, more.within.as_ref(), diagnostics),
    };
    let shared_above = written.shared_above.and_then(|above| {
        if above.value == 0 {
            let message = format!("with `shared_above: 0` no value of the identifier `{name}` links anything");
            diagnostics.push(ZERO_LIMIT.at(above.span, message).hint("leave it out, or make it 1 or more"));
            return None;
        }
        Some(u32::try_from(above.value).unwrap_or(u32::MAX))
    });
    Identifier {
        name: written.name.as_str().to_owned(),
        ty: identifier_type(written.ty.as_ref(), diagnostics),
        limit,
        shared_above,
        block: written.block.iter().filter_map(|b| block(b, diagnostics)).collect(),
        span: written.name.span(),
    }
}

fn limit(
    identifier: &str,
    count: Spanned<u64>,
    within: Option<&Text>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Limit> {
    let within = match within {
        None => None,
        Some(within) => Some(duration(within, diagnostics)?),
    };
    if count.value == 0 {
        let message = format!("with a limit of 0 no profile can have the identifier `{identifier}`");
        diagnostics.push(ZERO_LIMIT.at(count.span, message).hint("leave the limit out, or make it 1 or more"));
        return None;
    }
    Some(Limit { count: u32::try_from(count.value).unwrap_or(u32::MAX), within })
}

/// When a profile has too many identifiers; a number alone is when to warn.
pub(crate) fn max_cluster(entity: &ast::Entity, diagnostics: &mut Vec<Diagnostic>) -> MaxCluster {
    let (warn, error) = match &entity.identity.max_cluster {
        None => (None, None),
        Some(NumberOr::Number(above)) => (Some(*above), None),
        Some(NumberOr::More(more)) => (more.warn_above, more.error_above),
    };
    for above in [warn, error].into_iter().flatten().filter(|above| above.value == 0) {
        let message = "every profile has more than 0 identifiers";
        diagnostics.push(ZERO_LIMIT.at(above.span, message).hint("leave it out, or make it 1 or more"));
    }
    if let (Some(warn), Some(error)) = (warn, error)
        && warn.value >= error.value
    {
        let message = "`warn_above` is not smaller than `error_above`";
        diagnostics.push(BAD_MAX_CLUSTER.at(warn.span, message).hint("warn of smaller profiles than those that fail"));
    }
    let count = |above: Option<Spanned<u64>>| above.map(|above| u32::try_from(above.value).unwrap_or(u32::MAX));
    MaxCluster { warn_above: count(warn), error_above: count(error) }
}

fn identifier_type(ty: Option<&ast::IdentifierType>, diagnostics: &mut Vec<Diagnostic>) -> IdentifierType {
    match ty {
        None | Some(ast::IdentifierType::Exact) => IdentifierType::Exact,
        Some(ast::IdentifierType::Lower) => IdentifierType::Lower,
        Some(ast::IdentifierType::Digits) => IdentifierType::Digits,
        Some(ast::IdentifierType::Uuid) => IdentifierType::Uuid,
        Some(ast::IdentifierType::Email) => IdentifierType::Email,
        Some(ast::IdentifierType::Phone(options)) => {
            let written = options.as_ref().and_then(|o| o.region.as_ref());
            IdentifierType::Phone { region: written.and_then(|text| region(text, diagnostics)) }
        }
    }
}

fn region(text: &Text, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let code = text.as_str().trim().to_ascii_uppercase();
    if phonenumber::country::Id::from_str(&code).is_ok() {
        return Some(code);
    }
    let message = format!("`{}` is not a region with phone numbers", text.as_str());
    diagnostics
        .push(UNKNOWN_REGION.at(text.span(), message).hint("write a country's two letters, such as TR, DE or US"));
    None
}

fn block(written: &WordOr<ast::Block>, diagnostics: &mut Vec<Diagnostic>) -> Option<Block> {
    match written {
        WordOr::Word(text) => Some(Block::Value(text.as_str().to_owned())),
        WordOr::More(ast::Block::Matches(text)) => match regex::Regex::new(text.as_str()) {
            Ok(_) => Some(Block::Matches(text.as_str().to_owned())),
            Err(error) => {
                // The last line says what is wrong, those before it draw the pattern.
                let error = error.to_string();
                let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                diagnostics.push(BAD_REGEX.at(text.span(), format!("this is not a regular expression: {why}")));
                None
            }
        },
    }
}

/// Which rows carry which identifiers.
pub(crate) fn links(
    entity: &ast::Entity,
    identifiers: &[Identifier],
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Link> {
    let written = &entity.identity.from;
    if written.is_empty() && !tables.parsed.has_gaps {
        let message = format!("no table gives identifiers of the entity `{}`", entity.name.as_str());
        diagnostics
            .push(NO_LINKS.at(entity.name.span(), message).hint("list under `identity.from` where they are seen"));
    }
    let links: Vec<Link> = written.iter().filter_map(|l| link(l, entity, identifiers, tables, diagnostics)).collect();
    if !written.is_empty() && !tables.parsed.has_gaps && !tables.parsed.incomplete {
        let given = |name: &str| written.iter().any(|l| l.ids.iter().any(|(key, _)| key.as_str() == name));
        for identifier in identifiers.iter().filter(|i| !given(&i.name)) {
            let message = format!("no table under `identity.from` gives the identifier `{}`", identifier.name);
            diagnostics.push(UNUSED_IDENTIFIER.at(identifier.span, message).hint("give it under `ids`, or remove it"));
        }
    }
    links
}

fn link(
    written: &ast::Link,
    entity: &ast::Entity,
    identifiers: &[Identifier],
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Link> {
    let table = tables.find(&written.table, diagnostics)?;
    let scope = table.scope();
    let ids = ids(&written.ids, written.table.span(), entity, identifiers, &scope, tables, diagnostics);
    let at = match &written.at {
        Some(at) => Some(typed(at, &scope, Context::Time, diagnostics)?.expr),
        None => table.time.as_deref().map(crate::tables::column_expr),
    };
    Some(Link { table: table.name.clone(), ids: ids?, at, span: written.table.span() })
}

/// Reads `ids`: identifiers by index, ascending, and the SQL that gives them.
pub(crate) fn ids(
    written: &Map<Sql>,
    place: kinfold_base::Span,
    entity: &ast::Entity,
    identifiers: &[Identifier],
    scope: &Scope,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<(usize, Expr)>> {
    if written.is_empty() {
        let hint = "write for example `ids: {email: email}`";
        diagnostics.push(EMPTY_IDS.at(place, "no identifier is named for this table").hint(hint));
        return None;
    }
    let mut found = vec![];
    for (name, sql) in written.iter() {
        let index = identifiers.iter().position(|i| i.name == name.as_str());
        if index.is_none() && !tables.parsed.hides(name.as_str()) {
            let message = format!("`{}` is not an identifier of `{}`", name.as_str(), entity.name.as_str());
            let names: Vec<&str> = identifiers.iter().map(|i| i.name.as_str()).collect();
            let hint = near_or_all(name.as_str(), &names, 50);
            diagnostics.push(UNKNOWN_IDENTIFIER.at(name.span(), message).hint_opt(hint));
        }
        let Some(value) = typed(sql, scope, Context::Scalar, diagnostics) else { continue };
        if matches!(value.ty, SqlType::List(_) | SqlType::Struct(_) | SqlType::Binary | SqlType::Interval) {
            let message = format!("the identifier `{}` is {} here", name.as_str(), value.ty);
            diagnostics.push(IDENTIFIER_TYPE.at(sql.span(), message).hint("give a single text or number"));
            continue;
        }
        if value.ty == SqlType::Float || matches!(value.ty, SqlType::Decimal { scale, .. } if scale > 0) {
            let message = format!("the identifier `{}` is a number with a fraction here", name.as_str());
            let hint = format!("42 would be written as 42.0; cast it: `cast({} as bigint)`", sql.0.text.trim());
            diagnostics.push(IDENTIFIER_TYPE.at(sql.span(), message).hint(hint));
            continue;
        }
        found.extend(index.map(|i| (i, value.expr)));
    }
    found.sort_by_key(|(index, _)| *index);
    (found.len() == written.0.len()).then_some(found)
}
