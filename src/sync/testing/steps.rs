//! What single runs do, answer by answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, RecordBatch};
use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use kinfold_base::{Faults, SyncMode};
use kinfold_state::Versions;
use object_store::ObjectStore;
use object_store::memory::InMemory;

use super::destination::{LIMITS, TestDestination};
use super::rows::TestRows;
use super::{Leave, folder, job};
use crate::state::SyncState;
use crate::{
    Answer, Batch, Connector, ErrorKind, Guard, Limits, LogEntry, Operation, Outcome, SyncError, SyncLog, SyncReport,
    SyncStatus, Target, run_sync,
};

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

#[tokio::test]
async fn only_what_changed_is_sent_and_deletes_go_first() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]);
    let (requests, report) = s.script(vec![]).await;
    assert_eq!(requests, ["upsert a b c", "upsert d"]);
    assert_eq!((report.added, report.acknowledged, report.status), (4, 4, SyncStatus::Done));
    let (requests, report) = s.script(vec![]).await;
    assert_eq!(requests, [""; 0]);
    assert_eq!((report.added, report.unchanged), (0, 4));
    s.rows.set(&[("a", "1"), ("b", "2"), ("e", "1")]);
    let (requests, report) = s.script(vec![]).await;
    assert_eq!(requests, ["delete c d", "upsert b e"]);
    assert_eq!((report.added, report.updated, report.removed, report.unchanged), (1, 1, 2, 1));
    assert_eq!(report.ledger.rows, 3);
}

#[tokio::test]
async fn a_refused_row_is_sent_again_only_when_it_has_changed() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1")]);
    let no = || Outcome::Rejected("no such country".to_owned());
    let (_, report) = s.script(vec![rows(&[Outcome::Ok, no()])]).await;
    assert_eq!((report.acknowledged, report.rejected), (1, 1));
    assert_eq!(report.reasons, [("no such country".to_owned(), 1)]);
    assert_eq!(s.script(vec![]).await.0, [""; 0]);
    s.rows.set(&[("a", "1"), ("b", "2")]);
    assert_eq!(s.script(vec![]).await.0, ["upsert b"]);
}

#[tokio::test]
async fn a_row_that_never_got_there_needs_no_delete() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1"), ("c", "1")]);
    let outcomes = [Outcome::Rejected("no".to_owned()), Outcome::Unknown("?".to_owned()), Outcome::Ok];
    let unknown = [Outcome::Unknown("?".to_owned())];
    let (requests, report) = s.script(vec![rows(&outcomes), rows(&unknown)]).await;
    assert_eq!(requests, ["upsert a b c", "upsert b"]);
    assert_eq!((report.acknowledged, report.rejected, report.unknown), (1, 1, 1));
    s.rows.set(&[]);
    let (requests, report) = s.script(vec![]).await;
    assert_eq!(requests, ["delete b c"]);
    assert_eq!(report.ledger.rows, 0);
}

#[tokio::test]
async fn a_batch_refused_whole_is_halved_down_to_the_row() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1"), ("c", "1")]);
    let (requests, report) =
        s.script(vec![bisect(), rows(&[Outcome::Ok]), bisect(), bisect(), rows(&[Outcome::Ok])]).await;
    assert_eq!(requests, ["upsert a b c", "upsert a", "upsert b c", "upsert b", "upsert c"]);
    assert_eq!((report.acknowledged, report.rejected), (2, 1));
}

#[tokio::test]
async fn the_same_rows_have_the_same_idempotency_key_until_they_are_answered() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1")]);
    let connector = scripted(vec![busy(None), rows(&[Outcome::Ok, Outcome::Retry("locked".to_owned())])]);
    s.run(Arc::clone(&connector) as _).await.unwrap();
    let keys: Vec<String> = connector.requests.lock().unwrap().iter().map(|r| r.2.clone()).collect();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[0].len(), 32);

    // Away and back again: the third run must not be taken for the first.
    let mut seen = vec![];
    for value in ["x", "y", "x"] {
        s.rows.set(&[("a", value), ("b", "1")]);
        let connector = scripted(vec![]);
        s.run(Arc::clone(&connector) as _).await.unwrap();
        seen.push(connector.requests.lock().unwrap()[0].2.clone());
    }
    assert_ne!(seen[0], seen[2]);
}

