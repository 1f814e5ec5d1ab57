//! Where former profile ids lead to: the profile that has the oldest identifier of the former one.
//!
//! Each run carries the aliases of the last one on and adds those of its own history. Should no row have that identifier any more,
//! an alias leads to where the profile went that it led to before.

use kinfold_base::{RunId, Timestamp};
use kinfold_lang::project::{Entity, EntityTable};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use crate::sql::{
    Select, Stages, and, binary, case, cast_text, coalesce, col, col_of, eq, in_list, instant, is_not_null, is_null,
    kinfold, null, previous, relation, text, union_all, written,
};
use crate::tables::aliases_table;

/// What an alias holds besides where it leads.
const KEPT: [&str; 3] = ["old_profile_id", "identifier", "value"];

/// `old_profile_id`, `profile_id`, `identifier`, `value`, `changed_at`: one row for each id that some profile had and none has now.
/// `profile_id` is null where the profile's values are gone.
pub(crate) fn aliases(entity: &Entity, run_id: &RunId, as_of: Timestamp) -> Query {
    let change = |names: &[&str]| in_list(col("change"), names.iter().map(|name| text(name)).collect(), false);
    let history = || {
        let table = kinfold(&EntityTable::History.of(&entity.name), "h");
        Select::from(table).filter([eq(col("run_id"), text(run_id.as_str()))])
    };
    let mut stages = Stages::default();
    let merged = history()
        .item(col("other_profile_id"), "old_profile_id")
        .columns(["profile_id", "identifier", "value"])
        .filter([change(&["merged"])]);
    let gone = history()
        .item(col("profile_id"), "old_profile_id")
        .item(cast_text(null()), "profile_id")
        .columns(["identifier", "value"])
        .filter([change(&["gone"])]);
    stages.add("moved", both(merged, gone));
    // An id may come back: a part that split off, or a profile that is there again.
    stages.add("back", history().column("profile_id").filter([change(&["created", "split"])]).query());

    let has_moved = is_not_null(col_of("moved", "old_profile_id"));
    let went = case([(has_moved, col_of("moved", "profile_id"))], Some(col_of("p", "profile_id")));
    let carried = Select::from(previous(&aliases_table(entity), "p"))
        .items(KEPT.map(|name| (col_of("p", name), name.to_owned())))
        .item(col_of("p", "profile_id"), "before")
        .item(went, "went")
        .item(col_of("p", "changed_at"), "changed_at")
        .left_join(relation(None, "moved", None), eq(col_of("moved", "old_profile_id"), col_of("p", "profile_id")));
    let new = Select::from_stage("moved")
        .columns(KEPT)
        .item(cast_text(null()), "before")
        .item(col("profile_id"), "went")
        .item(instant(as_of), "changed_at");
    stages.add("aliases", both(carried, new));

    // What the run has not written anew is where it was.
    let identifiers = written(&EntityTable::Identifiers.of(&entity.name), "i");
    let of = |name: &str| col_of("aliases", name);
    let now = || coalesce(vec![col_of("i", "profile_id"), of("went")]);
    let same = and(["identifier", "value"].map(|name| eq(col_of("i", name), of(name))));
    let query = Select::from_stage("aliases")
        .item(of("old_profile_id"), "old_profile_id")
        .item(now(), "profile_id")
        .items(["identifier", "value"].map(|name| (of(name), name.to_owned())))
        .item(case([(differs(now(), of("before")), instant(as_of))], Some(of("changed_at"))), "changed_at")
        .left_join(relation(None, "back", None), eq(col_of("back", "profile_id"), of("old_profile_id")))
        .left_join(identifiers, same)
        .filter([is_null(col_of("back", "profile_id"))]);
    stages.finish(query.query())
}

fn both(a: Select, b: Select) -> Query {
    union_all([a.query(), b.query()]).expect("two queries")
}

fn differs(a: Expr, b: Expr) -> Expr {
    let unknown = text("");
    binary(coalesce(vec![a, unknown.clone()]), BinaryOperator::NotEq, coalesce(vec![b, unknown]))
}
