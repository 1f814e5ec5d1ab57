//! One run of a sync, in the order that makes a crash at any instant harmless.
//!
//! 1. **claim** the state: older processes can no longer commit;
//! 2. **recover**: an earlier run's unfinished plan is folded into the ledger with the outcomes that are durable; rows that may
//!    have been sent without one are unknown;
//! 3. **plan**: the diff against the ledger is written down, guards look at it, and a version that names it is committed;
//! 4. **send**, outcomes durable behind it;
//! 5. **fold** the outcomes into the next ledger and commit it;
//! 6. **log** the run; **collect** what no version needs any more.
//!
//! Upserts, updates, deletes and clears are effectively once. Inserts are at least once: after a crash, rows of at most
//! [`crate::Limits::concurrency`] batches may be sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::{Schema, SchemaRef};
use futures::{StreamExt, TryStreamExt, stream};
use kinfold_base::{ProgressEvent, SyncMode, new_writer_id};
use kinfold_state::{Versions, Writer};

use crate::api::{Limits, Outcome, Target};
use crate::claim::Claim;
use crate::cut::Cutter;
use crate::deliver::Delivery;
use crate::error::{ErrorKind, SyncError};
use crate::files::{Files, epoch_folder};
use crate::fold::write_ledger;
use crate::job::{LogEntry, SyncJob, SyncReport, SyncStatus};
use crate::outcomes::{Tally, recover_outcomes, settle_all};
use crate::plan::{PlanCounts, Planner, Reasons, sample, wanted_payload, write_plan};
use crate::send::{Sent, Window, send_plan};
use crate::state::{ClosedPlan, OpenPlan, SyncState};

/// How many rows a dry run shows.
const SAMPLE_ROWS: usize = 10;

/// So many runs wait at most for a log that fails.
const MOST_UNLOGGED: usize = 100;

/// From so many delivered rows on, that all of them leave is taken for a mistake unless a guard says otherwise.
const MANY_ROWS: u64 = 100;

/// Runs one sync to its end.
///
/// # Errors
/// `Guard` if a guard forbids it: nothing was sent. `Fenced` if another process has taken the sync over. Else when storage,
/// the engine or the destination as a whole fails. Whatever the error, the state is such that the next run makes good.
pub async fn run_sync(job: &SyncJob<'_>) -> Result<SyncReport, SyncError> {
    let task = job.target.sync.as_str();
    let result = if job.dry_run { Box::pin(dry_run(job)).await } else { Box::pin(Run::new(job)?.run()).await };
    job.progress.on(match &result {
        Ok(report) => ProgressEvent::Finished { task, rows: report.acknowledged, note: None },
        Err(_) => ProgressEvent::Failed { task },
    });
    result
}

/// The target with columns that may all be null, as deletes need it.
fn open_target(target: &Target) -> Target {
    let fields = target.schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true));
    Target { schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())), ..target.clone() }
}

fn check_shape(job: &SyncJob<'_>) -> Result<(), SyncError> {
    let (payload, target) = (job.rows.payload_schema(), &job.target.schema);
    if payload.fields().len() == target.fields().len() && job.target.key_columns <= target.fields().len() {
        Ok(())
    } else {
        Err(SyncError::bug(format!("sync {} has rows of another shape than its target", job.target.sync)))
    }
}

fn new_report(job: &SyncJob<'_>) -> SyncReport {
    SyncReport { sync: job.target.sync.clone(), run_id: job.target.run_id.clone(), ..SyncReport::default() }
}

/// Why the guard on wanted rows forbids a run.
async fn too_few(job: &SyncJob<'_>) -> Result<Option<SyncError>, SyncError> {
    let Some(least) = job.guard.min_rows else { return Ok(None) };
    let wanted = job.rows.wanted_count().await?;
    Ok((wanted < least).then(|| {
        let message = format!("sync {} wants {wanted} rows, but its guard asks for at least {least}", job.target.sync);
        SyncError::new(ErrorKind::Guard, message).hint("find out why rows are missing, or lower guard.min_rows")
    }))
}

