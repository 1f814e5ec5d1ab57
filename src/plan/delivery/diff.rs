use std::iter::once;

use kinfold_base::SyncMode;
use kinfold_lang::project::{Field, Nulls, OnLeave, Project, Sync};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::LEDGER_TABLE;
use super::wanted::wanted_as;
use crate::sql::{
    Select, Sort, Stages, and, binary, call, case, case_of, cast_text, coalesce, col, col_of, concat, count_rows, eq,
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
    let shape = shape(&names(&sync.key), &names(&sync.fields), sync.nulls);
    let hash = call("kinfold_row_hash", once(text(&shape)).chain(payload().map(col)).collect());
    let values = || call("kinfold_row_hash", payload().map(col).collect());
    let keyed = Select::from_stage("rows").item(key_text(sync.key.len(), values), "_key").item(hash, "_hash");
    stages.add("keyed", keyed.columns(payload()).query());
    let same_key = window(count_rows(), vec![col("_key")], vec![]);
    stages.add("wanted", Select::from_stage("keyed").all_of("keyed").item(same_key, "_same_key").query());
    stages.add("compared", compared(sync, full, whole, payload()));
    stages.add("decided", decided(payload()));
    stages.add("needed", needed(payload()));
    let columns = ["_key", "_identity", "_hash", "_operation", "_known", "_run", "_reason"];
    stages.finish(Select::from_stage("needed").columns(columns).columns(payload()).order_by(order()).query())
}

fn names(fields: &[Field]) -> Vec<&str> {
    fields.iter().map(|field| field.name.as_str()).collect()
}

/// What a row is sent as, beside its values: under which names, and what becomes of nulls. It is part of the hash, so that rows
/// are sent again once it changes.
fn shape(key: &[&str], fields: &[&str], nulls: Nulls) -> String {
    // A backslash before what parts names tells it from the same inside a name.
    let escaped = |name: &&str| name.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;");
    let names = |names: &[&str]| names.iter().map(escaped).collect::<Vec<_>>().join(",");
    let nulls = match nulls {
        Nulls::Send => "send",
        Nulls::Skip => "skip",
    };
    format!("{};{};{nulls}", names(key), names(fields))
}

/// The key in one canonical text; null if a part of it is. A sync without a key knows a row by all its values.
fn key_text(columns: usize, values: impl Fn() -> Expr) -> Expr {
    let part = |i: usize| cast_text(col(&i.to_string()));
    match columns {
        0 => values(),
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
    // A row that has left: the operation, and the states in which it is done. A refused delete never is: what was in its way may be
    // gone, and nobody else remembers the row.
    let (leave, settled) = match sync.on_leave {
        _ if whole || sync.mode == SyncMode::Mirror => (Some("delete"), vec![]),
        OnLeave::Delete => (Some("delete"), vec![]),
        OnLeave::Clear if full => (Some("clear"), vec![state("cleared")]),
        OnLeave::Clear => (Some("clear"), vec![state("cleared"), rejected("clear")]),
        OnLeave::Nothing => (None, vec![]),
    };
    let settled = settled.into_iter().map(|settled| (settled, null()));
    let unheld = (not(ledger("_held")), text("forget"));
    let left = case([unheld].into_iter().chain(settled), leave.map(text));

    let invalid = or([is_null(wanted("_key")), binary(wanted("_same_key"), BinaryOperator::Gt, int(1))]);
    let mut branches = vec![(is_null(wanted("_same_key")), left), (invalid, text("invalid"))];
    if !full {
        let same = eq(ledger("_hash"), wanted("_hash"));
        let done = if sync.mode == SyncMode::Insert { None } else { Some(same) };
        branches.push((and([state("acknowledged")].into_iter().chain(done)), null()));
        let refused =
            [state("rejected"), eq(ledger("_operation"), text(send)), eq(ledger("_sent_hash"), wanted("_hash"))];
        branches.push((and(refused), null()));
    }
    case(branches, Some(text(send)))
}

/// What a row that needs something is to be sent with: the payload's hash, if it is sent one.
fn decided<'a>(payload: impl Iterator<Item = &'a str>) -> Query {
    let sends = one_of(&["insert", "update", "upsert"]);
    Select::from_stage("compared")
        .columns(["_key", "_identity"])
        .item(case([(sends, col("_hash"))], None), "_hash")
        .columns(["_operation", "_known", "_state", "_sent_operation", "_sent_hash", "_run"])
        .columns(payload)
        .filter([is_not_null(col("_operation"))])
        .query()
}

/// The diff's columns. A row has a run if the ledger says that what was tried last is what is to be done now.
fn needed<'a>(payload: impl Iterator<Item = &'a str>) -> Query {
    let same_hash = or([eq(col("_sent_hash"), col("_hash")), and([is_null(col("_sent_hash")), is_null(col("_hash"))])]);
    let tried = and([eq(col("_state"), text("unknown")), eq(col("_sent_operation"), col("_operation")), same_hash]);
    let key_is_null = and([one_of(&["invalid"]), is_null(col("_key"))]);
    let reasons = [(key_is_null, text("the key is null")), (one_of(&["invalid"]), text("the key is not unique"))];
    Select::from_stage("decided")
        .column("_key")
        .item(case([(one_of(&["clear", "delete", "forget"]), col("_identity"))], None), "_identity")
        .columns(["_hash", "_operation", "_known"])
        .item(case([(tried, col("_run"))], None), "_run")
        .item(case(reasons, None), "_reason")
        .columns(payload)
        .query()
}

fn one_of(operations: &[&str]) -> Expr {
    in_list(col("_operation"), operations.iter().map(|o| text(o)).collect(), false)
}

/// The order of sending.
fn order() -> Vec<Sort> {
    let places = ["delete", "clear", "insert", "update", "upsert", "forget", "invalid"];
    let place = |i: usize| int(if (2..5).contains(&i) { 3 } else { u32::try_from(i).unwrap_or_default() + 1 });
    let place = case_of(col("_operation"), places.iter().enumerate().map(|(i, o)| (text(o), place(i))), None);
    vec![Sort::up(place), Sort::up(col("_run")), Sort::up(col("_key"))]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use kinfold_lang::project::Nulls;

    use super::shape;

    #[test]
    fn no_two_ways_to_send_a_row_look_the_same() {
        let shapes = [
            shape(&["id"], &["a", "b"], Nulls::Send),
            shape(&["id"], &["a", "b"], Nulls::Skip),
            shape(&["id"], &["b", "a"], Nulls::Send),
            shape(&["id", "a"], &["b"], Nulls::Send),
            shape(&["id"], &["a,b"], Nulls::Send),
            shape(&["id"], &["a\\", "b"], Nulls::Send),
            shape(&["id;a"], &["b"], Nulls::Send),
            shape(&[], &["id", "a", "b"], Nulls::Send),
        ];
        assert_eq!(shapes.iter().collect::<HashSet<_>>().len(), shapes.len(), "{shapes:?}");
    }
}
