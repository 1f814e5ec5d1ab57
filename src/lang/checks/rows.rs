//! Rows of a table that belong to a profile, for traits and conditions.
//!
//! Which profile a row belongs to is known for the tables under `identity.from`, and for models that pass the identifiers of such
//! a table through unchanged, unless they pass those of two rows through: of two tables, or of one joined with itself. For any
//! other table the trait or condition says it with `ids`. The same goes for the time of a row, which `within` and `between` need:
//! it is `at`, else the `at` under `identity.from`, else the table's `time`.

use std::ops::ControlFlow;

use kinfold_base::{Diagnostic, Span};
use kinfold_sql::{Context, Unchanged, each_expr_mut};
use sqlparser::ast::Expr;

use super::durations::{duration, instant};
use super::identity::ids;
use crate::ast::{self, Between, Map, Sql, Text};
use crate::project::{Identifier, Link, RowSet, Window};
use crate::rule::Rule;
use crate::tables::{Table, Tables, column_expr, from_ref, typed};

pub(crate) const RULES: &[&Rule] = &[&NO_IDS, &NO_TIME, &REVERSED_BOUNDS, &WITHIN_AND_BETWEEN, &EMPTY_BETWEEN];

pub(crate) const NO_IDS: Rule = Rule::error("no-ids", "nothing says to which profile the rows of a table belong");
pub(crate) const NO_TIME: Rule = Rule::error("no-time", "a time is needed, but nothing says when rows came about");
pub(crate) const REVERSED_BOUNDS: Rule = Rule::error("reversed-bounds", "the lower bound lies above the upper one");
pub(crate) const WITHIN_AND_BETWEEN: Rule =
    Rule::error("within-and-between", "`within` and `between` are given together");
pub(crate) const EMPTY_BETWEEN: Rule = Rule::error("empty-between", "`between` has neither `from` nor `to`");

/// An entity, as far as it has been checked.
pub(crate) struct Profiles<'a> {
    pub(crate) entity: &'a ast::Entity,
    pub(crate) identifiers: &'a [Identifier],
    pub(crate) links: &'a [Link],
}

/// What the author wrote of some rows.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) table: &'a Text,
    pub(crate) filter: Option<&'a Sql>,
    pub(crate) within: Option<&'a Text>,
    pub(crate) between: Option<&'a Between>,
    pub(crate) ids: Option<&'a Map<Sql>>,
    pub(crate) at: Option<&'a Sql>,
}

/// How rows are found: whose they are, and when they came about.
pub(crate) struct Found {
    pub(crate) ids: Vec<(usize, Expr)>,
    /// As in [`RowSet::own_ids`].
    pub(crate) own_ids: bool,
    pub(crate) time: Option<Expr>,
}

/// Resolves some rows. `needs_time` names what needs their time besides a window.
pub(crate) fn row_set(
    written: Written<'_>,
    needs_time: Option<&str>,
    profiles: &Profiles<'_>,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<RowSet> {
    let window = window(written, diagnostics);
    let table = tables.find(written.table, diagnostics)?;
    let filter = match written.filter {
        Some(sql) => typed(sql, &table.scope(), Context::Condition, diagnostics).map(|t| Some(t.expr)),
        None => Some(None),
    };
    let found = find(table, written.table.span(), written.ids, written.at, profiles, tables, diagnostics);
    let needs_time = match window {
        Some(Window::Within(_)) => Some("`within`"),
        Some(Window::Between { .. }) => Some("`between`"),
        _ => needs_time,
    };
    let found = found?;
    if let Some(what) = needs_time {
        require_time(&found, table, written.table.span(), what, diagnostics)?;
    }
    let time = found.time.filter(|_| needs_time.is_some());
    Some(RowSet {
        table: table.name.clone(),
        ids: found.ids,
        own_ids: found.own_ids,
        time,
        filter: filter?,
        window: window?,
    })
}

/// Whose the rows of a table are, and when they came about; given, or as under `identity.from`.
pub(crate) fn find(
    table: &Table,
    place: Span,
    written_ids: Option<&Map<Sql>>,
    at: Option<&Sql>,
    profiles: &Profiles<'_>,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Found> {
    let scope = table.scope();
    let mut inherited = inherited(table, profiles.links, tables);
    let time = match at {
        Some(sql) => Some(typed(sql, &scope, Context::Time, diagnostics)?.expr),
        None => inherited.time.take(),
    };
    let ids = match written_ids {
        Some(map) => ids(map, place, profiles.entity, profiles.identifiers, &scope, tables, diagnostics)?,
        None => inherited.ids.clone(),
    };
    if !ids.is_empty() {
        return Some(Found { own_ids: written_ids.is_some() && ids != inherited.ids, ids, time });
    }
    // A table without known columns, or an entity that was only half understood, is nobody's fault here.
    let links_are_whole = profiles.links.len() == profiles.entity.identity.from.len() && !tables.parsed.has_gaps;
    if table.is_whole && links_are_whole && !tables.parsed.incomplete {
        let message =
            format!("nothing says to which {} a row of `{}` belongs", profiles.entity.name.as_str(), table.name);
        let first = profiles.identifiers.first().map_or("email", |i| i.name.as_str());
        let hint = if table.is_model {
            format!(
                "select the identifier columns of one table in `from` unchanged in the model, or say it here: `ids: {{{first}: …}}`"
            )
        } else {
            format!("list the table under `identity.from`, or say it here: `ids: {{{first}: …}}`")
        };
        diagnostics.push(NO_IDS.at(place, message).hint(hint));
    }
    None
}