/// Why the guard on leaving rows forbids a plan.
fn too_many_leave(job: &SyncJob<'_>, counts: &PlanCounts, delivered: u64) -> Option<SyncError> {
    let leaving = counts.leaving;
    let Some(most) = job.guard.max_leave_basis_points else {
        return (delivered >= MANY_ROWS && leaving >= delivered).then(|| {
            let message = format!("sync {} would take away all {delivered} rows", job.target.sync);
            SyncError::new(ErrorKind::Guard, message).hint("if that is meant, set guard.max_leave: 100% for one run")
        });
    };
    (u128::from(leaving) * 10_000 > u128::from(delivered) * u128::from(most)).then(|| {
        let percent = f64::from(most) / 100.0;
        let message = format!(
            "sync {} would take away {leaving} of {delivered} rows, but its guard allows {percent} %",
            job.target.sync
        );
        SyncError::new(ErrorKind::Guard, message)
            .hint("find out why rows are missing; if they should leave, raise guard.max_leave for one run")
    })
}

/// Why a ledger says nothing of the place where rows are to go now.
fn moved(job: &SyncJob<'_>, state: &SyncState, place: &str) -> Option<SyncError> {
    let old = state.place.as_deref().filter(|old| *old != place && state.counts.rows > 0)?;
    let sync = &job.target.sync;
    let message = format!("sync {sync} was delivered to {old}, and is now to go to {place}");
    Some(SyncError::input(message).hint(format!(
        "set it back; give the sync a new name to begin anew; or run `kinfold sync {sync} --full` to send everything to the \
         new place and keep the ledger"
    )))
}

/// Counts what a run would do. Rows of an unfinished earlier run are counted as if it had sent nothing.
async fn dry_run(job: &SyncJob<'_>) -> Result<SyncReport, SyncError> {
    check_shape(job)?;
    let versions = Versions::<SyncState>::new(Arc::clone(&job.state.store), job.state.prefix.clone());
    let state = versions.latest().await?.map(|v| v.body).unwrap_or_default();
    let files = Files::new(job.state.clone());
    let target = open_target(&job.target);
    let whole = job.connector.limits().whole;
    let mut planner = Planner::new(&target.schema, target.key_columns, &target.run_id, whole);
    let mut report = SyncReport { status: SyncStatus::Planned, ledger: state.counts, ..new_report(job) };
    let full = job.full || state.moving;
    let mut diff = job.rows.diff(&files.urls(state.ledger.as_deref()), full).await?;
    while let Some(batch) = diff.try_next().await? {
        let rows = planner.plan(&batch)?;
        let missing = SAMPLE_ROWS - report.sample.len();
        if missing > 0 {
            report.sample.extend(sample(&rows, &target.schema, missing)?);
        }
    }
    planner.counts.fill(&mut report, state.counts.delivered);
    let few = too_few(job).await?;
    let leave = too_many_leave(job, &planner.counts, state.counts.delivered);
    let moved = moved(job, &state, &job.connector.place(&target)).filter(|_| !job.full);
    report.warnings.extend(moved.into_iter().chain(few).chain(leave).map(|e| e.message));
    if state.plan.is_some() {
        report.warnings.push("an earlier run did not end; the next run first puts its rows in order".to_owned());
    }
    Ok(report)
}

/// One run, and what it has come to.
struct Run<'a> {
    job: &'a SyncJob<'a>,
    files: Files,
    target: Target,
    limits: Limits,
}

impl<'a> Run<'a> {
    fn new(job: &'a SyncJob<'a>) -> Result<Self, SyncError> {
        check_shape(job)?;
        let files = Files::new(job.state.clone());
        Ok(Self { job, files, target: open_target(&job.target), limits: job.connector.limits() })
    }

    async fn run(&self) -> Result<SyncReport, SyncError> {
        let job = self.job;
        job.faults.at("claim.before");
        let versions = Versions::new(Arc::clone(&job.state.store), job.state.prefix.clone());
        let mut writer = versions.claim(&new_writer_id(), SyncState::default).await?;
        job.faults.at("claim.after");
        let result = Box::pin(self.claimed(&mut writer)).await;
        // After a failure too: a destination that is away for a month must not fill the storage with claims and plans.
        if !matches!(&result, Err(e) if e.kind == ErrorKind::Fenced) {
            self.collect(&writer).await;
        }
        result
    }

