//! SQL fragments that stand in project files: parsed, names resolved, typed, and their columns followed, without an engine.
//!
//! | function | takes | gives |
//! |---|---|---|
//! | [`parse_expr`], [`parse_query`] | text | sqlparser's AST, or a diagnostic at the wrong token |
//! | [`type_expr`] | an expression over a [`Scope`] | [`Typed`]: names quoted exactly, type, columns read |
//! | [`type_aggregate`] | a trait's `value:` | [`TypedAggregate`] |
//! | [`type_query`] | a model's query over a [`Catalog`] | [`TypedQuery`]: also schema, tables read, lineage |
//!
//! What comes out names every table in full and quotes every column exactly, so that nothing has to be resolved twice.
//! A function returns `None` when it has reported an error, or when a schema that it needs is not known (see [`Relation`]):
//! a caller that got `None` has nothing to add.
//!
//! The reference for names, functions and types is DataFusion 55. Where we are not sure, a type is `Unknown` and nothing is
//! reported: what is refused here surely fails, or surely means something else than it says.
//!
//! Deliberately absent: an engine, input and output, constant folding, and statements other than queries.

mod aggregate;
mod api;
mod functions;
mod ids;
mod literal;
mod parse;
mod query;
mod report;
mod typer;
mod types;
mod walk;

pub use aggregate::type_aggregate;
pub use api::{
    AggregateValue, Catalog, CatalogTable, ColumnRef, Context, Origin, Relation, Scope, TableRef, Typed,
    TypedAggregate, TypedQuery, Unchanged,
};
pub use ids::ids;
pub use parse::{parse_data_type, parse_expr, parse_query};
pub use query::type_query;
pub use typer::type_expr;
pub use types::{avg as average_type, common as common_type};
pub use walk::{
    any_expr, each_expr, each_expr_mut, floats_for_exponents, walk_expr, walk_expr_mut, walk_query, walk_query_mut,
};

#[cfg(test)]
mod tests;
