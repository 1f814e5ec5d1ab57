//! What each answer of a destination does to rows.

use std::sync::Arc;

use kinfold_base::SyncMode;

use super::{SERIAL, bisect, busy, lost, rows, scripted, setup, shown};
use crate::testing::{Leave, job};
use crate::{ErrorKind, Limits, Outcome, SyncError, SyncStatus, run_sync};

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