/// Ends the process, as far as a run can tell, after the first request.
#[derive(Debug)]
struct DieAfterSend;

impl Faults for DieAfterSend {
    fn at(&self, point: &'static str) {
        if point == "send.after" {
            super::destination::kill();
        }
    }
}

#[test]
fn after_a_crash_the_same_batch_has_the_same_idempotency_key() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let before = scripted(vec![]);
    let mut dying = job(&s.rows, Arc::clone(&before) as _, &s.store, 1);
    dying.faults = Arc::new(DieAfterSend);
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(run_sync(&dying))));
    assert!(died.is_err());
    drop(dying);
    // A new row that sorts first must not shift the others into other batches.
    s.rows.set(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")]);
    s.runs = 1;
    let after = scripted(vec![]);
    runtime.block_on(s.run(Arc::clone(&after) as _)).unwrap();
    let (before, after) = (before.requests.lock().unwrap(), after.requests.lock().unwrap());
    assert_eq!(before.len(), 1);
    assert_eq!(before[0], after[0]);
}

#[tokio::test]
async fn a_long_wait_ends_the_run_and_leaves_the_rest_for_the_next() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1"), ("f", "1"), ("g", "1")]);
    let ok = rows(&[Outcome::Ok, Outcome::Ok, Outcome::Ok]);
    let (requests, report) = s.script(vec![ok, busy(Some(86_400))]).await;
    assert_eq!(requests, ["upsert a b c", "upsert d e f"]);
    assert_eq!((report.acknowledged, report.retry, report.pending, report.status), (3, 3, 1, SyncStatus::Stopped));
    assert_eq!(report.stopped.as_deref(), Some("busy; the tool asks to wait 86400 seconds"));
    let (requests, _) = s.script(vec![]).await;
    assert_eq!(requests, ["upsert d e f", "upsert g"]);
}

#[tokio::test]
async fn a_silent_destination_ends_the_run() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    let many: Vec<String> = (10..50).map(|i| format!("k{i}")).collect();
    s.rows.set(&many.iter().map(|k| (k.as_str(), "1")).collect::<Vec<_>>());
    let (requests, report) = s.script((0..100).map(|_| busy(None)).collect()).await;
    // Three batches, each tried twice.
    assert_eq!(requests.len(), 6);
    assert_eq!((report.retry, report.pending, report.status), (9, 31, SyncStatus::Stopped));
}

#[tokio::test]
async fn an_error_for_all_rows_keeps_what_was_acknowledged() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")]);
    let ok = rows(&[Outcome::Ok, Outcome::Ok, Outcome::Ok]);
    let connector = scripted(vec![ok]);
    connector.answers.lock().unwrap().push_back(Err(SyncError::outside("the credential was refused")));
    let error = s.run(connector).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Outside, "the credential was refused"));
    let (requests, _) = s.script(vec![]).await;
    assert_eq!(requests, ["upsert d e"]);
}

#[tokio::test]
async fn a_wrong_number_of_outcomes_claims_nothing() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1")]);
    let error = s.run(scripted(vec![rows(&[Outcome::Ok])])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Bug);
    assert_eq!(s.script(vec![]).await.0, ["upsert a b"]);
}

