use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{BooleanArray, Date32Array, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use futures::{StreamExt as _, stream};
use kinfold_base::Setting;
use kinfold_base::SyncMode::{self, Insert, Mirror, Update, Upsert};
use kinfold_sync::{Operation, SyncError};
use object_store::ObjectStoreExt as _;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::testing::{Stores, batch, contract_contents, contract_target, flag, open, rows, target, text, words};

fn people() -> RecordBatch {
    rows(vec![
        ("email", Arc::new(StringArray::from(vec!["ada@example.com", "\"bob\"\n@x,y", "c"]))),
        ("name", Arc::new(StringArray::from(vec![Some("Ada"), None, Some("")]))),
        (
            "ltv",
            Arc::new(
                Decimal128Array::from(vec![Some(12_050), Some(-1), None]).with_precision_and_scale(38, 2).unwrap(),
            ),
        ),
        ("vip", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("born", Arc::new(Date32Array::from(vec![Some(-1), Some(20_778), None]))),
        ("seen", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_500_000), None, None]).with_timezone("UTC"))),
    ])
}

const CSV: &str = "email,name,ltv,vip,born,seen\n\
    ada@example.com,Ada,120.50,true,1969-12-31,1970-01-01T00:00:01.5Z\n\
    \"\"\"bob\"\"\n@x,y\",,-0.01,false,2026-11-21,\n\
    c,\"\",,,,\n";

/// Replaces `object` under a fresh folder with two batches of people.
async fn replace(folder: &Path, settings: &[(String, Setting)], object: &str) -> Result<u64, SyncError> {
    let stores = Stores { folder: folder.to_owned(), ..Stores::default() };
    let connector = open("file", settings, &stores).await?;
    let target = target(object, SyncMode::Mirror, &people());
    connector.prepare(&target).await?;
    let halves = [Ok(people().slice(0, 1)), Ok(people().slice(1, 2))];
    connector.replace(&target, stream::iter(halves).boxed()).await
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn csv_is_quoted_and_keeps_null_from_empty() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(replace(folder.path(), &[], "out/{date}/people.csv").await.unwrap(), 3);
    let day = folder.path().join("out/2026-11-21");
    assert_eq!(fs::read_to_string(day.join("people.csv")).unwrap(), CSV);
    assert_eq!(names(&day), ["people.csv"]);
    let style = [text("delimiter", ";"), flag("header", false), text("format", "csv")];
    replace(folder.path(), &style, "plain").await.unwrap();
    let plain = fs::read_to_string(folder.path().join("plain")).unwrap();
    assert_eq!(plain.lines().next(), Some("ada@example.com;Ada;120.50;true;1969-12-31;1970-01-01T00:00:01.5Z"));
}

#[tokio::test]
async fn files_are_compressed_as_their_names_say() {
    let folder = tempfile::tempdir().unwrap();
    replace(folder.path(), &[], "people.csv.gz").await.unwrap();
    replace(folder.path(), &[], "people.csv.zst").await.unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(folder.path().join("people.csv.gz")).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, CSV);
    let unpacked = zstd::stream::decode_all(fs::File::open(folder.path().join("people.csv.zst")).unwrap()).unwrap();
    assert_eq!(String::from_utf8(unpacked).unwrap(), CSV);
}

