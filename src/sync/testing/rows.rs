//! [`Rows`] as [`crate::ledger`] describes them, over maps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int64Type, SchemaRef, TimestampMicrosecondType};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use kinfold_base::SyncMode;
use object_store::ObjectStore;

use super::{Leave, folder, operation_of, payload};
use crate::files::Files;
use crate::ledger::{diff_schema, ledger_schema, plan_schema_with};
use crate::{BatchStream, Rows, SyncError};

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LedgerRow {
    pub(crate) identity: String,
    pub(crate) hash: Option<String>,
    pub(crate) state: String,
    pub(crate) sent_hash: Option<String>,
    pub(crate) operation: String,
    pub(crate) held: bool,
    pub(crate) run: String,
    pub(crate) attempts: i64,
    pub(crate) reason: Option<String>,
    pub(crate) at: i64,
}

/// A row of a diff or of a plan, without its payload.
struct PlanRow {
    number: i64,
    key: Option<String>,
    identity: Option<String>,
    hash: Option<String>,
    operation: String,
    known: bool,
    run: Option<String>,
    reason: Option<String>,
    value: Option<String>,
}

pub(crate) struct TestRows {
    pub(crate) mode: SyncMode,
    pub(crate) on_leave: Leave,
    pub(crate) wanted: Mutex<Vec<(Option<String>, Option<String>)>>,
    files: Files,
}

/// The payload's hash; that it can be read helps.
pub(crate) fn hash(value: Option<&str>) -> String {
    format!("h:{}", value.unwrap_or("-"))
}

impl TestRows {
    pub(crate) fn new(mode: SyncMode, on_leave: Leave, store: &Arc<dyn ObjectStore>) -> Self {
        Self { mode, on_leave, wanted: Mutex::default(), files: Files::new(folder(store)) }
    }

    pub(crate) fn set(&self, rows: &[(&str, &str)]) {
        *self.wanted.lock().unwrap() =
            rows.iter().map(|(k, v)| (Some((*k).to_owned()), Some((*v).to_owned()))).collect();
    }

    async fn read(&self, urls: &[String]) -> Result<Vec<RecordBatch>, SyncError> {
        let mut all = vec![];
        for url in urls {
            let name = url.strip_prefix("memory/").expect("a file of the state");
            all.extend(self.files.read(name, None).await?.try_collect::<Vec<_>>().await?);
        }
        Ok(all)
    }

    pub(crate) async fn ledger(&self, urls: &[String]) -> Result<BTreeMap<String, LedgerRow>, SyncError> {
        let mut ledger = BTreeMap::new();
        for batch in self.read(urls).await? {
            assert_eq!(batch.schema(), ledger_schema());
            for i in 0..batch.num_rows() {
                let text = |c: usize| text(batch.column(c), i);
                let row = LedgerRow {
                    identity: text(1).unwrap(),
                    hash: text(2),
                    state: text(3).unwrap(),
                    sent_hash: text(4),
                    operation: text(5).unwrap(),
                    held: batch.column(6).as_boolean().value(i),
                    run: text(7).unwrap(),
                    attempts: batch.column(8).as_primitive::<Int64Type>().value(i),
                    reason: text(9),
                    at: batch.column(10).as_primitive::<TimestampMicrosecondType>().value(i),
                };
                assert!(ledger.insert(text(0).unwrap(), row).is_none(), "a key twice in the ledger");
            }
        }
        Ok(ledger)
    }

