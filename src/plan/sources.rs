//! What is promised of sources, as queries that must give no rows.
//!
//! Each gives one row with a number, `broken_rows`, when a promise is broken, and a stale table the time of its `newest` row;
//! never a value, which may be personal.

use kinfold_base::{SignedDuration, SqlType, Timestamp};
use kinfold_lang::project::{ColumnTest, Literal, SourceTable};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use crate::sql::{
    Aggregate, Select, Stages, binary, cast_instant, cast_text, col, col_of, count_rows, in_list, instant, int,
    is_not_null, is_null, literal_of, or, relation, table,
};
use crate::step::{Step, StepKind, Work};

/// One step for each promise, in the order of writing.
pub(crate) fn steps(source: &SourceTable, as_of: Timestamp) -> Vec<Step> {
    let mut steps = vec![];
    let mut expect = |what: String, query: Query, message: String, fail: bool| {
        steps.push(Step {
            name: format!("{}.{what}", source.name),
            kind: StepKind::Test,
            after: vec![],
            reads: vec![source.name.to_string()],
            work: Work::Expect { query, message, fail },
            carries_on: false,
        });
    };
    if !source.unique_key.is_empty() {
        let columns: Vec<&str> = source.unique_key.iter().map(String::as_str).collect();
        let message = format!("`{}` has rows with the same `unique_key` ({})", source.name, columns.join(", "));
        expect("unique_key".to_owned(), repeated(source, &columns, false), message, true);
    }
    if let (Some(time), Some(freshness)) = (&source.time, source.freshness) {
        for (what, after, fail) in
            [("error_after", freshness.error_after, true), ("warn_after", freshness.warn_after, false)]
        {
            if let Some(after) = after
                && let Ok(bound) = as_of.checked_sub(after)
            {
                let message = format!("the newest row of `{}` is older than {} (`{what}`)", source.name, age(after));
                expect(format!("freshness.{what}"), stale(source, time, bound), message, fail);
            }
        }
    }
    for column in &source.columns {
        for test in &column.tests {
            let (what, query, message) = self::test(source, &column.name, test);
            expect(
                format!("{}.{what}", column.name),
                query,
                format!("`{}.{}` {message}", source.name, column.name),
                true,
            );
        }
    }
    steps
}

fn test(source: &SourceTable, name: &str, test: &ColumnTest) -> (&'static str, Query, String) {
    let ty = source.schema.column(name).map_or(&SqlType::Unknown, |c| &c.ty);
    let bound = |digits: &String| literal_of(ty, &Literal::Decimal(digits.clone()));
    match test {
        ColumnTest::NotNull => ("not_null", broken(source, is_null(col(name))), "has missing values".to_owned()),
        ColumnTest::Unique => {
            ("unique", repeated(source, &[name], true), "has values that occur more than once".to_owned())
        }
        ColumnTest::AtLeast(least) => {
            let below = binary(col(name), BinaryOperator::Lt, bound(least));
            ("at_least", broken(source, below), format!("has values below {least}"))
        }
        ColumnTest::AtMost(most) => {
            let above = binary(col(name), BinaryOperator::Gt, bound(most));
            ("at_most", broken(source, above), format!("has values above {most}"))
        }
        ColumnTest::OneOf(list) => {
            let other = in_list(col(name), list.iter().map(|value| literal_of(ty, value)).collect::<Vec<Expr>>(), true);
            ("one_of", broken(source, other), format!("has values that are not in its list of {}", list.len()))
        }
    }
}

/// The number of rows for which a condition holds, if there are any.
fn broken(source: &SourceTable, condition: Expr) -> Query {
    Select::from(table(&source.name))
        .item(count_rows().build(), "broken_rows")
        .filter([condition])
        .having(some_rows())
        .query()
}

fn some_rows() -> Expr {
    binary(count_rows().build(), BinaryOperator::Gt, int(0))
}

/// The number of rows whose key another row has, not counting one for each key. `ignore_null`: a missing value equals no other.
///
/// Keys are grouped, not counted one by one: with as many groups as rows, each number kept for a group costs as much again.
fn repeated(source: &SourceTable, columns: &[&str], ignore_null: bool) -> Query {
    let mut stages = Stages::default();
    let known = || columns.iter().filter(|_| ignore_null).map(|c| is_not_null(col(c)));
    let columns = || columns.iter().copied();
    let all = Select::from(table(&source.name)).item(count_rows().build(), "rows").filter(known());
    let keys = Select::from(table(&source.name)).columns(columns()).filter(known()).group_by(columns());
    stages.add("counted", all.query());
    stages.add("keys", keys.query());
    stages.add("counted_keys", Select::from_stage("keys").item(count_rows().build(), "keys").query());
    let more = |op| binary(col_of("counted", "rows"), op, col_of("counted_keys", "keys"));
    let broken = Select::from_stage("counted")
        .join(relation(None, "counted_keys", None), more(BinaryOperator::Gt))
        .item(more(BinaryOperator::Minus), "broken_rows");
    stages.finish(broken.query())
}

/// The number of all rows and the time of the newest, if none is newer than `bound`.
fn stale(source: &SourceTable, time: &str, bound: Timestamp) -> Query {
    let newest = Aggregate::new("max", vec![col(time)]).build();
    let old = binary(cast_instant(newest.clone()), BinaryOperator::LtEq, instant(bound));
    Select::from(table(&source.name))
        .item(count_rows().build(), "broken_rows")
        .item(cast_text(newest.clone()), "newest")
        .having(or([is_null(newest), old]))
        .query()
}

/// A duration as the project's files write it, in the largest unit that leaves nothing over.
fn age(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let unit =
        [(604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m")].into_iter().find(|(unit, _)| seconds % unit == 0);
    unit.map_or_else(|| format!("{seconds}s"), |(size, name)| format!("{}{name}", seconds / size))
}
