//! What every connector must do, as one suite that its tests run against a real destination.
//!
//! 1. Limits are positive; two objects are two places; `prepare` may be called again and changes nothing at the destination.
//! 2. `send` gives one outcome for each row, in order, and `Ok` only for what can then be read back, value by value.
//! 3. Upserts, updates, deletes and clears may be repeated: the second time gives the same answer and the same contents.
//! 4. A delete of a row that is not there is `Ok`: it is gone, which is all that was asked.
//! 5. `replace` leaves exactly the rows that it was handed; if their stream fails, it fails, and the destination is as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, stream};

use crate::api::{Answer, Batch, Operation, Outcome, SharedConnector, Target};
use crate::error::SyncError;

/// A destination that is empty when the suite begins.
#[async_trait]
pub trait Harness: Send + Sync {
    fn connector(&self) -> SharedConnector;

    /// With [`schema`] and one key column.
    fn target(&self) -> Target;

    /// What the connector takes, besides `replace` if its limits say that it takes whole sets.
    fn operations(&self) -> Vec<Operation>;

    /// What the destination holds, read by other means than the connector's.
    async fn contents(&self) -> Contents;
}

/// The rows of a destination, by `id`: `name` and `score`.
pub type Contents = BTreeMap<String, (Option<String>, Option<i64>)>;

/// The columns that the suite sends: `id` text, which is the key, `name` text, `score` integer.
#[must_use]
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("score", DataType::Int64, true),
    ]))
}

type Row<'a> = (&'a str, Option<&'a str>, Option<i64>);

/// Values that break what is pasted rather than encoded.
const ROWS: [Row<'_>; 6] = [
    ("plain", Some("Ada"), Some(1)),
    ("quotes'\"`", Some("O'Brien \"the\" `x`; drop table t --"), Some(-1)),
    ("lines", Some("one\ntwo\r\nthree\tfour, five\\n"), Some(i64::MAX)),
    ("ünïcödé 🦀", Some("İstanbul – 東京"), Some(0)),
    ("nothing", None, None),
    ("empty", Some(""), Some(2)),
];

/// Runs the suite; the error says which promise is broken.
///
/// # Errors
/// At the first broken promise.
pub async fn check(harness: &dyn Harness) -> Result<(), String> {
    let connector = harness.connector();
    let limits = connector.limits();
    require(limits.batch_rows > 0 && limits.batch_bytes > 0 && limits.concurrency > 0, "limits are positive")?;
    let target = harness.target();
    let other = Target { object: format!("{}2", target.object), ..target.clone() };
    let (place, other) = (connector.place(&target), connector.place(&other));
    require(place == connector.place(&target) && place != other, "one object is one place, and two are two")?;
    let before = harness.contents().await;
    for _ in 0..2 {
        connector.prepare(&harness.target()).await.map_err(|e| format!("prepare fails: {e}"))?;
    }
    require(harness.contents().await == before, "prepare changes no row")?;
    if limits.whole { whole(harness).await } else { rows(harness).await }
}

async fn rows(harness: &dyn Harness) -> Result<(), String> {
    let operations = harness.operations();
    let takes = |operation| operations.contains(&operation);
    let add = if takes(Operation::Upsert) { Operation::Upsert } else { Operation::Insert };
    if !takes(add) {
        return Err("a connector must take upserts, inserts or whole sets".to_owned());
    }
    send(harness, add, &ROWS, "first").await?;
    same(harness, &ROWS, "every row that was acknowledged can be read back").await?;
    if takes(Operation::Upsert) {
        send(harness, Operation::Upsert, &ROWS, "again").await?;
        same(harness, &ROWS, "an upsert may be repeated").await?;
        let changed = [("plain", None, Some(7)), ("empty", Some("full"), None)];
        send(harness, Operation::Upsert, &changed, "changed").await?;
        same(harness, &over(&ROWS, &changed), "an upsert changes every field, to nothing too").await?;
        send(harness, Operation::Upsert, &ROWS, "back").await?;
    }
    if takes(Operation::Update) {
        let changed = [("plain", Some("Grace"), Some(8))];
        send(harness, Operation::Update, &changed, "update").await?;
        send(harness, Operation::Update, &changed, "update again").await?;
        same(harness, &over(&ROWS, &changed), "an update changes the row, once or twice").await?;
        let absent = [("absent", Some("nobody"), Some(9))];
        attempt(harness, Operation::Update, &absent, "update of nothing").await?;
        same(harness, &over(&ROWS, &changed), "an update adds no row").await?;
        send(harness, Operation::Update, &ROWS[..1], "update back").await?;
    }
    if takes(Operation::Clear) {
        let cleared = [("plain", None, None)];
        send(harness, Operation::Clear, &cleared, "clear").await?;
        send(harness, Operation::Clear, &cleared, "clear again").await?;
        same(harness, &over(&ROWS, &cleared), "a clear keeps the key and nothing else").await?;
    }
    if takes(Operation::Delete) {
        let gone: Vec<Row<'_>> = ROWS.iter().map(|r| (r.0, None, None)).collect();
        send(harness, Operation::Delete, &gone[1..3], "delete").await?;
        send(harness, Operation::Delete, &gone, "delete all").await?;
        same(harness, &[], "deleted rows are gone, and a row that is not there counts as deleted").await?;
    }
    Ok(())
}

