//! Against a real PostgreSQL, whose URL `KINFOLD_TEST_POSTGRES` holds.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    ListBuilder, RecordBatch, StringArray, StringBuilder, StructArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field};
use kinfold_base::Setting;
use kinfold_base::SyncMode::{self, Insert, Update, Upsert};
use kinfold_sync::{Operation, SharedConnector, Target};
use tokio_postgres::{Client, NoTls};

use super::config::Config;
use super::session::Sessions;
use super::*;
use crate::testing::{Stores, batch, contract_target, flag, number, open, rows, secret, target, text, words};

/// A schema of its own in the test database.
struct Database {
    url: String,
    client: Client,
    schema: String,
}

impl Database {
    #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
    async fn new(schema: &str) -> Option<Self> {
        let Ok(url) = std::env::var("KINFOLD_TEST_POSTGRES") else {
            eprintln!("NOT TESTED: postgres::{schema}, because KINFOLD_TEST_POSTGRES is not set");
            return None;
        };
        let (client, connection) =
            tokio_postgres::connect(&url, NoTls).await.expect("the test database can be reached");
        tokio::spawn(connection);
        let schema = format!("kinfold_test_{schema}");
        client
            .batch_execute(&format!(
                "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; SET search_path = {schema}"
            ))
            .await
            .unwrap();
        Some(Self { url, client, schema })
    }

    async fn open(&self, settings: &[(String, Setting)]) -> SharedConnector {
        let settings = [&[secret("url", &self.url), text("schema", &self.schema)], settings].concat();
        open("postgres", &settings, &Stores::default()).await.unwrap()
    }

    async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// What a query gives, fields divided by bars and rows by line feeds.
    async fn ask(&self, sql: &str) -> String {
        let messages = self.client.simple_query(sql).await.unwrap();
        let rows = messages.iter().filter_map(|m| match m {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|i| row.get(i).unwrap_or("∅")).collect::<Vec<_>>().join("|"))
            }
            _ => None,
        });
        rows.collect::<Vec<_>>().join("\n")
    }
}

fn people(ids: &[i64], names: &[Option<&str>]) -> RecordBatch {
    rows(vec![("id", Arc::new(Int64Array::from(ids.to_vec()))), ("name", Arc::new(StringArray::from(names.to_vec())))])
}

async fn send(connector: &SharedConnector, target: &Target, operation: Operation, rows: &RecordBatch) -> String {
    words(connector.send(target, &batch(operation, rows)).await)
}

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
    let count = i64::try_from(send::COPY_FROM_ROWS).unwrap() + 7;
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
    let times = send::COPY_FROM_ROWS;
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

#[tokio::test]
async fn refused_rows_are_told_without_their_values() {
    let Some(db) = Database::new("refused").await else { return };
    db.run(
        "CREATE TABLE t (id text PRIMARY KEY, short varchar(3), n int, mail text UNIQUE, price numeric(4, 1) CHECK (price > 0)); \
         INSERT INTO t VALUES ('old', 'x', 1, 'taken@example.com', 1); \
         CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', NEW.id; END $$; \
         CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.id = 'trigger') EXECUTE FUNCTION no()",
    )
    .await;
    let connector = db.open(&[]).await;
    let row = |id: &str, short: &str, n: &str, mail: &str, price: i128| {
        let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
        let price = Decimal128Array::from(vec![price]).with_precision_and_scale(20, 2).unwrap();
        rows(vec![
            ("id", text(id)),
            ("short", text(short)),
            ("n", text(n)),
            ("mail", text(mail)),
            ("price", Arc::new(price)),
        ])
    };
    let good = row("new", "abc", "5", "a@example.com", 100);
    let target = target("t", SyncMode::Upsert, &good);
    connector.prepare(&target).await.unwrap();
    let check = async |bad: RecordBatch, expected: &str| {
        assert_eq!(send(&connector, &target, Operation::Upsert, &bad).await, format!("rejected: {expected}"));
        let both = arrow::compute::concat_batches(&good.schema(), [&good, &bad]).unwrap();
        // Which column it was is only looked into for a row on its own.
        let (reason, code) = expected.rsplit_once(' ').unwrap();
        let reason = reason.split(" in column").next().unwrap();
        assert_eq!(send(&connector, &target, Operation::Upsert, &both).await, format!("bisect: {reason} {code}"));
        assert_eq!(db.ask("SELECT count(*) FROM t").await, "1");
    };
    check(row("s", "secret", "5", "b@example.com", 100), "a text is too long in column `short` (22001)").await;
    check(row("s", "a", "five", "b@example.com", 100), "a value does not fit the type in column `n` (22P02)").await;
    check(row("s", "a", "99999999999", "b@example.com", 100), "a number is out of range in column `n` (22003)").await;
    check(row("s", "a", "5", "b@example.com", -100), "breaks the check `t_price_check` (23514)").await;
    check(row("s", "a", "5", "b@example.com", 1_000_000), "a number is out of range in column `price` (22003)").await;
    check(
        row("s", "a\0", "5", "b@example.com", 100),
        "a text holds a character that the database cannot keep in column `short` (22021)",
    )
    .await;
    check(row("trigger", "a", "5", "b@example.com", 100), "a trigger refused it (P0001)").await;
}

