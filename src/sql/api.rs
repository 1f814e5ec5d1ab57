//! What callers hand in and get back.

use std::collections::BTreeSet;

use kinfold_base::{SqlType, TableSchema};
use sqlparser::ast;

/// A table's full name: schema (a source's name; none for a model) and name.
pub type TableRef = (Option<String>, String);

/// Tables that a query may read.
pub trait Catalog {
    /// Every table that there is, as written in the project.
    fn tables(&self) -> Vec<TableRef>;

    /// The table of exactly that name.
    fn table(&self, schema: Option<&str>, name: &str) -> Option<CatalogTable>;
}

/// A table in a [`Catalog`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogTable {
    Known(TableSchema),
    /// It exists, but its columns could not be found out, which somebody else has reported: see [`Relation`].
    Unknown,
}

/// Rows that an expression can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The schema of `name`, if any: `shop` in `shop.orders.amount`.
    pub schema: Option<String>,
    /// What a column may be qualified with; absent where there is nothing to qualify with.
    pub name: Option<String>,
    /// Absent where they could not be found out. Any column name is then taken for right, as of type `Unknown`.
    pub columns: Option<TableSchema>,
}

/// All rows that an expression can see.
///
/// With one relation, columns come out unqualified, whatever the author wrote; with several, qualified where that is needed to
/// tell them apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    pub relations: Vec<Relation>,
}

impl Scope {
    /// Columns that cannot be qualified, such as an entity's traits.
    #[must_use]
    pub fn columns(columns: TableSchema) -> Self {
        Self { relations: vec![Relation { schema: None, name: None, columns: Some(columns) }] }
    }

    /// The columns of one table; `None` if they are not known.
    pub fn table(schema: Option<&str>, name: impl Into<String>, columns: Option<TableSchema>) -> Self {
        Self { relations: vec![Relation { schema: schema.map(str::to_owned), name: Some(name.into()), columns }] }
    }

    /// The same and one more relation.
    #[must_use]
    pub fn and(mut self, relation: Relation) -> Self {
        self.relations.push(relation);
        self
    }
}

/// What an expression is for, and so what may stand in it. In none of them may aggregates, window functions or subqueries stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// A value for each row.
    Scalar,
    /// True or false for each row.
    Condition,
    /// An instant for each row: a date, a timestamp.
    Time,
}

/// A column of a [`Scope`], by its exact name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnRef {
    /// [`Relation::schema`] and [`Relation::name`], where the relation has a name.
    pub table: Option<TableRef>,
    pub column: String,
}

/// An expression whose names are resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Typed {
    pub expr: ast::Expr,
    pub ty: SqlType,
    /// The columns it reads, each once, in the order of first appearance.
    pub columns: Vec<ColumnRef>,
}

/// What a trait computes over a profile's rows.
#[derive(Debug, Clone, PartialEq)]
pub enum AggregateValue {
    /// Every column stands inside one of the calls `sum`, `count`, `count(distinct …)`, `min`, `max`, `avg`, `median`,
    /// `percentile(x, p)`, `first(x)`, `last(x)`; names of calls are in lower case.
    Plain(ast::Expr),
    /// The expression inside `most_frequent(x)`.
    MostFrequent(ast::Expr),
    /// The expression and the number of `top(x, n)`.
    Top { value: ast::Expr, count: u32 },
}

/// A trait's `value:`, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedAggregate {
    pub value: AggregateValue,
    pub ty: SqlType,
    /// As in [`Typed::columns`].
    pub columns: Vec<ColumnRef>,
    /// The first argument of each call in an [`AggregateValue::Plain`], and its type.
    pub arguments: Vec<(ast::Expr, SqlType)>,
    /// Whether it calls `first` or `last`, for which the rows must have a time.
    pub needs_time: bool,
}

/// A column of a table in the [`Catalog`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    pub table: TableRef,
    pub column: String,
}

/// The table column that an output column is unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchanged {
    pub origin: Origin,
    /// Which of the places in `from` where a table is read: columns of one place come from the same row of the table.
    pub occurrence: usize,
}

/// A query whose names are resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedQuery {
    /// Tables named in full, `"shop"."orders"` or `"model"`; columns quoted exactly; `*` spelt out.
    pub query: ast::Query,
    pub schema: TableSchema,
    /// Tables of the catalog that it reads, each once, sorted.
    pub reads: Vec<TableRef>,
    /// For each output column, the table column that it is unchanged, if it is one.
    pub origins: Vec<Option<Unchanged>>,
    /// For each output column, all table columns whose values flow into it. Columns that only choose rows (in `where`, `on`,
    /// `group by`, `order by`) are not among them.
    pub inputs: Vec<BTreeSet<Origin>>,
}
