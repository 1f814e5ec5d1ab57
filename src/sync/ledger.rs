//! The tables of a sync's state: the ledger, the diff that is taken against it, the plan, and the outcomes.
//!
//! A planner writes the SQL of `diff` and `fold` against these; [`crate::run_sync`] reads and writes the files. All are
//! Parquet. Text is `Utf8` in the files; where rows come out of an engine any Arrow text type will do, since every batch is
//! cast to these schemas by **position**.
//!
//! # Ledger
//! For one sync: every row that the destination acknowledged, and the state of those it did not. Ordered by `_key`.
//!
//! | column | type | meaning |
//! |---|---|---|
//! | `_key` | text | the row's key in one canonical text; unique, never null |
//! | `_identity` | text | JSON object of the key fields as the destination knows the row: what a delete is addressed to |
//! | `_hash` | text? | hash of the payload that was last acknowledged, and of how it was sent: the names of its fields, and what becomes of nulls; null if none ever was, or it has been cleared since |
//! | `_state` | text | `acknowledged`, `cleared`, `retry`, `rejected`, `unknown` |
//! | `_sent_hash` | text? | hash of the payload of the last attempt; null for a delete or a clear |
//! | `_operation` | text | the last attempt's: `insert`, `update`, `upsert`, `clear`, `delete` |
//! | `_held` | boolean | the destination holds the row, or nobody can say that it doesn't |
//! | `_run` | text | the run that first sent what the last attempt sent |
//! | `_attempts` | integer (Int64) | requests spent on the row since it was last acknowledged |
//! | `_reason` | text? | why the last attempt failed |
//! | `_at` | timestamp (microseconds, UTC) | when the last attempt ended |
//!
//! # Diff
//! Rows that need something. The columns below, in this order, then the payload's columns by position (call them `"0"`,
//! `"1"`, … so that they never collide): key columns, then fields, in the types of [`crate::Rows::payload_schema`].
//!
//! | column | type | meaning |
//! |---|---|---|
//! | `_key` | text? | as in the ledger; may be null for `invalid` |
//! | `_identity` | text? | the ledger's for `clear`, `delete`, `forget`; null for the others: the sync engine makes it of the payload |
//! | `_hash` | text? | hash of the payload; null for `clear`, `delete`, `forget`, `invalid` |
//! | `_operation` | text | `insert`, `update`, `upsert`, `clear`, `delete`, `forget`, `invalid` |
//! | `_known` | boolean | the ledger has a `_hash` for the key: the destination acknowledged the row once, and not yet its end |
//! | `_run` | text? | the ledger's `_run`, if its `_state` is `unknown` and its `_operation` and `_sent_hash` are those of this row (for `clear` and `delete`: both null); else null |
//! | `_reason` | text? | for `invalid`, why: `the key is null`, `the key is not unique` |
//!
//! With `W` a wanted row whose key is valid, `h` its hash, `op` the operation of the sync's mode (`insert`, `update`; `upsert`
//! for upsert and mirror), `L` its ledger row:
//!
//! | case | row |
//! |---|---|
//! | the key is null, or more than one wanted row has it | `invalid`, one for each such row; `L` is then neither wanted nor left |
//! | no `L` | `op` |
//! | `full` | `op`, whatever `L` says |
//! | `L` is `acknowledged` with `_hash = h`; or `acknowledged` and the mode is insert | none |
//! | `L` is `rejected` with `_sent_hash = h` and `_operation = op` | none: it would be refused again |
//! | any other `L` | `op`: changed, come back, or not yet acknowledged |
//!
//! For `L` whose key no wanted row has, with `on_leave` (mirror counts as delete; so does every destination that takes only
//! whole sets):
//!
//! | case | row |
//! |---|---|
//! | not `_held` | `forget`: it never got there |
//! | nothing | none: the row stays in the ledger, and so removable |
//! | clear; `L` is not `cleared`, nor (unless `full`) `rejected` with `_operation = 'clear'` | `clear` |
//! | delete | `delete`, a refused one too: what was in its way may be gone |
//!
//! The first case that fits counts. A changed key is thus a removal and an addition.
//!
//! Order: deletes, clears, then `insert`/`update`/`upsert`, then `forget` and `invalid`; within an operation rows with a `_run`
//! first (by `_run`), then by `_key`. The order decides how batches are cut, not what is right: rows whose fate a crash left
//! unknown come together again in the very batches, and under the idempotency keys, that they were first sent in.
//!
//! # Plan
//! The diff as it was written down before anything was sent: `_row` (Int64, 0, 1, 2, … in the order of sending), then the diff's
//! columns, `_identity` and `_run` filled in (the own run's id where it was null), then the payload.
//!
//! # Outcomes
//! How planned rows ended, in files that are only ever added: at most one row for each `_row`.
//!
//! | column | type | meaning |
//! |---|---|---|
//! | `_row` | Int64 | the plan's |
//! | `_outcome` | text | `ok`, `rejected`, `retry`, `unknown` |
//! | `_reason` | text? | |
//! | `_attempts` | Int64 | requests spent; 0 for `forget`, and for a row that could not be put into a request |
//! | `_at` | timestamp (microseconds, UTC) | when it ended |
//!
//! # Fold
//! The new ledger: `L` full join `P` (plan, left join outcomes `O` on `_row`) on `_key`, `invalid` rows of the plan left out:
//!
//! | case | row |
//! |---|---|
//! | no `P`, or no `O` | `L` as it is, if there is one: a planned row without an outcome was never sent |
//! | `O` ok; `P` is `delete` or `forget` | none |
//! | `O` ok; `P` is `clear` | `L` with `_hash` null, `_state` `cleared`, `_sent_hash` null, `_operation` `clear`, `_run` of `P`, `_attempts` 0, `_reason` null, `_at` of `O` |
//! | `O` ok; other `P` | `_identity`, `_hash`, `_operation`, `_run` of `P`, `_state` `acknowledged`, `_sent_hash = P._hash`, `_held` true, `_attempts` 0, `_reason` null, `_at` of `O` |
//! | other `O` | `_identity` of `L`, else of `P`; `_hash` of `L`; `_state` `O._outcome`; `_sent_hash`, `_operation`, `_run` of `P`; `_held`: `L._held` (false if no `L`), or `O` is unknown and `P` an insert, update or upsert; `_attempts`: `L`'s (0 if no `L`) plus `O`'s; `_reason`, `_at` of `O` |
//!
//! # Whole sets
//! A destination that takes only whole sets is sent all wanted rows that are valid, if the diff has any row but `invalid` and
//! `forget`; every row of the plan is then acknowledged at once, or unknown if the destination failed after it had been handed all
//! rows. Rows that are not in the set are gone, so that the diff has a `delete` for each row that left, and the sync engine makes one
//! of an `invalid` row that the destination has.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// How many columns of a diff come before the payload.
pub const DIFF_COLUMNS: usize = 7;