    async fn claimed(&self, writer: &mut Writer<SyncState>) -> Result<SyncReport, SyncError> {
        let job = self.job;
        if let Some(ledger) = &writer.current().body.ledger {
            self.files.verify(ledger).await?;
        }
        if let Some(plan) = writer.current().body.plan.clone() {
            job.faults.at("recover.before");
            self.recover(writer, &plan).await?;
            job.faults.at("recover.after");
        }
        self.log(writer).await?;
        let folder = epoch_folder(writer.current().epoch);
        let state = writer.current().body.clone();
        let place = job.connector.place(&self.target);
        let moved = moved(job, &state, &place);
        // Until one run has sent everything, the ledger may still speak of the place where rows went before.
        let moving = state.moving || moved.is_some();
        if let Some(error) = moved
            && !job.full
        {
            return Err(error);
        }
        if let Some(guard) = too_few(job).await? {
            return Err(guard);
        }

        let full = job.full || moving;
        let plan_file = format!("{folder}/plan.parquet");
        let planner =
            Planner::new(&self.target.schema, self.target.key_columns, &self.target.run_id, self.limits.whole);
        job.faults.at("plan.before_write");
        let planning = async {
            let diff = job.rows.diff(&self.files.urls(state.ledger.as_deref()), full).await?;
            write_plan(&self.files, &plan_file, diff, planner).await
        };
        let mut report = SyncReport { ledger: state.counts, ..new_report(job) };
        let Some(counts) = job.cancel.run_until_cancelled(planning).await else {
            return Ok(SyncReport { status: SyncStatus::Cancelled, ..report });
        };
        let counts = counts?;
        job.faults.at("plan.after_write");
        counts.fill(&mut report, state.counts.delivered);
        let task = self.target.sync.as_str();
        job.progress.on(ProgressEvent::Started { task, total_rows: Some(counts.to_send()) });

        if let Some(guard) = too_many_leave(job, &counts, state.counts.delivered) {
            return Err(guard);
        }
        let state = SyncState { place: Some(place), moving, ..state };
        if counts.to_send() + counts.forgotten == 0 {
            // Nothing to send and nothing to write down, unless it is the place; invalid rows are only counted.
            let state = SyncState { moving: false, ..state };
            if state != writer.current().body {
                writer.commit(state).await?;
            }
            return Ok(report);
        }
        if counts.to_send() > 0 {
            job.connector.prepare(&self.target).await?;
        }
        if job.cancel.is_cancelled() {
            return Ok(SyncReport { status: SyncStatus::Cancelled, ..report });
        }
        let window = self.window(folder.clone());
        let plan = OpenPlan {
            run_id: self.target.run_id.clone(),
            file: plan_file,
            rows: counts.rows,
            folder: folder.clone(),
            window_rows: u64::try_from(window.rows).unwrap_or(u64::MAX),
            report: report.clone(),
        };
        writer.commit(SyncState { plan: Some(plan.clone()), ..state }).await?;
        job.faults.at("plan.after_commit");

        let sent = if job.faults.seeded_bug().is_some() {
            // The mistake that tests must catch: the ledger claims rows before anything is known of them.
            let outcomes = format!("{folder}/outcomes-early.parquet");
            let tally = settle_all(&self.files, &plan, &outcomes, job.clock.now(), &Outcome::Ok).await?;
            tally.fill(&mut report, &counts.reasons);
            report = self.close(writer, &plan, vec![outcomes], report).await?;
            self.send(writer, &plan, &window, &counts).await?
        } else {
            let sent = self.send(writer, &plan, &window, &counts).await?;
            sent.tally.fill(&mut report, &counts.reasons);
            report.stopped.clone_from(&sent.stopped);
            report.status = self.status(&sent, &report);
            report = self.close(writer, &plan, sent.outcome_files.clone(), report).await?;
            sent
        };
        self.log(writer).await?;
        match sent.error {
            Some(error) => Err(error),
            None => Ok(report),
        }
    }

