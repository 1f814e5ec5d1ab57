//! The planner: a checked project becomes steps, each a SQL syntax tree and the table that it makes. Pure: the same project and
//! the same input give the same bytes.
//!
//! | place | what it plans |
//! |---|---|
//! | `sources` | what is promised of sources, as queries that must give no rows |
//! | `identity` | what the clustering kernel is fed, and how a row finds its profile |
//! | `matching` | which records are compared, and how likely each pair is to match |
//! | `traits` | one scan of each table for everything that traits and segments ask of it, and the profiles made of those |
//! | `segments` | all members of all segments in one pass, and who entered and left |
//! | `delivery` | the queries of a sync |
//! | `health` | what runs counted of an entity's identity |
//! | `compare` | two versions of the rules over the same data |
//! | `explain` | the rows that connect the values of a profile, and what was refused |
//! | `sql`, `dialect` | syntax trees, and how they become text |
//!
//! A user's expression is evaluated where only the columns that it was checked against are in scope; every name beside
//! them is made up here. Deliberately absent: input and output, async code, any engine, and SQL put together as text.

pub mod compare;
pub mod delivery;
mod dialect;
pub mod explain;
pub mod health;
mod identity;
pub mod inspect;
pub mod matching;
mod segments;
mod select;
mod sources;
mod sql;
mod step;
mod steps;
mod tables;
#[cfg(test)]
mod tests;
mod traits;

pub use dialect::render;
pub use identity::{Contraction, MakeTable};
pub use segments::segments_table;
pub use select::select;
pub use sqlparser::ast::Query;
pub use step::{
    KeepTable, Output, Plan, Resolve, ResolveIdentifier, ResolveMatches, ResolvePin, ResolveRows, ResolveTable,
    ResolveTables, Step, StepKind, Work,
};
pub use steps::{PlanInput, plan};
pub use tables::{entity_tables, log_tables, resolve_tables, tables_of_sync};

/// How SQL is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    DataFusion,
    PostgreSql,
}
