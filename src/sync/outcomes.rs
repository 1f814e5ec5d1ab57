//! Outcomes in files, and what can be told from them after a crash.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use kinfold_base::Timestamp;

use crate::api::Outcome;
use crate::deliver::Settled;
use crate::error::{SyncError, arrow_bug};
use crate::files::Files;
use crate::job::SyncReport;
use crate::ledger::outcome_schema;
use crate::plan::{PlanOperation, Reasons, text_column};
use crate::state::OpenPlan;

/// Rows in memory while outcomes are read or written.
const BATCH_ROWS: usize = 8192;

/// Counts of outcomes.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) acknowledged: u64,
    pub(crate) rejected: u64,
    pub(crate) retry: u64,
    pub(crate) unknown: u64,
    pub(crate) reasons: Reasons,
}

impl Tally {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        let reason = match outcome {
            Outcome::Ok => {
                self.acknowledged += 1;
                return;
            }
            Outcome::Rejected(reason) => {
                self.rejected += 1;
                reason
            }
            Outcome::Retry(reason) | Outcome::NextRun(reason) => {
                self.retry += 1;
                reason
            }
            Outcome::Unknown(reason) => {
                self.unknown += 1;
                reason
            }
        };
        self.reasons.add(reason);
    }

    /// Puts the counts into a report that has the plan's counts.
    pub(crate) fn fill(&self, report: &mut SyncReport, plan_reasons: &Reasons) {
        report.acknowledged = self.acknowledged;
        report.rejected = self.rejected;
        report.retry = self.retry;
        report.unknown = self.unknown;
        let settled = self.acknowledged + self.rejected + self.retry + self.unknown;
        report.pending = (report.added + report.updated + report.removed).saturating_sub(settled);
        let mut reasons = plan_reasons.clone();
        reasons.merge(&self.reasons);
        report.reasons = reasons.top();
    }
}

/// Names the outcome files of one writer; the numbers count up.
pub(crate) fn outcome_file(folder: &str, number: u32) -> String {
    format!("{folder}/outcomes-{number:08}.parquet")
}

/// Writes one file of outcomes, whole or not at all.
pub(crate) async fn write_outcomes(files: &Files, name: &str, settled: &[Settled]) -> Result<(), SyncError> {
    let mut file = files.create(name, &outcome_schema())?;
    for chunk in settled.chunks(BATCH_ROWS) {
        file.write(&to_batch(chunk)?).await?;
    }
    file.finish().await.map(|_| ())
}

fn to_batch(settled: &[Settled]) -> Result<RecordBatch, SyncError> {
    let numbers: Int64Array = settled.iter().map(|s| Some(s.number)).collect();
    let names: StringArray = settled.iter().map(|s| Some(parts(&s.outcome).0)).collect();
    let reasons: StringArray = settled.iter().map(|s| parts(&s.outcome).1).collect();
    let attempts: Int64Array = settled.iter().map(|s| Some(i64::from(s.attempts))).collect();
    let at: TimestampMicrosecondArray = settled.iter().map(|s| Some(s.at.as_microsecond())).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(numbers),
        Arc::new(names),
        Arc::new(reasons),
        Arc::new(attempts),
        Arc::new(at.with_timezone("UTC")),
    ];
    RecordBatch::try_new(outcome_schema(), columns).map_err(arrow_bug)
}

fn parts(outcome: &Outcome) -> (&'static str, Option<&str>) {
    match outcome {
        Outcome::Ok => ("ok", None),
        Outcome::Rejected(reason) => ("rejected", Some(reason)),
        Outcome::Retry(reason) | Outcome::NextRun(reason) => ("retry", Some(reason)),
        Outcome::Unknown(reason) => ("unknown", Some(reason)),
    }
}

/// A bit for each row of a plan.
struct RowSet(Vec<u64>);

impl RowSet {
    fn new(rows: u64) -> Self {
        Self(vec![0; usize::try_from(rows / 64 + 1).unwrap_or(0)])
    }

    fn place(number: i64) -> (usize, u64) {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        (number / 64, 1 << (number % 64))
    }