    fn status(&self, sent: &Sent, report: &SyncReport) -> SyncStatus {
        if sent.error.is_some() {
            SyncStatus::Failed
        } else if sent.stopped.is_some() {
            SyncStatus::Stopped
        } else if self.job.cancel.is_cancelled() && report.pending > 0 {
            SyncStatus::Cancelled
        } else {
            SyncStatus::Done
        }
    }

    /// How far sending may run ahead of durable outcomes.
    fn window(&self, folder: String) -> Window {
        let concurrency = self.limits.concurrency.max(1);
        let in_flight = concurrency.saturating_mul(self.limits.batch_rows.max(1));
        let eager = self.target.mode == SyncMode::Insert;
        let rows = match (self.limits.whole, eager) {
            (true, _) => usize::MAX,
            (false, true) => in_flight,
            (false, false) => self.job.tuning.window_rows.max(in_flight.saturating_mul(2)),
        };
        Window { rows: i64::try_from(rows).unwrap_or(i64::MAX), eager, concurrency, folder }
    }

    async fn send(
        &self,
        writer: &Writer<SyncState>,
        plan: &OpenPlan,
        window: &Window,
        counts: &PlanCounts,
    ) -> Result<Sent, SyncError> {
        let job = self.job;
        if self.limits.whole {
            return self.replace(writer, plan, window, counts).await;
        }
        let delivery = Delivery {
            connector: Arc::clone(&job.connector),
            target: self.target.clone(),
            quota: Arc::clone(&job.quota),
            claim: Claim::new(writer.watch(), job.tuning.flush_every),
            tuning: job.tuning,
            halt: job.cancel.child_token(),
            clock: Arc::clone(&job.clock),
            faults: Arc::clone(&job.faults),
        };
        let rows = self.files.read(&plan.file, None).await?;
        let cutter = Cutter::new(rows, &self.target.schema, self.target.key_columns, self.limits, window.rows);
        send_plan(job, &self.files, &delivery, cutter, window).await
    }

    /// Hands all wanted rows to a destination that takes only whole sets.
    async fn replace(
        &self,
        writer: &Writer<SyncState>,
        plan: &OpenPlan,
        window: &Window,
        counts: &PlanCounts,
    ) -> Result<Sent, SyncError> {
        let job = self.job;
        let mut sent = Sent::default();
        let mut outcome = Outcome::Ok;
        if counts.to_send() > 0 {
            let schema: SchemaRef = Arc::clone(&self.target.schema);
            // Against an empty ledger, the difference is all wanted rows, the invalid ones marked.
            let rows = job.rows.diff(&[], true).await?;
            let rows = rows.and_then(move |batch| futures::future::ready(wanted_payload(&batch, &schema)));
            let handed_over = Arc::new(AtomicBool::new(false));
            let (watch, all) = (writer.watch(), Arc::clone(&handed_over));
            // Whoever was fenced while the rows were read must not replace what a newer run has written.
            let end =
                stream::once(async move { watch.verify().await.map_err(SyncError::from) }).try_filter_map(move |()| {
                    all.store(true, Ordering::SeqCst);
                    futures::future::ready(Ok(None))
                });
            job.quota.spend().await;
            job.faults.at("send.before");
            let replaced = job.connector.replace(&self.target, Box::pin(rows.chain(end))).await;
            job.faults.at("send.after");
            if let Err(error) = replaced {
                sent.stopped = Some(error.message.clone());
                sent.error = Some(error);
                if !handed_over.load(Ordering::SeqCst) {
                    // The destination is as it was: none of the plan's rows has an outcome.
                    return Ok(sent);
                }
                outcome = Outcome::Unknown("the destination failed after all rows had been handed over".to_owned());
            }
        }
        let outcomes = crate::outcomes::outcome_file(&window.folder, 1);
        job.faults.at("outcomes.before_write");
        sent.tally = settle_all(&self.files, plan, &outcomes, job.clock.now(), &outcome).await?;
        job.faults.at("outcomes.after_write");
        sent.outcome_files.push(outcomes);
        Ok(sent)
    }

