//! What people look at, as text beside a file that somebody has read.

use std::fmt::Write;

use super::golden::check;
use super::matching::{matching, person};
use crate::matching::{LookOrder, records_of, review, review_pairs};
use crate::{Dialect, render};

fn compiled(dialect: Dialect) -> String {
    let (entity, matching) = (person(), matching());
    let identifier = matching.tables[0].id.0;
    let records = records_of(&entity, &matching, &[(identifier, "a"), (identifier, "it's")]);
    let queries = [
        ("what two records hold", records.expect("a table has them")),
        ("the third page of pairs, the likelier first", review(&entity, LookOrder::Likely, 40, 20)),
        ("the pairs that are most in doubt", review(&entity, LookOrder::Doubtful, 0, 20)),
        ("all pairs", review_pairs(&entity)),
    ];
    queries.iter().fold(String::new(), |mut out, (title, query)| {
        write!(out, "-- {title}\n{};\n\n", render(query, dialect)).expect("strings take everything");
        out
    })
}

#[test]
fn looking_on_datafusion() {
    check("look.datafusion.sql", &compiled(Dialect::DataFusion));
}

#[test]
fn looking_on_postgres() {
    check("look.postgres.sql", &compiled(Dialect::PostgreSql));
}

#[test]
fn of_ids_that_no_table_has_nothing_is_read() {
    let mut matching = matching();
    matching.tables.truncate(1);
    let other = matching.tables[0].id.0 + 1;
    assert!(records_of(&person(), &matching, &[(other, "a")]).is_none());
}