/// Reports that the rows have no time, if they have none.
pub(crate) fn require_time(
    found: &Found,
    table: &Table,
    place: Span,
    what: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<()> {
    if found.time.is_some() {
        return Some(());
    }
    if !table.is_whole {
        return None;
    }
    let message = format!("{what} needs to know when a row of `{}` came about", table.name);
    let hint = "give the table a `time` column, or say it here: `at: …`";
    diagnostics.push(NO_TIME.at(place, message).hint(hint));
    None
}

fn window(written: Written<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Window> {
    match (written.within, written.between) {
        (None, None) => Some(Window::Always),
        (Some(within), None) => duration(within, diagnostics).map(Window::Within),
        (Some(within), Some(_)) => {
            let message = "`within` and `between` cannot stand together";
            diagnostics.push(WITHIN_AND_BETWEEN.at(within.span(), message).hint("leave one of them out"));
            None
        }
        (None, Some(Between { from: None, to: None })) => {
            let message = "`between` says neither `from` nor `to`";
            diagnostics.push(EMPTY_BETWEEN.at(written.table.span(), message));
            None
        }
        (None, Some(Between { from, to })) => {
            let lower = from.as_ref().map(|text| instant(text, diagnostics));
            let upper = to.as_ref().map(|text| instant(text, diagnostics));
            if let (Some(Some(lower)), Some(Some(upper)), Some(place)) = (lower, upper, from)
                && lower >= upper
            {
                let message = "`from` does not lie before `to`";
                diagnostics.push(REVERSED_BOUNDS.at(place.span(), message).hint("exchange them"));
                return None;
            }
            let flat = |bound: Option<Option<_>>| bound.map_or(Some(None), |b| b.map(Some));
            Some(Window::Between { from: flat(lower)?, to: flat(upper)? })
        }
    }
}

/// What `identity.from` says of a table's rows, or of the rows that a model passes through.
fn inherited(table: &Table, links: &[Link], tables: &Tables<'_>) -> Found {
    let mut found = Found { ids: vec![], own_ids: false, time: None };
    for link in links.iter().filter(|l| l.table == table.name) {
        merge(&mut found.ids, &link.ids);
        found.time = found.time.take().or_else(|| link.at.clone());
    }
    let own_time = table.time.as_deref().map(column_expr);
    if !found.ids.is_empty() || !table.is_model {
        found.ids.sort_by_key(|(index, _)| *index);
        return Found { time: found.time.or(own_time), ..found };
    }
    let mut seen = vec![];
    for unchanged in table.origins.iter().flatten() {
        let from = (&unchanged.origin.table, unchanged.occurrence);
        if seen.contains(&from) {
            continue;
        }
        seen.push(from);
        // A model reads only models before it, so this ends.
        let Some(below) = tables.get(&from_ref(from.0)).filter(|t| t.name != table.name) else { continue };
        let below = inherited(below, links, tables);
        let passed: Vec<(usize, Expr)> =
            below.ids.iter().filter_map(|(index, expr)| Some((*index, carry(expr, table, unchanged)?))).collect();
        if passed.is_empty() {
            continue;
        }
        if !found.ids.is_empty() {
            // The identifiers of two rows: nobody but the author can say whose the joined one is.
            return Found { ids: vec![], own_ids: false, time: own_time };
        }
        let time = below.time.as_ref().and_then(|time| carry(time, table, unchanged));
        found = Found { ids: passed, own_ids: false, time };
    }
    found.ids.sort_by_key(|(index, _)| *index);
    Found { time: own_time.or(found.time), ..found }
}

fn merge(ids: &mut Vec<(usize, Expr)>, more: &[(usize, Expr)]) {
    for (index, expr) in more {
        if !ids.iter().any(|(i, _)| i == index) {
            ids.push((*index, expr.clone()));
        }
    }
}

/// An expression over a table, as one over the model that passes the columns of the table's row through; `None` if it lacks one of
/// them.
fn carry(expr: &Expr, model: &Table, through: &Unchanged) -> Option<Expr> {
    let schema = model.schema.as_ref()?;
    let renamed = |name: &str| {
        let passes = |o: &Option<Unchanged>| {
            o.as_ref().is_some_and(|o| o.occurrence == through.occurrence && o.origin.column == name)
        };
        model.origins.iter().position(passes).and_then(|i| schema.columns.get(i)).map(|c| c.name.clone())
    };
    let mut expr = expr.clone();
    let flow = each_expr_mut(&mut expr, |part| match part {
        Expr::Identifier(ident) => match renamed(&ident.value) {
            Some(name) => {
                *part = column_expr(&name);
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        },
        _ => ControlFlow::Continue(()),
    });
    flow.is_continue().then_some(expr)
}
