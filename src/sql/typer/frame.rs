//! What an expression can see, and how a name is looked up in it.

use std::collections::BTreeSet;
use std::rc::Rc;

use kinfold_base::{Column, SqlType, TableSchema};
use sqlparser::ast::Ident;

use crate::{Origin, Scope, TableRef, Unchanged};

/// A column of rows that stand in a `from`.
#[derive(Debug, Clone)]
pub(crate) struct Col {
    pub(crate) name: String,
    pub(crate) ty: SqlType,
    pub(crate) origin: Option<Unchanged>,
    pub(crate) inputs: Rc<BTreeSet<Origin>>,
}

impl Col {
    pub(crate) fn of_table(table: &TableRef, column: Column, occurrence: usize) -> Self {
        let origin = Origin { table: table.clone(), column: column.name.clone() };
        let inputs = Rc::new(BTreeSet::from([origin.clone()]));
        Self { name: column.name, ty: column.ty, origin: Some(Unchanged { origin, occurrence }), inputs }
    }

    pub(crate) fn schema(columns: &[Self]) -> TableSchema {
        TableSchema::new(columns.iter().map(|c| (c.name.clone(), c.ty.clone())))
    }
}

/// Rows that can be named.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// What may stand before [`Rows::name`]: the schema of a table without an alias.
    pub(crate) schema: Option<String>,
    /// What a column may be qualified with.
    pub(crate) name: Option<String>,
    /// What columns are qualified with in the resolved SQL.
    pub(crate) emit: Option<String>,
    /// Absent where they are not known.
    pub(crate) columns: Option<Vec<Col>>,
}

/// When names of a select list count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aliases {
    Hidden,
    /// Where no column of the `from` has the name.
    Last,
    /// Before columns of the `from`.
    First,
}

/// A column that stands for columns of the same name of several tables.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    pub(crate) name: String,
    /// What qualifies it. Of several, the first that is not null counts.
    pub(crate) emit: Vec<String>,
}

/// All rows of one `from`.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) rows: Vec<Rows>,
    /// Columns that `using` made one of several.
    pub(crate) merged: Vec<Merged>,
    /// The select list.
    pub(crate) aliases: Vec<Col>,
    pub(crate) when: Aliases,
}

/// A column that a name was found to mean.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) qualifiers: Vec<String>,
    pub(crate) table: Option<TableRef>,
    pub(crate) col: Col,
    /// How many identifiers were used up; the rest name fields.
    pub(crate) used: usize,
}

/// What came of a look-up in one frame.
pub(crate) enum Lookup {
    Hit(Box<Hit>),
    Ambiguous(Vec<String>),
    /// The qualifier is right, so the column is wrong: it is the identifier of this index.
    NoColumn {
        at: usize,
        table: String,
        names: Vec<String>,
    },
    Nothing,
}

impl Frame {
    pub(crate) fn new(rows: Vec<Rows>) -> Self {
        Self { rows, merged: vec![], aliases: vec![], when: Aliases::Hidden }
    }

    /// The frame of a caller's scope.
    pub(crate) fn of_scope(scope: &Scope) -> Self {
        let several = scope.relations.len() > 1;
        Self::new(
            scope
                .relations
                .iter()
                .map(|relation| {
                    let table = (relation.schema.clone(), relation.name.clone().unwrap_or_default());
                    let columns = relation
                        .columns
                        .as_ref()
                        .map(|schema| schema.columns.iter().map(|c| Col::of_table(&table, c.clone(), 0)).collect());
                    Rows {
                        schema: relation.schema.clone(),
                        name: relation.name.clone(),
                        emit: relation.name.clone().filter(|_| several),
                        columns,
                    }
                })
                .collect(),
        )
    }

    pub(crate) fn lookup(&self, idents: &[Ident]) -> Lookup {
        let mut wrong = None;
        for qualifiers in (1..idents.len().min(3)).rev() {
            let Some(rows) = self.rows_named(&idents[..qualifiers]) else { continue };
            let same = |r: &&Rows| qualifiers == 1 && r.name == rows.name;
            if self.rows.iter().filter(same).count() > 1 {
                return Lookup::Ambiguous(self.rows.iter().filter(same).map(full_name).collect());
            }
            let name = &idents[qualifiers].value;
            let used = qualifiers + 1;
            match &rows.columns {
                None => return Lookup::Hit(Box::new(open(rows, name, used))),
                Some(columns) => match pick(columns, name, |c| &c.name).as_slice() {
                    [] if wrong.is_none() => {
                        wrong = Some(Lookup::NoColumn {
                            at: qualifiers,
                            table: rows.name.clone().unwrap_or_default(),
                            names: columns.iter().map(|c| c.name.clone()).collect(),
                        });
                    }
                    [] => {}
                    [col, ..] => return Lookup::Hit(Box::new(hit(rows, col, used))),
                },
            }
        }
        match self.unqualified(&idents[0].value) {
            Lookup::Nothing => wrong.unwrap_or(Lookup::Nothing),
            found => found,
        }
    }

