//! `from`: tables, joins and queries that stand as tables.

use std::ops::ControlFlow;
use std::rc::Rc;

use kinfold_base::{Diagnostic, SqlType, did_you_mean};
use sqlparser::ast::{
    Expr, Join, JoinConstraint, JoinOperator as J, ObjectName, ObjectNamePart, Spanned, TableAlias, TableFactor,
    TableWithJoins, visit_expressions,
};
use sqlparser::tokenizer::Span as SqlSpan;

use super::{Columns, Naming, defined};
use crate::functions::Arg;
use crate::typer::{Allow, Col, Frame, Merged, Rows, Typer, pick, quoted, quoted_name};
use crate::{CatalogTable, TableRef};

/// Of which side of a join every row comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Inner,
    Left,
    Right,
    Both,
}

/// A table as `from` names it.
enum Named {
    Cte(String, Columns),
    Table(TableRef, Columns),
}

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
    fn add(&mut self, all: &mut Vec<Rows>, rows: Rows, at: &impl Spanned) {
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

    fn join(&mut self, join: &mut Join, before: &Frame, local: &mut Frame) {
        let mut sight = local.clone();
        sight.rows.extend(before.rows.iter().cloned());
        let right = self.factor(&mut join.relation, &sight, &mut local.merged);
        let left = local.rows.len();
        for rows in right {
            self.add(&mut local.rows, rows, &join.relation);
        }
        if join.global {
            self.unsupported(&join.relation, "the engine has no `global join`");
        }
        let relation = &join.relation;
        match &mut join.join_operator {
            J::Join(on) | J::Inner(on) => self.constraint(on, relation, left, local, Keep::Inner),
            J::Left(on) | J::LeftOuter(on) => self.constraint(on, relation, left, local, Keep::Left),
            J::Right(on) | J::RightOuter(on) => self.constraint(on, relation, left, local, Keep::Right),
            J::FullOuter(on) => self.constraint(on, relation, left, local, Keep::Both),
            J::LeftSemi(on) | J::LeftAnti(on) => {
                self.constraint(on, relation, left, local, Keep::Left);
                local.rows.truncate(left);
            }
            J::RightSemi(on) | J::RightAnti(on) => {
                self.constraint(on, relation, left, local, Keep::Right);
                local.rows.drain(..left);
            }
            J::CrossJoin(JoinConstraint::None) => {}
            J::Semi(_) | J::Anti(_) => {
                self.unsupported(relation, "say on which side: `left semi join` or `left anti join`");
            }
            _ => {
                self.unsupported(relation, "the engine has no such join");
            }
        }
    }

    fn constraint(
        &mut self,
        on: &mut JoinConstraint,
        relation: &TableFactor,
        left: usize,
        local: &mut Frame,
        keep: Keep,
    ) {
        match on {
            JoinConstraint::On(condition) => {
                let flow = std::mem::take(&mut self.flow);
                self.frames.push(local.clone());
                let allow = Allow { subqueries: true, predicates: keep == Keep::Inner, ..Allow::scalar("`on`") };
                self.within(allow, |typer| typer.condition(condition));
                self.frames.pop();
                self.flow = flow;
            }
            JoinConstraint::Using(names) => {
                for name in names {
                    self.using(name, left, local, keep);
                }
            }
            JoinConstraint::Natural => {
                let (a, b) = local.rows.split_at(left);
                let of = |rows: &[Rows]| -> Vec<String> {
                    rows.iter().flat_map(|r| r.columns.iter().flatten()).map(|c| c.name.clone()).collect()
                };
                let (a, b) = (of(a), of(b));
                for name in a.into_iter().filter(|name| b.contains(name)) {
                    merge(name, left, local, keep);
                }
            }
            JoinConstraint::None => {
                let span = self.report.span(relation);
                self.report.push(
                    Diagnostic::error("join-without-condition", span, "this join says not which rows belong together")
                        .hint("add `on a.id = b.id`, or write `cross join` if every pair is meant"),
                );
            }
        }
    }

    fn using(&mut self, name: &mut ObjectName, left: usize, local: &mut Frame, keep: Keep) {
        let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else {
            self.unsupported(&*name, "`using` takes plain names of columns");
            return;
        };
        let ident = ident.clone();
        let (a, b) = local.rows.split_at(left);
        let mut found = vec![];
        for side in [a, b] {
            let columns: Vec<&Col> = side.iter().flat_map(|r| r.columns.iter().flatten()).collect();
            let open = side.iter().any(|r| r.columns.is_none());
            match pick(&columns, &ident.value, |c| &c.name).first() {
                Some(col) => found.push((col.name.clone(), col.ty.clone())),
                None if open => found.push((ident.value.clone(), SqlType::Unknown)),
                None => {
                    let span = self.report.place(ident.span);
                    let near = Self::near(&ident.value, columns.iter().map(|c| c.name.clone()));
                    let message =
                        format!("both sides of a join `using` a column must have it, and one has no `{}`", ident.value);
                    self.report.push(Diagnostic::error("unknown-column", span, message).hint_opt(near));
                    return;
                }
            }
        }
        if let [(a, a_type), (b, b_type)] = found.as_slice() {
            let span = self.report.place(ident.span);
            if a != b {
                let message = format!("the column is `{a}` on one side and `{b}` on the other");
                self.report.push(Diagnostic::error("unknown-column", span, message).hint("join with `on`"));
            } else if !a_type.is_comparable_with(b_type) {
                let message = format!("`{a}` is {a_type} on one side and {b_type} on the other");
                self.report.push(Diagnostic::error("type-mismatch", span, message).hint("join with `on` and a cast"));
            }
            *name = quoted_name([a.clone()]);
            merge(a.clone(), left, local, keep);
        }
    }

    /// The rows of one factor. `sight` is what a lateral one can see.
    fn factor(&mut self, factor: &mut TableFactor, sight: &Frame, merged: &mut Vec<Merged>) -> Vec<Rows> {
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

    /// Finds the table that a name means; reports it if there is none.
    fn named(&mut self, name: &ObjectName) -> Option<Named> {
        let parts: Vec<String> = name.0.iter().filter_map(|p| p.as_ident().map(|i| i.value.clone())).collect();
        let known = self.catalog.map(crate::Catalog::tables).unwrap_or_default();
        let found = match parts.as_slice() {
            [own] => {
                let ctes: Vec<_> = self.ctes.iter().rev().collect();
                if let Some(cte) = pick(&ctes, own, |c| &c.name).first() {
                    return Some(Named::Cte(cte.name.clone(), cte.columns.clone()));
                }
                let models: Vec<&TableRef> = known.iter().filter(|t| t.0.is_none()).collect();
                only(&pick(&models, own, |t| &t.1).into_iter().copied().collect::<Vec<_>>())
            }
            [schema, own] => {
                let of_schema: Vec<&TableRef> = known.iter().filter(|t| t.0.is_some()).collect();
                let schema_of = |t: &&TableRef| t.0.clone().unwrap_or_default();
                let exact: Vec<&&TableRef> = of_schema.iter().filter(|t| schema_of(t) == *schema).collect();
                let loose =
                    || of_schema.iter().filter(|t| schema_of(t).eq_ignore_ascii_case(schema)).collect::<Vec<_>>();
                let in_schema = if exact.is_empty() { loose() } else { exact };
                only(&pick(&in_schema, own, |t| &t.1).into_iter().map(|t| **t).collect::<Vec<_>>())
            }
            _ => None,
        };
        let Some(table) = found else {
            self.unknown_table(name, &parts, &known);
            return None;
        };
        let columns = match self.catalog?.table(table.0.as_deref(), &table.1)? {
            CatalogTable::Known(schema) => Some(schema.columns.into_iter().map(|c| Col::of_table(&table, c)).collect()),
            CatalogTable::Unknown => None,
        };
        Some(Named::Table(table, columns))
    }

    fn unknown_table(&mut self, name: &ObjectName, parts: &[String], known: &[TableRef]) {
        let full = |t: &TableRef| t.0.as_ref().map_or_else(|| t.1.clone(), |schema| format!("{schema}.{}", t.1));
        let written = parts.join(".");
        let own = parts.last().map(String::as_str).unwrap_or_default();
        let quoted_text = name.0.iter().any(|p| p.as_ident().is_some_and(|i| i.quote_style == Some('\'')));
        let hint = if quoted_text || own.contains(['/', '*']) {
            Some("files are declared as tables under `sources`, and named".to_owned())
        } else {
            let same: Vec<String> = known.iter().filter(|t| t.1.eq_ignore_ascii_case(own)).map(full).collect();
            let names: Vec<String> = known.iter().map(full).chain(self.ctes.iter().map(|c| c.name.clone())).collect();
            let bare: Vec<&str> = known.iter().map(|t| t.1.as_str()).collect();
            same.first()
                .cloned()
                .or_else(|| did_you_mean(&written, names.iter().map(String::as_str)))
                .or_else(|| {
                    let near = did_you_mean(own, bare)?;
                    known.iter().find(|t| t.1 == near).map(full)
                })
                .map(|n| format!("did you mean `{n}`?"))
        };
        let span = self.report.span(name);
        let message = format!("there is no table `{written}`");
        self.report.push(Diagnostic::error("unknown-table", span, message).hint_opt(hint));
    }
}

/// Makes one column of those that both sides of a join have.
fn merge(name: String, left: usize, local: &mut Frame, keep: Keep) {
    let (a, b) = local.rows.split_at(left);
    let of = |rows: &[Rows]| {
        let has = |r: &&Rows| r.columns.as_ref().is_none_or(|c| c.iter().any(|c| c.name == name));
        rows.iter().find(has).and_then(|r| r.emit.clone())
    };
    let before = local.merged.iter().position(|m| m.name == name).map(|i| local.merged.remove(i).emit);
    let left_side = before.unwrap_or_else(|| of(a).into_iter().collect());
    let emit = match keep {
        Keep::Inner | Keep::Left => left_side,
        Keep::Right => of(b).into_iter().collect(),
        Keep::Both => left_side.into_iter().chain(of(b)).collect(),
    };
    local.merged.push(Merged { name, emit });
}

fn has_columns(expr: &Expr) -> bool {
    visit_expressions(expr, |e| match e {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .is_break()
}

/// The one table among those that were found.
fn only<T: std::borrow::Borrow<TableRef>>(found: &[T]) -> Option<TableRef> {
    match found {
        [table] => Some(table.borrow().clone()),
        _ => None,
    }
}

/// Rows that nothing can be said against, after an error.
fn open_rows() -> Rows {
    Rows { schema: None, name: None, emit: None, columns: None }
}

fn plain_alias(name: &str, span: SqlSpan) -> TableAlias {
    TableAlias { explicit: true, name: quoted(name, span), columns: vec![], at: None }
}
