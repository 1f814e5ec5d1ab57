use std::time::{Duration, Instant};

use kinfold_base::SqlType;
use kinfold_lang::project::Format;
use kinfold_plan::KeepTable;

use super::{CSV, Lake, batch, ints, output, rows, rule, run, source, texts};
use crate::{Engine, EngineError, ErrorKind};

/// Opens `shop.orders` and reads it all; `{}` in the message is the folder.
async fn check(lake: &Lake, url: &str, format: Format, columns: &[(&str, Option<SqlType>)], message: &str) {
    let error = read(lake, url, format, columns).await.expect_err(message);
    assert_eq!(error.message, message.replace("{}", &lake.dir.path().display().to_string()), "{:?}", error.source);
    assert_eq!(error.kind, ErrorKind::Input);
    assert!(error.hint.is_some(), "no hint: {message}");
}

async fn read(
    lake: &Lake,
    url: &str,
    format: Format,
    columns: &[(&str, Option<SqlType>)],
) -> Result<Vec<String>, EngineError> {
    lake.engine.open_sources(&[source(&lake.path(url), format, columns)]).await?;
    rows(lake.engine.query("select * from shop.orders", &[]).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_damage_gives_one_clear_message() {
    let lake = Lake::new();
    check(&lake, "none.csv", CSV, &[], "shop.orders: there are no files at {}/none.csv").await;
    check(&lake, "none/*.parquet", Format::Parquet, &[], "shop.orders: there are no files at {}/none/*.parquet").await;
    check(&lake, "none", Format::Delta, &[], "shop.orders: there is no Delta table at {}/none").await;

    lake.file("wide.csv", "a,b\n1,2\n3,4,5\n");
    check(&lake, "wide.csv", CSV, &[], "shop.orders: {}/wide.csv at line 3 has 3 fields where 2 are expected").await;
    lake.file("utf8.csv", b"a,b\n1,\xff\xfe\n");
    check(&lake, "utf8.csv", CSV, &[], "shop.orders: {}/utf8.csv at line 2 holds bytes that are not UTF-8").await;
    lake.file("utf8.ndjson", b"{\"a\":1}\n{\"a\":\"\xff\"}\n");
    let message = "shop.orders: {}/utf8.ndjson at line 2 holds bytes that are not UTF-8";
    check(&lake, "utf8.ndjson", Format::Ndjson, &[], message).await;
    lake.file("empty.csv", "a,b\n");
    check(&lake, "empty.csv", CSV, &[], "shop.orders is empty: {}/empty.csv holds no rows").await;
    lake.file("nothing.csv", "");
    check(&lake, "nothing.csv", CSV, &[], "shop.orders: {}/nothing.csv is empty: it holds not even a header").await;
    lake.file("number.csv", "a\nada@x.org\n");
    let message = "shop.orders: {}/number.csv at line 2: a value of `a` cannot be read as Int64";
    check(&lake, "number.csv", CSV, &[("a", Some(SqlType::Integer))], message).await;
    check(&lake, "number.csv", CSV, &[("b", None)], "shop.orders has no column `b`: it is not in {}/number.csv").await;

    let batch = batch([("a", ints(&[1, 2])), ("b", texts(&["x", "y"]))]);
    lake.parquet("whole.parquet", &batch);
    let whole = std::fs::read(lake.path("whole.parquet")).unwrap();
    lake.file("cut.parquet", &whole[..whole.len() - 20]);
    let error = read(&lake, "cut.parquet", Format::Parquet, &[]).await.expect_err("cut");
    assert!(
        error.message.starts_with(&format!("shop.orders: {} cannot be read: ", lake.path("cut.parquet"))),
        "{}",
        error.message
    );
    lake.file("tiny.parquet", "PAR");
    assert!(read(&lake, "tiny.parquet", Format::Parquet, &[]).await.is_err_and(|e| e.kind == ErrorKind::Input));
    let mut damaged = whole.clone();
    damaged[4..60].fill(0xa5);
    lake.file("damaged.parquet", &damaged);
    let error = read(&lake, "damaged.parquet", Format::Parquet, &[]).await.expect_err("damaged");
    assert!(error.message.contains("damaged.parquet"), "{}", error.message);
    lake.parquet("empty.parquet", &batch.slice(0, 0));
    check(&lake, "empty.parquet", Format::Parquet, &[], "shop.orders is empty: {}/empty.parquet holds no rows").await;

    lake.file("mixed.ndjson", "{\"a\":{\"b\":\"ada@x.org\"}}\n{\"a\":{\"b\":[905321234567]}}\n");
    let message = "shop.orders: {}/mixed.ndjson: the column `a.b` holds values of different types";
    check(&lake, "mixed.ndjson", Format::Ndjson, &[], message).await;
    lake.file("bad.ndjson", "{\"a\":1}\n{\"a\":\n");
    let error = read(&lake, "bad.ndjson", Format::Ndjson, &[]).await.expect_err("bad json");
    assert!(error.message.contains("bad.ndjson"), "{}", error.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_table_must_agree() {
    let lake = Lake::new();
    lake.parquet("t/1.parquet", &batch([("id", ints(&[1]))]));
    lake.parquet("t/2.parquet", &batch([("id", texts(&["x"]))]));
    let message = "shop.orders: the column `id` is a whole number in {}/t/1.parquet but text in {}/t/2.parquet";
    check(&lake, "t", Format::Parquet, &[], message).await;
    lake.parquet("v/1.parquet", &batch([("id", ints(&[1])), ("x", ints(&[1]))]));
    lake.parquet("v/2.parquet", &batch([("id", ints(&[1]))]));
    check(
        &lake,
        "v",
        Format::Parquet,
        &[],
        "shop.orders: the column `x` is in {}/v/1.parquet but not in {}/v/2.parquet",
    )
    .await;
    lake.file("c/1.csv", "a,b\n1,2\n");
    lake.file("c/2.csv", "b,a\n1,2\n");
    let message = "shop.orders: {}/c/1.csv has the columns a, b, but {}/c/2.csv has b, a";
    check(&lake, "c", CSV, &[], message).await;
    lake.file("n/1.ndjson", "{\"a\":1}\n");
    lake.file("n/2.ndjson", "{\"a\":\"x\"}\n");
    let message = "shop.orders: the column `a` is a whole number in {}/n/1.ndjson but text in {}/n/2.ndjson";
    check(&lake, "n", Format::Ndjson, &[], message).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_and_tables_that_cannot_be_say_why() {
    let lake = Lake::new();
    let run = run("r");
    let make = async |sql: &str| {
        let error = lake.engine.create_table(&run, &output("t", KeepTable::Replace), sql).await.expect_err(sql);
        (error.kind, error.message)
    };
    let interval = make("select interval '1 day' as wait").await;
    let message = "the table `t` has a column `wait` that is a duration, which a Delta table cannot hold";
    assert_eq!(interval, (ErrorKind::Input, message.to_owned()));
    let zero = make("select 1 / (n - 1) as x from (values (1)) as t(n)").await;
    assert_eq!(zero, (ErrorKind::Input, "the table `t` failed: a number is divided by zero".to_owned()));
    let (kind, message) = make("select cast(v as int) as x from (values ('ada@x.org')) as t(v)").await;
    assert_eq!(kind, ErrorKind::Input);
    assert!(!message.contains("ada"), "{message}");
    assert!(
        !lake.dir.path().join("lake/kinfold/t").read_dir().is_ok_and(|mut d| d.next().is_some()),
        "files were left"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_memory_is_said_so() {
    let lake = Lake::with(|options| options.memory_limit_bytes = Some(1 << 20));
    let sql = "select array_length(array_agg(value)) from generate_series(1, 3000000)";
    let error = rows(lake.engine.query(sql, &[]).await).await.expect_err("a megabyte is too little");
    assert_eq!(error.kind, ErrorKind::Outside);
    assert_eq!(error.message, "the query needs more memory than the memory limit allows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_reached_is_told_of_quickly() {
    let lake = Lake::with(|options| options.storage = vec![rule("s3://nowhere/", "http://127.0.0.1:9")]);
    let began = Instant::now();
    let table = source("s3://nowhere/raw/*.parquet", Format::Parquet, &[]);
    let error = lake.engine.open_sources(&[table]).await.expect_err("nobody listens there");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(error.kind, ErrorKind::Outside);
    assert!(error.message.contains("s3://nowhere"), "{}", error.message);
}
