//! Everything that the fixture compiles to, as text, beside files that somebody has read. `KINFOLD_BLESS=1` writes them anew.

use std::fmt::Write;
use std::path::Path;

use super::fixture::{input, project};
use crate::delivery::{diff_query, fold_query, wanted_query};
use crate::{Contraction, Dialect, Work, plan, render};

pub(super) fn check(name: &str, text: &str) {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    let path = Path::new(&folder).join("golden").join(name);
    if std::env::var_os("KINFOLD_BLESS").is_some() {
        std::fs::write(&path, text).expect("the folder can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = text.lines().zip(expected.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| text.lines().count().min(expected.lines().count()));
    assert!(
        text == expected,
        "{name} differs from line {}: {:?}, expected {:?}",
        line + 1,
        text.lines().nth(line),
        expected.lines().nth(line)
    );
}

fn compiled(dialect: Dialect) -> String {
    let plan = plan(&project(), &input());
    let mut out = String::new();
    let mut add = |title: &str, sql: &str| write!(out, "-- {title}\n{sql};\n\n").expect("strings take everything");
    for step in &plan.steps {
        match &step.work {
            Work::View { query, .. } => add(&format!("view {}", step.name), &render(query, dialect)),
            Work::Table { output, query } => {
                add(&format!("table {} ({:?})", output.name, output.keep), &render(query, dialect));
            }
            Work::Expect { query, message, fail } => {
                let title = format!("{} {}: {message}", if *fail { "error" } else { "warning" }, step.name);
                add(&title, &render(query, dialect));
            }
            Work::Bound { query, most, .. } => {
                add(&format!("bound {} by {most}", step.name), &render(query, dialect));
            }
            Work::Resolve(resolve) => {
                for rows in &resolve.rows {
                    add(&format!("identity {} from {}", resolve.entity, rows.source), &render(&rows.query, dialect));
                }
            }
        }
    }
    out
}

fn delivered(dialect: Dialect) -> String {
    let project = project();
    let mut out = String::new();
    let mut add = |title: &str, sql: &str| write!(out, "-- {title}\n{sql};\n\n").expect("strings take everything");
    for sync in &project.syncs {
        add(&format!("wanted {}", sync.name), &render(&wanted_query(&project, sync), dialect));
        add(&format!("diff {}", sync.name), &render(&diff_query(&project, sync, false, false), dialect));
    }
    add("diff vips, full", &render(&diff_query(&project, &project.syncs[0], true, false), dialect));
    add("fold", &render(&fold_query(), dialect));
    out
}

fn statements(contraction: &Contraction, dialect: Dialect) -> String {
    let mut out = String::new();
    let mut add = |title: &str, sql: &str| write!(out, "-- {title}\n{sql};\n\n").expect("strings take everything");
    for make in contraction.begin() {
        add(&format!("table {}", make.table), &render(&make.query, dialect));
    }
    add("while there are edges left", &render(&contraction.edges_left(), dialect));
    for make in contraction.round() {
        add(&format!("table {}", make.table), &render(&make.query, dialect));
    }
    add("split links", &render(&contraction.split_links(), dialect));
    let make = contraction.finish();
    add(&format!("table {}", make.table), &render(&make.query, dialect));
    out
}

#[test]
fn components_on_datafusion() {
    let contraction = Contraction::of(&project().entities[0]);
    check("components.datafusion.sql", &statements(&contraction, Dialect::DataFusion));
    assert_eq!(contraction.script(Dialect::DataFusion), None);
}

#[test]
fn components_on_postgres() {
    let script = Contraction::of(&project().entities[0]).script(Dialect::PostgreSql).expect("it has loops");
    check("components.postgres.sql", &script);
}

#[test]
fn run_on_datafusion() {
    check("run.datafusion.sql", &compiled(Dialect::DataFusion));
}

#[test]
fn run_on_postgres() {
    check("run.postgres.sql", &compiled(Dialect::PostgreSql));
}

#[test]
fn sync_on_datafusion() {
    check("sync.datafusion.sql", &delivered(Dialect::DataFusion));
}

#[test]
fn sync_on_postgres() {
    check("sync.postgres.sql", &delivered(Dialect::PostgreSql));
}
