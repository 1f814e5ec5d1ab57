//! `from`: tables and queries that stand as tables.

use std::rc::Rc;

use kinfold_base::{Diagnostic, SqlType};
use sqlparser::ast::{Expr, ObjectName, Spanned, TableAlias, TableFactor, TableWithJoins};
use sqlparser::tokenizer::Span as SqlSpan;

use super::tables::Named;
use super::{Columns, Naming, defined};
use crate::functions::Arg;
use crate::typer::{Allow, Col, Frame, Merged, Rows, Typer, quoted, quoted_name};
use crate::walk::any_expr;

impl Typer<'_> {
    /// The rows of a whole `from`.
    pub(super) fn from(&mut self, from: &mut [TableWithJoins]) -> Frame {
        let mut frame = Frame::new(vec![]);
        for tables in from {
            let (rows, merged) = self.joined(tables, &frame);
            for rows in &rows {
                self.check_name(&frame.rows, rows, &tables.relation);
            }
            frame.rows.extend(rows);
            frame.merged.extend(merged);
        }
        frame
    }

    /// Adds rows whose name must not be there yet.
    pub(super) fn add(&mut self, all: &mut Vec<Rows>, rows: Rows, at: &impl Spanned) {
        self.check_name(all, &rows, at);
        all.push(rows);
    }

    fn check_name(&mut self, all: &[Rows], rows: &Rows, at: &impl Spanned) {
        let same =
            |r: &Rows| r.name == rows.name && (r.schema == rows.schema || r.schema.is_none() || rows.schema.is_none());
        if let Some(name) = &rows.name
            && all.iter().any(same)
        {
            let span = self.report.span(at);
            let message = format!("there are two tables called `{name}` here");
            self.report.push(
                Diagnostic::error("duplicate-relation", span, message)
                    .hint(format!("give one of them another name: `… as {name}2`")),
            );
        }
    }

    /// The rows of one table and its joins, and the columns that `using` merged. `before` is what stands to the left.
    fn joined(&mut self, tables: &mut TableWithJoins, before: &Frame) -> (Vec<Rows>, Vec<Merged>) {
        let mut local = Frame::new(vec![]);
        let first = self.factor(&mut tables.relation, before, &mut local.merged);
        for rows in first {
            self.add(&mut local.rows, rows, &tables.relation);
        }
        for join in &mut tables.joins {
            self.join(join, before, &mut local);
        }
        (local.rows, local.merged)
    }

    /// The rows of one factor. `sight` is what a lateral one can see.
    pub(super) fn factor(&mut self, factor: &mut TableFactor, sight: &Frame, merged: &mut Vec<Merged>) -> Vec<Rows> {
        match factor {
            TableFactor::Table { args: Some(_), name, .. } | TableFactor::Function { name, .. } => {
                let name = name.clone();
                self.table_function(&name);
                vec![open_rows()]
            }
            TableFactor::Table { name, alias, .. } => {
                let written = name.clone();
                let rows = self.table(name, alias, sight);
                self.refuse_table_clauses(factor, &written);
                vec![rows]
            }
            TableFactor::Derived { lateral, subquery, alias, sample } => {
                if sample.is_some() {
                    self.unsupported(&**subquery, "the engine takes no samples");
                }
                let naming = match alias {
                    Some(alias) if !alias.columns.is_empty() => Naming::Free,
                    _ => Naming::Inner,
                };
                if *lateral {
                    if subquery.limit_clause.is_some() {
                        self.unsupported(&**subquery, "the engine knows no `limit` in a lateral query");
                    }
                    self.frames.push(sight.clone());
                }
                let columns = self.query(subquery, naming);
                if *lateral {
                    self.frames.pop();
                }
                vec![self.aliased(alias, columns)]
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let (rows, inner) = self.joined(table_with_joins, sight);
                merged.extend(inner);
                rows
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality: false,
            } => {
                let mut columns = vec![];
                for array in array_exprs {
                    if has_columns(array) {
                        let span = self.report.span(array);
                        let message = "the engine takes no columns in an `unnest` after `from`";
                        let hint = "unnest in a select list: `select unnest(tags) as tag, …`";
                        self.report.push(Diagnostic::error("misplaced-unnest", span, message).hint(hint));
                        return vec![open_rows()];
                    }
                    let ty = self.within(Allow::scalar("`unnest`"), |typer| typer.argument(array, Arg::List, "unnest"));
                    let ty = if let SqlType::List(item) = ty { *item } else { SqlType::Unknown };
                    columns.push(Col { name: String::new(), ty, origin: None, inputs: Rc::default() });
                }
                if alias.as_ref().is_none_or(|a| a.columns.is_empty()) {
                    self.unsupported(&*factor, "name what comes out: `unnest(list) as u(item)`");
                    return vec![open_rows()];
                }
                vec![self.aliased(alias, Some(columns))]
            }
            other => {
                let other = other.clone();
                self.unsupported(&other, "the engine cannot read rows from this");
                vec![open_rows()]
            }
        }
    }

    fn table_function(&mut self, name: &ObjectName) {
        let span = self.report.span(name);
        let message =
            format!("`{}` makes a table out of a call, which SQL may not do here", name.to_string().to_lowercase());
        let hint = match name.to_string().to_lowercase().as_str() {
            "generate_series" | "range" => "write `unnest(generate_series(1, 10)) as s(n)`",
            _ => "declare the files as a table under `sources`, and name it",
        };
        self.report.push(Diagnostic::error("refused-function", span, message).hint(hint));
    }

    fn refuse_table_clauses(&mut self, factor: &TableFactor, written: &ObjectName) {
        let TableFactor::Table {
            with_hints, version, with_ordinality, partitions, json_path, sample, index_hints, ..
        } = factor
        else {
            return;
        };
        if sample.is_some() {
            self.unsupported(written, "the engine takes no samples; order by a hash of the key and limit");
        } else if version.is_some() {
            self.unsupported(written, "a table is read as it is now; older versions are not in reach of SQL");
        } else if !with_hints.is_empty()
            || *with_ordinality
            || !partitions.is_empty()
            || json_path.is_some()
            || !index_hints.is_empty()
        {
            self.unsupported(written, "the engine does not know what follows this table");
        }
    }

    /// The rows of a query in `from`, under its alias or one of our own.
    fn aliased(&mut self, alias: &mut Option<TableAlias>, columns: Columns) -> Rows {
        let Some(alias) = alias else {
            let name = format!("_rows{}", self.next_rows());
            *alias = Some(plain_alias(&name, SqlSpan::empty()));
            return Rows { schema: None, name: None, emit: Some(name), columns };
        };
        let columns = self.rename(columns, alias);
        let name = defined(&alias.name);
        alias.name = quoted(name.clone(), alias.name.span);
        alias.explicit = true;
        Rows { schema: None, name: Some(name.clone()), emit: Some(name), columns }
    }

    fn next_rows(&mut self) -> usize {
        self.unnamed_rows += 1;
        self.unnamed_rows
    }

    fn table(&mut self, name: &mut ObjectName, alias: &mut Option<TableAlias>, sight: &Frame) -> Rows {
        let span = name.0.last().map_or(SqlSpan::empty(), Spanned::span);
        let (schema, own, columns) = match self.named(name) {
            Some(Named::Cte(cte, columns)) => {
                *name = quoted_name([cte.clone()]);
                (None, cte, columns)
            }
            Some(Named::Table(table, columns)) => {
                *name = quoted_name(table.0.iter().cloned().chain([table.1.clone()]));
                self.reads.insert(table.clone());
                (table.0, table.1, columns)
            }
            None => (None, name.0.last().map(ToString::to_string).unwrap_or_default(), None),
        };
        if alias.is_some() {
            return self.aliased(alias, columns);
        }
        // Two tables may have the same name in two schemas.
        let taken = sight.rows.iter().any(|r| r.emit.as_ref() == Some(&own));
        let emit = match &schema {
            Some(schema) if taken => format!("{schema}.{own}"),
            _ => own.clone(),
        };
        *alias = Some(plain_alias(&emit, span));
        Rows { schema, name: Some(own), emit: Some(emit), columns }
    }
}

fn has_columns(expr: &Expr) -> bool {
    any_expr(expr, |e| matches!(e, Expr::Identifier(_) | Expr::CompoundIdentifier(_)))
}

/// Rows that nothing can be said against, after an error.
fn open_rows() -> Rows {
    Rows { schema: None, name: None, emit: None, columns: None }
}

fn plain_alias(name: &str, span: SqlSpan) -> TableAlias {
    TableAlias { explicit: true, name: quoted(name, span), columns: vec![], at: None }
}
