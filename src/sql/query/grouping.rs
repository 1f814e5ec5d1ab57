//! Columns that stand outside of aggregates must be grouped by.

use std::ops::ControlFlow;

use kinfold_base::Diagnostic;
use sqlparser::ast::{Expr, Value, VisitorMut};

use crate::functions::{Kind, lookup};
use crate::typer::{Frame, Typer, call_name};
use crate::walk::{any_expr, walk_expr_mut};

/// An expression without the brackets around it.
pub(super) fn bare(mut expr: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

pub(super) fn is_aggregate(expr: &Expr) -> bool {
    let Expr::Function(function) = expr else { return false };
    function.over.is_none()
        && call_name(function).and_then(|name| lookup(&name)).is_some_and(|f| f.kind == Kind::Aggregate)
}

/// Whether an aggregate stands in it.
pub(super) fn has_aggregate(expr: &Expr) -> bool {
    any_expr(expr, is_aggregate)
}

impl Typer<'_> {
    /// Reports the first column of a resolved expression that is neither grouped by nor inside an aggregate.
    pub(super) fn check_grouped(&mut self, expr: &Expr, groups: &[Expr], frame: &Frame) {
        let mut copy = expr.clone();
        let mut walk = Ungrouped { groups, frame, found: None };
        // The walk stops at the first one; what it found says so too.
        let _ = walk_expr_mut(&mut copy, &mut walk);
        if let Some(column) = walk.found {
            let name = match &column {
                Expr::CompoundIdentifier(idents) => idents.last().map(|i| i.value.clone()),
                Expr::Identifier(ident) => Some(ident.value.clone()),
                _ => None,
            }
            .unwrap_or_default();
            let span = self.report.span(&column);
            let message = format!("`{name}` is neither grouped by nor inside an aggregate");
            self.report.push(
                Diagnostic::error("ungrouped-column", span, message)
                    .hint(format!("add it to `group by`, or take one value: `max({name})`")),
            );
        }
    }
}

struct Ungrouped<'a> {
    groups: &'a [Expr],
    frame: &'a Frame,
    found: Option<Expr>,
}

impl VisitorMut for Ungrouped<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let own = match &*expr {
            // What is not of this `from` is of a query around it; what has no qualifier is a name of the select list.
            Expr::CompoundIdentifier(idents) => {
                idents.first().is_some_and(|q| self.frame.rows.iter().any(|r| r.emit.as_ref() == Some(&q.value)))
            }
            _ => false,
        };
        if self.groups.iter().any(|group| bare(group) == bare(expr)) || is_aggregate(expr) {
            *expr = nothing();
        } else if let Expr::InSubquery { expr: left, .. } = expr {
            let left = std::mem::replace(&mut **left, nothing());
            *expr = Expr::Nested(Box::new(left));
        } else if let Expr::Subquery(_) | Expr::Exists { .. } = expr {
            *expr = nothing();
        } else if own {
            self.found = Some(expr.clone());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

fn nothing() -> Expr {
    Expr::Value(Value::Null.with_empty_span())
}
