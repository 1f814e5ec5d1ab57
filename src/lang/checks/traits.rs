//! Traits: the columns of a profile.
//!
//! A trait has exactly one of `aggregate` (computed over a profile's rows in one table), `pick` (one of the values that tables
//! have) and `expression` (SQL over other traits, in any order, but not in a circle). A trait must not be called like an
//! identifier, because syncs find both under their names. Durations and times of day cannot be traits: no table holds them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use kinfold_base::{Column, Diagnostic, SourceText, SqlType, TableSchema};
use kinfold_sql::{AggregateValue as SqlValue, Context, common_type, each_expr, parse_expr, type_aggregate, type_expr};
use sqlparser::ast::Expr;

use super::literals::{TYPE_MISMATCH, literal};
use super::rows::{Profiles, Written, find, require_time, row_set};
use crate::ast::{self, Aggregate, Pick, Scalar, WordOr};
use crate::order::order;
use crate::project::{AggregateValue, Keep, Literal, PickSource, Trait, TraitBody};
use crate::rule::Rule;
use crate::tables::{Tables, column, column_expr, open_scope, typed};

pub(crate) const RULES: &[&Rule] =
    &[&TRAIT_BODY, &TRAIT_CYCLE, &TRAIT_SHADOWS_IDENTIFIER, &TRAIT_TYPE, &PICK_SOURCE, &EMPTY_PICK, &PICK_TYPES];

pub(crate) const TRAIT_BODY: Rule =
    Rule::error("trait-body", "a trait has none, or several, of `aggregate`, `pick` and `expression`");
pub(crate) const TRAIT_CYCLE: Rule = Rule::error("trait-cycle", "traits refer to each other in a circle");
pub(crate) const TRAIT_SHADOWS_IDENTIFIER: Rule =
    Rule::error("trait-shadows-identifier", "a trait has the name of an identifier");
pub(crate) const TRAIT_TYPE: Rule = Rule::error("trait-type", "a trait is of a type that no table can hold");
pub(crate) const PICK_SOURCE: Rule = Rule::error("pick-source", "what to pick from is not written as `table.column`");
pub(crate) const EMPTY_PICK: Rule = Rule::error("empty-pick", "a pick names nothing to pick from");
pub(crate) const PICK_TYPES: Rule =
    Rule::error("pick-types", "a pick is made from columns of types that do not go together");

/// What is known of an entity's traits.
pub(crate) struct Traits {
    /// Each after the traits that it refers to.
    pub(crate) done: Vec<Trait>,
    /// Every trait that there is; those in which something is wrong are of unknown type.
    pub(crate) columns: TableSchema,
    /// Traits were left out, so that any name may be one.
    pub(crate) is_open: bool,
}

/// Types all traits of an entity.
pub(crate) fn check(profiles: &Profiles<'_>, tables: &Tables<'_>, diagnostics: &mut Vec<Diagnostic>) -> Traits {
    let written = &profiles.entity.traits;
    let expressions: Vec<Option<Expr>> =
        written.iter().map(|t| t.expression.as_ref().and_then(|sql| parse_expr(&sql.0, diagnostics))).collect();
    let needs: Vec<Vec<usize>> = expressions
        .iter()
        .map(|expr| {
            let names = expr.as_ref().map(names_in).unwrap_or_default();
            (0..written.len()).filter(|i| names.contains(&written[*i].name.as_str().to_ascii_lowercase())).collect()
        })
        .collect();
    let (sequence, cycles) = order(&needs);
    for cycle in &cycles {
        let path: Vec<&str> = cycle.iter().chain(cycle.first()).map(|i| written[*i].name.as_str()).collect();
        let place = written[cycle[0]].name.span();
        diagnostics
            .push(TRAIT_CYCLE.at(place, format!("traits refer to each other in a circle: {}", path.join(" → "))));
    }
    let stuck: BTreeSet<usize> = cycles.iter().flatten().copied().collect();
    let mut traits = Traits { done: vec![], columns: TableSchema::default(), is_open: tables.parsed.incomplete };
    for name in &tables.parsed.dropped {
        traits.columns.columns.push(Column { name: name.clone(), ty: SqlType::Unknown });
    }
    for i in &stuck {
        traits.columns.columns.push(Column { name: written[*i].name.as_str().to_owned(), ty: SqlType::Unknown });
    }
    // Expressions see only what they refer to, which comes before them; for the hints they see all the others as well.
    let all: Vec<&str> = written.iter().map(|t| t.name.as_str()).collect();
    for i in sequence {
        if stuck.contains(&i) {
            continue;
        }
        let name = written[i].name.as_str();
        let done = one(&written[i], expressions[i].as_ref(), &traits, &all, profiles, tables, diagnostics);
        let ty = done.as_ref().map_or(SqlType::Unknown, |t| t.ty.clone());
        traits.columns.columns.push(Column { name: name.to_owned(), ty });
        traits.done.extend(done);
    }
    traits
}

