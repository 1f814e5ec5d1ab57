//! Cuts a plan into batches, each of one operation and within the destination's limits.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

use crate::api::{BatchStream, Limits, Operation};
use crate::error::{SyncError, arrow_bug};
use crate::identity;
use crate::ledger::PLAN_COLUMNS;
use crate::plan::{PlanOperation, has_payload, text_column};

/// Rows to be sent together.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) operation: Operation,
    /// The plan's row numbers, ascending.
    pub(crate) numbers: Vec<i64>,
    /// One for each row: tells what is sent for which key, first by which run.
    pub(crate) fingerprints: Vec<[u8; 16]>,
    /// The destination's columns, one row for each number.
    pub(crate) rows: RecordBatch,
    /// Row numbers that cannot be sent, with the reason.
    pub(crate) refused: Vec<(i64, String)>,
}

impl Planned {
    /// The plan's first row in this batch, sendable or not.
    pub(crate) fn first(&self) -> i64 {
        self.numbers.iter().chain(self.refused.iter().map(|(n, _)| n)).copied().min().unwrap_or(0)
    }

    pub(crate) fn last(&self) -> i64 {
        self.numbers.iter().chain(self.refused.iter().map(|(n, _)| n)).copied().max().unwrap_or(0)
    }
}

/// What the plan has next.
#[derive(Debug)]
pub(crate) enum Cut {
    Batch(Planned),
    /// No batch yet, but many rows that only the ledger drops: see [`Cutter::forgotten`].
    Forgotten,
    End,
}

/// So many rows that only the ledger drops are gathered at most, a page of the plan more or less.
const MOST_FORGOTTEN: usize = 8192;

/// A batch of the plan while it is being cut.
struct Page {
    plan: RecordBatch,
    numbers: Int64Array,
    operations: StringArray,
    /// The first row that has not been dealt with.
    next: usize,
}

/// Reads a plan from its beginning, and gives batches.
pub(crate) struct Cutter {
    plan: BatchStream,
    schema: SchemaRef,
    key_columns: usize,
    limits: Limits,
    /// A batch spans fewer than so many rows of the plan.
    span: i64,
    page: Option<Page>,
    /// Rows that only the ledger drops: they need no sending. Whoever asks for batches takes them away.
    pub(crate) forgotten: Vec<i64>,
}

/// Rows gathered for the next batch.
#[derive(Default)]
struct Gathered {
    operation: Option<Operation>,
    slices: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    first: i64,
}

impl Cutter {
    pub(crate) fn new(plan: BatchStream, schema: &SchemaRef, key_columns: usize, limits: Limits, span: i64) -> Self {
        let limits = Limits { batch_rows: limits.batch_rows.max(1), batch_bytes: limits.batch_bytes.max(1), ..limits };
        Self { plan, schema: Arc::clone(schema), key_columns, limits, span, page: None, forgotten: vec![] }
    }

    /// The next batch.
    pub(crate) async fn next(&mut self) -> Result<Cut, SyncError> {
        let most = usize::try_from(self.span).unwrap_or(usize::MAX).min(MOST_FORGOTTEN);
        let mut gathered = Gathered::default();
        loop {
            if self.page.as_ref().is_none_or(|p| p.next == p.plan.num_rows()) {
                let Some(plan) = self.plan.try_next().await? else { break };
                let numbers = plan.column(0).as_primitive::<Int64Type>().clone();
                let operations = text_column(&plan, 4)?;
                self.page = Some(Page { plan, numbers, operations, next: 0 });
            }
            if self.gather(&mut gathered)? || self.forgotten.len() >= most {
                break;
            }
        }
        match gathered.operation {
            Some(operation) => self.finish(operation, &gathered.slices).map(Cut::Batch),
            None if self.forgotten.is_empty() => Ok(Cut::End),
            None => Ok(Cut::Forgotten),
        }
    }

    /// Adds rows of the page; true once the batch is full, the page's next row belonging to a later one.
    fn gather(&mut self, to: &mut Gathered) -> Result<bool, SyncError> {
        let Some(page) = &mut self.page else { return Ok(false) };
        let mut start = page.next;
        let mut full = false;
        while page.next < page.plan.num_rows() {
            let i = page.next;
            let number = page.numbers.value(i);
            let what = PlanOperation::parse(page.operations.value(i))?;
            let PlanOperation::Send(operation) = what else {
                if what == PlanOperation::Forget {
                    self.forgotten.push(number);
                }
                to.push(&page.plan, start, i);
                page.next += 1;
                start = page.next;
                continue;
            };
            let bytes = row_bytes(&page.plan, &self.schema, i, has_payload(operation));
            if let Some(current) = to.operation {
                full = current != operation
                    || to.rows == self.limits.batch_rows
                    || to.bytes + bytes > self.limits.batch_bytes
                    || number - to.first >= self.span;
                if full {
                    break;
                }
            } else {
                to.operation = Some(operation);
                to.first = number;
            }
            to.rows += 1;
            to.bytes += bytes;
            page.next += 1;
        }
        to.push(&page.plan, start, page.next);
        Ok(full)
    }