#[tokio::test]
async fn rows_that_others_stand_in_the_way_of_are_tried_by_the_next_run() {
    let Some(db) = Database::new("others").await else { return };
    db.run(
        "CREATE TABLE countries (name text PRIMARY KEY); INSERT INTO countries VALUES ('TR'); \
         CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE REFERENCES countries); INSERT INTO t VALUES (1, 'TR'); \
         CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED, name text); INSERT INTO late VALUES (1, 'a')",
    )
    .await;
    let connector = db.open(&[]).await;
    let taken = people(&[2], &[Some("TR")]);
    let to_t = target("t", SyncMode::Upsert, &taken);
    let unique = "next run: breaks the unique constraint `t_name_key` (23505)";
    assert_eq!(send(&connector, &to_t, Operation::Upsert, &taken).await, unique);
    let parent = people(&[2], &[Some("DE")]);
    let missing = "breaks the foreign key `t_name_fkey` (23503)";
    assert_eq!(send(&connector, &to_t, Operation::Upsert, &parent).await, format!("next run: {missing}"));
    let both = people(&[1, 2], &[Some("TR"), Some("DE")]);
    assert_eq!(send(&connector, &to_t, Operation::Upsert, &both).await, format!("bisect: {missing}"));
    let country = rows(vec![("name", Arc::new(StringArray::from(vec!["TR"])) as ArrayRef)]);
    let to_countries = target("countries", SyncMode::Mirror, &country);
    let child = send(&db.open(&[]).await, &to_countries, Operation::Delete, &country).await;
    assert_eq!(child, format!("next run: {missing}"));
    // The sync's own key stands in nobody else's way, whenever it is checked.
    let twice = people(&[1], &[Some("b")]);
    let to_late = target("late", SyncMode::Insert, &twice);
    let own = send(&db.open(&[]).await, &to_late, Operation::Insert, &twice).await;
    assert_eq!(own, "rejected: breaks the unique constraint `late_id_key` (23505)");
}

#[tokio::test]
async fn a_text_that_is_too_long_for_a_domain_is_refused() {
    let Some(db) = Database::new("domain").await else { return };
    db.run(
        "CREATE DOMAIN code AS varchar(3); CREATE DOMAIN own_code AS code CHECK (value <> 'no'); \
         CREATE TABLE t (id int PRIMARY KEY, a code, b own_code)",
    )
    .await;
    let connector = db.open(&[]).await;
    let row = |a: &str, b: &str| {
        let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
        rows(vec![("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef), ("a", text(a)), ("b", text(b))])
    };
    let target = target("t", SyncMode::Upsert, &row("a", "b"));
    assert_eq!(send(&connector, &target, Operation::Upsert, &row("abc", "abc")).await, "ok");
    for operation in [Operation::Upsert, Operation::Update] {
        for bad in [row("abcd", "b"), row("a", "abcd")] {
            let answer = send(&connector, &target, operation, &bad).await;
            assert_eq!(answer, "rejected: a text is too long (22001)");
        }
        let answer = send(&connector, &target, operation, &row("a", "no")).await;
        assert!(answer.starts_with("rejected: breaks the check"), "{answer}");
    }
    assert_eq!(db.ask("SELECT * FROM t").await, "1|abc|abc");
}

#[tokio::test]
async fn rows_that_the_server_skips_are_not_taken() {
    let Some(db) = Database::new("skipped").await else { return };
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(9) DEFAULT 'none'); \
         CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
         CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.name = 'skip' OR NEW.id = 7) EXECUTE FUNCTION skip(); \
         CREATE TRIGGER b BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    )
    .await;
    let connector = db.open(&[]).await;
    let both = people(&[1, 2], &[Some("ada"), Some("skip")]);
    let sent = target("t", SyncMode::Upsert, &both);
    assert_eq!(send(&connector, &sent, Operation::Upsert, &both).await, "bisect: the server skipped the row");
    assert_eq!(db.ask("SELECT count(*) FROM t").await, "0");
    assert_eq!(send(&connector, &sent, Operation::Upsert, &both.slice(0, 1)).await, "ok");
    let skipped = "unknown: the server skipped the row";
    assert_eq!(send(&connector, &sent, Operation::Upsert, &both.slice(1, 1)).await, skipped);
    // What is there already as it should be may be left as it is.
    let same = people(&[1, 3], &[Some("ada"), None]);
    assert_eq!(send(&connector, &sent, Operation::Upsert, &same).await, "ok, ok");
    assert_eq!(send(&connector, &sent, Operation::Upsert, &same).await, "ok, ok");
    let nulls = Target { skip_nulls: true, ..sent };
    assert_eq!(send(&connector, &nulls, Operation::Upsert, &people(&[1, 3], &[None, Some("eve")])).await, "ok, ok");
    let skipped_too = people(&[7, 1], &[Some("x"), None]);
    let answer = send(&connector, &nulls, Operation::Upsert, &skipped_too).await;
    assert_eq!(answer, "bisect: the server skipped the row");
    assert_eq!(db.ask("SELECT * FROM t ORDER BY id").await, "1|ada\n3|eve");
}

