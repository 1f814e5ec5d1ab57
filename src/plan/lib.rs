//! The planner: a checked project becomes steps, each a SQL AST and the table that it makes. Pure.

mod step;

pub use step::{KeepTable, Output, Plan, Resolve, ResolveIdentifier, ResolveRows, Step, StepKind, Work};

/// How SQL is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    DataFusion,
    PostgreSql,
}
