//! Queries.

use kinfold_lang::project::TableName;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    Cte, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, LimitClause, ObjectName, Offset, OffsetRows,
    OrderBy, OrderByKind, Parens, Query, Select as SelectAst, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, TableAlias, TableAliasColumnDef, TableFactor,
    TableWithJoins, Values, WildcardAdditionalOptions, With,
};

use super::expr::{Sort, and, col, ident, int};

/// A table by its full name, under its own name. Models and our own tables are in the schema `kinfold`.
pub(crate) fn table(name: &TableName) -> TableFactor {
    relation(Some(name.schema.as_deref().unwrap_or("kinfold")), &name.name, None)
}

/// One of our own tables.
pub(crate) fn kinfold(name: &str, alias: &str) -> TableFactor {
    relation(Some("kinfold"), name, Some(alias))
}

/// One of our own tables, as the last run left it.
pub(crate) fn previous(name: &str, alias: &str) -> TableFactor {
    relation(Some("previous"), name, Some(alias))
}

/// Of one of our own tables that a run changes in place, the rows that it added; of any other that it writes, all.
pub(crate) fn written(name: &str, alias: &str) -> TableFactor {
    relation(Some("_written"), name, Some(alias))
}

pub(crate) fn relation(schema: Option<&str>, name: &str, alias: Option<&str>) -> TableFactor {
    let parts: Vec<Ident> = schema.into_iter().chain([name]).map(ident).collect();
    TableFactor::Table {
        name: ObjectName::from(parts),
        alias: alias.map(table_alias),
        args: None,
        with_hints: vec![],
        version: None,
        with_ordinality: false,
        partitions: vec![],
        json_path: None,
        sample: None,
        index_hints: vec![],
    }
}

/// A query in brackets.
pub(crate) fn derived(query: Query, alias: &str) -> TableFactor {
    TableFactor::Derived { lateral: false, subquery: Box::new(query), alias: Some(table_alias(alias)), sample: None }
}

/// A query in brackets, its columns under other names.
pub(crate) fn derived_columns(query: Query, alias: &str, columns: &[&str]) -> TableFactor {
    let column = |name: &&str| TableAliasColumnDef { name: ident(name), data_type: None };
    let alias = TableAlias { columns: columns.iter().map(column).collect(), ..table_alias(alias) };
    TableFactor::Derived { lateral: false, subquery: Box::new(query), alias: Some(alias), sample: None }
}

/// Rows of constants, of which there is at least one, and the names of their columns.
pub(crate) fn constant_rows(rows: Vec<Vec<Expr>>, alias: &str, columns: &[&str]) -> TableFactor {
    let rows = rows.into_iter().map(Parens::with_empty_span).collect();
    let values = Values { explicit_row: false, value_keyword: false, rows };
    derived_columns(query_of(SetExpr::Values(values)), alias, columns)
}

fn table_alias(name: &str) -> TableAlias {
    TableAlias { explicit: true, name: ident(name), columns: vec![], at: None }
}

/// One `SELECT`, built step by step.
#[derive(Debug, Clone)]
pub(crate) struct Select {
    items: Vec<SelectItem>,
    /// None for constants alone.
    from: Option<TableWithJoins>,
    filter: Vec<Expr>,
    group: Vec<Expr>,
    having: Vec<Expr>,
    order: Vec<Sort>,
    limit: Option<u32>,
    offset: Option<u64>,
}

impl Select {
    pub(crate) fn from(relation: TableFactor) -> Self {
        Self { from: Some(TableWithJoins { relation, joins: vec![] }), ..Self::of_constants() }
    }

    /// One row, made of nothing.
    pub(crate) fn of_constants() -> Self {
        Self {
            items: vec![],
            from: None,
            filter: vec![],
            group: vec![],
            having: vec![],
            order: vec![],
            limit: None,
            offset: None,
        }
    }

    /// From a stage, under its own name.
    pub(crate) fn from_stage(name: &str) -> Self {
        Self::from(relation(None, name, None))
    }

    pub(crate) fn item(mut self, expr: Expr, name: &str) -> Self {
        self.items.push(SelectItem::ExprWithAlias { expr, alias: ident(name) });
        self
    }

    pub(crate) fn items(self, items: impl IntoIterator<Item = (Expr, String)>) -> Self {
        items.into_iter().fold(self, |select, (expr, name)| select.item(expr, &name))
    }

    /// A column under its own name.
    pub(crate) fn column(mut self, name: &str) -> Self {
        self.items.push(SelectItem::UnnamedExpr(col(name)));
        self
    }

