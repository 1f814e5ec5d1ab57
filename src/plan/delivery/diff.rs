use std::iter::once;

use kinfold_base::SyncMode;
use kinfold_lang::project::{OnLeave, Project, Sync};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::LEDGER_TABLE;
use super::wanted::wanted_as;
use crate::sql::{
    Select, Sort, Stages, and, binary, boolean, call, case, case_of, cast_text, coalesce, col, col_of, concat, count_rows, eq,
    in_list, int, is_not_null, is_null, not, null, or, relation, text, window,
};

/// What differs between the wanted rows and the ledger: rows that need something, in the order of sending.
///
/// `full`: rows are sent again whatever the ledger says. `whole`: the destination takes only whole sets, so that a row which is no
/// longer wanted is gone from it with the next one.
#[must_use]
pub fn diff_query(project: &Project, sync: &Sync, full: bool, whole: bool) -> Query {
    let payload: Vec<String> = (0..sync.key.len() + sync.fields.len()).map(|i| i.to_string()).collect();
    let payload = || payload.iter().map(String::as_str);
    let mut stages = Stages::default();
    stages.add("rows", wanted_as(project, sync, |i, _| i.to_string()));
    let hash = call("kinfold_row_hash", payload().map(col).collect());
    let keyed = Select::from_stage("rows").item(key_text(sync.key.len(), hash.clone()), "_key").item(hash, "_hash");
    stages.add("keyed", keyed.columns(payload()).query());
    let same_key = window(count_rows(), vec![col("_key")], vec![]);
    stages.add("wanted", Select::from_stage("keyed").all_of("keyed").item(same_key, "_same_key").query());
    stages.add("compared", compared(sync, full, whole, payload()));
    stages.finish(needed(payload()))
}

/// The key in one canonical text; null if a part of it is. A sync without a key knows a row by all of it.
fn key_text(columns: usize, hash: Expr) -> Expr {
    let part = |i: usize| cast_text(col(&i.to_string()));
    match columns {
        0 => hash,
        1 => part(0),
        // Parted by commas; a backslash before a comma or a backslash inside a part tells them from those between parts.
        _ => {
            let replace = |value, from: &str, to: &str| call("replace", vec![value, text(from), text(to)]);
            let escaped = |i| replace(replace(part(i), "\\", "\\\\"), ",", "\\,");
            concat((0..columns).flat_map(|i| (i > 0).then(|| text(",")).into_iter().chain(once(escaped(i)))))
        }
    }
}

/// Wanted rows beside those of the ledger, and the operation that each needs; null for none.
fn compared<'a>(sync: &Sync, full: bool, whole: bool, payload: impl Iterator<Item = &'a str>) -> Query {
    let wanted = |name: &str| col_of("wanted", name);
    let ledger = |name: &str| col_of("ledger", name);
    let select = Select::from_stage("wanted")
        .full_join(relation(Some("files"), LEDGER_TABLE, Some("ledger")), eq(ledger("_key"), wanted("_key")))
        .item(coalesce(vec![wanted("_key"), ledger("_key")]), "_key")
        .item(ledger("_identity"), "_identity")
        .item(wanted("_hash"), "_hash")
        .item(operation(sync, full, whole), "_operation")
        .item(is_not_null(ledger("_hash")), "_known")
        .item(ledger("_state"), "_state")
        .item(ledger("_operation"), "_sent_operation")
        .item(ledger("_sent_hash"), "_sent_hash")
        .item(ledger("_run"), "_run");
    payload.fold(select, |select, name| select.item(wanted(name), name)).query()
}

fn operation(sync: &Sync, full: bool, whole: bool) -> Expr {
    let wanted = |name: &str| col_of("wanted", name);
    let ledger = |name: &str| col_of("ledger", name);
    let state = |state: &str| eq(ledger("_state"), text(state));
    let send = match sync.mode {
        SyncMode::Insert => "insert",
        SyncMode::Update => "update",
        SyncMode::Upsert | SyncMode::Mirror => "upsert",
    };
    let rejected = |operation| and([state("rejected"), eq(ledger("_operation"), text(operation))]);
    // A row that has left: the operation, and the states in which it is done or was refused.
    let (leave, settled) = match sync.on_leave {
        _ if whole || sync.mode == SyncMode::Mirror => (Some("delete"), vec![]),
        OnLeave::Delete => (Some("delete"), vec![]),
        OnLeave::Clear => (Some("clear"), vec![state("cleared")]),
        OnLeave::Nothing => (None, vec![]),
    };
    let settled = settled.into_iter().chain(leave.filter(|_| !full).map(rejected));
    let mut left = vec![(not(ledger("_held")), text("forget"))];
    left.extend(settled.map(|settled| (settled, null())));
    let left = case(left, Some(leave.map_or_else(null, text)));

    let invalid = or([is_null(wanted("_key")), binary(wanted("_same_key"), BinaryOperator::Gt, int(1))]);
    let mut branches = vec![(is_null(wanted("_same_key")), left), (invalid, text("invalid"))];
    if !full {
        let same = eq(ledger("_hash"), wanted("_hash"));
        let known = if sync.mode == SyncMode::Insert { boolean(true) } else { same };
        branches.push((and([state("acknowledged"), known]), null()));
        branches.push((and([state("rejected"), eq(ledger("_sent_hash"), wanted("_hash"))]), null()));
    }
    case(branches, Some(text(send)))
}

/// The diff's columns, for rows that need something.
fn needed<'a>(payload: impl Iterator<Item = &'a str>) -> Query {
    let operation = || col("_operation");
    let one_of = |names: &[&str]| in_list(operation(), names.iter().map(|n| text(n)).collect(), false);
    let sends = || one_of(&["insert", "update", "upsert"]);
    let when = |condition, value| case([(condition, value)], None);
    let hash = || when(sends(), col("_hash"));
    // What the ledger says was tried last is what is to be done now.
    let same_hash = or([eq(col("_sent_hash"), hash()), and([is_null(col("_sent_hash")), is_null(hash())])]);
    let tried = and([
        in_list(col("_state"), vec![text("retry"), text("unknown")], false),
        eq(col("_sent_operation"), operation()),
        same_hash,
    ]);
    let reason = case([(is_null(col("_key")), text("the key is null"))], Some(text("the key is not unique")));
    let order = case_of(
        operation(),
        [(text("delete"), int(1)), (text("clear"), int(2)), (text("forget"), int(4)), (text("invalid"), int(5))],
        Some(int(3)),
    );
    Select::from_stage("compared")
        .column("_key")
        .item(when(one_of(&["clear", "delete", "forget"]), col("_identity")), "_identity")
        .item(hash(), "_hash")
        .column("_operation")
        .column("_known")
        .item(when(tried.clone(), col("_run")), "_run")
        .item(when(one_of(&["invalid"]), reason), "_reason")
        .columns(payload)
        .filter([is_not_null(operation())])
        .order_by(vec![Sort::up(order), Sort::up(when(tried, col("_run"))), Sort::up(col("_key"))])
        .query()
}
