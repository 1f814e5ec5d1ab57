//! Walks over sqlparser's tree.
//!
//! sqlparser compiles its whole tree anew for every type of visitor, which costs half a minute each once optimised. Here it is
//! compiled once for visitors that only read and once for those that write; every walk goes through one of the two.

use std::ops::ControlFlow;

use sqlparser::ast::{
    CastKind, DataType, Expr, ObjectName, Query, Select, Statement, TableFactor, Value, ValueWithSpan, Visit, VisitMut,
    Visitor, VisitorMut,
};

/// Walks through an expression, subqueries included.
pub fn walk_expr(expr: &Expr, visitor: &mut dyn Visitor<Break = ()>) -> ControlFlow<()> {
    Visit::visit(expr, &mut Any(visitor))
}

/// Walks through a query.
pub fn walk_query(query: &Query, visitor: &mut dyn Visitor<Break = ()>) -> ControlFlow<()> {
    Visit::visit(query, &mut Any(visitor))
}

/// Walks through an expression that the visitor may change.
pub fn walk_expr_mut(expr: &mut Expr, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()> {
    VisitMut::visit(expr, &mut Any(visitor))
}

/// Walks through a query that the visitor may change.
pub fn walk_query_mut(query: &mut Query, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()> {
    VisitMut::visit(query, &mut Any(visitor))
}

/// Hands over every expression within one, itself first, until the closure breaks off.
pub fn each_expr(expr: &Expr, mut each: impl FnMut(&Expr) -> ControlFlow<()>) -> ControlFlow<()> {
    walk_expr(expr, &mut Each(&mut each))
}

/// Whether any expression within one, itself included, has a property.
pub fn any_expr(expr: &Expr, is: impl Fn(&Expr) -> bool) -> bool {
    each_expr(expr, |e| if is(e) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }).is_break()
}

/// Hands over every expression within one to be changed, itself last, until the closure breaks off.
pub fn each_expr_mut(expr: &mut Expr, mut each: impl FnMut(&mut Expr) -> ControlFlow<()>) -> ControlFlow<()> {
    walk_expr_mut(expr, &mut Each(&mut each))
}

/// Makes numbers with an exponent floats, `1.5e3` into `CAST('1.5e3' AS DOUBLE PRECISION)`: an engine that reads numbers as decimals
/// would give them a scale below 0, and stumble over it.
pub fn floats_for_exponents(query: &mut Query) {
    // Nothing breaks off.
    let _ = walk_query_mut(
        query,
        &mut Each(&mut |expr: &mut Expr| {
            if let Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) = expr
                && digits.contains(['e', 'E'])
            {
                *expr = Expr::Cast {
                    kind: CastKind::Cast,
                    expr: Box::new(Expr::value(Value::SingleQuotedString(digits.clone()))),
                    data_type: DataType::DoublePrecision,
                    array: false,
                    format: None,
                };
            }
            ControlFlow::Continue(())
        }),
    );
}

struct Each<'a, F: ?Sized>(&'a mut F);

impl<F: FnMut(&Expr) -> ControlFlow<()> + ?Sized> Visitor for Each<'_, F> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        (self.0)(expr)
    }
}

impl<F: FnMut(&mut Expr) -> ControlFlow<()> + ?Sized> VisitorMut for Each<'_, F> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        (self.0)(expr)
    }
}

/// The one type that the tree is compiled for.
struct Any<'a, V: ?Sized>(&'a mut V);

macro_rules! hand_on {
    ($($method:ident($($node:ty)+)),* $(,)?) => {
        $(fn $method(&mut self, node: $($node)+) -> ControlFlow<()> { self.0.$method(node) })*
    };
}

impl Visitor for Any<'_, dyn Visitor<Break = ()> + '_> {
    type Break = ();

    hand_on! {
        pre_visit_query(&Query), post_visit_query(&Query),
        pre_visit_select(&Select), post_visit_select(&Select),
        pre_visit_relation(&ObjectName), post_visit_relation(&ObjectName),
        pre_visit_table_factor(&TableFactor), post_visit_table_factor(&TableFactor),
        pre_visit_expr(&Expr), post_visit_expr(&Expr),
        pre_visit_statement(&Statement), post_visit_statement(&Statement),
        pre_visit_value(&ValueWithSpan), post_visit_value(&ValueWithSpan),
    }
}

impl VisitorMut for Any<'_, dyn VisitorMut<Break = ()> + '_> {
    type Break = ();

    hand_on! {
        pre_visit_query(&mut Query), post_visit_query(&mut Query),
        pre_visit_select(&mut Select), post_visit_select(&mut Select),
        pre_visit_relation(&mut ObjectName), post_visit_relation(&mut ObjectName),
        pre_visit_table_factor(&mut TableFactor), post_visit_table_factor(&mut TableFactor),
        pre_visit_expr(&mut Expr), post_visit_expr(&mut Expr),
        pre_visit_statement(&mut Statement), post_visit_statement(&mut Statement),
        pre_visit_value(&mut ValueWithSpan), post_visit_value(&mut ValueWithSpan),
    }
}
