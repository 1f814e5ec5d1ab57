//! Sends one batch until each of its rows has an outcome: limited, tried again, bisected.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use backon::{BackoffBuilder, ExponentialBuilder};
use kinfold_base::{Clock, Faults, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::api::{Answer, Batch, Operation, Outcome, SharedConnector, Target};
use crate::claim::Claim;
use crate::cut::{Planned, idempotency_key};
use crate::error::{SyncError, arrow_bug};
use crate::job::Tuning;
use crate::quota::Quota;

/// What every delivery of one run shares.
pub(crate) struct Delivery {
    pub(crate) connector: SharedConnector,
    pub(crate) target: Target,
    pub(crate) quota: Arc<Quota>,
    pub(crate) claim: Claim,
    pub(crate) tuning: Tuning,
    /// Cancelled by the user or by the run itself: no further attempt is made.
    pub(crate) halt: CancellationToken,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) faults: Arc<dyn Faults>,
}

/// How one row of the plan ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) number: i64,
    pub(crate) outcome: Outcome,
    pub(crate) attempts: u32,
    pub(crate) at: Timestamp,
}

/// How one batch ended. Rows that are in no `settled` were never sent.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) first: i64,
    pub(crate) settled: Vec<Settled>,
    /// The destination took or refused at least one row, so that it is alive; or nothing was asked of it.
    pub(crate) answered: bool,
    /// The run should end, and why.
    pub(crate) stop: Option<String>,
    /// The run must end.
    pub(crate) error: Option<SyncError>,
}

/// Rows of the batch that go into one request.
struct Part {
    /// Indices into the batch, ascending.
    rows: Vec<usize>,
    /// Counts the answers that told each row's fate: after one, the same rows are a new request to the tool.
    generation: u32,
    tries: u32,
}

/// What is known of one row.
#[derive(Clone, Default)]
struct Row {
    outcome: Option<Outcome>,
    attempts: u32,
    /// Some attempt ended unknown: until a later one is taken, the row may be there in an older form.
    doubtful: bool,
}

enum Attempt {
    /// The run was halted before the request went out.
    Halted,
    /// It must not go out, or could not be made.
    Unsent(SyncError),
    Sent(Result<Answer, SyncError>),
}

enum Next {
    Settled,
    Again(Vec<Part>, Option<Duration>),
    Stop(String),
    Error(SyncError),
}

impl Delivery {
    /// Sends a batch. Ends early, between attempts, once `halt` is cancelled.
    pub(crate) async fn deliver(&self, planned: Planned) -> Delivered {
        let first = planned.first();
        let mut rows = vec![Row::default(); planned.numbers.len()];
        let mut parts = VecDeque::from([Part { rows: (0..rows.len()).collect(), generation: 0, tries: 0 }]);
        let (mut stop, mut error) = (None, None);
        while let Some(part) = parts.pop_front() {
            if part.rows.is_empty() {
                continue;
            }
            let next = match self.attempt(&planned, &part, &mut rows).await {
                Attempt::Halted => break,
                Attempt::Unsent(e) => Next::Error(e),
                Attempt::Sent(Ok(answer)) => self.judge(planned.operation, part, answer, &mut rows),
                Attempt::Sent(Err(e)) => {
                    settle(&part.rows, &mut rows, |_| Outcome::Unknown("the sync stopped at this batch".to_owned()));
                    Next::Error(e)
                }
            };
            match next {
                Next::Settled => {}
                Next::Again(again, wait) => {
                    for part in again.into_iter().rev() {
                        parts.push_front(part);
                    }
                    if let Some(wait) = wait
                        && self.halt.run_until_cancelled(tokio::time::sleep(wait)).await.is_none()
                    {
                        break;
                    }
                }
                Next::Stop(reason) => {
                    stop = Some(reason);
                    break;
                }
                Next::Error(e) => {
                    error = Some(e);
                    break;
                }
            }
        }
        let at = self.clock.now();
        let says = |o: &Option<Outcome>| matches!(o, Some(Outcome::Ok | Outcome::Rejected(_) | Outcome::NextRun(_)));
        let answered = rows.is_empty() || rows.iter().any(|row| says(&row.outcome));
        let sent = planned.numbers.iter().zip(rows).filter_map(|(number, row)| {
            Some(Settled { number: *number, attempts: row.attempts, at, outcome: last_word(row)? })
        });
        let refused = planned.refused.into_iter();
        let refused =
            refused.map(|(number, reason)| Settled { number, outcome: Outcome::Rejected(reason), attempts: 0, at });
        Delivered { first, settled: sent.chain(refused).collect(), answered, stop, error }
    }

    /// How long to wait after so many failed attempts.
    fn backoff(&self, tries: u32) -> Option<Duration> {
        let waits = ExponentialBuilder::default()
            .with_min_delay(self.tuning.backoff)
            .with_max_delay(self.tuning.max_backoff)
            .with_jitter()
            .without_max_times()
            .build();
        waits.skip(tries as usize).take(1).next()
    }

