//! Against the receiver in tests/servers/webhook.py, over real HTTP.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use kinfold_base::{Setting, SyncMode};
use kinfold_sync::{Operation, SharedConnector, SyncError, Target};
use serde_json::{Value, json};

use crate::testing::{
    Stores, batch, contract_contents, contract_target, number, open, rows, secret, target, text, words,
};

/// A running receiver; killed when dropped.
struct Receiver {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Receiver {
    fn start(arguments: &[&str]) -> Self {
        // Asked for when it runs: several checkouts may share what is built.
        let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
        let script = format!("{root}/../../tests/servers/webhook.py");
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new("python3")
            .args(["-B", &script, "--record"])
            .arg(folder.path().join("deliveries.ndjson"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("PORT ").expect("the receiver says its port").parse().unwrap();
        Self { process, port, _folder: folder }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    async fn open(&self, settings: &[(String, Setting)]) -> SharedConnector {
        let settings = [&[text("url", &self.url())], settings].concat();
        open("webhook", &settings, &Stores::default()).await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        reqwest::get(format!("http://127.0.0.1:{}{path}", self.port)).await.unwrap().json().await.unwrap()
    }

    async fn rules(&self, rules: Value) {
        let url = format!("http://127.0.0.1:{}/_rules", self.port);
        reqwest::Client::new().post(url).json(&rules).send().await.unwrap().error_for_status().unwrap();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn people() -> RecordBatch {
    rows(vec![
        ("email", Arc::new(StringArray::from(vec!["ada@example.com", "bob@example.com"]))),
        ("name", Arc::new(StringArray::from(vec![Some("Ada"), None]))),
        ("ltv", Arc::new(Decimal128Array::from(vec![12_050, 0]).with_precision_and_scale(10, 2).unwrap())),
    ])
}

fn to(mode: SyncMode) -> Target {
    target("contacts", mode, &people())
}

#[tokio::test]
async fn rows_arrive_as_they_are() {
    let receiver = Receiver::start(&["--results", "none", "--token", "s3cret"]);
    let connector = receiver.open(&[secret("token", "s3cret")]).await;
    let target = to(SyncMode::Mirror);
    connector.prepare(&target).await.unwrap();
    assert_eq!(words(connector.send(&target, &batch(Operation::Upsert, &people())).await), "ok, ok");
    let ada = json!({"email": "ada@example.com", "name": "Ada", "ltv": "120.50"});
    let bob = json!({"email": "bob@example.com", "name": null, "ltv": "0.00"});
    assert_eq!(receiver.get("/_state").await, json!({"contacts": [ada, bob]}));

    let first = people().slice(0, 1);
    assert_eq!(words(connector.send(&target, &batch(Operation::Delete, &first)).await), "ok");
    assert_eq!(receiver.get("/_state").await, json!({"contacts": [bob]}));
    let deliveries = receiver.get("/_deliveries").await;
    assert_eq!(deliveries[0]["idempotency_key"], "key-Upsert");
    assert_eq!(deliveries[1]["rows"], json!([{"email": "ada@example.com"}]));

    let refused = receiver.open(&[secret("token", "wrong")]).await;
    let answer = words(refused.send(&target, &batch(Operation::Upsert, &people())).await);
    assert_eq!(answer, format!("stop: {} refuses the credential: HTTP 401: wrong credential", receiver.url()));
}

#[tokio::test]
async fn nulls_are_left_out_when_skipped_and_sent_when_cleared() {
    let receiver = Receiver::start(&["--results", "none"]);
    let connector = receiver.open(&[text("method", "PUT"), text("decimals", "number")]).await;
    let target = Target { skip_nulls: true, ..to(SyncMode::Upsert) };
    let second = people().slice(1, 1);
    assert_eq!(words(connector.send(&target, &batch(Operation::Upsert, &second)).await), "ok");
    assert_eq!(receiver.get("/_deliveries").await[0]["rows"], json!([{"email": "bob@example.com", "ltv": 0.00}]));
    let key_only = {
        let mut columns = second.columns().to_vec();
        for column in &mut columns[1..] {
            *column = arrow::array::new_null_array(column.data_type(), 1);
        }
        RecordBatch::try_new(second.schema(), columns).unwrap()
    };
    assert_eq!(words(connector.send(&target, &batch(Operation::Clear, &key_only)).await), "ok");
    assert_eq!(
        receiver.get("/_state").await,
        json!({"contacts": [{"email": "bob@example.com", "name": null, "ltv": null}]})
    );
}

#[tokio::test]
async fn results_are_matched_to_rows() {
    for matching in ["position", "key"] {
        let receiver = Receiver::start(&["--results", matching]);
        let connector = receiver.open(&[text("results", matching)]).await;
        let target = to(SyncMode::Upsert);
        let send = async || words(connector.send(&target, &batch(Operation::Upsert, &people())).await);
        receiver.rules(json!([{"refuse": {"email": ["bob@example.com"]}, "error": "no Bob@Example.com here"}])).await;
        assert_eq!(send().await, "ok, rejected: no … here");
        receiver.rules(json!([{"refuse": {"name": ["Ada"]}, "refuse_status": "retry", "error": "busy"}])).await;
        assert_eq!(send().await, "retry: busy, ok");
        receiver.rules(json!([{"omit_results": 1}])).await;
        let missing = match matching {
            // Nobody knows whose result it is.
            "position" => ["unknown: the answer has 1 results for 2 rows"; 2].join(", "),
            _ => "ok, unknown: the answer has no result with this row's key".to_owned(),
        };
        assert_eq!(send().await, missing);
        receiver.rules(json!([{"raw": "thanks"}])).await;
        let unknown = "unknown: the answer is not JSON, and results were promised";
        assert_eq!(send().await, format!("{unknown}, {unknown}"));
        receiver.rules(json!([{"raw": "{}"}])).await;
        let unknown = "unknown: the answer has no list of results at `results`";
        assert_eq!(send().await, format!("{unknown}, {unknown}"));
    }
}

#[tokio::test]
async fn refusals_are_classified() {
    let receiver = Receiver::start(&["--results", "none"]);
    let connector = receiver.open(&[number("timeout_secs", 1)]).await;
    let target = to(SyncMode::Upsert);
    let send = async |operation, rows: RecordBatch| words(connector.send(&target, &batch(operation, &rows)).await);
    receiver.rules(json!([{"times": 1, "status": 429, "headers": {"Retry-After": "7"}}])).await;
    assert_eq!(send(Operation::Upsert, people()).await, "retry 7: HTTP 429: a rule says so");
    assert_eq!(send(Operation::Upsert, people()).await, "ok, ok");
    receiver.rules(json!([{"status": 422, "body": {"message": "ada@example.com is not welcome"}}])).await;
    assert_eq!(send(Operation::Upsert, people()).await, "bisect: HTTP 422: … is not welcome");
    assert_eq!(send(Operation::Upsert, people().slice(0, 1)).await, "rejected: HTTP 422: … is not welcome");
    receiver.rules(json!([{"status": 302, "headers": {"Location": "http://example.com/"}}])).await;
    assert!(
        send(Operation::Upsert, people()).await.starts_with(&format!("stop: {} redirects elsewhere", receiver.url()))
    );
    receiver.rules(json!([{"path": "/hook", "status": 308, "headers": {"Location": "/other"}}])).await;
    assert_eq!(send(Operation::Upsert, people()).await, "ok, ok");

    // Nobody knows what came of these.
    for (rule, why) in [
        (json!([{"drop": "after"}]), "the connection broke before an answer came"),
        (json!([{"drop": "before"}]), "the connection broke before an answer came"),
        (json!([{"delay_secs": 1.5}]), "no answer came in time"),
        (json!([{"status": 504, "apply": true}]), "HTTP 504: a rule says so"),
    ] {
        receiver.rules(rule).await;
        assert_eq!(send(Operation::Upsert, people()).await, format!("in doubt: {why}"));
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_tried_again() {
    let settings = [text("url", "http://127.0.0.1:1/hook")];
    let connector = open("webhook", &settings, &Stores::default()).await.unwrap();
    let answer = words(connector.send(&to(SyncMode::Upsert), &batch(Operation::Insert, &people())).await);
    assert!(answer.starts_with("retry: http://127.0.0.1:1/hook cannot be reached: "), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_cut() {
    let settings = [text("url", "https://127.0.0.1:1/"), number("max_bytes", 100)];
    let connector = open("webhook", &settings, &Stores::default()).await.unwrap();
    let send =
        async |rows: RecordBatch| words(connector.send(&to(SyncMode::Upsert), &batch(Operation::Upsert, &rows)).await);
    assert_eq!(send(people()).await, "bisect: the body would have more than 100 bytes");
    assert_eq!(send(people().slice(0, 1)).await, "rejected: the body would have more than 100 bytes");
}

#[tokio::test]
async fn wrong_settings_are_told() {
    async fn prepare(settings: &[(String, Setting)]) -> Result<(), SyncError> {
        let target = target("con tacts", SyncMode::Upsert, &rows(vec![("id", Arc::new(Int64Array::from(vec![1])))]));
        open("webhook", settings, &Stores::default()).await?.prepare(&target).await
    }
    let check = async |settings: &[(String, Setting)], expected: &str| {
        let got = prepare(settings).await.map_or_else(|e| e.to_string(), |()| "fine".to_owned());
        assert_eq!(got, expected);
    };
    check(&[], "the setting `url` is missing").await;
    check(&[text("url", "https://example.com/{object}")], "fine").await;
    check(&[text("url", "http://localhost:1/")], "fine").await;
    check(&[text("url", "http://example.com/")], "`url` would send rows without TLS").await;
    check(&[text("url", "http://example.com/"), crate::testing::flag("allow_http", true)], "fine").await;
    check(&[text("url", "ftp://example.com/")], "`url` is not an HTTP URL").await;
    check(&[text("url", "https://me:pw@example.com/")], "`url` holds a user or a password").await;
    check(
        &[text("url", "https://e.com/"), text("url_secret", "x")],
        "the setting `url_secret` must be a reference to a secret, such as `{env: NAME}`",
    )
    .await;
    check(
        &[secret("url_secret", "https://e.com/t0ken"), text("method", "GET")],
        "the setting `method` must be one of POST, PUT, PATCH",
    )
    .await;
    check(
        &[secret("url_secret", "https://e.com/t0ken"), secret("token", "a"), text("user", "b")],
        "`token` and `user` are both set",
    )
    .await;
    let host = Setting::Map(vec![text("Host", "x")]);
    check(&[text("url", "https://e.com/"), ("headers".to_owned(), host)], "the header `Host` cannot be set").await;
    check(
        &[text("url", "https://e.com/"), number("timeout_secs", 0)],
        "the setting `timeout_secs` must be a whole number from 1 to 3600",
    )
    .await;
}

#[tokio::test]
async fn keys_are_matched_however_they_are_spelled() {
    let keys =
        |number: ArrayRef| rows(vec![("id", number), ("name", Arc::new(StringArray::from(vec!["a", "b", "c"])))]);
    let floats = keys(Arc::new(Float64Array::from(vec![1.0, 2.5, -0.0])));
    let money = Decimal128Array::from(vec![12_050, 100, 0]).with_precision_and_scale(10, 2).unwrap();
    for (rows, decimals) in
        [(floats, "text"), (keys(Arc::new(money.clone())), "number"), (keys(Arc::new(money)), "text")]
    {
        let receiver = Receiver::start(&["--results", "key"]);
        let connector = receiver.open(&[text("results", "key"), text("decimals", decimals)]).await;
        let target = target("things", SyncMode::Upsert, &rows);
        assert_eq!(words(connector.send(&target, &batch(Operation::Upsert, &rows)).await), "ok, ok, ok", "{decimals}");
        let respelled: Vec<Value> = receiver.get("/_state").await["things"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                // As JavaScript writes numbers.
                let id = row["id"].as_f64().filter(|id| id.fract() == 0.0);
                let id = id.map_or(row["id"].clone(), |id| json!(format!("{id:.0}").parse::<i64>().unwrap_or(0)));
                json!({"status": "ok", "key": {"id": id}})
            })
            .collect();
        let raw = json!({ "results": respelled }).to_string();
        receiver.rules(json!([{"raw": raw}])).await;
        assert_eq!(words(connector.send(&target, &batch(Operation::Upsert, &rows)).await), "ok, ok, ok", "{decimals}");
    }
}

#[tokio::test]
async fn nulls_of_every_layout_are_skipped() {
    let receiver = Receiver::start(&["--results", "none"]);
    let connector = receiver.open(&[]).await;
    let values: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let dictionary = arrow::array::DictionaryArray::new(arrow::array::Int32Array::from(vec![1]), values);
    let row = rows(vec![
        ("id", Arc::new(Int64Array::from(vec![1]))),
        ("never", Arc::new(arrow::array::NullArray::new(1))),
        ("word", Arc::new(dictionary)),
    ]);
    let target = Target { skip_nulls: true, ..target("things", SyncMode::Upsert, &row) };
    assert_eq!(words(connector.send(&target, &batch(Operation::Upsert, &row)).await), "ok");
    assert_eq!(receiver.get("/_deliveries").await[0]["rows"], json!([{"id": 1}]));
}

#[tokio::test]
async fn a_place_tells_where_rows_go_and_no_secret() {
    let place = async |setting: (String, Setting)| {
        open("webhook", &[setting], &Stores::default()).await.unwrap().place(&to(SyncMode::Upsert))
    };
    let url = async |url: &str| place(text("url", url)).await;
    assert_eq!(url("https://example.com:8443/in/{object}").await, "contacts at https://example.com:8443/in/contacts");
    let query = url("https://example.com/in?key=t0ken").await;
    assert!(query.starts_with("contacts at https://example.com/in?… (") && !query.contains("t0ken"), "{query}");
    assert_ne!(query, url("https://example.com/in?key=other").await);
    let hidden = place(secret("url_secret", "https://example.com/t0ken")).await;
    assert!(hidden.starts_with("contacts at https://example.com/… (") && !hidden.contains("t0ken"), "{hidden}");
    assert_ne!(hidden, place(secret("url_secret", "https://example.com/other")).await);
}

#[tokio::test]
async fn results_by_key_need_a_key() {
    let settings = [text("url", "https://example.com/"), text("results", "key")];
    let connector = open("webhook", &settings, &Stores::default()).await.unwrap();
    let keyless = Target { key_columns: 0, ..to(SyncMode::Insert) };
    let error = connector.prepare(&keyless).await.unwrap_err();
    assert_eq!(error.to_string(), "`results: key` needs a key, and the sync `test` has none");
    connector.prepare(&to(SyncMode::Insert)).await.unwrap();
}

struct Contract {
    receiver: Receiver,
    connector: SharedConnector,
}

#[async_trait::async_trait]
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
        let state = self.receiver.get("/_state").await;
        contract_contents(state["people"].as_array().into_iter().flatten())
    }
}

#[tokio::test]
async fn the_contract_is_kept() {
    let receiver = Receiver::start(&["--results", "key"]);
    let connector = receiver.open(&[text("results", "key")]).await;
    kinfold_sync::contract::check(&Contract { receiver, connector }).await.unwrap();
}
