//! Questions about an entity's identity as a whole.

use kinfold_lang::project::Entity;
use sqlparser::ast::{BinaryOperator, Query};

use crate::sql::{Aggregate, Select, Sort, Stages, binary, col, col_of, eq, int, kinfold, relation, window};
use crate::tables::resolve_tables;

/// `age`, `run_id`, `at`, `metric`, `source`, `name`, `value`: what the last run counted, whose `age` is 1, and the one before it.
/// The table's metrics are told where it is written.
#[must_use]
pub fn last_counts(entity: &Entity) -> Query {
    let table = resolve_tables(&entity.name).health.output.name;
    let mut stages = Stages::default();
    stages.add("runs", Select::from(kinfold(&table, "h")).column("run_id").group_by(["run_id"]).query());
    // Run ids begin with the instant of their run.
    let age = window(Aggregate::new("row_number", vec![]), vec![], vec![Sort::down(col("run_id"))]);
    stages.add("aged", Select::from_stage("runs").column("run_id").item(age, "age").query());
    let columns = ["run_id", "at", "metric", "source", "name", "value"];
    let query = Select::from(kinfold(&table, "h"))
        .join(relation(None, "aged", None), eq(col_of("aged", "run_id"), col_of("h", "run_id")))
        .item(col_of("aged", "age"), "age")
        .items(columns.map(|name| (col_of("h", name), name.to_owned())))
        .filter([binary(col_of("aged", "age"), BinaryOperator::LtEq, int(2))])
        .order_by(["age", "metric", "source", "name"].map(|name| Sort::up(col(name))).to_vec());
    stages.finish(query.query())
}

/// `identifier`, `value`, `linked_identifier`, `degree`: values that link nothing because many share them, those that most do first.
#[must_use]
pub fn shared_values(entity: &Entity, limit: u32) -> Query {
    let table = resolve_tables(&entity.name).shared.output.name;
    Select::from(kinfold(&table, "s"))
        .columns(["identifier", "value", "linked_identifier", "degree"])
        .order_by(vec![Sort::down(col("degree")), Sort::up(col("identifier")), Sort::up(col("value"))])
        .limit(limit)
        .query()
}