    /// One request.
    async fn attempt(&self, planned: &Planned, part: &Part, rows: &mut [Row]) -> Attempt {
        let spent = self.halt.run_until_cancelled(self.quota.spend()).await;
        if spent.is_none() || self.halt.is_cancelled() {
            return Attempt::Halted;
        }
        // Whoever was fenced while these rows waited must not send what may be old by now.
        if let Err(e) = self.claim.verify().await {
            return Attempt::Unsent(e);
        }
        let batch = match part_of(planned, part, &self.target.sync) {
            Ok(batch) => batch,
            Err(e) => return Attempt::Unsent(e),
        };
        self.faults.at("send.before");
        for i in &part.rows {
            rows[*i].attempts += 1;
        }
        let answer = self.connector.send(&self.target, &batch).await;
        self.faults.at("send.after");
        Attempt::Sent(answer)
    }

    /// What an answer means for its rows, and what to do next.
    fn judge(&self, operation: Operation, mut part: Part, answer: Answer, rows: &mut [Row]) -> Next {
        let last = part.tries + 1 >= self.tuning.attempts;
        match answer {
            Answer::Rows(outcomes) if outcomes.len() != part.rows.len() => {
                let message = format!(
                    "the connector of sync {} gave {} outcomes for {} rows",
                    self.target.sync,
                    outcomes.len(),
                    part.rows.len()
                );
                settle(&part.rows, rows, |_| Outcome::Unknown("the answer did not match the rows".to_owned()));
                Next::Error(SyncError::bug(message))
            }
            Answer::Rows(outcomes) => {
                let (mut retry, mut unknown) = (vec![], vec![]);
                for (i, outcome) in part.rows.iter().zip(outcomes) {
                    match &outcome {
                        Outcome::Retry(_) => retry.push(*i),
                        // An insert that may have been taken is not sent twice in a run: the tool may be slow to show it.
                        Outcome::Unknown(_) if operation != Operation::Insert => unknown.push(*i),
                        _ => {}
                    }
                    let row = &mut rows[*i];
                    row.doubtful |= matches!(outcome, Outcome::Unknown(_));
                    row.doubtful &= outcome != Outcome::Ok;
                    row.outcome = Some(outcome);
                }
                if last || (retry.is_empty() && unknown.is_empty()) {
                    return Next::Settled;
                }
                let wait = self.backoff(part.tries);
                let again = |rows, generation| Part { rows, generation, tries: part.tries + 1 };
                Next::Again(vec![again(retry, part.generation + 1), again(unknown, part.generation)], wait)
            }
            Answer::RetryAfter { seconds, reason } => {
                settle(&part.rows, rows, |_| Outcome::Retry(reason.clone()));
                self.try_again(part, seconds, &reason, last)
            }
            Answer::InDoubt { seconds, reason } => {
                settle(&part.rows, rows, |_| Outcome::Unknown(reason.clone()));
                self.try_again(part, seconds, &reason, last || operation == Operation::Insert)
            }
            Answer::Bisect { reason } if part.rows.len() == 1 => {
                settle(&part.rows, rows, |_| Outcome::Rejected(reason.clone()));
                Next::Settled
            }
            Answer::Bisect { reason } => {
                settle(&part.rows, rows, |_| Outcome::Retry(reason.clone()));
                let right = part.rows.split_off(part.rows.len() / 2);
                let right = Part { rows: right, generation: part.generation, tries: part.tries };
                Next::Again(vec![part, right], None)
            }
        }
    }

    /// Has a part sent again as it is, after the wait that the tool asked for or one of our own, unless this was the last time.
    fn try_again(&self, mut part: Part, seconds: Option<u64>, reason: &str, last: bool) -> Next {
        let asked = seconds.map(Duration::from_secs);
        if asked.is_some_and(|wait| wait > self.tuning.max_retry_after) {
            return Next::Stop(format!("{reason}; the tool asks to wait {} seconds", seconds.unwrap_or(0)));
        }
        if let Some(wait) = asked {
            // It speaks to the credential, so everyone who uses it waits.
            self.quota.pause(wait);
        }
        if last {
            return Next::Settled;
        }
        let wait = if asked.is_some() { None } else { self.backoff(part.tries) };
        part.tries += 1;
        Next::Again(vec![part], wait)
    }
}

fn settle(indices: &[usize], rows: &mut [Row], outcome: impl Fn(usize) -> Outcome) {
    for i in indices {
        let outcome = outcome(*i);
        rows[*i].doubtful |= matches!(outcome, Outcome::Unknown(_));
        rows[*i].outcome = Some(outcome);
    }
}

/// A refusal says nothing of an earlier attempt whose answer was lost: such a row stays unknown.
fn last_word(row: Row) -> Option<Outcome> {
    Some(match row.outcome? {
        Outcome::Rejected(reason) | Outcome::Retry(reason) | Outcome::NextRun(reason) if row.doubtful => {
            Outcome::Unknown(reason)
        }
        Outcome::NextRun(reason) => Outcome::Retry(reason),
        outcome => outcome,
    })
}

fn part_of(planned: &Planned, part: &Part, sync: &str) -> Result<Batch, SyncError> {
    let whole = part.rows.len() == planned.numbers.len();
    let rows: RecordBatch = if whole {
        planned.rows.clone()
    } else {
        let indices: UInt64Array = part.rows.iter().map(|i| *i as u64).collect();
        take_record_batch(&planned.rows, &indices).map_err(arrow_bug)?
    };
    let fingerprints: Vec<[u8; 16]> = part.rows.iter().map(|i| planned.fingerprints[*i]).collect();
    let idempotency_key = idempotency_key(sync, planned.operation, part.generation, &fingerprints);
    Ok(Batch { operation: planned.operation, rows, idempotency_key })
}
