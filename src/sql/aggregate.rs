//! A trait's `value:`: what is computed over a profile's rows.
//!
//! The calls here are the language's own, not the engine's: `first`, `last` and `percentile` are not DataFusion's, and no
//! other aggregate of DataFusion may be used, so that the planner can turn each of them into whatever an engine has.

use kinfold_base::{Diagnostic, SourceText, SqlType};
use sqlparser::ast::{DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value};

use crate::functions::Arg;
use crate::typer::{Allow, Frame, Typer, call_name, make_float, plain_args};
use crate::{AggregateValue, Scope, TypedAggregate, types};

/// Calls that may stand inside a larger expression.
pub(crate) const CALLS: &[&str] = &["sum", "count", "min", "max", "avg", "median", "percentile", "first", "last"];

/// The greatest `n` of `top(x, n)`.
const MAX_TOP: u32 = 1000;

/// Checks a trait's `value:` over the columns of a scope.
pub fn type_aggregate(
    text: &SourceText,
    expr: &Expr,
    scope: &Scope,
    diags: &mut Vec<Diagnostic>,
) -> Option<TypedAggregate> {
    let allow = Allow { aggregates: true, columns: false, ..Allow::scalar("a trait's value") };
    let mut typer = Typer::new(text, diags, allow);
    typer.frames.push(Frame::of_scope(scope));
    typer.trait_calls = true;
    let mut expr = expr.clone();
    while let Expr::Nested(inner) = expr {
        expr = *inner;
    }
    let (value, ty) = match &mut expr {
        Expr::Function(function) if is_list_call(function) => typer.list_call(function)?,
        _ => {
            let ty = typer.expr(&mut expr);
            if typer.aggregates == 0 && !typer.report.failed {
                let span = typer.report.span(&expr);
                typer.report.push(
                    Diagnostic::error("no-aggregate", span, "a value over many rows needs an aggregate")
                        .hint("write `sum(…)`, `count(*)`, `last(…)`, …"),
                );
            }
            (AggregateValue::Plain(expr), ty)
        }
    };
    (!typer.report.failed).then_some(TypedAggregate {
        value,
        ty,
        columns: typer.columns,
        arguments: typer.arguments,
        needs_time: typer.needs_time,
    })
}

fn is_list_call(function: &Function) -> bool {
    call_name(function).is_some_and(|name| name == "most_frequent" || name == "top")
}