async fn whole(harness: &dyn Harness) -> Result<(), String> {
    let (connector, target) = (harness.connector(), harness.target());
    for rows in [&ROWS[..], &ROWS[..2], &[], &ROWS[..]] {
        let batches: Vec<_> = rows.chunks(2).map(|chunk| Ok(batch(chunk))).collect();
        let count = connector
            .replace(&target, stream::iter(batches).boxed())
            .await
            .map_err(|e| format!("replace fails: {e}"))?;
        require(count == rows.len() as u64, "replace says how many rows it wrote")?;
        same(harness, rows, "replace leaves exactly the rows that it was handed").await?;
    }
    let broken: Vec<Result<RecordBatch, SyncError>> = vec![Ok(batch(&ROWS[..1])), Err(SyncError::outside("broken"))];
    let result = connector.replace(&target, stream::iter(broken).boxed()).await;
    require(result.is_err(), "replace fails if its rows do")?;
    same(harness, &ROWS, "a replace that fails leaves the destination as it was").await
}

/// Some rows, with others over them.
fn over<'a>(rows: &[Row<'a>], others: &[Row<'a>]) -> Vec<Row<'a>> {
    rows.iter().map(|r| *others.iter().find(|o| o.0 == r.0).unwrap_or(r)).collect()
}

fn batch(rows: &[Row<'_>]) -> RecordBatch {
    let columns: [ArrayRef; 3] = [
        Arc::new(rows.iter().map(|r| Some(r.0)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|r| r.1).collect::<StringArray>()),
        Arc::new(rows.iter().map(|r| r.2).collect::<Int64Array>()),
    ];
    RecordBatch::try_new(schema(), columns.to_vec()).expect("columns of one schema")
}

/// The rows of a batch, for harnesses that keep what they are sent.
#[must_use]
pub fn contents_of(rows: &RecordBatch) -> Contents {
    let (ids, names, scores) = (
        rows.column(0).as_string::<i32>(),
        rows.column(1).as_string::<i32>(),
        rows.column(2).as_primitive::<Int64Type>(),
    );
    let row = |i| {
        let name = names.is_valid(i).then(|| names.value(i).to_owned());
        (ids.value(i).to_owned(), (name, scores.is_valid(i).then(|| scores.value(i))))
    };
    (0..rows.num_rows()).map(row).collect()
}

async fn attempt(
    harness: &dyn Harness,
    operation: Operation,
    rows: &[Row<'_>],
    what: &str,
) -> Result<Vec<Outcome>, String> {
    let request = Batch { operation, rows: batch(rows), idempotency_key: format!("contract {what}") };
    match harness.connector().send(&harness.target(), &request).await {
        Ok(Answer::Rows(outcomes)) if outcomes.len() == rows.len() => Ok(outcomes),
        other => Err(format!("{what}: one outcome for each of {} rows is due, not {other:?}", rows.len())),
    }
}

async fn send(harness: &dyn Harness, operation: Operation, rows: &[Row<'_>], what: &str) -> Result<(), String> {
    for chunk in rows.chunks(harness.connector().limits().batch_rows) {
        let outcomes = attempt(harness, operation, chunk, what).await?;
        if let Some(wrong) = outcomes.iter().find(|o| **o != Outcome::Ok) {
            return Err(format!("{what}: every row should be taken, but one is {wrong:?}"));
        }
    }
    Ok(())
}

async fn same(harness: &dyn Harness, rows: &[Row<'_>], promise: &str) -> Result<(), String> {
    let wanted: Contents = rows.iter().map(|r| (r.0.to_owned(), (r.1.map(str::to_owned), r.2))).collect();
    let found = harness.contents().await;
    if found == wanted { Ok(()) } else { Err(format!("{promise}: wanted {wanted:?}, found {found:?}")) }
}

fn require(holds: bool, promise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("broken: {promise}")) }
}