#[tokio::test]
async fn guards_stop_a_run_before_it_sends() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]);
    s.script(vec![]).await;
    s.rows.set(&[("a", "2")]);
    for (guard, says) in [
        (
            Guard { max_leave_basis_points: Some(5000), min_rows: None },
            "would take away 3 of 4 rows, but its guard allows 50 %",
        ),
        (Guard { max_leave_basis_points: None, min_rows: Some(2) }, "wants 1 rows, but its guard asks for at least 2"),
    ] {
        let connector = scripted(vec![]);
        let mut stopped = job(&s.rows, Arc::clone(&connector) as _, &s.store, 9);
        stopped.guard = guard;
        let error = run_sync(&stopped).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Guard);
        assert!(error.message.contains(says), "{error}");
        assert_eq!(shown(&connector), [""; 0]);
    }
    let mut allowed = job(&s.rows, scripted(vec![]), &s.store, 10);
    allowed.guard = Guard { max_leave_basis_points: Some(7500), min_rows: Some(1) };
    assert_eq!(run_sync(&allowed).await.unwrap().removed, 3);
}

#[tokio::test]
async fn a_dry_run_counts_shows_and_writes_nothing() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1")]);
    s.script(vec![]).await;
    let epoch = s.epoch().await;
    s.rows.set(&[("a", "2"), ("c", "1")]);
    let connector = scripted(vec![]);
    let mut dry = job(&s.rows, Arc::clone(&connector) as _, &s.store, 2);
    dry.dry_run = true;
    dry.guard.max_leave_basis_points = Some(100);
    let report = run_sync(&dry).await.unwrap();
    assert_eq!((report.added, report.updated, report.removed, report.status), (1, 1, 1, SyncStatus::Planned));
    assert_eq!(report.warnings.len(), 1);
    let sample: Vec<String> = report.sample.iter().map(ToString::to_string).collect();
    assert_eq!(
        sample,
        [
            r#"{"_operation":"delete","id":"b"}"#,
            r#"{"_operation":"upsert","id":"a","v":"2"}"#,
            r#"{"_operation":"upsert","id":"c","v":"1"}"#
        ]
    );
    assert_eq!(shown(&connector), [""; 0]);
    assert_eq!(s.epoch().await, epoch);
}

#[tokio::test]
async fn a_full_run_sends_everything_again() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1")]);
    s.script(vec![]).await;
    let connector = scripted(vec![]);
    let mut full = job(&s.rows, Arc::clone(&connector) as _, &s.store, 2);
    full.full = true;
    let report = run_sync(&full).await.unwrap();
    assert_eq!((report.updated, report.acknowledged), (2, 2));
    assert_eq!(shown(&connector), ["upsert a b"]);
}

#[tokio::test]
async fn invalid_rows_are_set_aside_and_their_keys_left_alone() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1")]);
    s.script(vec![]).await;
    s.rows.set(&[("a", "2"), ("a", "3"), ("b", "1"), ("c", "1")]);
    s.rows.wanted.lock().unwrap().push((None, Some("4".to_owned())));
    let (requests, report) = s.script(vec![]).await;
    assert_eq!(requests, ["upsert c"]);
    assert_eq!(report.invalid, 3);
    assert_eq!(report.reasons, [("the key is not unique".to_owned(), 2), ("the key is null".to_owned(), 1)]);
    assert_eq!(report.ledger.rows, 3);
}

#[tokio::test]
async fn cancelling_keeps_what_was_sent() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")]);
    let cancel = tokio_util::sync::CancellationToken::new();
    let from_send = cancel.clone();
    let mut connector = Arc::into_inner(scripted(vec![])).unwrap();
    connector.on_send = Box::new(move || from_send.cancel());
    let connector = Arc::new(connector);
    let mut cancelled = job(&s.rows, Arc::clone(&connector) as _, &s.store, 1);
    cancelled.cancel = cancel;
    let report = run_sync(&cancelled).await.unwrap();
    assert_eq!((report.acknowledged, report.pending, report.status), (3, 2, SyncStatus::Cancelled));
    assert_eq!(shown(&connector), ["upsert a b c"]);
    assert_eq!(s.script(vec![]).await.0, ["upsert d e"]);
}

