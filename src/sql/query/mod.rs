//! Queries: names of tables resolved, every column typed and followed to where it comes from.

mod from;
mod grouping;
mod join;
mod select;
mod subquery;
mod tables;
mod wildcard;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use kinfold_base::{Diagnostic, SourceText, SqlType, did_you_mean};
use sqlparser::ast::{
    Expr, LimitClause, OrderBy, OrderByKind, Query, SetExpr, SetOperator, SetQuantifier, Spanned, TableAlias,
    TableAliasColumnDef, Value, Values, With,
};

use crate::functions::Arg;
use crate::typer::{Aliases, Allow, Col, Cte, Frame, Typer, quoted};
use crate::{Catalog, TypedQuery, Unchanged, types};

/// The columns of a query; `None` where they could not be found out, because a schema is not known or an error was reported.
type Columns = Option<Vec<Col>>;

/// How a query's columns come by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// They are a table's columns: each must have a name of its own.
    Table,
    /// They can be named in the query around it.
    Inner,
    /// Nobody will name them.
    Free,
}

/// Resolves and types a query over the tables of a catalog.
pub fn type_query(
    text: &SourceText,
    query: &Query,
    catalog: &dyn Catalog,
    diags: &mut Vec<Diagnostic>,
) -> Option<TypedQuery> {
    let mut typer = Typer::new(text, diags, Allow::scalar("a query"));
    typer.catalog = Some(catalog);
    let mut query = query.clone();
    let columns = typer.query(&mut query, Naming::Table);
    if typer.report.failed {
        return None;
    }
    let columns = columns?;
    Some(TypedQuery {
        query,
        schema: Col::schema(&columns),
        reads: typer.reads.into_iter().collect(),
        origins: columns.iter().map(|c| c.origin.clone()).collect(),
        inputs: columns.into_iter().map(|c| Rc::unwrap_or_clone(c.inputs)).collect(),
    })
}