#[tokio::test]
async fn a_place_tells_where_rows_go_and_no_secret() {
    let check = async |settings: &[(String, Setting)], expected: &str| {
        let connector = open("postgres", settings, &Stores::default()).await.unwrap();
        assert_eq!(connector.place(&target("contacts", Upsert, &people(&[], &[]))), expected);
    };
    let parts = [text("host", "db.example.com"), text("user", "me"), secret("password", "pw")];
    check(&parts, "contacts at db.example.com:5432/me").await;
    let url = secret("url", "postgres://me:pw@a:1,b:2/crm");
    check(&[url, text("schema", "sales")], "sales.contacts at a:1,b:2/crm").await;
    check(&[text("host", "/run/pg"), number("port", 6), text("user", "me")], "contacts at /run/pg:6/me").await;
}

#[tokio::test]
async fn what_does_not_fit_is_told_before_rows_are_sent() {
    let Some(db) = Database::new("prepare").await else { return };
    db.run(
        "CREATE TABLE contacts (id int, name text, born date, total int GENERATED ALWAYS AS (id + 1) STORED); \
         CREATE TABLE strict (id int PRIMARY KEY, name text, must text NOT NULL); \
         CREATE TABLE partial (id int, name text); CREATE UNIQUE INDEX ON partial (id) WHERE id > 0; \
         CREATE TABLE pair (id int, name text, UNIQUE (name, id))",
    )
    .await;
    let connector = db.open(&[]).await;
    let check = async |object: &str, mode: SyncMode, columns: Vec<(&str, ArrayRef)>, expected: &str| {
        let data = rows(columns);
        let got = match connector.prepare(&target(object, mode, &data)).await {
            Ok(()) => "fine".to_owned(),
            Err(e) => format!("{e} / {}", e.hint.as_deref().unwrap_or_default()),
        };
        assert_eq!(got.replace(&format!("\"{}\".", db.schema), ""), expected);
    };
    let int = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    let word = || Arc::new(StringArray::from(vec!["a"])) as ArrayRef;
    let time = || Arc::new(TimestampNanosecondArray::from(vec![1])) as ArrayRef;
    let list = || {
        let mut list = ListBuilder::new(StringBuilder::new());
        list.append_value([Some("a")]);
        Arc::new(list.finish()) as ArrayRef
    };
    check(
        "contact",
        Insert,
        vec![("id", int())],
        "PostgreSQL has no table `contact`, or the role may not see it / did you mean `contacts`?",
    )
    .await;
    check("a.b.c", Insert, vec![("id", int())], "`a.b.c` is not the name of a table / write `table` or `schema.table`")
        .await;
    check(
        "contacts",
        Insert,
        vec![("id", int()), ("nam", word())],
        "the table contacts has no column `nam` / did you mean `name`?",
    )
    .await;
    check("contacts", Insert, vec![("id", int()), ("zebra", list()), ("lion", int())],
        "the table contacts has no column `zebra`, `lion` / add what is missing: ALTER TABLE \"contacts\" ADD COLUMN \"zebra\" text[], ADD COLUMN \"lion\" bigint").await;
    check("contacts", Upsert, vec![("id", int()), ("name", word())],
        "the table contacts has no unique index on the key `id`, so rows cannot be told apart there / make one: CREATE UNIQUE INDEX ON \"contacts\" (\"id\")").await;
    check("contacts", Insert, vec![("id", int()), ("born", time())],
        "the column `born` of contacts is of type date, which cannot take a time / cast the field in its SQL, or change the column's type").await;
    check("contacts", Insert, vec![("id", int()), ("total", int())],
        "the column `total` of contacts is computed by the server and cannot be written / leave the field out of the sync").await;
    check("strict", Upsert, vec![("id", int()), ("name", word())],
        "the column `must` of strict must have a value, and the sync sends none / add it to the sync's fields, or give it a default: ALTER TABLE \"strict\" ALTER COLUMN \"must\" SET DEFAULT …").await;
    check("strict", Update, vec![("id", int()), ("name", word())], "fine").await;
    check("partial", Upsert, vec![("id", int())],
        "the table partial has no unique index on the key `id`, so rows cannot be told apart there / make one: CREATE UNIQUE INDEX ON \"partial\" (\"id\")").await;
    let pair = Target { key_columns: 2, ..target("pair", Upsert, &rows(vec![("id", int()), ("name", word())])) };
    connector.prepare(&pair).await.unwrap();
    assert_eq!(
        words(connector.send(&pair, &batch(Operation::Upsert, &rows(vec![("id", int()), ("name", word())]))).await),
        "ok"
    );
}

