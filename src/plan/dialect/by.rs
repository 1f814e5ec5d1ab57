//! `kinfold_first(value, by)` and `kinfold_last(value, by)` as an aggregate over ordered rows.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use crate::sql::{Aggregate, Sort, is_not_null};

/// `aggregate(value ORDER BY by, value) FILTER (…)`, in the order in which the wanted value comes first; `None` if the expression is
/// no such call.
pub(super) fn ordered(expr: &Expr, aggregate: &str) -> Option<Expr> {
    let Expr::Function(function) = expr else { return None };
    let sort: fn(Expr) -> Sort = match function.name.to_string().as_str() {
        "kinfold_first" => Sort::up,
        "kinfold_last" => Sort::down,
        _ => return None,
    };
    let [value, by] = <[Expr; 2]>::try_from(arguments(function)).ok()?;
    let filter = function.filter.as_deref().cloned().into_iter().chain([is_not_null(value.clone())]);
    Some(
        Aggregate::new(aggregate, vec![value.clone()]).order_by(vec![sort(by), Sort::up(value)]).filter(filter).build(),
    )
}

pub(super) fn arguments(function: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else { return vec![] };
    let expr = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().filter_map(expr).collect()
}
