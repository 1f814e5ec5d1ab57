//! Tables that are changed in place.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use deltalake_core::kernel::DeletionVectorDescriptor;
use futures::{StreamExt, TryStreamExt, stream};
use kinfold_base::{Clock, SignedDuration, SystemClock, Timestamp};
use kinfold_lang::project::Format;
use kinfold_plan::KeepTable;
use object_store::ObjectStoreExt;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use roaring::RoaringTreemap;

use super::writing::walk;
use super::{Lake, batch, check, committed, ints, output, rows, run, source, texts};
use crate::lake::catalog::KINFOLD;
use crate::lake::vectors::Deleted;
use crate::lake::write::WrittenFile;
use crate::lake::{delta, staged};
use crate::{Engine, EngineError, ErrorKind, LakeEngine, RecordStream, RunContext, StoredFile, Written};

const TABLE: &str = "customer";
const FOLDER: &str = "lake/kinfold/customer";

/// The columns `id` and `name`.
fn people(ids: impl IntoIterator<Item = i64>) -> RecordBatch {
    let ids: Vec<i64> = ids.into_iter().collect();
    let names: Vec<String> = ids.iter().map(|id| format!("n{id}")).collect();
    batch([("id", ints(&ids)), ("name", texts(&names.iter().map(String::as_str).collect::<Vec<_>>()))])
}

fn records(batch: RecordBatch) -> RecordStream {
    RecordStream { schema: batch.schema(), batches: stream::iter([Ok(batch)]).boxed() }
}

/// Commits a table with a file for each of the batches, in their order.
async fn write(engine: &LakeEngine, name: &str, files: Vec<RecordBatch>) {
    let run = run(name);
    let mut files: Vec<_> = files.into_iter().map(records).collect();
    // A single stream is shared by writers.
    files.push(records(people([])));
    engine.create_table_from(&run, &output(TABLE, KeepTable::Replace), files).await.unwrap();
    engine.commit(&run).await.unwrap();
}

fn places(places: impl IntoIterator<Item = u64>) -> RoaringTreemap {
    places.into_iter().collect()
}

/// The places of these ids, deleted ones included.
async fn places_of(engine: &LakeEngine, ids: &[i64]) -> HashMap<String, RoaringTreemap> {
    let mut found = HashMap::new();
    for file in engine.stored_files(TABLE).await.unwrap() {
        let stored = stored_ids(engine, &file).await;
        let at: RoaringTreemap = (0..).zip(&stored).filter(|(_, id)| ids.contains(id)).map(|(at, _)| at).collect();
        if !at.is_empty() {
            found.insert(file.name, at);
        }
    }
    found
}