fn one(
    written: &ast::Trait,
    expression: Option<&Expr>,
    before: &Traits,
    all: &[&str],
    profiles: &Profiles<'_>,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Trait> {
    let name = written.name.as_str();
    if let Some(identifier) = profiles.identifiers.iter().find(|i| i.name.eq_ignore_ascii_case(name)) {
        let message = format!("the trait `{name}` has the name of an identifier");
        let diagnostic =
            TRAIT_SHADOWS_IDENTIFIER.at(written.name.span(), message).label(identifier.span, "the identifier");
        diagnostics.push(diagnostic.hint("give the trait another name; syncs can use the identifier as it is"));
    }
    let bodies = [written.aggregate.is_some(), written.pick.is_some(), written.expression.is_some()];
    if bodies.iter().filter(|b| **b).count() != 1 {
        let message = if bodies.contains(&true) {
            format!("the trait `{name}` has several of `aggregate`, `pick` and `expression`")
        } else {
            format!("the trait `{name}` has none of `aggregate`, `pick` and `expression`")
        };
        diagnostics.push(TRAIT_BODY.at(written.name.span(), message).hint("give it exactly one of them"));
    }
    let body = if let Some(aggregate) = &written.aggregate {
        self::aggregate(aggregate, profiles, tables, diagnostics)
    } else if let Some(pick) = &written.pick {
        self::pick(pick, written, profiles, tables, diagnostics)
    } else {
        let (sql, expr) = (written.expression.as_ref()?, expression?);
        let mut columns = before.columns.clone();
        let later = all
            .iter()
            .filter(|n| columns.column(n).is_none())
            .map(|n| Column { name: (*n).to_owned(), ty: SqlType::Unknown });
        let later: Vec<Column> = later.collect();
        columns.columns.extend(later);
        let scope = open_scope(columns, before.is_open);
        type_expr(&sql.0, expr, &scope, Context::Scalar, diagnostics).map(|t| (TraitBody::Expression(t.expr), t.ty))
    };
    let what = format!("the trait `{name}`");
    let ty = body.as_ref().map_or(SqlType::Unknown, |(_, ty)| ty.clone());
    let default = written.default.as_ref().map(|d| self::default(d, &ty, &what, diagnostics));
    if bodies.iter().filter(|b| **b).count() != 1 {
        return None;
    }
    let (body, ty) = body?;
    let hint = match &ty {
        SqlType::Interval => Some("take its seconds: `date_part('epoch', …)`"),
        SqlType::Time => Some("cast it: `cast(… as text)`"),
        _ => None,
    };
    if let Some(hint) = hint {
        let message = format!("{what} is {ty}, which a table cannot hold");
        diagnostics.push(TRAIT_TYPE.at(written.name.span(), message).hint(hint));
        return None;
    }
    let default = default.map_or(Some(None), |d| d.map(Some))?;
    Some(Trait { name: name.to_owned(), ty, default, body, span: written.name.span() })
}

