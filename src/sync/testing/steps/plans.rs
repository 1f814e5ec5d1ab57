//! Which rows a run sends, in which batches, and what keeps it from sending any.

use std::sync::Arc;

use kinfold_base::SyncMode;

use super::{SERIAL, scripted, setup, shown};
use crate::testing::destination::{LIMITS, TestDestination};
use crate::testing::{Leave, job};
use crate::{ErrorKind, Guard, Limits, SyncStatus, run_sync};

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