/// Another process takes over while a request is under way.
fn fencing(store: &Arc<dyn ObjectStore>, answers: Vec<Answer>, limits: Limits) -> Arc<Scripted> {
    let mut connector = Arc::into_inner(scripted(answers)).unwrap();
    let store = Arc::clone(store);
    connector.limits = limits;
    connector.on_send = Box::new(move || {
        let versions = Versions::<SyncState>::new(Arc::clone(&store), folder(&store).prefix);
        futures::executor::block_on(versions.claim("other", SyncState::default)).unwrap();
    });
    Arc::new(connector)
}

#[tokio::test]
async fn a_fenced_run_stops_sending() {
    let s = setup(SyncMode::Upsert, Leave::Delete);
    let many: Vec<String> = (10..99).map(|i| format!("k{i}")).collect();
    s.rows.set(&many.iter().map(|k| (k.as_str(), "1")).collect::<Vec<_>>());
    let connector = fencing(&s.store, vec![], SERIAL);
    let error = run_sync(&job(&s.rows, Arc::clone(&connector) as _, &s.store, 1)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fenced);
    let sent = connector.requests.lock().unwrap().len();
    assert!(sent <= 8, "{sent} batches of 30 were sent");
}

#[tokio::test]
async fn a_row_that_waits_is_not_sent_once_another_process_has_taken_over() {
    let s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1")]);
    let connector = fencing(&s.store, vec![busy(None)], SERIAL);
    let mut stale = job(&s.rows, Arc::clone(&connector) as _, &s.store, 1);
    stale.tuning.flush_every = std::time::Duration::ZERO;
    let error = run_sync(&stale).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fenced);
    assert_eq!(shown(&connector), ["upsert a"]);
}

#[tokio::test]
async fn a_fenced_run_replaces_nothing() {
    let s = setup(SyncMode::Mirror, Leave::Delete);
    s.rows.set(&[("a", "1")]);
    let connector = fencing(&s.store, vec![], Limits { whole: true, ..SERIAL });
    let error = run_sync(&job(&s.rows, Arc::clone(&connector) as _, &s.store, 1)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fenced);
    assert_eq!(shown(&connector), [""; 0]);
}

#[tokio::test]
async fn a_row_without_an_answer_may_be_there_and_is_removed_when_it_leaves() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1")]);
    let (requests, report) = s.script(vec![lost(None), lost(Some(0))]).await;
    assert_eq!(requests, ["upsert a", "upsert a"]);
    assert_eq!((report.unknown, report.retry), (1, 0));
    // A refusal says nothing of the attempts before it.
    let (_, report) = s.script(vec![lost(None), busy(None)]).await;
    assert_eq!(report.unknown, 1);
    s.rows.set(&[]);
    let (requests, report) = s.script(vec![]).await;
    assert_eq!(requests, ["delete a"]);
    assert_eq!(report.ledger.rows, 0);
}

#[tokio::test]
async fn an_insert_without_an_answer_is_sent_once_a_run_and_under_one_key() {
    let mut s = setup(SyncMode::Insert, Leave::Nothing);
    s.rows.set(&[("a", "1"), ("b", "1")]);
    let mut keys = vec![];
    for answers in [vec![lost(None)], vec![lost(Some(0))], vec![]] {
        let connector = scripted(answers);
        s.run(Arc::clone(&connector) as _).await.unwrap();
        let requests = connector.requests.lock().unwrap();
        assert_eq!(requests.len(), 1);
        keys.push(requests[0].2.clone());
    }
    keys.dedup();
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn what_another_row_stands_in_the_way_of_waits_for_the_next_run() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1")]);
    let taken = || Outcome::NextRun("breaks the unique constraint".to_owned());
    let (requests, report) = s.script(vec![rows(&[taken(), Outcome::Ok])]).await;
    assert_eq!(requests, ["upsert a b"]);
    assert_eq!((report.acknowledged, report.retry, report.status), (1, 1, SyncStatus::Done));
    let (requests, report) = s.script(vec![]).await;
    assert_eq!(requests, ["upsert a"]);
    assert_eq!((report.acknowledged, report.ledger.acknowledged), (1, 2));
}

