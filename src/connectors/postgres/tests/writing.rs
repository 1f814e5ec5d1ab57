//! What becomes of the rows that a table takes.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    ListBuilder, RecordBatch, StringArray, StringBuilder, StructArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field};
use async_trait::async_trait;
use kinfold_base::SyncMode;
use kinfold_sync::{Operation, SharedConnector, Target};

use super::{Database, people, send};
use crate::postgres::send::COPY_FROM_ROWS;
use crate::testing::{contract_target, flag, rows, target};

#[tokio::test]
async fn rows_are_added_changed_cleared_and_deleted() {
    let Some(db) = Database::new("operations").await else { return };
    db.run(r#"CREATE TABLE "Odd ""table" (id int PRIMARY KEY, "name" varchar(5) DEFAULT 'none')"#).await;
    let connector = db.open(&[]).await;
    let three = people(&[1, 2, 3], &[Some("ada"), None, Some("é'\"")]);
    let target = target(r#""Odd ""table""#, SyncMode::Mirror, &three);
    let all = r#"SELECT * FROM "Odd ""table" ORDER BY id"#;
    connector.prepare(&target).await.unwrap();
    assert_eq!(send(&connector, &target, Operation::Upsert, &three).await, "ok, ok, ok");
    assert_eq!(db.ask(all).await, "1|ada\n2|∅\n3|é'\"");
    assert_eq!(
        send(&connector, &target, Operation::Upsert, &people(&[2, 4], &[Some("bob"), Some("cy")])).await,
        "ok, ok"
    );
    assert_eq!(send(&connector, &target, Operation::Clear, &people(&[1, 9], &[None, None])).await, "ok, ok");
    assert_eq!(send(&connector, &target, Operation::Delete, &people(&[3, 9], &[None, None])).await, "ok, ok");
    assert_eq!(db.ask(all).await, "1|∅\n2|bob\n4|cy");
    // An insert leaves alone what is there, so that it may be repeated.
    assert_eq!(
        send(&connector, &target, Operation::Insert, &people(&[4, 5], &[Some("x"), Some("eve")])).await,
        "ok, ok"
    );
    assert_eq!(db.ask(all).await, "1|∅\n2|bob\n4|cy\n5|eve");
    let updated = send(&connector, &target, Operation::Update, &people(&[7, 5], &[Some("x"), Some("eva")])).await;
    assert_eq!(updated, "rejected: the table has no row with this key, ok");
    assert_eq!(db.ask(all).await, "1|∅\n2|bob\n4|cy\n5|eva");
}

#[tokio::test]
async fn large_batches_are_copied() {
    let Some(db) = Database::new("copy").await else { return };
    db.run("CREATE TABLE t (id bigint PRIMARY KEY, name text)").await;
    let connector = db.open(&[]).await;
    let count = i64::try_from(COPY_FROM_ROWS).unwrap() + 7;
    let ids: Vec<i64> = (0..count).collect();
    let names: Vec<String> = ids.iter().map(|i| format!("n{i}")).collect();
    let names: Vec<Option<&str>> = names.iter().map(|n| (!n.ends_with('3')).then_some(n.as_str())).collect();
    let many = people(&ids, &names);
    let target = target("t", SyncMode::Mirror, &many);
    let oks = vec!["ok"; many.num_rows()].join(", ");
    for _ in 0..2 {
        assert_eq!(send(&connector, &target, Operation::Upsert, &many).await, oks);
    }
    assert_eq!(send(&connector, &target, Operation::Update, &many).await, oks);
    let summary = "SELECT count(*), count(name), sum(id), sum((name = 'n' || id)::int) FROM t";
    let with_names = names.iter().flatten().count();
    assert_eq!(db.ask(summary).await, format!("{count}|{with_names}|{}|{with_names}", count * (count - 1) / 2));
    // The other shape, then the first one again, on the same connection.
    assert_eq!(send(&connector, &target, Operation::Delete, &many).await, oks);
    assert_eq!(db.ask("SELECT count(*) FROM t").await, "0");
    assert_eq!(send(&connector, &target, Operation::Insert, &many).await, oks);
    assert_eq!(db.ask("SELECT count(*) FROM t").await, count.to_string());
    let mut doubled = ids.clone();
    doubled[1] = 0;
    let bad = people(&doubled, &names);
    let answer = send(&connector, &target, Operation::Upsert, &bad).await;
    assert_eq!(answer, "bisect: two rows of the batch fall on one row of the table (21000)");
    assert_eq!(send(&connector, &target, Operation::Upsert, &many).await, oks);
}

#[tokio::test]
async fn every_type_finds_its_column() {
    let Some(db) = Database::new("types").await else { return };
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("a"), None, Some("b\"\\,")]);
    list.append_null();
    let list: ArrayRef = Arc::new(list.finish());
    let inner: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let record: ArrayRef = Arc::new(StructArray::from(vec![(Arc::new(Field::new("k", DataType::Utf8, true)), inner)]));
    let money = Decimal128Array::from(vec![Some(12_345_678_901_234_567_890_123), Some(-100)])
        .with_precision_and_scale(38, 2)
        .unwrap();
    let whole = Decimal128Array::from(vec![Some(700), None]).with_precision_and_scale(10, 2).unwrap();
    let instants: ArrayRef =
        Arc::new(TimestampNanosecondArray::from(vec![Some(1_795_298_400_123_456_000), None]).with_timezone("UTC"));
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(-1), Some(20_778)]));
    let data = rows(vec![
        (
            "id",
            Arc::new(StringArray::from(vec![
                "6f9619ff-8b86-d011-b42d-00c04fc964ff",
                "6f9619ff-8b86-d011-b42d-00c04fc964fe",
            ])),
        ),
        ("i", Arc::new(Int32Array::from(vec![Some(-7), None]))),
        ("u", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ("f", Arc::new(Float64Array::from(vec![Some(0.1), Some(f64::NAN)]))),
        ("fn", Arc::new(Float64Array::from(vec![Some(0.1), Some(12.0)]))),
        ("fi", Arc::new(Float64Array::from(vec![Some(3.0), None]))),
        ("m", Arc::new(money)),
        ("w", Arc::new(whole)),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("d", dates.clone()),
        ("dt", dates),
        ("ts", instants.clone()),
        ("tz", instants.clone()),
        ("tt", instants),
        ("l", list.clone()),
        ("lj", list),
        ("r", record),
        ("y", Arc::new(BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None]))),
        ("e", Arc::new(StringArray::from(vec![Some("sad"), None]))),
        ("j", Arc::new(StringArray::from(vec![Some("[1, 2]"), None]))),
    ]);
    db.run(
        "CREATE TYPE mood AS ENUM ('happy', 'sad'); \
         CREATE TABLE t (id uuid PRIMARY KEY, i smallint, u numeric, f float8, fn numeric, fi int, m numeric(30, 2), w bigint, \
         b bool, d date, dt timestamptz, ts timestamp, tz timestamptz, tt text, l text[], lj jsonb, r jsonb, y bytea, e mood, j jsonb)",
    )
    .await;
    let connector = db.open(&[]).await;
    let to_t = target("t", SyncMode::Upsert, &data);
    connector.prepare(&to_t).await.unwrap();
    assert_eq!(send(&connector, &to_t, Operation::Upsert, &data).await, "ok, ok");
    db.run("SET TIME ZONE 'UTC'").await;
    let got = db.ask("SELECT * FROM t ORDER BY id DESC").await;
    let expected = "6f9619ff-8b86-d011-b42d-00c04fc964ff|-7|18446744073709551615|0.1|0.1|3|123456789012345678901.23|7|t|1969-12-31|\
         1969-12-31 00:00:00+00|2026-11-21 22:00:00.123456|2026-11-21 22:00:00.123456+00|2026-11-21T22:00:00.123456Z|\
         {a,NULL,\"b\\\"\\\\,\"}|[\"a\", null, \"b\\\"\\\\,\"]|{\"k\": \"x\"}|\\x00ff|sad|[1, 2]\n\
         6f9619ff-8b86-d011-b42d-00c04fc964fe|∅|∅|NaN|12|∅|-1.00|∅|∅|2026-11-21|2026-11-21 00:00:00+00|∅|∅|∅|∅|∅|{\"k\": null}|∅|∅|∅";
    assert_eq!(got, expected);

    // The same into a table made for it, by both ways of travelling.
    let connector = db.open(&[flag("create", true)]).await;
    let made = target("made", SyncMode::Upsert, &data);
    connector.prepare(&made).await.unwrap();
    assert_eq!(send(&connector, &made, Operation::Upsert, &data).await, "ok, ok");
    let types = "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute \
                 WHERE attrelid = 'made'::regclass AND attnum > 0";
    let expected = "id text, i bigint, u numeric(20,0), f double precision, fn double precision, fi double precision, m numeric(38,2), \
         w numeric(10,2), b boolean, d date, dt date, ts timestamp with time zone, tz timestamp with time zone, \
         tt timestamp with time zone, l text[], lj text[], r jsonb, y bytea, e text, j text";
    assert_eq!(db.ask(types).await, expected);
    let times = COPY_FROM_ROWS;
    let index = arrow::array::UInt32Array::from(vec![0; times]);
    let many = arrow::compute::take_record_batch(&data, &index).unwrap();
    let ids = StringArray::from((0..times).map(|i| i.to_string()).collect::<Vec<_>>());
    let mut columns = many.columns().to_vec();
    columns[0] = Arc::new(ids);
    let many = RecordBatch::try_new(many.schema(), columns).unwrap();
    send(&connector, &made, Operation::Upsert, &many).await;
    let same = "SELECT count(*), count(DISTINCT (b.i,b.u,b.f,b.fn,b.m,b.w,b.b,b.d,b.ts,b.l,b.r,b.y,b.e)) FROM made a JOIN made b \
                ON (a.i,a.u,a.f,a.m,a.w,a.b,a.d,a.ts,a.l,a.r,a.y) = (b.i,b.u,b.f,b.m,b.w,b.b,b.d,b.ts,b.l,b.r,b.y) \
                WHERE a.id = '6f9619ff-8b86-d011-b42d-00c04fc964ff'";
    assert_eq!(db.ask(same).await, format!("{}|1", times + 1));
}

