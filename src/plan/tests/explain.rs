//! The queries behind `kinfold explain`.

use std::fmt::Write;

use kinfold_lang::project::{Entity, Pin, PinKind, Project, TableName};

use super::fixture::project;
use super::golden::check;
use crate::explain::{pinned_values, refused, rows, value};
use crate::{Dialect, Query, render};

/// The fixture, with keys, cookies that many may share, and a second pin.
fn with_keys() -> (Project, Entity) {
    let mut project = project();
    project.sources[1].unique_key = vec!["id".to_owned(), "country".to_owned()];
    let mut entity = project.entities.remove(0);
    entity.identifiers[4].shared_above = Some(20);
    let values = [(2, "ada@x.org".to_owned()), (2, "O'Ada@x.org".to_owned())];
    entity.pins.push(Pin { kind: PinKind::Always, values, reason: "one Ada".to_owned(), span: entity.span });
    (project, entity)
}

fn explained(dialect: Dialect) -> String {
    let (project, entity) = with_keys();
    let mut out = String::new();
    let mut add = |title: &str, query: &Query| {
        write!(out, "-- {title}\n{};\n\n", render(query, dialect)).expect("strings take everything");
    };
    add("value", &value(&entity, 2, "Ada@x.org"));
    for link in rows(&project, &entity, &["p1"], 100_001) {
        add(&format!("rows of {} by {:?}", link.source, link.key), &link.query);
    }
    add("refused", &refused(&entity, &["p1", "p2"], 10_001));
    add("pins", &pinned_values(&entity).expect("there are two"));
    out
}

#[test]
fn explain_on_datafusion() {
    check("explain.datafusion.sql", &explained(Dialect::DataFusion));
}

#[test]
fn explain_on_postgres() {
    check("explain.postgres.sql", &explained(Dialect::PostgreSql));
}

#[test]
fn rows_that_link_nothing_are_not_read() {
    let (project, mut entity) = with_keys();
    let sources =
        |entity: &Entity| rows(&project, entity, &["p1"], 10).into_iter().map(|link| link.source).collect::<Vec<_>>();
    assert_eq!(sources(&entity), ["crm.contacts", "web.events", "shop.orders"]);
    entity.links[1].ids.truncate(1);
    assert_eq!(sources(&entity), ["crm.contacts", "shop.orders"]);
}

#[test]
fn a_models_own_key_tells_its_rows_apart() {
    let (mut project, mut entity) = with_keys();
    entity.links[2].table = TableName::bare("paid_orders");
    let key = |project: &Project| rows(project, &entity, &["p1"], 10).pop().map(|link| link.key);
    assert_eq!(key(&project), Some(vec![]));
    project.models[0].unique_key = vec!["order_id".to_owned()];
    assert_eq!(key(&project), Some(vec!["order_id".to_owned()]));
}

/// What the engine logs of a query must tell nothing of a person.
#[test]
fn only_the_value_asked_for_is_written_into_a_query() {
    let (project, entity) = with_keys();
    let sql = rows(&project, &entity, &["p1"], 10).into_iter().map(|link| render(&link.query, Dialect::DataFusion));
    let sql = sql.chain([render(&refused(&entity, &["p1"], 10), Dialect::DataFusion)]).collect::<String>();
    assert!(sql.contains("'p1'") && !sql.contains("Ada"), "{sql}");
}
