//! Delivery: the rows that a sync wants at its destination, what differs from the ledger, and the ledger that follows.
//!
//! The shapes of the ledger, the diff, the plan and the outcomes, and the rules by which the queries here are made, are written
//! down where they are read: in the sync engine's `ledger` module. The queries read those files as tables of the schema `files`.

mod diff;
mod fold;
mod log;
mod wanted;

pub use diff::diff_query;
pub use fold::fold_query;
pub use log::{log_query, logged_query};
pub use wanted::{wanted_count_query, wanted_query};

/// The name, in the schema `files`, of the sync's ledger.
pub const LEDGER_TABLE: &str = "ledger";
/// The name, in the schema `files`, of the plan that is folded into a ledger.
pub const PLAN_TABLE: &str = "plan";
/// The name, in the schema `files`, of the outcomes of a plan's rows.
pub const OUTCOMES_TABLE: &str = "outcomes";
