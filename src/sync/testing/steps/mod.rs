//! What single runs do, answer by answer.

mod answers;
mod plans;
mod state;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, RecordBatch};
use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use kinfold_base::SyncMode;
use kinfold_state::Versions;
use object_store::ObjectStore;
use object_store::memory::InMemory;

use super::destination::LIMITS;
use super::rows::TestRows;
use super::{Leave, folder, job};
use crate::state::SyncState;
use crate::{Answer, Batch, Connector, Limits, Operation, Outcome, SyncError, SyncReport, Target, run_sync};

type Request = (Operation, Vec<String>, String);

/// Gives the answers of a script, then takes everything.
struct Scripted {
    answers: Mutex<VecDeque<Result<Answer, SyncError>>>,
    requests: Mutex<Vec<Request>>,
    limits: Limits,
    on_send: Box<dyn Fn() + Send + Sync>,
}

#[async_trait]
impl Connector for Scripted {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn place(&self, target: &Target) -> String {
        format!("memory {}", target.object)
    }

    async fn prepare(&self, _: &Target) -> Result<(), SyncError> {
        Ok(())
    }

    async fn send(&self, _: &Target, batch: &Batch) -> Result<Answer, SyncError> {
        let keys: Vec<String> = batch.rows.column(0).as_string::<i32>().iter().map(|k| k.unwrap().to_owned()).collect();
        let rows = keys.len();
        self.requests.lock().unwrap().push((batch.operation, keys, batch.idempotency_key.clone()));
        (self.on_send)();
        tokio::task::yield_now().await;
        self.answers.lock().unwrap().pop_front().unwrap_or(Ok(Answer::Rows(vec![Outcome::Ok; rows])))
    }

    async fn replace(
        &self,
        _: &Target,
        mut rows: BoxStream<'static, Result<RecordBatch, SyncError>>,
    ) -> Result<u64, SyncError> {
        (self.on_send)();
        let mut keys = vec![];
        while let Some(batch) = rows.try_next().await? {
            keys.extend(batch.column(0).as_string::<i32>().iter().map(|k| k.unwrap().to_owned()));
        }
        let count = keys.len() as u64;
        self.requests.lock().unwrap().push((Operation::Upsert, keys, "whole".to_owned()));
        match self.answers.lock().unwrap().pop_front() {
            Some(Err(error)) => Err(error),
            _ => Ok(count),
        }
    }
}

struct Setup {
    store: Arc<dyn ObjectStore>,
    rows: TestRows,
    runs: usize,
}

const SERIAL: Limits = Limits { concurrency: 1, ..LIMITS };

fn setup(mode: SyncMode, on_leave: Leave) -> Setup {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    Setup { rows: TestRows::new(mode, on_leave, &store), store, runs: 0 }
}

fn scripted(answers: Vec<Answer>) -> Arc<Scripted> {
    Arc::new(Scripted {
        answers: Mutex::new(answers.into_iter().map(Ok).collect()),
        requests: Mutex::default(),
        limits: SERIAL,
        on_send: Box::new(|| ()),
    })
}

impl Setup {
    async fn run(&mut self, connector: Arc<dyn Connector>) -> Result<SyncReport, SyncError> {
        self.runs += 1;
        run_sync(&job(&self.rows, connector, &self.store, self.runs)).await
    }

    /// One run with a script; gives the requests as `operation keys`, and the report.
    async fn script(&mut self, answers: Vec<Answer>) -> (Vec<String>, SyncReport) {
        let connector = scripted(answers);
        let report = self.run(Arc::clone(&connector) as _).await.unwrap();
        (shown(&connector), report)
    }

    /// One run of a sync that was to go to another object before.
    async fn elsewhere(
        &mut self,
        answers: Vec<Result<Answer, SyncError>>,
        full: bool,
        dry_run: bool,
    ) -> (Vec<String>, Result<SyncReport, SyncError>) {
        self.runs += 1;
        let connector = scripted(vec![]);
        connector.answers.lock().unwrap().extend(answers);
        let mut moved = job(&self.rows, Arc::clone(&connector) as _, &self.store, self.runs);
        moved.target.object = "clients".to_owned();
        (moved.full, moved.dry_run) = (full, dry_run);
        let result = run_sync(&moved).await;
        (shown(&connector), result)
    }

    async fn epoch(&self) -> Option<u64> {
        let versions = Versions::<SyncState>::new(Arc::clone(&self.store), folder(&self.store).prefix);
        versions.latest().await.unwrap().map(|v| v.epoch)
    }
}

fn shown(connector: &Scripted) -> Vec<String> {
    let requests = connector.requests.lock().unwrap();
    requests.iter().map(|(operation, keys, _)| format!("{operation:?} {}", keys.join(" ")).to_lowercase()).collect()
}

fn rows(outcomes: &[Outcome]) -> Answer {
    Answer::Rows(outcomes.to_vec())
}

fn busy(seconds: Option<u64>) -> Answer {
    Answer::RetryAfter { seconds, reason: "busy".to_owned() }
}

fn lost(seconds: Option<u64>) -> Answer {
    Answer::InDoubt { seconds, reason: "no answer came in time".to_owned() }
}

fn bisect() -> Answer {
    Answer::Bisect { reason: "bad".to_owned() }
}
