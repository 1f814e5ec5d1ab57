//! Queries inside expressions.

use kinfold_base::{Diagnostic, SqlType};
use sqlparser::ast::{BinaryOperator, Expr, Query, SelectItem, SetExpr, TableFactor, TableWithJoins};

use super::Naming;
use super::grouping::has_aggregate;
use crate::typer::{Allow, Col, Typer};
use crate::walk::any_expr;

impl Typer<'_> {
    /// Types `exists (…)`, `x in (select …)` and `(select …)`.
    pub(crate) fn subquery(&mut self, expr: &mut Expr) -> SqlType {
        if !self.allow.subqueries || self.catalog.is_none() {
            let span = self.report.span(expr);
            let message = format!("a query may not stand in {}", self.allow.place);
            self.report.push(
                Diagnostic::error("misplaced-subquery", span, message).hint("make a model of it, and use its columns"),
            );
            return SqlType::Unknown;
        }
        if !self.allow.predicates && !matches!(expr, Expr::Subquery(_)) {
            let message = format!("the engine cannot run `exists` and `in (select …)` in {}", self.allow.place);
            let span = self.report.span(expr);
            self.report.push(
                Diagnostic::error("misplaced-subquery", span, message)
                    .hint("use it in `where`, or join with `left join` and look whether something was found"),
            );
        }
        match expr {
            Expr::Exists { subquery, .. } => {
                self.inner(subquery);
                SqlType::Boolean
            }
            Expr::Subquery(subquery) => {
                let Some(col) = self.one_column(subquery) else { return SqlType::Unknown };
                self.check_correlation(subquery);
                self.flow.extend(col.inputs.iter().cloned());
                col.ty
            }
            Expr::InSubquery { expr: left, subquery, .. } => {
                let ty = self.expr(left);
                if let Some(col) = self.one_column(subquery) {
                    self.flow.extend(col.inputs.iter().cloned());
                    if !ty.is_comparable_with(&col.ty) {
                        let message = format!("{ty} cannot be compared with {}", col.ty);
                        self.mismatch(&**left, message, Some("cast one of them".to_owned()));
                    }
                }
                SqlType::Boolean
            }
            _ => SqlType::Unknown,
        }
    }

    fn inner(&mut self, query: &mut Query) -> Option<Vec<Col>> {
        let allow = Allow::scalar("a subquery");
        self.within(allow, |typer| typer.query(query, Naming::Free))
    }

    fn one_column(&mut self, query: &mut Query) -> Option<Col> {
        let columns = self.inner(query)?;
        if columns.len() != 1 {
            let span = self.report.span(query);
            let message = format!("one column is wanted here, and this query has {}", columns.len());
            self.report.push(Diagnostic::error("column-count", span, message));
            return None;
        }
        columns.into_iter().next()
    }

    /// Reports a correlated subquery that the engine cannot turn into a join: it must give one aggregate, and columns from
    /// outside may stand only in equalities of its `where`.
    fn check_correlation(&mut self, query: &Query) {
        let SetExpr::Select(select) = &*query.body else { return };
        let own = names_of(&select.from);
        let outside = |expr: &Expr| has_outside(expr, &own);
        let mut equal = true;
        let mut correlated = false;
        let mut conjuncts: Vec<&Expr> = select.selection.iter().collect();
        while let Some(conjunct) = conjuncts.pop() {
            match conjunct {
                Expr::Nested(inner) => conjuncts.push(inner),
                Expr::BinaryOp { left, op: BinaryOperator::And, right } => conjuncts.extend([&**left, &**right]),
                other if outside(other) => {
                    correlated = true;
                    equal &= matches!(other, Expr::BinaryOp { op: BinaryOperator::Eq, .. });
                }
                _ => {}
            }
        }
        let items = select.projection.iter().filter_map(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        });
        let (mut aggregate, mut elsewhere) = (false, false);
        for expr in items {
            aggregate |= has_aggregate(expr);
            elsewhere |= outside(expr);
        }
        elsewhere |= select.having.as_ref().is_some_and(outside);
        let fine = !correlated || (aggregate && equal && !elsewhere && query.limit_clause.is_none());
        if (elsewhere && !correlated) || !fine {
            let span = self.report.span(query);
            self.report.push(
                Diagnostic::error(
                    "misplaced-subquery",
                    span,
                    "the engine cannot run this subquery for each row outside of it",
                )
                .hint("let it give one aggregate, with `=` between inner and outer columns; or join instead"),
            );
        }
    }
}

/// What columns of a `from` are qualified with, once it is resolved.
fn names_of(from: &[TableWithJoins]) -> Vec<String> {
    let mut names = vec![];
    let mut rest: Vec<&TableWithJoins> = from.iter().collect();
    while let Some(tables) = rest.pop() {
        for factor in std::iter::once(&tables.relation).chain(tables.joins.iter().map(|j| &j.relation)) {
            match factor {
                TableFactor::NestedJoin { table_with_joins, .. } => rest.push(table_with_joins),
                TableFactor::Table { alias, .. }
                | TableFactor::Derived { alias, .. }
                | TableFactor::UNNEST { alias, .. } => names.extend(alias.iter().map(|a| a.name.value.clone())),
                _ => {}
            }
        }
    }
    names
}

fn has_outside(expr: &Expr, own: &[String]) -> bool {
    // Queries inside have rows of their own, which are not known here.
    let is_query = |e: &Expr| matches!(e, Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. });
    let is_outside = |e: &Expr| matches!(e, Expr::CompoundIdentifier(idents) if !own.contains(&idents[0].value));
    !any_expr(expr, is_query) && any_expr(expr, is_outside)
}