impl Typer<'_> {
    /// `most_frequent(x)` and `top(x, n)`, which stand alone.
    fn list_call(&mut self, function: &Function) -> Option<(AggregateValue, SqlType)> {
        let name = call_name(function)?;
        self.refuse_clauses(function, &name, false);
        let args: Vec<Expr> = plain_args(function)?.into_iter().cloned().collect();
        let wanted = if name == "top" { 2 } else { 1 };
        if args.len() != wanted {
            self.count_mismatch(function, &name, if wanted == 2 { "2 arguments" } else { "1 argument" }, args.len());
            return None;
        }
        let mut args = args.into_iter();
        let mut value = args.next()?;
        let ty = self.within(Allow::scalar("an aggregate"), |typer| typer.expr(&mut value));
        let Some(count) = args.next() else { return Some((AggregateValue::MostFrequent(value), ty)) };
        let number = match &count {
            Expr::Value(v) => match &v.value {
                Value::Number(digits, _) => digits.parse::<u32>().ok().filter(|n| (1..=MAX_TOP).contains(n)),
                _ => None,
            },
            _ => None,
        };
        let Some(count) = number else {
            let span = self.report.span(&count);
            let message = format!("`top` takes a whole number from 1 to {MAX_TOP} here");
            self.report.push(Diagnostic::error("bad-count", span, message).hint("as in `top(category, 3)`"));
            return None;
        };
        Some((AggregateValue::Top { value, count }, SqlType::List(Box::new(ty))))
    }

    /// One of [`CALLS`].
    pub(crate) fn trait_call(&mut self, function: &mut Function, name: &str) -> SqlType {
        if !self.allow.aggregates {
            let span = self.report.span(&function.name);
            let message = format!("the aggregate `{name}` may not stand in an aggregate");
            self.report
                .push(Diagnostic::error("nested-aggregate", span, message).hint("compute the inner one in a model"));
            return SqlType::Unknown;
        }
        self.aggregates += 1;
        self.needs_time |= matches!(name, "first" | "last");
        self.refuse_clauses(function, name, name == "count");
        if let [sqlparser::ast::ObjectNamePart::Identifier(ident)] = function.name.0.as_mut_slice() {
            name.clone_into(&mut ident.value);
            ident.quote_style = None;
        }
        let wanted = if name == "percentile" { 2 } else { 1 };
        let at = function.name.clone();
        let FunctionArguments::List(list) = &mut function.args else {
            self.count_mismatch(function, name, "1 argument", 0);
            return SqlType::Unknown;
        };
        if let [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] = list.args.as_slice() {
            if name != "count" || list.duplicate_treatment.is_some() {
                self.unsupported(&at, "`*` may stand in `count(*)` only");
            }
            return SqlType::Integer;
        }
        let mut args = vec![];
        for arg in &mut list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg else {
                return self.unsupported(&at, format!("`{name}` does not take this argument"));
            };
            args.push(arg);
        }
        if args.len() != wanted {
            let words = if wanted == 2 { "2 arguments" } else { "1 argument" };
            let got = args.len();
            self.count_mismatch(function, name, words, got);
            return SqlType::Unknown;
        }
        let kind = match name {
            "sum" | "avg" | "median" | "percentile" => Arg::Number,
            _ => Arg::Any,
        };
        let mut args = args.into_iter();
        let Some(value) = args.next() else { return SqlType::Unknown };
        let ty = self.within(Allow::scalar("an aggregate"), |typer| typer.argument(value, kind, name));
        self.arguments.push((value.clone(), ty.clone()));
        if let Some(share) = args.next() {
            self.share(share);
        }
        match (name, &ty) {
            ("count", _) => SqlType::Integer,
            ("sum", ty) => types::sum(ty),
            // The middle of two values may lie between them, with more digits than both.
            ("avg" | "median" | "percentile", SqlType::Decimal { .. }) => types::avg(&ty),
            ("avg" | "median" | "percentile", _) => SqlType::Float,
            _ => ty,
        }
    }

    /// The `p` of `percentile(x, p)`.
    fn share(&mut self, share: &mut Expr) {
        let number = match &*share {
            Expr::Value(v) => match &v.value {
                Value::Number(digits, _) => digits.parse::<f64>().ok(),
                _ => None,
            },
            _ => None,
        };
        if !number.is_some_and(|p| (0.0..=1.0).contains(&p)) {
            let span = self.report.span(share);
            self.report.push(
                Diagnostic::error(
                    "bad-percentile",
                    span,
                    "the second argument of `percentile` is a number from 0 to 1",
                )
                .hint("as in `percentile(amount, 0.9)`"),
            );
            return;
        }
        let mut ty = self.expr(share);
        make_float(share, &mut ty);
    }

    fn refuse_clauses(&mut self, function: &Function, name: &str, may_be_distinct: bool) {
        let at = function.name.clone();
        let span = self.report.span(&at);
        if function.over.is_some() {
            self.report.push(Diagnostic::error(
                "misplaced-window",
                span,
                "a window function may not stand in a trait's value",
            ));
        }
        if function.filter.is_some() {
            self.report.push(
                Diagnostic::error("sql-unsupported", span, format!("`filter` may not stand after `{name}` here"))
                    .hint("use the aggregate's own `where`, or `sum(case when … then … end)`"),
            );
        }
        if !function.within_group.is_empty() || function.null_treatment.is_some() {
            self.unsupported(&at, format!("`{name}` takes no further clauses here"));
        }
        if let FunctionArguments::List(list) = &function.args {
            if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) && !may_be_distinct {
                let message = format!("`distinct` may stand in `count` only, not in `{name}`");
                self.report.push(Diagnostic::error("sql-unsupported", span, message));
            }
            if !list.clauses.is_empty() {
                self.unsupported(&at, format!("`{name}` takes no further clauses here"));
            }
        }
    }

    fn count_mismatch(&mut self, function: &Function, name: &str, wanted: &str, got: usize) {
        let span = self.report.span(&function.name);
        let message = format!("`{name}` takes {wanted}, and got {got}");
        self.report.push(Diagnostic::error("wrong-argument-count", span, message));
    }
}