/// What an identifier that defines a name means: as DataFusion has it, unquoted ones are lower case.
fn defined(ident: &sqlparser::ast::Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

impl Typer<'_> {
    /// Types a query with everything around it set aside.
    fn query(&mut self, query: &mut Query, naming: Naming) -> Columns {
        let (ctes, flow) = (self.ctes.len(), std::mem::take(&mut self.flow));
        let (aggregates, windows) = (std::mem::take(&mut self.aggregates), std::mem::take(&mut self.windows));
        self.refuse_clauses_of_others(query);
        if let Some(with) = &mut query.with {
            self.with(with);
        }
        let Query { body, order_by, limit_clause, .. } = query;
        let columns = match &mut **body {
            SetExpr::Select(select) => self.select(select, order_by.as_mut(), naming),
            body => {
                let columns = self.set_expr(body, naming);
                if let Some(order_by) = order_by {
                    self.order_of(order_by, columns.as_deref());
                }
                columns
            }
        };
        if let Some(limit) = limit_clause {
            self.limit(limit);
        }
        self.ctes.truncate(ctes);
        (self.flow, self.aggregates, self.windows) = (flow, aggregates, windows);
        columns
    }

    fn refuse_clauses_of_others(&mut self, query: &Query) {
        let clause = if query.fetch.is_some() {
            "`fetch` is not known here; write `limit`"
        } else if !query.locks.is_empty() {
            "`for update` has no place in a query that only reads"
        } else if query.for_clause.is_some() || query.settings.is_some() || query.format_clause.is_some() {
            "the engine does not know this clause"
        } else if !query.pipe_operators.is_empty() {
            "write the query with clauses, not with `|>`"
        } else {
            return;
        };
        self.unsupported(query, clause);
    }

    fn with(&mut self, with: &mut With) {
        let first = self.ctes.len();
        let recursive = with.recursive;
        for cte in &mut with.cte_tables {
            let name = defined(&cte.alias.name);
            let span = self.report.place(cte.alias.name.span);
            if self.ctes[first..].iter().any(|c| c.name == name) {
                let message = format!("`{name}` is defined twice");
                self.report.push(Diagnostic::error("duplicate-relation", span, message));
            }
            if let Some(from) = &cte.from {
                let span = self.report.place(from.span);
                self.report.push(Diagnostic::error("sql-unsupported", span, "the engine does not know this clause"));
            }
            let naming = if cte.alias.columns.is_empty() { Naming::Inner } else { Naming::Free };
            let columns = match &mut *cte.query.body {
                SetExpr::SetOperation { op: SetOperator::Union, left, right, .. } if recursive => {
                    let seed = self.set_expr(left, naming);
                    let seed = self.rename(seed, &mut cte.alias);
                    self.ctes.push(Cte { name: name.clone(), columns: seed.clone() });
                    let step = self.set_expr(right, Naming::Free);
                    self.ctes.pop();
                    self.fit(seed, step, &**right)
                }
                _ => {
                    let columns = self.query(&mut cte.query, naming);
                    self.rename(columns, &mut cte.alias)
                }
            };
            cte.alias.name = quoted(name.clone(), cte.alias.name.span);
            self.ctes.push(Cte { name, columns });
        }
    }

    /// Gives columns the names of an alias such as `t(a, b)`, and writes those out exactly.
    fn rename(&mut self, columns: Columns, alias: &mut TableAlias) -> Columns {
        if alias.columns.is_empty() {
            return columns;
        }
        let names: Vec<String> = alias.columns.iter().map(|c| defined(&c.name)).collect();
        for (column, name) in alias.columns.iter_mut().zip(&names) {
            let span = column.name.span;
            *column = TableAliasColumnDef { name: quoted(name.clone(), span), data_type: None };
        }
        let mut columns = columns?;
        if columns.len() != names.len() {
            let span = self.report.place(alias.name.span);
            let message = format!("{} names for {} columns", names.len(), columns.len());
            self.report.push(Diagnostic::error("column-count", span, message));
            return None;
        }
        for (column, name) in columns.iter_mut().zip(names) {
            column.name = name;
        }
        Some(columns)
    }

    fn set_expr(&mut self, body: &mut SetExpr, naming: Naming) -> Columns {
        match body {
            SetExpr::Select(select) => self.select(select, None, naming),
            SetExpr::Query(query) => self.query(query, naming),
            SetExpr::Values(values) => self.values(values),
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                let (op, quantifier) = (*op, *set_quantifier);
                if op == SetOperator::Minus {
                    self.unsupported(&**right, "the engine has no `minus`; write `except`");
                }
                let a = self.set_expr(left, naming);
                let by_name = matches!(
                    quantifier,
                    SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName
                );
                let b = self.set_expr(right, if by_name { naming } else { Naming::Free });
                match op {
                    _ if by_name => self.by_names(a, b),
                    SetOperator::Union => self.fit(a, b, &**right),
                    // Rows of the left side only come out.
                    _ => {
                        self.fit(a.clone(), b, &**right)?;
                        a
                    }
                }
            }
            other => {
                let other = other.clone();
                self.unsupported(&other, "write `select * from …`");
                None
            }
        }
    }

    /// The columns of a union: the left side's names, and types that fit both.
    fn fit(&mut self, left: Columns, right: Columns, at: &impl Spanned) -> Columns {
        let (left, right) = (left?, right?);
        if left.len() != right.len() {
            let span = self.report.span(at);
            let message = format!("this query has {} columns, and the one before it {}", right.len(), left.len());
            self.report.push(Diagnostic::error("column-count", span, message));
            return None;
        }
        let mut columns = vec![];
        let mut both = Both::default();
        for (a, b) in left.into_iter().zip(right) {
            let ty = types::common(&[a.ty.clone(), b.ty.clone()]).unwrap_or_else(|| {
                let span = self.report.span(at);
                let message = format!("column `{}` is {} here, and {} in the query before", a.name, b.ty, a.ty);
                self.report.push(Diagnostic::error("type-mismatch", span, message).hint("cast one of them"));
                SqlType::Unknown
            });
            let origin = both.origin(self, a.origin, b.origin);
            let inputs =
                if b.inputs.is_empty() { a.inputs } else { Rc::new(a.inputs.union(&b.inputs).cloned().collect()) };
            columns.push(Col { name: a.name, ty, origin, inputs });
        }
        Some(columns)
    }

    fn values(&mut self, values: &mut Values) -> Columns {
        let mut columns: Vec<(Vec<SqlType>, BTreeSet<_>)> = vec![];
        let allow = Allow { subqueries: true, ..Allow::scalar("`values`") };
        for (index, row) in values.rows.iter_mut().enumerate() {
            if index == 0 {
                columns.resize_with(row.content.len(), Default::default);
            } else if row.content.len() != columns.len() {
                let span = self.report.span(row);
                let message = format!("this row has {} values, and the first one {}", row.content.len(), columns.len());
                self.report.push(Diagnostic::error("column-count", span, message));
                return None;
            }
            for (value, (types, inputs)) in row.content.iter_mut().zip(&mut columns) {
                let ty = self.within(allow, |typer| typer.expr(value));
                if types::common(&[types.clone(), vec![ty.clone()]].concat()).is_none() {
                    self.mismatch(value, format!("this is {ty}, and a row before has something else here"), None);
                }
                types.push(ty);
                inputs.append(&mut self.flow);
            }
        }
        let columns = columns.into_iter().enumerate().map(|(i, (types, inputs))| Col {
            name: format!("column{}", i + 1),
            ty: types::common(&types).unwrap_or(SqlType::Unknown),
            origin: None,
            inputs: Rc::new(inputs),
        });
        Some(columns.collect())
    }

    /// `union by name`: columns of the same name go together, the others stand beside them.
    fn by_names(&mut self, left: Columns, right: Columns) -> Columns {
        let (mut left, right) = (left?, right?);
        let mut both = Both::default();
        for b in right {
            match left.iter_mut().find(|a| a.name == b.name) {
                Some(a) => {
                    a.ty = types::common(&[a.ty.clone(), b.ty]).unwrap_or(SqlType::Unknown);
                    a.origin = both.origin(self, a.origin.take(), b.origin);
                    a.inputs = Rc::new(a.inputs.union(&b.inputs).cloned().collect());
                }
                None => left.push(Col { origin: None, ..b }),
            }
        }
        Some(left)
    }

    /// Types the `order by` of what is no plain select: only its own columns can be named.
    fn order_of(&mut self, order_by: &mut OrderBy, columns: Option<&[Col]>) {
        let Some(columns) = columns else { return };
        let mut frame = Frame::new(vec![]);
        frame.aliases = columns.to_vec();
        frame.when = Aliases::First;
        self.frames.push(frame);
        self.order_by(order_by, columns.len(), Allow::scalar("`order by`"));
        self.frames.pop();
    }

    fn order_by(&mut self, order_by: &mut OrderBy, columns: usize, allow: Allow) {
        if order_by.interpolate.is_some() {
            self.unsupported(&*order_by, "the engine does not know `interpolate`");
        }
        let OrderByKind::Expressions(exprs) = &mut order_by.kind else { return };
        for order in exprs {
            if order.with_fill.is_some() {
                self.unsupported(&order.expr, "the engine does not know `with fill`");
            }
            if self.ordinal(&order.expr, columns).is_some() {
                continue;
            }
            // Alone, a name is first one of the select list; inside an expression it is first a column.
            let when = if matches!(order.expr, Expr::Identifier(_)) { Aliases::First } else { Aliases::Last };
            if let Some(frame) = self.frames.last_mut() {
                frame.when = when;
            }
            self.within(allow, |typer| typer.expr(&mut order.expr));
        }
    }

    /// The index that a bare number in `group by` or `order by` means, or an index after reporting a wrong one.
    fn ordinal(&mut self, expr: &Expr, columns: usize) -> Option<usize> {
        let Expr::Value(value) = expr else { return None };
        let Value::Number(digits, _) = &value.value else { return None };
        let number = digits.parse::<usize>().ok().filter(|n| (1..=columns).contains(n));
        if number.is_none() {
            let span = self.report.place(value.span);
            let message = format!("there is no column {digits}; the select list has {columns}");
            self.report.push(Diagnostic::error("bad-ordinal", span, message));
        }
        Some(number.unwrap_or(1) - 1)
    }

    fn limit(&mut self, limit: &mut LimitClause) {
        let exprs = match limit {
            LimitClause::LimitOffset { limit, offset, limit_by } => {
                if let [by, ..] = limit_by.as_slice() {
                    let by = by.clone();
                    self.unsupported(&by, "the engine has no `limit … by`");
                }
                vec![limit.as_mut(), offset.as_mut().map(|o| &mut o.value)]
            }
            LimitClause::OffsetCommaLimit { offset, limit } => vec![Some(limit), Some(offset)],
        };
        for expr in exprs.into_iter().flatten() {
            if matches!(expr, Expr::UnaryOp { .. }) {
                self.unsupported(&*expr, "a limit is not negative");
            }
            self.argument(expr, Arg::Integer, "limit");
        }
    }

    /// The hint for a name that is not there.
    fn near(name: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
        let names: Vec<String> = names.into_iter().collect();
        did_you_mean(name, names.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`?"))
    }
}

/// Where the columns of a union come from: the same number for those of which both sides read one row each.
#[derive(Debug, Default)]
struct Both(BTreeMap<(usize, usize), usize>);

impl Both {
    /// What a column is unchanged, if it is the same on both sides.
    fn origin(&mut self, typer: &mut Typer<'_>, a: Option<Unchanged>, b: Option<Unchanged>) -> Option<Unchanged> {
        let (a, b) = (a?, b?);
        let pair = (a.occurrence, b.occurrence);
        let occurrence = *self.0.entry(pair).or_insert_with(|| typer.next_occurrence());
        (a.origin == b.origin).then_some(Unchanged { origin: a.origin, occurrence })
    }
}
