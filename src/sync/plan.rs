//! The diff, written down before anything is sent.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use futures::TryStreamExt;

use crate::api::{BatchStream, Operation};
use crate::error::{SyncError, arrow_bug};
use crate::files::{Files, TableWriter};
use crate::identity;
use crate::job::SyncReport;
use crate::ledger::{DIFF_COLUMNS, diff_schema, plan_schema_with};

/// What a planned row asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlanOperation {
    Send(Operation),
    /// Only the ledger drops the row.
    Forget,
    /// Nothing: the row is only counted.
    Invalid,
}

impl PlanOperation {
    pub(crate) fn parse(text: &str) -> Result<Self, SyncError> {
        Ok(match text {
            "insert" => Self::Send(Operation::Insert),
            "update" => Self::Send(Operation::Update),
            "upsert" => Self::Send(Operation::Upsert),
            "clear" => Self::Send(Operation::Clear),
            "delete" => Self::Send(Operation::Delete),
            "forget" => Self::Forget,
            "invalid" => Self::Invalid,
            other => return Err(SyncError::bug(format!("a diff has the unknown operation `{other}`"))),
        })
    }
}

/// What is said of an invalid row that comes without a reason.
const INVALID: &str = "the row is invalid";

/// Whether the rows of an operation carry a payload, rather than an identity.
pub(crate) const fn has_payload(operation: Operation) -> bool {
    matches!(operation, Operation::Insert | Operation::Update | Operation::Upsert)
}

/// A diff's rows, counted.
#[derive(Debug, Default)]
pub(crate) struct PlanCounts {
    pub(crate) rows: u64,
    pub(crate) added: u64,
    pub(crate) updated: u64,
    pub(crate) removed: u64,
    pub(crate) forgotten: u64,
    pub(crate) invalid: u64,
    /// Rows that the destination has acknowledged, of all kinds.
    known: u64,
    /// Those among them that leave.
    pub(crate) leaving: u64,
    pub(crate) reasons: Reasons,
}

impl PlanCounts {
    /// How many rows are to be sent.
    pub(crate) fn to_send(&self) -> u64 {
        self.added + self.updated + self.removed
    }

    /// Puts the counts into a report; `delivered` is how many rows the ledger knew to be delivered.
    pub(crate) fn fill(&self, report: &mut SyncReport, delivered: u64) {
        report.added = self.added;
        report.updated = self.updated;
        report.removed = self.removed;
        report.invalid = self.invalid;
        report.pending = self.to_send();
        report.unchanged = delivered.saturating_sub(self.known);
        report.reasons = self.reasons.top();
    }

    fn add(&mut self, operation: PlanOperation, known: bool, reason: Option<&str>) {
        self.rows += 1;
        self.known += u64::from(known);
        match operation {
            PlanOperation::Send(Operation::Clear | Operation::Delete) => {
                self.removed += 1;
                self.leaving += u64::from(known);
            }
            PlanOperation::Send(_) if known => self.updated += 1,
            PlanOperation::Send(_) => self.added += 1,
            PlanOperation::Forget => self.forgotten += 1,
            PlanOperation::Invalid => {
                self.invalid += 1;
                self.reasons.add(reason.unwrap_or(INVALID));
            }
        }
    }
}

/// Why rows did not get through, with counts.
#[derive(Debug, Default, Clone)]
pub(crate) struct Reasons(HashMap<String, u64>);

impl Reasons {
    /// A tool that puts something different into each reason must not fill the memory.
    const MOST: usize = 1000;

