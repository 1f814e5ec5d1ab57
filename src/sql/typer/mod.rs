//! Types of expressions, names resolved on the way.
//!
//! An expression is rewritten in place while it is typed. Each `match` arm is a small function, so that a deep tree costs
//! little stack.

mod access;
mod call;
mod frame;
mod names;
mod operators;
mod special;

use std::collections::BTreeSet;

use kinfold_base::{Diagnostic, SourceText, SqlType};
use sqlparser::ast::{self, Expr};

pub(crate) use call::{call_name, plain_args};
pub(crate) use frame::{Aliases, Col, Frame, Hit, Lookup, Merged, Rows, pick};
use names::call;
pub(crate) use names::{column_of, quoted, quoted_name};
pub(crate) use operators::{make_float, text_literal};

use crate::report::Report;
use crate::{Catalog, ColumnRef, Context, Origin, Scope, TableRef, Typed};

/// What may stand at a place.
#[expect(clippy::struct_excessive_bools, reason = "independent permissions")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allow {
    /// The place, as in "may not stand in {place}".
    pub(crate) place: &'static str,
    pub(crate) columns: bool,
    pub(crate) aggregates: bool,
    pub(crate) windows: bool,
    pub(crate) subqueries: bool,
    /// Whether `exists` and `in (select …)` may stand, too.
    pub(crate) predicates: bool,
    pub(crate) unnest: bool,
}

impl Allow {
    pub(crate) const fn scalar(place: &'static str) -> Self {
        Self {
            place,
            columns: true,
            aggregates: false,
            windows: false,
            subqueries: false,
            predicates: false,
            unnest: false,
        }
    }
}

/// A common table expression that is in sight.
#[derive(Debug, Clone)]
pub(crate) struct Cte {
    pub(crate) name: String,
    pub(crate) columns: Option<Vec<Col>>,
}

pub(crate) struct Typer<'a> {
    pub(crate) report: Report<'a>,
    /// The innermost last: subqueries see the rows around them.
    pub(crate) frames: Vec<Frame>,
    pub(crate) catalog: Option<&'a dyn Catalog>,
    pub(crate) ctes: Vec<Cte>,
    pub(crate) reads: BTreeSet<TableRef>,
    /// Columns read, in order of first appearance.
    pub(crate) columns: Vec<ColumnRef>,
    /// Table columns whose values flow into what is being typed.
    pub(crate) flow: BTreeSet<Origin>,
    pub(crate) allow: Allow,
    /// Whether the calls of a trait's `value:` are known instead of the engine's aggregates.
    pub(crate) trait_calls: bool,
    /// Aggregates met so far.
    pub(crate) aggregates: usize,
    /// The arguments of a trait's calls, and their types.
    pub(crate) arguments: Vec<(Expr, SqlType)>,
    pub(crate) needs_time: bool,
    /// Whether something could not be found out because a schema is not known.
    pub(crate) incomplete: bool,
    /// Names of the `window` clause.
    pub(crate) windows: Vec<String>,
    /// Queries in `from` that got a name from us.
    pub(crate) unnamed_rows: usize,
    /// Numbers given to what stands in a `from`.
    pub(crate) occurrences: usize,
}

impl<'a> Typer<'a> {
    pub(crate) fn new(text: &'a SourceText, diags: &'a mut Vec<Diagnostic>, allow: Allow) -> Self {
        Self {
            report: Report::new(text, diags),
            frames: vec![],
            catalog: None,
            ctes: vec![],
            reads: BTreeSet::new(),
            columns: vec![],
            flow: BTreeSet::new(),
            allow,
            trait_calls: false,
            aggregates: 0,
            arguments: vec![],
            needs_time: false,
            incomplete: false,
            windows: vec![],
            unnamed_rows: 0,
            occurrences: 0,
        }
    }

    /// Does something where other things may stand than here.
    pub(crate) fn within<T>(&mut self, allow: Allow, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.allow, allow);
        let done = work(self);
        self.allow = before;
        done
    }

    /// Resolves and types an expression.
    pub(crate) fn expr(&mut self, expr: &mut Expr) -> SqlType {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.column(expr),
            Expr::Value(_) => self.value(expr),
            Expr::Nested(inner) => self.expr(inner),
            Expr::BinaryOp { .. } => self.binary(expr),
            Expr::UnaryOp { .. } => self.unary(expr),
            Expr::Function(_) => self.function(expr),
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                self.expr(inner);
                SqlType::Boolean
            }
            Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner) => {
                self.condition(inner);
                SqlType::Boolean
            }
            Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => self.distinct(expr),
            Expr::InList { .. } => self.in_list(expr),
            Expr::Between { .. } => self.between(expr),
            Expr::Like { .. } | Expr::ILike { .. } | Expr::SimilarTo { .. } => self.like(expr),
            Expr::AnyOp { left, compare_op, right, .. } | Expr::AllOp { left, compare_op, right } => {
                self.quantified(left, compare_op, right)
            }
            Expr::Case { .. } => self.case(expr),
            Expr::Cast { .. } | Expr::TypedString(_) => self.cast(expr),
            Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Subquery(_) => self.subquery(expr),
            Expr::CompoundFieldAccess { .. } => self.access(expr),
            _ => self.special(expr),
        }
    }

    /// Types what must be true or false.
    pub(crate) fn condition(&mut self, expr: &mut Expr) {
        let ty = self.expr(expr);
        if ty != SqlType::Boolean && !ty.is_open() {
            let span = self.report.span(expr);
            let hint = match ty {
                SqlType::Integer => Some("compare it, as in `x <> 0`".to_owned()),
                SqlType::Text => Some("compare it, as in `x = 'yes'`".to_owned()),
                _ => None,
            };
            let message = format!("a condition is true or false, and this is {ty}");
            self.report.push(Diagnostic::error("not-a-condition", span, message).hint_opt(hint));
        }
    }

    pub(crate) fn unsupported(&mut self, node: &impl ast::Spanned, message: impl Into<String>) -> SqlType {
        let span = self.report.span(node);
        self.report.push(Diagnostic::error("sql-unsupported", span, message));
        SqlType::Unknown
    }
}

/// Resolves and types an expression over the columns of a scope.
pub fn type_expr(
    text: &SourceText,
    expr: &Expr,
    scope: &Scope,
    context: Context,
    diags: &mut Vec<Diagnostic>,
) -> Option<Typed> {
    let mut typer = Typer::new(text, diags, Allow::scalar("this expression"));
    typer.frames.push(Frame::of_scope(scope));
    let mut expr = expr.clone();
    let ty = match context {
        Context::Scalar => typer.expr(&mut expr),
        Context::Condition => {
            typer.condition(&mut expr);
            SqlType::Boolean
        }
        Context::Time => typer.time(&mut expr),
    };
    (!typer.report.failed).then_some(Typed { expr, ty, columns: typer.columns })
}