    fn difference(&self, ledger: &BTreeMap<String, LedgerRow>, full: bool) -> Vec<PlanRow> {
        let wanted = self.wanted.lock().unwrap().clone();
        let operation = operation_of(self.mode);
        let mut diff = vec![];
        let count = |key: &str| wanted.iter().filter(|(k, _)| k.as_deref() == Some(key)).count();
        for (key, value) in &wanted {
            let l = key.as_ref().and_then(|k| ledger.get(k));
            let h = hash(value.as_deref());
            let row = |operation: &str, hash, run, reason: Option<&str>| PlanRow {
                number: 0,
                key: key.clone(),
                identity: None,
                hash,
                operation: operation.to_owned(),
                known: l.is_some_and(|l| l.hash.is_some()),
                run,
                reason: reason.map(str::to_owned),
                value: value.clone(),
            };
            let invalid = match key {
                None => Some("the key is null"),
                Some(key) if count(key) > 1 => Some("the key is not unique"),
                Some(_) => None,
            };
            if invalid.is_some() {
                diff.push(row("invalid", None, None, invalid));
                continue;
            }
            let settled = l.is_some_and(|l| {
                (l.state == "acknowledged" && (l.hash.as_ref() == Some(&h) || self.mode == SyncMode::Insert))
                    || (l.state == "rejected" && l.sent_hash.as_ref() == Some(&h) && l.operation == operation)
            });
            if full || !settled {
                let same = |l: &&LedgerRow| {
                    l.state == "unknown" && l.operation == operation && l.sent_hash.as_ref() == Some(&h)
                };
                let run = l.filter(same).map(|l| l.run.clone());
                diff.push(row(operation, Some(h), run, None));
            }
        }
        for (key, l) in ledger {
            if wanted.iter().any(|(k, _)| k.as_ref() == Some(key)) {
                continue;
            }
            let refused = !full && l.state == "rejected" && l.operation == "clear";
            let operation = match self.on_leave {
                _ if !l.held => "forget",
                Leave::Clear if l.state != "cleared" && !refused => "clear",
                Leave::Delete => "delete",
                _ => continue,
            };
            diff.push(PlanRow {
                number: 0,
                key: Some(key.clone()),
                identity: Some(l.identity.clone()),
                hash: None,
                operation: operation.to_owned(),
                known: l.hash.is_some(),
                run: (l.state == "unknown" && l.operation == operation && l.sent_hash.is_none()).then(|| l.run.clone()),
                reason: None,
                value: None,
            });
        }
        let rank =
            |r: &PlanRow| ["delete", "clear", operation, "forget", "invalid"].iter().position(|o| *o == r.operation);
        diff.sort_by(|a, b| {
            (rank(a), a.run.is_none(), &a.run, &a.key).cmp(&(rank(b), b.run.is_none(), &b.run, &b.key))
        });
        diff
    }
}

fn text(column: &ArrayRef, i: usize) -> Option<String> {
    let column = column.as_string::<i32>();
    column.is_valid(i).then(|| column.value(i).to_owned())
}

fn strings<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn one(batch: &RecordBatch) -> BatchStream {
    // In two pieces, so that batches are cut across the pieces.
    let half = batch.num_rows() / 2;
    stream::iter([Ok(batch.slice(0, half)), Ok(batch.slice(half, batch.num_rows() - half))]).boxed()
}

#[async_trait]
impl Rows for TestRows {
    fn payload_schema(&self) -> SchemaRef {
        payload()
    }

    async fn diff(&self, ledger_files: &[String], full: bool) -> Result<BatchStream, SyncError> {
        let diff = self.difference(&self.ledger(ledger_files).await?, full);
        let mut fields: Vec<_> = diff_schema().fields().iter().cloned().collect();
        fields.extend(plan_schema_with(&payload()).fields()[crate::ledger::PLAN_COLUMNS..].iter().cloned());
        let sent = |r: &&PlanRow| !matches!(r.operation.as_str(), "delete" | "clear" | "forget");
        let columns: Vec<ArrayRef> = vec![
            strings(diff.iter().map(|r| r.key.as_deref())),
            strings(diff.iter().map(|r| r.identity.as_deref())),
            strings(diff.iter().map(|r| r.hash.as_deref())),
            strings(diff.iter().map(|r| Some(r.operation.as_str()))),
            Arc::new(diff.iter().map(|r| Some(r.known)).collect::<BooleanArray>()),
            strings(diff.iter().map(|r| r.run.as_deref())),
            strings(diff.iter().map(|r| r.reason.as_deref())),
            strings(diff.iter().map(|r| Some(r).filter(sent).and_then(|r| r.key.as_deref()))),
            strings(diff.iter().map(|r| r.value.as_deref())),
        ];
        let schema = Arc::new(arrow::datatypes::Schema::new(fields));
        Ok(one(&RecordBatch::try_new(schema, columns).unwrap()))
    }

    async fn wanted_count(&self) -> Result<u64, SyncError> {
        let wanted = self.wanted.lock().unwrap();
        let usable = |w: &&(Option<String>, Option<String>)| {
            w.0.is_some() && wanted.iter().filter(|other| other.0 == w.0).count() == 1
        };
        Ok(wanted.iter().filter(usable).count() as u64)
    }