    pub(crate) fn add(&mut self, reason: &str) {
        if let Some(count) = self.0.get_mut(reason) {
            *count += 1;
        } else if self.0.len() < Self::MOST {
            self.0.insert(reason.to_owned(), 1);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (reason, count) in &other.0 {
            *self.0.entry(reason.clone()).or_default() += count;
        }
    }

    /// The 20 most frequent.
    pub(crate) fn top(&self) -> Vec<(String, u64)> {
        let mut all: Vec<_> = self.0.iter().map(|(r, n)| (r.clone(), *n)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all.truncate(20);
        all
    }
}

/// Turns the rows of a diff into rows of a plan.
pub(crate) struct Planner {
    payload: SchemaRef,
    key_columns: usize,
    run_id: String,
    schema: SchemaRef,
    /// For a destination that takes only whole sets: the key of the last invalid row that goes from it.
    going: Option<String>,
    whole: bool,
    pub(crate) counts: PlanCounts,
}

impl Planner {
    /// `payload` is [`crate::Target::schema`], and its first `key_columns` columns are the key. `whole`: the destination takes
    /// only whole sets.
    pub(crate) fn new(payload: &SchemaRef, key_columns: usize, run_id: &str, whole: bool) -> Self {
        Self {
            payload: Arc::clone(payload),
            key_columns,
            run_id: run_id.to_owned(),
            schema: plan_schema_with(payload),
            going: None,
            whole,
            counts: PlanCounts::default(),
        }
    }

    /// Checks a batch of the diff, counts its rows, and fills in row numbers, identities and runs.
    pub(crate) fn plan(&mut self, diff: &RecordBatch) -> Result<RecordBatch, SyncError> {
        let columns = self.cast(diff)?;
        let text = |i: usize| columns[i].as_string::<i32>();
        let (key, identity, hash, operation) = (text(0), text(1), text(2), text(3));
        let known: &BooleanArray = columns[4].as_boolean();
        let (run, reason) = (text(5), text(6));
        let rows = diff.num_rows();

        let keys = Schema::new(self.payload.fields()[..self.key_columns].to_vec());
        let keys = RecordBatch::try_new(Arc::new(keys), columns[DIFF_COLUMNS..][..self.key_columns].to_vec());
        let made = if self.key_columns == 0 {
            vec!["{}".to_owned(); rows]
        } else {
            identity::encode(&keys.map_err(arrow_bug)?)?
        };
        let first = i64::try_from(self.counts.rows).map_err(|e| SyncError::bug("too many rows").source(e))?;
        let mut identities = Vec::with_capacity(rows);
        let mut operations = Vec::with_capacity(rows);
        for (i, made) in made.into_iter().enumerate() {
            if operation.is_null(i) || known.is_null(i) {
                return Err(SyncError::bug("a diff has a row without an operation"));
            }
            let what = PlanOperation::parse(operation.value(i))?;
            operations.push(operation.value(i));
            if what == PlanOperation::Invalid && self.goes(known.value(i), key.is_valid(i).then(|| key.value(i))) {
                // The next whole set is without the row, so that the ledger must not claim it any longer.
                operations[i] = "delete";
                identities.push(Some(made));
                self.counts.add(PlanOperation::Send(Operation::Delete), true, None);
                self.counts.invalid += 1;
                self.counts.reasons.add(if reason.is_valid(i) { reason.value(i) } else { INVALID });
                continue;
            }
            let complete = match what {
                PlanOperation::Send(op) if has_payload(op) => !key.is_null(i) && !hash.is_null(i),
                PlanOperation::Send(_) | PlanOperation::Forget => !key.is_null(i) && !identity.is_null(i),
                PlanOperation::Invalid => true,
            };
            if !complete {
                let name = operation.value(i);
                return Err(SyncError::bug(format!("a diff has a row to {name} without key, hash or identity")));
            }
            identities.push(match what {
                PlanOperation::Send(op) if has_payload(op) => Some(made),
                _ => identity.is_valid(i).then(|| identity.value(i).to_owned()),
            });
            self.counts.add(what, known.value(i), reason.is_valid(i).then(|| reason.value(i)));
        }
        let runs: StringArray =
            (0..rows).map(|i| Some(if run.is_null(i) { self.run_id.as_str() } else { run.value(i) })).collect();

        let mut planned: Vec<ArrayRef> = vec![Arc::new((first..).take(rows).collect::<Int64Array>())];
        let operations: StringArray = operations.into_iter().map(Some).collect();
        planned.extend(columns);
        planned[2] = Arc::new(StringArray::from(identities));
        planned[4] = Arc::new(operations);
        planned[6] = Arc::new(runs);
        RecordBatch::try_new(Arc::clone(&self.schema), planned).map_err(arrow_bug)
    }

    /// Whether an invalid row goes from a destination of whole sets, which has it; once for each key.
    fn goes(&mut self, known: bool, key: Option<&str>) -> bool {
        let goes = self.whole && known && key.is_some() && self.going.as_deref() != key;
        if goes {
            self.going = key.map(str::to_owned);
        }
        goes
    }

    /// The diff's columns in the types of the plan, matched by position.
    fn cast(&self, diff: &RecordBatch) -> Result<Vec<ArrayRef>, SyncError> {
        let meta = diff_schema();
        let types: Vec<&DataType> = meta.fields().iter().chain(self.payload.fields()).map(|f| f.data_type()).collect();
        cast_columns(diff, &types, "a diff")
    }
}

/// Columns in other types, matched by position; what cannot be cast is an error, not a null.
pub(crate) fn cast_columns(rows: &RecordBatch, types: &[&DataType], what: &str) -> Result<Vec<ArrayRef>, SyncError> {
    if rows.num_columns() != types.len() {
        return Err(SyncError::bug(format!("{what} has {} columns instead of {}", rows.num_columns(), types.len())));
    }
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    let columns = rows.columns().iter().zip(types).map(|(column, ty)| {
        if column.data_type() == *ty {
            return Ok(Arc::clone(column));
        }
        arrow::compute::cast_with_options(column, ty, &options).map_err(|e| {
            SyncError::input(format!("{what} has {} where {ty} is due", column.data_type()))
                .hint("cast the column in its expression")
                .source(e)
        })
    });
    columns.collect()
}

/// The payload of those rows of a diff that are wanted and valid, in the destination's columns.
pub(crate) fn wanted_payload(diff: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, SyncError> {
    let meta = diff_schema();
    let types: Vec<&DataType> = meta.fields().iter().chain(schema.fields()).map(|f| f.data_type()).collect();
    let columns = cast_columns(diff, &types, "a diff")?;
    let operations = columns[3].as_string::<i32>().iter();
    let valid = operations.map(|o| Some(matches!(o, Some("insert" | "update" | "upsert")))).collect::<BooleanArray>();
    let payload = RecordBatch::try_new(Arc::clone(schema), columns[DIFF_COLUMNS..].to_vec()).map_err(arrow_bug)?;
    arrow::compute::filter_record_batch(&payload, &valid).map_err(arrow_bug)
}

/// Writes the plan's file; none if the diff is empty.
pub(crate) async fn write_plan(
    files: &Files,
    name: &str,
    mut diff: BatchStream,
    mut planner: Planner,
) -> Result<PlanCounts, SyncError> {
    let mut file: Option<TableWriter> = None;
    while let Some(batch) = diff.try_next().await? {
        if batch.num_rows() == 0 {
            continue;
        }
        let rows = planner.plan(&batch)?;
        let file = match &mut file {
            Some(file) => file,
            None => file.insert(files.create(name, &planner.schema)?),
        };
        file.write(&rows).await?;
    }
    if let Some(file) = file {
        file.finish().await?;
    }
    Ok(planner.counts)
}

/// Rows as JSON objects, for people: `_operation`, then the payload; for rows that leave, their identity.
pub(crate) fn sample(plan: &RecordBatch, payload: &Schema, most: usize) -> Result<Vec<serde_json::Value>, SyncError> {
    let rows = plan.slice(0, most.min(plan.num_rows()));
    let text = |i: usize| rows.column(i).as_string::<i32>();
    let (identity, operation) = (text(2), text(4));
    let payload = RecordBatch::try_new(
        Arc::new(Schema::new(
            payload.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>(),
        )),
        rows.columns()[crate::ledger::PLAN_COLUMNS..].to_vec(),
    )
    .map_err(arrow_bug)?;
    let objects = identity::encode(&payload)?;
    let mut sample = vec![];
    for (i, object) in objects.iter().enumerate() {
        let leaves = matches!(operation.value(i), "clear" | "delete" | "forget");
        let object = if leaves && identity.is_valid(i) { identity.value(i) } else { object };
        let mut shown = serde_json::Map::from_iter([("_operation".to_owned(), operation.value(i).into())]);
        let fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(object).map_err(|e| SyncError::bug("a row that is no JSON object").source(e))?;
        shown.extend(fields);
        sample.push(shown.into());
    }
    Ok(sample)
}

/// As [`cast`], for columns of our own files.
pub(crate) fn text_column(rows: &RecordBatch, index: usize) -> Result<StringArray, SyncError> {
    Ok(cast(rows.column(index), &DataType::Utf8).map_err(arrow_bug)?.as_string::<i32>().clone())
}
