//! PostgreSQL 15. The session's time zone is to be UTC.
//!
//! | ours | PostgreSQL's |
//! |---|---|
//! | `first_value(x ORDER BY …) FILTER (…)`, the aggregate | `(array_agg(x ORDER BY …) FILTER (…))[1]` |
//! | `array_compact(list)` | `array_remove(list, NULL)` |
//! | `kinfold_row_hash(a, b)` | `md5(CAST(jsonb_build_array(a, b) AS TEXT))` |
//!
//! The functions `kinfold_exact`, `kinfold_lower`, `kinfold_digits`, `kinfold_uuid`, `kinfold_email` and `kinfold_phone` must be
//! there, as they must in every engine.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, Subscript,
    VisitMut, VisitorMut,
};

use crate::sql::{call, cast, int, null};

pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut Rewrite);
}

struct Rewrite;

impl VisitorMut for Rewrite {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let renamed = match function.name.to_string().as_str() {
            "first_value" if function.over.is_none() => Some(first(function)),
            "array_compact" => Some(call("array_remove", with(arguments(function), null()))),
            "kinfold_row_hash" => {
                Some(call("md5", vec![cast(call("jsonb_build_array", arguments(function)), DataType::Text)]))
            }
            _ => None,
        };
        if let Some(renamed) = renamed {
            *expr = renamed;
        }
        ControlFlow::Continue(())
    }
}

fn first(function: &Function) -> Expr {
    let list = Function { name: ObjectName::from(vec![Ident::new("array_agg")]), ..function.clone() };
    Expr::CompoundFieldAccess {
        root: Box::new(Expr::Nested(Box::new(Expr::Function(list)))),
        access_chain: vec![AccessExpr::Subscript(Subscript::Index { index: int(1) })],
    }
}

fn with(mut args: Vec<Expr>, last: Expr) -> Vec<Expr> {
    args.push(last);
    args
}

fn arguments(function: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else { return vec![] };
    let expr = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().filter_map(expr).collect()
}