    pub(crate) fn columns<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().fold(self, Select::column)
    }

    /// Every column of a relation.
    pub(crate) fn all_of(mut self, alias: &str) -> Self {
        let name = ObjectName::from(vec![ident(alias)]);
        self.items.push(SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            WildcardAdditionalOptions::default(),
        ));
        self
    }

    pub(crate) fn join(self, relation: TableFactor, on: Expr) -> Self {
        self.join_as(relation, JoinOperator::Join(JoinConstraint::On(on)))
    }

    pub(crate) fn left_join(self, relation: TableFactor, on: Expr) -> Self {
        self.join_as(relation, JoinOperator::Left(JoinConstraint::On(on)))
    }

    pub(crate) fn right_join(self, relation: TableFactor, on: Expr) -> Self {
        self.join_as(relation, JoinOperator::Right(JoinConstraint::On(on)))
    }

    pub(crate) fn full_join(self, relation: TableFactor, on: Expr) -> Self {
        self.join_as(relation, JoinOperator::FullOuter(JoinConstraint::On(on)))
    }

    fn join_as(mut self, relation: TableFactor, join_operator: JoinOperator) -> Self {
        if let Some(from) = &mut self.from {
            from.joins.push(Join { relation, global: false, join_operator });
        }
        self
    }

    /// Rows for which every condition given holds.
    pub(crate) fn filter(mut self, condition: impl IntoIterator<Item = Expr>) -> Self {
        self.filter.extend(condition);
        self
    }

    pub(crate) fn group_by<'a>(mut self, columns: impl IntoIterator<Item = &'a str>) -> Self {
        self.group.extend(columns.into_iter().map(col));
        self
    }

    pub(crate) fn having(mut self, condition: Expr) -> Self {
        self.having.push(condition);
        self
    }

    pub(crate) fn order_by(mut self, sort: Vec<Sort>) -> Self {
        self.order = sort;
        self
    }

    /// At most so many rows, the first of them.
    pub(crate) fn limit(mut self, rows: u32) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Without the first so many rows.
    pub(crate) fn offset(mut self, rows: u64) -> Self {
        self.offset = Some(rows);
        self
    }

    pub(crate) fn query(self) -> Query {
        let all = |conditions: Vec<Expr>| (!conditions.is_empty()).then(|| and(conditions));
        let select = SelectAst {
            select_token: AttachedToken::empty(),
            optimizer_hints: vec![],
            distinct: None,
            select_modifiers: None,
            top: None,
            top_before_distinct: false,
            projection: self.items,
            exclude: None,
            into: None,
            from: self.from.into_iter().collect(),
            lateral_views: vec![],
            prewhere: None,
            selection: all(self.filter),
            connect_by: vec![],
            group_by: GroupByExpr::Expressions(self.group, vec![]),
            cluster_by: vec![],
            distribute_by: vec![],
            sort_by: vec![],
            having: all(self.having),
            named_window: vec![],
            qualify: None,
            window_before_qualify: false,
            value_table_mode: None,
            flavor: SelectFlavor::Standard,
        };
        let order = self.order.into_iter().map(Sort::build).collect::<Vec<_>>();
        let mut query = query_of(SetExpr::Select(Box::new(select)));
        query.order_by =
            (!order.is_empty()).then_some(OrderBy { kind: OrderByKind::Expressions(order), interpolate: None });
        let offset = self.offset.map(|rows| Offset { value: int(rows), rows: OffsetRows::None });
        query.limit_clause = (self.limit.is_some() || offset.is_some()).then(|| LimitClause::LimitOffset {
            limit: self.limit.map(int),
            offset,
            limit_by: vec![],
        });
        query
    }
}

fn query_of(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: vec![],
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: vec![],
    }
}

/// Rows of all queries, none left out. `None` if there are none.
pub(crate) fn union_all(queries: impl IntoIterator<Item = Query>) -> Option<Query> {
    let body = queries.into_iter().map(|q| *q.body).reduce(|left, right| SetExpr::SetOperation {
        left: Box::new(left),
        op: SetOperator::Union,
        set_quantifier: SetQuantifier::All,
        right: Box::new(right),
    })?;
    Some(query_of(body))
}

/// Named queries, each over the ones before it, that end in one query: `WITH a AS (…), b AS (…) SELECT …`.
///
/// Names are ours alone: inside a stage a user's tables are always named with their schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stages(Vec<Cte>);

impl Stages {
    pub(crate) fn add(&mut self, name: &str, query: Query) {
        self.0.push(Cte {
            alias: TableAlias { explicit: false, ..table_alias(name) },
            query: Box::new(query),
            from: None,
            materialized: None,
            closing_paren_token: AttachedToken::empty(),
        });
    }

    pub(crate) fn finish(self, mut query: Query) -> Query {
        if !self.0.is_empty() {
            query.with = Some(With { with_token: AttachedToken::empty(), recursive: false, cte_tables: self.0 });
        }
        query
    }
}
