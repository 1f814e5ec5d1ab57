//! Small results as JSON values, for showing and for `--output json`.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use futures::StreamExt;
use kinfold_engine::{Engine, RecordStream};
use kinfold_plan::{Query, render};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{AppError, AppErrorKind};

/// Column names and rows of values, in order.
#[derive(Debug, Clone, Default, Serialize)]
pub struct QueryResult {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    /// There were more rows than were asked for.
    pub truncated: bool,
    /// For each column the digits after the point, if it holds decimals.
    #[serde(skip)]
    scales: Vec<Option<usize>>,
}

impl QueryResult {
    /// The digits after the point of a column of decimals; as JSON numbers they come without zeros at their end.
    pub fn scale(&self, column: usize) -> Option<usize> {
        self.scales.get(column).copied().flatten()
    }
}

/// The first `limit` rows of a stream; the rest is not read.
pub(crate) async fn first_rows(stream: RecordStream, limit: usize) -> Result<QueryResult, AppError> {
    let columns: Vec<String> = stream.schema.fields().iter().map(|f| f.name().clone()).collect();
    let scales = stream.schema.fields().iter().map(|f| scale(f.data_type())).collect();
    let mut result = QueryResult { columns, scales, ..QueryResult::default() };
    let mut batches = stream.batches;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let room = limit - result.rows.len();
        result.truncated = batch.num_rows() > room;
        result.rows.extend(values(&batch.slice(0, batch.num_rows().min(room)))?);
        if result.truncated {
            break;
        }
    }
    Ok(result)
}

/// Calls `each` with every row of a query as a JSON object, one batch in memory at a time.
pub(crate) async fn each_row(
    engine: &dyn Engine,
    query: &Query,
    mut each: impl FnMut(Map<String, Value>),
) -> Result<(), AppError> {
    let mut batches = engine.query(&render(query, engine.dialect()), &[]).await?.batches;
    while let Some(batch) = batches.next().await {
        objects(&batch?)?.into_iter().for_each(&mut each);
    }
    Ok(())
}

/// A text of a row; nothing where it has none.
pub(crate) fn text(row: &Map<String, Value>, name: &str) -> String {
    text_opt(row, name).unwrap_or_default()
}

pub(crate) fn text_opt(row: &Map<String, Value>, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A count of a row; 0 where it has none.
pub(crate) fn number(row: &Map<String, Value>, name: &str) -> u64 {
    row.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// A place in a list; none where the row has none.
pub(crate) fn index(row: &Map<String, Value>, name: &str) -> Option<usize> {
    row.get(name).and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok())
}

fn scale(ty: &DataType) -> Option<usize> {
    match ty {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => usize::try_from(*scale).ok(),
        _ => None,
    }
}

/// The rows of a batch as JSON values, in the order of its columns. Names may occur twice.
fn values(batch: &RecordBatch) -> Result<Vec<Vec<Value>>, AppError> {
    let numbered = numbered(batch)?;
    let width = numbered.num_columns();
    Ok(objects(&numbered)?.into_iter().map(|o| take_numbered(o, width)).collect())
}

/// The rows of a batch as JSON objects.
pub(crate) fn objects(batch: &RecordBatch) -> Result<Vec<Map<String, Value>>, AppError> {
    if batch.num_rows() == 0 {
        return Ok(vec![]);
    }
    let bug =
        |e: String| AppError { kind: AppErrorKind::Bug, ..AppError::outside(format!("cannot show rows as JSON: {e}")) };
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    writer.write(batch).and_then(|()| writer.finish()).map_err(|e| bug(e.to_string()))?;
    serde_json::from_slice(&writer.into_inner()).map_err(|e| bug(e.to_string()))
}

fn numbered(batch: &RecordBatch) -> Result<RecordBatch, AppError> {
    use arrow::datatypes::{Field, Schema};
    let fields: Vec<Field> = batch
        .schema()
        .fields()
        .iter()
        .enumerate()
        .map(|(i, f)| Field::new(i.to_string(), f.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(std::sync::Arc::new(Schema::new(fields)), batch.columns().to_vec())
        .map_err(|e| AppError { kind: AppErrorKind::Bug, ..AppError::outside(e.to_string()) })
}

fn take_numbered(mut object: Map<String, Value>, width: usize) -> Vec<Value> {
    (0..width).map(|i| object.remove(&i.to_string()).unwrap_or(Value::Null)).collect()
}