    /// The rows that `table` or `schema.table` names.
    pub(crate) fn rows_named(&self, qualifiers: &[Ident]) -> Option<&Rows> {
        let (schema, name) = match qualifiers {
            [name] => (None, &name.value),
            [schema, name] => (Some(&schema.value), &name.value),
            _ => return None,
        };
        let named: Vec<&Rows> = self.rows.iter().filter(|r| r.name.is_some()).collect();
        let fits = |rows: &&&Rows, same: fn(&str, &str) -> bool| {
            rows.name.as_deref().is_some_and(|n| same(n, name))
                && schema.is_none_or(|s| rows.schema.as_deref().is_some_and(|r| same(r, s)))
        };
        let exact = |a: &str, b: &str| a == b;
        let loose = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        named.iter().find(|r| fits(r, exact)).or_else(|| named.iter().find(|r| fits(r, loose))).copied()
    }

    fn unqualified(&self, name: &str) -> Lookup {
        let alias = || {
            pick(&self.aliases, name, |c| &c.name).first().map(|col| {
                let col = (*col).clone();
                Lookup::Hit(Box::new(Hit { qualifiers: vec![], table: None, col, used: 1 }))
            })
        };
        if self.when == Aliases::First
            && let Some(found) = alias()
        {
            return found;
        }
        let known: Vec<(&Rows, &Col)> =
            self.rows.iter().flat_map(|r| r.columns.iter().flatten().map(move |c| (r, c))).collect();
        let found = pick(&known, name, |(_, c)| &c.name);
        if let [(rows, col), rest @ ..] = found.as_slice() {
            let merged = self.merged.iter().find(|m| m.name == col.name);
            if !rest.is_empty() && merged.is_none() {
                let tables = found.iter().map(|(r, _)| full_name(r)).collect();
                return Lookup::Ambiguous(tables);
            }
            let mut found = hit(rows, col, 1);
            if let Some(merged) = merged {
                found.qualifiers.clone_from(&merged.emit);
                found.col = self.merged_col(merged).unwrap_or(found.col);
            }
            return Lookup::Hit(Box::new(found));
        }
        if self.when == Aliases::Last
            && let Some(found) = alias()
        {
            return found;
        }
        match self.rows.iter().filter(|r| r.columns.is_none()).collect::<Vec<_>>().as_slice() {
            [] => Lookup::Nothing,
            [rows] => Lookup::Hit(Box::new(open(rows, name, 1))),
            [rows, ..] => Lookup::Hit(Box::new(Hit { qualifiers: vec![], ..open(rows, name, 1) })),
        }
    }

    /// The column that a merged one is, or that several make together.
    pub(crate) fn merged_col(&self, merged: &Merged) -> Option<Col> {
        let of = |emit: &String| {
            let rows = self.rows.iter().find(|r| r.emit.as_ref() == Some(emit))?;
            rows.columns.as_ref()?.iter().find(|c| c.name == merged.name)
        };
        let mut cols = merged.emit.iter().filter_map(of);
        let first = cols.next()?.clone();
        Some(cols.fold(first, |a, b| {
            let inputs = Rc::new(a.inputs.union(&b.inputs).cloned().collect());
            Col { origin: None, inputs, ..a }
        }))
    }

    /// Every name that an unqualified column may have.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let columns = self.rows.iter().flat_map(|r| r.columns.iter().flatten());
        let aliases = self.aliases.iter().filter(|_| self.when != Aliases::Hidden);
        columns.chain(aliases).map(|c| c.name.as_str())
    }
}

/// How to name rows so that no others are meant.
fn full_name(rows: &Rows) -> String {
    let name = rows.name.clone().unwrap_or_default();
    match &rows.schema {
        Some(schema) if rows.emit.as_ref() != Some(&name) => format!("{schema}.{name}"),
        _ => name,
    }
}

fn hit(rows: &Rows, col: &Col, used: usize) -> Hit {
    let table = rows.name.as_ref().map(|name| (rows.schema.clone(), name.clone()));
    Hit { qualifiers: rows.emit.iter().cloned().collect(), table, col: col.clone(), used }
}

/// A column of rows that we know nothing of.
fn open(rows: &Rows, name: &str, used: usize) -> Hit {
    let col = Col { name: name.to_owned(), ty: SqlType::Unknown, origin: None, inputs: Rc::default() };
    hit(rows, &col, used)
}

/// Items of exactly that name or, failing that, those that differ just in case.
pub(crate) fn pick<'a, T>(items: &'a [T], name: &str, key: impl Fn(&T) -> &str) -> Vec<&'a T> {
    let exact: Vec<&T> = items.iter().filter(|i| key(i) == name).collect();
    if exact.is_empty() { items.iter().filter(|i| key(i).eq_ignore_ascii_case(name)).collect() } else { exact }
}
