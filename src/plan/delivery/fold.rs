use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::{LEDGER_TABLE, OUTCOMES_TABLE, PLAN_TABLE};
use crate::sql::{
    Select, Sort, Stages, and, binary, boolean, case, case_of, coalesce, col, col_of, eq, in_list, int, is_null, null,
    or, relation, text,
};

/// The ledger's columns, without its key.
const COLUMNS: [&str; 10] =
    ["_identity", "_hash", "_state", "_sent_hash", "_operation", "_held", "_run", "_attempts", "_reason", "_at"];

/// The ledger that follows from an older one, a plan, and the outcomes of its rows, in the order of `_key`.
#[must_use]
pub fn fold_query() -> Query {
    let mut stages = Stages::default();
    stages.add("done", done());
    stages.add("cases", cases());
    let query = Select::from_stage("cases")
        .column("_key")
        .items(COLUMNS.map(|name| (column(name), name.to_owned())))
        .filter([binary(col("_case"), BinaryOperator::NotEq, text("gone"))])
        .order_by(vec![Sort::up(col("_key"))]);
    stages.finish(query.query())
}

/// Planned rows that have an outcome: one that has none was never sent.
fn done() -> Query {
    let planned = |name: &str| (col_of("p", name), name.to_owned());
    let outcome = |name: &str| (col_of("o", name), name.to_owned());
    let table = |name, alias| relation(Some("files"), name, Some(alias));
    Select::from(table(PLAN_TABLE, "p"))
        .join(table(OUTCOMES_TABLE, "o"), eq(col_of("o", "_row"), col_of("p", "_row")))
        .items(["_key", "_identity", "_hash", "_operation", "_run"].map(planned))
        .items(["_outcome", "_reason", "_attempts", "_at"].map(outcome))
        .filter([binary(col_of("p", "_operation"), BinaryOperator::NotEq, text("invalid"))])
        .query()
}

/// What was beside what was done, and what follows from it: the row stays as it is (`kept`), goes (`gone`), or is now
/// `acknowledged`, `cleared` or `failed`.
fn cases() -> Query {
    let done = |name: &str| col_of("done", name);
    let ok = |operations: &[&str]| {
        let operation = in_list(done("_operation"), operations.iter().map(|o| text(o)).collect(), false);
        and([eq(done("_outcome"), text("ok")), operation])
    };
    let case = case(
        [
            (is_null(done("_outcome")), text("kept")),
            (ok(&["delete", "forget"]), text("gone")),
            (ok(&["clear"]), text("cleared")),
            (eq(done("_outcome"), text("ok")), text("acknowledged")),
        ],
        Some(text("failed")),
    );
    let old = COLUMNS.map(|name| (col_of("ledger", name), format!("old{name}")));
    let new = ["_identity", "_hash", "_operation", "_run", "_outcome", "_reason", "_attempts", "_at"];
    Select::from(relation(Some("files"), LEDGER_TABLE, Some("ledger")))
        .full_join(relation(None, "done", None), eq(done("_key"), col_of("ledger", "_key")))
        .item(coalesce(vec![col_of("ledger", "_key"), done("_key")]), "_key")
        .item(case, "_case")
        .items(old)
        .items(new.map(|name| (done(name), format!("new{name}"))))
        .query()
}

fn column(name: &str) -> Expr {
    let old = |name: &str| col(&format!("old{name}"));
    let new = |name: &str| col(&format!("new{name}"));
    let (acknowledged, cleared, failed) = match name {
        "_identity" => (new(name), old(name), coalesce(vec![old(name), new(name)])),
        "_hash" => (new(name), null(), old(name)),
        "_state" => (text("acknowledged"), text("cleared"), new("_outcome")),
        "_sent_hash" => (new("_hash"), null(), new("_hash")),
        "_held" => {
            let sends = ["insert", "update", "upsert"].map(text).to_vec();
            let maybe = and([eq(new("_outcome"), text("unknown")), in_list(new("_operation"), sends, false)]);
            (boolean(true), old(name), or([coalesce(vec![old(name), boolean(false)]), maybe]))
        }
        "_attempts" => {
            let spent = binary(coalesce(vec![old(name), int(0)]), BinaryOperator::Plus, new(name));
            (int(0), int(0), spent)
        }
        "_reason" => (null(), null(), new(name)),
        _ => (new(name), new(name), new(name)),
    };
    case_of(
        col("_case"),
        [(text("kept"), old(name)), (text("acknowledged"), acknowledged), (text("cleared"), cleared)],
        Some(failed),
    )
}