    async fn fold(
        &self,
        ledger_files: &[String],
        plan_files: &[String],
        outcome_files: &[String],
    ) -> Result<BatchStream, SyncError> {
        let mut ledger = self.ledger(ledger_files).await?;
        let mut outcomes = BTreeMap::new();
        for batch in self.read(outcome_files).await? {
            for i in 0..batch.num_rows() {
                let number = batch.column(0).as_primitive::<Int64Type>().value(i);
                let attempts = batch.column(3).as_primitive::<Int64Type>().value(i);
                let at = batch.column(4).as_primitive::<TimestampMicrosecondType>().value(i);
                let outcome = (text(batch.column(1), i).unwrap(), text(batch.column(2), i), attempts, at);
                assert!(outcomes.insert(number, outcome).is_none(), "row {number} has two outcomes");
            }
        }
        for batch in self.read(plan_files).await? {
            for i in 0..batch.num_rows() {
                let text = |c: usize| text(batch.column(c), i);
                let plan = PlanRow {
                    number: batch.column(0).as_primitive::<Int64Type>().value(i),
                    key: text(1),
                    identity: text(2),
                    hash: text(3),
                    operation: text(4).unwrap(),
                    known: batch.column(5).as_boolean().value(i),
                    run: text(6),
                    reason: text(7),
                    value: None,
                };
                if let Some(outcome) = outcomes.remove(&plan.number) {
                    fold_row(&mut ledger, plan, outcome);
                }
            }
        }
        assert!(outcomes.is_empty(), "outcomes of rows that were not planned: {outcomes:?}");
        let rows: Vec<(&String, &LedgerRow)> = ledger.iter().collect();
        let columns: Vec<ArrayRef> = vec![
            strings(rows.iter().map(|r| Some(r.0.as_str()))),
            strings(rows.iter().map(|r| Some(r.1.identity.as_str()))),
            strings(rows.iter().map(|r| r.1.hash.as_deref())),
            strings(rows.iter().map(|r| Some(r.1.state.as_str()))),
            strings(rows.iter().map(|r| r.1.sent_hash.as_deref())),
            strings(rows.iter().map(|r| Some(r.1.operation.as_str()))),
            Arc::new(rows.iter().map(|r| Some(r.1.held)).collect::<BooleanArray>()),
            strings(rows.iter().map(|r| Some(r.1.run.as_str()))),
            Arc::new(rows.iter().map(|r| Some(r.1.attempts)).collect::<Int64Array>()),
            strings(rows.iter().map(|r| r.1.reason.as_deref())),
            Arc::new(rows.iter().map(|r| Some(r.1.at)).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        ];
        Ok(one(&RecordBatch::try_new(ledger_schema(), columns).unwrap()))
    }
}

fn fold_row(ledger: &mut BTreeMap<String, LedgerRow>, plan: PlanRow, outcome: (String, Option<String>, i64, i64)) {
    let (name, reason, attempts, at) = outcome;
    let key = plan.key.unwrap();
    let old = ledger.remove(&key);
    let write = !matches!(plan.operation.as_str(), "delete" | "clear" | "forget");
    let row = match (name.as_str(), plan.operation.as_str()) {
        ("ok", "delete" | "forget") => return,
        ("ok", "clear") => LedgerRow {
            hash: None,
            state: "cleared".to_owned(),
            sent_hash: None,
            operation: plan.operation,
            run: plan.run.unwrap(),
            attempts: 0,
            reason: None,
            at,
            ..old.unwrap()
        },
        ("ok", _) => LedgerRow {
            identity: plan.identity.unwrap(),
            hash: plan.hash.clone(),
            state: "acknowledged".to_owned(),
            sent_hash: plan.hash,
            operation: plan.operation,
            held: true,
            run: plan.run.unwrap(),
            attempts: 0,
            reason: None,
            at,
        },
        (_, _) => LedgerRow {
            identity: old.as_ref().map_or_else(|| plan.identity.unwrap(), |l| l.identity.clone()),
            hash: old.as_ref().and_then(|l| l.hash.clone()),
            held: old.as_ref().is_some_and(|l| l.held) || (name == "unknown" && write),
            attempts: old.as_ref().map_or(0, |l| l.attempts) + attempts,
            state: name,
            sent_hash: plan.hash,
            operation: plan.operation,
            run: plan.run.unwrap(),
            reason,
            at,
        },
    };
    ledger.insert(key, row);
}