#[tokio::test]
async fn trouble_on_the_way_is_told_apart() {
    let Some(db) = Database::new("trouble").await else { return };
    db.run("CREATE TABLE t (id int PRIMARY KEY, name text)").await;
    let mut url = url::Url::parse(&db.url).unwrap();
    url.query_pairs_mut().append_pair("application_name", "kinfold_trouble");
    let settings = [secret("url", url.as_str()), text("schema", &db.schema), number("timeout_secs", 1)];
    let connector = open("postgres", &settings, &Stores::default()).await.unwrap();
    let one = people(&[1], &[Some("ada")]);
    let target = target("t", SyncMode::Upsert, &one);
    assert_eq!(send(&connector, &target, Operation::Upsert, &one).await, "ok");
    // A connection that was cut while it was idle is made anew.
    let cut =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'kinfold_trouble'";
    db.run(cut).await;
    let after = send(&connector, &target, Operation::Upsert, &one).await;
    assert!(after == "ok" || after.starts_with("retry: "), "{after}");
    assert_eq!(send(&connector, &target, Operation::Upsert, &one).await, "ok");
    // A lock that does not go away.
    db.run("BEGIN; LOCK TABLE t").await;
    let locked = send(&connector, &target, Operation::Upsert, &one).await;
    assert_eq!(locked, "retry: PostgreSQL: the statement took too long (57014)");
    db.run("ROLLBACK").await;
    // A table that went away under the sync.
    db.run("ALTER TABLE t RENAME TO gone").await;
    assert_eq!(send(&connector, &target, Operation::Upsert, &one).await, "stop: the table t is gone (42P01)");
    // Nobody there, and the wrong password.
    let stores = Stores::default();
    let nobody = [text("host", "127.0.0.1"), number("port", 1), text("user", "nobody")];
    let nobody = open("postgres", &nobody, &stores).await.unwrap();
    let error = nobody.prepare(&target).await.unwrap_err().to_string();
    assert!(error.starts_with("PostgreSQL cannot be reached: "), "{error}");
    db.run("DO $$ BEGIN CREATE ROLE kinfold_test_role LOGIN PASSWORD 'kinfold_test_role'; EXCEPTION WHEN duplicate_object THEN NULL; END $$").await;
    db.run(&format!("ALTER TABLE gone RENAME TO t; GRANT USAGE ON SCHEMA {} TO kinfold_test_role; GRANT SELECT ON t TO kinfold_test_role", db.schema)).await;
    let role = open_as(&db, "kinfold_test_role").await;
    let refused = send(&role, &target, Operation::Upsert, &one).await;
    assert_eq!(refused, "stop: the role may not write to t: permission denied for table t (42501)");
    db.run("DROP OWNED BY kinfold_test_role; DROP ROLE kinfold_test_role").await;
}

/// The test database as another role, whose password is its name.
async fn open_as(db: &Database, role: &str) -> SharedConnector {
    let mut url = url::Url::parse(&db.url).unwrap();
    url.set_username(role).unwrap();
    url.set_password(Some(role)).unwrap();
    open("postgres", &[secret("url", url.as_str()), text("schema", &db.schema)], &Stores::default()).await.unwrap()
}

