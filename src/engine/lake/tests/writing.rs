use kinfold_base::{SignedDuration, SqlType, TableSchema};
use kinfold_plan::KeepTable;

use super::{CSV, Lake, check, committed, output, rows, run};
use crate::Engine;
use crate::lake::delta;

fn previous() -> [(String, TableSchema); 1] {
    let columns = [("id", SqlType::Integer), ("name", SqlType::Text), ("new", SqlType::Timestamp)];
    [("customer".to_owned(), TableSchema::new(columns))]
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_a_table_after_the_commit_and_never_before() {
    let lake = Lake::new();
    let engine = &lake.engine;
    engine.open_previous(&previous()).await.unwrap();
    check(engine, "select id, name, new from previous.customer", &[]).await;
    let first = run("r1");
    let customer = output("customer", KeepTable::Replace);
    let written = engine.create_table(&first, &customer, "select 1 as id, 'ada' as name").await.unwrap();
    assert_eq!((written.rows, written.table.as_str()), (1, "customer"));
    check(engine, "select id, name from customer", &["1|ada"]).await;
    let reader = lake.another_engine();
    assert_eq!(committed(&reader).await, []);
    engine.commit(&first).await.unwrap();
    reader.open_previous(&previous()).await.unwrap();
    check(&reader, "select id, name, new from previous.customer", &["1|ada|"]).await;
    check(&reader, "select id from customer", &["1"]).await;

    // A second run replaces all rows, and may change the columns.
    let second = run("r2");
    let engine = lake.another_engine();
    engine.open_previous(&previous()).await.unwrap();
    let sql = "select id + 1 as id, 'bob' as name, true as vip from previous.customer";
    engine.create_table(&second, &customer, sql).await.unwrap();
    check(&reader, "select id from customer", &["1"]).await;
    engine.commit(&second).await.unwrap();
    let reader = lake.another_engine();
    reader.open_previous(&committed(&reader).await).await.unwrap();
    check(&reader, "select * from customer", &["2|bob|true"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_leaves_no_trace() {
    let lake = Lake::new();
    let engine = &lake.engine;
    let first = run("r1");
    let customer = output("customer", KeepTable::Replace);
    engine.create_table(&first, &customer, "select 1 as id").await.unwrap();
    engine.commit(&first).await.unwrap();
    let files = || walk(&lake.dir.path().join("lake"));
    let before = files();
    let second = run("r2");
    engine.create_table(&second, &customer, "select 2 as id").await.unwrap();
    engine.create_table(&second, &output("other", KeepTable::Append), "select 3 as id").await.unwrap();
    engine.create_table(&second, &output("_tmp", KeepTable::Scratch), "select id from customer").await.unwrap();
    check(engine, "select id from _tmp", &["2"]).await;
    engine.discard(&second).await.unwrap();
    check(engine, "select id from customer", &["1"]).await;
    assert!(engine.query("select * from other", &[]).await.is_err());
    assert_eq!(files(), before);
}

pub(super) fn walk(dir: &std::path::Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() {
            all.extend(walk(&entry.path()));
        } else {
            all.push(entry.path().display().to_string());
        }
    }
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_added_to_a_log_across_runs_and_checkpoints() {
    let lake = Lake::new();
    let log = output("runs", KeepTable::Append);
    for i in 0..25 {
        let engine = lake.another_engine();
        let run = run(&format!("r{i}"));
        engine.create_table(&run, &log, &format!("select {i} as n")).await.unwrap();
        check(&engine, "select count(*), max(n) from runs", &[&format!("{}|{i}", i + 1)]).await;
        engine.create_table(&run, &log, &format!("select {i} as n, 'again' as note where {i} = 24")).await.unwrap();
        engine.commit(&run).await.unwrap();
    }
    let engine = lake.another_engine();
    engine.open_previous(&committed(&engine).await).await.unwrap();
    check(&engine, "select count(*), max(n), count(note) from runs", &["26|24|1"]).await;
    let log: Vec<_> = walk(&lake.dir.path().join("lake/kinfold/runs/_delta_log"));
    assert!(log.iter().any(|f| f.contains("checkpoint")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_of_a_log_become_one() {
    let lake = Lake::new();
    let log = output("runs", KeepTable::Append);
    for i in 0..70 {
        let run = run(&format!("r{i}"));
        lake.engine.create_table(&run, &log, &format!("select {i} as n")).await.unwrap();
        lake.engine.commit(&run).await.unwrap();
    }
    let other = output("customer", KeepTable::Replace);
    let last = run("r70");
    lake.engine.create_table(&last, &other, "select 1 as id").await.unwrap();
    lake.engine.commit(&last).await.unwrap();
    lake.engine.vacuum(SignedDuration::from_hours(1)).await.unwrap();

    let dir = lake.engine.tables.child("runs");
    let table = delta::load(&dir, "runs").await.unwrap().unwrap();
    let files = delta::data_files(&table, &dir).unwrap();
    assert_eq!(files.iter().map(|file| file.rows).collect::<Vec<_>>(), [Some(70)]);
    // Who opened the table before still reads it, and so does who opens it now.
    let engine = lake.another_engine();
    engine.open_previous(&committed(&engine).await).await.unwrap();
    for engine in [&engine, &lake.engine] {
        check(engine, "select count(*), count(distinct n), sum(n) from runs", &["70|70|2415"]).await;
    }
    let again = run("r71");
    engine.create_table(&again, &log, "select 70 as n").await.unwrap();
    engine.commit(&again).await.unwrap();
    check(&engine, "select count(*), sum(n) from runs", &["71|2485"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_cannot_both_replace_what_they_read() {
    let lake = Lake::new();
    let customer = output("customer", KeepTable::Replace);
    let first = run("r0");
    lake.engine.create_table(&first, &customer, "select 0 as id").await.unwrap();
    lake.engine.commit(&first).await.unwrap();
    let dir = lake.path("lake/kinfold/customer");
    // Another writer takes the next version while this one is between reading and committing.
    let taken = std::path::Path::new(&dir).join("_delta_log/00000000000000000001.json");
    let again = run("r1");
    lake.engine.create_table(&again, &customer, "select 1 as id").await.unwrap();
    lake.engine.commit(&again).await.unwrap();
    assert!(taken.exists());
    let engine = lake.another_engine();
    engine.open_previous(&committed(&engine).await).await.unwrap();
    check(&engine, "select id from customer", &["1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vacuum_keeps_what_readers_may_want() {
    let lake = Lake::new();
    let customer = output("customer", KeepTable::Replace);
    let data = || walk(&lake.dir.path().join("lake")).into_iter().filter(|f| f.ends_with(".parquet")).count();
    for i in 0..3 {
        let run = run(&format!("r{i}"));
        lake.engine.create_table(&run, &customer, &format!("select {i} as id")).await.unwrap();
        lake.engine.commit(&run).await.unwrap();
    }
    assert_eq!(data(), 3);
    lake.engine.vacuum(SignedDuration::from_hours(1)).await.unwrap();
    assert_eq!(data(), 3, "nothing is an hour old");
    lake.file("lake/kinfold/customer/part-of-a-running-run.parquet", "x");
    lake.engine.vacuum(SignedDuration::from_secs(-1)).await.unwrap();
    assert_eq!(data(), 2, "the live file, and the one that no commit has put in yet");
    check(&lake.engine, "select id from customer", &["2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_may_read_declared_tables_and_nothing_else() {
    let lake = Lake::new();
    lake.file("a.csv", "id\n1\n");
    lake.open("a.csv", CSV).await.unwrap();
    lake.engine.create_view("paid_orders", "select id from shop.orders").await.unwrap();
    let run = run("r");
    lake.engine.create_table(&run, &output("_hidden", KeepTable::Scratch), "select 1 as id").await.unwrap();
    let good =
        ["select id from shop.orders", "with x as (select * from paid_orders) select * from x where id in (select 1)"];
    for sql in good {
        assert_eq!(rows(lake.engine.user_query(sql).await).await.unwrap(), ["1"], "{sql}");
    }
    let path = lake.path("a.csv");
    let refused = [
        ("select * from shop.ordres".to_owned(), "there is no table `shop.ordres`"),
        (format!("select * from '{path}'"), "there is no table `"),
        (format!("select * from \"{path}\""), "there is no table `"),
        ("select * from _hidden".to_owned(), "there is no table `_hidden`"),
        ("select * from information_schema.tables".to_owned(), "there is no table `information_schema.tables`"),
        ("select * from files.ledger".to_owned(), "there is no table `files.ledger`"),
        (
            "set datafusion.execution.batch_size = 1".to_owned(),
            "a query may only read: this is another kind of statement",
        ),
        ("show tables".to_owned(), "a query may only read: this is another kind of statement"),
        ("create table t as select 1".to_owned(), "a query may only read: this is another kind of statement"),
        ("drop table shop.orders".to_owned(), "a query may only read: this is another kind of statement"),
        ("insert into shop.orders values (1)".to_owned(), "a query may only read: this is another kind of statement"),
        (format!("copy (select 1) to '{path}'"), "a query may only read: this is another kind of statement"),
        (
            format!("create external table t stored as csv location '{path}'"),
            "a query may only read: this is another kind of statement",
        ),
        ("select 1; select 2".to_owned(), "a query is one statement"),
        ("select 1 into t".to_owned(), "a query may only read: it would write, or change a setting"),
        (format!("select * from read_csv('{path}')"), "there is no table `read_csv`"),
        ("selec 1".to_owned(), "the query is not valid SQL"),
    ];
    for (sql, message) in refused {
        let error = rows(lake.engine.user_query(&sql).await).await.expect_err(&sql);
        assert!(error.message.starts_with(message), "{sql}: {}", error.message);
    }
}