    fn finish(&self, operation: Operation, slices: &[RecordBatch]) -> Result<Planned, SyncError> {
        let plan = arrow::compute::concat_batches(&slices[0].schema(), slices).map_err(arrow_bug)?;
        let numbers = plan.column(0).as_primitive::<Int64Type>().values().to_vec();
        let fingerprints = fingerprints(&plan)?;
        if has_payload(operation) {
            let columns: Vec<ArrayRef> = plan.columns()[PLAN_COLUMNS..].to_vec();
            let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(arrow_bug)?;
            return Ok(Planned { operation, numbers, fingerprints, rows, refused: vec![] });
        }
        let (rows, reasons) = identity::decode_column(&text_column(&plan, 2)?, &self.schema, self.key_columns)?;
        let (mut kept, mut kept_fingerprints, mut refused) = (vec![], vec![], vec![]);
        for ((number, fingerprint), reason) in numbers.into_iter().zip(fingerprints).zip(reasons) {
            if let Some(reason) = reason {
                refused.push((number, reason));
            } else {
                kept.push(number);
                kept_fingerprints.push(fingerprint);
            }
        }
        Ok(Planned { operation, numbers: kept, fingerprints: kept_fingerprints, rows, refused })
    }
}

impl Gathered {
    fn push(&mut self, plan: &RecordBatch, start: usize, end: usize) {
        if start < end {
            self.slices.push(plan.slice(start, end - start));
        }
    }
}

/// About how long a row is in a request: as JSON, which is what most tools take, and longer than other forms.
fn row_bytes(plan: &RecordBatch, schema: &Schema, row: usize, payload: bool) -> usize {
    if !payload {
        return plan.column(2).as_string::<i32>().value(row).len();
    }
    let values = plan.columns()[PLAN_COLUMNS..].iter().zip(schema.fields());
    2 + values.map(|(column, field)| field.name().len() + 6 + value_bytes(column, row)).sum::<usize>()
}

fn value_bytes(column: &ArrayRef, row: usize) -> usize {
    if column.is_null(row) {
        return 4;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).len(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).len(),
        DataType::Utf8View => column.as_string_view().value(row).len(),
        DataType::Binary => 2 * column.as_binary::<i32>().value(row).len(),
        DataType::Boolean => 5,
        DataType::List(_) => {
            let values = column.as_list::<i32>().value(row);
            (0..values.len()).map(|i| 3 + value_bytes(&values, i)).sum()
        }
        // The longest numbers and times.
        _ => 28,
    }
}

/// Of key, hash and first run, with lengths so that no two rows of text run together.
fn fingerprints(plan: &RecordBatch) -> Result<Vec<[u8; 16]>, SyncError> {
    let columns = [text_column(plan, 1)?, text_column(plan, 3)?, text_column(plan, 6)?];
    Ok((0..plan.num_rows())
        .map(|row| {
            let mut hasher = Sha256::new();
            for column in &columns {
                let value = if column.is_null(row) { "" } else { column.value(row) };
                hasher.update((value.len() as u64).to_le_bytes());
                hasher.update(value);
            }
            let digest = hasher.finalize();
            let mut short = [0; 16];
            short.copy_from_slice(&digest[..16]);
            short
        })
        .collect())
}

/// Names a request: the same whenever the same rows are sent for the same reason, after a crash too.
pub(crate) fn idempotency_key(sync: &str, operation: Operation, generation: u32, fingerprints: &[[u8; 16]]) -> String {
    let mut hasher = Sha256::new();
    hasher.update((sync.len() as u64).to_le_bytes());
    hasher.update(sync);
    hasher.update([operation as u8]);
    hasher.update(generation.to_le_bytes());
    for fingerprint in fingerprints {
        hasher.update(fingerprint);
    }
    hasher.finalize()[..16].iter().fold(String::with_capacity(32), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};

    use super::*;
    use crate::ledger::plan_schema_with;

    #[tokio::test]
    async fn rows_that_only_the_ledger_drops_are_never_gathered_whole() {
        let (pages, page_rows) = (20, 1000);
        let schema = plan_schema_with(&Schema::empty());
        let page = move |page: i64| {
            let numbers = Int64Array::from_iter_values((page * page_rows)..((page + 1) * page_rows));
            let rows = numbers.len();
            let columns = schema.fields().iter().enumerate().map(|(i, field)| -> ArrayRef {
                match i {
                    0 => Arc::new(numbers.clone()),
                    4 => Arc::new(StringArray::from(vec!["forget"; rows])),
                    5 => Arc::new(arrow::array::BooleanArray::from(vec![false; rows])),
                    _ => arrow::array::new_null_array(field.data_type(), rows),
                }
            });
            RecordBatch::try_new(Arc::clone(&schema), columns.collect()).map_err(arrow_bug)
        };
        let limits = Limits { batch_rows: 1, batch_bytes: 1, concurrency: 1, requests_per_second: None, whole: false };
        let plan = stream::iter(0..pages).map(page).boxed();
        let mut cutter = Cutter::new(plan, &Arc::new(Schema::empty()), 0, limits, i64::MAX);
        let mut gathered = vec![];
        loop {
            match cutter.next().await.unwrap() {
                Cut::Batch(batch) => panic!("nothing is to be sent: {batch:?}"),
                Cut::End => break,
                Cut::Forgotten => gathered.push(std::mem::take(&mut cutter.forgotten).len()),
            }
        }
        assert_eq!(gathered, [9000, 9000, 2000]);
    }
}