#[tokio::test]
async fn ndjson_has_exact_numbers() {
    let folder = tempfile::tempdir().unwrap();
    replace(folder.path(), &[], "people.jsonl").await.unwrap();
    let text = fs::read_to_string(folder.path().join("people.jsonl")).unwrap();
    let expected = [
        r#"{"email":"ada@example.com","name":"Ada","ltv":120.50,"vip":true,"born":"1969-12-31","seen":"1970-01-01T00:00:01.5Z"}"#,
        r#"{"email":"\"bob\"\n@x,y","name":null,"ltv":-0.01,"vip":false,"born":"2026-11-21","seen":null}"#,
        r#"{"email":"c","name":"","ltv":null,"vip":null,"born":null,"seen":null}"#,
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn parquet_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for compression in ["none", "snappy", "zstd"] {
        replace(folder.path(), &[text("compression", compression)], "people.parquet").await.unwrap();
        let file = fs::File::open(folder.path().join("people.parquet")).unwrap();
        let read: Result<Vec<RecordBatch>, _> =
            ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().collect();
        let read = arrow::compute::concat_batches(&people().schema(), &read.unwrap()).unwrap();
        assert_eq!(read, people());
    }
}

#[tokio::test]
async fn a_failure_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    replace(folder.path(), &[], "people.csv").await.unwrap();
    let stores = Stores { folder: folder.path().to_owned(), ..Stores::default() };
    let connector = open("file", &[], &stores).await.unwrap();
    let target = target("people.csv", SyncMode::Mirror, &people());
    // What a killed writer left is cleared away by the next.
    fs::write(folder.path().join(".old.people.csv.kinfold-tmp"), "half").unwrap();
    fs::write(folder.path().join(".old.more.people.csv.kinfold-tmp"), "of another file").unwrap();
    let broken = [Ok(people()), Err(SyncError::outside("the source broke"))];
    let error = connector.replace(&target, stream::iter(broken).boxed()).await.unwrap_err();
    assert_eq!(error.to_string(), "the source broke");
    assert_eq!(fs::read_to_string(folder.path().join("people.csv")).unwrap(), CSV);
    assert_eq!(names(folder.path()), [".old.more.people.csv.kinfold-tmp", "people.csv"]);
}

#[tokio::test]
async fn changes_are_appended_under_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores { folder: folder.path().to_owned(), ..Stores::default() };
    let connector = open("file", &[text("write", "append")], &stores).await.unwrap();
    assert!(!connector.limits().whole);
    let target = target("log/people.csv", SyncMode::Upsert, &people());
    connector.prepare(&target).await.unwrap();
    let first = people().slice(0, 1);
    for _ in 0..2 {
        assert_eq!(words(connector.send(&target, &batch(Operation::Upsert, &first)).await), "ok");
    }
    assert_eq!(words(connector.send(&target, &batch(Operation::Delete, &first)).await), "ok");
    assert_eq!(names(&folder.path().join("log")), ["people-key-Delete.csv", "people-key-Upsert.csv"]);
    let text = fs::read_to_string(folder.path().join("log/people-key-Upsert.csv")).unwrap();
    assert_eq!(text.lines().next(), Some("_operation,email,name,ltv,vip,born,seen"));
    assert!(text.lines().nth(1).unwrap().starts_with("upsert,ada@example.com,Ada,"));
}

#[tokio::test]
async fn objects_are_put_whole() {
    let stores = Stores::default();
    let connector = open("file", &[text("location", "s3://bucket/exports/")], &stores).await.unwrap();
    let target = target("{sync}/people.csv", SyncMode::Mirror, &people());
    // Enough for an upload in several parts.
    let long = "x".repeat(9000);
    let wide = rows(vec![("email", Arc::new(StringArray::from(vec![long.as_str(); 1000])))]);
    let target = kinfold_sync::Target { schema: wide.schema(), ..target };
    connector.prepare(&target).await.unwrap();
    let two = [Ok(wide.clone()), Ok(wide)];
    assert_eq!(connector.replace(&target, stream::iter(two).boxed()).await.unwrap(), 2000);
    let path = object_store::path::Path::from("exports/test/people.csv");
    let bytes = stores.store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes.len(), "email\n".len() + 2000 * 9001);
    let broken = [Ok(people()), Err(SyncError::outside("the source broke"))];
    connector.replace(&target, stream::iter(broken).boxed()).await.unwrap_err();
    assert_eq!(stores.store.head(&path).await.unwrap().size, bytes.len() as u64);
}