/// Reads a default, which must not change the trait's type.
fn default(scalar: &Scalar, ty: &SqlType, what: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Literal> {
    match literal(scalar, ty, what, diagnostics)? {
        Literal::Decimal(_) if *ty == SqlType::Integer => {
            let message = format!("{what} is {ty}, but this is not");
            let hint = "write a whole number, or cast the value: `cast(… as double)`";
            diagnostics.push(TYPE_MISMATCH.at(scalar.span(), message).hint(hint));
            None
        }
        default => Some(default),
    }
}

fn aggregate(
    written: &Aggregate,
    profiles: &Profiles<'_>,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(TraitBody, SqlType)> {
    let value = parse_expr(&written.value.0, diagnostics);
    let mut silent = vec![];
    let value = tables
        .find(&written.table, &mut silent)
        .and_then(|table| type_aggregate(&written.value.0, value.as_ref()?, &table.scope(), diagnostics));
    let needs_time = value.as_ref().is_some_and(|v| v.needs_time).then_some("`first` or `last`");
    let rows = Written {
        table: &written.table,
        filter: written.filter.as_ref(),
        within: written.within.as_ref(),
        between: written.between.as_ref(),
        ids: written.ids.as_ref(),
        at: written.at.as_ref(),
    };
    let rows = row_set(rows, needs_time, profiles, tables, diagnostics)?;
    let value = value?;
    let body = match value.value {
        SqlValue::Plain(expr) => AggregateValue::Plain { expr, arguments: value.arguments },
        SqlValue::MostFrequent(expr) => AggregateValue::MostFrequent(expr),
        SqlValue::Top { value, count } => AggregateValue::Top { value, count },
    };
    Some((TraitBody::Aggregate { rows, value: body }, value.ty))
}

fn pick(
    written: &Pick,
    owner: &ast::Trait,
    profiles: &Profiles<'_>,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(TraitBody, SqlType)> {
    if written.from.is_empty() {
        if tables.parsed.has_gaps {
            return None;
        }
        let message = format!("the trait `{}` names nothing to pick from", owner.name.as_str());
        diagnostics.push(EMPTY_PICK.at(owner.name.span(), message).hint("list columns as `table.column`"));
        return None;
    }
    let keep = match written.keep {
        ast::Keep::MostRecent => Keep::MostRecent,
        ast::Keep::Oldest => Keep::Oldest,
        ast::Keep::MostFrequent => Keep::MostFrequent,
        ast::Keep::SourceOrder => Keep::SourceOrder,
    };
    let mut sources = vec![];
    let mut ty: Option<SqlType> = None;
    let mut whole = true;
    for from in &written.from {
        let Some((source, own, place)) = pick_source(from, keep, profiles, tables, diagnostics) else {
            whole = false;
            continue;
        };
        match ty.take() {
            Some(so_far) if !so_far.is_comparable_with(&own) => {
                let message = format!("this is {own}, but what stands before it is {so_far}");
                diagnostics
                    .push(PICK_TYPES.at(place, message).hint("cast one of them: `{table: …, value: cast(… as …)}`"));
                whole = false;
                ty = Some(so_far);
            }
            Some(so_far) => ty = Some(wider(so_far, own)),
            None => ty = Some(own),
        }
        sources.push(source);
    }
    whole.then_some((TraitBody::Pick { from: sources, keep }, ty?))
}

fn pick_source(
    written: &WordOr<ast::PickFrom>,
    keep: Keep,
    profiles: &Profiles<'_>,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(PickSource, SqlType, kinfold_base::Span)> {
    let (table, value, ty, ids, at, place) = match written {
        WordOr::Word(text) => {
            let Some(dot) = text.as_str().rfind('.') else {
                let message = format!("`{}` is not a table's column", text.as_str());
                diagnostics.push(
                    PICK_SOURCE.at(text.span(), message).hint("write `table.column`, as in `crm.contacts.email`"),
                );
                return None;
            };
            let part = |from: usize, to: usize| {
                let span = text.0.span_of(from..to);
                SourceText::new(&text.as_str()[from..to], span, vec![])
            };
            let table_text = ast::Text(part(0, dot));
            let table = tables.find(&table_text, diagnostics)?;
            let name = column(table.schema.as_ref(), &part(dot + 1, text.as_str().len()), diagnostics)?;
            let ty = table.schema.as_ref().and_then(|s| s.column(&name)).map_or(SqlType::Unknown, |c| c.ty.clone());
            (table, column_expr(&name), ty, None, None, text.span())
        }
        WordOr::More(from) => {
            let table = tables.find(&from.table, diagnostics)?;
            let value = typed(&from.value, &table.scope(), Context::Scalar, diagnostics)?;
            (table, value.expr, value.ty, from.ids.as_ref(), from.at.as_ref(), from.value.span())
        }
    };
    let found = find(table, place, ids, at, profiles, tables, diagnostics)?;
    let what = match keep {
        Keep::MostRecent => Some("`keep: most_recent`"),
        Keep::Oldest => Some("`keep: oldest`"),
        Keep::MostFrequent | Keep::SourceOrder => None,
    };
    if let Some(what) = what {
        require_time(&found, table, place, what, diagnostics)?;
    }
    let at = found.time.filter(|_| keep != Keep::MostFrequent);
    let source = PickSource { table: table.name.clone(), ids: found.ids, own_ids: found.own_ids, value, at };
    Some((source, ty, place))
}

/// The type that holds the values of both, as the engine has it.
fn wider(a: SqlType, b: SqlType) -> SqlType {
    match (a, b) {
        (a, b) if b.is_open() => a,
        (a, b) if a.is_open() => b,
        (a, b) => common_type(&[a, b]).unwrap_or(SqlType::Unknown),
    }
}

/// The first part of every name in an expression, in lower case.
fn names_in(expr: &Expr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let _ = each_expr(expr, |part| {
        let ident = match part {
            Expr::Identifier(ident) => Some(ident),
            Expr::CompoundIdentifier(idents) => idents.first(),
            _ => None,
        };
        names.extend(ident.map(|i| i.value.to_ascii_lowercase()));
        ControlFlow::Continue(())
    });
    names
}