    /// Folds outcomes into the next ledger and commits it; returns the report as it was kept.
    async fn close(
        &self,
        writer: &mut Writer<SyncState>,
        plan: &OpenPlan,
        outcomes: Vec<String>,
        mut report: SyncReport,
    ) -> Result<SyncReport, SyncError> {
        let job = self.job;
        let mut state = writer.current().body.clone();
        let folder = epoch_folder(writer.current().epoch);
        let ledger = format!("{folder}/ledger-{:020}.parquet", writer.current().number + 1);
        job.faults.at("ledger.before_write");
        let old = state.ledger.as_deref();
        let counts = write_ledger(&self.files, job.rows, old, &plan.file, &outcomes, &ledger).await?;
        job.faults.at("ledger.after_write");
        report.ledger = counts;
        // An interrupted run is not over, whatever its counts say.
        let moving = state.moving && (report.status == SyncStatus::Recovered || report.pending > 0);
        let mut unlogged = std::mem::take(&mut state.unlogged);
        if job.log.is_some() {
            unlogged.push(ClosedPlan { plan: plan.file.clone(), outcomes, report: report.clone() });
        }
        while unlogged.len() > MOST_UNLOGGED {
            let run_id = unlogged.remove(0).report.run_id;
            let message = format!("run {run_id} is left out of the log, which has taken no run for too long");
            tracing::warn!(%run_id, "a run is left out of the log, which has taken no run for too long");
            report.warnings.push(message);
        }
        job.faults.at("ledger.before_commit");
        writer.commit(SyncState { ledger: Some(ledger), counts, plan: None, unlogged, moving, ..state }).await?;
        job.faults.at("ledger.after_commit");
        Ok(report)
    }

    /// Closes the plan of a run that ended without a word.
    async fn recover(&self, writer: &mut Writer<SyncState>, plan: &OpenPlan) -> Result<(), SyncError> {
        let folder = epoch_folder(writer.current().epoch);
        let name = format!("{folder}/recovered.parquet");
        let (outcomes, tally): (Vec<String>, Tally) =
            recover_outcomes(&self.files, plan, &name, self.job.clock.now()).await?;
        tracing::info!(unknown = tally.unknown, "an earlier run of this sync did not end: its rows were put in order");
        let mut report = SyncReport { status: SyncStatus::Recovered, ..plan.report.clone() };
        tally.fill(&mut report, &Reasons::default());
        self.close(writer, plan, outcomes, report).await.map(|_| ())
    }

    /// Tells the log of every run that it may not have heard of.
    async fn log(&self, writer: &mut Writer<SyncState>) -> Result<(), SyncError> {
        let (Some(log), job) = (self.job.log, self.job) else { return Ok(()) };
        let state = writer.current().body.clone();
        if state.unlogged.is_empty() {
            return Ok(());
        }
        job.faults.at("log.before_write");
        for closed in &state.unlogged {
            let entry = LogEntry {
                report: closed.report.clone(),
                plan_files: self.files.urls([closed.plan.as_str()]),
                outcome_files: self.files.urls(closed.outcomes.iter().map(String::as_str)),
            };
            if let Err(error) = log.record(&entry).await {
                // The rows are delivered and the ledger knows it: the log can wait for the next run.
                tracing::warn!(%error, "the run could not be recorded in the log");
                return Ok(());
            }
        }
        job.faults.at("log.after_write");
        writer.commit(SyncState { unlogged: vec![], ..state }).await?;
        Ok(())
    }

    /// Deletes what no version needs. A failure is no failure of the sync: the next run tries again.
    async fn collect(&self, writer: &Writer<SyncState>) {
        self.job.faults.at("collect.before");
        let collected = async {
            let kept = writer.collect(self.job.tuning.keep_versions).await?;
            // Versions that vanish while they are read are collected by somebody newer, who knows what is still needed.
            if !kept.iter().any(|version| version.number >= writer.current().number) {
                return Ok(());
            }
            let kept: Vec<SyncState> = kept.into_iter().map(|v| v.body).collect();
            self.files.collect(writer.current().epoch, &kept).await
        };
        if let Err(error) = collected.await {
            tracing::warn!(%error, "old state could not be deleted");
        }
        self.job.faults.at("collect.after");
    }
}
