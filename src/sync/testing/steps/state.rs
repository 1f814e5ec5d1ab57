//! What a run finds and leaves when a crash, another process, another place or a broken log comes between.

use std::sync::Arc;

use async_trait::async_trait;
use kinfold_base::{Faults, SyncMode};
use kinfold_state::Versions;
use object_store::ObjectStore;

use super::{SERIAL, Scripted, busy, rows, scripted, setup, shown};
use crate::state::SyncState;
use crate::testing::destination::kill;
use crate::testing::{Leave, folder, job};
use crate::{Answer, ErrorKind, Limits, LogEntry, Outcome, SyncError, SyncLog, SyncStatus, run_sync};

/// Ends the process, as far as a run can tell, after the first request.
#[derive(Debug)]
struct DieAfterSend;

impl Faults for DieAfterSend {
    fn at(&self, point: &'static str) {
        if point == "send.after" {
            kill();
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
