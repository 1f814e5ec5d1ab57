//! Webhooks, end to end: credentials, retries under one idempotency key, and answers that speak of single rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::harness::{AS_OF, Project, Request, Webhook};

fn project(webhook: &Webhook, settings: &str) -> Project {
    let project = Project::of(&[
        ("kinfold.yml", "version: 1\nname: hook\nwarehouse: {lake: {location: ./lake}}\n"),
        ("data/contacts.csv", "contact_id,name\nc-1,Ada\nc-2,Grace\nc-3,Linus\nc-4,\nc-5,Vera\n"),
        ("models/people.yml", PEOPLE),
        ("syncs/hook.yml", &SYNC.replace("SETTINGS", settings)),
    ]);
    project.with("HOOK_URL", &webhook.url).with("HOOK_TOKEN", "secret-token")
}

#[test]
fn a_busy_receiver_is_asked_again_under_the_same_idempotency_key() {
    let webhook = Webhook::start();
    let refusals = AtomicU32::new(2);
    webhook.answer(move |_| match refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
        Ok(_) => (429, vec![("retry-after", "1".into())], "{}".into()),
        Err(_) => (200, vec![], "{}".into()),
    });
    let ran = project(&webhook, "batch_size: 100").kinfold(&["run", "--as-of", AS_OF]).expect(0);
    assert_eq!((ran.changes("people"), &ran.sync("people")["acknowledged"]), ([5, 0, 0], &json!(5)));
    assert!(ran.json["seconds"].as_f64().unwrap() >= 2.0, "Retry-After was not obeyed");
    let requests = webhook.take();
    assert_eq!(requests.len(), 3);
    let keys: BTreeSet<_> = requests.iter().map(|r| r.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(requests.iter().all(|r| r.headers["authorization"] == "Bearer secret-token" && r.method == "POST"));
    assert!(!ran.told().contains("secret-token"));
}

/// Of five rows one is refused, one is to come again, and of one nothing is said.
#[test]
fn answers_are_matched_to_rows_by_key() {
    let webhook = Webhook::start();
    webhook.answer(|request| {
        let results: Vec<Value> = ids(request)
            .filter(|id| id != "c-3")
            .map(|id| match id.as_str() {
                "c-1" => json!({"key": {"contact_id": id}, "status": "no", "error": "not wanted here"}),
                "c-2" => json!({"key": {"contact_id": id}, "status": "retry"}),
                _ => json!({"key": {"contact_id": id}, "status": "ok"}),
            })
            .rev()
            .collect();
        (200, vec![], json!({"results": results}).to_string())
    });
    let project = project(&webhook, "results: key");
    let ran = project.kinfold(&["run", "--as-of", AS_OF]).expect(3);
    let counts = |ran: &crate::harness::Ran| {
        ["acknowledged", "rejected", "retry", "unknown"].map(|n| ran.sync("people")[n].clone())
    };
    assert_eq!(counts(&ran), [json!(2), json!(1), json!(1), json!(1)], "{:#}", ran.json);
    assert!(ran.sync("people")["reasons"].to_string().contains("not wanted here"));

    // What failed comes again, with its newest values; what was refused for what it is comes once that has changed.
    webhook.take();
    webhook.answer(|request| {
        let results: Vec<Value> = ids(request).map(|id| json!({"key": {"contact_id": id}, "status": "ok"})).collect();
        (200, vec![], json!({"results": results}).to_string())
    });
    project.edit("data/contacts.csv", "c-2,Grace", "c-2,Amazing Grace");
    project.kinfold(&["run", "--as-of", AS_OF]).expect(0);
    assert_eq!(
        sent(&webhook),
        BTreeMap::from([("c-2".into(), json!("Amazing Grace")), ("c-3".into(), json!("Linus"))])
    );
    project.edit("data/contacts.csv", "c-1,Ada", "c-1,Countess");
    project.kinfold(&["run", "--as-of", AS_OF]).expect(0);
    assert_eq!(sent(&webhook), BTreeMap::from([("c-1".into(), json!("Countess"))]));
    project.kinfold(&["run", "--as-of", AS_OF]).expect(0);
    assert!(webhook.take().is_empty());
}

#[test]
fn rows_that_leave_are_deleted_cleared_or_left_alone() {
    for (on_leave, expected) in [("nothing", None), ("clear", Some("clear")), ("delete", Some("delete"))] {
        let webhook = Webhook::start();
        let project = project(&webhook, "batch_size: 100");
        project.edit("syncs/hook.yml", "mode: mirror", &format!("mode: upsert\n    on_leave: {on_leave}"));
        project.run();
        webhook.take();
        project.edit("data/contacts.csv", "c-2,Grace\n", "");
        let removed = u64::from(expected.is_some());
        assert_eq!(project.run().changes("people"), [0, 0, removed], "{on_leave}");
        let requests = webhook.take();
        let operations: Vec<_> = requests.iter().map(|r| r.body["operation"].as_str().unwrap()).collect();
        assert_eq!(operations, Vec::from_iter(expected));
        assert!(requests.iter().flat_map(ids).all(|id| id == "c-2"));
    }
}

fn ids(request: &Request) -> impl DoubleEndedIterator<Item = String> {
    request.body["rows"].as_array().unwrap().iter().map(|row| row["contact_id"].as_str().unwrap().to_owned())
}

/// Key to name, of all that came.
fn sent(webhook: &Webhook) -> BTreeMap<String, Value> {
    let requests = webhook.take();
    let rows = requests.iter().flat_map(|request| request.body["rows"].as_array().unwrap());
    rows.map(|row| (row["contact_id"].as_str().unwrap().to_owned(), row["name"].clone())).collect()
}

const PEOPLE: &str = "
sources:
  - name: crm
    location: ./data
    tables: [{name: contacts, path: contacts.csv, format: csv, unique_key: contact_id}]
models:
  - name: people
    unique_key: contact_id
    sql: select contact_id, name from crm.contacts
";

const SYNC: &str = "
destinations:
  - name: hook
    connector: webhook
    settings: {url_secret: {env: HOOK_URL}, token: {env: HOOK_TOKEN}, SETTINGS}
syncs:
  - name: people
    destination: hook
    object: people
    model: people
    mode: mirror
    key: {contact_id: contact_id}
    fields: {name: name}
";
