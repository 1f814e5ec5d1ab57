//! Sends a plan: several batches at once, outcomes durable behind them.
//!
//! Between what is sent and what is durable there is a window: a batch goes out only while its rows are less than so many rows
//! beyond the first one whose outcome is not durable. After a crash, only rows in the window can be unknown.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kinfold_base::ProgressEvent;
use tokio::time::Instant;

use crate::api::{Operation, Outcome};
use crate::cut::{Cut, Cutter, Planned};
use crate::deliver::{Delivered, Delivery, Settled};
use crate::error::SyncError;
use crate::files::Files;
use crate::job::SyncJob;
use crate::outcomes::{Tally, outcome_file, write_outcomes};

/// What came of sending a plan.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) tally: Tally,
    /// All of them are durable.
    pub(crate) outcome_files: Vec<String>,
    /// Why the run ended before the plan did.
    pub(crate) stopped: Option<String>,
    /// An error that concerns all rows; the outcomes are complete up to it.
    pub(crate) error: Option<SyncError>,
}

/// Where a sender writes, and how far it may run ahead.
pub(crate) struct Window {
    pub(crate) rows: i64,
    /// Outcomes are written as soon as there are any, so that few appends are in doubt after a crash.
    pub(crate) eager: bool,
    pub(crate) concurrency: usize,
    pub(crate) folder: String,
}

type Flush<'a> = Pin<Box<dyn Future<Output = Result<Flushed, SyncError>> + Send + 'a>>;

/// Outcomes that have become durable.
struct Flushed {
    /// First rows of the batches that they belong to.
    batches: Vec<i64>,
    file: String,
    rows: u64,
}

/// The state of the loop.
struct Sender<'a> {
    job: &'a SyncJob<'a>,
    files: &'a Files,
    delivery: &'a Delivery,
    window: &'a Window,
    /// First rows of batches that were cut and are not durable yet.
    open: BTreeSet<i64>,
    settled: Vec<Settled>,
    settled_batches: Vec<i64>,
    flush_at: Option<Instant>,
    next_file: u32,
    /// Batches in a row that no row got an answer in.
    silent: u32,
    durable_rows: u64,
    sent: Sent,
}

