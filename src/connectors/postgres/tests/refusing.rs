//! What a table does not take, and what is said of it.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
    TimestampNanosecondArray,
};
use kinfold_base::SyncMode::{self, Insert, Update, Upsert};
use kinfold_sync::{Operation, Target};

use super::{Database, people, send};
use crate::testing::{batch, rows, target, words};

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