#[tokio::test]
async fn a_refused_delete_is_tried_by_each_run() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1")]);
    s.script(vec![]).await;
    s.rows.set(&[]);
    for answers in [vec![rows(&[Outcome::Rejected("it has orders".to_owned())])], vec![]] {
        let (requests, _) = s.script(answers).await;
        assert_eq!(requests, ["delete a"]);
    }
    assert_eq!(s.script(vec![]).await.0, [""; 0]);
}

#[tokio::test]
async fn a_ledger_is_true_of_one_place() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]);
    s.script(vec![]).await;
    let message = "sync s was delivered to memory people, and is now to go to memory clients";
    let (requests, result) = s.elsewhere(vec![], false, false).await;
    let error = result.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Input, message));
    assert!(error.hint.unwrap().contains("`kinfold sync s --full`"));
    assert_eq!(requests, [""; 0]);
    assert_eq!(s.elsewhere(vec![], false, true).await.1.unwrap().warnings, [message]);
    assert_eq!(s.script(vec![]).await.0, [""; 0]);

    // A full run takes the new place over.
    assert_eq!(s.elsewhere(vec![], true, false).await.0, ["upsert a b c", "upsert d"]);
    assert_eq!(s.elsewhere(vec![], false, false).await.0, [""; 0]);
}

#[tokio::test]
async fn a_move_that_was_interrupted_goes_on_with_all_rows() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    let many: Vec<String> = (10..17).map(|i| format!("k{i}")).collect();
    s.rows.set(&many.iter().map(|k| (k.as_str(), "1")).collect::<Vec<_>>());
    s.script(vec![]).await;
    // One batch is taken, one ends the run, and one is never sent, of which the ledger says what was true elsewhere.
    let half = vec![Ok(rows(&[const { Outcome::Ok }; 3])), Err(SyncError::outside("gone"))];
    let (requests, result) = s.elsewhere(half, true, false).await;
    assert_eq!((requests.len(), result.unwrap_err().message.as_str()), (2, "gone"));
    assert_eq!(s.elsewhere(vec![], false, false).await.0.len(), 3);
    assert_eq!(s.elsewhere(vec![], false, false).await.0.len(), 0);
}

#[tokio::test]
async fn a_state_that_knows_no_place_takes_it_over() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    s.rows.set(&[("a", "1")]);
    s.script(vec![]).await;
    let versions = Versions::<SyncState>::new(Arc::clone(&s.store), folder(&s.store).prefix);
    let mut older = versions.claim("older", SyncState::default).await.unwrap();
    let body = SyncState { place: None, ..older.current().body.clone() };
    older.commit(body).await.unwrap();
    assert_eq!(s.script(vec![]).await.0, [""; 0]);
    let state = versions.latest().await.unwrap().unwrap().body;
    assert_eq!(state.place.as_deref(), Some("memory people"));
}

#[tokio::test]
async fn that_all_of_many_rows_leave_is_taken_for_a_mistake() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    let many: Vec<String> = (0..100).map(|i| format!("k{i:03}")).collect();
    s.rows.set(&many.iter().map(|k| (k.as_str(), "1")).collect::<Vec<_>>());
    s.script(vec![]).await;
    s.rows.set(&[("new", "1")]);
    let error = s.run(scripted(vec![])).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Guard, "sync s would take away all 100 rows"));
    let mut meant = job(&s.rows, scripted(vec![]), &s.store, 9);
    meant.guard.max_leave_basis_points = Some(10_000);
    assert_eq!(run_sync(&meant).await.unwrap().removed, 100);
}

#[tokio::test]
async fn rows_that_cannot_be_sent_say_nothing_of_the_destination() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    let many: Vec<String> = (10..22).map(|i| format!("k{i}")).collect();
    s.rows.set(&many.iter().map(|k| (k.as_str(), "1")).collect::<Vec<_>>());
    let mut before = job(&s.rows, scripted(vec![]), &s.store, 1);
    let named = |f: &Arc<arrow::datatypes::Field>, name: &str| f.as_ref().clone().with_name(name);
    let fields = before.target.schema.fields();
    before.target.schema =
        Arc::new(arrow::datatypes::Schema::new(vec![named(&fields[0], "old"), named(&fields[1], "v")]));
    run_sync(&before).await.unwrap();
    drop(before);
    s.runs = 1;
    // The key has another name by now: four batches of deletes that no request can be made of.
    s.rows.set(&[("a", "1")]);
    let (requests, report) = s.script(vec![]).await;
    assert_eq!(requests, ["upsert a"]);
    assert_eq!((report.rejected, report.acknowledged, report.status), (12, 1, SyncStatus::Done));
}

