//! DataFusion 55, without `kinfold_first` and `kinfold_last` registered: its own `first_value` does the same, slowly.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, VisitMut, VisitorMut};

use super::by;

pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut Rewrite);
}

struct Rewrite;

impl VisitorMut for Rewrite {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(first) = by::ordered(expr, "first_value") {
            *expr = first;
        }
        ControlFlow::Continue(())
    }
}