async fn stored_ids(engine: &LakeEngine, file: &StoredFile) -> Vec<i64> {
    let stream = engine.stored_rows(TABLE, file, &["id"], None).await.unwrap();
    let batches: Vec<RecordBatch> = stream.batches.try_collect().await.unwrap();
    batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

/// Patches the table: old rows and new ones, by their ids.
async fn patch(engine: &LakeEngine, run: &RunContext, old: &[i64], new: &[i64]) -> Result<Written, EngineError> {
    let deleted = places_of(engine, old).await;
    let rows = if new.is_empty() { vec![] } else { vec![records(people(new.iter().copied()))] };
    engine.patch_table(run, &output(TABLE, KeepTable::Replace), deleted, rows).await
}

/// What engines of other processes read now: of their own last version, and through the reader of Delta that is made for sources.
async fn check_readers(lake: &Lake, sql: &str, expected: &[&str]) {
    let engine = lake.another_engine();
    engine.open_previous(&committed(&engine).await).await.unwrap();
    check(&engine, &sql.replace("TABLE", "previous.customer"), expected).await;
    check(&engine, &sql.replace("TABLE", "customer"), expected).await;
    engine.open_sources(&[source(&lake.path(FOLDER), Format::Delta, &[])]).await.unwrap();
    check(&engine, &sql.replace("TABLE", "shop.orders"), expected).await;
}

const ALL: &str = "select count(*), sum(id), min(id), max(id), count(distinct name) from TABLE";

fn vectors(lake: &Lake) -> Vec<String> {
    walk(&lake.dir.path().join(FOLDER)).into_iter().filter(|file| file.contains("/deletion_vector_")).collect()
}

fn log(lake: &Lake, version: u64) -> String {
    std::fs::read_to_string(lake.path(&format!("{FOLDER}/_delta_log/{version:020}.json"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_deleted_and_added_and_the_others_stay_where_they_are() {
    let lake = Lake::new();
    let engine = &lake.engine;
    write(engine, "r0", vec![people(0..10), people(10..20)]).await;
    let (first, second) = (run("r1"), run("r2"));
    let files = engine.stored_files(TABLE).await.unwrap();
    assert!(files.is_sorted_by_key(|file| &file.name));
    let before = engine.table_version(&first, TABLE).await.unwrap();
    assert_eq!(engine.previous_version(TABLE).await.unwrap(), None);
    engine.open_previous(&committed(engine).await).await.unwrap();
    let written = patch(engine, &first, &[0, 3, 9], &[100]).await.unwrap();
    assert_eq!((written.table.as_str(), written.rows), (TABLE, 18));
    check(engine, &ALL.replace("TABLE", TABLE), &["18|278|1|100|18"]).await;
    check(engine, &ALL.replace("TABLE", "previous.customer"), &["20|190|0|19|20"]).await;
    check(engine, "select id from customer where id in (3, 4, 100) order by id", &["4", "100"]).await;
    check_readers(&lake, ALL, &["20|190|0|19|20"]).await;
    let staged = engine.table_version(&first, TABLE).await.unwrap();
    assert_ne!(staged, before);
    assert_eq!(lake.another_engine().table_version(&first, TABLE).await.unwrap(), before);
    engine.commit(&first).await.unwrap();
    assert_eq!(engine.previous_version(TABLE).await.unwrap(), before, "as it was opened");
    check_readers(&lake, ALL, &["18|278|1|100|18"]).await;
    assert_eq!(lake.another_engine().table_version(&second, TABLE).await.unwrap(), staged);
    let commit = log(&lake, 1);
    assert!(commit.contains(&files[0].name) && !commit.contains(&files[1].name), "{commit}");
    assert!(
        commit.contains("\"minReaderVersion\":3") && commit.contains("\"delta.enableDeletionVectors\""),
        "{commit}"
    );

    // What was deleted already stays deleted, and a file without rows goes.
    let engine = lake.another_engine();
    let written = patch(&engine, &second, &[1, 3, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], &[]).await.unwrap();
    assert_eq!(written.rows, 7);
    check(&engine, "select id from customer order by id", &["2", "4", "5", "6", "7", "8", "100"]).await;
    engine.commit(&second).await.unwrap();
    check_readers(&lake, "select id from TABLE order by id", &["2", "4", "5", "6", "7", "8", "100"]).await;
    let commit = log(&lake, 2);
    assert!(!commit.contains("\"protocol\"") && !commit.contains("\"metaData\""), "{commit}");
    let left = engine.stored_files(TABLE).await.unwrap();
    let left: BTreeSet<_> = left.iter().map(|f| (f.rows, f.deleted.len())).collect();
    assert_eq!(left, BTreeSet::from([(10, 4), (1, 0)]));

    // Nothing is changed by a patch of nothing, or of what is deleted already.
    let third = run("r3");
    patch(&engine, &third, &[0, 1], &[]).await.unwrap();
    engine.commit(&third).await.unwrap();
    assert!(!std::path::Path::new(&lake.path(&format!("{FOLDER}/_delta_log/{:020}.json", 3))).exists());

    // A replaced table has no deleted rows, and its columns may change.
    let fourth = run("r4");
    engine
        .create_table(&fourth, &output(TABLE, KeepTable::Replace), "select 1 as id, 'x' as name, 2 as z")
        .await
        .unwrap();
    engine.commit(&fourth).await.unwrap();
    check_readers(&lake, "select id, name, z from TABLE", &["1|x|2"]).await;
    let files = engine.stored_files(TABLE).await.unwrap();
    assert!(files.iter().all(|f| f.deleted.is_empty()));
    let fifth = run("r5");
    let new = records(batch([("id", ints(&[7])), ("name", texts(&["y"])), ("z", ints(&[8]))]));
    let deleted = HashMap::from([(files[0].name.clone(), places([0]))]);
    engine.patch_table(&fifth, &output(TABLE, KeepTable::Replace), deleted, vec![new]).await.unwrap();
    engine.commit(&fifth).await.unwrap();
    check_readers(&lake, "select id, name, z from TABLE", &["7|y|8"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_rows_come_at_their_places() {
    let lake = Lake::new();
    let engine = &lake.engine;
    assert!(engine.stored_files(TABLE).await.unwrap().is_empty());
    assert_eq!(engine.table_version(&run("r"), TABLE).await.unwrap(), None);
    write(engine, "r0", vec![people(0..300_000), people(300_000..300_010)]).await;
    let first = run("r1");
    patch(engine, &first, &[5, 299_999], &[]).await.unwrap();
    engine.commit(&first).await.unwrap();
    let files = engine.stored_files(TABLE).await.unwrap();
    assert_eq!(files.len(), 2);
    let large = files.iter().find(|file| file.rows == 300_000).unwrap();
    assert_eq!(large.deleted.iter().collect::<Vec<_>>(), [5, 299_999]);
    let stream = engine.stored_rows(TABLE, large, &["name", "id"], None).await.unwrap();
    let types: Vec<_> = stream.schema.fields().iter().map(|f| f.data_type().clone()).collect();
    assert_eq!(types, [DataType::Utf8View, DataType::Int64]);
    let batches: Vec<RecordBatch> = stream.batches.try_collect().await.unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() <= 8192 && batch.num_columns() == 2));
    let ids = batches.iter().flat_map(|batch| batch.column(1).as_primitive::<Int64Type>().values().to_vec());
    assert!(ids.eq(0..300_000));
    let name = batches[0].column(0).as_string_view().value(5);
    assert_eq!(name, "n5");
    let none: Vec<RecordBatch> =
        engine.stored_rows(TABLE, large, &[], None).await.unwrap().batches.try_collect().await.unwrap();
    assert_eq!(none.iter().map(RecordBatch::num_rows).sum::<usize>(), 300_000);
    // A file of several row groups.
    for some in [vec![], vec![299_999], vec![5, 6, 7, 299_999], (0..300_000).step_by(7).collect()] {
        let stream = engine.stored_rows(TABLE, large, &["id"], Some(&places(some.iter().copied()))).await.unwrap();
        let batches: Vec<RecordBatch> = stream.batches.try_collect().await.unwrap();
        let ids = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        assert!(ids.map(i64::cast_unsigned).eq(some));
    }
    let beyond = engine.stored_rows(TABLE, large, &["id"], Some(&places([300_000]))).await;
    assert_eq!(beyond.err().unwrap().kind, ErrorKind::Bug);
    assert_eq!(engine.stored_rows(TABLE, large, &["nme"], None).await.err().unwrap().kind, ErrorKind::Bug);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_patched_is_refused() {
    let lake = Lake::new();
    let engine = &lake.engine;
    let (first, customer) = (run("r1"), output(TABLE, KeepTable::Replace));
    let refused = |deleted: HashMap<String, RoaringTreemap>, new: Vec<RecordStream>| {
        let (first, customer) = (first.clone(), customer.clone());
        async move { engine.patch_table(&first, &customer, deleted, new).await.err().map(|e| e.kind) }
    };
    assert_eq!(refused(HashMap::new(), vec![]).await, Some(ErrorKind::Bug), "there is no table");
    write(engine, "r0", vec![people(0..10)]).await;
    let before = walk(lake.dir.path());
    let name = engine.stored_files(TABLE).await.unwrap().remove(0).name;
    let of = |name: &str, place| HashMap::from([(name.to_owned(), places([place]))]);
    assert_eq!(refused(of(&name, 10), vec![]).await, Some(ErrorKind::Bug), "there is no such row");
    assert_eq!(refused(of("other", 0), vec![]).await, Some(ErrorKind::Bug), "there is no such file");
    let other = records(batch([("id", ints(&[1]))]));
    assert_eq!(refused(HashMap::new(), vec![other]).await, Some(ErrorKind::Bug), "other columns");
    let appended = engine.patch_table(&first, &output(TABLE, KeepTable::Append), HashMap::new(), vec![]).await;
    assert_eq!(appended.err().unwrap().kind, ErrorKind::Bug);
    assert_eq!(walk(lake.dir.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_is_discarded_or_made_anew_leaves_no_trace() {
    let lake = Lake::new();
    let engine = &lake.engine;
    write(engine, "r0", vec![people(0..10)]).await;
    engine.open_previous(&committed(engine).await).await.unwrap();
    let before = walk(&lake.dir.path().join("lake"));
    let first = run("r1");
    patch(engine, &first, &[1], &[100]).await.unwrap();
    patch(engine, &first, &[2], &[101]).await.unwrap();
    check(engine, &ALL.replace("TABLE", TABLE), &["10|144|0|101|10"]).await;
    assert_eq!(vectors(&lake).len(), 1);
    engine.discard(&first).await.unwrap();
    check(engine, &ALL.replace("TABLE", TABLE), &["10|45|0|9|10"]).await;
    assert_eq!(walk(&lake.dir.path().join("lake")), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_another_run_changed_is_not_patched() {
    let lake = Lake::new();
    let (engine, other) = (&lake.engine, lake.another_engine());
    write(engine, "r0", vec![people(0..10)]).await;
    let (first, second) = (run("r1"), run("r2"));
    // The same places in both, and in another engine only additions: none of these may come on top of each other.
    patch(engine, &first, &[1], &[100]).await.unwrap();
    patch(&other, &second, &[], &[200]).await.unwrap();
    other.commit(&second).await.unwrap();
    let refused = engine.commit(&first).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Outside);
    assert!(refused.message.contains("was changed by another run at the same time"), "{refused}");
    engine.discard(&first).await.unwrap();
    check_readers(&lake, ALL, &["11|245|0|200|11"]).await;

    // Nor one that changed between the look at its files and the patch.
    let third = run("r3");
    engine.stored_files(TABLE).await.unwrap();
    patch(&other, &third, &[], &[300]).await.unwrap();
    other.commit(&third).await.unwrap();
    let customer = output(TABLE, KeepTable::Replace);
    let refused = engine.patch_table(&first, &customer, HashMap::new(), vec![]).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Outside);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_found_again() {
    let lake = Lake::new();
    let engine = &lake.engine;
    write(engine, "r0", vec![people(0..10)]).await;
    let first = run("r1");
    patch(engine, &first, &[1], &[100]).await.unwrap();
    let staged = engine.staged.lock().unwrap().clone();
    engine.commit(&first).await.unwrap();
    // As if it had not been told.
    *engine.staged.lock().unwrap() = staged;
    engine.commit(&first).await.unwrap();
    check_readers(&lake, ALL, &["10|144|0|100|10"]).await;
    assert!(!std::path::Path::new(&lake.path(&format!("{FOLDER}/_delta_log/{:020}.json", 2))).exists());
}

/// A clock that tests set.
#[derive(Debug)]
struct SetClock(Mutex<Timestamp>);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vacuum_removes_vectors_that_no_kept_version_needs() {
    let clock = Arc::new(SetClock(Mutex::new(SystemClock.now())));
    let lake = Lake::with(|options| options.clock = Arc::clone(&clock) as Arc<dyn Clock>);
    let later = |hours| *clock.0.lock().unwrap() += SignedDuration::from_hours(hours);
    let engine = &lake.engine;
    write(engine, "r0", vec![people(0..10), people(10..20)]).await;
    let mut versions = Vec::new();
    // Both files lose rows in the first commit, and each one of them later: the first file of vectors is needed until both did.
    for (i, step) in [&[0, 10][..], &[1], &[11]].into_iter().enumerate() {
        let run = run(&format!("r{}", i + 1));
        patch(engine, &run, step, &[]).await.unwrap();
        let known: Vec<String> = vectors(&lake).into_iter().filter(|v| !versions.contains(v)).collect();
        versions.extend(known);
        engine.commit(&run).await.unwrap();
        later(10);
    }
    assert_eq!(versions.len(), 3);
    let data = || walk(&lake.dir.path().join(FOLDER)).into_iter().filter(|f| f.ends_with(".parquet")).count();
    // The last commit was ten hours ago: it took the first file out of use. The others are live.
    engine.vacuum(SignedDuration::from_hours(11)).await.unwrap();
    assert_eq!(vectors(&lake).len(), 3);
    engine.vacuum(SignedDuration::from_hours(9)).await.unwrap();
    let mut left = vectors(&lake);
    let mut live = versions[1..].to_vec();
    left.sort();
    live.sort();
    assert_eq!(left, live);
    check_readers(&lake, ALL, &["16|168|2|19|16"]).await;
    // What a run has left that died goes, when it is too old to belong to one that goes on.
    lake.file(&format!("{FOLDER}/deletion_vector_of_a_dead_run.bin"), "x");
    engine.vacuum(SignedDuration::from_hours(9)).await.unwrap();
    assert_eq!(vectors(&lake).len(), 3);
    later(100);
    engine.vacuum(SignedDuration::from_hours(9)).await.unwrap();
    assert_eq!((vectors(&lake).len(), data()), (2, 2));
    // A replaced table needs no vectors, once no kept version does.
    let last = run("r9");
    engine.create_table(&last, &output(TABLE, KeepTable::Replace), "select 1 as id, 'x' as name").await.unwrap();
    engine.commit(&last).await.unwrap();
    engine.vacuum(SignedDuration::from_hours(9)).await.unwrap();
    assert_eq!((vectors(&lake).len(), data()), (2, 3));
    later(10);
    engine.vacuum(SignedDuration::from_hours(9)).await.unwrap();
    assert_eq!((vectors(&lake).len(), data()), (0, 1));
    check_readers(&lake, ALL, &["1|1|1|1|1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn patches_outlive_checkpoints() {
    let lake = Lake::new();
    write(&lake.engine, "r0", vec![people(0..100)]).await;
    for i in 0..45_i64 {
        let engine = lake.another_engine();
        let run = run(&format!("r{}", i + 1));
        patch(&engine, &run, &[i], &[1000 + i]).await.unwrap();
        engine.commit(&run).await.unwrap();
    }
    let written = walk(&lake.dir.path().join(FOLDER));
    assert!(written.iter().any(|file| file.contains("checkpoint")), "{written:?}");
    check_readers(&lake, ALL, &["100|49950|45|1044|100"]).await;
    // Only from the checkpoint on.
    for version in 0..=39 {
        std::fs::remove_file(lake.path(&format!("{FOLDER}/_delta_log/{version:020}.json"))).unwrap();
    }
    check_readers(&lake, ALL, &["100|49950|45|1044|100"]).await;
    lake.engine.vacuum(SignedDuration::from_secs(-1)).await.unwrap();
    check_readers(&lake, ALL, &["100|49950|45|1044|100"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_with_deleted_rows_become_one() {
    let lake = Lake::new();
    write(&lake.engine, "r0", (0..70).map(|i| people(i * 10..i * 10 + 10)).collect()).await;
    let first = run("r1");
    patch(&lake.engine, &first, &[0, 1, 699], &[1000]).await.unwrap();
    lake.engine.commit(&first).await.unwrap();
    lake.engine.vacuum(SignedDuration::from_hours(1)).await.unwrap();
    let files = lake.engine.stored_files(TABLE).await.unwrap();
    assert_eq!(files.iter().map(|f| (f.rows, f.deleted.len())).collect::<Vec<_>>(), [(698, 0)]);
    check_readers(&lake, ALL, &["698|244950|2|1000|698"]).await;
}

/// Numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What queries of different kinds give over these ids.
fn queries(ids: &BTreeSet<i64>) -> Vec<(&'static str, Vec<String>)> {
    let some = |wanted: &dyn Fn(i64) -> bool| ids.iter().copied().filter(|id| wanted(*id)).collect::<Vec<_>>();
    let told = |ids: Vec<i64>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let summed = |ids: Vec<i64>| vec![format!("{}|{}", ids.len(), ids.iter().sum::<i64>())];
    vec![
        ("select count(*) from TABLE", vec![ids.len().to_string()]),
        ("select count(*), sum(id) from TABLE", summed(some(&|_| true))),
        ("select min(id), max(id) from TABLE", vec![format!("{}|{}", ids.first().unwrap(), ids.last().unwrap())]),
        ("select count(*), sum(id) from TABLE where id % 7 = 3", summed(some(&|id| id % 7 == 3))),
        ("select count(*), sum(id) from TABLE where id >= 262000", summed(some(&|id| id >= 262_000))),
        (
            "select id from TABLE where id between 524200 and 524400 order by id",
            told(some(&|id| (524_200..=524_400).contains(&id))),
        ),
        ("select id from TABLE where name = 'n77' or name = 'n540000' order by id", {
            told(some(&|id| id == 77 || id == 540_000))
        }),
        ("select count(*) from (select id from TABLE where id < 300000 limit 250)", vec!["250".to_owned()]),
        ("select id from TABLE order by id desc limit 5", told(ids.iter().rev().take(5).copied().collect())),
        ("select count(*) from TABLE where name is null", vec!["0".to_owned()]),
    ]
}

async fn check_model(engine: &LakeEngine, table: &str, ids: &BTreeSet<i64>) {
    for (sql, expected) in queries(ids) {
        let sql = sql.replace("TABLE", table);
        let got = rows(engine.query(&sql, &[]).await).await.unwrap_or_else(|e| panic!("{sql}: {e} {:?}", e.source));
        assert!(got == expected, "{sql}: {} rows, not {}", got.len(), expected.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_patches_over_many_row_groups_are_what_a_model_says() {
    let mut lake = Lake::new();
    // Files are split among threads, however small they are.
    lake.engine.state.config_mut().options_mut().optimizer.repartition_file_min_size = 0;
    let mut numbers = Numbers(1);
    let mut ids: BTreeSet<i64> = (0..605_000).collect();
    write(&lake.engine, "r0", vec![people(0..600_000), people(600_000..605_000)]).await;
    for round in 0..4 {
        let run = run(&format!("r{}", round + 1));
        let engine = &lake.engine;
        let mut deleted = HashMap::new();
        for file in engine.stored_files(TABLE).await.unwrap() {
            let stored = stored_ids(engine, &file).await;
            let mut at = RoaringTreemap::new();
            match round {
                // A few, a tenth, runs of rows with a whole row group, and those around the ends of row groups.
                0 => at.extend((0..20).map(|_| numbers.below(file.rows))),
                1 => at.extend((0..file.rows).filter(|_| numbers.below(10) == 0)),
                2 if file.rows > 500_000 => {
                    at.insert_range(262_144..524_288);
                    at.insert_range(100..5000);
                }
                _ => at.extend(
                    [0, 262_143, 262_144, 524_287, 524_288, file.rows - 1].into_iter().filter(|p| *p < file.rows),
                ),
            }
            for place in &at {
                if !file.deleted.contains(place) {
                    assert!(ids.remove(&stored[usize::try_from(place).unwrap()]));
                }
            }
            deleted.insert(file.name, at);
        }
        let new: Vec<i64> = (0..50).map(|i| 1_000_000 + round * 100 + i).collect();
        ids.extend(&new);
        let customer = output(TABLE, KeepTable::Replace);
        let written = engine.patch_table(&run, &customer, deleted, vec![records(people(new))]).await.unwrap();
        assert_eq!(written.rows, ids.len() as u64);
        check_model(engine, TABLE, &ids).await;
        engine.commit(&run).await.unwrap();
        let mut reader = lake.another_engine();
        reader.state.config_mut().options_mut().optimizer.repartition_file_min_size = 0;
        reader.open_previous(&committed(&reader).await).await.unwrap();
        check_model(&reader, "previous.customer", &ids).await;
        reader.open_sources(&[source(&lake.path(FOLDER), Format::Delta, &[])]).await.unwrap();
        check_model(&reader, "shop.orders", &ids).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_are_left_out_where_pages_are_skipped() {
    let mut lake = Lake::new();
    lake.engine.state.config_mut().options_mut().optimizer.repartition_file_min_size = 0;
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1000))
        .set_data_page_row_count_limit(100)
        .set_write_batch_size(50)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, people([]).schema(), Some(properties)).unwrap();
    writer.write(&people(0..4000)).unwrap();
    writer.close().unwrap();
    lake.file("lake/kinfold/paged/a.parquet", bytes);
    let dir = lake.engine.tables.child("paged");
    let meta = dir.store.head(&dir.path.clone().join("a.parquet")).await.unwrap();
    let columns = people([]).schema();
    let mut numbers = Numbers(2);
    for one_in in [2, 10, 300] {
        let at: RoaringTreemap = (0..4000).filter(|_| numbers.below(one_in) == 0).collect();
        let vector = DeletionVectorDescriptor {
            storage_type: deltalake_core::kernel::StorageType::Inline,
            path_or_inline_dv: String::new(),
            offset: None,
            size_in_bytes: 0,
            cardinality: 0,
        };
        let deleted = Some(Deleted { vector, rows: Arc::new(at.clone()) });
        let file = WrittenFile { meta: meta.clone(), rows: 4000, deleted };
        let table = staged::table(&lake.engine.state, &dir, "paged", &columns, [&file]).await.unwrap();
        lake.engine.names.put(KINFOLD, "paged", table, true);
        for (low, high) in [(150, 160), (950, 1050), (0, 3999), (1999, 3001)] {
            let expected = (low..=high).filter(|id: &i64| !at.contains(id.unsigned_abs()));
            let expected: Vec<_> = expected.map(|id| format!("{id}|n{id}")).collect();
            let sql = format!("select id, name from paged where id between {low} and {high} order by id");
            check(&lake.engine, &sql, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
        }
        let left = 4000 - at.len();
        check(&lake.engine, "select count(*), count(name) from paged", &[&format!("{left}|{left}")]).await;
    }
    assert!(delta::load(&dir, "paged").await.unwrap().is_none());
}
