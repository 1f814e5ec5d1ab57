use std::sync::Arc;

use datafusion::arrow::array::{Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use futures::TryStreamExt;
use kinfold_base::SqlType;

use kinfold_lang::project::Format;
use kinfold_plan::KeepTable;

use super::{CSV, Lake, batch, check, ints, output, rows, run, source, texts};
use crate::lake::LakeEngine;
use crate::{Engine, FileTable};

async fn plan(engine: &LakeEngine, sql: &str) -> Arc<dyn ExecutionPlan> {
    let plan = engine.plan(sql, "the query").await.unwrap();
    LakeEngine::physical(&engine.state, &plan, "the query").await.unwrap()
}

async fn plan_text(engine: &LakeEngine, sql: &str) -> String {
    displayable(plan(engine, sql).await.as_ref()).indent(true).to_string()
}

fn orders() -> RecordBatch {
    let emails = StringArray::from(vec![Some("ada@x.org"), Some("bob@x.org"), None]);
    let amounts = Float64Array::from(vec![10.5, 20.0, 30.25]);
    batch([("id", ints(&[1, 2, 3])), ("email", Arc::new(emails)), ("amount", Arc::new(amounts))])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_gives_the_same_rows() {
    let lake = Lake::new();
    lake.parquet("p/a.parquet", &orders());
    lake.file("c/a.csv", "id,email,amount\n1,ada@x.org,10.5\n2,\"bob@x.org\",20.0\n3,,30.25\n");
    lake.file(
        "n/a.ndjson",
        "{\"id\":1,\"email\":\"ada@x.org\",\"amount\":10.5}\n{\"id\":2,\"email\":\"bob@x.org\",\"amount\":20.0}\n{\"id\":3,\"amount\":30.25}\n",
    );
    for (url, format) in [("p", Format::Parquet), ("c/a.csv", CSV), ("n/*.ndjson", Format::Ndjson)] {
        lake.open(url, format).await.unwrap();
        let sql = "select id, email, amount from shop.orders order by id";
        check(&lake.engine, sql, &["1|ada@x.org|10.5", "2|bob@x.org|20.0", "3||30.25"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_table_is_a_source() {
    let lake = Lake::new();
    lake.parquet("p/a.parquet", &orders());
    lake.open("p", Format::Parquet).await.unwrap();
    let run = run("r1");
    let out = output("orders", KeepTable::Replace);
    lake.engine.create_table(&run, &out, "select * from shop.orders").await.unwrap();
    lake.engine.commit(&run).await.unwrap();
    let other = Lake::new();
    let delta = source(&lake.path("lake/kinfold/orders"), Format::Delta, &[]);
    let schema = other.engine.source_schema(&delta).await.unwrap();
    assert_eq!(schema.column("amount").unwrap().ty, SqlType::Float);
    other.engine.open_sources(&[delta]).await.unwrap();
    let sql = "select id, email from shop.orders where amount > 15 order by id";
    check(&other.engine, sql, &["2|bob@x.org", "3|"]).await;
    let declared = source(&lake.path("lake/kinfold/orders"), Format::Delta, &[("id", Some(SqlType::Text))]);
    other.engine.open_sources(&[declared]).await.unwrap();
    check(&other.engine, "select id || 'x' from shop.orders where id = '2'", &["2x"]).await;
}

/// What is sorted by is a part of what is sorted by first, and a column has one value in the whole file.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_rows_are_the_first() {
    let lake = Lake::new();
    let made = "select 'a' as kind, cast(value as varchar) as id from generate_series(1, 100000)";
    lake.engine.create_table(&run("r1"), &output("_rows", KeepTable::Scratch), made).await.unwrap();
    let hash = "kinfold_row_hash(kind, id)";
    let all = format!("select id, row_number() over (order by {hash}) as place from _rows");
    let first = format!("select id from ({all}) where place <= 3 order by place");
    let expected = rows(lake.engine.query(&first, &[]).await).await.unwrap();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    assert_eq!(expected.len(), 3);
    check(&lake.engine, &format!("select id from _rows order by {hash}, id limit 3"), &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_columns_of_ndjson_are_reachable() {
    let lake = Lake::new();
    lake.file(
        "e.ndjson",
        "{\"payload\":{\"country\":\"TR\",\"tags\":[\"a\",\"b\"]}}\n{\"payload\":{\"country\":\"DE\"}}\n",
    );
    lake.open("e.ndjson", Format::Ndjson).await.unwrap();
    check(&lake.engine, "select payload['country'], payload['tags'][2] from shop.orders order by 1", &["DE|", "TR|b"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_give_columns_and_are_pruned() {
    let lake = Lake::new();
    for (day, n) in [("2026-01-30", 1), ("2026-01-31", 2)] {
        let batch = batch([("n", ints(&[n]))]);
        lake.parquet(&format!("events/day={day}/country=TR/part.parquet"), &batch);
    }
    lake.open("events/", Format::Parquet).await.unwrap();
    let sql = "select n, country from shop.orders where day = date '2026-01-31'";
    check(&lake.engine, sql, &["2|TR"]).await;
    let text = plan_text(&lake.engine, sql).await;
    assert!(text.contains("day=2026-01-31") && !text.contains("day=2026-01-30"), "{text}");
    check(&lake.engine, "select count(*) from shop.orders where n > 0 and country = 'DE'", &["0"]).await;
    lake.open("events/day=2026-01-3?/**/*.parquet", Format::Parquet).await.unwrap();
    check(&lake.engine, "select n from shop.orders order by n", &["1", "2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projections_and_predicates_reach_the_scan() {
    let lake = Lake::new();
    lake.parquet("a.parquet", &orders());
    lake.open("a.parquet", Format::Parquet).await.unwrap();
    let text = plan_text(&lake.engine, "select id from shop.orders where amount > 15").await;
    assert!(text.contains("projection=[id]") && text.contains("predicate=amount@2 > 15"), "{text}");
    assert!(!text.contains("FilterExec"), "the scan filters rows itself: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_types_are_applied_on_reading() {
    let lake = Lake::new();
    lake.file("a.csv", "zip,price,at\n00123,12.50,2026-01-31 10:00:00\n");
    let decimal = SqlType::Decimal { precision: 10, scale: 2 };
    let columns = [("zip", Some(SqlType::Integer)), ("price", Some(decimal.clone())), ("at", None)];
    let table = source(&lake.path("a.csv"), CSV, &columns);
    let schema = lake.engine.source_schema(&table).await.unwrap();
    let types: Vec<_> = schema.columns.iter().map(|c| c.ty.clone()).collect();
    assert_eq!(types, [SqlType::Integer, decimal, SqlType::Timestamp]);
    lake.engine.open_sources(&[table]).await.unwrap();
    check(&lake.engine, "select zip, price, at from shop.orders", &["123|12.50|2026-01-31T10:00:00Z"]).await;

    lake.parquet("a.parquet", &batch([("id", texts(&["7", "8"]))]));
    let table = source(&lake.path("a.parquet"), Format::Parquet, &[("id", Some(SqlType::Integer))]);
    lake.engine.open_sources(&[table]).await.unwrap();
    check(&lake.engine, "select id + 1 from shop.orders where id > 7", &["9"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn later_files_may_add_columns() {
    let lake = Lake::new();
    lake.parquet("d/1.parquet", &batch([("id", Arc::new(Int32Array::from(vec![1])))]));
    lake.parquet("d/2.parquet", &batch([("id", ints(&[2])), ("coupon", texts(&["X"]))]));
    lake.open("d", Format::Parquet).await.unwrap();
    check(&lake.engine, "select id, coupon from shop.orders order by id", &["1|", "2|X"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_and_quoted_csv_is_read_whole() {
    let lake = Lake::new();
    lake.file("a.csv", "id;note\n1;'line\nbreak; and delimiter'\n2;'it''s'\n");
    let format = Format::Csv { delimiter: b';', header: true, quote: b'\'' };
    lake.open("a.csv", format).await.unwrap();
    check(&lake.engine, "select id, length(note) from shop.orders order by id", &["1|25", "2|4"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_memory_limit_spills_and_the_result_is_right() {
    // On one thread, as what merges several sorted streams cannot spill, and gets nothing where a sort has taken all there is.
    let lake = Lake::with(|options| (options.memory_limit_bytes, options.threads) = (Some(32 << 20), 1));
    let names: Vec<String> = (0..400_000_i64).map(|i| format!("customer number {:07}", (i * 7919) % 400_000)).collect();
    let batch = RecordBatch::try_new(
        Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("name", DataType::Utf8, true)])),
        vec![Arc::new(Int64Array::from_iter_values(0..400_000)), Arc::new(StringArray::from(names))],
    )
    .unwrap();
    let schema = batch.schema();
    let batch = concat_batches(&schema, std::iter::repeat_n(&batch, 3)).unwrap();
    lake.parquet("a.parquet", &batch);
    lake.open("a.parquet", Format::Parquet).await.unwrap();
    let sql = "select name, n from shop.orders order by name, n";
    let plan = plan(&lake.engine, sql).await;
    let sorted = collect(Arc::clone(&plan), lake.engine.state.task_ctx()).await.unwrap();
    assert_eq!(sorted.iter().map(RecordBatch::num_rows).sum::<usize>(), 1_200_000);
    assert!(spills(plan.as_ref()) > 0, "nothing was spilled");
    let sql = "select count(*), min(c), max(c) from (select name, count(*) as c from shop.orders group by name)";
    check(&lake.engine, sql, &["400000|3|3"]).await;
    let left = std::fs::read_dir(lake.dir.path().join("scratch")).unwrap().count();
    drop(lake.engine);
    assert_eq!((left, std::fs::read_dir(lake.dir.path().join("scratch")).unwrap().count()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_does_not_fit_is_done_by_sorting() {
    let lake = Lake::with(|options| options.memory_limit_bytes = Some(40 << 20));
    let names: Vec<String> = (0..600_000).map(|i| format!("customer number {i:030}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let numbers: Vec<i64> = (0..600_000).collect();
    lake.parquet("a.parquet", &batch([("name", texts(&names)), ("n", ints(&numbers))]));
    lake.open("a.parquet", Format::Parquet).await.unwrap();
    let join = "shop.orders a join shop.orders b on a.name = b.name";
    let hashed = lake.engine.plan(&format!("select a.name, b.n from {join}"), "the query").await.unwrap();
    let hashed = LakeEngine::run(&lake.engine.state, &hashed, "the query").await.unwrap();
    let hashed = hashed.batches.try_collect::<Vec<_>>().await;
    assert!(hashed.unwrap_err().is_out_of_memory(), "the join fits, so that nothing is tested");

    check(&lake.engine, &format!("select count(*), sum(a.n - b.n) from {join}"), &["600000|0"]).await;
    let run = run("r");
    let sql = format!("select a.name, b.n from {join}");
    let written = lake.engine.create_table(&run, &output("joined", KeepTable::Replace), &sql).await.unwrap();
    assert_eq!(written.rows, 600_000);
    check(&lake.engine, "select count(distinct name), sum(n) from joined", &["600000|179999700000"]).await;
}

fn spills(plan: &dyn ExecutionPlan) -> usize {
    let own = plan.metrics().and_then(|m| m.spill_count()).unwrap_or(0);
    own + plan.children().iter().map(|c| spills(c.as_ref())).sum::<usize>()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_may_be_given_files() {
    let lake = Lake::new();
    lake.parquet("state/1.parquet", &orders());
    let schema = orders().schema();
    let table = |files: Vec<String>| FileTable { name: "ledger".to_owned(), files, schema: Arc::clone(&schema) };
    let sql = "select count(*) from files.ledger";
    let one = lake.engine.query(sql, &[table(vec![lake.path("state/1.parquet")])]).await;
    assert_eq!(rows(one).await.unwrap(), ["3"]);
    assert_eq!(rows(lake.engine.query(sql, &[table(Vec::new())]).await).await.unwrap(), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_have_one_form_and_rows_one_hash() {
    let lake = Lake::new();
    let engine = &lake.engine;
    check(engine, "select kinfold_email(' Ada@X.org '), kinfold_email('none')", &["ada@x.org|"]).await;
    check(engine, "select kinfold_phone('0532 123 45 67', 'TR'), kinfold_phone('x', 'TR')", &["+905321234567|"]).await;
    check(engine, "select kinfold_exact(17), kinfold_digits('(5) 3-2')", &["17|532"]).await;
    let same = "select kinfold_row_hash(a, 1, cast(1.50 as decimal(5,2))) = kinfold_row_hash(arrow_cast(a, 'Dictionary(Int32, Utf8)'), \
                arrow_cast(1, 'Int32'), cast(1.5 as decimal(9,4))) from (values ('x'), (''), (null)) as t(a)";
    check(engine, same, &["true", "true", "true"]).await;
    let different = "select count(distinct kinfold_row_hash(a, b)) from (values ('', null), (null, ''), ('', ''), ('a', 'b'), ('ab', '')) as t(a, b)";
    check(engine, different, &["5"]).await;
    // Ledgers keep hashes: this one must never change.
    check(engine, "select kinfold_row_hash('ada@x.org', 7, true, null)", &["9a2a012bbcfdf0c700d281a1307c99cb"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_stays_decimal() {
    let lake = Lake::new();
    let money = Decimal128Array::from(vec![1050_i128, 2000]).with_precision_and_scale(10, 2).unwrap();
    let batch = RecordBatch::try_from_iter([("amount", Arc::new(money) as _)]).unwrap();
    lake.parquet("a.parquet", &batch);
    lake.open("a.parquet", Format::Parquet).await.unwrap();
    let run = run("r");
    let sql = "select sum(amount) as total from shop.orders";
    lake.engine.create_table(&run, &output("t", KeepTable::Replace), sql).await.unwrap();
    check(&lake.engine, "select total from t", &["30.50"]).await;
    let schema = lake.engine.query("select * from t", &[]).await.unwrap().schema;
    assert_eq!(*schema.field(0).data_type(), DataType::Decimal128(20, 2));
}
