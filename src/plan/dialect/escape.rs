//! Makes sure that what comes out of the printer is what went in.
//!
//! sqlparser prints a quote inside a string or a name as it stands if another quote or a backslash comes before it, taking it
//! for escaped already. A value such as `\'` would thus end its literal early. A quote that is doubled beforehand is
//! printed doubled in every case.
//!
//! Its parser, which DataFusion reads our text with, takes everything after `IS DISTINCT FROM` for the right side, `OR` and `AND`
//! included; so that comparison always gets brackets of its own.

use std::ops::ControlFlow;

use kinfold_sql::walk_query_mut;
use sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, TableAlias,
    TableFactor, Value, ValueWithSpan, VisitorMut,
};

pub(super) fn escape(query: &mut Query) {
    let _ = walk_query_mut(query, &mut Escape);
}

struct Escape;

fn double(text: &mut String, quote: char) {
    if text.contains(quote) {
        *text = text.replace(quote, &format!("{quote}{quote}"));
    }
}

fn name(ident: &mut Ident) {
    if let Some(quote) = ident.quote_style {
        double(&mut ident.value, quote);
    }
}

fn names(object: &mut ObjectName) {
    for part in &mut object.0 {
        if let ObjectNamePart::Identifier(ident) = part {
            name(ident);
        }
    }
}

fn alias(alias: &mut TableAlias) {
    name(&mut alias.name);
    alias.columns.iter_mut().for_each(|c| name(&mut c.name));
}

impl VisitorMut for Escape {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(with) = &mut query.with {
            with.cte_tables.iter_mut().for_each(|cte| alias(&mut cte.alias));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => name(alias),
                SelectItem::ExprWithAliases { aliases, .. } => aliases.iter_mut().for_each(name),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(object), _) => names(object),
                SelectItem::QualifiedWildcard(..) | SelectItem::UnnamedExpr(_) | SelectItem::Wildcard(_) => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { alias: Some(a), .. } | TableFactor::Derived { alias: Some(a), .. } = factor {
            alias(a);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        names(relation);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => name(ident),
            Expr::CompoundIdentifier(parts) => parts.iter_mut().for_each(name),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..)) {
            let comparison = std::mem::replace(expr, Expr::value(Value::Null));
            *expr = Expr::Nested(Box::new(comparison));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::SingleQuotedString(text) = &mut value.value {
            double(text, '\'');
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::ast::{BinaryOperator, Expr};
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    use crate::sql::{Select, col, eq, relation, text};
    use crate::{Dialect, render};

    fn check(value: &str, name: &str) {
        let query = Select::from(relation(Some("s"), name, Some(name)))
            .item(text(value), name)
            .filter([eq(col(name), text(value))])
            .query();
        let sql = render(&query, Dialect::DataFusion);
        let parsed = Parser::parse_sql(&GenericDialect {}, &sql).expect(&sql).remove(0);
        assert_eq!(parsed, sqlparser::ast::Statement::Query(Box::new(query)), "{sql}");
    }

    #[test]
    fn a_comparison_that_parsers_misread_has_brackets() {
        let distinct = Expr::IsDistinctFrom(Box::new(col("a")), Box::new(col("b")));
        let either = Expr::BinaryOp { left: Box::new(distinct), op: BinaryOperator::Or, right: Box::new(col("c")) };
        let query = Select::from(relation(None, "t", None)).item(either, "x").query();
        let sql = render(&query, Dialect::DataFusion).replace(char::is_whitespace, "");
        assert_eq!(sql, r#"SELECT("a"ISDISTINCTFROM"b")OR"c"AS"x"FROM"t""#);
    }

    #[test]
    fn quotes_and_backslashes_come_back_as_they_were() {
        check("O'Brien", "plain");
        check("'", "a\"b");
        check("''", "\"\"");
        check("\\'", "a\\\"b");
        check("\\\\''' OR true --", "\\");
        check("it''s", "x'y");
    }
}
