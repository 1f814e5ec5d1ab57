use sqlparser::ast::Query;

use super::{OUTCOMES_TABLE, PLAN_TABLE};
use crate::sql::{Select, col, col_of, eq, kinfold, relation, text};

/// What became of each row of a plan that was sent: the columns of `sync_log`.
#[must_use]
pub fn log_query(run_id: &str, sync: &str, destination: &str) -> Query {
    let table = |name, alias| relation(Some("files"), name, Some(alias));
    Select::from(table(PLAN_TABLE, "p"))
        .join(table(OUTCOMES_TABLE, "o"), eq(col_of("o", "_row"), col_of("p", "_row")))
        .item(text(run_id), "run_id")
        .item(text(sync), "sync")
        .item(text(destination), "destination")
        .item(col_of("p", "_key"), "key")
        .item(col_of("p", "_operation"), "operation")
        .item(col_of("o", "_outcome"), "outcome")
        .item(col_of("o", "_reason"), "reason")
        .item(col_of("o", "_attempts"), "attempts")
        .item(col_of("o", "_at"), "at")
        .query()
}

/// A row for each row of a log table, `sync_log` or `sync_runs`, that a run of a sync has written.
#[must_use]
pub fn logged_query(table: &str, run_id: &str, sync: &str) -> Query {
    Select::from(kinfold(table, "l"))
        .column("run_id")
        .filter([eq(col("run_id"), text(run_id)), eq(col("sync"), text(sync))])
        .query()
}