#[tokio::test]
async fn a_whole_set_that_failed_late_may_have_been_taken() {
    let mut s = setup(SyncMode::Mirror, Leave::Delete);
    let whole = || {
        let mut connector = Arc::into_inner(scripted(vec![])).unwrap();
        connector.limits = Limits { whole: true, ..SERIAL };
        connector
    };
    s.rows.set(&[("a", "1")]);
    let failing = whole();
    failing.answers.lock().unwrap().push_back(Err(SyncError::outside("the folder could not be synced")));
    let error = s.run(Arc::new(failing)).await.unwrap_err();
    assert_eq!(error.message, "the folder could not be synced");
    s.rows.set(&[]);
    let connector = Arc::new(whole());
    s.run(Arc::clone(&connector) as _).await.unwrap();
    assert_eq!(shown(&connector), ["upsert "]);
}

/// A log that takes nothing.
struct NoLog;

#[async_trait]
impl SyncLog for NoLog {
    async fn record(&self, _: &LogEntry) -> Result<(), SyncError> {
        Err(SyncError::outside("the table is broken"))
    }
}

#[tokio::test]
async fn runs_do_not_wait_for_a_broken_log_for_ever() {
    let s = setup(SyncMode::Upsert, Leave::Delete);
    let mut warnings = vec![];
    for run in 1..=102 {
        s.rows.set(&[("a", &run.to_string())]);
        let mut unheard = job(&s.rows, scripted(vec![]), &s.store, run);
        unheard.log = Some(&NoLog);
        warnings.extend(run_sync(&unheard).await.unwrap().warnings);
    }
    let why = "is left out of the log, which has taken no run for too long";
    assert_eq!(warnings, [format!("run run00001 {why}"), format!("run run00002 {why}")]);
    let versions = Versions::<SyncState>::new(Arc::clone(&s.store), folder(&s.store).prefix);
    assert_eq!(versions.latest().await.unwrap().unwrap().body.unlogged.len(), 100);
}

#[tokio::test]
async fn batches_are_cut_by_bytes() {
    let mut s = setup(SyncMode::Upsert, Leave::Delete);
    let long = "x".repeat(100);
    s.rows.set(&[("a", &long), ("b", "1"), ("c", "1"), ("d", &long)]);
    let mut connector = Arc::into_inner(scripted(vec![])).unwrap();
    connector.limits = Limits { batch_rows: 100, batch_bytes: 60, ..SERIAL };
    let connector = Arc::new(connector);
    s.run(Arc::clone(&connector) as _).await.unwrap();
    assert_eq!(shown(&connector), ["upsert a", "upsert b c", "upsert d"]);
}

#[tokio::test]
async fn a_destination_of_whole_sets_is_left_alone_when_nothing_changed() {
    let mut s = setup(SyncMode::Mirror, Leave::Delete);
    s.rows.set(&[("a", "1"), ("b", "1")]);
    let destination = Arc::new(TestDestination::new(1, Limits { whole: true, ..LIMITS }));
    for (rows, replaced) in
        [(vec![("a", "1"), ("b", "1")], 1), (vec![("a", "1"), ("b", "1")], 1), (vec![("a", "2")], 2)]
    {
        s.rows.set(&rows);
        s.run(Arc::clone(&destination) as _).await.unwrap();
        assert_eq!(destination.contents.lock().unwrap().replaced, replaced);
    }
    assert_eq!(destination.contents.lock().unwrap().rows.len(), 1);
}