#[tokio::test]
async fn a_commit_that_broke_is_asked_about() {
    let Some(db) = Database::new("commit").await else { return };
    let settings = [secret("url", &db.url)];
    let secrets = |reference: &kinfold_base::SecretRef| match reference {
        kinfold_base::SecretRef::Env(name) | kinfold_base::SecretRef::File(name) => {
            Ok(kinfold_base::Secret::new(name.clone()))
        }
    };
    let config = Config::read(&Settings::new(&settings, &secrets), &Stores::default()).unwrap();
    let sessions = Sessions::new(config.connect);
    let begin = "BEGIN; SELECT txid_current()";
    let ask = async |transaction: String| {
        words(Ok(send::ask_what_became(&sessions, transaction, vec![kinfold_sync::Outcome::Ok]).await))
    };
    let committed = db.ask(begin).await;
    db.run("COMMIT").await;
    assert_eq!(ask(committed).await, "ok");
    let aborted = db.ask(begin).await;
    db.run("ROLLBACK").await;
    assert_eq!(ask(aborted).await, "retry: the connection broke during the commit, which was rolled back");
    let open = db.ask(begin).await;
    assert_eq!(ask(open).await, "unknown: the connection broke during the commit, and the server is still at it");
    db.run("ROLLBACK").await;
}

/// A way to the database on which the server seems to speak another language. Gives the URL through it.
async fn translated(db: &Database) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
    use tokio::net::{TcpListener, TcpStream};
    let mut url = url::Url::parse(&db.url).unwrap();
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut from_client, mut to_client) = listener.accept().await.unwrap().0.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(&address).await.unwrap().into_split();
            tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 1 << 16];
                while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
                    // A message comes whole, because the server sends it so.
                    let place = buffer[..count].windows(7).position(|w| w == b"SERROR\0");
                    if let Some(start) = place {
                        buffer[start..start + 7].copy_from_slice(b"SFALLO\0");
                    }
                    if to_client.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url.to_string()
}

#[tokio::test]
async fn a_refused_commit_is_known_in_every_language() {
    let Some(db) = Database::new("language").await else { return };
    db.run("CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE DEFERRABLE INITIALLY DEFERRED)").await;
    db.run("INSERT INTO t VALUES (1, 'ada')").await;
    let settings = [secret("url", &translated(&db).await), text("schema", &db.schema), text("sslmode", "disable")];
    let connector = open("postgres", &settings, &Stores::default()).await.unwrap();
    let twice = people(&[2], &[Some("ada")]);
    let target = target("t", SyncMode::Upsert, &twice);
    let expected = "next run: breaks the unique constraint `t_name_key` (23505)";
    assert_eq!(send(&connector, &target, Operation::Upsert, &twice).await, expected);
}

/// What becomes of a connection when the client says `COMMIT`, once.
#[derive(Clone, Copy)]
enum Cut {
    /// The server never hears of it.
    Before,
    /// The server does it, and the client never hears of that.
    After,
}

/// A way to the database on which the first connection breaks at its commit. Gives the URL through it.
async fn breaking(db: &Database, cut: Cut) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional};
    use tokio::net::{TcpListener, TcpStream};
    let mut url = url::Url::parse(&db.url).unwrap();
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = TcpStream::connect(&address).await.unwrap().into_split();
        let back = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = from_client.read(&mut buffer).await.unwrap();
            let is_commit = buffer[..count].windows(7).any(|w| w == b"COMMIT\0");
            if is_commit {
                back.abort();
            }
            if !is_commit || matches!(cut, Cut::After) {
                to_server.write_all(&buffer[..count]).await.unwrap();
            }
            if is_commit {
                break;
            }
        }
        let _ = back.await;
        drop((from_client, to_server));
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(&address).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    url.to_string()
}

#[tokio::test]
async fn a_connection_that_breaks_at_the_commit_tells_the_truth() {
    let Some(db) = Database::new("broken").await else { return };
    let one = people(&[1], &[Some("ada")]);
    for (cut, expected, there) in [
        (Cut::Before, "retry: the connection broke during the commit, which was rolled back", "0"),
        (Cut::After, "ok", "1"),
    ] {
        db.run("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, name text)").await;
        let settings =
            [secret("url", &breaking(&db, cut).await), text("schema", &db.schema), text("sslmode", "disable")];
        let connector = open("postgres", &settings, &Stores::default()).await.unwrap();
        let target = target("t", SyncMode::Insert, &one);
        connector.prepare(&target).await.unwrap();
        assert_eq!(send(&connector, &target, Operation::Insert, &one).await, expected);
        assert_eq!(db.ask("SELECT count(*) FROM t").await, there);
        assert_eq!(send(&connector, &target, Operation::Insert, &one).await, "ok");
        assert_eq!(db.ask("SELECT count(*) FROM t").await, "1");
    }
}