#[tokio::test]
async fn nulls_are_skipped() {
    let Some(db) = Database::new("nulls").await else { return };
    db.run("CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL DEFAULT 'new', age int)").await;
    let connector = db.open(&[]).await;
    let person = |ids: Vec<i64>, names: Vec<Option<&str>>, ages: Vec<Option<i64>>| {
        rows(vec![
            ("id", Arc::new(Int64Array::from(ids))),
            ("name", Arc::new(StringArray::from(names))),
            ("age", Arc::new(Int64Array::from(ages))),
        ])
    };
    let first = person(vec![1, 2, 3], vec![Some("ada"), None, None], vec![None, Some(5), None]);
    let target = Target { skip_nulls: true, ..target("t", SyncMode::Upsert, &first) };
    assert_eq!(send(&connector, &target, Operation::Upsert, &first).await, "ok, ok, ok");
    assert_eq!(db.ask("SELECT * FROM t ORDER BY id").await, "1|ada|∅\n2|new|5\n3|new|∅");
    let second = person(vec![1, 2, 4], vec![None, Some("bob"), None], vec![Some(36), None, None]);
    assert_eq!(send(&connector, &target, Operation::Upsert, &second).await, "ok, ok, ok");
    assert_eq!(db.ask("SELECT * FROM t ORDER BY id").await, "1|ada|36\n2|bob|5\n3|new|∅\n4|new|∅");
    let third = person(vec![3, 9], vec![None, None], vec![Some(7), Some(8)]);
    let answer = send(&connector, &target, Operation::Update, &third).await;
    assert_eq!(answer, "ok, rejected: the table has no row with this key");
    assert_eq!(db.ask("SELECT * FROM t WHERE id = 3").await, "3|new|7");
    // A column without any value is as null as a value that is null.
    let untyped = rows(vec![
        ("id", Arc::new(Int64Array::from(vec![5])) as ArrayRef),
        ("name", Arc::new(arrow::array::NullArray::new(1))),
        ("age", Arc::new(Int64Array::from(vec![6]))),
    ]);
    let to_untyped = Target { schema: untyped.schema(), ..target.clone() };
    assert_eq!(send(&db.open(&[]).await, &to_untyped, Operation::Upsert, &untyped).await, "ok");
    assert_eq!(db.ask("SELECT * FROM t WHERE id = 5").await, "5|new|6");
    let sent = Target { skip_nulls: false, ..target };
    let answer = send(&connector, &sent, Operation::Upsert, &person(vec![1], vec![None], vec![None])).await;
    assert_eq!(answer, "rejected: a value is missing in column `name` (23502)");
}

struct Contract {
    db: Database,
    connector: SharedConnector,
}

#[async_trait]
impl kinfold_sync::contract::Harness for Contract {
    fn connector(&self) -> SharedConnector {
        self.connector.clone()
    }

    fn target(&self) -> Target {
        contract_target("people", SyncMode::Mirror)
    }

    fn operations(&self) -> Vec<Operation> {
        vec![Operation::Upsert, Operation::Update, Operation::Clear, Operation::Delete]
    }

    async fn contents(&self) -> kinfold_sync::contract::Contents {
        let rows = self.db.client.query("SELECT id, name, score FROM people", &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
    }
}

#[tokio::test]
async fn the_contract_is_kept() {
    let Some(db) = Database::new("contract").await else { return };
    db.run("CREATE TABLE people (id text PRIMARY KEY, name text, score bigint)").await;
    let connector = db.open(&[]).await;
    kinfold_sync::contract::check(&Contract { db, connector }).await.unwrap();
}
