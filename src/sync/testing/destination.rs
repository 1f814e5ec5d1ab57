//! A destination in memory, that takes, refuses, drops and forgets to answer, as its dice say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, AsArray, RecordBatch};
use async_trait::async_trait;
use futures::{TryStreamExt, stream::BoxStream};

use super::rows::hash;
use crate::{Answer, Batch, Connector, Limits, Operation, Outcome, SyncError, Target};

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Thrown by whatever plays the death of the process: `resume_unwind` runs no panic hook.
pub(crate) struct Killed;

pub(crate) fn kill() -> ! {
    std::panic::resume_unwind(Box::new(Killed))
}

/// What the destination holds and has seen.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The value of each row; `None` is null.
    pub(crate) rows: BTreeMap<String, Option<String>>,
    /// Every row that an insert ever added.
    pub(crate) inserted: Vec<(String, Option<String>)>,
    /// Every key and payload hash that was ever taken.
    pub(crate) delivered: BTreeSet<(String, String)>,
    /// Keys and operations in the order in which they were taken.
    pub(crate) log: Vec<(Operation, String)>,
    pub(crate) requests: Vec<(Operation, usize, String)>,
    pub(crate) replaced: u64,
}

pub(crate) struct TestDestination {
    pub(crate) contents: Mutex<Contents>,
    pub(crate) dice: Arc<Mutex<Dice>>,
    /// Of a hundred answers, so many are trouble.
    pub(crate) trouble: Mutex<u64>,
    /// The process dies in the middle of the so-manieth request.
    pub(crate) kill_in: Mutex<Option<u64>>,
    pub(crate) limits: Limits,
}

pub(crate) const LIMITS: Limits =
    Limits { batch_rows: 3, batch_bytes: 10_000, concurrency: 2, requests_per_second: None, whole: false };

impl TestDestination {
    pub(crate) fn new(seed: u64, limits: Limits) -> Self {
        Self {
            contents: Mutex::default(),
            dice: Arc::new(Mutex::new(Dice(seed))),
            trouble: Mutex::new(0),
            kill_in: Mutex::new(None),
            limits,
        }
    }

    fn roll(&self, n: u64) -> u64 {
        self.dice.lock().unwrap().below(n)
    }

    fn take(&self, operation: Operation, key: &str, value: Option<&str>) {
        let mut contents = self.contents.lock().unwrap();
        contents.log.push((operation, key.to_owned()));
        if matches!(operation, Operation::Insert | Operation::Update | Operation::Upsert) {
            contents.delivered.insert((key.to_owned(), hash(value)));
        }
        let value = value.map(str::to_owned);
        match operation {
            Operation::Delete => drop(contents.rows.remove(key)),
            Operation::Clear => {
                if let Some(value) = contents.rows.get_mut(key) {
                    *value = None;
                }
            }
            Operation::Insert => {
                contents.inserted.push((key.to_owned(), value.clone()));
                contents.rows.entry(key.to_owned()).or_insert(value);
            }
            Operation::Update | Operation::Upsert => drop(contents.rows.insert(key.to_owned(), value)),
        }
    }

    /// Whether the process dies in this request.
    fn dies(&self) -> bool {
        let mut kill_in = self.kill_in.lock().unwrap();
        match kill_in.as_mut() {
            Some(1) => {
                *kill_in = None;
                true
            }
            Some(n) => {
                *n -= 1;
                false
            }
            None => false,
        }
    }
}

fn rows_of(batch: &RecordBatch) -> Vec<(String, Option<String>)> {
    let (keys, values) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
    let value = |i| values.is_valid(i).then(|| values.value(i).to_owned());
    (0..batch.num_rows()).map(|i| (keys.value(i).to_owned(), value(i))).collect()
}

/// Values that this destination will never take.
pub(crate) fn is_bad(value: Option<&str>) -> bool {
    value.is_some_and(|v| v.starts_with("bad"))
}