#[tokio::test]
async fn urls_and_parts_are_read() {
    let check = async |settings: &[(String, Setting)], expected: &str| {
        let secrets = |reference: &kinfold_base::SecretRef| match reference {
            kinfold_base::SecretRef::Env(name) | kinfold_base::SecretRef::File(name) => {
                Ok(kinfold_base::Secret::new(name.clone()))
            }
        };
        let got = match Config::read(&Settings::new(settings, &secrets), &Stores::default()) {
            Ok(config) => format!(
                "{:?} {:?} {:?}",
                config.connect.postgres.get_hosts(),
                config.connect.postgres.get_ssl_mode(),
                config.connect.verify
            ),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected);
    };
    check(&[], "the setting `host` is missing").await;
    check(&[text("host", "db.example.com"), text("user", "u")], r#"[Tcp("db.example.com")] Require Nothing"#).await;
    check(&[text("host", "localhost"), text("user", "u")], r#"[Tcp("localhost")] Prefer Nothing"#).await;
    check(&[text("host", "/run/postgresql"), text("user", "u")], r#"[Unix("/run/postgresql")] Prefer Nothing"#).await;
    check(
        &[secret("url", "postgres://u:p@db.example.com/d?sslmode=verify-full")],
        r#"[Tcp("db.example.com")] Require ChainAndName"#,
    )
    .await;
    check(
        &[secret("url", "postgres://u@a:1,b:2/d"), text("sslmode", "verify-ca")],
        r#"[Tcp("a"), Tcp("b")] Require Chain"#,
    )
    .await;
    check(&[secret("url", "mysql://u@a/d")], "the secret `url` is not a PostgreSQL URL").await;
    check(&[secret("url", "postgres://u@a/d"), text("host", "b")], "`url` and `host` are both set").await;
    check(
        &[text("url", "postgres://u@a/d")],
        "the setting `url` must be a reference to a secret, such as `{env: NAME}`",
    )
    .await;
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

/// Needs a server whose certificate is for `localhost` alone, and is signed by the authority in `KINFOLD_TEST_POSTGRES_CA`.
#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
async fn certificates_are_checked_as_asked() {
    let Some(db) = Database::new("tls").await else { return };
    let Ok(ca_file) = std::env::var("KINFOLD_TEST_POSTGRES_CA") else {
        eprintln!("NOT TESTED: postgres over TLS, because KINFOLD_TEST_POSTGRES_CA is not set");
        return;
    };
    db.run("CREATE TABLE t (id int PRIMARY KEY)").await;
    let check = async |host: &str, mode: &str, ca_file: Option<&str>, expected: &str| {
        let mut url = url::Url::parse(&db.url).unwrap();
        url.set_host(Some(host)).unwrap();
        let mut settings = vec![secret("url", url.as_str()), text("sslmode", mode), text("schema", &db.schema)];
        settings.extend(ca_file.map(|f| text("ca_file", f)));
        let connector = open("postgres", &settings, &Stores::default()).await.unwrap();
        let rows = rows(vec![("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
        let got =
            connector.prepare(&target("t", Upsert, &rows)).await.map_or_else(|e| e.to_string(), |()| "fine".to_owned());
        assert!(got.starts_with(expected), "{host} {mode}: {got}");
    };
    let ca = Some(ca_file.as_str());
    check("localhost", "verify-full", ca, "fine").await;
    check(
        "127.0.0.1",
        "verify-full",
        ca,
        "cannot connect to PostgreSQL: error performing TLS handshake: invalid peer certificate",
    )
    .await;
    check("127.0.0.1", "verify-ca", ca, "fine").await;
    check(
        "127.0.0.1",
        "verify-ca",
        None,
        "cannot connect to PostgreSQL: error performing TLS handshake: invalid peer certificate",
    )
    .await;
    check("127.0.0.1", "require", None, "fine").await;
    check("localhost", "disable", None, "fine").await;
    check("localhost", "verify-full", Some("/nonexistent"), "`ca_file` /nonexistent cannot be read").await;
}