#[tokio::test]
async fn wrong_settings_are_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let check = async |settings: &[(String, Setting)], object: &str, mode: SyncMode, expected: &str| {
        let stores = Stores { folder: folder.path().to_owned(), ..Stores::default() };
        let prepare = async || open("file", settings, &stores).await?.prepare(&target(object, mode, &people())).await;
        let got = prepare().await.map_or_else(|e| e.to_string(), |()| "fine".to_owned());
        assert!(got.starts_with(expected), "{got}");
    };
    check(&[], "a.csv", Upsert, "fine").await;
    check(&[], "a.csv", Update, "a file cannot be told to update rows").await;
    check(&[], "a.csv", Insert, "`mode: insert` adds rows").await;
    check(&[text("write", "append")], "a.csv", Insert, "fine").await;
    check(&[], "a-{dat}.csv", Mirror, "`object: a-{dat}.csv` holds the unknown placeholder `{dat}`").await;
    check(&[], "a-{date.csv", Mirror, "`object: a-{date.csv` opens a brace").await;
    check(&[], "{batch}.csv", Mirror, "`{batch}` only stands in the names of appended files").await;
    check(&[], "../a.csv", Mirror, "`object: ../a.csv` holds an empty part, `.` or `..`").await;
    check(&[], "s3://b/a.csv", Mirror, "`object: s3://b/a.csv` must be a path below").await;
    check(&[], "a/", Mirror, "`object: a/` names no file").await;
    check(&[], "a.parquet.gz", Mirror, "Parquet files are not written with gzip").await;
    check(&[text("compression", "snappy")], "a.csv", Mirror, "`compression: snappy` is for Parquet").await;
    check(&[text("delimiter", "ab")], "a.csv", Mirror, "`delimiter` must be one ASCII character").await;
    check(&[text("format", "xml")], "a.csv", Mirror, "the setting `format` must be one of csv, ndjson, parquet").await;
    let shown = folder.path().join("file");
    check(&[], "file/a.csv", Mirror, &format!("cannot make the folder {}", shown.display())).await;
}

#[tokio::test]
async fn a_full_disk_is_told() {
    // The kernel's own full disk.
    if !Path::new("/dev/full").exists() {
        return;
    }
    let mut sink = super::sink::Sink::Local {
        file: tokio::fs::OpenOptions::new().write(true).open("/dev/full").await.unwrap(),
        temporary: super::sink::Temporary::default(),
        path: "/data/people.csv".into(),
    };
    let written = async {
        sink.write(bytes::Bytes::from(vec![0; 1 << 20])).await?;
        sink.write(bytes::Bytes::from(vec![0; 1 << 20])).await
    };
    let error = written.await.unwrap_err();
    assert_eq!(error.to_string(), "cannot write /data/people.csv: no space is left there");
}

#[tokio::test]
async fn a_place_is_the_location_and_the_object() {
    let place = async |location: Option<&str>| {
        let settings: Vec<_> = location.map(|location| text("location", location)).into_iter().collect();
        let connector = open("file", &settings, &Stores::default()).await.unwrap();
        connector.place(&target("{date}/a.csv", Mirror, &people()))
    };
    assert_eq!(place(None).await, "{date}/a.csv");
    for location in ["out", "out/", "./out", "file://out"] {
        assert_eq!(place(Some(location)).await, "out/{date}/a.csv");
    }
    assert_eq!(place(Some("/")).await, "/{date}/a.csv");
    assert_eq!(place(Some("s3://bucket/out")).await, "s3://bucket/out/{date}/a.csv");
}

#[test]
fn targets_name_appended_files() {
    let check = |object: &str, expected: &str| {
        let name = super::place::Name {
            object,
            run_id: "20261121T220000Z-1f2e3d4c",
            sync: "s",
            batch: Some("b/1"),
            extension: "csv.gz".to_owned(),
        };
        assert_eq!(name.fill().unwrap(), expected);
    };
    check("people.csv.gz", "people-b_1.csv.gz");
    check("people/", "people/b_1.csv.gz");
    check("people", "people-b_1.csv.gz");
    check("d={date}/{run_id}-{batch}.txt", "d=2026-11-21/20261121T220000Z-1f2e3d4c-b_1.txt");
}

struct Contract {
    folder: tempfile::TempDir,
    connector: kinfold_sync::SharedConnector,
}

#[async_trait::async_trait]
impl kinfold_sync::contract::Harness for Contract {
    fn connector(&self) -> kinfold_sync::SharedConnector {
        self.connector.clone()
    }

    fn target(&self) -> kinfold_sync::Target {
        contract_target("people.ndjson", Mirror)
    }

    fn operations(&self) -> Vec<Operation> {
        vec![]
    }

    async fn contents(&self) -> kinfold_sync::contract::Contents {
        let text = fs::read_to_string(self.folder.path().join("people.ndjson")).unwrap_or_default();
        let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        contract_contents(&rows)
    }
}

#[tokio::test]
async fn the_contract_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores { folder: folder.path().to_owned(), ..Stores::default() };
    let connector = open("file", &[], &stores).await.unwrap();
    kinfold_sync::contract::check(&Contract { folder, connector }).await.unwrap();
}
