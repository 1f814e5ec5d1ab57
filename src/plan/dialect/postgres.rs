//! PostgreSQL 15. The session's time zone is to be UTC.
//!
//! | ours | PostgreSQL's |
//! |---|---|
//! | `kinfold_first(x, t) FILTER (…)` | `(array_agg(x ORDER BY t, x) FILTER (…))[1]`, and so for `kinfold_last` |
//! | `array_compact(list)` | `array_remove(list, NULL)` |
//! | `kinfold_row_hash(a, b)` | `md5(CAST(jsonb_build_array(a, b) AS TEXT))` |
//!
//! The functions `kinfold_exact`, `kinfold_lower`, `kinfold_digits`, `kinfold_uuid`, `kinfold_email` and `kinfold_phone` must be
//! there, as they must in every engine; for matching `kinfold_key`, `kinfold_once` and those that tell how alike values are, too.

use std::ops::ControlFlow;

use kinfold_sql::walk_query_mut;
use sqlparser::ast::{AccessExpr, DataType, Expr, Query, Subscript, VisitorMut};

use super::by;
use crate::sql::{call, cast, int, null};

pub(super) fn rewrite(query: &mut Query) {
    let _ = walk_query_mut(query, &mut Rewrite);
}

struct Rewrite;

impl VisitorMut for Rewrite {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(list) = by::ordered(expr, "array_agg") {
            *expr = first_of(list);
        } else if let Expr::Function(function) = expr {
            let mut args = by::arguments(function);
            match function.name.to_string().as_str() {
                "array_compact" => {
                    args.push(null());
                    *expr = call("array_remove", args);
                }
                "kinfold_row_hash" => *expr = call("md5", vec![cast(call("jsonb_build_array", args), DataType::Text)]),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

fn first_of(list: Expr) -> Expr {
    Expr::CompoundFieldAccess {
        root: Box::new(Expr::Nested(Box::new(list))),
        access_chain: vec![AccessExpr::Subscript(Subscript::Index { index: int(1) })],
    }
}