/// Sends every batch of a plan. Returns once all outcomes are durable.
///
/// # Errors
/// When outcomes cannot be made durable, the plan cannot be read, or another process has taken over: the next run recovers.
pub(crate) async fn send_plan(
    job: &SyncJob<'_>,
    files: &Files,
    delivery: &Delivery,
    mut cutter: Cutter,
    window: &Window,
) -> Result<Sent, SyncError> {
    let mut sender = Sender::new(job, files, delivery, window);
    let mut in_flight = FuturesUnordered::new();
    let mut flying: Option<Operation> = None;
    let mut next: Option<Planned> = None;
    let mut flushing: Option<Flush<'_>> = None;
    let mut exhausted = false;
    // Rows that only the ledger drops are held until they can be made durable.
    let mut laden = false;
    loop {
        let mut blocked = false;
        while !delivery.halt.is_cancelled() && in_flight.len() < window.concurrency {
            if next.is_none() && !exhausted && !laden {
                match cutter.next().await? {
                    Cut::Batch(planned) => next = Some(planned),
                    Cut::Forgotten => laden = true,
                    Cut::End => exhausted = true,
                }
                sender.forget(&mut cutter.forgotten);
            }
            let Some(planned) = &next else { break };
            // Deletes are through before upserts begin: a row may give up a unique value that another one takes.
            if flying.is_some_and(|operation| operation != planned.operation) && !in_flight.is_empty() {
                break;
            }
            let low = sender.open.first().copied().unwrap_or(planned.first());
            blocked = planned.last() - low >= window.rows;
            if blocked {
                break;
            }
            sender.open.insert(planned.first());
            flying = Some(planned.operation);
            if let Some(planned) = next.take() {
                in_flight.push(delivery.deliver(planned));
            }
        }
        let ended = in_flight.is_empty() && (delivery.halt.is_cancelled() || (exhausted && next.is_none()));
        if flushing.is_none() && sender.flush_is_due(ended || blocked || laden) {
            flushing = Some(sender.flush());
            laden = false;
        }
        if ended && flushing.is_none() {
            return Ok(sender.sent);
        }
        tokio::select! {
            Some(delivered) = in_flight.next(), if !in_flight.is_empty() => sender.take(delivered),
            flushed = async { flushing.as_mut().expect("checked by the guard").await }, if flushing.is_some() => {
                flushing = None;
                sender.durable(flushed?);
            }
            () = sleep_until(sender.flush_at), if flushing.is_none() && sender.flush_at.is_some() => {}
            () = delivery.halt.cancelled(), if !delivery.halt.is_cancelled() => {}
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

impl<'a> Sender<'a> {
    fn new(job: &'a SyncJob<'a>, files: &'a Files, delivery: &'a Delivery, window: &'a Window) -> Self {
        Self {
            job,
            files,
            delivery,
            window,
            open: BTreeSet::new(),
            settled: vec![],
            settled_batches: vec![],
            flush_at: None,
            next_file: 1,
            silent: 0,
            durable_rows: 0,
            sent: Sent::default(),
        }
    }

    fn take(&mut self, delivered: Delivered) {
        self.settled_batches.push(delivered.first);
        for settled in &delivered.settled {
            self.sent.tally.add(&settled.outcome);
        }
        self.settled.extend(delivered.settled);
        if !self.settled.is_empty() {
            self.flush_at.get_or_insert_with(|| Instant::now() + self.job.tuning.flush_every);
        }
        self.silent = if delivered.answered { 0 } else { self.silent + 1 };
        if let Some(error) = delivered.error {
            self.halt(&error.message.clone());
            self.sent.error.get_or_insert(error);
        }
        if let Some(reason) = delivered.stop {
            self.halt(&reason);
        } else if self.silent >= self.job.tuning.failures_to_stop {
            self.halt("the destination did not take any row of several batches in a row");
        }
    }

    fn halt(&mut self, reason: &str) {
        self.sent.stopped.get_or_insert_with(|| reason.to_owned());
        self.delivery.halt.cancel();
    }

    /// Rows that only the ledger drops are settled without being sent, and no part of the tally.
    fn forget(&mut self, numbers: &mut Vec<i64>) {
        let at = self.job.clock.now();
        let settled = numbers.drain(..).map(|number| Settled { number, outcome: Outcome::Ok, attempts: 0, at });
        self.settled.extend(settled);
    }

    fn flush_is_due(&self, now: bool) -> bool {
        let many = i64::try_from(self.settled.len()).unwrap_or(i64::MAX) >= self.window.rows / 4;
        let late = self.flush_at.is_some_and(|at| at <= Instant::now());
        !self.settled.is_empty() && (now || many || late || self.window.eager)
    }

    /// Begins to make everything that is settled durable.
    fn flush(&mut self) -> Flush<'a> {
        let settled = std::mem::take(&mut self.settled);
        let batches = std::mem::take(&mut self.settled_batches);
        let file = outcome_file(&self.window.folder, self.next_file);
        self.next_file += 1;
        self.flush_at = None;
        let (job, files, claim) = (self.job, self.files, &self.delivery.claim);
        Box::pin(async move {
            job.faults.at("outcomes.before_write");
            write_outcomes(files, &file, &settled).await?;
            job.faults.at("outcomes.after_write");
            // Whoever was fenced must not go on sending what may be old by now.
            claim.verify_now().await?;
            Ok(Flushed { batches, file, rows: settled.len() as u64 })
        })
    }

    fn durable(&mut self, flushed: Flushed) {
        for batch in &flushed.batches {
            self.open.remove(batch);
        }
        self.sent.outcome_files.push(flushed.file);
        self.durable_rows += flushed.rows;
        let task = &self.job.target.sync;
        self.job.progress.on(ProgressEvent::Advanced { task, rows: self.durable_rows });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kinfold_base::SyncMode;
    use kinfold_state::Versions;
    use object_store::ObjectStore;
    use object_store::memory::InMemory;

    use super::*;
    use crate::claim::Claim;
    use crate::state::SyncState;
    use crate::testing::destination::{LIMITS, TestDestination};
    use crate::testing::rows::TestRows;
    use crate::testing::{Leave, folder, job};

    #[tokio::test]
    async fn a_batch_that_ended_without_outcomes_asks_for_no_flush() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let rows = TestRows::new(SyncMode::Upsert, Leave::Delete, &store);
        let job = job(&rows, Arc::new(TestDestination::new(1, LIMITS)), &store, 1);
        let files = Files::new(folder(&store));
        let versions = Versions::<SyncState>::new(Arc::clone(&store), folder(&store).prefix);
        let writer = versions.claim("one", SyncState::default).await.unwrap();
        let delivery = Delivery {
            connector: Arc::clone(&job.connector),
            target: job.target.clone(),
            quota: Arc::clone(&job.quota),
            claim: Claim::new(writer.watch(), job.tuning.flush_every),
            tuning: job.tuning,
            halt: job.cancel.child_token(),
            clock: Arc::clone(&job.clock),
            faults: Arc::clone(&job.faults),
        };
        let window = Window { rows: 12, eager: false, concurrency: 2, folder: "data".to_owned() };
        let mut sender = Sender::new(&job, &files, &delivery, &window);
        // As when the run was cancelled between two attempts. A flush that is due and has nothing to write would be due for ever.
        let nothing = Delivered { first: 0, settled: vec![], answered: false, stop: None, error: None };
        sender.take(nothing);
        assert_eq!(sender.flush_at, None);
    }
}
