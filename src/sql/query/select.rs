//! One `select`.

use std::rc::Rc;

use kinfold_base::{Diagnostic, Span};
use sqlparser::ast::{
    AccessExpr, Distinct, Expr, GroupByExpr, Ident, NamedWindowExpr, OrderBy, OrderByKind, Select, SelectFlavor,
    SelectItem, Subscript, WildcardAdditionalOptions,
};
use sqlparser::tokenizer::Span as SqlSpan;

use super::grouping::{bare, has_aggregate};
use super::{Columns, Naming, defined};
use crate::typer::{Aliases, Allow, Col, Lookup, Typer, call_name, quoted, text_literal};

/// One column of a select list, resolved.
pub(super) struct Item {
    pub(super) col: Col,
    pub(super) expr: Expr,
    pub(super) span: Span,
}

impl Typer<'_> {
    /// Types a select and the `order by` that follows it.
    pub(super) fn select(&mut self, select: &mut Select, order_by: Option<&mut OrderBy>, naming: Naming) -> Columns {
        let (aggregates, flow) = (std::mem::take(&mut self.aggregates), std::mem::take(&mut self.flow));
        let windows = std::mem::take(&mut self.windows);
        self.refuse_select_clauses(select);
        let frame = self.from(&mut select.from);
        self.frames.push(frame);
        let columns = self.clauses(select, order_by, naming);
        self.frames.pop();
        (self.aggregates, self.flow, self.windows) = (aggregates, flow, windows);
        columns
    }

    fn refuse_select_clauses(&mut self, select: &mut Select) {
        let clause = if select.top.is_some() {
            "`top` is not known here; write `limit`"
        } else if !select.lateral_views.is_empty() {
            "`lateral view` is not known here; write `unnest(…)`"
        } else if select.into.is_some() {
            "a query may only read; Kinfold itself makes the table"
        } else if select.prewhere.is_some()
            || !select.connect_by.is_empty()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.sort_by.is_empty()
            || select.value_table_mode.is_some()
            || select.select_modifiers.is_some()
            || select.exclude.is_some()
        {
            "the engine does not know a clause of this `select`"
        } else {
            match select.flavor {
                SelectFlavor::FromFirstNoSelect => {
                    select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
                }
                _ if select.projection.is_empty() => {
                    self.unsupported(&*select, "this `select` has no columns");
                    return;
                }
                _ => {}
            }
            select.flavor = SelectFlavor::Standard;
            select.optimizer_hints.clear();
            return;
        };
        self.unsupported(&*select, clause);
    }

    fn clauses(&mut self, select: &mut Select, order_by: Option<&mut OrderBy>, naming: Naming) -> Columns {
        if let Some(condition) = &mut select.selection {
            let allow = Allow { subqueries: true, predicates: true, ..Allow::scalar("`where`") };
            self.within(allow, |typer| typer.condition(condition));
        }
        let full = Allow { aggregates: true, windows: true, subqueries: true, ..Allow::scalar("a select list") };
        for window in &mut select.named_window {
            self.windows.push(window.0.value.clone());
            match &mut window.1 {
                NamedWindowExpr::WindowSpec(spec) => self.within(full, |typer| typer.window(spec)),
                NamedWindowExpr::NamedWindow(name) => {
                    let span = self.report.place(name.span);
                    let message = "a window cannot be built on another one here";
                    self.report.push(Diagnostic::error("sql-unsupported", span, message));
                }
            }
        }
        let items = self.projection(select, Allow { unnest: true, ..full }, naming)?;
        let count = items.len();
        self.show_aliases(&items, Aliases::Last);
        let groups = self.group_by(&mut select.group_by, &items);
        if let Some(having) = &mut select.having {
            let allow = Allow { place: "`having`", windows: false, predicates: true, ..full };
            self.within(allow, |typer| typer.condition(having));
        }
        if let Some(qualify) = &mut select.qualify {
            self.within(Allow { place: "`qualify`", predicates: true, ..full }, |typer| typer.condition(qualify));
        }
        self.show_aliases(&items, Aliases::First);
        if let Some(Distinct::On(exprs)) = &mut select.distinct {
            for expr in exprs {
                let when = if matches!(expr, Expr::Identifier(_)) { Aliases::First } else { Aliases::Last };
                self.show_aliases(&items, when);
                self.within(Allow { place: "`distinct on`", ..full }, |typer| typer.expr(expr));
            }
            self.show_aliases(&items, Aliases::First);
        }
        let mut orders: Vec<Expr> = vec![];
        if let Some(order_by) = order_by {
            self.order_by(order_by, count, Allow { place: "`order by`", ..full });
            if let OrderByKind::Expressions(exprs) = &order_by.kind {
                orders = exprs.iter().map(|o| o.expr.clone()).collect();
            }
        }
        self.show_aliases(&[], Aliases::Hidden);
        if !self.report.failed {
            self.check_groups(select, &items, groups, &orders);
            if matches!(select.distinct, Some(Distinct::Distinct)) {
                self.check_distinct_order(&items, &orders);
            }
        }
        Some(items.into_iter().map(|item| item.col).collect())
    }

    fn show_aliases(&mut self, items: &[Item], when: Aliases) {
        if let Some(frame) = self.frames.last_mut() {
            frame.aliases = items.iter().map(|i| i.col.clone()).collect();
            frame.when = when;
        }
    }

    fn check_groups(&mut self, select: &Select, items: &[Item], groups: Option<Vec<Expr>>, orders: &[Expr]) {
        // `group by all`: whatever is no aggregate.
        let groups = groups
            .unwrap_or_else(|| items.iter().filter(|i| !has_aggregate(&i.expr)).map(|i| i.expr.clone()).collect());
        let Some(frame) = self.frames.last().cloned() else { return };
        if groups.is_empty() && self.aggregates == 0 {
            if let Some(having) = &select.having {
                let span = self.report.span(having);
                self.report.push(
                    Diagnostic::error("ungrouped-column", span, "`having` is for groups, and there are none")
                        .hint("use `where`"),
                );
            }
            return;
        }
        let all = items.iter().map(|i| &i.expr).chain(select.having.as_ref()).chain(orders);
        for expr in all {
            self.check_grouped(expr, &groups, &frame);
        }
    }

    fn check_distinct_order(&mut self, items: &[Item], orders: &[Expr]) {
        for order in orders {
            let selected = match bare(order) {
                Expr::Identifier(_) | Expr::Value(_) => true,
                // The engine finds columns again, but not what is made of them.
                other @ Expr::CompoundIdentifier(_) => items.iter().any(|i| bare(&i.expr) == other),
                _ => false,
            };
            if !selected {
                let span = self.report.span(order);
                self.report.push(
                    Diagnostic::error(
                        "order-not-selected",
                        span,
                        "`select distinct` can be ordered by what it selects only",
                    )
                    .hint("select it under a name and order by that name, or group by instead"),
                );
            }
        }
    }

    /// What is grouped by, resolved; `None` for `group by all`.
    fn group_by(&mut self, group_by: &mut GroupByExpr, items: &[Item]) -> Option<Vec<Expr>> {
        let GroupByExpr::Expressions(exprs, modifiers) = group_by else { return None };
        if let [modifier, ..] = modifiers.as_slice() {
            let message = format!("the engine does not know `{modifier}`");
            let at = exprs.first().cloned();
            match at {
                Some(at) => self.unsupported(&at, message),
                None => self.unsupported(&Expr::Tuple(vec![]), message),
            };
        }
        let mut groups = vec![];
        for expr in exprs {
            match expr {
                Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => {
                    for expr in sets.iter_mut().flatten() {
                        self.group(expr, items, &mut groups);
                    }
                }
                expr => self.group(expr, items, &mut groups),
            }
        }
        Some(groups)
    }

    fn group(&mut self, expr: &mut Expr, items: &[Item], groups: &mut Vec<Expr>) {
        if let Some(index) = self.ordinal(expr, items.len()) {
            groups.extend(items.get(index).map(|i| i.expr.clone()));
            return;
        }
        let allow = Allow { subqueries: false, ..Allow::scalar("`group by`") };
        self.within(allow, |typer| typer.expr(expr));
        if let Expr::Identifier(ident) = &*expr
            && let Some(item) = items.iter().find(|i| i.col.name == ident.value)
        {
            if has_aggregate(&item.expr) {
                let span = self.report.place(ident.span);
                let message = format!("`{}` is an aggregate, so nothing can be grouped by it", ident.value);
                self.report.push(Diagnostic::error("misplaced-aggregate", span, message));
            }
            groups.push(item.expr.clone());
        }
        groups.push(expr.clone());
    }

    /// Types the select list and writes `*` out. `None` if columns behind a `*` are not known.
    fn projection(&mut self, select: &mut Select, allow: Allow, naming: Naming) -> Option<Vec<Item>> {
        let mut items: Vec<Item> = vec![];
        let mut out = vec![];
        let mut known = true;
        for selected in std::mem::take(&mut select.projection) {
            match selected {
                SelectItem::UnnamedExpr(mut expr) => {
                    let item = self.item(&mut expr, None, allow, naming, items.len());
                    out.push(output(&item, naming));
                    items.push(item);
                }
                SelectItem::ExprWithAlias { mut expr, alias } => {
                    let item = self.item(&mut expr, Some(&alias), allow, naming, items.len());
                    let alias = quoted(item.col.name.clone(), alias.span);
                    out.push(SelectItem::ExprWithAlias { expr: item.expr.clone(), alias });
                    items.push(item);
                }
                SelectItem::ExprWithAliases { expr, .. } => {
                    self.unsupported(&expr, "the engine gives one name to one column");
                    known = false;
                }
                SelectItem::Wildcard(options) => {
                    let rows = self.frames.last().map(|f| f.rows.clone()).unwrap_or_default();
                    if rows.is_empty() {
                        let span = self.report.place(options.wildcard_token.0.span);
                        self.report.push(Diagnostic::error(
                            "unknown-column",
                            span,
                            "`*` stands for nothing without `from`",
                        ));
                    }
                    let expanded = self.wildcard(&rows, options, true, allow);
                    known &= expanded.is_some();
                    for item in expanded.into_iter().flatten() {
                        out.push(output(&item, Naming::Inner));
                        items.push(item);
                    }
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    let rows = self.wildcard_rows(&kind);
                    let expanded = rows.and_then(|rows| self.wildcard(&[rows], options, false, allow));
                    known &= expanded.is_some();
                    for item in expanded.into_iter().flatten() {
                        out.push(output(&item, Naming::Inner));
                        items.push(item);
                    }
                }
            }
        }
        select.projection = out;
        if naming != Naming::Free {
            self.check_duplicates(&items);
        }
        known.then_some(items)
    }

    fn check_duplicates(&mut self, items: &[Item]) {
        for (index, item) in items.iter().enumerate() {
            let earlier = items[..index].iter().find(|i| i.col.name == item.col.name);
            if let Some(earlier) = earlier {
                let message = format!("there are two columns called `{}`", item.col.name);
                let mut diagnostic = Diagnostic::error("duplicate-column", item.span, message)
                    .hint("give one another name with `as`, or leave it out: `* exclude (…)`");
                if earlier.span != item.span {
                    diagnostic = diagnostic.label(earlier.span, "the other one");
                }
                self.report.push(diagnostic);
                return;
            }
        }
    }

    pub(super) fn item(
        &mut self,
        expr: &mut Expr,
        alias: Option<&Ident>,
        allow: Allow,
        naming: Naming,
        index: usize,
    ) -> Item {
        let plain = self.plain_column(expr);
        let span = alias.map_or_else(|| self.report.span(expr), |a| self.report.place(a.span));
        self.flow.clear();
        let ty = self.within(allow, |typer| typer.expr(expr));
        let inputs = Rc::new(std::mem::take(&mut self.flow));
        let name = match alias {
            Some(alias) => defined(alias),
            None => match (plain.as_ref().map(|c| c.name.clone()).or_else(|| column_name(expr)), naming) {
                (Some(name), _) => name,
                (None, Naming::Table) => {
                    let diagnostic = Diagnostic::error("unnamed-column", span, "this column has no name");
                    self.report.push(diagnostic.hint("give it one: `… as total`"));
                    format!("column{}", index + 1)
                }
                (None, _) => call_of(expr).unwrap_or_else(|| format!("column{}", index + 1)),
            },
        };
        let origin = plain.and_then(|c| c.origin);
        Item { col: Col { name, ty, origin, inputs }, expr: expr.clone(), span }
    }

    /// The column that a plain name means.
    fn plain_column(&self, expr: &Expr) -> Option<Col> {
        let idents = match bare(expr) {
            Expr::Identifier(ident) => vec![ident.clone()],
            Expr::CompoundIdentifier(idents) => idents.clone(),
            _ => return None,
        };
        match self.frames.last()?.lookup(&idents) {
            Lookup::Hit(hit) if hit.used == idents.len() => Some(hit.col),
            _ => None,
        }
    }
}

/// A select item that the engine will give the name that we say it has.
fn output(item: &Item, naming: Naming) -> SelectItem {
    let plain = matches!(&item.expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    let same = plain && column_name(&item.expr).as_ref() == Some(&item.col.name);
    if same || naming == Naming::Free {
        SelectItem::UnnamedExpr(item.expr.clone())
    } else {
        let alias = quoted(item.col.name.clone(), SqlSpan::empty());
        SelectItem::ExprWithAlias { expr: item.expr.clone(), alias }
    }
}

/// The name of a column, a field or a cast of one.
fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(idents) => idents.last().map(|i| i.value.clone()),
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => column_name(inner),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last()? {
            AccessExpr::Subscript(Subscript::Index { index }) => text_literal(index).map(str::to_owned),
            _ => None,
        },
        _ => None,
    }
}

fn call_of(expr: &Expr) -> Option<String> {
    match bare(expr) {
        Expr::Function(function) => call_name(function),
        _ => None,
    }
}