    fn insert(&mut self, number: i64) {
        let (word, bit) = Self::place(number);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn contains(&self, number: i64) -> bool {
        let (word, bit) = Self::place(number);
        self.0.get(word).is_some_and(|w| w & bit != 0)
    }
}

/// Completes the outcomes of a plan whose sender died: rows that it may have sent, and of which no outcome is durable, become
/// unknown, in the file `name`. Returns all outcome files of the plan.
pub(crate) async fn recover_outcomes(
    files: &Files,
    plan: &OpenPlan,
    name: &str,
    now: Timestamp,
) -> Result<(Vec<String>, Tally), SyncError> {
    // From here on the list is fixed: what a writer that is still alive adds to its folder counts for nothing.
    let begin = format!("{}/outcomes-", plan.folder);
    let mut outcomes: Vec<String> =
        files.list(&plan.folder).await?.into_iter().filter(|name| name.starts_with(&begin)).collect();
    let mut known = RowSet::new(plan.rows);
    let mut tally = Tally::default();
    for file in &outcomes {
        let mut rows = files.read(file, Some(4)).await?;
        while let Some(batch) = rows.try_next().await? {
            let (names, reasons) = (text_column(&batch, 1)?, text_column(&batch, 2)?);
            let attempts = batch.column(3).as_primitive::<Int64Type>();
            for (i, number) in batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
                known.insert(*number);
                if attempts.value(i) == 0 && names.value(i) == "ok" {
                    // Forgotten: it was never to be sent.
                    continue;
                }
                let reason = || reasons.value(i).to_owned();
                tally.add(&match names.value(i) {
                    "ok" => Outcome::Ok,
                    "rejected" => Outcome::Rejected(reason()),
                    "retry" => Outcome::Retry(reason()),
                    _ => Outcome::Unknown(reason()),
                });
            }
        }
    }
    let mut file = files.create(name, &outcome_schema())?;
    let mut doubtful: Vec<Settled> = vec![];
    let mut end = None;
    let mut rows = files.read(&plan.file, Some(5)).await?;
    'plan: while let Some(batch) = rows.try_next().await? {
        let operations = text_column(&batch, 4)?;
        for (i, number) in batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
            let sent = matches!(PlanOperation::parse(operations.value(i))?, PlanOperation::Send(_));
            if !sent || known.contains(*number) {
                continue;
            }
            let window = i64::try_from(plan.window_rows).unwrap_or(i64::MAX);
            if *number >= *end.get_or_insert(number.saturating_add(window)) {
                break 'plan;
            }
            let outcome = Outcome::Unknown("the run that sent it ended before its answer was kept".to_owned());
            tally.add(&outcome);
            doubtful.push(Settled { number: *number, outcome, attempts: 1, at: now });
            if doubtful.len() == BATCH_ROWS {
                file.write(&to_batch(&doubtful)?).await?;
                doubtful.clear();
            }
        }
    }
    file.write(&to_batch(&doubtful)?).await?;
    if file.finish().await? > 0 {
        outcomes.push(name.to_owned());
    }
    Ok((outcomes, tally))
}

/// Writes that every row of a plan that was to be sent ended in the same way.
pub(crate) async fn settle_all(
    files: &Files,
    plan: &OpenPlan,
    name: &str,
    now: Timestamp,
    outcome: &Outcome,
) -> Result<Tally, SyncError> {
    let mut tally = Tally::default();
    let mut file = files.create(name, &outcome_schema())?;
    let mut rows = files.read(&plan.file, Some(5)).await?;
    while let Some(batch) = rows.try_next().await? {
        let operations = text_column(&batch, 4)?;
        let mut settled = vec![];
        for (i, number) in batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
            let (outcome, attempts) = match PlanOperation::parse(operations.value(i))? {
                PlanOperation::Invalid => continue,
                PlanOperation::Forget => (Outcome::Ok, 0),
                PlanOperation::Send(_) => (outcome.clone(), 1),
            };
            if attempts > 0 {
                tally.add(&outcome);
            }
            settled.push(Settled { number: *number, outcome, attempts, at: now });
        }
        file.write(&to_batch(&settled)?).await?;
    }
    file.finish().await?;
    Ok(tally)
}