#[async_trait]
impl Connector for TestDestination {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn place(&self, target: &Target) -> String {
        target.object.clone()
    }

    async fn prepare(&self, _: &Target) -> Result<(), SyncError> {
        Ok(())
    }

    async fn send(&self, target: &Target, batch: &Batch) -> Result<Answer, SyncError> {
        assert_eq!(batch.rows.schema(), target.schema);
        assert!(batch.rows.num_rows() <= self.limits.batch_rows && batch.rows.num_rows() > 0);
        let rows = rows_of(&batch.rows);
        let request = (batch.operation, rows.len(), batch.idempotency_key.clone());
        self.contents.lock().unwrap().requests.push(request);
        // Other requests overtake this one.
        for _ in 0..self.roll(3) {
            tokio::task::yield_now().await;
        }
        if self.dies() {
            for (key, value) in &rows {
                if self.roll(2) == 0 && !is_bad(value.as_deref()) {
                    self.take(batch.operation, key, value.as_deref());
                }
            }
            kill();
        }
        let trouble = *self.trouble.lock().unwrap();
        let wrong = self.roll(100) < trouble;
        if wrong {
            match self.roll(7) {
                0 => return Ok(Answer::RetryAfter { seconds: None, reason: "busy".to_owned() }),
                1 => {
                    return Ok(Answer::RetryAfter {
                        seconds: Some(self.roll(2) * 1000),
                        reason: "slow down".to_owned(),
                    });
                }
                2 if self.roll(4) == 0 => return Err(SyncError::outside("the credential was refused")),
                n @ 3..5 => {
                    // An answer that got lost, after everything, a part or nothing was taken.
                    let taken = self.roll(3);
                    for (key, value) in rows.iter().filter(|(_, value)| !is_bad(value.as_deref())) {
                        if taken == 0 || (taken == 1 && self.roll(2) == 0) {
                            self.take(batch.operation, key, value.as_deref());
                        }
                    }
                    let seconds = (n == 4).then_some(0);
                    return Ok(Answer::InDoubt { seconds, reason: "no answer came in time".to_owned() });
                }
                _ => {}
            }
        }
        if rows.iter().any(|(_, value)| is_bad(value.as_deref())) && self.roll(2) == 0 {
            return Ok(Answer::Bisect { reason: "a bad value".to_owned() });
        }
        let answer = rows.iter().map(|(key, value)| {
            if is_bad(value.as_deref()) {
                return Outcome::Rejected("a bad value".to_owned());
            }
            match if wrong { self.roll(4) } else { 9 } {
                0 => Outcome::Retry("locked".to_owned()),
                1 => Outcome::Unknown("no answer".to_owned()),
                2 => {
                    self.take(batch.operation, key, value.as_deref());
                    Outcome::Unknown("no answer".to_owned())
                }
                _ => {
                    self.take(batch.operation, key, value.as_deref());
                    Outcome::Ok
                }
            }
        });
        Ok(Answer::Rows(answer.collect()))
    }

    async fn replace(
        &self,
        _: &Target,
        rows: BoxStream<'static, Result<RecordBatch, SyncError>>,
    ) -> Result<u64, SyncError> {
        let rows: Vec<_> = rows.try_collect::<Vec<_>>().await?.iter().flat_map(rows_of).collect();
        let dies = self.dies();
        if dies && self.roll(2) == 0 {
            kill();
        }
        let wrong = self.roll(100) < *self.trouble.lock().unwrap();
        if wrong && self.roll(2) == 0 {
            return Err(SyncError::outside("the disk is full"));
        }
        let mut contents = self.contents.lock().unwrap();
        contents.replaced += 1;
        contents.delivered.extend(rows.iter().map(|(k, v)| (k.clone(), hash(v.as_deref()))));
        contents.rows = rows.into_iter().collect();
        let count = contents.rows.len() as u64;
        drop(contents);
        if dies {
            kill();
        }
        if wrong {
            return Err(SyncError::outside("the folder could not be synced"));
        }
        Ok(count)
    }
}
