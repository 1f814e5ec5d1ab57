//! What is promised of sources, as queries that must give no rows.
//!
//! Each gives one row with a number, `broken_rows`, when a promise is broken: never a value, which may be personal.

use kinfold_base::{SignedDuration, Timestamp};
use kinfold_lang::project::{ColumnTest, SourceTable};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use crate::sql::{
    Aggregate, Select, Stages, binary, cast_instant, col, count_rows, in_list, instant, int, is_not_null, is_null,
    literal, number, or, table,
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
    match test {
        ColumnTest::NotNull => ("not_null", broken(source, is_null(col(name))), "has missing values".to_owned()),
        ColumnTest::Unique => {
            ("unique", repeated(source, &[name], true), "has values that occur more than once".to_owned())
        }
        ColumnTest::AtLeast(least) => {
            let below = binary(col(name), BinaryOperator::Lt, number(least));
            ("at_least", broken(source, below), format!("has values below {least}"))
        }
        ColumnTest::AtMost(most) => {
            let above = binary(col(name), BinaryOperator::Gt, number(most));
            ("at_most", broken(source, above), format!("has values above {most}"))
        }
        ColumnTest::OneOf(list) => {
            let other = in_list(col(name), list.iter().map(literal).collect::<Vec<Expr>>(), true);
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

/// The number of keys that occur more than once. `ignore_null`: a missing value equals no other.
fn repeated(source: &SourceTable, columns: &[&str], ignore_null: bool) -> Query {
    let mut stages = Stages::default();
    let known = columns.iter().filter(|_| ignore_null).map(|c| is_not_null(col(c)));
    let repeated = Select::from(table(&source.name))
        .columns(columns.iter().copied())
        .filter(known)
        .group_by(columns.iter().copied())
        .having(binary(count_rows().build(), BinaryOperator::Gt, int(1)));
    stages.add("repeated", repeated.query());
    stages.finish(Select::from_stage("repeated").item(count_rows().build(), "broken_rows").having(some_rows()).query())
}

/// The number of all rows, if none is newer than `bound`.
fn stale(source: &SourceTable, time: &str, bound: Timestamp) -> Query {
    let newest = Aggregate::new("max", vec![col(time)]).build();
    let old = binary(cast_instant(newest.clone()), BinaryOperator::LtEq, instant(bound));
    Select::from(table(&source.name))
        .item(count_rows().build(), "broken_rows")
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