/// How many columns of a plan come before the payload: `_row` and the diff's.
pub const PLAN_COLUMNS: usize = DIFF_COLUMNS + 1;

fn schema(fields: &[(&str, DataType, bool)]) -> SchemaRef {
    Arc::new(Schema::new(
        fields.iter().map(|(name, ty, null)| Field::new(*name, ty.clone(), *null)).collect::<Vec<_>>(),
    ))
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

static LEDGER: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("_key", DataType::Utf8, false),
        ("_identity", DataType::Utf8, false),
        ("_hash", DataType::Utf8, true),
        ("_state", DataType::Utf8, false),
        ("_sent_hash", DataType::Utf8, true),
        ("_operation", DataType::Utf8, false),
        ("_held", DataType::Boolean, false),
        ("_run", DataType::Utf8, false),
        ("_attempts", DataType::Int64, false),
        ("_reason", DataType::Utf8, true),
        ("_at", instant(), false),
    ])
});

static DIFF: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("_key", DataType::Utf8, true),
        ("_identity", DataType::Utf8, true),
        ("_hash", DataType::Utf8, true),
        ("_operation", DataType::Utf8, false),
        ("_known", DataType::Boolean, false),
        ("_run", DataType::Utf8, true),
        ("_reason", DataType::Utf8, true),
    ])
});

static PLAN: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new("_row", DataType::Int64, false)];
    fields.extend(DIFF.fields().iter().map(|f| f.as_ref().clone()));
    Arc::new(Schema::new(fields))
});

static OUTCOMES: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("_row", DataType::Int64, false),
        ("_outcome", DataType::Utf8, false),
        ("_reason", DataType::Utf8, true),
        ("_attempts", DataType::Int64, false),
        ("_at", instant(), false),
    ])
});

/// The ledger's columns.
#[must_use]
pub fn ledger_schema() -> SchemaRef {
    Arc::clone(&LEDGER)
}

/// The columns of a diff that come before the payload's.
#[must_use]
pub fn diff_schema() -> SchemaRef {
    Arc::clone(&DIFF)
}

/// The columns of a plan that come before the payload's: all that `fold` needs.
#[must_use]
pub fn plan_schema() -> SchemaRef {
    Arc::clone(&PLAN)
}

/// The columns of outcomes.
#[must_use]
pub fn outcome_schema() -> SchemaRef {
    Arc::clone(&OUTCOMES)
}

/// A plan's columns with a payload's: payload columns are called `0`, `1`, … and may all be null.
#[must_use]
pub fn plan_schema_with(payload: &Schema) -> SchemaRef {
    let mut fields: Vec<Field> = PLAN.fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.extend(
        payload.fields().iter().enumerate().map(|(i, f)| Field::new(i.to_string(), f.data_type().clone(), true)),
    );
    Arc::new(Schema::new(fields))
}
